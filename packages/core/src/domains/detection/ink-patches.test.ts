import { describe, expect, test } from "vitest";
import { type LabelledExamples, labelledExamples, withRotations } from "../classification/labelled-examples.js";
import { drawn, glyphs, scribbles } from "./glyphs.fixture.js";
import { InkDrawing, type InkPatch, leastInk } from "./ink-patches.js";

const patchOf = (data: LabelledExamples, side: number, angle = 0, place = 0, example = 0): InkPatch =>
  new InkDrawing(data, "test").patch(data.classes[place]!, example, side, angle);

/** A filled rectangle from (row, column) on in a drawing of 28 x 28. */
const rectangle = (height: number, width: number, row = 5, column = 3, value = 1): LabelledExamples =>
  glyphs([28, 28], 1, 1, () =>
    drawn([28, 28], (i, j) => (i >= row && i < row + height && j >= column && j < column + width ? value : 0)),
  );

/** Clockwise by a quarter turn. */
const turned = ({ width, height, coverage }: InkPatch): InkPatch => ({
  width: height,
  height: width,
  coverage: Float32Array.from(coverage, (_, i) => {
    const [row, column] = [Math.floor(i / height), i % height];
    return coverage[(height - 1 - column) * width + row]!;
  }),
});

const expectSame = (a: InkPatch, b: InkPatch): void => {
  expect([a.width, a.height]).toEqual([b.width, b.height]);
  a.coverage.forEach((value, i) => {
    expect(value).toBeCloseTo(b.coverage[i]!, 5);
  });
};

describe("patches of ink", () => {
  test.each([
    [20, 10, 24],
    [10, 20, 36],
    [20, 8, 10],
    [3, 25, 60],
    [1, 1, 20],
  ])("have the longer side asked for: %i x %i scaled to %i", (height, width, side) => {
    const patch = patchOf(rectangle(height, width), side);
    const scale = side / Math.max(height, width);
    // Ink fades over a pixel of the drawing, and is cut off at a quarter: by a quarter of one beyond the edge, at most.
    for (const [found, wanted] of [
      [patch.height, height],
      [patch.width, width],
    ] as const) {
      expect(found).toBeGreaterThanOrEqual(scale * wanted - 1);
      expect(found).toBeLessThanOrEqual(scale * (wanted + 0.5) + 2);
    }
    expect(Math.max(...patch.coverage)).toBe(1);
  });

  test("are of the ink alone, wherever it lies and however strong it is", () => {
    const [left, right] = [rectangle(9, 5, 0, 0), rectangle(9, 5, 19, 23)].map((data) => patchOf(data, 20));
    expectSame(left!, right!);
    expectSame(patchOf(rectangle(9, 5, 4, 4, 0.3), 20), patchOf(rectangle(9, 5, 4, 4, 1), 20));
  });

  test("have ink in each outer row and column, and none that is too faint", () => {
    const data = scribbles(6, 2);
    for (let place = 0; place < 6; place++) {
      for (const [side, angle] of [
        [12, 0.2],
        [28, -0.15],
        [50, 0],
      ] as const) {
        const { width, height, coverage } = patchOf(data, side, angle, place, 1);
        expect(coverage).toHaveLength(width * height);
        const rows = Array.from({ length: height }, (_, row) => coverage.subarray(row * width, (row + 1) * width));
        const inked = (values: readonly number[] | Float32Array): boolean => values.some((value) => value >= leastInk);
        expect([rows[0]!, rows.at(-1)!].every(inked)).toBe(true);
        expect([0, width - 1].every((column) => inked(rows.map((row) => row[column]!)))).toBe(true);
        expect(coverage.every((value) => value === 0 || (value >= leastInk && value <= 1))).toBe(true);
      }
    }
  });

  test("are turned clockwise about their middle", () => {
    const data = scribbles(3, 1);
    for (let place = 0; place < 3; place++) {
      expectSame(patchOf(data, 30, Math.PI / 2, place), turned(patchOf(data, 30, 0, place)));
      // A class that is turned counterclockwise, as its examples are read.
      const [, quarter] = withRotations({ ...data, classes: [data.classes[place]!] }).classes;
      const upright = new InkDrawing(data, "test").patch(quarter!, 0, 30, Math.PI / 2);
      expectSame(upright, patchOf(data, 30, 0, place));
    }
  });

  test("are averages where drawings shrink: fine stripes become even grey", () => {
    const stripes = glyphs([96, 96], 1, 1, () => drawn([96, 96], (_, column) => column % 2));
    for (const side of [40, 32, 21]) {
      const { width, height, coverage } = patchOf(stripes, side);
      const inner = coverage.filter((_, i) => {
        const [row, column] = [Math.floor(i / width), i % width];
        return row > 1 && row < height - 2 && column > 1 && column < width - 2;
      });
      // Bilinear interpolation alone takes some pixels from stripes and others from between them: 0 and 1.
      expect(Math.min(...inner) / Math.max(...inner)).toBeGreaterThan(0.6);
    }
  });

  test("keep thin strokes that shrink below a pixel", () => {
    const ring = glyphs([105, 105], 1, 1, () =>
      drawn([105, 105], (row, column) => (Math.abs(Math.hypot(row - 52, column - 52) - 45) < 0.8 ? 1 : 0)),
    );
    const { width, height, coverage } = patchOf(ring, 12);
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(11);
    expect(coverage.filter((value) => value > 0).length).toBeGreaterThan(30);
  });
});

describe("data that are no drawings of characters are refused", () => {
  const image = (value: number): Float32Array => new Float32Array(16).fill(value);
  const ink = image(0).fill(0.9, 5, 7);
  const data = (exampleShape: readonly number[], ...examples: Float32Array[]): LabelledExamples =>
    labelledExamples({ name: "data", exampleShape, classes: [{ name: "a", examples }] });

  test.each([
    ["examples of data are of shape [2, 2, 4]", data([2, 2, 4], ink)],
    ["examples of data are of shape [16]", data([16], ink)],
    ['class "a" of data, example 1 is all 0', data([4, 4, 1], ink, image(0))],
    ['class "a" of data, example 1 holds -1', data([4, 4, 1], ink, image(-1))],
    [
      "88% of the pixels of data are more than half white",
      data(
        [4, 4],
        ink.map((value) => 1 - value),
      ),
    ],
    [
      "examples of ids are ids",
      labelledExamples({
        name: "ids",
        exampleShape: [4, 4],
        ids: { count: 2 },
        classes: [{ name: "a", examples: [new Int32Array(16)] }],
      }),
    ],
  ])("%s", (problem, given) => {
    expect(() => new InkDrawing(given, "scenes")).toThrow(`ILT314 scenes: ${problem}`);
  });
});
