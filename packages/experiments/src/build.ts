/** From a config and its data to what `train` and `evaluate` take: learner, tasks, optimizer and baselines. */
import {
  adam,
  adamW,
  buildLearner,
  chain,
  clipByGlobalNorm,
  fineTuning,
  fromScratch,
  type Learner,
  type LearnerName,
  learnerNames,
  type Optimizer,
  rmsProp,
  sgd,
} from "@innerloop/core";
import {
  defaultsOf,
  inGatheredSteps,
  innerOptimizerOf,
  learnerEntry,
  type Networks,
  type OptionValues,
  type stepOptions,
} from "@innerloop/core/learners";
import type { OuterMethod } from "@innerloop/core/training";
import { domainOf, type ExperimentConfig, learnerOf, networkOf, trainingTasksOf } from "./config/index.js";
import type { Baseline, DataSpec, Domain, LearnerNeeds, Loaded, TaskShapes, Tasks } from "./domains/domain.js";
import { networkNamed } from "./domains/networks.js";
import type { TrainingValues } from "./options/training-options.js";
import { UsageError } from "./options/usage-error.js";
import { flagOf } from "./options/values.js";
import { outerRateOf } from "./outer-rate.js";

/** All that a run trains and evaluates. */
export interface Experiment {
  readonly learner: Learner;
  readonly tasks: Tasks;
  readonly optimizer: Optimizer | OuterMethod;
  readonly baselines: readonly Baseline[];
}

/** The needs of a config's learner: what tasks and shapes depend on beside the options of the domain. */
export const needsOf = (config: ExperimentConfig): LearnerNeeds => ({
  learner: learnerOf(config),
  training: trainingTasksOf(config),
});

/**
 * The check of a config before anything is read: choices that go with one another.
 *
 * @throws UsageError
 */
export function requireFitting(config: ExperimentConfig): void {
  const domain = domainOf(config);
  requireKind(domain, config.learner.name);
  requireNetwork(domain, config.network.name);
  domain.check?.(config.domain, { ...needsOf(config), learnerName: config.learner.name });
}

/** @throws UsageError for a learner that is not for the domain's kind of task */
function requireKind({ kind, title }: Domain, name: LearnerName): void {
  const isFor = (each: LearnerName): boolean => learnerEntry(each).kinds.includes(kind);
  if (isFor(name)) return;
  const others = learnerNames.filter(isFor).join(", ");
  throw new UsageError(
    `--learner ${name} of ${title}, whose tasks are ${kind}, which it is not for`,
    `Choose one of ${others}`,
  );
}

/** @throws UsageError for a network that is not for the domain's inputs */
function requireNetwork({ networks, title }: Domain, name: string): void {
  if (networks.includes(name)) return;
  throw new UsageError(`--model ${name} of ${title}, whose inputs it is not for`, useOneOf(networks));
}

const useOneOf = (networks: readonly string[]): string =>
  `Use ${networks.map((name) => `--model ${name}`).join(" or ")}`;

/**
 * Builds the experiment.
 *
 * @param own the config of an existing run, whose model it is; the tasks at hand may be of other sizes
 * @param setting.spec of the data that the learner was trained on, where that is not the data at hand
 * @throws UsageError where choices do not go together
 */
export function buildExperiment(
  config: ExperimentConfig,
  loaded: Loaded<unknown, DataSpec>,
  own?: ExperimentConfig,
  spec = loaded.spec,
): Experiment {
  const domain = domainOf(config);
  if (!own) requireFitting(config);
  const needs = needsOf(config);
  const ownOptions = own?.domain;
  const { training } = config;
  const optimizer = outerOptimizerOf(training);
  const tasks = domain.tasks(loaded.data, config.domain, { ...needs, own: ownOptions });
  const shapes = domain.shapes(spec, config.domain, { ...needs, own: ownOptions, data: loaded.data });
  return {
    learner: learnerFor(config, shapes, spec, loaded.data),
    tasks,
    optimizer: domain.outer?.(spec, config.domain, { training, optimizer }) ?? optimizer,
    baselines: baselinesOf(config, { spec, data: loaded.data, tasks, shapes }),
  };
}

/** The learner of a run alone, for which no data need be loaded. */
export function buildRunLearner(config: ExperimentConfig, spec: DataSpec | undefined, own: ExperimentConfig): Learner {
  const domain = domainOf(config);
  const shapes = domain.shapes(spec, config.domain, { ...needsOf(config), own: own.domain });
  return learnerFor(config, shapes, spec);
}

function learnerFor(config: ExperimentConfig, shapes: TaskShapes, spec: DataSpec | undefined, data?: unknown): Learner {
  const domain = domainOf(config);
  const { name, ...options } = config.learner;
  if (learnerOf(config).needsBody && networkOf(config).isHeadAlone) {
    const others = domain.networks.filter((other) => !networkNamed(other).isHeadAlone);
    throw new UsageError(
      `--model ${config.network.name} of --learner ${name}, which adapts all but the last layer`,
      `Use ${others.join(" or ")}`,
    );
  }
  const { needs } = learnerOf(config);
  if (needs && !shapes[needs]) {
    const { lacking, remedy } = lacks[needs];
    throw new UsageError(`--learner ${name} of ${domain.title}, ${lacking}`, `${remedy}. Or choose another learner`);
  }
  // A classifier of inputs is no head upon what a network makes of them.
  const { source, ...sizes } = shapes;
  const built = buildLearner(
    name,
    {
      ...sizes,
      ...(source && networkOf(config).isHeadAlone ? { source } : {}),
      kind: domain.kind,
      networks: networksOf(config, shapes),
      loss: domain.around?.loss({ spec, options: config.domain }) ?? domain.loss(spec, config.domain, data),
      iterations: config.training.iterations,
    },
    options as never,
  );
  return (domain.around?.learner(built, { spec, options: config.domain }) as Learner | undefined) ?? built;
}

