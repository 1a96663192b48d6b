/** From a run's options to what trains and evaluates it, with the data loaded. */
import { stat } from "node:fs/promises";
import type { LabelledExamples, Learner } from "@innerloop/core";
import { isDarkOnLight, isGreyImage } from "../data/images/dark-on-light.js";
import type { LongWork } from "../data/long-work.js";
import { columnsText, type TableReport, tableNotes } from "../data/tables/table-report.js";
import { examplesNeeded } from "../presets/class-sizes.js";
import { areRows, columnScales, scalesWarning, splitsWithScales, withScales } from "../presets/column-scales.js";
import { type DataSplits, splitData, splitWarnings } from "../presets/data-splits.js";
import {
  buildClassifier,
  buildExperiment,
  buildRegression,
  type Experiment,
  type TrainedSizes,
} from "../presets/experiment.js";
import { imagesOfShape, inverted } from "../presets/images-of-shape.js";
import { type DataRecord, formulaFamilies, loadExamples, loadRegressionTable } from "../presets/load-data.js";
import { type ExperimentOptions, flagOf } from "../presets/option-table.js";
import { seenExamples, unseenClasses } from "../presets/seen-examples.js";
import { UsageError } from "../presets/usage-error.js";
import { RunError } from "../runs/run-error.js";
import { type RunConfig, type RunFolder, shown } from "../runs/run-folder.js";
import { Interrupted } from "./cli-error.js";
import type { Output } from "./output.js";
import type { Domains } from "./results-table.js";
import { loadRunExperiment } from "./run-experiment-file.js";
import { hanging, roomIn } from "./terminal.js";

export interface Prepared {
  readonly experiment: Experiment;
  readonly record?: DataRecord;
  readonly splits?: DataSplits;
  /** The experiment file that was run. */
  readonly file?: RunConfig["file"];
  /** Of an existing run: its learner as it was trained, whose parameters those of its checkpoints are. */
  readonly trained?: Learner;
  /** Of an existing run: the learner of that run or another, under these options, for the examples at hand. */
  readonly learnerOf?: (options: ExperimentOptions, run: RunFolder) => Learner;
  /** Where the data set is another than that of training. */
  readonly domains?: Domains;
}

/**
 * @param setting.run what an existing run began with: the sizes that its model was made for, and the classes of its data
 *   set that were held out, are settled by it
 * @param setting.recorded what it has recorded of its data set, which is read, named, split and scaled as it was
 * @param setting.accept throws where the data set is not the one to be used, before anything is made of it
 */
export async function prepare(
  options: ExperimentOptions,
  output: Output,
  setting: {
    readonly signal?: AbortSignal | undefined;
    readonly run?: TrainedSizes & Pick<ExperimentOptions, "queries">;
    readonly recorded?: DataRecord | undefined;
    readonly accept?: (record: DataRecord) => void;
  } = {},
): Promise<Prepared> {
  const { signal, run, recorded, accept } = setting;
  if (options.groupColumn !== "") {
    const { tasks, record, report } = await watched(output, signal, (work) =>
      loadRegressionTable(options, work, recorded),
    );
    accept?.(record);
    if (!run) tellTable(report, output);
    return { experiment: buildRegression(options, tasks, run), record };
  }
  if (formulaFamilies.includes(options.data)) return { experiment: buildExperiment(options, undefined, run) };
  const found = await loaded(options, output, signal, recorded);
  accept?.(found.record);
  const name = recorded?.name ?? found.record.name;
  const examples = { ...found.examples, name };
  const leastExamples = recorded ? recorded.leastExamples : examplesNeeded(options);
  // With tasks of more ways than in training, classes that were trained on would count as held out.
  const raw = splitData(examples, { ...options, ...(run ? { ways: run.ways } : {}) }, leastExamples);
  if (!recorded) for (const text of splitWarnings(raw, options, leastExamples)) output.warn(text);
  // Those of an existing run are its own, whatever was added to the data since; one from before there were any has none.
  const isScaled = !run && options.scale === "columns" && areRows(examples);
  const scales = isScaled ? columnScales(raw.train) : recorded?.scales;
  const splits = scales ? splitsWithScales(raw, scales) : raw;
  if (isScaled)
    output.say("  columns scaled to mean 0 and deviation 1 over the training classes (--scale none: as they are)");
  // Tasks of another size than the run's own are drawn for its evaluation alone: validation need not have classes enough.
  const isOwnSize = !run || (["ways", "shots", "queries"] as const).every((name) => options[name] === run[name]);
  const drawn = isOwnSize ? splits : { ...splits, validation: splits.test };
  const trainClasses = splits.train.classes.length;
  return {
    experiment: buildExperiment(options, drawn, run),
    record: {
      ...found.record,
      name,
      trainClasses,
      ...(scales ? { scales } : {}),
      ...(leastExamples === undefined ? {} : { leastExamples }),
      seen: seenExamples([raw.train, raw.validation]),
    },
    splits,
  };
}

/** What the columns of a table were taken for, and what is odd about them. */
function tellTable(report: TableReport, output: Output): void {
  output.say(`  ${hanging(`columns: ${columnsText(report)}`, roomIn(), 2)}`);
  for (const note of tableNotes(report)) output.warn(`  ${note}`);
}

