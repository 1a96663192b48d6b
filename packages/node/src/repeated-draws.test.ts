import {
  type Adapter,
  estimated,
  evaluate,
  type Loss,
  meanAbsoluteError,
  pooledFigure,
  type TaskSource,
} from "@innerloop/core";
import { pooledEstimate } from "@innerloop/core/training";
import { abs, mean, sub, sum, type Tensor, tensor } from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const things = 5;
/** Errors of a thing are alike, those of its draws a little apart. */
const errorOf = (index: number): number => (index % things) * 10 + Math.floor(index / things) + 1;

/** Tasks whose only target is the error that a prediction of 0 has. */
const source = (draws: number): TaskSource => ({
  name: "errors",
  description: { draws },
  count: things,
  draws,
  sample: (_seed, index) => {
    const rows = { x: tensor([[0]]), y: tensor([[errorOf(index)]]) };
    return { support: rows, query: rows };
  },
});

/** The share of the largest error in the sum of all: a figure of all tasks together. */
const total = pooledFigure({
  statistics: (prediction: Tensor, y: Tensor) => ({ error: sum(abs(sub(prediction, y))) }),
  combine: (tasks) => {
    const errors = tasks.map(({ error }) => Number(error.data![0]));
    return (times) => {
      const drawn = errors.map((error, i) => error * times[i]!);
      return Math.max(...drawn) / drawn.reduce((a, b) => a + b, 0);
    };
  },
});

const loss: Loss = Object.assign((prediction: Tensor, y: Tensor) => mean(abs(sub(prediction, y))), {
  perRow: meanAbsoluteError.perRow!,
  metrics: [{ name: "largest", title: "share of the largest", better: "lower" as const, pooled: total }],
});
const zero = {
  name: "zero",
  description: {},
  loss,
  init: () => ({}),
  adapt: () => ({}),
  predict: (_adapted: unknown, x: Tensor) => x,
} as unknown as Adapter;

const judged = (draws: number, count: number) =>
  evaluate({ learner: zero, params: {}, tasks: source(draws), count, executor });

test("figures and intervals are over things, of each the mean of its draws", async () => {
  const once = await judged(1, 100);
  const often = await judged(3, 100);
  const means = Array.from({ length: things }, (_, thing) => thing * 10 + 2);
  expect(Array.from(once.values[0]!.loss!)).toEqual([1, 11, 21, 31, 41]);
  expect(Array.from(often.values[0]!.loss!)).toEqual(means);
  expect(often.rows[0]!.figures.loss).toEqual(estimated(means));
  expect(often.protocol.tasks).toBe(things);
  // 15 tasks taken for independent ones would have a narrower interval.
  const naive = estimated(Array.from({ length: 3 * things }, (_, index) => errorOf(index)));
  expect(often.rows[0]!.figures.loss!.interval).toBeGreaterThan(1.5 * naive.interval);
});

test("a figure of all tasks together is one of all draws, whose bootstrap draws things", async () => {
  const { rows, pooled } = await judged(3, 100);
  const errors = Array.from({ length: 3 * things }, (_, index) => errorOf(index));
  expect(rows[0]!.figures.largest!.mean).toBeCloseTo(43 / errors.reduce((a, b) => a + b, 0), 6);
  const expected = {
    figure: {
      combine: () => (times: ArrayLike<number>) => {
        const drawn = errors.map((error, index) => error * times[index % things]!);
        return Math.max(...drawn) / drawn.reduce((a, b) => a + b, 0);
      },
    },
    statistics: means(things),
  };
  expect(rows[0]!.figures.largest!.interval).toBeCloseTo(pooledEstimate(expected).interval, 6);
  expect(pooled![0]!.largest!.statistics).toHaveLength(things);
});

const means = (count: number) => Array.from({ length: count }, () => ({}));

test("of fewer things than there are each has all its draws", async () => {
  const { values } = await judged(3, 2);
  expect(Array.from(values[0]!.loss!)).toEqual([2, 12]);
});
