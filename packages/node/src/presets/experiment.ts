/** From options to what `train` and `evaluate` take: data, tasks, learner, optimizers and baselines. */
import {
  type Adapter,
  adam,
  adamW,
  anil,
  boil,
  clipByGlobalNorm,
  convNet,
  cosineSchedule,
  crossEntropy,
  episodes,
  fomaml,
  fromScratch,
  glorotUniform,
  heNormal,
  type Initializer,
  jointTraining,
  type LabelledExamples,
  type Layer,
  type Learner,
  type LearningRate,
  type Loss,
  linearClassifier,
  linearSchedule,
  maml,
  meanSquaredError,
  metaSgd,
  mlp,
  nearestNeighbour,
  type Optimizer,
  reptile,
  rmsProp,
  sgd,
  sinusoids,
  splitClasses,
  type TaskSource,
  truncatedNormal,
  withRotations,
} from "innerloop";
import type { ExperimentOptions } from "./option-table.js";
import { UsageError } from "./usage-error.js";

/** A baseline of the results table, with the steps that it is given. */
export interface Baseline {
  readonly adapter: Adapter;
  readonly steps: readonly number[];
}

/** All that a run trains and evaluates. */
export interface Experiment {
  readonly learner: Learner;
  readonly tasks: { readonly train: TaskSource; readonly validation: TaskSource; readonly test: TaskSource };
  readonly optimizer: Optimizer;
  readonly baselines: readonly Baseline[];
}

/** The parts of a data set that tasks are drawn from; `undefined` for families that are formulas. */
export type DataSplits = {
  readonly train: LabelledExamples;
  readonly validation: LabelledExamples;
  readonly test: LabelledExamples;
};

/** Splits do not depend on a run's seed: results of several seeds are then about the same held-out classes. */
const splitSeedOfData = 20170309;

export function splitData(
  data: LabelledExamples,
  options: Pick<ExperimentOptions, "split" | "validationClasses" | "testClasses" | "ways" | "rotations">,
): DataSplits {
  if (options.split === "examples") return splitExamples(data);
  const n = data.classes.length;
  const test = options.testClasses || Math.max(options.ways, Math.round(n / 5));
  const validation = options.validationClasses || Math.max(options.ways, Math.round(n / 10));
  if (n - test - validation < options.ways) {
    throw new UsageError(
      `${data.name} has ${n} classes, too few to hold out ${validation} for validation and ${test} for evaluation and train on ${options.ways}-way tasks`,
      "Lower --ways, --validation-classes or --test-classes, or hold out examples with --split examples",
    );
  }
  const parts = splitClasses(data, { train: n - validation - test, validation, test }, splitSeedOfData);
  return options.rotations === "yes" ? { ...parts, train: withRotations(parts.train) } : parts;
}

/** 80, 5 and 15 percent of each class, in the order of the examples. */
function splitExamples(data: LabelledExamples): DataSplits {
  const size = data.exampleShape.reduce((a, b) => a * b, 1);
  const part = (name: string, from: number, to: number): LabelledExamples => ({
    ...data,
    name: `${data.name} ${name}`,
    classes: data.classes.map((entry) => {
      const [start, stop] = [Math.floor(entry.count * from), Math.floor(entry.count * to)];
      return { ...entry, count: stop - start, examples: entry.examples.subarray(start * size, stop * size) };
    }),
  });
  return { train: part("train", 0, 0.8), validation: part("validation", 0.8, 0.85), test: part("test", 0.85, 1) };
}

/**
 * Builds the experiment; `data` is needed for all but the sinusoid family.
 *
 * @param outputs classes that the model tells apart, those of a task by default; tasks may have fewer
 */
export function buildExperiment(
  options: ExperimentOptions,
  data: DataSplits | undefined,
  outputs = options.ways,
): Experiment {
  const tasks = tasksOf(options, data);
  const loss: Loss = data ? crossEntropy : meanSquaredError;
  const model = modelOf({ ...options, ways: outputs }, data?.test.exampleShape);
  return {
    learner: learnerOf(options, model, loss),
    tasks,
    optimizer: outerOptimizerOf(options),
    baselines: baselinesOf(options, model, loss),
  };
}