const loaded = (
  options: Parameters<typeof loadExamples>[0],
  output: Output,
  signal: AbortSignal | undefined,
  recorded?: DataRecord,
): Promise<{ readonly examples: LabelledExamples; readonly record: DataRecord }> =>
  watched(output, signal, (work) => loadExamples(options, work, recorded));

/** Reading data, with its progress shown. */
async function watched<T>(
  output: Output,
  signal: AbortSignal | undefined,
  read: (work: LongWork) => Promise<T>,
): Promise<T> {
  const line = output.progress("Preparing data");
  try {
    return await read({
      signal,
      onProgress: (done, total, what) => line.update(done, total, what),
      onWarning: output.warn,
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
  const place = data?.folder ?? options.data;
  if (data?.folder !== undefined && !(await isThere(place))) {
    const remedy = `Put it back, or say where it is now with ${flagOf("data")}`;
    throw new RunError("ILN06", shown(run.path), `the data set ${data.name} is no longer at ${shown(place)}`, remedy);
  }
  return prepareOwnData(run, { ...options, data: place }, output, signal);
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** A run on its own data set, wherever that is now. @throws RunError ILN06 where its contents are others */
async function prepareOwnData(
  run: RunFolder,
  options: ExperimentOptions,
  output: Output,
  signal?: AbortSignal,
): Promise<Prepared> {
  const { data, options: own } = run.config;
  const accept = ({ sha256 }: DataRecord): void => {
    if (!data || sha256 === data.sha256) return;
    const problem = `the data set ${data.name} is not the one that the run began with`;
    const remedy = `Restore it (sha256 ${data.sha256.slice(0, 16)}...), or start a new run`;
    throw new RunError("ILN06", shown(run.path), problem, remedy);
  };
  const prepared = await prepare(options, output, { signal, run: own, recorded: data, accept });
  const { splits, experiment } = prepared;
  const build = splits
    ? classifiersOf(splits.test.exampleShape)
    : (given: ExperimentOptions, { config }: RunFolder): Learner =>
        buildRegression(given, experiment.tasks, config.options).learner;
  return { ...prepared, ...learnersOf(run, options, build) };
}

/**
 * An existing run to go on with, on its own data set under a path that was given for it.
 *
 * @throws RunError ILN06 where what is there is another data set
 */
export async function prepareMoved(
  run: RunFolder,
  options: ExperimentOptions,
  output: Output,
  signal?: AbortSignal,
): Promise<Prepared> {
  const { file, data, options: own } = run.config;
  if (file || !data) {
    const what = file ? `a run of the experiment file ${shown(file.path)}` : `a run of the ${own.data} family`;
    throw new UsageError(`${flagOf("data")} ${options.data} of ${what}`, "Leave it out");
  }
  return prepareOwnData(run, options, output, signal);
}

function learnersOf(
  run: RunFolder,
  options: ExperimentOptions,
  build: Required<Prepared>["learnerOf"],
): Required<Pick<Prepared, "trained" | "learnerOf">> {
  return { learnerOf: build, trained: build({ ...options, batchNorm: run.config.options.batchNorm }, run) };
}

const classifiersOf =
  (exampleShape: readonly number[]) =>
  (given: ExperimentOptions, run: RunFolder): Learner =>
    buildClassifier(given, exampleShape, trainClassesOf(run), run.config.options);

/** Classes that a run was trained on. */
export const trainClassesOf = ({ config: { data } }: RunFolder): number => data?.trainClasses ?? 0;

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
  // The groups of another table are not those that were held out of this one.
  if (data && own.options.groupColumn !== "") return prepareOwnData(run, options, output, signal);
  if (!data || formulaFamilies.includes(options.data)) {
    throw new UsageError(
      `--data ${options.data} of a run of ${own.options.data}`,
      "Only runs of data sets of classes can be tested on another one",
    );
  }
  const [height = options.imageSize, width = height, channels = 1] = data.exampleShape;
  const found = await loaded(
    { ...options, imageSize: Math.max(height, width), channels: channels === 3 ? "3" : "1" },
    output,
    signal,
  );
  // Its own data set at another place: what it was trained on is not to be tested on.
  if (found.record.sha256 === data.sha256) return prepareOwnData(run, options, output, signal);
  const shaped = imagesOfShape(found.examples, data.exampleShape);
  const isInverted = isGreyImage(shaped) && isDarkOnLight(shaped) !== data.darkOnLight;
  const looksAlike = isInverted ? inverted(shaped) : shaped;
  const { examples: unseen, warning } = unseenClasses(looksAlike, data, options);
  if (warning) output.warn(warning);
  const otherSizes = data.scales && areRows(unseen) && scalesWarning(unseen, found.record.name, data.scales);
  if (otherSizes) output.warn(otherSizes);
  const examples = data.scales && areRows(unseen) ? withScales(unseen, data.scales) : unseen;
  const splits = { train: examples, validation: examples, test: examples };
  return {
    // There is no training here: what only its tasks are made of is not asked of these data.
    experiment: buildExperiment({ ...options, trainWays: 0, trainShots: 0 }, splits, own.options, trainClassesOf(run)),
    record: found.record,
    splits,
    ...learnersOf(run, options, classifiersOf(examples.exampleShape)),
    domains: { trainedOn: data.name, testedOn: found.record.name },
  };
}
