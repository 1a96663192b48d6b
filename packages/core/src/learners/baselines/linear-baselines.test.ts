import { type Tensor, tensor, toNumbers } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { flat, noise, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key, random } from "../../random/random.js";
import type { Examples, Task, TaskSource } from "../../tasks/task.js";
import { largestDifference, predictions } from "../metric/metric-learner.fixture.js";
import { hierarchicalLinearModel, leastSquares, pooledMean } from "./linear-baselines.js";

/** Lines y = b0 x0 + b1 x1 + b2 + e, b ~ N([1, 0, 2], diag(0.25, 0, 1)), the deviation of e being `deviation`. */
function lines(deviation: number, shots = 4): TaskSource & { coefficientsOf(seed: number, index: number): number[] } {
  const drawn = (seed: number, index: number) => {
    const source = random(seed, index);
    return { source, b: [source.normal(1, 0.5), 0, source.normal(2, 1)] };
  };
  return {
    name: "lines",
    description: {},
    coefficientsOf: (seed, index) => drawn(seed, index).b,
    sample: (seed, index) => {
      const { source, b } = drawn(seed, index);
      const rows = (n: number): Examples => {
        const x = Array.from({ length: n }, () => [source.normal(), source.normal()]);
        const y = x.map(([p, q]) => [b[0]! * p! + b[1]! * q! + b[2]! + deviation * source.normal()]);
        return { x: tensor(x), y: tensor(y) };
      };
      return { support: rows(shots), query: rows(8) };
    },
  };
}

/** A task with a row that is not there before the others of each part, of loud values. */
function withPadding({ support, query }: Task): Task {
  const behind = ({ x, y }: Examples): Examples => ({
    x: tensor([[30, -40], ...toNumbers(x).flatMap((v, i, all) => (i % 2 === 0 ? [[v, all[i + 1]!]] : []))]),
    y: tensor([[50], ...toNumbers(y).map((v) => [v])]),
    present: tensor([0, ...toNumbers(y).map(() => 1)]),
  });
  return { support: behind(support), query: behind(query) };
}

const squaredError = (predicted: readonly number[], y: Tensor): number =>
  toNumbers(y).reduce((sum, value, i) => sum + (value - predicted[i]!) ** 2, 0) / y.size;

describe("least squares", () => {
  const exact: Task = { support: lines(0).sample(1, 0).support, query: lines(0).sample(1, 0).query };

  test("finds the line that rows are on", () => {
    const learner = leastSquares({ tasks: lines(0) });
    const { coefficients } = learner.adapt(learner.init(key(0)), exact.support);
    expect(largestDifference(valuesIn(coefficients), lines(0).coefficientsOf(1, 0))).toBeLessThan(1e-4);
  });

  test("of fewer rows than columns, goes through the rows with the smallest coefficients, outputs by themselves", () => {
    const [x, y] = [noiseTensor([2, 5], 1), noiseTensor([2, 3], 2)];
    const support = { x, y };
    const learner = leastSquares({
      tasks: { name: "few", description: {}, sample: () => ({ support, query: support }) },
    });
    const params = learner.init(key(0));
    expect(largestDifference(predictions(learner, params, { support, query: support }), toNumbers(y))).toBeLessThan(
      1e-4,
    );
    // The smallest ones are a mixture of the rows in unit scale, where two rows are at 1 and -1: 0 along what both rows
    // are at right angles to.
    const [one, other] = [0, 1].map((i) => toNumbers(x).slice(5 * i, 5 * i + 5)) as [number[], number[]];
    const rows = [1, -1].map((side) => [...one.map((v, i) => (v > other[i]! ? side : -side)), 1]);
    const raw = valuesIn(learner.adapt(params, support).coefficients).filter((_, i) => i % 3 === 1);
    const constant = one.reduce((sum, v, i) => sum + (raw[i]! * (v + other[i]!)) / 2, raw[5]!);
    const found = [...one.map((v, i) => (raw[i]! * Math.abs(v - other[i]!)) / 2), constant];
    const direction = noise(6, 3);
    for (let sweep = 0; sweep < 200; sweep++) {
      for (const row of rows) {
        const share = row.reduce((sum, v, i) => sum + v * direction[i]!, 0) / row.reduce((sum, v) => sum + v * v, 0);
        row.forEach((v, i) => {
          direction[i]! -= share * v;
        });
      }
    }
    expect(Math.hypot(...direction)).toBeGreaterThan(0.1);
    expect(Math.abs(found.reduce((sum, v, i) => sum + v * direction[i]!, 0))).toBeLessThan(1e-4);
  });
});