/** The learner of a classification run alone, for which no data need be loaded. */
export function buildClassifier(options: ExperimentOptions, exampleShape: readonly number[]): Learner {
  return learnerOf(options, modelOf(options, exampleShape), crossEntropy);
}

function tasksOf(options: ExperimentOptions, data: DataSplits | undefined): Experiment["tasks"] {
  const { ways, shots, trainShots } = options;
  const queries = options.queries || shots;
  if (!data) {
    const evaluation = sinusoids({ shots, queries });
    return {
      train: trainShots ? sinusoids({ shots: trainShots, queries }) : evaluation,
      validation: evaluation,
      test: evaluation,
    };
  }
  return {
    train: episodes(data.train, { ways, shots: trainShots || shots, queries, skipSmallClasses: true }),
    validation: episodes(data.validation, { ways, shots, queries, skipSmallClasses: true }),
    test: episodes(data.test, { ways, shots, queries, skipSmallClasses: true }),
  };
}

const initializers: Readonly<Record<ExperimentOptions["init"], Initializer>> = {
  glorot: glorotUniform,
  he: heNormal,
  small: truncatedNormal(0.01),
};

function modelOf(options: ExperimentOptions, exampleShape: readonly number[] | undefined): Layer {
  const { ways, hidden, filters, blocks, downsampling } = options;
  const batchNorm = options.batchNorm === "none" ? undefined : options.batchNorm;
  const inputs = exampleShape ? exampleShape.reduce((a, b) => a * b, 1) : 1;
  const outputs = exampleShape ? ways : 1;
  switch (options.model) {
    case "linear":
      return linearClassifier({ inputs, ways: outputs });
    case "mlp": {
      const sizes = [inputs, ...hidden, outputs];
      return mlp({ sizes, weightInit: initializers[options.init], ...(batchNorm ? { batchNorm } : {}) });
    }
    case "conv": {
      const [height, width, channels = 1] = exampleShape ?? [];
      if (height === undefined || width === undefined)
        throw new UsageError("--model conv is for images", "Use --model mlp");
      if (!batchNorm)
        throw new UsageError("--batch-norm none is for --model mlp", "Choose transductive, support or running");
      return convNet({ imageShape: [height, width, channels], ways, filters, blocks, downsampling, batchNorm });
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
  return clip > 0 ? clipByGlobalNorm(optimizer, clip) : optimizer;
}

function learnerOf(options: ExperimentOptions, model: Layer, loss: Loss): Learner {
  const { steps } = options;
  const setting = { model, loss, steps, inner: innerOptimizerOf(options) };
  switch (options.learner) {
    case "maml":
      return maml(setting);
    case "fomaml":
      return fomaml(setting);
    case "reptile":
      return reptile(setting);
    case "anil":
      return anil(setting);
    case "boil":
      return boil(setting);
    case "meta-sgd":
      return metaSgd({ model, loss, steps, learningRate: options.innerRate });
    case "joint":
      return jointTraining(setting);
  }
}

/**
 * From scratch with the learner's own adaptation and with one that suits training from scratch, and the nearest
 * neighbour among the pixels of the support set.
 */
function baselinesOf(options: ExperimentOptions, model: Layer, loss: Loss): Baseline[] {
  const scratch = fromScratch({ model, loss, inner: innerOptimizerOf(options) });
  const longer = fromScratch({ model, loss, inner: adam({ learningRate: 0.01 }) });
  const list: Baseline[] = [
    { adapter: scratch, steps: options.evalSteps },
    { adapter: { ...longer, name: "from scratch, Adam 0.01" }, steps: [10, 50] },
  ];
  if (options.data !== "sinusoid") list.push({ adapter: nearestNeighbour({ ways: options.ways }), steps: [0] });
  return list;
}
