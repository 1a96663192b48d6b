import { add, cast, concat, grad, mul, ones, sum, type Tensor, tensor, valueAndGrad } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { overPresent } from "../learners/learner.js";
import { gradientError, noiseTensor, valuesIn } from "../numerical.fixture.js";
import {
  accuracy,
  binaryCrossEntropy,
  crossEntropy,
  gaussianNegativeLogLikelihood,
  huber,
  type Loss,
  laplaceNegativeLogLikelihood,
  meanAbsoluteError,
  meanSquaredError,
} from "./losses.js";
import type { Measure } from "./metric.js";

/** The metric of a loss by its name, as a function. */
const metricOf = (loss: Loss, name: string): Measure => loss.metrics!.find((metric) => metric.name === name)!.compute!;

interface LossCase {
  readonly name: string;
  readonly loss: Loss;
  readonly prediction: Tensor;
  readonly y: Tensor;
  readonly formula: (prediction: number[], y: number[]) => number;
}

const average = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const perElement =
  (f: (prediction: number, y: number) => number) =>
  (prediction: number[], y: number[]): number =>
    average(prediction.map((p, i) => f(p, y[i]!)));

const prediction = noiseTensor([6, 2], 1);
const target = noiseTensor([6, 2], 2);
const bits = tensor([1, 0, 0, 1, 1, 0], [6, 1]);
const classes = tensor([2, 0, 1, 1], [4], "int32");

const cases: readonly LossCase[] = [
  {
    name: "meanSquaredError",
    loss: meanSquaredError,
    prediction,
    y: target,
    formula: perElement((p, y) => (p - y) ** 2),
  },
  {
    name: "meanAbsoluteError",
    loss: meanAbsoluteError,
    prediction,
    y: target,
    formula: perElement((p, y) => Math.abs(p - y)),
  },
  {
    name: "huber",
    loss: huber(0.5),
    prediction,
    y: target,
    formula: perElement((p, y) => (Math.abs(p - y) <= 0.5 ? (p - y) ** 2 / 2 : 0.5 * (Math.abs(p - y) - 0.25))),
  },
  {
    name: "crossEntropy",
    loss: crossEntropy,
    prediction: noiseTensor([4, 3], 3),
    y: classes,
    formula: (logits, y) =>
      average(
        y.map((label, row) => {
          const values = logits.slice(3 * row, 3 * row + 3);
          return Math.log(values.reduce((total, v) => total + Math.exp(v), 0)) - values[label]!;
        }),
      ),
  },
  {
    name: "binaryCrossEntropy",
    loss: binaryCrossEntropy,
    prediction: noiseTensor([6, 1], 4),
    y: bits,
    formula: perElement((logit, y) => -Math.log(1 / (1 + Math.exp(y ? -logit : logit)))),
  },
  {
    name: "gaussianNegativeLogLikelihood",
    loss: gaussianNegativeLogLikelihood,
    // Two means, then two deviations in 0.5 to 1.5, a row.
    prediction: concat([prediction, add(mul(noiseTensor([6, 2], 5), 0.5), 1)], -1),
    y: target,
    formula: (values, y) =>
      average(
        y.map((value, i) => {
          const [row, column] = [Math.floor(i / 2), i % 2];
          const [centre, deviation] = [values[4 * row + column]!, values[4 * row + 2 + column]!];
          const density = Math.exp(-(((value - centre) / deviation) ** 2) / 2) / (deviation * Math.sqrt(2 * Math.PI));
          return -Math.log(density);
        }),
      ),
  },
  {
    name: "laplaceNegativeLogLikelihood",
    loss: laplaceNegativeLogLikelihood,
    prediction: concat([prediction, add(mul(noiseTensor([6, 2], 5), 0.5), 1)], -1),
    y: target,
    formula: (values, y) =>
      average(
        y.map((value, i) => {
          const [row, column] = [Math.floor(i / 2), i % 2];
          // A Laplace density of scale b has the variance 2 b^2.
          const [centre, b] = [values[4 * row + column]!, values[4 * row + 2 + column]! / Math.SQRT2];
          return -Math.log(Math.exp(-Math.abs(value - centre) / b) / (2 * b));
        }),
      ),
  },
];

describe.each(cases)("$name", ({ loss, prediction, y, formula }) => {
  test("is its formula", () => {
    expect(valuesIn(loss(prediction, y))[0]).toBeCloseTo(formula(valuesIn(prediction), valuesIn(y)), 6);
    expect(loss(prediction, y).shape).toEqual([]);
  });

  test("has its formula's gradient", () => {
    const f = (p: Tensor) => loss(p, y);
    expect(gradientError(f, prediction, grad(f)(prediction), { h: 1e-4 })).toBeLessThan(1e-7);
  });

  test("and its metrics leave padding out, and are the means of their rows", () => {
    const present = tensor(Array.from({ length: y.shape[0]! + 3 }, (_, i) => (i < y.shape[0]! ? 1 : 0)));
    // Padding of nonsense: logits and values of 1, which are deviations too, and class 0.
    const padded = (x: Tensor): Tensor => concat([x, cast(ones([3, ...x.shape.slice(1)]), x.dtype)]);
    const measures = [loss, ...(loss.metrics ?? []).flatMap((metric) => (metric.pooled ? [] : [metric.compute]))];
    const ofRows = [loss.perRow!, ...(loss.metrics ?? []).flatMap((metric) => metric.perRow ?? [])];
    expect(ofRows.length).toBe(measures.length);
    for (const [i, measure] of measures.entries()) {
      const [whole] = valuesIn(measure(prediction, y));
      expect(valuesIn(measure(padded(prediction), padded(y), present))[0]).toBeCloseTo(whole!, 6);
      expect(valuesIn(overPresent(measure, padded(prediction), { y: padded(y), present }))[0]).toBeCloseTo(whole!, 6);
      const rows = valuesIn(ofRows[i]!(prediction, y));
      expect(rows).toHaveLength(y.shape[0]!);
      expect(average(rows)).toBeCloseTo(whole!, 6);
    }
  });

  test("refuses predictions that do not belong to the targets", () => {
    expect(() => loss(noiseTensor([5, 3], 1), y)).toThrow(/^IL202/);
  });
});

