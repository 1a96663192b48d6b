/** From a run's config to what trains and evaluates it, with the data loaded. */
import { stat } from "node:fs/promises";
import type { Learner } from "@innerloop/core";
import {
  buildExperiment,
  buildRunLearner,
  type DataSpec,
  domainOf,
  type Experiment,
  type ExperimentConfig,
  flagOf,
  type Loaded,
  type LongWork,
  needsOf,
  UsageError,
  withFlags,
} from "@innerloop/experiments";
import { machineIo } from "../data/machine-io.js";
import type { RunConfig } from "../runs/run-config.js";
import { RunError } from "../runs/run-error.js";
import { type RunFolder, shown } from "../runs/run-folder.js";
import { Interrupted } from "./cli-error.js";
import type { Output } from "./output.js";
import type { OtherData } from "./results-table.js";
import { loadRunExperiment, runFileOf } from "./run-experiment-file.js";
import { hanging, roomIn } from "./terminal.js";

export interface Prepared {
  readonly experiment: Experiment;
  /** The config that it was built by; none where an experiment file brings learner and tasks. */
  readonly config?: ExperimentConfig;
  /** What is kept of the data. */
  readonly spec?: DataSpec;
  /** What was read, for the domain. */
  readonly data?: unknown;
  /** The experiment file that was run. */
  readonly file?: RunConfig["file"];
  /** Of an existing run: its learner as it was trained, whose parameters those of its checkpoints are. */
  readonly trained?: Learner;
  /** Of an existing run: the learner of that run or another, under this config, for the examples at hand. */
  readonly learnerOf?: (config: ExperimentConfig, run: RunFolder) => Learner;
  /** Where the data set is another than that of training. */
  readonly other?: OtherData;
}

/**
 * @param setting.own what an existing run began with: the sizes that its model was made for, and what of its data was
 *   held out, are settled by it
 * @param setting.recorded what it has kept of its data, which are read, named, split and scaled as they were
 * @param setting.accept throws where the data are not those to be used, before anything is made of them
 */
export async function prepare(
  config: ExperimentConfig,
  output: Output,
  setting: {
    readonly signal?: AbortSignal | undefined;
    readonly own?: ExperimentConfig;
    readonly recorded?: DataSpec | undefined;
    readonly accept?: (spec: DataSpec) => void;
  } = {},
): Promise<Prepared> {
  const { signal, own, recorded, accept } = setting;
  const domain = domainOf(config);
  const loaded: Loaded<unknown, DataSpec> = await watched(output, signal, (work) =>
    domain.load(config.domain, machineIo, work, {
      ...needsOf(config),
      ...(own ? { own: { options: own.domain, ...(recorded ? { spec: recorded } : {}) } } : {}),
    }),
  );
  const { data, spec, notes = [] } = loaded;
  if (spec) accept?.(spec);
  for (const note of notes) output.say(`  ${hanging(note, roomIn(), 2)}`);
  return { experiment: buildExperiment(config, loaded, own), config, data, ...(spec ? { spec } : {}) };
}

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
 * The experiment of an existing run, with another config where given.
 *
 * @param named the experiment file as the user gives it, in place of the recorded one
 * @throws RunError ILN06 where its data has changed, ILN07 where its experiment file has
 */
export async function prepareRun(
  run: RunFolder,
  config: ExperimentConfig | undefined,
  output: Output,
  signal?: AbortSignal,
  named?: string,
): Promise<Prepared> {
  const { data, config: own, file } = run.config;
  if (!own || !config) return loadRunExperiment(run, output, named);
  const again = file && named !== undefined ? (await runFileOf(run.path, file, output, named)).file : undefined;
  const found = await prepareOwnOrOther(run, own, config, output, signal, data);
  return again ? { ...found, file: again } : found;
}

