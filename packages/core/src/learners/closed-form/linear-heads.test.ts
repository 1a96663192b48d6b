import { concat, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential } from "../../layers/layers.js";
import { binaryCrossEntropy, meanSquaredError } from "../../losses/losses.js";
import { classificationTask, flat, noiseTensor, regressionTask, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Examples, Task } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import { difference, padded, reordered, smallEmbedding, testModelBased } from "../model-based/model-based.fixture.js";
import { leastSquaresSvm } from "./least-squares-svm.js";
import type { FittedHead, LinearHeadOptions, LinearHeadParameters } from "./linear-head-learner.js";
import { logisticRegression } from "./logistic-regression.js";
import { ridgeRegression } from "./ridge-regression.js";

type HeadLearner = Learner<LinearHeadParameters, FittedHead>;
const asLearner = (learner: HeadLearner): Learner => learner as unknown as Learner;

const builders = [
  ["ridgeRegression", ridgeRegression],
  ["logisticRegression", logisticRegression],
  ["leastSquaresSvm", leastSquaresSvm],
] as const satisfies readonly (readonly [string, (options: LinearHeadOptions) => HeadLearner])[];

/** 4 classes of two examples with 4 features: ridge regression's primal form; one example each: the dual. */
const classification = (shots: number): Task => classificationTask([3], 4, shots, 1);
testModelBased([
  ...builders.flatMap(([name, build]) =>
    [2, 1].map((shots) => ({
      name: `${name}, ${shots} shots`,
      learner: asLearner(build({ model: smallEmbedding, ways: 4, lambda: 0.4, scale: 3 })),
      task: classification(shots),
    })),
  ),
  ...[3, 8].map((shots) => ({
    name: `ridgeRegression of ${shots} numbers`,
    learner: asLearner(ridgeRegression({ model: smallEmbedding, task: "regression", lambda: 0.3 })),
    task: regressionTask(3, 2, shots, 4),
  })),
]);

/** Inputs are features. */
const identity: Layer = functionLayer((x) => x) as Layer;
const lambda = 0.7;

/** The rows of a matrix. */
function rowsOf(x: Tensor): number[][] {
  const [n, d] = x.shape as [number, number];
  const values = valuesIn(x);
  return Array.from({ length: n }, (_, i) => values.slice(i * d, (i + 1) * d));
}

/** Weights [features][outputs] and biases [outputs] that a learner fits to inputs as they are. */
function fit(learner: HeadLearner, support: Examples): { readonly weight: number[][]; readonly bias: number[] } {
  const { weight, bias } = learner.adapt(learner.init(key(1)), support);
  return { weight: rowsOf(weight), bias: valuesIn(bias) };
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, x, i) => total + x * b[i]!, 0);
const column = (matrix: readonly number[][], j: number): number[] => matrix.map((row) => row[j]!);
const closeToZero = (values: readonly number[], limit = 1e-9): void => {
  expect(values.length).toBeGreaterThan(0);
  for (const value of values) expect(Math.abs(value)).toBeLessThan(limit);
};
const outputsOf = ({ weight, bias }: ReturnType<typeof fit>, x: readonly number[], c: number): number =>
  dot(x, column(weight, c)) + bias[c]!;

describe("ridge regression", () => {
  test.each([
    [4, 9],
    [9, 4],
    [5, 5],
  ])("%i examples of %i features: the normal equations hold", (n, d) => {
    const { support } = regressionTask(d, 2, n, 1);
    const found = fit(ridgeRegression({ model: identity, task: "regression", lambda }), support);
    const x = rowsOf(support.x).map((row) => [...row, 1]);
    const y = rowsOf(support.y);
    for (const output of [0, 1]) {
      const w = [...column(found.weight, output), found.bias[output]!];
      const errors = x.map((row, i) => dot(row, w) - y[i]![output]!);
      // X^T (X w - y) + lambda w = 0; lambda goes through float32's logarithm.
      closeToZero(
        w.map((value, j) => dot(column(x, j), errors) + lambda * value),
        1e-6,
      );
      expect(Math.max(...w.map(Math.abs))).toBeGreaterThan(0.01);
    }
  });

  test("primal = dual: rows of padding turn one into the other", () => {
    const { support } = regressionTask(7, 2, 5, 1);
    const learner = ridgeRegression({ model: identity, task: "regression", lambda });
    const [dual, primal] = [fit(learner, support), fit(learner, padded(support))];
    expect(difference(primal.weight.flat(), dual.weight.flat())).toBeLessThan(1e-12);
    expect(difference(primal.bias, dual.bias)).toBeLessThan(1e-12);
  });

  test("classes are fitted as one-hot rows; logits are the fit times the scale", () => {
    const { support, query } = classificationTask([3], 2, 3, 1);
    const labels = valuesIn(support.y);
    const oneHot = flat(
      labels.flatMap((label) => [1 - label, label]),
      [6, 2],
    );
    const regression = fit(ridgeRegression({ model: identity, task: "regression", lambda }), { ...support, y: oneHot });
    const learner = ridgeRegression({ model: identity, ways: 2, lambda, scale: 5 });
    expect(fit(learner, support)).toEqual(regression);
    const logits = rowsOf(learner.predict(learner.adapt(learner.init(key(1)), support), query.x));
    rowsOf(query.x).forEach((x, i) => {
      for (const c of [0, 1]) expect(logits[i]![c]).toBeCloseTo(5 * outputsOf(regression, x, c), 12);
    });
  });
});

