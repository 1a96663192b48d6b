/** From a run's options to what trains and evaluates it, with the data loaded. */
import { buildExperiment, type DataSplits, type Experiment, splitData } from "../presets/experiment.js";
import { type DataRecord, formulaFamilies, loadExamples } from "../presets/load-data.js";
import type { ExperimentOptions } from "../presets/option-table.js";
import { RunError } from "../runs/run-error.js";
import { type RunConfig, type RunFolder, shown } from "../runs/run-folder.js";
import { Interrupted } from "./cli-error.js";
import type { Output } from "./output.js";
import { loadRunExperiment } from "./run-experiment-file.js";

export interface Prepared {
  readonly experiment: Experiment;
  readonly record?: DataRecord;
  readonly splits?: DataSplits;
  /** The experiment file that was run. */
  readonly file?: RunConfig["file"];
}

export async function prepare(
  options: ExperimentOptions,
  output: Output,
  signal?: AbortSignal,
  outputs?: number,
): Promise<Prepared> {
  if (formulaFamilies.includes(options.data)) return { experiment: buildExperiment(options, undefined) };
  const line = output.progress("Preparing data");
  try {
    const { examples, record } = await loadExamples(options, {
      signal,
      onProgress: (done, total, what) => line.update(done, total, what),
    });
    const splits = splitData(examples, options);
    return { experiment: buildExperiment(options, splits, outputs), record, splits };
  } catch (error) {
    if (signal?.aborted) throw new Interrupted();
    throw error;
  } finally {
    line.end();
  }
}

/**
 * The experiment of an existing run, with other options where given.
 *
 * @param named the experiment file as the user gives it, in place of the recorded one
 * @throws RunError ILN06 where its data has changed, ILN07 where its experiment file has
 */
export async function prepareRun(
  run: RunFolder,
  options: ExperimentOptions,
  output: Output,
  signal?: AbortSignal,
  named?: string,
): Promise<Prepared> {
  const { file, data } = run.config;
  if (file) return loadRunExperiment(run, output, named);
  const prepared = await prepare(
    { ...options, data: options.data === run.config.options.data ? (data?.folder ?? options.data) : options.data },
    output,
    signal,
    run.config.options.ways,
  );
  if (options.data === run.config.options.data && data && prepared.record && prepared.record.sha256 !== data.sha256) {
    const remedy = `Restore it (sha256 ${data.sha256.slice(0, 16)}...), or start a new run`;
    throw new RunError(
      "ILN06",
      shown(run.path),
      `the data set ${data.name} is not the one that the run began with`,
      remedy,
    );
  }
  return prepared;
}