test.each([
  ["in unit scale", [0, 1], [0, 1]],
  ["an income and a year", [50_000, 20_000], [2000, 10]],
  ["very small ones, and moments of some years in seconds", [0, 1e-5], [1.7e9, 3e7]],
  ["very large ones", [0, 1e7], [0, 1e6]],
])("inputs may be in any units: %s", (_, ...units) => {
  const unit = lines(0, 20);
  const tasks: TaskSource = {
    ...unit,
    sample: (seed, index) => {
      const scaled = ({ x, y }: Examples): Examples => {
        const values = Float64Array.from(toNumbers(x), (v, i) => units[i % 2]![0]! + units[i % 2]![1]! * v);
        return { x: tensor(values, x.shape), y };
      };
      const { support, query } = unit.sample(seed, index);
      return { support: scaled(support), query: scaled(query) };
    },
  };
  for (const learner of [leastSquares({ tasks, count: 16 }), hierarchicalLinearModel({ tasks, count: 16 })]) {
    const task = tasks.sample(9, 0);
    const predicted = predictions(learner, learner.init(key(0)), task);
    expect(squaredError(predicted, task.query.y), learner.name).toBeLessThan(1e-4);
  }
});

test("the hierarchical linear model takes hundreds of inputs", () => {
  // Most of them 0, which takes little time.
  const x = tensor(
    toNumbers(noiseTensor([4, 360], 1)).map((v, i) => (i % 360 < 2 ? v : 0)),
    [4, 360],
  );
  const support = { x, y: noiseTensor([4, 1], 2) };
  const tasks = { name: "wide", description: {}, sample: () => ({ support, query: support }) };
  const { covariance } = hierarchicalLinearModel({ tasks, count: 1 }).init(key(0));
  expect(valuesIn(covariance).every(Number.isFinite)).toBe(true);
});

describe("the hierarchical linear model", () => {
  const deviation = 0.5;
  const tasks = lines(deviation);
  const learner = hierarchicalLinearModel({ tasks, count: 512 });
  const params = learner.init(key(0));

  test("tells what tasks have in common: mean, covariance and noise", () => {
    const expected = [1, 0, 2];
    for (const [i, value] of valuesIn(params.mean).entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(0.2);
    const covariance = valuesIn(params.covariance);
    [0.25, 0, 0, 0, 0, 0, 0, 0, 1].forEach((value, i) => {
      expect(Math.abs(covariance[i]! - value), `covariance ${i}`).toBeLessThan(0.2);
    });
    expect(Math.abs(valuesIn(params.noise)[0]! - deviation ** 2)).toBeLessThan(0.03);
  });

  test("predicts as well as knowing these would, and better than least squares", () => {
    const known = {
      mean: flat([1, 0, 2], [1, 3], "float64"),
      covariance: flat([0.25, 0, 0, 0, 0, 0, 0, 0, 1], [1, 3, 3], "float64"),
      noise: flat([deviation ** 2], [1], "float64"),
    };
    const plain = leastSquares({ tasks });
    const errors = (by: typeof learner, prior: typeof params): number[] =>
      Array.from({ length: 100 }, (_, index) => {
        const task = tasks.sample(7, index);
        return squaredError(predictions(by, prior, task), task.query.y);
      });
    const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    const [own, best, alone] = [errors(learner, params), errors(learner, known), errors(plain, plain.init(key(0)))];
    expect(mean(own)).toBeLessThan(1.05 * mean(best));
    expect(mean(own)).toBeLessThan(0.5 * mean(alone));
  });

  test("of tasks on lines without noise, finds the line of two rows where only two coefficients vary", () => {
    const few = lines(0, 2);
    const exact = hierarchicalLinearModel({ tasks: few });
    const task = few.sample(9, 0);
    expect(squaredError(predictions(exact, exact.init(key(0)), task), task.query.y)).toBeLessThan(1e-3);
  });

  test("rows that are not there change nothing", () => {
    const task = tasks.sample(3, 0);
    const [, ...filled] = predictions(learner, params, withPadding(task));
    expect(largestDifference(filled, predictions(learner, params, task))).toBeLessThan(1e-5);
    const padded = { ...tasks, sample: (seed: number, index: number) => withPadding(tasks.sample(seed, index)) };
    const again = hierarchicalLinearModel({ tasks: padded, count: 32 }).init(key(0));
    const before = hierarchicalLinearModel({ tasks, count: 32 }).init(key(0));
    expect(largestDifference(valuesIn(again.covariance), valuesIn(before.covariance))).toBeLessThan(1e-9);
  });
});

test("the pooled mean is that of the training targets, whatever is shown", () => {
  const tasks = lines(0.5);
  const learner = pooledMean({ tasks, count: 512 });
  const task = tasks.sample(5, 0);
  const [first, ...others] = predictions(learner, learner.init(key(0)), task);
  expect(Math.abs(first! - 2)).toBeLessThan(0.2);
  for (const other of others) expect(other).toBe(first);
});
