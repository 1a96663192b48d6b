import type { Evaluation } from "@innerloop/core";
import { expect, test } from "vitest";
import { betterBaseline } from "./better-baseline.js";

/** A loss of so much after each number of steps, with what is other in each of the four tasks. */
const method = (learner: string, ...means: number[]): Evaluation => ({
  learner,
  protocol: { loss: "mean squared error" },
  rows: means.map((mean, steps) => ({ steps, figures: { loss: { mean, interval: 0.1 } } })),
  values: means.map((mean) => ({ loss: Float64Array.from([1, 2, 3, 4], (task) => mean + task / 100) })),
});
const shown = (_name: string, { mean }: { mean: number }): string => mean.toFixed(2);

test("the best of the baselines that do better is named, each after the steps that suit it", () => {
  const baselines = [method("a", 9, 0.2), method("b", 0.3), method("c", 0.6)];
  expect(betterBaseline(method("MAML", 0.9, 0.5, 0.7), baselines, shown)).toBe(
    "a does better than MAML: 0.20 against 0.50 (mean squared error)",
  );
});

test("one that does as well is not", () => {
  const noisy = { ...method("a", 0.49), values: [{ loss: Float64Array.from([0.9, 0.1, 0.8, 0.1]) }] };
  expect(betterBaseline(method("MAML", 0.9, 0.5), [noisy, method("b", 0.6)], shown)).toBeUndefined();
});
