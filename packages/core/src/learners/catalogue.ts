/**
 * All learners by the name that the command line and FEATURES.md know them by: what each is for, and how to make it.
 */
import { GraphError, input, sizeOf } from "@innerloop/graph";
import type { Layer } from "../layers/layer.js";
import type { Loss } from "../losses/losses.js";
import type { Optimizer } from "../optimizers/gradient-transformation.js";
import { sgd } from "../optimizers/optimizers.js";
import { structureKey } from "../random/random.js";
import { jointTraining } from "./baselines/baselines.js";
import { leastSquaresSvm } from "./closed-form/least-squares-svm.js";
import { logisticRegression } from "./closed-form/logistic-regression.js";
import { ridgeRegression } from "./closed-form/ridge-regression.js";
import { type ContextLayer, cavia } from "./gradient/cavia.js";
import { implicitMaml } from "./gradient/imaml.js";
import { learnedOptions, metaCurvature } from "./gradient/learned-optimizers.js";
import { lstmOptimizer } from "./gradient/lstm-optimizer.js";
import { anil, boil, fomaml, maml, metaSgd } from "./gradient/maml.js";
import { mamlPlusPlus } from "./gradient/maml-plus-plus.js";
import { reptile } from "./gradient/reptile.js";
import type { Learner } from "./learner.js";
import type { Distance } from "./metric/distances.js";
import { matchingNetwork } from "./metric/matching.js";
import { simpleShot } from "./metric/nearest-centroid.js";
import { prototypicalNetwork } from "./metric/prototypical.js";
import { relationNetwork } from "./metric/relation.js";
import { semiSupervisedPrototypes } from "./metric/semi-supervised-prototypes.js";
import { siameseNetwork, tripletNetwork } from "./metric/siamese.js";
import type { Temperature } from "./metric/temperature.js";
import { filmNetwork } from "./model-based/film.js";
import { inContextTransformer } from "./model-based/in-context-transformer.js";
import { memoryNetwork } from "./model-based/memory-network.js";
import type { ModelBasedOptions } from "./model-based/model-based-learner.js";
import { neuralProcess } from "./model-based/neural-process.js";
import { snail } from "./model-based/snail.js";
import { structureLearner } from "./model-based/structure-learner.js";

/** Kinds of tasks that a learner may be for. */
export type TaskKind = "regression" | "classification";

/**
 * The way a method learns to learn: by gradient steps, by comparing embeddings, by a network that reads the support
 * set; or not at all.
 */
export type LearnerFamily = "gradient" | "metric" | "model" | "baseline";

/** The parts that learners of the catalogue are made of. Each takes what it has use for. */
export interface LearnerSetting {
  readonly kind: TaskKind;
  /** Shape of one input. */
  readonly inputShape: readonly number[];
  /** Classes of a task, at most; for regression the numbers of one target. */
  readonly outputs: number;
  /** The whole model: [n, ...inputShape] -> [n, outputs]. */
  readonly model: Layer;
  /** The same with normalisation of its own for each of the inner steps, where it has any. */
  readonly perStepModel: Layer;
  /** The model without its head: [n, ...inputShape] -> [n, features]. */
  readonly embedding: Layer;
  /** An embedding that keeps images: [n, height, width, channels]; the embedding itself where inputs are none. */
  readonly maps: Layer;
  /** The model with a context vector as a further input. */
  readonly contextModel: ContextLayer;
  readonly loss: Loss;
  /** Inner steps in training. */
  readonly steps: number;
  readonly inner: Optimizer;
  /** Its rate, for learners that make a rule of their own of it. */
  readonly innerRate: number;
  /** Updates of the training, for learners that change over it. */
  readonly iterations: number;
  readonly distance: Distance;
  readonly temperature: Temperature;
  /** Weight of the pull towards the meta-parameters: iMAML's lambda. */
  readonly proximal: number;
  /** Units of the layers of networks that read the support set. */
  readonly units: number;
  /** Support rows of a task, at most, for networks that read them one after another. */
  readonly supportRows: number;
  /** Classes of the training data, for learners that tell all of them apart. */
  readonly trainClasses: number;
}

/**
 * The tasks that a learner is trained on: episodes; these with unlabelled support examples; or batches of all classes.
 */
export type TrainingTasks = "episodes" | "episodes with unlabelled examples" | "batches of all classes";

