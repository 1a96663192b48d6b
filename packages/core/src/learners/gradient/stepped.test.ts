/** Adaptation taken apart into steps: with the number of each known only as a tensor, what adapting does at once. */
import { concat, mul, scalar, sliceAxis, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { linear, sequential, tanh } from "../../layers/layers.js";
import { perStepBatchNorm } from "../../layers/per-step-batch-norm.js";
import { meanSquaredError } from "../../losses/losses.js";
import { adam, sgd } from "../../optimizers/optimizers.js";
import type { Examples } from "../../tasks/task.js";
import { fineTuning, fromScratch, jointTraining } from "../baselines/baselines.js";
import type { Learner } from "../learner.js";
import { structureLearner } from "../model-based/structure-learner.js";
import { cavia, contextualMlp } from "./cavia.js";
import { base, curve, curves, expectClose, movedParams, padded, rate } from "./gradient-options.fixture.js";
import { implicitMaml } from "./imaml.js";
import { learnedOptions, learnedRates, metaCurvature } from "./learned-optimizers.js";
import { lstmOptimizer } from "./lstm-optimizer.js";
import { anil, maml } from "./maml.js";
import { mamlPlusPlus } from "./maml-plus-plus.js";
import { reptile } from "./reptile.js";

const inner = sgd({ learningRate: rate });
const shared = { model: curve, loss: meanSquaredError, inner };
const normsOfSteps = (mode: "support" | "running") =>
  sequential([
    linear({ inputs: 2, outputs: 4 }),
    perStepBatchNorm({ channels: 4, mode, steps: 2 }),
    tanh(),
    linear({ inputs: 4, outputs: 1 }),
  ]);

const cases: readonly (readonly [name: string, learner: unknown])[] = [
  ["MAML", maml(base)],
  ["MAML, inner Adam", maml({ ...base, inner: adam({ learningRate: 0.05 }) })],
  ["MAML, pulled back", maml({ ...base, proximal: 0.5 })],
  ["MAML, shorter later steps", maml({ ...base, laterShare: 0.25 })],
  ["MAML, mini-batches", maml({ ...base, minibatch: { size: 3 } })],
  ["MAML, mini-batches that are put together", maml({ ...base, minibatch: { size: 2, accumulate: 3 } })],
  ["MAML, rates of each step", maml({ ...base, inner: learnedRates({ per: "layerAndStep", steps: 2 }) })],
  [
    "MAML, learned options",
    maml({ ...base, inner: learnedOptions((o) => sgd(o), { learningRate: 0.1, momentum: 0.5 }) }),
  ],
  ["MAML, curvature", maml({ ...base, inner: metaCurvature({ learningRate: 0.1 }) })],
  ["MAML, LSTM", maml({ ...base, inner: lstmOptimizer({ hidden: 3 }) })],
  ["ANIL", anil(base)],
  ["MAML++, norms of the support set", mamlPlusPlus({ ...shared, model: normsOfSteps("support"), steps: 2 })],
  ["MAML++, running norms", mamlPlusPlus({ ...shared, model: normsOfSteps("running"), steps: 2 })],
  ["Reptile", reptile({ ...shared, innerBatchSize: 3, steps: 2 })],
  ["iMAML", implicitMaml({ ...shared, steps: 2 })],
  ["CAVIA", cavia({ ...shared, model: contextualMlp({ sizes: [2, 4, 1], contextSize: 3 }), steps: 2 })],
  ["from scratch", fromScratch({ ...shared, steps: 2, minibatch: { size: 2 }, laterShare: 0.5 })],
  ["fine-tuning of the head", fineTuning({ ...shared, adapts: "head" })],
  ["joint training", jointTraining({ ...shared, steps: 2 })],
  ["gates", structureLearner({ features: 2, outputs: 1, inner, hidden: [3], steps: 2 })],
];

const { support } = curves();
/** Six rows: mini-batches of three are halves, of four parts none. */
const rows = (count: number): Examples => {
  const more = curves(1).support;
  return {
    x: sliceAxis(concat([support.x, more.x]), 0, 0, count),
    y: sliceAxis(concat([support.y, more.y]), 0, 0, count),
  };
};

describe.each(cases)("%s", (_name, given) => {
  const learner = given as Learner;
  const params = movedParams(learner);
  const inSteps = (set: Examples, steps: number): Tree => {
    const stepped = learner.stepped!;
    let state = stepped.start(params, set);
    for (let taken = 0; taken < steps; taken++) state = stepped.step(params, set, state, scalar(taken, "int32"));
    return stepped.adapted(params, set, state, scalar(steps, "int32"));
  };

  test.each([0, 1, 2, 5])("%i steps of a loop are as many of its own", (steps) => {
    for (const set of [rows(6), padded(rows(6)), padded(rows(2), 5)])
      expectClose(inSteps(set, steps), learner.adapt(params, set, { steps }), 1e-9);
  });
});

test("batches that a function of the step's number chooses are refused in a loop, and taken at once", () => {
  const bowl = (params: Tree, data: Tensor) => ({ loss: sum(mul((params as { readonly at: Tensor }).at, data)) });
  const learner = maml<Tensor>({
    objective: bowl,
    init: () => ({ at: tensor([1, 2]) }),
    inner,
    batches: (data, step) => mul(data, step + 1),
  });
  const params = { at: tensor([1, 2]) };
  const stepped = learner.stepped!;
  const state = stepped.start(params, tensor([1]));
  expect(() => stepped.step(params, tensor([1]), state, scalar(0, "int32"))).toThrow(
    /IL102 maml: batches are chosen by a function of the step's number/,
  );
  expectClose(
    stepped.step(params, tensor([1]), state, 0),
    { fast: { at: tensor([1 - rate, 2 - rate]) }, optimizer: {} },
    1e-6,
  );
});