async function prepareOwnOrOther(
  run: RunFolder,
  own: ExperimentConfig,
  config: ExperimentConfig,
  output: Output,
  signal: AbortSignal | undefined,
  data: DataSpec | undefined,
): Promise<Prepared> {
  if (config.domain.data !== own.domain.data) return prepareOtherData(run, own, config, output, signal);
  if (data?.folder === undefined) return prepareOwnData(run, own, config, output, signal);
  if (!(await isThere(data.folder))) {
    const remedy = `Put it back, or say where it is now with ${flagOf("data")}`;
    const problem = `the data set ${data.name} is no longer at ${shown(data.folder)}`;
    throw new RunError("ILN06", shown(run.path), problem, remedy);
  }
  const prepared = await prepareOwnData(run, own, withFlags(config, { data: data.folder }), output, signal);
  return { ...prepared, config };
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** A run on its own data, wherever they are now. @throws RunError ILN06 where their contents are others */
async function prepareOwnData(
  run: RunFolder,
  own: ExperimentConfig,
  config: ExperimentConfig,
  output: Output,
  signal?: AbortSignal,
): Promise<Prepared> {
  const { data } = run.config;
  const accept = ({ sha256 }: DataSpec): void => {
    if (!data || sha256 === data.sha256) return;
    const problem = `the data set ${data.name} is not the one that the run began with`;
    const remedy = `Restore it (sha256 ${data.sha256.slice(0, 16)}...), or start a new run`;
    throw new RunError("ILN06", shown(run.path), problem, remedy);
  };
  const prepared = await prepare(config, output, { signal, own, recorded: data, accept });
  return { ...prepared, ...learnersOf(run, own, config) };
}

/**
 * An existing run to go on with, on its own data set under a path that was given for it.
 *
 * @throws RunError ILN06 where what is there is another data set
 */
export async function prepareMoved(
  run: RunFolder,
  config: ExperimentConfig,
  output: Output,
  signal?: AbortSignal,
): Promise<Prepared> {
  const { file, data, config: own } = run.config;
  if (file || !data || !own) {
    const what = file ? `a run of the experiment file ${shown(file.path)}` : `a run of the ${own?.domain.data} family`;
    throw new UsageError(`${flagOf("data")} ${config.domain.data} of ${what}`, "Leave it out");
  }
  return prepareOwnData(run, own, config, output, signal);
}

/** The learner as it was trained: with the normalisation of training, whatever evaluation has in its place. */
function learnersOf(
  run: RunFolder,
  own: ExperimentConfig,
  config: ExperimentConfig,
): Required<Pick<Prepared, "trained" | "learnerOf">> {
  const learnerOf = (given: ExperimentConfig, { config: of }: RunFolder): Learner =>
    buildRunLearner(given, of.data, of.config!);
  const { batchNorm } = own.network as { readonly batchNorm?: string };
  return { learnerOf, trained: learnerOf(withFlags(config, { batchNorm }), run) };
}

/** A run on the examples of another data set than its own. @throws UsageError where its domain knows no such thing */
async function prepareOtherData(
  run: RunFolder,
  own: ExperimentConfig,
  config: ExperimentConfig,
  output: Output,
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const { data } = run.config;
  const domain = domainOf(config);
  const { loadOther } = domain;
  // Other data of a domain that knows no other are its own at another place, or none of its.
  if (data && !loadOther) return prepareOwnData(run, own, config, output, signal);
  if (!data || !loadOther)
    throw new UsageError(
      `${flagOf("data")} ${config.domain.data} of a run of ${own.domain.data}`,
      "Only runs of data sets of classes can be tested on another one",
    );
  const loaded = await watched(output, signal, (work) =>
    loadOther(config.domain, machineIo, work, { ...needsOf(config), own: { options: own.domain, spec: data } }),
  );
  const { isOwn, spec } = loaded;
  const experiment = buildExperiment(config, loaded, own, data);
  return {
    experiment,
    config,
    data: loaded.data,
    ...(spec ? { spec } : {}),
    ...learnersOf(run, own, config),
    ...(isOwn ? {} : { other: { trainedOn: data.name, testedOn: spec?.name ?? "" } }),
  };
}
