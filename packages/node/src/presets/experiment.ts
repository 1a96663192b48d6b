/** From options to what `train` and `evaluate` take: data, tasks, learner, optimizers and baselines. */

import {
  type Adapter,
  type Augmentation,
  adam,
  adamW,
  allClasses,
  buildLearner,
  type Count,
  chain,
  clipByGlobalNorm,
  contextualConvNet,
  contextualMlp,
  convEmbedding,
  convMaps,
  convNet,
  cosineSchedule,
  crossEntropy,
  episodes,
  fineTuning,
  fromScratch,
  hierarchicalLinearModel,
  type Initializer,
  type LabelledExamples,
  type Layer,
  type Learner,
  type LearnerEntry,
  type LearnerName,
  type LearnerSetting,
  type LearningRate,
  learnerCatalogue,
  learnerNames,
  leastSquares,
  linearClassifier,
  linearSchedule,
  meanSquaredError,
  mlp,
  nearestNeighbour,
  type Optimizer,
  pooledMean,
  rmsProp,
  semiSupervisedEpisodes,
  sgd,
  sinusoids,
  specOf,
  type TaskSource,
} from "@innerloop/core";

import { flatten, glorotUniform, heNormal, mostPooledBlocks, truncatedNormal } from "@innerloop/core/layers";
import { type CurveTaskOptions, gaussianProcesses, harmonics, lines, steps } from "@innerloop/core/tasks";
import { reshape, type Tensor, type Tree } from "@innerloop/graph";
import { augmentationOf } from "./augmentation.js";
import type { DataSplits } from "./data-splits.js";
import type { CurveFamilyName } from "./load-data.js";
import type { ExperimentOptions } from "./option-table.js";
import { mostOf, optionText } from "./option-values.js";
import { trainedEmbedding } from "./trained-embedding.js";
import { UsageError } from "./usage-error.js";

/** A baseline of the results table, with the steps that it is given. */
export interface Baseline {
  readonly adapter: Adapter;
  readonly steps: readonly number[];
  /**
   * Its parameters out of those of the run, for a baseline that uses what was trained; undefined where the run has none
   * of the kind. Without it they are fresh ones.
   */
  readonly fromTrained?: (params: Tree) => Tree | undefined;
}

/** All that a run trains and evaluates. */
export interface Experiment {
  readonly learner: Learner;
  readonly tasks: { readonly train: TaskSource; readonly validation: TaskSource; readonly test: TaskSource };
  readonly optimizer: Optimizer;
  readonly baselines: readonly Baseline[];
}

/**
 * Sizes of tasks that a learner is made for: those that an existing run was trained with, whatever it is evaluated
 * with.
 */
export type TrainedSizes = Pick<ExperimentOptions, "ways" | "shots" | "trainShots">;

/**
 * Builds the experiment; `data` is needed for all but the families that are formulas.
 *
 * @param trained the options of an existing run; the tasks at hand may be of other sizes
 * @param trainClasses classes of the data that the learner was trained on, where that is not the data at hand
 * @throws UsageError where training tasks have more classes than the learner can tell apart
 */
export function buildExperiment(
  options: ExperimentOptions,
  data: DataSplits | undefined,
  trained?: TrainedSizes,
  trainClasses = data?.train.classes.length ?? 0,
): Experiment {
  if (!data) return buildRegression(options, curveTasksOf(options), trained);
  if (!trained) requireTrainWays(options);
  const { exampleShape } = data.test;
  const setting = classification(exampleShape, outputsOf(options, trained?.ways), trainClasses);
  return experimentOf(options, tasksOf(options, data), setting, trained);
}

/** Builds the experiment of regression tasks, of a formula or a table; `trained` as for `buildExperiment`. */
export function buildRegression(
  options: ExperimentOptions,
  tasks: Experiment["tasks"],
  trained?: TrainedSizes,
): Experiment {
  requireRegression(options.learner);
  if (!trained && options.trainWays !== 0)
    throw new UsageError(
      `--train-ways ${optionText(options.trainWays)} of regression`,
      "Its tasks have no classes: leave it out",
    );
  const { x, y } = specOf(tasks.train);
  const inputShape = x.shape;
  const outputs = y.shape[0] ?? 1;
  const setting = { kind: "regression", inputShape, outputs, trainClasses: 0, loss: meanSquaredError } as const;
  return experimentOf(options, tasks, setting, trained);
}