/** A learner of the catalogue: what it is for, where it comes from, and how it is built. */
export interface LearnerEntry {
  readonly family: LearnerFamily;
  /** One line: what is learned, and how a task is adapted to. */
  readonly summary: string;
  /** Authors and year. */
  readonly source: string;
  readonly kinds: readonly TaskKind[];
  /** Whether the parameters do not depend on the number of classes: it may be evaluated with more ways than it was trained with. */
  readonly variableWays: boolean;
  /** Whether a task is adapted to in steps, of which there may be more or fewer. */
  readonly takesSteps: boolean;
  /** Tasks that it is for; "episodes" unless given. */
  readonly tasks?: TrainingTasks;
  /** The learner; its task kind has been checked. */
  readonly build: (setting: LearnerSetting) => Learner;
}

const both = ["regression", "classification"] as const;
const classes = ["classification"] as const;

/**
 * Heads that are fitted to targets of 0 and 1 make logits as small: at a factor of 1 the softmax stays near uniform for
 * long.
 */
const headScale = 10;

/**
 * The first penalty of a ridge head on images, as in the published code of Lee et al. 2019 (MetaOptNet): normalised
 * features have squared norms of about a hundred, and a smaller one learns more slowly.
 */
const ridgePenalty = 50;

/**
 * Options of the model-based learners: a regression network reads inputs as they are, a classifier an embedding of
 * them.
 */
const readingOptions = ({ kind, inputShape, outputs, embedding }: LearnerSetting): ModelBasedOptions =>
  kind === "regression" ? { features: sizeOf(inputShape), outputs } : { model: embedding, ways: outputs };

