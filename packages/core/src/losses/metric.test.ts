import {
  add,
  concat,
  equal,
  exp,
  grad,
  greater,
  log,
  mean,
  mul,
  ones,
  reshape,
  sqrt,
  sub,
  sum,
  type Tensor,
  tensor,
  vmap,
  where,
  zeros,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { overPresent } from "../learners/learner.js";
import { noiseTensor, valuesIn } from "../numerical.fixture.js";
import { figuresOf, metricsOf, withMetrics } from "./figures.js";
import { accuracy, crossEntropy, gaussianNegativeLogLikelihood, type Loss, meanSquaredError } from "./losses.js";
import { type Measure, type Metric, meanOfRows, meanOverRows, presentMean, type TaskMetric } from "./metric.js";

const prediction = noiseTensor([5, 2], 1);
const y = noiseTensor([5, 2], 2);
/** The same with three rows of nonsense behind it. */
const padded = (x: Tensor): Tensor => concat([x, mul(ones([3, ...x.shape.slice(1)]), 40)]);
const present = tensor([1, 1, 1, 1, 1, 0, 0, 0]);

const squares = (p: Tensor, target: Tensor): Tensor => mul(sub(p, target), sub(p, target));
const rootMeanSquare = (p: Tensor, target: Tensor): Tensor => sqrt(mean(squares(p, target)));

/** Normalised discounted cumulative gain (Jarvelin & Kekalainen 2002) of scores [n] for gains [n]: no mean over rows. */
const discountedGain: Measure = (scores, gains, there = ones([scores.size])) => {
  const n = scores.size;
  const [rows, columns] = [
    [n, 1],
    [1, n],
  ] as const;
  /** The place of each row in descending order of values, from 1; padding comes nowhere. */
  const ranks = (values: Tensor): Tensor => {
    const above = greater(reshape(values, columns), reshape(values, rows));
    return add(sum(mul(where(above, 1, 0), reshape(there, columns)), -1), 1);
  };
  const gained = (by: Tensor): Tensor => sum(mul(mul(gains, there), mul(Math.LN2, pow(log(add(ranks(by), 1))))));
  const ideal = gained(gains);
  return mul(gained(scores), pow(where(equal(ideal, 0), 1, ideal)));
};
const pow = (x: Tensor): Tensor => exp(mul(log(x), -1));

describe("a measure of padded rows", () => {
  test("that takes the mask is what it is of the rows themselves, a mean over rows or not", () => {
    const scores = tensor([0.1, 0.9, 0.5, 0.3]);
    const gains = tensor([3, 2, 0, 1]);
    const [whole] = valuesIn(discountedGain(scores, gains));
    const expected = (2 / Math.log2(2) + 1 / Math.log2(4) + 3 / Math.log2(5)) / (3 + 2 / Math.log2(3) + 1 / 2);
    expect(whole).toBeCloseTo(expected, 6);
    const of = { y: concat([gains, tensor([5, 4])]), present: tensor([1, 1, 1, 1, 0, 0]) };
    const longer = concat([scores, tensor([0.7, 0.2])]);
    expect(valuesIn(overPresent(discountedGain, longer, of))[0]).toBeCloseTo(whole!, 6);
    // Row by row, as any function once was, every ranking of one row would be perfect.
    expect(
      valuesIn(
        overPresent(
          meanOverRows((s, g) => discountedGain(s, g)),
          longer,
          of,
        ),
      )[0],
    ).toBeCloseTo(0.75, 6);
  });

  test("is refused where it does not look at the mask, however many arguments it declares", () => {
    const ignoring: readonly Measure[] = [
      rootMeanSquare,
      (p, target, _present) => mean(squares(p, target)),
      (...given) => mean(squares(given[0], given[1])),
    ];
    for (const measure of ignoring) {
      expect(valuesIn(overPresent(measure, prediction, { y }))).toHaveLength(1);
      expect(() => overPresent(measure, padded(prediction), { y: padded(y), present })).toThrow(
        /^ILR107 the loss: it takes no mask, and some of the 8 rows here may be padding.*presentMean.*meanOverRows\(f\)/,
      );
    }
    // A prediction that was made with the mask does not make up for it.
    const masked = mul(padded(prediction), reshape(present, [8, 1]));
    expect(() => overPresent(rootMeanSquare, masked, { y: padded(y), present })).toThrow(/^ILR107/);
  });

  test("is known to look at the mask by whatever way: an inner function, a default, in vmap and in grad", () => {
    const byDefault: Measure = (p, target, there = ones([p.shape[0]!])) => presentMean(squares(p, target), there);
    const through: Measure = (...given) => meanSquaredError(...given);
    const [whole] = valuesIn(meanSquaredError(prediction, y));
    for (const measure of [byDefault, through, withMetrics(meanSquaredError, [])]) {
      const of = (p: Tensor): Tensor => overPresent(measure, p, { y: padded(y), present });
      expect(valuesIn(of(padded(prediction)))[0]).toBeCloseTo(whole!, 6);
      const slopes = valuesIn(grad(of)(padded(prediction)));
      expect(slopes.slice(10)).toEqual([0, 0, 0, 0, 0, 0]);
      const stacked = (x: Tensor): Tensor => reshape(x, [1, ...x.shape]);
      const mapped = vmap((p: Tensor, target: Tensor, there: Tensor) =>
        overPresent(measure, p, { y: target, present: there }),
      )(stacked(padded(prediction)), stacked(padded(y)), stacked(present));
      expect(valuesIn(mapped)[0]).toBeCloseTo(whole!, 6);
    }
  });

  test("is 0 where no row is there", () => {
    for (const loss of [meanSquaredError, meanOverRows((p, target) => mean(squares(p, target)))])
      expect(valuesIn(overPresent(loss, prediction, { y, present: zeros([5]) }))).toEqual([0]);
  });
});

describe("a mean over rows that is declared", () => {
  const plain = Object.assign((p: Tensor, target: Tensor): Tensor => mean(squares(p, target)), { title: "mine" });
  const declared = meanOverRows(plain);

  test("is the function itself without padding, and the mean of its rows with it", () => {
    expect(declared(prediction, y)).toBe(plain(prediction, y));
    const [whole] = valuesIn(plain(prediction, y));
    expect(valuesIn(declared(padded(prediction), padded(y), present))[0]).toBeCloseTo(whole!, 6);
    const rows = valuesIn(declared.perRow(prediction, y));
    expect(rows).toHaveLength(5);
    expect(rows.reduce((a, b) => a + b, 0) / 5).toBeCloseTo(whole!, 6);
  });

  test("keeps what the function carries, and can be a loss", () => {
    const loss: Loss = declared;
    expect(loss.title).toBe("mine");
    expect(plain).not.toHaveProperty("perRow");
  });
});

describe("the figures of a loss", () => {
  const top: TaskMetric = { name: "top", title: "top", ...meanOfRows((p) => p) };
  const better = { ...top, name: "better", better: "higher" } as const;

  test("lead with the first metric that says which way is better, else with the loss", () => {
    const names = (loss: Loss): string[] => figuresOf(loss).map(({ name }) => name);
    expect(names(crossEntropy)).toEqual(["accuracy", "loss", "calibrationError"]);
    expect(names(gaussianNegativeLogLikelihood)).toEqual(["meanSquaredError", "loss", "deviation"]);
    expect(names(meanSquaredError)).toEqual(["loss"]);
    expect(names(withMetrics(meanSquaredError, [top]))).toEqual(["loss", "top"]);
    expect(names(withMetrics(crossEntropy, [top, better]))).toEqual([
      "better",
      "loss",
      "top",
      "accuracy",
      "calibrationError",
    ]);
  });

  test("are described by plain data: title, direction, share, note", () => {
    const [first, loss, calibration] = figuresOf(crossEntropy);
    expect(first).toEqual({ name: "accuracy", title: "accuracy", better: "higher", share: true });
    expect(loss).toEqual({ name: "loss", title: "negative log-likelihood", better: "lower" });
    expect(calibration).toMatchObject({ title: "calibration error", better: "lower", share: true });
    expect(JSON.parse(JSON.stringify(figuresOf(crossEntropy)))).toEqual(figuresOf(crossEntropy));
    expect(figuresOf(Object.assign((p: Tensor) => mean(p), { unit: "min" }))).toEqual([
      { name: "loss", title: "loss", unit: "min", better: "lower" },
    ]);
  });

  test("with metrics of before, without names, or of one name are refused", () => {
    const withThese = (metrics: unknown): Loss =>
      Object.assign((p: Tensor) => mean(p), { metrics: metrics as Metric[] });
    expect(() => metricsOf(withThese({ accuracy }))).toThrow(
      /^IL102 the loss: its metrics are no records .* Give a list/,
    );
    expect(() => metricsOf(withThese([() => tensor(1)]))).toThrow(/^IL102/);
    expect(() => metricsOf(withThese([{ name: "a", title: "a" }]))).toThrow(/^IL102/);
    expect(() => metricsOf(withThese([top, { ...top }]))).toThrow(
      /two of its figures are called top.*\. Give each a name/,
    );
    expect(() => metricsOf(withThese([{ ...top, name: "loss" }]))).toThrow(/two of its figures are called loss/);
  });
});