/** What a learner misses where the shapes of tasks are without a part that it needs. */
const lacks = {
  profile: {
    lacking: "when nothing is known of whom a task is about, which it starts from",
    remedy: "Use it for ratings, with --users: a table of what is known of users",
  },
  paths: {
    lacking: "when inputs have no words in common, by which it finds known ones",
    remedy: "Use it for ratings, with --items: a table of items with categories or bags of words",
  },
} as const;

/** The network of a config in the forms that learners take. @throws UsageError where it does not fit the inputs */
export function networksOf(config: ExperimentConfig, shapes: TaskShapes): Networks {
  const { name } = config.network;
  const entry = networkOf(config);
  const { inputRanks } = entry;
  if (inputRanks && !inputRanks.includes(shapes.inputShape.length)) {
    const fits = (other: string): boolean => {
      const { inputRanks: ranks, options, problem } = networkNamed(other);
      return !ranks && !problem?.(shapes, defaultsOf(options));
    };
    const others = domainOf(config).networks.filter(fits);
    throw new UsageError(`--model ${name} is for images`, useOneOf(others));
  }
  const found = entry.problem?.(shapes, config.network);
  if (found) throw new UsageError(`${flagOf(found.name)} ${found.problem}`, found.remedy);
  return entry.networks(shapes, config.network);
}

const outerOptimizers = { adam, adamw: adamW, sgd, rmsprop: rmsProp } as const;

/** The optimizer of the updates that options ask for. */
export function outerOptimizerOf({ outerOptimizer, clip, ...training }: TrainingValues): Optimizer {
  const optimizer = outerOptimizers[outerOptimizer]({ learningRate: outerRateOf(training) });
  if (clip === undefined) return optimizer;
  const clipped = chain(clipByGlobalNorm(clip), optimizer);
  // In the words of the checkpoints of before there were chains, which are of this setting too.
  return { ...clipped, description: `${optimizer.description}, clip norm ${clip}` };
}

/** The learner's own adaptation, where it takes steps; of others the defaults of those that do. */
function innerOf({ learner, evaluation: { scratchRate } }: ExperimentConfig): Optimizer {
  const { innerOptimizer = "sgd", innerRate = 0.01 } = learner as Partial<OptionValues<typeof stepOptions>>;
  return innerOptimizerOf({ innerOptimizer, innerRate: scratchRate ?? innerRate });
}

/**
 * From scratch with the learner's own adaptation and with one that suits plain training, which of ids stand beside learners
 * that take steps alone; what the domain has beside them. Joint pre-training has the same two ways of fine-tuning, of the whole network and of its head alone.
 */
function baselinesOf(
  config: ExperimentConfig,
  {
    spec,
    data,
    tasks,
    shapes,
  }: {
    readonly spec: DataSpec | undefined;
    readonly data: unknown;
    readonly tasks: Tasks;
    readonly shapes: TaskShapes;
  },
): readonly Baseline[] {
  const domain = domainOf(config);
  const options = config.domain;
  const loss = domain.loss(spec, options, data);
  const networks = networksOf(config, shapes);
  const mode = (config.network as { readonly batchNorm?: string }).batchNorm;
  // Averages over a training that there was not would normalise nothing.
  const batchNorm = mode === "running" ? "support" : mode;
  const network = { ...config.network, ...(batchNorm === undefined ? {} : { batchNorm }) } as never;
  const model = networksOf(
    { ...config, network },
    { ...shapes, outputs: domain.outputs?.(spec, options) ?? shapes.outputs },
  ).model();
  const norm = batchNorm === mode || !model.batchNorm ? "" : `, batch norm ${batchNorm}`;
  const own = { inner: innerOf(config), steps: config.evaluation.evalSteps, named: "" };
  const plain = { inner: adam({ learningRate: 0.01 }), steps: [10, 50], named: ", Adam 0.01" };
  // Rows of an embedding table stay as they are drawn: what is learned upon them from a few examples is next to nothing.
  const noRows =
    domain.around !== undefined ||
    domain.fromScratch === false ||
    (shapes.ids !== undefined && !learnerOf(config).takesSteps) ||
    // A memory that begins with each trial has nothing to be trained on within one.
    trainingTasksOf(config).kind === "trials";
  // Where each step takes episodes of its own, dozens of steps are no handful of them.
  const kinds = noRows ? [] : shapes.gathered ? [own] : [own, plain];
  const gathered = inGatheredSteps(shapes);
  const scratch = kinds.map(({ inner, steps, named }): Baseline => {
    const adapter = fromScratch({ model, loss, inner, ...gathered });
    return { adapter: { ...adapter, name: `from scratch${named}${norm}` }, steps };
  });
  const tuned = (adapts: "all" | "head", { inner, steps, named }: typeof own): Baseline => {
    const adapter = fineTuning({ model: networks.model(), loss, inner, adapts, ...gathered });
    const name = `joint pre-training${adapts === "head" ? ", head only" : ""}${named}`;
    return { adapter: { ...adapter, name }, steps, fromTrained: (params) => params };
  };
  // The run's own row is the first of the four: its whole network, its own way.
  const others = [tuned("head", own), ...(shapes.gathered ? [] : [tuned("all", plain), tuned("head", plain)])];
  const pretrained = learnerOf(config).fineTunes ? others : [];
  const beside = domain.baselines?.({ ...needsOf(config), options, spec, data, tasks, shapes, networks }) ?? [];
  return [...pretrained, ...scratch, ...beside];
}
