import type { ExperimentOptions } from "./option-table.js";

/**
 * A published setting, or ours: the options in which it differs from the defaults of the option table, all of which
 * can be overridden on the command line.
 */
export interface Preset {
  /** One line for `innerloop train --help`. */
  readonly summary: string;
  /** What it is taken from and where it differs, for config.json and the documentation. */
  readonly protocol: string;
  readonly options: Partial<ExperimentOptions> & Pick<ExperimentOptions, "data" | "iterations">;
  /** Further options that go with a learner or a model: they stand in for `options` where these are chosen. */
  readonly learners?: Partial<Record<ExperimentOptions["learner"], Partial<ExperimentOptions>>>;
  readonly models?: Partial<Record<ExperimentOptions["model"], Partial<ExperimentOptions>>>;
}

/** Reptile's published setting for image classification (Nichol et al. 2018, table 5), 5 tasks an update. */
const reptileOnImages: Partial<ExperimentOptions> = {
  innerOptimizer: "adam",
  innerRate: 1e-3,
  steps: 5,
  trainShots: 10,
  metaBatch: 5,
  outerOptimizer: "sgd",
  outerRate: 1,
  schedule: "linear",
  evalSteps: [0, 5, 50],
};

type LearnerOptions = NonNullable<Preset["learners"]>;

/** Learners that compare embeddings: an episode of 20 ways an update, batch normalisation by averages over training. */
const metric: Partial<ExperimentOptions> = { trainWays: 20, queries: 5, batchNorm: "running", metaBatch: 1 };

/** Networks that read the support set, whose ways are those of evaluation. */
const reading: Partial<ExperimentOptions> = {
  batchNorm: "running",
  queries: 5,
  metaBatch: 8,
  outerRate: 1e-3,
  clip: 10,
};

/**
 * What learners want on images, where `options` of a preset are MAML's. Published settings where papers have one for
 * few-shot images; those of networks that read the support set, of gates and of widths are ours.
 */
const onImages: LearnerOptions = {
  reptile: reptileOnImages,
  anil: { steps: 5, innerRate: 0.1, evalSteps: [0, 1, 5, 10] },
  "maml++": { steps: 5, innerRate: 0.1, evalSteps: [0, 1, 5] },
  "learned-sgd": { steps: 3, innerRate: 0.1, evalSteps: [0, 1, 3, 5] },
  imaml: { steps: 16, innerRate: 0.1, evalSteps: [0, 16] },
  cavia: { steps: 2, innerRate: 1, contextSize: 64, evalSteps: [0, 2, 5] },
  "lstm-optimizer": { steps: 3, innerRate: 0.1, metaBatch: 4, evalSteps: [0, 3] },
  gates: { steps: 5, innerRate: 0.5, evalSteps: [0, 5, 10] },
  widths: { steps: 5, innerRate: 0.1, evalSteps: [0, 5, 10] },
  ridge: metric,
  logistic: metric,
  svm: metric,
  prototypical: metric,
  matching: { ...metric, temperature: "learned" },
  "matching-fce": { ...metric, trainWays: 5, metaBatch: 4, temperature: "learned" },
  relation: { ...metric, trainWays: 10 },
  siamese: metric,
  triplet: metric,
  "semi-supervised": metric,
  "simple-shot": { queries: 5, batchNorm: "running", metaBatch: 1 },
  cnp: reading,
  anp: reading,
  transformer: { ...reading, outerRate: 5e-4 },
  snail: reading,
  mann: { ...reading, outerRate: 2e-3 },
  film: metric,
};

/** The same where there may be few classes: training tasks have the ways of evaluation. */
const onFewClasses: LearnerOptions = Object.fromEntries(
  Object.entries(onImages).map(([learner, { trainWays, ...options }]) => [
    learner,
    trainWays === undefined ? options : { ...options, metaBatch: 4 },
  ]),
);

/** And on curves, where `options` are MAML's. */
const onCurves: LearnerOptions = {
  reptile: {
    innerRate: 0.02,
    steps: 5,
    metaBatch: 5,
    outerOptimizer: "sgd",
    outerRate: 0.5,
    schedule: "linear",
    // Rarely the inner steps overshoot on a curve, and theta - theta_K would carry the parameters off.
    clip: 3,
    evalSteps: [0, 1, 5, 10, 32],
  },
  anil: { steps: 5, innerRate: 0.02 },
  "maml++": { steps: 5, clip: 10 },
  "learned-sgd": { steps: 5, clip: 10 },
  "lstm-optimizer": { steps: 5, metaBatch: 4, init: "glorot" },
  cavia: { innerRate: 1 },
  // Nothing in an implicit gradient keeps the inner steps from overshooting: short ones, and an outer rate that ends at 0.
  imaml: {
    steps: 20,
    innerRate: 0.003,
    proximal: 5,
    evalSteps: [0, 1, 5, 10, 20],
    clip: 1,
    schedule: "cosine",
    iterations: 3000,
  },
  gates: { steps: 5, innerRate: 1, init: "glorot" },
  widths: { steps: 5, innerRate: 0.05, init: "glorot" },
  ridge: { init: "glorot" },
  cnp: { units: 128 },
  anp: { units: 128 },
  mann: { outerRate: 2e-3, clip: 10 },
  snail: { clip: 10 },
};