test("ridge regression is fitted by squares, and judged by the loss that it is given", () => {
  const { support, query } = regressionTask(3, 1, 5, 1);
  const plain = ridgeRegression({ model: smallEmbedding, task: "regression", lambda: 0.3 });
  const logits = ridgeRegression({ model: smallEmbedding, task: "regression", lambda: 0.3, loss: binaryCrossEntropy });
  const params = logits.init(key(1));
  const said = logits.predict(logits.adapt(params, support), query.x);
  expect(valuesIn(said)).toEqual(valuesIn(plain.predict(plain.adapt(params, support), query.x)));
  const n = query.x.shape[0]!;
  const taken = { ...query, y: tensor(new Float32Array(n), [n, 1]) };
  const { loss } = logits.metaGradient(params, { support, query: taken });
  expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(binaryCrossEntropy(said, taken.y))[0]!, 5);
  expect([plain.loss, logits.loss]).toEqual([meanSquaredError, binaryCrossEntropy]);
});

describe("logistic regression", () => {
  const { support } = classificationTask([5], 3, 4, 1);
  const x = rowsOf(support.x).map((row) => [...row, 1]);
  const y = valuesIn(support.y);

  /** The gradient of each class's penalised loss at a fit. */
  function slopes(newtonSteps: number): number[] {
    const found = fit(logisticRegression({ model: identity, ways: 3, lambda, newtonSteps }), support);
    return [0, 1, 2].flatMap((c) => {
      const w = [...column(found.weight, c), found.bias[c]!];
      const errors = x.map((row, i) => 1 / (1 + Math.exp(-dot(row, w))) - (y[i] === c ? 1 : 0));
      return w.map((value, j) => dot(column(x, j), errors) + lambda * value);
    });
  }
  const worst = (steps: number): number => Math.max(...slopes(steps).map(Math.abs));

  test("ends where the penalised loss is flat, faster and faster", () => {
    closeToZero(slopes(7), 1e-6);
    expect(worst(1)).toBeGreaterThan(0.01);
    expect(worst(2)).toBeLessThan(worst(1) ** 1.5);
    expect(worst(3)).toBeLessThan(worst(2) ** 1.5);
  });

  test("its first step is ridge regression on the targets 4 (y - 1/2), with four times the penalty", () => {
    const one = fit(logisticRegression({ model: identity, ways: 3, lambda, newtonSteps: 1 }), support);
    const targets = flat(
      y.flatMap((label) => [0, 1, 2].map((c) => (label === c ? 2 : -2))),
      [12, 3],
    );
    const ridge = fit(ridgeRegression({ model: identity, task: "regression", lambda: 4 * lambda }), {
      x: support.x,
      y: targets,
    });
    expect(difference(one.weight.flat(), ridge.weight.flat())).toBeLessThan(1e-6);
    expect(difference(one.bias, ridge.bias)).toBeLessThan(1e-6);
  });

  test("examples that are told apart beyond doubt leave finite slopes", () => {
    const far: Examples = { x: tensor([[900], [-900]]), y: tensor([0, 1], [2], "int32") };
    const learner = logisticRegression({ model: linear({ inputs: 1, outputs: 1 }), ways: 2, lambda: 1e-4 });
    const { loss, gradient } = learner.metaGradient(learner.init(key(1)), { support: far, query: far });
    for (const value of [loss, ...[gradient.head.logLambda, gradient.head.scale!]].flatMap(valuesIn))
      expect(Number.isFinite(value)).toBe(true);
  });
});

test("least-squares SVM: the linear system of the dual holds, and no constraint is left over", () => {
  const { support } = classificationTask([6], 3, 3, 1);
  const found = fit(leastSquaresSvm({ model: identity, ways: 3, lambda }), support);
  const x = rowsOf(support.x);
  const y = valuesIn(support.y);
  for (const c of [0, 1, 2]) {
    // a_i = e_i / lambda with the errors e_i of the fit.
    const a = x.map((row, i) => ((y[i] === c ? 1 : -1) - outputsOf(found, row, c)) / lambda);
    const fromDual = x[0]!.map((_, j) => dot(column(x, j), a));
    expect(difference(fromDual, column(found.weight, c))).toBeLessThan(1e-6);
    closeToZero([a.reduce((total, value) => total + value, 0)], 1e-6);
    expect(Math.max(...a.map(Math.abs))).toBeGreaterThan(0.1);
  }
});

