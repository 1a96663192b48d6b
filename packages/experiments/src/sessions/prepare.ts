/** From a run's config to what trains and evaluates it, with the data loaded. */
import type { Learner } from "@innerloop/core";
import { buildExperiment, buildRunLearner, type Experiment, needsOf } from "../build.js";
import { dataNameOf, domainOf, type ExperimentConfig, withFlags } from "../config/index.js";
import type { DataSpec, Loaded } from "../domains/domain.js";
import type { LongWork } from "../io.js";
import { UsageError } from "../options/usage-error.js";
import { flagOf } from "../options/values.js";
import type { OtherData } from "../protocol-text.js";
import type { RunConfig } from "../runs/run-config.js";
import { RunError } from "../runs/run-error.js";
import type { RunStore } from "../runs/run-store.js";
import { type PreparingHost, type RunExperiment, untilStopped } from "./session-host.js";

/** An experiment with its data, and where it comes from. */
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
  readonly learnerOf?: (config: ExperimentConfig, run: RunStore) => Learner;
  /** Where the data set is another than that of training. */
  readonly other?: OtherData;
}

/**
 * The experiment of a config, with its data loaded.
 *
 * @param setting.own what an existing run began with: the sizes that its model was made for, and what of its data was
 *   held out, are settled by it
 * @param setting.recorded what it has kept of its data, which are read, named, split and scaled as they were
 * @param setting.accept throws where the data are not those to be used, before anything is made of them
 */
export async function prepare(
  config: ExperimentConfig,
  host: PreparingHost,
  setting: {
    readonly own?: ExperimentConfig;
    readonly recorded?: DataSpec | undefined;
    readonly accept?: (spec: DataSpec) => void;
  } = {},
): Promise<Prepared> {
  const { own, recorded, accept } = setting;
  const domain = domainOf(config);
  const loaded: Loaded<unknown, DataSpec> = await reading(host, (work) =>
    domain.load(config.domain, host.io, work, {
      ...needsOf(config),
      ...(own ? { own: { options: own.domain, ...(recorded ? { spec: recorded } : {}) } } : {}),
    }),
  );
  const { data, spec, notes = [] } = loaded;
  if (spec) accept?.(spec);
  for (const note of notes) host.onNote?.(note);
  return { experiment: buildExperiment(config, loaded, own), config, data, ...(spec ? { spec } : {}) };
}

/** The option that names the data of a config. */
const dataOptionOf = (config: ExperimentConfig): string => domainOf(config).dataOptions[0]!;

/** Reading data, followed by the host. */
function reading<T>(host: PreparingHost, read: (work: LongWork) => Promise<T>): Promise<T> {
  const { onProgress, onWarning, signal } = host;
  onProgress?.({ phase: "preparing" });
  return untilStopped(signal, () =>
    read({
      signal,
      onProgress: (done, total, what) => onProgress?.({ phase: "preparing", at: { done, total, what } }),
      onWarning,
    }),
  );
}

/** A program's experiment. @throws UsageError where the host runs none */
async function ofProgram(run: RunStore, { program }: PreparingHost): Promise<RunExperiment> {
  if (program) return program(run);
  const { file } = run.config;
  throw new UsageError(
    `${run.shown} is a run whose learner is a program's (${file ? file.path : "no file is named"})`,
    "Give the program that made it",
  );
}

/**
 * The experiment of an existing run, with another config where given.
 *
 * @param config the run's own but for what is to be other; undefined where a program brings learner and tasks
 * @throws RunError ILN06 where its data has changed; what `host.program` throws
 */
export async function prepareRun(
  run: RunStore,
  config: ExperimentConfig | undefined,
  host: PreparingHost,
): Promise<Prepared> {
  const { data, config: own } = run.config;
  if (!own || !config) return ofProgram(run, host);
  const option = dataOptionOf(config);
  if (dataNameOf(config) !== dataNameOf(own)) return prepareOtherData(run, own, config, host);
  if (data?.folder === undefined) return prepareOwnData(run, own, config, host);
  if ((await host.io.kindOf(data.folder)) === undefined) {
    const remedy = `Put it back, or say where it is now with ${flagOf(option)}`;
    const problem = `the data set ${data.name} is no longer at ${host.io.shown(data.folder)}`;
    throw new RunError("ILN06", run.shown, problem, remedy);
  }
  const prepared = await prepareOwnData(run, own, withFlags(config, { [option]: data.folder }), host);
  return { ...prepared, config };
}

/** A run on its own data, wherever they are now. @throws RunError ILN06 where their contents are others */
async function prepareOwnData(
  run: RunStore,
  own: ExperimentConfig,
  config: ExperimentConfig,
  host: PreparingHost,
): Promise<Prepared> {
  const { data } = run.config;
  const accept = ({ sha256 }: DataSpec): void => {
    if (!data || sha256 === data.sha256) return;
    const problem = `the data set ${data.name} is not the one that the run began with`;
    const remedy = `Restore it (sha256 ${data.sha256.slice(0, 16)}...), or start a new run`;
    throw new RunError("ILN06", run.shown, problem, remedy);
  };
  const prepared = await prepare(config, host, { own, recorded: data, accept });
  return { ...prepared, ...learnersOf(run, own, config) };
}

/**
 * An existing run to go on with, on its own data set under a path that was given for it.
 *
 * @throws RunError ILN06 where what is there is another data set
 */
export async function prepareMoved(run: RunStore, config: ExperimentConfig, host: PreparingHost): Promise<Prepared> {
  const { file, data, config: own } = run.config;
  if (file || !data || !own) {
    const what = file
      ? `a run of the experiment file ${host.io.shown(file.path)}`
      : `a run of the ${own ? dataNameOf(own) : ""} family`;
    throw new UsageError(`${flagOf(dataOptionOf(config))} ${dataNameOf(config)} of ${what}`, "Leave it out");
  }
  return prepareOwnData(run, own, config, host);
}

/** The learner as it was trained: with the normalisation of training, whatever evaluation has in its place. */
function learnersOf(
  run: RunStore,
  own: ExperimentConfig,
  config: ExperimentConfig,
): Required<Pick<Prepared, "trained" | "learnerOf">> {
  const learnerOf = (given: ExperimentConfig, { config: of }: RunStore): Learner =>
    buildRunLearner(given, of.data, of.config!);
  const { batchNorm } = own.network as { readonly batchNorm?: string };
  return { learnerOf, trained: learnerOf(withFlags(config, { batchNorm }), run) };
}

/** A run on the examples of another data set than its own. @throws UsageError where its domain knows no such thing */
async function prepareOtherData(
  run: RunStore,
  own: ExperimentConfig,
  config: ExperimentConfig,
  host: PreparingHost,
): Promise<Prepared> {
  const { data } = run.config;
  const domain = domainOf(config);
  const { loadOther } = domain;
  // Other data of a domain that knows no other are its own at another place, or none of its.
  if (data && !loadOther) return prepareOwnData(run, own, config, host);
  if (!data || !loadOther)
    throw new UsageError(
      `${flagOf(dataOptionOf(config))} ${dataNameOf(config)} of a run of ${dataNameOf(own)}`,
      "Only runs of data sets of classes can be tested on another one",
    );
  const loaded = await reading(host, (work) =>
    loadOther(config.domain, host.io, work, { ...needsOf(config), own: { options: own.domain, spec: data } }),
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
