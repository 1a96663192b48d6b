import { describe, expect, test } from "vitest";
import { decodedDetections, decodedObjects, type PictureMaps } from "./decoded-detections.js";

const [rows, columns, classes] = [4, 6, 2];
const logit = (p: number): number => Math.log(p / (1 - p));

/** Maps with objects at cells: how sure, the shares of names (none last), and reaches. */
function mapsOf(
  cells: Readonly<Record<number, { p: number; names?: readonly number[]; box?: readonly number[] }>>,
): PictureMaps {
  const objectness = new Float64Array(rows * columns).fill(-20);
  const names = new Float64Array(rows * columns * (classes + 1));
  const box = new Float64Array(rows * columns * 4).fill(1);
  for (const [cell, { p, names: shares = [0.6, 0.3, 0.1], box: reaches = [1, 1, 1, 1] }] of Object.entries(cells)) {
    objectness[Number(cell)] = logit(p);
    names.set(shares.map(Math.log), Number(cell) * (classes + 1));
    box.set(reaches, Number(cell) * 4);
  }
  return { rows, columns, classes, objectness, names, box };
}

describe("detections out of maps", () => {
  test("are peaks, each as every class, with sigmoid x softmax for score and boxes in pixels", () => {
    const found = decodedDetections(mapsOf({ 8: { p: 0.9, box: [0.5, 1, 2.5, 1.5] }, 9: { p: 0.8 } }), { stride: 4 });
    // Cell 9 lies beside cell 8, which is surer. Cell 8: row 1, column 2, its middle at 10, 6.
    expect(found.map(({ label }) => label)).toEqual([0, 1]);
    expect(found[0]!.score).toBeCloseTo(0.9 * 0.6, 10);
    expect(found[1]!.score).toBeCloseTo(0.9 * 0.3, 10);
    expect(found[0]!.box).toEqual({ x: 8, y: 2, width: 12, height: 10 });
  });

  test("of equal neighbours the first stands, and peaks at edges are peaks", () => {
    const found = decodedObjects(mapsOf({ 0: { p: 0.7 }, 1: { p: 0.7 }, 6: { p: 0.7 }, 23: { p: 0.6 } }), {
      stride: 4,
    });
    expect(found.map(({ box }) => [box.x + box.width / 2, box.y + box.height / 2])).toEqual([
      // Boxes are cut to the picture, of 24 x 16 pixels.
      [3, 3],
      [21, 13],
    ]);
  });

  test("below the threshold are none, and of a class so many at most", () => {
    const maps = mapsOf({ 0: { p: 0.9 }, 2: { p: 0.5 }, 4: { p: 0.3 }, 12: { p: 0.02 } });
    const scores = (options: object): number[] =>
      decodedObjects(maps, { stride: 4, ...options }).map(({ score }) => Number(score.toFixed(6)));
    expect(scores({})).toEqual([0.9, 0.5, 0.3, 0.02]);
    expect(scores({ threshold: 0.3001 })).toEqual([0.9, 0.5]);
    const two = decodedDetections(maps, { stride: 4, most: 2 });
    expect(two.map(({ label, score }) => [label, Number(score.toFixed(6))])).toEqual([
      [0, 0.54],
      [0, 0.3],
      [1, 0.27],
      [1, 0.15],
    ]);
  });

  test("that overlap are one, of the same class alone", () => {
    const wide = [4, 4, 4, 4];
    const maps = mapsOf({
      7: { p: 0.9, box: wide, names: [0.98, 0.01, 0.01] },
      9: { p: 0.8, box: wide, names: [0.5, 0.49, 0.01] },
    });
    // Boxes of 32 pixels, cut to the picture: 22 and 24 of its 24 columns.
    const labels = (overlap: number): number[] =>
      decodedDetections(maps, { stride: 4, overlap, threshold: 0.1 }).map(({ label }) => label);
    expect(labels(0.92)).toEqual([0, 0, 1]);
    expect(labels(0.91)).toEqual([0, 1]);
    expect(decodedObjects(maps, { stride: 4, overlap: 0.5, threshold: 0.1 })).toHaveLength(1);
  });
});