/** @throws UsageError for a learner that tells classes apart and does nothing else */
function requireRegression(learner: ExperimentOptions["learner"]): void {
  const isFor = (name: LearnerName): boolean => (learnerCatalogue[name] as LearnerEntry).kinds.includes("regression");
  if (isFor(learner)) return;
  const others = learnerNames.filter(isFor).join(", ");
  throw new UsageError(`--learner ${learner} of regression, whose tasks have no classes`, `Choose one of ${others}`);
}

/** Labels beyond the outputs of a model would be none. */
function requireTrainWays({ learner, ways, trainWays }: ExperimentOptions): void {
  if (mostOf(trainWays) <= ways || learnerCatalogue[learner].variableWays) return;
  throw new UsageError(
    `--train-ways ${optionText(trainWays)} of ${learner}, whose model has an output for each of --ways ${ways} classes`,
    "Leave it out or raise --ways; it is for learners whose parameters do not depend on the classes",
  );
}

function experimentOf(
  options: ExperimentOptions,
  tasks: Experiment["tasks"],
  setting: TaskSetting,
  trained: TrainedSizes | undefined,
): Experiment {
  const models = modelsOf(options, setting.inputShape, setting.outputs);
  return {
    learner: learnerOf(options, models, setting, trained),
    tasks,
    optimizer: outerOptimizerOf(options),
    baselines: [...baselinesOf(options, models, setting), ...linearBaselinesOf(options, setting, tasks.train)],
  };
}

/** The learner of a classification run alone, for which no data need be loaded. */
export function buildClassifier(
  options: ExperimentOptions,
  exampleShape: readonly number[],
  trainClasses: number,
  trained?: TrainedSizes,
): Learner {
  const setting = classification(exampleShape, outputsOf(options, trained?.ways), trainClasses);
  return learnerOf(options, modelsOf(options, exampleShape, setting.outputs), setting, trained);
}

/** Regression families that are formulas, by the names that --data has for them. */
const curveFamilies: Readonly<Record<CurveFamilyName, (options: CurveTaskOptions) => TaskSource>> = {
  sinusoid: sinusoids,
  harmonics,
  lines,
  steps,
  "gaussian-processes": gaussianProcesses,
};

function curveTasksOf({ data, shots, trainShots, queries }: ExperimentOptions): Experiment["tasks"] {
  const family = curveFamilies[data as CurveFamilyName];
  const evaluation = family({ shots, queries: queries || shots });
  const train = trainShots ? family({ shots: trainShots, queries: queries || shots }) : evaluation;
  return { train, validation: evaluation, test: evaluation };
}

function tasksOf(options: ExperimentOptions, data: DataSplits): Experiment["tasks"] {
  const { ways, shots, trainShots, trainWays, unlabelled, batch } = options;
  const queries = options.queries || shots;
  const augmentation = augmentationOf(options.augment, data.train.exampleShape);
  const augment = augmentation ? { augment: augmentation } : {};
  const trainedOn = (learnerCatalogue[options.learner] as LearnerEntry).tasks;
  const fixed = (flag: string, count: Count): number => {
    if (typeof count === "number") return count;
    throw new UsageError(
      `${flag} ${optionText(count)} for ${options.learner}`,
      "Give one number: its tasks are all of a size",
    );
  };
  const withUnlabelled = trainedOn === "episodes with unlabelled examples";
  if (withUnlabelled && augmentation)
    throw new UsageError(`--augment ${options.augment} for ${options.learner}`, "Its tasks are not augmented");
  const sampled = (part: LabelledExamples, asked: { ways: Count; shots: Count; augment?: Augmentation }) =>
    withUnlabelled
      ? semiSupervisedEpisodes(part, {
          ways: fixed("--train-ways", asked.ways),
          shots: fixed("--train-shots", asked.shots),
          queries,
          unlabelled,
          skipSmallClasses: true,
        })
      : episodes(part, { ...asked, queries, skipSmallClasses: true });
  const train =
    trainedOn === "batches of all classes"
      ? allClasses(data.train, { batch, ...augment })
      : sampled(data.train, { ways: trainWays || ways, shots: trainShots || shots, ...augment });
  const held = (part: LabelledExamples): TaskSource => {
    const source = sampled(part, { ways, shots });
    return options.split === "examples" && source.pool ? { ...source, pool: { ...source.pool, seen: true } } : source;
  };
  return { train, validation: held(data.validation), test: held(data.test) };
}

const initializers: Readonly<Record<ExperimentOptions["init"], Initializer>> = {
  glorot: glorotUniform,
  he: heNormal,
  small: truncatedNormal(0.01),
};

