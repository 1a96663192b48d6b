import { tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { Estimated } from "../evaluation/estimated.js";
import { pooledEstimate } from "../evaluation/pooled-figures.js";
import { random } from "../random/random.js";
import { calibrationError as metric, type TaskConfidence } from "./calibration.js";

const { pooled: figure } = metric({ topProbability: (prediction) => prediction, correct: (_, y) => y });

const confidence = (topProbability: readonly number[], correct: readonly number[]): TaskConfidence => ({
  topProbability: tensor(topProbability, [topProbability.length], "float64"),
  correct: tensor(correct, [correct.length], "float64"),
});

const calibrationError = (tasks: readonly TaskConfidence[]): Estimated => pooledEstimate({ figure, statistics: tasks });

/** Tasks whose predictions are right as often as they say, plus `optimism`. */
function madeUp(tasks: number, queries: number, optimism: number, seed: number): TaskConfidence[] {
  const source = random(seed);
  return Array.from({ length: tasks }, () => {
    const shares = Array.from({ length: queries }, () => source.uniform(0.3, 0.8));
    return confidence(
      shares.map((p) => p + optimism),
      shares.map((p) => (source.uniform() < p ? 1 : 0)),
    );
  });
}

describe("expected calibration error", () => {
  test("worked example: two bins, weighted by their sizes", () => {
    const tasks = [confidence([0.95, 0.98], [1, 0]), confidence([0.5], [1]), confidence([0.96, 0.51], [1, 0])];
    // (14/15, 1]: 3 of 5, accuracy 2/3, confidence 2.89/3. (7/15, 8/15]: 2 of 5, accuracy 1/2, confidence 1.01/2.
    const expected = (3 / 5) * Math.abs(2 / 3 - 2.89 / 3) + (2 / 5) * Math.abs(1 / 2 - 1.01 / 2);
    expect(calibrationError(tasks).mean).toBeCloseTo(expected, 12);
  });

  test("bins are closed above: 1/15 shares a bin with what is below it, 2/15 with what is above 1/15", () => {
    const one = (topProbability: number[], correct: number[]) =>
      calibrationError([confidence(topProbability, correct)]).mean;
    // In one bin the gaps cancel, in two they add.
    expect(one([0.06, 1 / 15], [0, 1])).toBeCloseTo((1 - 0.06 - 1 / 15) / 2, 12);
    expect(one([1 / 15, 2 / 15], [0, 1])).toBeCloseTo((1 / 15 + (1 - 2 / 15)) / 2, 12);
    expect(one([0, 1], [1, 0])).toBeCloseTo(1, 12);
  });

  test("is near 0 for honest predictions, and finds by how much others are too sure", () => {
    const honest = calibrationError(madeUp(600, 25, 0, 1));
    expect(honest.mean).toBeLessThan(0.02);
    const sure = calibrationError(madeUp(600, 25, 0.15, 1));
    expect(Math.abs(sure.mean - 0.15)).toBeLessThan(3 * sure.interval);
    expect(sure.interval).toBeLessThan(0.02);
  });

  test("rows of padding are in no bin", () => {
    const [whole, padded] = [
      confidence([0.95, 0.98, 0.5], [1, 0, 1]),
      confidence([0.95, 0.98, 0.5, 0.7], [1, 0, 1, 1]),
    ];
    const masked = { ...padded, present: tensor([1, 1, 1, 0]) };
    expect(calibrationError([masked]).mean).toBe(calibrationError([whole]).mean);
    expect(calibrationError([padded]).mean).not.toBe(calibrationError([whole]).mean);
  });

  test("that of each task by itself is biased: of honest predictions it is far from 0", () => {
    const tasks = madeUp(600, 25, 0, 2);
    const perTask = tasks.reduce((sum, task) => sum + calibrationError([task]).mean, 0) / tasks.length;
    expect(perTask).toBeGreaterThan(10 * calibrationError(tasks).mean);
  });

  test("its interval is the spread of the figure over sets of tasks, and is the same every time", () => {
    const sets = Array.from({ length: 60 }, (_, i) => calibrationError(madeUp(80, 10, 0.15, 100 + i)));
    const mean = sets.reduce((sum, each) => sum + each.mean, 0) / sets.length;
    const spread = 1.96 * Math.sqrt(sets.reduce((sum, each) => sum + (each.mean - mean) ** 2, 0) / (sets.length - 1));
    const stated = sets.reduce((sum, each) => sum + each.interval, 0) / sets.length;
    // A spread of 60 values is known to 9%.
    expect(Math.abs(stated / spread - 1)).toBeLessThan(0.3);
    expect(calibrationError(madeUp(80, 10, 0.15, 100))).toEqual(sets[0]);
  });

  test("a probability that is no number shows; of one task there is no interval", () => {
    expect(calibrationError([confidence([Number.NaN, 0.5], [0, 1])])).toEqual({
      mean: Number.NaN,
      interval: Number.POSITIVE_INFINITY,
    });
  });
});
