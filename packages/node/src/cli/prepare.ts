/** From a run's options to what trains and evaluates it, with the data loaded. */
import type { LabelledExamples, Learner } from "innerloop";
import {
  buildClassifier,
  buildExperiment,
  type DataSplits,
  type Experiment,
  outputsOf,
  splitData,
} from "../presets/experiment.js";
import { imagesOfShape, inverted } from "../presets/images-of-shape.js";
import { type DataRecord, formulaFamilies, isDarkOnLight, loadExamples } from "../presets/load-data.js";
import type { ExperimentOptions } from "../presets/option-table.js";
import { UsageError } from "../presets/usage-error.js";
import { RunError } from "../runs/run-error.js";
import { type RunConfig, type RunFolder, shown } from "../runs/run-folder.js";
import { Interrupted } from "./cli-error.js";
import type { Output } from "./output.js";
import type { Domains } from "./results-table.js";
import { loadRunExperiment } from "./run-experiment-file.js";

export interface Prepared {
  readonly experiment: Experiment;
  readonly record?: DataRecord;
  readonly splits?: DataSplits;
  /** The experiment file that was run. */
  readonly file?: RunConfig["file"];
  /** Of an existing run: its learner as it was trained, whose parameters those of its checkpoints are. */
  readonly trained?: Learner;
  /** Of an existing run: a learner of other options for the same examples, trained to tell so many classes apart. */
  readonly learnerOf?: (options: ExperimentOptions, trainedWays: number) => Learner;
  /** Where the data set is another than that of training. */
  readonly domains?: Domains;
}

/**
 * @param run what an existing run began with: the classes that its model tells apart, and those of its data set that
 *   were held out, are settled by it
 */
export async function prepare(
  options: ExperimentOptions,
  output: Output,
  signal?: AbortSignal,
  run?: Pick<ExperimentOptions, "ways">,
): Promise<Prepared> {
  if (formulaFamilies.includes(options.data)) return { experiment: buildExperiment(options, undefined) };
  const { examples, record } = await loaded(options, output, signal);
  // With tasks of more ways than in training, classes that were trained on would count as held out.
  const splits = splitData(examples, { ...options, ...(run ? { ways: run.ways } : {}) });
  return { experiment: buildExperiment(options, splits, outputsOf(options, run?.ways)), record, splits };
}

async function loaded(
  options: Parameters<typeof loadExamples>[0],
  output: Output,
  signal: AbortSignal | undefined,
): Promise<{ readonly examples: LabelledExamples; readonly record: DataRecord }> {
  const line = output.progress("Preparing data");
  try {
    return await loadExamples(options, {
      signal,
      onProgress: (done, total, what) => line.update(done, total, what),
    });
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
  const own = run.config.options;
  if (options.data !== own.data) return prepareOtherData(run, options, output, signal);
  const prepared = await prepare({ ...options, data: data?.folder ?? options.data }, output, signal, own);
  if (data && prepared.record && prepared.record.sha256 !== data.sha256) {
    const remedy = `Restore it (sha256 ${data.sha256.slice(0, 16)}...), or start a new run`;
    throw new RunError(
      "ILN06",
      shown(run.path),
      `the data set ${data.name} is not the one that the run began with`,
      remedy,
    );
  }
  return { ...prepared, ...learnersOf(run, options, prepared.splits?.test.exampleShape) };
}

function learnersOf(
  run: RunFolder,
  options: ExperimentOptions,
  exampleShape: readonly number[] | undefined,
): Required<Pick<Prepared, "trained" | "learnerOf">> {
  const learnerOf = (given: ExperimentOptions, trainedWays: number): Learner =>
    exampleShape
      ? buildClassifier(given, exampleShape, outputsOf(given, trainedWays))
      : buildExperiment(given, undefined).learner;
  const own = run.config.options;
  return { learnerOf, trained: learnerOf({ ...options, batchNorm: own.batchNorm }, own.ways) };
}

/**
 * A run on the examples of another data set, brought to the shape of its own, and to light ink on dark or the reverse
 * where its own are. All classes serve: none of them was trained on.
 */
async function prepareOtherData(
  run: RunFolder,
  options: ExperimentOptions,
  output: Output,
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const own = run.config;
  const { data } = own;
  if (!data || formulaFamilies.includes(options.data)) {
    throw new UsageError(
      `--data ${options.data} of a run of ${own.options.data}`,
      "Only runs of data sets can be tested on another data set, and on no family of formulas",
    );
  }
  const [height = options.imageSize, width = height, channels = 1] = data.exampleShape;
  const found = await loaded(
    { ...options, imageSize: Math.max(height, width), channels: channels === 3 ? "3" : "1" },
    output,
    signal,
  );
  // Its own data set under another name: what it was trained on is not to be tested on.
  if (found.record.sha256 === data.sha256)
    return prepareRun(run, { ...options, data: own.options.data }, output, signal);
  const shaped = imagesOfShape(found.examples, data.exampleShape);
  const examples = channels === 1 && isDarkOnLight(shaped) !== data.darkOnLight ? inverted(shaped) : shaped;
  const splits = { train: examples, validation: examples, test: examples };
  const outputs = outputsOf(options, own.options.ways);
  return {
    // There is no training here: what only its tasks are made of is not asked of these data.
    experiment: buildExperiment({ ...options, trainWays: 0, trainShots: 0 }, splits, outputs),
    record: found.record,
    splits,
    ...learnersOf(run, options, examples.exampleShape),
    domains: { trainedOn: data.name, testedOn: found.record.name },
  };
}