/** All learners by name, with what each is for: command line, FEATURES.md and tests over all of them come from it. */
export const learnerCatalogue = {
  maml: {
    family: "gradient",
    summary: "parameters from which a few gradient steps do well, differentiated through the steps",
    source: "Finn, Abbeel & Levine 2017",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps }) => maml({ model, loss, inner, steps }),
  },
  fomaml: {
    family: "gradient",
    summary: "MAML with the inner gradients held constant",
    source: "Finn, Abbeel & Levine 2017",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps }) => fomaml({ model, loss, inner, steps }),
  },
  reptile: {
    family: "gradient",
    summary: "parameters moved towards those that training on each task arrives at",
    source: "Nichol, Achiam & Schulman 2018",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps }) => reptile({ model, loss, inner, steps }),
  },
  anil: {
    family: "gradient",
    summary: "MAML where only the head adapts",
    source: "Raghu et al. 2020",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps }) => anil({ model, loss, inner, steps }),
  },
  boil: {
    family: "gradient",
    summary: "MAML where only the body adapts",
    source: "Oh et al. 2021",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps }) => boil({ model, loss, inner, steps }),
  },
  "meta-sgd": {
    family: "gradient",
    summary: "MAML that learns an inner rate for every element of its parameters",
    source: "Li et al. 2017",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, steps, innerRate }) => metaSgd({ model, loss, steps, learningRate: innerRate }),
  },
  "maml++": {
    family: "gradient",
    summary: "MAML with rates and normalisation of each step's own, a loss over all steps, and first order at first",
    source: "Antoniou, Edwards & Storkey 2019",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ kind, perStepModel, loss, steps, innerRate, iterations }) =>
      mamlPlusPlus({
        model: perStepModel,
        loss,
        steps,
        learningRate: innerRate,
        // The authors' shares of a training: 15 and 50 of 150 epochs.
        multiStepLoss: { annealOver: Math.max(1, Math.round(iterations / 10)) },
        // Of first order, learned rates grow beyond what the steps bear: squared errors then have no bound.
        orderAnnealing: kind === "classification" && { secondOrderFrom: Math.max(1, Math.round(iterations / 3)) },
      }),
  },
  "learned-sgd": {
    family: "gradient",
    summary: "MAML that learns its inner optimizer's rate, momentum and weight decay, by their hypergradients",
    source: "Maclaurin, Duvenaud & Adams 2015",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, steps, innerRate }) =>
      maml({
        model,
        loss,
        steps,
        inner: learnedOptions((options) => sgd(options), {
          learningRate: innerRate,
          momentum: 0.5,
          weightDecay: 1e-3,
        }),
      }),
  },
  "meta-curvature": {
    family: "gradient",
    summary: "MAML that learns linear maps of its inner gradients",
    source: "Park & Oliva 2019",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, steps, innerRate }) =>
      maml({ model, loss, steps, inner: metaCurvature({ learningRate: innerRate }) }),
  },
  "lstm-optimizer": {
    family: "gradient",
    summary: "parameters, and a recurrent network that takes the gradients and makes the steps",
    source: "Andrychowicz et al. 2016; Ravi & Larochelle 2017",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, steps, innerRate }) =>
      maml({ model, loss, steps, inner: lstmOptimizer({ learningRate: innerRate }) }),
  },
  cavia: {
    family: "gradient",
    summary: "a network with a context vector as input, which alone adapts",
    source: "Zintgraf et al. 2019",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ contextModel, loss, inner, steps }) => cavia({ model: contextModel, loss, inner, steps }),
  },
  imaml: {
    family: "gradient",
    summary: "the implicit gradient at the end of a proximal inner loop, whose steps take no memory",
    source: "Rajeswaran et al. 2019",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps, proximal }) => implicitMaml({ model, loss, inner, steps, lambda: proximal }),
  },
  ridge: {
    family: "gradient",
    summary: "R2-D2: an embedding under a head that ridge regression fits in closed form",
    source: "Bertinetto et al. 2019",
    kinds: both,
    variableWays: true,
    takesSteps: false,
    build: ({ kind, embedding, outputs }) =>
      ridgeRegression(
        kind === "regression"
          ? { task: kind, model: embedding }
          : { task: kind, model: embedding, ways: outputs, lambda: ridgePenalty, scale: headScale },
      ),
  },
  logistic: {
    family: "gradient",
    summary: "LR-D2: an embedding under a logistic head that a few Newton steps fit",
    source: "Bertinetto et al. 2019",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs }) => logisticRegression({ model: embedding, ways: outputs }),
  },
  svm: {
    family: "gradient",
    summary: "an embedding under a least-squares support vector machine",
    source: "Suykens & Vandewalle 1999",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs }) => leastSquaresSvm({ model: embedding, ways: outputs, scale: headScale }),
  },
  prototypical: {
    family: "metric",
    summary: "a class is the mean of its support examples in a learned embedding",
    source: "Snell, Swersky & Zemel 2017",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs, distance, temperature }) =>
      prototypicalNetwork({ model: embedding, ways: outputs, distance, temperature }),
  },
  matching: {
    family: "metric",
    summary: "labels of the support examples, weighted by an attention over their embeddings",
    source: "Vinyals et al. 2016",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs, temperature }) => matchingNetwork({ model: embedding, ways: outputs, temperature }),
  },
  "matching-fce": {
    family: "metric",
    summary: "matching networks with full-context embeddings: each example is embedded beside the others",
    source: "Vinyals et al. 2016",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs, temperature }) =>
      matchingNetwork({ model: embedding, ways: outputs, temperature, fullContext: true }),
  },
  relation: {
    family: "metric",
    summary: "a learned comparison of a query with each class",
    source: "Sung et al. 2018",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ maps, outputs }) => relationNetwork({ model: maps, ways: outputs }),
  },
  siamese: {
    family: "metric",
    summary: "the probability that two examples are of one class",
    source: "Koch, Zemel & Salakhutdinov 2015",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs }) => siameseNetwork({ model: embedding, ways: outputs }),
  },
  triplet: {
    family: "metric",
    summary: "embeddings in which a class is nearer than others by a margin",
    source: "Schroff, Kalenichenko & Philbin 2015",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    build: ({ embedding, outputs }) => tripletNetwork({ model: embedding, ways: outputs }),
  },
  "semi-supervised": {
    family: "metric",
    summary: "prototypes refined by unlabelled examples",
    source: "Ren et al. 2018",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    tasks: "episodes with unlabelled examples",
    build: ({ embedding, outputs }) => semiSupervisedPrototypes({ model: embedding, ways: outputs }),
  },
  "simple-shot": {
    family: "metric",
    summary: "the nearest class mean among centred, normalised features of a classifier of all training classes",
    source: "Wang et al. 2019",
    kinds: classes,
    variableWays: true,
    takesSteps: false,
    tasks: "batches of all classes",
    build: ({ embedding, outputs, trainClasses }) =>
      simpleShot({ model: embedding, ways: outputs, classes: trainClasses }),
  },
  cnp: {
    family: "model",
    summary: "conditional neural process: the mean of the encoded support set, decoded with a variance",
    source: "Garnelo et al. 2018",
    kinds: both,
    variableWays: false,
    takesSteps: false,
    build: (setting) => neuralProcess({ ...readingOptions(setting), hidden: setting.units }),
  },
  anp: {
    family: "model",
    summary: "attentive neural process: queries attend to the encoded support examples",
    source: "Kim et al. 2019",
    kinds: both,
    variableWays: false,
    takesSteps: false,
    build: (setting) => neuralProcess({ ...readingOptions(setting), hidden: setting.units, attention: true }),
  },
  transformer: {
    family: "model",
    summary: "in-context learning: a transformer whose prompt is the support set",
    source: "Müller et al. 2022",
    kinds: both,
    variableWays: false,
    takesSteps: false,
    build: (setting) => inContextTransformer({ ...readingOptions(setting), hidden: setting.units }),
  },
  snail: {
    family: "model",
    summary: "causal convolutions and attention over the sequence of support examples",
    source: "Mishra et al. 2018",
    kinds: both,
    variableWays: false,
    takesSteps: false,
    build: (setting) => snail({ ...readingOptions(setting), length: setting.supportRows }),
  },
  mann: {
    family: "model",
    summary: "a recurrent network that writes the support examples to an external memory",
    source: "Santoro et al. 2016",
    kinds: both,
    variableWays: false,
    takesSteps: false,
    build: (setting) =>
      memoryNetwork({ ...readingOptions(setting), hidden: setting.units, slots: 32, width: 20, heads: 2 }),
  },
  film: {
    family: "model",
    summary: "a task encoder scales and shifts the units of the network",
    source: "Perez et al. 2018; Requeima et al. 2019",
    kinds: both,
    variableWays: true,
    takesSteps: false,
    build: (setting) => filmNetwork({ ...readingOptions(setting), hidden: [setting.units, setting.units] }),
  },
  gates: {
    family: "model",
    summary:
      "shared features, and a gate for each hidden unit that each task optimises (with the head of a classifier)",
    source: "this project's sources; in form Raghu et al. 2020",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: (setting) =>
      structureLearner({
        ...structureOptions(setting),
        structure: "gates",
        headAdapts: setting.kind === "classification",
      }),
  },
  widths: {
    family: "model",
    summary: "shared features, and the width of each hidden layer that each task optimises with its head",
    source: "this project's sources; widths as in Yu et al. 2019",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: (setting) => structureLearner({ ...structureOptions(setting), structure: "widths", headAdapts: true }),
  },
  joint: {
    family: "baseline",
    summary: "joint pre-training: one model trained on all tasks at once, then fine-tuned",
    source: "the baseline of Finn, Abbeel & Levine 2017",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    build: ({ model, loss, inner, steps }) => jointTraining({ model, loss, inner, steps }),
  },
} as const satisfies Readonly<Record<string, LearnerEntry>>;

