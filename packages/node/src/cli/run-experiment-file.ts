/** The experiment file of a run: run only where this user has named it, now or before, as it is. */
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import { type RunConfig, RunError, type RunExperiment, UsageError } from "@innerloop/experiments";
import { type LoadedFile, loadCodeExperiment } from "../runs/experiment-file.js";
import { keepsWithin, rememberNamed, wasNamed } from "../runs/named-files.js";
import { inCommand, openRun, type RunFolder, shown } from "../runs/run-folder.js";
import { commandText } from "./command-name.js";
import type { Output } from "./output.js";

/** Keeps that the user has named a file; says so where that cannot be kept. */
export async function keepNamed(file: NonNullable<RunConfig["file"]>, output: Output): Promise<void> {
  if (await rememberNamed(file)) return;
  output.warn(
    `It cannot be kept that you named ${shown(file.path)} (INNERLOOP_CONFIG sets a folder for that, by its whole path): other commands will ask for it by name.`,
  );
}

/**
 * Runs the file that a run's configuration names. A run folder may come from anyone, and its record of a file with it:
 * that file is run where this user has named it before, under its real path and with the same content. A file inside the
 * folder is never run.
 *
 * @param named the file that the user gives for it, whatever its content
 * @throws RunError ILN07
 */
export async function loadRunExperiment(run: RunFolder, output: Output, named?: string): Promise<RunExperiment> {
  const { file, loaded } = await runFileOf(run.path, run.config.file!, output, named);
  if (loaded.kind === "learner") return { experiment: loaded.experiment, file };
  throw new UsageError(`${shown(file.path)} exports a domain, and the run began with a learner`, "Restore the file");
}

/**
 * The run in a folder, whose experiment file is run where it makes the kind of its tasks known.
 *
 * @throws UsageError for a run that a program has saved: no file says what its learner and tasks are
 */
export async function openRunFor(path: string, output: Output, named?: string): Promise<RunFolder> {
  const run = await openRun(path, (file) => runFileOf(path, file, output, named));
  if (run.config.config || run.config.file) return run;
  const folder = JSON.stringify(shown(path));
  throw new UsageError(
    `${shown(path)} was saved by a program`,
    `Load it there with loadRun(${folder}, { learner, tasks, optimizer }) or load(${folder}, { experiment })`,
  );
}

/** The same for what the file comes to. */
export async function runFileOf(
  runPath: string,
  recorded: NonNullable<RunConfig["file"]>,
  output: Output,
  named?: string,
): Promise<{ readonly file: NonNullable<RunConfig["file"]>; readonly loaded: LoadedFile }> {
  const path = named === undefined ? recorded.path : resolve(named);
  const goOn = `\`innerloop train FILE --resume ${inCommand(runPath)}\``;
  const remedy = `Restore it (sha256 ${recorded.sha256.slice(0, 16)}...), or go on with the file as it is now with ${goOn}`;
  const refuse = (problem: string, remedyText: string): RunError =>
    new RunError("ILN07", shown(runPath), problem, remedyText);
  const real = await realpath(path).catch(() => {
    throw refuse(`there is no experiment file ${shown(path)}`, remedy);
  });
  const within = relative(await realpath(runPath), real);
  if (!isAbsolute(within) && within.split(/[\\/]/)[0] !== "..") {
    throw refuse(
      `the experiment file ${shown(path)} lies inside the run folder, which holds results and no programs`,
      `Read it, move it elsewhere, and name it with ${goOn}`,
    );
  }
  const loaded = await loadCodeExperiment(real, async (found) => {
    if (named === undefined) {
      if (found !== recorded.sha256)
        throw refuse(`the experiment file ${shown(path)} has changed since the run began, and was not run`, remedy);
      if ((await keepsWithin(runPath)) || !(await wasNamed({ path: real, sha256: found }))) {
        throw refuse(
          `its experiment file ${shown(real)} is a program that you have not run before by naming it, and was not run`,
          `A run folder from elsewhere may name any file: read this one, and where you trust it name it with \`innerloop ${commandText(["train", shown(real)], { resume: shown(runPath) })}\``,
        );
      }
    }
    output.say(output.paint("dim", `  Running the experiment file ${shown(path)}`));
  });
  const { sha256 } = loaded;
  if (named !== undefined) await keepNamed({ path: real, sha256 }, output);
  if (sha256 !== recorded.sha256)
    output.warn(`${shown(path)} is not the file that the run began with: results are not those of one experiment.`);
  return { loaded, file: { path: real, sha256 } };
}