/** The model that the options describe, in the forms that learners take. */
function modelsOf(
  options: ExperimentOptions,
  exampleShape: readonly number[],
  outputs: number,
): Pick<LearnerSetting, "model" | "perStepModel" | "embedding" | "maps" | "contextModel"> {
  const { hidden, filters, blocks, downsampling, steps, contextSize } = options;
  const batchNorm = options.batchNorm === "none" ? undefined : options.batchNorm;
  const inputs = exampleShape.reduce((a, b) => a * b, 1);
  switch (options.model) {
    case "linear": {
      const model = linearClassifier({ inputs, ways: outputs });
      const embedding = Object.assign(flatten(), { outputShape: [inputs] });
      const contextModel = contextualMlp({ sizes: [inputs, outputs], contextSize });
      return { model, perStepModel: model, embedding, maps: embedding, contextModel };
    }
    case "mlp": {
      const sizes = [inputs, ...hidden];
      const shared = { weightInit: initializers[options.init], ...(batchNorm ? { batchNorm } : {}) };
      const perStep = batchNorm ? { batchNormSteps: steps } : {};
      const embedding = mlp({ sizes, ...shared });
      return {
        model: mlp({ sizes: [...sizes, outputs], ...shared }),
        perStepModel: mlp({ sizes: [...sizes, outputs], ...shared, ...perStep }),
        embedding,
        maps: embedding,
        contextModel: contextualMlp({ sizes: [...sizes, outputs], ...shared, contextSize }),
      };
    }
    case "conv": {
      const [height, width, channels = 1] = exampleShape;
      if (height === undefined || width === undefined)
        throw new UsageError("--model conv is for images", "Use --model mlp");
      if (!batchNorm)
        throw new UsageError("--batch-norm none is for --model mlp", "Choose transductive, support or running");
      const most = mostPooledBlocks([height, width]);
      if (downsampling === "pool" && blocks > most) {
        throw new UsageError(
          `--blocks ${blocks} with --downsampling pool of images of ${height} x ${width}, which can be halved ${most} times`,
          `Give --blocks ${most} or fewer, larger images, or --downsampling stride`,
        );
      }
      const shared = { imageShape: [height, width, channels], filters, blocks, batchNorm } as const;
      return {
        model: convNet({ ...shared, downsampling, ways: outputs }),
        perStepModel: convNet({ ...shared, downsampling, ways: outputs, batchNormSteps: steps }),
        embedding: convEmbedding({ ...shared, downsampling }),
        maps: convMaps(shared),
        // After the third block, or the last of fewer.
        contextModel: contextualConvNet({
          ...shared,
          downsampling,
          ways: outputs,
          contextSize,
          contextIn: Math.min(3, blocks),
        }),
      };
    }
  }
}

function innerOptimizerOf({ innerOptimizer, innerRate: learningRate }: ExperimentOptions): Optimizer {
  switch (innerOptimizer) {
    case "sgd":
      return sgd({ learningRate });
    case "momentum":
      return sgd({ learningRate, momentum: 0.9 });
    case "adam":
      return adam({ learningRate, beta1: 0 });
    case "rmsprop":
      return rmsProp({ learningRate });
  }
}

function outerOptimizerOf({ outerOptimizer, outerRate, schedule, iterations, clip }: ExperimentOptions): Optimizer {
  const learningRate: LearningRate =
    schedule === "cosine"
      ? cosineSchedule(outerRate, 0, iterations)
      : schedule === "linear"
        ? linearSchedule(outerRate, 0, iterations)
        : outerRate;
  const make = { adam, adamw: adamW, sgd, rmsprop: rmsProp }[outerOptimizer];
  const optimizer = make({ learningRate });
  if (clip === 0) return optimizer;
  const clipped = chain(clipByGlobalNorm(clip), optimizer);
  // In the words of the checkpoints of before there were chains, which are of this setting too.
  return { ...clipped, description: `${optimizer.description}, clip norm ${clip}` };
}

function learnerOf(
  options: ExperimentOptions,
  models: ReturnType<typeof modelsOf>,
  setting: TaskSetting,
  { shots, trainShots }: TrainedSizes = options,
): Learner {
  const { learner, steps, innerRate, iterations, distance, proximal, units } = options;
  if (learner === "boil" && options.model === "linear")
    throw new UsageError("--model linear of --learner boil, which adapts all but the last layer", "Use conv or mlp");
  const supportRows = Math.max(shots, mostOf(trainShots)) * (setting.kind === "classification" ? setting.outputs : 1);
  const temperature = options.temperature === "learned" ? "learned" : 1;
  const inner = innerOptimizerOf(options);
  const chosen = { steps, inner, innerRate, iterations, distance, temperature, proximal, units, supportRows } as const;
  return buildLearner(learner, { ...setting, ...models, ...chosen });
}

