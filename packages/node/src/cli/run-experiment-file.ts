/** The experiment file of a run: run only where it is the file that the run began with, or the user names it. */
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import type { Experiment } from "../presets/experiment.js";
import { loadCodeExperiment } from "../presets/experiment-file.js";
import { RunError } from "../runs/run-error.js";
import { inCommand, type RunConfig, type RunFolder, shown } from "../runs/run-folder.js";
import type { Output } from "./output.js";

export interface RunExperiment {
  readonly experiment: Experiment;
  /** The file that was run. */
  readonly file: NonNullable<RunConfig["file"]>;
}

/**
 * Runs the file that a run's configuration names. A run folder may come from anyone: its hash is compared before
 * anything is run, and a file inside the folder is never run.
 *
 * @param named the file that the user gives for it, whatever its content
 * @throws RunError ILN07
 */
export async function loadRunExperiment(run: RunFolder, output: Output, named?: string): Promise<RunExperiment> {
  const recorded = run.config.file!;
  const path = named === undefined ? recorded.path : resolve(named);
  const remedy = `Restore it (sha256 ${recorded.sha256.slice(0, 16)}...), or go on with the file as it is now with \`innerloop train FILE --resume ${inCommand(run.path)}\``;
  const refuse = (problem: string, remedyText: string): RunError =>
    new RunError("ILN07", shown(run.path), problem, remedyText);
  const real = await realpath(path).catch(() => {
    throw refuse(`there is no experiment file ${shown(path)}`, remedy);
  });
  const within = relative(await realpath(run.path), real);
  if (!isAbsolute(within) && within.split(/[\\/]/)[0] !== "..") {
    throw refuse(
      `the experiment file ${shown(path)} lies inside the run folder, which holds results and no programs`,
      `Read it, move it elsewhere, and name it with \`innerloop train FILE --resume ${inCommand(run.path)}\``,
    );
  }
  const { experiment, sha256 } = await loadCodeExperiment(path, (found) => {
    if (named === undefined && found !== recorded.sha256)
      throw refuse(`the experiment file ${shown(path)} has changed since the run began, and was not run`, remedy);
    output.say(output.paint("dim", `  Running the experiment file ${shown(path)}`));
  });
  if (sha256 !== recorded.sha256)
    output.warn(`${shown(path)} is not the file that the run began with: results are not those of one experiment.`);
  return { experiment, file: { path, sha256 } };
}
