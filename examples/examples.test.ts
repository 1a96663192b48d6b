import { defaultExecutor, setDefaultExecutor } from "innerloop";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { onnxruntimeExecutor } from "../packages/node/src/executor/onnxruntime-executor.js";
import * as fomamlVsMaml from "./fomaml-vs-maml.js";
import * as gradients from "./gradients.js";
import * as navigation from "./navigation.js";
import * as ownData from "./own-data.js";
import * as ownModel from "./own-model.js";
import * as sinusoid from "./sinusoid.js";

// The programs are run as they are, with fewer iterations; what they print is kept to be looked at.
const printed: string[] = [];
beforeAll(() => {
  setDefaultExecutor(onnxruntimeExecutor({ threads: 1 }));
  vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await (await defaultExecutor()).close();
});

const figures = (
  rows: readonly { figures: Readonly<Record<string, { mean: number; interval: number }>> }[],
  name: string,
) => rows.map((row) => row.figures[name]!);

test("sinusoid: adapts better with each step", async () => {
  const [before, one, ten] = figures(await sinusoid.main({ iterations: 800, evaluationTasks: 200 }), "loss");
  expect(one!.mean + one!.interval).toBeLessThan(before!.mean - before!.interval);
  expect(ten!.mean).toBeLessThan(one!.mean);
  expect(printed.join("\n")).toMatch(/after ten steps[\s\S]*10 steps {2}\d\.\d+ \+- \d/);
});

test("own-model: a layer and a loss of one's own learn to adapt", async () => {
  const [before, two, ten] = figures(await ownModel.main({ iterations: 300, evaluationTasks: 100 }), "loss");
  expect(two!.mean + two!.interval).toBeLessThan(before!.mean - before!.interval);
  expect(ten!.mean).toBeLessThan(before!.mean);
});

test("own-data: held-out classes are told apart from one example each", async () => {
  const [before, three] = figures(await ownData.main({ iterations: 150, evaluationTasks: 100 }), "accuracy");
  // Chance is 0.2.
  expect(before!.mean).toBeLessThan(0.35);
  expect(three!.mean - three!.interval).toBeGreaterThan(0.5);
});

test("gradients: the numbers are those of the formulas", async () => {
  const { first, second, adapted } = await gradients.main();
  expect([...(first.data as Float32Array)]).toEqual([3, 12, 27]);
  expect([...(second.data as Float32Array)]).toEqual([6, 12, 18]);
  // w - 0.1 x 2 mean(x (x w - y)) from w = 0: 0.2 mean(x y).
  [0.5, 2, 0].forEach((value, i) => {
    expect(Number(adapted.data![i])).toBeCloseTo(value, 6);
  });
});

test("fomaml-vs-maml: both train, and are compared task by task", async () => {
  const { results, difference } = await fomamlVsMaml.main({ iterations: 60, evaluationTasks: 50 });
  expect(results.map(({ name, losses }) => [name, losses.length])).toEqual([
    ["MAML", 50],
    ["FOMAML", 50],
  ]);
  const mean = (list: Float64Array) => list.reduce((a, b) => a + b, 0) / list.length;
  expect(difference.mean).toBeCloseTo(mean(results[1]!.losses) - mean(results[0]!.losses), 8);
  expect(difference.interval).toBeGreaterThan(0);
});

test("navigation: a policy adapts, and its returns are told by step", async () => {
  const rows = await navigation.main({ iterations: 2, evaluationTasks: 3, episodes: 4 });
  expect(rows.map(({ steps }) => steps)).toEqual([0, 1, 2]);
  for (const { figures } of rows) expect(figures.return!.mean).toBeLessThan(0);
  expect(printed.join("\n")).toMatch(/return after 2 steps {2}-\d+\.\d \+- \d/);
});