describe("large logits", () => {
  const evaluated = (loss: Loss, logits: Tensor, y: Tensor) => {
    const { value, gradient } = valueAndGrad((p: Tensor) => loss(p, y))(logits);
    return { value: valuesIn(value)[0]!, gradient: valuesIn(gradient) };
  };

  test("crossEntropy is exact where the exponentials would overflow", () => {
    const logits = tensor([
      [1e4, -1e4, 0],
      [3e4, 3e4, -3e4],
    ]);
    const right = evaluated(crossEntropy, logits, tensor([0, 1], [2], "int32"));
    expect(right.value).toBeCloseTo(Math.LN2 / 2, 6);
    [0, 0, 0, 0.25, -0.25, 0].forEach((value, i) => {
      expect(right.gradient[i]).toBeCloseTo(value, 6);
    });
    expect(evaluated(crossEntropy, logits, tensor([1, 2], [2], "int32")).value).toBeCloseTo(
      (2e4 + 6e4 + Math.LN2) / 2,
      2,
    );
  });

  test("binaryCrossEntropy is exact where the exponentials would overflow", () => {
    const { value, gradient } = evaluated(binaryCrossEntropy, tensor([1e4, -1e4, 1e4, -1e4]), tensor([1, 0, 0, 1]));
    expect(value).toBeCloseTo(5000, 2);
    expect(gradient).toEqual([0, 0, 0.25, -0.25]);
  });

  test("at logits of exactly 0, as untrained models give them, first and second derivatives are right", () => {
    const zero = tensor([0, 0]);
    const f = (y: Tensor) => (p: Tensor) => binaryCrossEntropy(p, y);
    expect(valuesIn(grad(f(tensor([1, 0])))(zero))).toEqual([-0.25, 0.25]);
    const curvature = (loss: (p: Tensor) => Tensor, at: Tensor) =>
      valuesIn(grad((p: Tensor) => sum(grad(loss)(p)))(at));
    expect(curvature(f(tensor([1, 0])), zero)).toEqual([0.125, 0.125]);
    // Huber's loss is a parabola at an error of 0: its curvature there is that of the parabola.
    expect(curvature((p) => huber()(p, tensor([0, 0.5])), zero)).toEqual([0.5, 0.5]);
  });
});

test("huber says its width where figures are shown", () => expect(huber(0.5).title).toBe("Huber loss, delta 0.5"));

test("huber refuses a width that is none", () => {
  for (const delta of [0, -1, Number.NaN]) expect(() => huber(delta)).toThrow(/^IL102 huber/);
});

test("accuracy is the share of rows whose largest logit is their class's", () => {
  const logits = tensor([
    [1, 2, 0],
    [5, 4, 3],
    [0, 0, 1],
    [-1, -2, -3],
  ]);
  expect(valuesIn(accuracy.compute(logits, tensor([1, 0, 1, 0], [4], "int32")))).toEqual([0.75]);
  expect(valuesIn(metricOf(crossEntropy, "accuracy")(logits, tensor([1, 1, 1, 1], [4], "int32")))).toEqual([0.25]);
  const binary = metricOf(binaryCrossEntropy, "accuracy");
  expect(valuesIn(binary(tensor([3, -2, 0.1, -0.1]), tensor([1, 0, 0, 1])))).toEqual([0.5]);
});

test("errors have likelihoods whose centres make them small, with these errors for metrics", () => {
  for (const [error, name] of [
    [meanSquaredError, "meanSquaredError"],
    [meanAbsoluteError, "meanAbsoluteError"],
  ] as const) {
    const { likelihood } = error;
    expect(likelihood!.metrics!.map((metric) => metric.name)).toEqual([name, "deviation"]);
    const sure = tensor([
      [1, 0.5],
      [5, 1.5],
    ]);
    const y = tensor([[2], [2]]);
    expect(valuesIn(metricOf(likelihood!, name)(sure, y))).toEqual(valuesIn(error(tensor([[1], [5]]), y)));
    expect(valuesIn(likelihood!.point!(sure, y))).toEqual([1, 5]);
  }
});

test("the metrics of a Gaussian prediction are of its means and of its deviations", () => {
  const squared = metricOf(gaussianNegativeLogLikelihood, "meanSquaredError");
  const deviation = metricOf(gaussianNegativeLogLikelihood, "deviation");
  const sure = tensor([
    [1, 0.5],
    [4, 1.5],
  ]);
  const y = tensor([[2], [2]]);
  expect(valuesIn(squared(sure, y))).toEqual([2.5]);
  expect(valuesIn(deviation(sure, y))).toEqual([1]);
});