type TaskSetting = Pick<LearnerSetting, "kind" | "inputShape" | "outputs" | "loss" | "trainClasses">;

const classification = (inputShape: readonly number[], outputs: number, trainClasses: number): TaskSetting => ({
  kind: "classification",
  inputShape,
  outputs,
  trainClasses,
  loss: crossEntropy,
});

/**
 * Classes that a run's learner tells apart. One whose parameters do not depend on them takes what the tasks at hand
 * have, any other those that it was trained with.
 */
export function outputsOf({ learner, ways, trainWays }: ExperimentOptions, trained = ways): number {
  return learnerCatalogue[learner].variableWays ? Math.max(ways, mostOf(trainWays)) : trained;
}

/**
 * From scratch with the learner's own adaptation and with one that suits plain training, and the nearest neighbour
 * among the support set: by pixels, and in the embedding that the run has trained. Joint pre-training has the same two
 * ways of fine-tuning, of the whole network and of its head alone. Linear models stand beside them for tables.
 */
function baselinesOf(
  options: ExperimentOptions,
  models: ReturnType<typeof modelsOf>,
  { kind, inputShape, outputs, loss }: TaskSetting,
): Baseline[] {
  const { ways } = options;
  // Averages over a training that there was not would normalise nothing.
  const batchNorm = options.batchNorm === "running" ? "support" : options.batchNorm;
  const { model } = modelsOf({ ...options, batchNorm }, inputShape, kind === "classification" ? ways : outputs);
  const norm = batchNorm === options.batchNorm || !model.batchNorm ? "" : `, batch norm ${batchNorm}`;
  const own = { inner: innerOptimizerOf(options), steps: options.evalSteps, named: "" };
  const plain = { inner: adam({ learningRate: 0.01 }), steps: [10, 50], named: ", Adam 0.01" };
  const scratch = [own, plain].map(({ inner, steps, named }): Baseline => {
    const adapter = fromScratch({ model, loss, inner });
    return { adapter: { ...adapter, name: `from scratch${named}${norm}` }, steps };
  });
  const tuned = (adapts: "all" | "head", { inner, steps, named }: typeof own): Baseline => {
    const adapter = fineTuning({ model: models.model, loss, inner, adapts });
    const name = `joint pre-training${adapts === "head" ? ", head only" : ""}${named}`;
    return { adapter: { ...adapter, name }, steps, fromTrained: (params) => params };
  };
  // The run's own row is the first of the four: its whole network, its own way.
  const pretrained = options.learner === "joint" ? [tuned("head", own), tuned("all", plain), tuned("head", plain)] : [];
  const list = [...pretrained, ...scratch];
  if (kind === "regression") return list;
  const pixels: Baseline = { adapter: nearestNeighbour({ ways }), steps: [0] };
  const embedding = embeddingOf(options.learner, models);
  if (!embedding) return [...list, pixels];
  const embedded = nearestNeighbour({ ways, model: embedding });
  return [
    ...list,
    pixels,
    {
      adapter: { ...embedded, name: "nearest neighbour (embedding)" },
      steps: [0],
      fromTrained: (params) => trainedEmbedding(embedding, params),
    },
  ];
}

/** With more inputs, a covariance of their coefficients is more than plain statistics can tell. */
const mostLinearInputs = 64;

/** Plain statistics on the same tasks: of tables, and of the lines that they fit exactly. */
function linearBaselinesOf(
  { groupColumn, data }: ExperimentOptions,
  { inputShape }: TaskSetting,
  tasks: TaskSource,
): Baseline[] {
  if (groupColumn === "" && data !== "lines") return [];
  const inputs = inputShape.reduce((a, b) => a * b, 1);
  const adapters = [
    pooledMean({ tasks }),
    leastSquares({ tasks }),
    ...(inputs <= mostLinearInputs ? [hierarchicalLinearModel({ tasks })] : []),
  ];
  return adapters.map((adapter) => ({ adapter: adapter as unknown as Adapter, steps: [0] }));
}

/**
 * What a learner trains as its embedding, or as the model below its head; undefined where that is not of the image
 * alone.
 */
function embeddingOf(
  learner: ExperimentOptions["learner"],
  { embedding, maps }: ReturnType<typeof modelsOf>,
): Layer | undefined {
  if (learner === "cavia") return undefined;
  if (learner !== "relation") return embedding;
  return { ...maps, apply: (...given) => flattened(maps.apply(...given)) };
}

const flattened = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, -1]);
