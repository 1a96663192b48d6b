import type { Evaluation } from "@innerloop/core";
import { pooledEstimate } from "@innerloop/core/training";
import { type Tensor, type Tree, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { betterBaseline } from "./better-baseline.js";
import { described } from "./described.fixture.js";

/** A loss of so much after each number of steps, with what is other in each of the four tasks. */
const method = (learner: string, ...means: number[]): Evaluation =>
  described({
    learner,
    protocol: { loss: "mean squared error", tasks: 4 },
    rows: means.map((mean, steps) => ({ steps, figures: { loss: { mean, interval: 0.1 } } })),
    values: means.map((mean) => ({ loss: Float64Array.from([1, 2, 3, 4], (task) => mean + task / 100) })),
  });
const shown = (_of: unknown, { mean }: { mean: number }): string => mean.toFixed(2);

test("the best of the baselines that do better is named, each after the steps that suit it", () => {
  const baselines = [method("a", 9, 0.2), method("b", 0.3), method("c", 0.6)];
  expect(betterBaseline(method("MAML", 0.9, 0.5, 0.7), baselines, shown)).toBe(
    "a does better than MAML: 0.20 against 0.50 (mean squared error)",
  );
});

test("a baseline that had fewer of the tasks is compared on these", () => {
  const [{ loss }] = method("a", 0.2).values as [{ loss: Float64Array }];
  const fewer = { ...method("a", 0.2), protocol: { tasks: 3 }, values: [{ loss: loss.slice(0, 3) }] };
  expect(betterBaseline(method("MAML", 0.9), [{ ...fewer, figures: method("a", 1).figures }], shown)).toMatch(
    /^a does/,
  );
});

test("where a pooled figure leads, by the difference of the pools", () => {
  const combine = (tasks: readonly Tree[]) => (times: ArrayLike<number>) => {
    const total = (of: (task: number) => number): number => tasks.reduce<number>((sum, _, i) => sum + of(i), 0);
    const hits = total((i) => times[i]! * Number((tasks[i] as Tensor).data![0]));
    return hits / total((i) => times[i]!);
  };
  const of = (learner: string, hits: number[]): Evaluation => {
    const pooled = { f1: { figure: { combine }, statistics: hits.map((hit) => tensor(hit)) } };
    return {
      learner,
      protocol: { tasks: hits.length },
      figures: [{ name: "f1", title: "F1", better: "higher", share: true }],
      rows: [{ steps: 0, figures: { f1: pooledEstimate(pooled.f1) } }],
      values: [{}],
      pooled: [pooled],
    };
  };
  const [good, bad] = [of("good", [0.9, 0.8, 0.9, 0.7]), of("bad", [0.2, 0.1, 0.2, 0.3])];
  expect(betterBaseline(bad, [good], shown)).toBe("good does better than bad: 0.82 against 0.20 (F1)");
  expect(betterBaseline(good, [bad], shown)).toBeUndefined();
});

test("one that does as well is not", () => {
  const noisy = { ...method("a", 0.49), values: [{ loss: Float64Array.from([0.9, 0.1, 0.8, 0.1]) }] };
  expect(betterBaseline(method("MAML", 0.9, 0.5), [noisy, method("b", 0.6)], shown)).toBeUndefined();
});
