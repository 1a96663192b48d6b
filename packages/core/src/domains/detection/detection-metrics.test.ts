import { type Tensor, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import type { DetectionMaps } from "../../losses/detection.js";
import type { PooledMetric } from "../../losses/metric.js";
import { detectionLoss } from "./detection-metrics.js";
import type { DetectionTargets } from "./scene-episodes.js";

const [rows, columns, classes] = [6, 6, 2];
const loss = detectionLoss({ stride: 4 });
const metrics = loss.metrics as unknown as readonly PooledMetric<DetectionMaps, DetectionTargets>[];

/** An object: its cell, its label, and the box about the middle of the cell. */
type Placed = { readonly picture: number; readonly cell: number; readonly label: number; readonly side?: number };

/** What is said of two pictures, and what is there. */
function task(said: readonly Placed[], is: readonly Placed[], present?: readonly number[]) {
  const cells = rows * columns;
  const objectness = new Float32Array(2 * cells).fill(-20);
  const names = new Float32Array(2 * cells * (classes + 1));
  const box = new Float32Array(2 * cells * 4).fill(1);
  for (const { picture, cell, label, side = 8 } of said) {
    const at = picture * cells + cell;
    objectness[at] = 3;
    names[at * (classes + 1) + (label < 0 ? classes : label)] = 12;
    box.fill(side / 8, 4 * at, 4 * at + 4);
  }
  const boxes = new Float32Array(2 * 4 * 6);
  const counts = [0, 0];
  for (const { picture, cell, label, side = 8 } of is) {
    const [x, y] = [4 * ((cell % columns) + 0.5), 4 * (Math.floor(cell / columns) + 0.5)];
    boxes.set([x - side / 2, y - side / 2, side, side, label, 1], 6 * (picture * 4 + counts[picture]!++));
  }
  const prediction: DetectionMaps = {
    objectness: tensor(objectness, [2, rows, columns]),
    names: tensor(names, [2, rows, columns, classes + 1]),
    box: tensor(box, [2, rows, columns, 4]),
  };
  const y = { maps: tensor([0]), boxes: tensor(boxes, [2, 4, 6]) };
  return { prediction, y, ...(present ? { present: tensor([...present]) } : {}) };
}

const figures = (...tasks: readonly { prediction: DetectionMaps; y: DetectionTargets; present?: Tensor }[]): number[] =>
  metrics.map(({ pooled }) => {
    const statistics = tasks.map(({ prediction, y, present }) =>
      pooled.statistics(prediction, y, present ?? tensor([1, 1])),
    );
    return pooled.combine(statistics)(tasks.map(() => 1));
  });

const there: readonly Placed[] = [
  { picture: 0, cell: 7, label: 0 },
  { picture: 0, cell: 28, label: 1 },
  { picture: 1, cell: 10, label: 0 },
  { picture: 1, cell: 31, label: -1 },
];

test("what is said of all that is there is an AP of 1, and objects of no class are to be found without a name", () => {
  expect(metrics.map(({ name }) => name)).toEqual(["ap50", "ap", "found50"]);
  for (const figure of figures(task(there, there))) expect(figure).toBeCloseTo(1, 12);
});

test("wrong names are told from wrong boxes", () => {
  const renamed = there.map((object) => (object.label < 0 ? object : { ...object, label: 1 - object.label }));
  const [named, , found] = figures(task(renamed, there));
  expect(found).toBeCloseTo(1, 12);
  expect(named).toBeLessThan(0.01);
  // Boxes of twice the area have an overlap of a half: hits at 0.5, misses above.
  const larger = there.map((object) => ({ ...object, side: 8 * Math.sqrt(1.98) }));
  const [at50, atAll] = figures(task(larger, there));
  expect(at50).toBeCloseTo(1, 12);
  expect(atAll).toBeCloseTo(0.1, 12);
});

test("an object of no class that is called by a class is a miss of that class", () => {
  // It stands before the others, which are as sure.
  const first = { picture: 0, cell: 4, label: -1 };
  const [named] = figures(task([{ ...first, label: 0 }, ...there], [first, ...there]));
  expect(named).toBeLessThan(1);
  expect(named).toBeGreaterThan(0.5);
});

test("the figure is the mean over tasks, those without objects left out, and pictures that are padding as well", () => {
  const nothing = task([], []);
  const half = task(
    there.filter(({ picture }) => picture === 0),
    there.filter(({ label }) => label >= 0),
  );
  const [alone] = figures(half);
  expect(alone).toBeGreaterThan(0.4);
  expect(alone).toBeLessThan(0.9);
  expect(figures(half, nothing, task(there, there))[0]).toBeCloseTo((alone! + 1) / 2, 12);
  // Without the second picture nothing is missed.
  expect(figures({ ...half, present: tensor([1, 0]) })[0]).toBeCloseTo(1, 12);
});
