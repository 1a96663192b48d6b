import { type Metric, type PooledMetric, random } from "@innerloop/core";
import { hitRate, pairAccuracy, type RatingTarget, ratingMetrics } from "@innerloop/core/tasks";
import { compile, interpret, leaves, type Tensor, type Tree, tensor, toNumbers, vmap } from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

test("metrics of ratings, mapped over padded tasks, are those of the interpreter", async () => {
  const [tasks, rows] = [40, 12];
  const source = random(5);
  const column = (draw: () => number): Tensor =>
    tensor(Float32Array.from({ length: tasks * rows }, draw), [tasks, rows, 1]);
  // Quarters, so that equal ones are equal in whatever order a machine computes.
  const prediction = column(() => (source.integer(9) - 4) / 4);
  const target = { rating: column(() => (source.integer(11) - 6) / 2), cold: column(() => source.integer(2)) };
  const present = tensor(
    Float32Array.from({ length: tasks * rows }, (_, i) => (i % rows === 0 ? 1 : source.integer(2))),
    [tasks, rows],
  );
  const units = { mean: 6, deviation: 2, scale: { least: 0, most: 10 } };
  const metrics: readonly Metric<Tensor, RatingTarget>[] = [...ratingMetrics(units), hitRate(3, units)];
  const valuesOf = (metric: Metric<Tensor, RatingTarget>, ...of: [Tensor, RatingTarget, Tensor]): Tree =>
    metric.pooled ? metric.pooled.statistics(...of) : metric.compute(...of);
  const all = vmap(
    (p: Tensor, y: RatingTarget, there: Tensor): Tree =>
      Object.fromEntries(metrics.map((metric) => [metric.name, valuesOf(metric, p, y, there)])),
  );
  const run = await compile(all, { executor })(prediction, target, present);
  const wanted = interpret(leaves(all(prediction, target, present)));
  const found = leaves(run);
  expect(found).toHaveLength(wanted.length);
  found.forEach((x, i) => {
    toNumbers(x).forEach((value, task) => {
      expect(Math.abs(value - wanted[i]![task]!)).toBeLessThan(1e-5 * Math.max(1, wanted[i]![task]!));
    });
  });
  // A pooled figure of what was computed there.
  const { pooled } = pairAccuracy as PooledMetric<Tensor, RatingTarget>;
  const counts = (run as Readonly<Record<string, Readonly<Record<string, Tensor>>>>).pairAccuracy!;
  const ofTask = (task: number): Tree =>
    Object.fromEntries(Object.entries(counts).map(([name, x]) => [name, tensor(Number(x.data![task]))]));
  const figure = pooled.combine(Array.from({ length: tasks }, (_, task) => ofTask(task)));
  expect(figure(new Uint8Array(tasks).fill(1))).toBeGreaterThan(0.4);
  expect(figure(new Uint8Array(tasks).fill(1))).toBeLessThan(0.6);
});
