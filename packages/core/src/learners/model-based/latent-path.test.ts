import { grad, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { gradientError, regressionTask, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import { divergence, type Gaussian, latentPath, sampled } from "./latent-path.js";

const gaussian = (mean: number[], deviation: number[]): Gaussian => ({
  mean: tensor(mean),
  deviation: tensor(deviation),
});

test("the divergence is the mean of log q - log p under q, and 0 of one variable from itself", () => {
  const q = gaussian([0.5, -1], [0.25, 1.5]);
  const p = gaussian([0, 1], [1, 0.5]);
  // By the trapezoidal rule, which is exact to many digits for functions that vanish at both ends.
  const density = (x: number, mean: number, s: number): number =>
    Math.exp(-(((x - mean) / s) ** 2) / 2) / (s * Math.sqrt(2 * Math.PI));
  const ofNumber = (i: number): number => {
    const [mq, sq, mp, sp] = [q.mean, q.deviation, p.mean, p.deviation].map((each) => valuesIn(each)[i]!) as [
      number,
      number,
      number,
      number,
    ];
    let sum = 0;
    for (let step = -4000; step <= 4000; step++) {
      const x = mq + (step / 400) * sq;
      const at = density(x, mq, sq);
      sum += (at * (Math.log(at) - Math.log(density(x, mp, sp))) * sq) / 400;
    }
    return sum;
  };
  const expected = ofNumber(0) + ofNumber(1);
  expect(valuesIn(divergence(q, p))[0]).toBeCloseTo(expected, 8);
  expect(valuesIn(divergence(q, q))[0]).toBe(0);
});

test("the divergence has the gradient of its differences in all four", () => {
  const at = { q: gaussian([0.5, -1], [0.25, 1.5]), p: gaussian([0, 1], [1, 0.5]) };
  const of = ({ q, p }: typeof at) => divergence(q, p);
  expect(gradientError(of, at, grad(of)(at))).toBeLessThan(1e-6);
});

test("samples have the mean and deviation of the variable, by the key; without one they are the mean", () => {
  const wide = { mean: tensor(new Float32Array(4000).fill(3)), deviation: tensor(new Float32Array(4000).fill(0.5)) };
  const of = (n: number): number[] => valuesIn(sampled(wide, tensor(n, [], "int32")));
  const values = of(1);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  // Six standard errors of either.
  expect(Math.abs(mean - 3)).toBeLessThan((6 * 0.5) / Math.sqrt(4000));
  expect(Math.abs(deviation - 0.5)).toBeLessThan((6 * 0.5) / Math.sqrt(8000));
  expect(of(1)).toEqual(values);
  expect(of(2)).not.toEqual(values);
  expect(valuesIn(sampled(wide, undefined))).toEqual(valuesIn(wide.mean));
});

test("deviations are from 0.1 to 1, whatever the rows", () => {
  const path = latentPath({ features: 2, targets: 1, hidden: 4, layers: 1, width: 3 });
  const { support } = regressionTask(2, 1, 4, 1);
  for (const scale of [1, 1e3]) {
    const x = tensor(
      valuesIn(support.x).map((value) => scale * value),
      [4, 2],
    );
    const { mean, deviation } = path.given(path.init(key(2)), { features: x, targets: support.y });
    expect(mean.shape).toEqual([3]);
    for (const value of valuesIn(deviation)) {
      expect(value).toBeGreaterThanOrEqual(0.1 - 1e-6);
      expect(value).toBeLessThanOrEqual(1 + 1e-6);
    }
  }
});