describe.each(builders)("%s", (name, build) => {
  test("rows without a label count for nothing", () => {
    const { support, query } = classificationTask([3], 3, 2, 2);
    const learner = build({ model: smallEmbedding, ways: 3 });
    const params = learner.init(key(2));
    const logits = (given: Examples): number[] => valuesIn(learner.predict(learner.adapt(params, given), query.x));
    const more = {
      x: concat([support.x, noiseTensor([2, 3], 9)]),
      y: concat([support.y, flat([-1, -1], [2], "int32")]),
    };
    expect(difference(logits(more), logits(support))).toBeLessThan(1e-12);
  });

  test("a permutation of the support set, and one of the classes, changes nothing but their order", () => {
    const { support, query } = classificationTask([3], 3, 2, 2);
    const learner = build({ model: smallEmbedding, ways: 3 });
    const params = learner.init(key(2));
    const logits = (given: Examples): number[][] => rowsOf(learner.predict(learner.adapt(params, given), query.x));
    const own = logits(support);
    expect(difference(logits(reordered(support, [5, 2, 0, 4, 1, 3])).flat(), own.flat())).toBeLessThan(1e-12);
    const renamed = {
      ...support,
      y: flat(
        valuesIn(support.y).map((label) => (label + 1) % 3),
        [6],
        "int32",
      ),
    };
    const back = logits(renamed).map(([a, b, c]) => [b!, c!, a!]);
    expect(difference(back.flat(), own.flat())).toBeLessThan(1e-12);
  });

  test("fits the support set: a small penalty classifies it without error", () => {
    const { support } = classificationTask([3], 3, 1, 1);
    const learner = build({ model: identity, ways: 3, lambda: 1e-3 });
    const adapted = learner.adapt(learner.init(key(1)), support);
    const found = rowsOf(learner.predict(adapted, support.x)).map((row) => row.indexOf(Math.max(...row)));
    expect(found).toEqual(valuesIn(support.y));
  });

  test("knows the statistics of its embedding by path, and the support set's serve its queries", () => {
    const normalized = (mode: "support" | "running"): Layer =>
      sequential([linear({ inputs: 3, outputs: 4 }), batchNorm({ channels: 4, mode })]);
    const { support, query } = classificationTask([3], 3, 2, 2);
    const running = build({ model: normalized("running"), ways: 3 });
    const { statistics } = running.metaGradient(running.init(key(1)), { support, query });
    expect(Object.keys(statistics!)).toEqual(["model/1"]);
    const learner = build({ model: normalized("support"), ways: 3 });
    const adapted = learner.adapt(learner.init(key(1)), support);
    const alone = valuesIn(learner.predict(adapted, reordered(query, [0]).x));
    expect(valuesIn(learner.predict(adapted, query.x)).slice(0, 3)).toEqual(alone);
    const other = learner.adapt(learner.init(key(1)), { ...support, x: noiseTensor([6, 3], 31) });
    expect(valuesIn(learner.predict(other, reordered(query, [0]).x))).not.toEqual(alone);
  });

  test("refuses ways, penalties and scales that are none, and says its options", () => {
    const refused = (options: Partial<LinearHeadOptions>) =>
      expect(() => build({ model: identity, ways: 3, ...options }));
    refused({ ways: 1 }).toThrow(`IL102 ${name}: 1 ways`);
    refused({ lambda: 0 }).toThrow(`IL102 ${name}: lambda 0`);
    refused({ lambda: Number.POSITIVE_INFINITY }).toThrow(`IL102 ${name}: lambda`);
    refused({ scale: -1 }).toThrow(`IL102 ${name}: scale -1`);
    const model = sequential([linear({ inputs: 3, outputs: 4 }), batchNorm({ channels: 4, mode: "support" })]);
    expect(build({ model, ways: 3, lambda: 2, scale: 7 }).description).toMatchObject({
      lambda: 2,
      scale: 7,
      batchNorm: "support",
    });
  });
});

test("each refuses what is its own, and describes it", () => {
  expect(() => logisticRegression({ model: identity, ways: 2, newtonSteps: 0 })).toThrow(
    "IL102 logisticRegression: 0 Newton steps",
  );
  expect(logisticRegression({ model: identity, ways: 2, newtonSteps: 9 }).description).toEqual({
    newtonSteps: 9,
    lambda: 1,
    scale: 1,
  });
  expect(ridgeRegression({ model: identity, task: "regression" }).description).toEqual({
    task: "regression",
    lambda: 1,
  });
  expect(() => ridgeRegression({ model: identity } as never)).toThrow("IL102 ridgeRegression: no ways");
  expect(() => ridgeRegression({ model: identity, task: "ranking" } as never)).toThrow(
    'IL102 ridgeRegression: task "ranking"',
  );
  const regression = ridgeRegression({ model: identity, task: "regression" });
  const params: LinearHeadParameters = regression.init(key(1));
  expect(params satisfies Tree).not.toHaveProperty("head.scale");
  expect(() => regression.adapt(params, classificationTask([3], 2, 1, 1).support)).toThrow(
    /^IL201 ridgeRegression: targets int32\[2\]/,
  );
});