/**
 * Prototypical networks on Omniglot (Snell et al. 2017): 60-way episodes with 5 queries, blocks that pool, averages of
 * the statistics over training; a cosine schedule in place of halving the rate every 2,000 episodes.
 */
const prototypicalOnOmniglot: Partial<ExperimentOptions> = {
  trainWays: 60,
  queries: 5,
  downsampling: "pool",
  batchNorm: "running",
  metaBatch: 1,
  iterations: 5000,
  outerRate: 1e-3,
  schedule: "cosine",
};

const omniglotProtocol =
  "Omniglot at 28 x 28, ink 1. Of the 1,623 characters, shuffled by a fixed seed, 1,100 are for training, 100 for validation and 423 for " +
  "evaluation, as in Finn et al. 2017. Rotations by 90 degrees make new classes for training only; held-out characters are not turned";

function omniglot(ways: number, shots: number): Preset {
  const few = ways <= 5;
  return {
    summary: `Omniglot, ${ways}-way ${shots}-shot, 4 convolutions of 64 (Finn et al. 2017)`,
    protocol: `${omniglotProtocol}. Batch normalisation of learners that adapt by steps is transductive, as published. Fewer iterations than published, with a cosine schedule`,
    options: {
      data: "omniglot",
      ways,
      shots,
      validationClasses: 100,
      testClasses: 423,
      rotations: "yes",
      innerRate: few ? 0.4 : 0.1,
      steps: few ? 1 : 5,
      evalSteps: few ? [0, 1, 5, 10] : [0, 5, 10],
      metaBatch: few ? 32 : 16,
      outerRate: 1e-3,
      schedule: "cosine",
      iterations: few ? 10_000 : 5_000,
      checkpointEvery: 100,
      validateEvery: 500,
    },
    learners: {
      ...onImages,
      // The rates and steps that the papers have for Omniglot are those of the preset.
      anil: {},
      reptile: { ...reptileOnImages, iterations: 20_000, trainShots: Math.max(10, shots) },
      prototypical: prototypicalOnOmniglot,
      ridge: { ...prototypicalOnOmniglot, outerRate: 3e-3 },
      matching: { ...prototypicalOnOmniglot, temperature: "learned" },
      ...(few ? {} : { relation: { ...metric, trainWays: 20 } }),
    },
    models: { mlp: { hidden: [256, 128, 64, 64], init: "small", iterations: 20_000 } },
  };
}

