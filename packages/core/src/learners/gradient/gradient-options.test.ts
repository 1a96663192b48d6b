/** Laws that hold of MAML with every option, alone and together. */
import { grad, leaves, paths, type Tensor, type Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { dropout, linear, relu, sequential, tanh } from "../../layers/layers.js";
import { perStepBatchNorm } from "../../layers/per-step-batch-norm.js";
import { crossEntropy } from "../../losses/losses.js";
import { convNet, mlp } from "../../networks/models.js";
import { classificationTask, gradientError, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { adam, rmsProp, sgd } from "../../optimizers/optimizers.js";
import type { Task } from "../../tasks/task.js";
import { stackTasks, taskKeys } from "../../training/task-batch.js";
import { type Learner, type MetaGradientOptions, meanMetaGradient } from "../learner.js";
import {
  base,
  curves,
  distance,
  expectClose,
  iteration,
  lossAfterAdapting,
  movedParams,
  normalized,
  padded,
} from "./gradient-options.fixture.js";
import { learnedOptions, learnedRates, metaCurvature } from "./learned-optimizers.js";
import { anil, fomaml, maml, metaSgd } from "./maml.js";
import { mamlPlusPlus } from "./maml-plus-plus.js";
import { warped } from "./warped.js";

const images = convNet({ imageShape: [4, 4, 2], ways: 4, filters: 2, blocks: 1, batchNorm: "support" });
const pictures = (index = 0): Task => classificationTask([4, 4, 2], 4, 2, 2, index);
const perStep = (mode: "transductive" | "support" | "running") =>
  mlp({ sizes: [2, 4, 1], activation: "tanh", batchNorm: mode, batchNormSteps: 2 });
const bent = sequential([
  linear({ inputs: 2, outputs: 4 }),
  warped(linear({ inputs: 4, outputs: 4 })),
  tanh(),
  linear({ inputs: 4, outputs: 1 }),
]);

interface OptionCase {
  readonly name: string;
  readonly learner: Learner;
  readonly task?: (index?: number) => Task;
  /** Of first order: its meta-gradient is not the gradient of its loss. */
  readonly firstOrder?: true;
  /** Where training is, for learners that change over it. */
  readonly at?: MetaGradientOptions;
  /** What adapting outside training does is not what it does in training. */
  readonly trainsOtherwise?: true;
  /** Parameters that have no gradient: biases that a norm takes off again, running averages, rates of either. */
  readonly still?: readonly string[];
}

const averages = (norm: string): string[] =>
  [0, 1].flatMap((step) => ["runningMean", "runningVariance"].map((name) => `${norm}/steps/${step}/${name}`));

const cases: readonly OptionCase[] = [
  { name: "rates per element", learner: maml({ ...base, inner: learnedRates({ per: "element", from: 0.2 }) }) },
  { name: "rates per layer", learner: maml({ ...base, inner: learnedRates({ per: "layer", from: 0.2 }) }) },
  {
    name: "rates per layer and step, of which there are more",
    learner: maml({ ...base, steps: 3, inner: learnedRates({ per: "layerAndStep", from: 0.2, steps: 2 }) }),
  },
  { name: "Meta-SGD of first order", learner: metaSgd({ ...base, order: 1 }), firstOrder: true },
  {
    name: "ANIL with rates per element",
    learner: anil({ ...base, inner: learnedRates({ per: "element", from: 0.2 }) }),
  },
  {
    name: "learned rate, momentum and weight decay of SGD",
    learner: maml({
      ...base,
      inner: learnedOptions((o) => sgd({ ...o, nesterov: true }), {
        learningRate: 0.2,
        momentum: 0.5,
        weightDecay: 0.1,
      }),
    }),
  },
  {
    name: "learned options of Adam in their ranges",
    learner: maml({
      ...base,
      inner: learnedOptions(
        (o) => adam(o),
        { learningRate: 0.05, beta1: 0.8, beta2: 0.95, epsilon: 0.1 },
        { learningRate: "positive", beta1: "fraction", beta2: "fraction", epsilon: "positive" },
      ),
    }),
  },
  {
    name: "learned options of RMSprop",
    learner: maml({
      ...base,
      inner: learnedOptions(
        (o) => rmsProp(o),
        { learningRate: 0.05, decay: 0.8, epsilon: 0.05 },
        { decay: "fraction" },
      ),
    }),
  },
  { name: "meta-curvature", learner: maml({ ...base, inner: metaCurvature({ learningRate: 0.2 }) }) },
  {
    name: "meta-curvature of filters",
    learner: maml({ ...base, model: images, loss: crossEntropy, inner: metaCurvature({ learningRate: 0.2 }) }),
    task: pictures,
    still: ["model/1/0/bias", "inner/1/0/bias/scale"],
  },
  { name: "proximal term", learner: maml({ ...base, proximal: 0.7 }) },
  { name: "learned proximal term", learner: maml({ ...base, proximal: { learned: 0.7 } }) },
  { name: "proximal term of first order", learner: fomaml({ ...base, proximal: 0.7 }), firstOrder: true },
  { name: "mini-batches", learner: maml({ ...base, minibatch: { size: 2 } }) },
  {
    name: "accumulated mini-batches",
    learner: maml({ ...base, minibatch: { size: 1, accumulate: 3 }, proximal: 0.2 }),
  },
  {
    name: "loss of all steps",
    learner: maml({ ...base, steps: 3, multiStepLoss: { annealOver: 10 } }),
    at: iteration(4),
  },
  {
    name: "loss of all steps, batch normalisation by the support set",
    learner: maml({ ...base, model: normalized("support"), multiStepLoss: { annealOver: 10 } }),
    at: iteration(4),
    still: ["0/bias"],
  },
  {
    name: "order annealing, before",
    learner: maml({ ...base, orderAnnealing: { secondOrderFrom: 10 } }),
    at: iteration(9),
    firstOrder: true,
  },
  {
    name: "order annealing, after",
    learner: maml({ ...base, orderAnnealing: { secondOrderFrom: 10 } }),
    at: iteration(10),
  },
  {
    name: "batch normalisation of each step, transductive",
    learner: maml({ ...base, model: perStep("transductive") }),
    still: ["1/bias"],
  },
  {
    name: "batch normalisation of each step, support",
    learner: maml({ ...base, model: perStep("support") }),
    still: ["1/bias"],
  },
  {
    name: "batch normalisation of each step, running",
    learner: maml({ ...base, model: perStep("running") }),
    trainsOtherwise: true,
    still: ["1/bias", ...averages("2")],
  },
  {
    name: "MAML++",
    learner: mamlPlusPlus({ ...base, model: perStep("support"), multiStepLoss: { annealOver: 10 } }),
    at: iteration(3),
    firstOrder: true,
    // The norm of the first step is met by inner gradients alone, which are held constant.
    still: ["model/1/bias", "model/2/steps/0/scale", "model/2/steps/0/shift", "inner/1/bias"],
  },
  {
    name: "MAML++ later",
    learner: mamlPlusPlus({ ...base, model: perStep("support"), orderAnnealing: { secondOrderFrom: 2 } }),
    at: iteration(3),
    still: ["model/1/bias", "inner/1/bias"],
  },
  { name: "warped layer", learner: maml({ ...base, model: bent }) },
  {
    name: "much of it together",
    learner: maml({
      ...base,
      model: sequential([
        linear({ inputs: 2, outputs: 3 }),
        perStepBatchNorm({ channels: 3, mode: "running", steps: 2 }),
        warped(linear({ inputs: 3, outputs: 3 })),
        relu(),
        dropout({ rate: 0.2 }),
        linear({ inputs: 3, outputs: 1 }),
      ]),
      inner: learnedRates({ per: "layerAndStep", from: 0.2, steps: 3 }),
      steps: 3,
      proximal: { learned: 0.1 },
      minibatch: { size: 2, accumulate: 2 },
      multiStepLoss: { annealOver: 10 },
      orderAnnealing: { secondOrderFrom: 2 },
    }),
    at: iteration(3),
    trainsOtherwise: true,
    // What a step's norm has adapted to by that step's end, no later one uses.
    still: ["model/0/bias", ...averages("model/1"), "inner/0/bias", "inner/1/steps/0/scale", "inner/1/steps/0/shift"],
  },
];

const taskOf = ({ task = curves }: OptionCase, index = 0): Task => task(index);

describe.each(cases)("$name", (one) => {
  const { learner, at } = one;
  const params = movedParams(learner);
  const lossOf = (p: Tree): Tensor => {
    const { loss, metrics } = learner.metaGradient(p, taskOf(one), undefined, at);
    return metrics.outerLoss ?? loss;
  };

  if (!one.firstOrder)
    test("its meta-gradient is what central differences of its loss tell", () => {
      const { gradient } = learner.metaGradient(params, taskOf(one), undefined, at);
      expect(gradientError(lossOf, params, gradient, { h: 1e-4 })).toBeLessThan(1e-7);
    });

  if (one.firstOrder)
    test("its meta-gradient is not that of its loss, whose inner gradients are not constant", () => {
      const { gradient } = learner.metaGradient(params, taskOf(one), undefined, at);
      expect(gradientError(lossOf, params, gradient)).toBeGreaterThan(1e-3);
    });

  if (!at && !one.trainsOtherwise)
    test("its loss is that of adapting, then predicting, and of neither alone", () => {
      expectClose(lossOf(params), lossAfterAdapting(learner, taskOf(one))(params), 1e-12);
      const still = (p: Tree): Tensor => lossAfterAdapting(learner, taskOf(one), 0)(p);
      expect(Math.abs(valuesIn(lossOf(params))[0]! - valuesIn(still(params))[0]!)).toBeGreaterThan(1e-3);
      const { gradient } = learner.metaGradient(params, taskOf(one));
      expect(distance(gradient, grad(still)(params))).toBeGreaterThan(1e-3);
    });

  test("all that it learns has a gradient, but what is said to have none", () => {
    const { gradient } = learner.metaGradient(params, taskOf(one), undefined, at);
    expect(leaves(gradient).map(({ shape }) => shape)).toEqual(leaves(params).map(({ shape }) => shape));
    expect(numbersOf(gradient).flat().every(Number.isFinite)).toBe(true);
    const still = numbersOf(gradient).flatMap((values, i) =>
      values.every((value) => Math.abs(value) < 1e-12) ? [paths(params)[i]!] : [],
    );
    expect(still).toEqual(one.still ?? []);
  });

  test("rows that are padding count for nothing", () => {
    const { support, query } = taskOf(one);
    const pad = (garbage: number): Task => ({
      support: padded(support, 3, garbage),
      query: padded(query, 2, garbage),
    });
    const { loss, gradient, metrics } = learner.metaGradient(params, { support, query }, undefined, at);
    const found = learner.metaGradient(params, pad(77), undefined, at);
    expectClose(
      { loss: found.loss, gradient: found.gradient, metrics: found.metrics },
      { loss, gradient, metrics },
      1e-9,
    );
    const predictions = (task: Task): number[] =>
      valuesIn(learner.predict(learner.adapt(params, task.support), task.query.x, task.query.present));
    const alone = predictions({ support, query });
    predictions(pad(78))
      .slice(0, alone.length)
      .forEach((value, i) => {
        expect(Math.abs(value - alone[i]!)).toBeLessThan(1e-9);
      });
  });

  test("computing steps again changes nothing", () => {
    const tasks = stackTasks([0, 1].map((index) => taskOf(one, index)));
    const values = (recompute: number): Tree => {
      const found = meanMetaGradient(learner, params, tasks, taskKeys(1, 0, 2), { ...at, recompute });
      return { loss: found.loss, gradient: found.gradient, statistics: found.statistics ?? {} };
    };
    const kept = values(0);
    for (const recompute of [1, 2]) expectClose(values(recompute), kept, 0);
  });

  test("over tasks, it is the mean of single ones", () => {
    const tasks = [0, 1].map((index) => taskOf(one, index));
    const all = meanMetaGradient(learner, params, stackTasks(tasks), undefined, at);
    const [a, b] = tasks.map((task) => learner.metaGradient(params, task, undefined, at).gradient) as [Tree, Tree];
    const half = numbersOf(b);
    numbersOf(all.gradient).forEach((values, i) => {
      values.forEach((value, j) => {
        expect(value).toBeCloseTo((numbersOf(a)[i]![j]! + half[i]![j]!) / 2, 7);
      });
    });
  });
});