const structureOptions = (setting: LearnerSetting) => ({
  ...readingOptions(setting),
  hidden: [setting.units, setting.units],
  inner: setting.inner,
  steps: setting.steps,
});

/** Names of the learners of the catalogue, as `--learner` takes them. */
export type LearnerName = keyof typeof learnerCatalogue;
/** The names of the catalogue, in its order. */
export const learnerNames = Object.keys(learnerCatalogue) as readonly LearnerName[];

/**
 * A learner of the catalogue, made of the parts of a setting that it has use for.
 *
 * @throws IL102 where the learner is not for this kind of task
 */
export function buildLearner(name: LearnerName, setting: LearnerSetting): Learner {
  const entry: LearnerEntry = learnerCatalogue[name];
  if (!entry.kinds.includes(setting.kind)) {
    const others = learnerNames.filter((other) =>
      (learnerCatalogue[other] as LearnerEntry).kinds.includes(setting.kind),
    );
    throw new GraphError("IL102", name, `it is not for ${setting.kind}`, `Choose one of ${others.join(", ")}`);
  }
  return entry.build(setting);
}

/** Numbers of a layer's output for one input of a shape. */
export function outputSizeOf(layer: Layer, inputShape: readonly number[]): number {
  return sizeOf(layer.apply(layer.init(structureKey), input([1, ...inputShape])).shape);
}