/** The presets by name, in the order in which help lists them. */
export const presets = {
  sinusoid: {
    summary: "regression of sine curves from 10 points, MLP 1-40-40-1 (Finn et al. 2017)",
    protocol:
      "y = A sin(x - phi), A from U[0.1, 5], phi from U[0, pi], x from U[-5, 5]; 10 support and 10 query points",
    options: {
      data: "sinusoid",
      shots: 10,
      model: "mlp",
      hidden: [40, 40],
      init: "small",
      batchNorm: "none",
      innerRate: 0.01,
      steps: 1,
      evalSteps: [0, 1, 5, 10],
      metaBatch: 25,
      outerRate: 1e-3,
      iterations: 30_000,
      checkpointEvery: 1000,
      validateEvery: 2500,
      validationTasks: 200,
    },
    learners: onCurves,
  },
  mnist: {
    summary: "MNIST digits under shuffled labels, 10-way 5-shot, MLP 784-256-10 or --model linear",
    protocol:
      "A task is the ten digits under labels in random order, so that what is learned is to read digits and not their names. 80% of each " +
      "digit's images are for training, 5% for validation and the last 15%, which hold the official test images, for evaluation. A linear model has next to nothing to share between such tasks",
    options: {
      data: "mnist",
      split: "examples",
      ways: 10,
      shots: 5,
      queries: 5,
      model: "mlp",
      hidden: [256],
      batchNorm: "none",
      innerRate: 0.1,
      steps: 5,
      evalSteps: [0, 1, 5, 10],
      metaBatch: 8,
      outerRate: 1e-3,
      schedule: "cosine",
      iterations: 3000,
    },
    learners: { reptile: reptileOnImages },
    models: { conv: { batchNorm: "transductive", innerRate: 0.4, steps: 1, filters: 32 }, linear: { innerRate: 0.5 } },
  },
  "omniglot-5way-1shot": omniglot(5, 1),
  "omniglot-5way-5shot": omniglot(5, 5),
  "omniglot-20way-1shot": omniglot(20, 1),
  "omniglot-20way-5shot": omniglot(20, 5),
  hanzi: {
    summary: "handwritten Chinese characters, 5-way 1-shot; needs no download, and is what `npm start` runs",
    protocol:
      "1,000 characters drawn from stroke data, 20 hands each, at 28 x 28: 700 are for training, 100 for validation and 200 for evaluation",
    options: {
      data: "hanzi",
      ways: 5,
      shots: 1,
      queries: 3,
      validationClasses: 100,
      testClasses: 200,
      filters: 32,
      innerRate: 0.4,
      steps: 1,
      metaBatch: 16,
      outerRate: 2e-3,
      schedule: "cosine",
      iterations: 3000,
      checkpointEvery: 100,
    },
    learners: { ...onImages, reptile: { ...reptileOnImages, iterations: 10_000 } },
    models: { mlp: { hidden: [256, 128, 64, 64], init: "small" } },
  },
  table: {
    summary: "regression from your own table: --data FILE.csv --group-column COLUMN --target COLUMN, MLP of 64-64",
    protocol:
      "The rows of each group are a task. A tenth of the groups are for validation and a fifth for evaluation, by their names; columns have mean 0 and deviation 1 over the training groups, unless --scale none is given",
    options: {
      data: "",
      shots: 5,
      queries: 5,
      model: "mlp",
      hidden: [64, 64],
      init: "small",
      batchNorm: "none",
      innerRate: 0.02,
      steps: 5,
      evalSteps: [0, 1, 5, 10],
      metaBatch: 16,
      outerRate: 1e-3,
      schedule: "cosine",
      // Groups that are far from the others would else have large gradients.
      clip: 1,
      iterations: 3000,
    },
    learners: {
      reptile: {
        init: "glorot",
        innerRate: 0.05,
        metaBatch: 5,
        outerOptimizer: "sgd",
        outerRate: 0.5,
        schedule: "linear",
        clip: 3,
      },
    },
  },
  "grocery-store": {
    summary: "natural photos of fruit, vegetables and cartons, 5-way 1-shot; data import first (Klasson et al. 2019)",
    protocol:
      "Of the 81 classes, in the order of the data set, the first 51 are for training, the next 10 for validation and the last 20 for evaluation. " +
      "Photos of 42 x 42, mirrored and varied in light for training; four convolutions of 32 with pooling",
    options: {
      data: "grocery-store",
      classOrder: "listed",
      validationClasses: 10,
      testClasses: 20,
      channels: "3",
      imageSize: 42,
      augment: "photo",
      ways: 5,
      shots: 1,
      queries: 5,
      filters: 32,
      downsampling: "pool",
      innerRate: 0.05,
      steps: 5,
      evalSteps: [0, 5, 10],
      metaBatch: 4,
      outerRate: 1e-3,
      schedule: "cosine",
      clip: 10,
      iterations: 2000,
      checkpointEvery: 100,
      validateEvery: 100,
    },
    learners: {
      ...onImages,
      "semi-supervised": { ...metric, augment: "none" },
      cavia: { ...onImages.cavia, contextSize: 100 },
    },
  },
  images: {
    summary: "your own images: --data DIR with one folder of images per class, 5-way 1-shot",
    protocol: "A tenth of the classes are for validation and a fifth for evaluation, after a shuffle by a fixed seed",
    options: {
      data: "",
      ways: 5,
      shots: 1,
      queries: 3,
      filters: 32,
      innerRate: 0.4,
      steps: 1,
      metaBatch: 16,
      outerRate: 1e-3,
      schedule: "cosine",
      iterations: 2000,
      checkpointEvery: 100,
    },
    learners: onFewClasses,
  },
} as const satisfies Readonly<Record<string, Preset>>;

/** Names of the presets, as `innerloop train` takes them. */
export type PresetName = keyof typeof presets;
/** The names of all presets. */
export const presetNames = Object.keys(presets) as readonly PresetName[];

/** Tells names of presets from other words. */
export const isPresetName = (name: string): name is PresetName => Object.hasOwn(presets, name);

/** All options of a preset under what the user chose: defaults, preset, learner's and model's own, choices. */
export function resolveOptions(
  name: PresetName | undefined,
  chosen: Partial<ExperimentOptions>,
  defaults: ExperimentOptions,
): ExperimentOptions {
  const preset: Preset | undefined = name && presets[name];
  const learner = chosen.learner ?? preset?.options.learner ?? defaults.learner;
  const model = chosen.model ?? preset?.options.model ?? defaults.model;
  return { ...defaults, ...preset?.options, ...preset?.models?.[model], ...preset?.learners?.[learner], ...chosen };
}
