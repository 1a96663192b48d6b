/** The order of axes in PyTorch and here. */
import { describe, expect, test } from "vitest";
import { channelsLast, inferredLayout, laidOut, shapeOf } from "./parameter-layouts.js";

describe("the layout of a tensor", () => {
  test.each([
    ["a bias", [4], [4], undefined, "same"],
    ["a linear layer", [5, 64], [64, 5], [1, 0], "transpose"],
    ["a square one, by what its layer tells", [8, 8], [8, 8], [1, 0], "transpose"],
    ["a linear layer that is kept as ours", [64, 5], [64, 5], [1, 0], "same"],
    ["a convolution", [64, 1, 3, 3], [3, 3, 1, 64], [2, 3, 1, 0], "OIHW->HWIO"],
    ["a convolution of equal sides", [3, 3, 3, 3], [3, 3, 3, 3], [2, 3, 1, 0], "OIHW->HWIO"],
    ["a convolution of sequences", [8, 4, 3], [3, 4, 8], [2, 1, 0], "OIL->LIO"],
    ["a table", [100, 8], [100, 8], undefined, "same"],
    ["a matrix of a layer that tells nothing", [5, 64], [64, 5], undefined, "transpose"],
    ["a square one of such a layer: either way round", [8, 8], [8, 8], undefined, undefined],
    ["another size", [5, 65], [64, 5], [1, 0], undefined],
    ["another rank", [64], [8, 8], [1, 0], undefined],
  ] as const)("of %s", (_, there, here, axes, expected) => {
    expect(inferredLayout(there, here, axes && { torchAxes: axes })).toBe(expected);
  });
});

/** Numbers that say where they stood: a digit for each axis. */
const digits = (shape: readonly number[]): Float32Array => {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0, place = shape.map(() => 0); i < values.length; i++) {
    values[i] = Number(place.join(""));
    for (let axis = shape.length - 1; axis >= 0 && ++place[axis]! === shape[axis]; axis--) place[axis] = 0;
    place = [...place];
  }
  return values;
};

test("numbers are moved to the places of their axes", () => {
  expect([...laidOut(digits([2, 3]), [2, 3], "transpose")]).toEqual([0, 10, 1, 11, 2, 12]);
  const filters = laidOut(digits([2, 3, 1, 2]), [2, 3, 1, 2], "OIHW->HWIO");
  // [H 1, W 2, I 3, O 2]: the last axis is the first of PyTorch's.
  expect([...filters]).toEqual([0, 1000, 100, 1100, 200, 1200, 1, 1001, 101, 1101, 201, 1201]);
  expect([...laidOut(digits([2, 3, 4]), [2, 3, 4], "OIL->LIO")].slice(0, 6)).toEqual([0, 100, 10, 110, 20, 120]);
  expect([...channelsLast(digits([1, 2, 1, 2]), [1, 2, 1, 2])]).toEqual([0, 100, 1, 101]);
});

test("gates are moved to the places that their layer tells, of weights and of a bias", () => {
  const gates = [1, 0];
  const told = { torchAxes: [1, 0], torchGates: gates };
  expect(inferredLayout([4, 4], [4, 4], told)).toBe("recurrent");
  expect(inferredLayout([4], [4], told)).toBe("recurrent");
  expect(inferredLayout([4, 5], [4, 4], told)).toBeUndefined();
  // [outputs 4, inputs 2] there: two gates of two units; [inputs, outputs] here, the second gate first.
  expect([...laidOut(digits([4, 2]), [4, 2], "recurrent", gates)]).toEqual([20, 30, 0, 10, 21, 31, 1, 11]);
  expect([...laidOut(digits([4]), [4], "recurrent", gates)]).toEqual([2, 3, 0, 1]);
});

test("a linear layer behind a flattened image reads it channels last", () => {
  // One output; inputs are 2 channels of 1 x 3, channels first: c0w0 c0w1 c0w2 c1w0 c1w1 c1w2.
  const weight = Float32Array.of(0, 1, 2, 10, 11, 12);
  const layout = { flatten: [2, 1, 3] } as const;
  expect(shapeOf([1, 6], layout)).toEqual([6, 1]);
  expect([...laidOut(weight, [1, 6], layout)]).toEqual([0, 10, 1, 11, 2, 12]);
  expect(shapeOf([1, 5], layout)).toBeUndefined();
});
