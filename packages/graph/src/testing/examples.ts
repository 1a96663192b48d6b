/**
 * Example inputs of every primitive, on which the laws of `laws.ts` are tested. The table is total: a primitive
 * without examples does not compile. Values keep away from kinks, jumps and ties, where derivatives are a convention.
 */
import { convolution, filterGradient, inputGradient } from "../program/primitives/convolution.js";
import * as elementwise from "../program/primitives/elementwise.js";
import { addAlongAxis, gather, scatterAdd, takeAlongAxis } from "../program/primitives/indexing.js";
import { matmul } from "../program/primitives/linear-algebra.js";
import { after } from "../program/primitives/ordering.js";
import { argMax, cumulativeSum, reduceMax, sum } from "../program/primitives/reduce.js";
import { broadcastTo, concat, flip, pad, reshape, slice, transpose } from "../program/primitives/shape.js";
import { type GeometryAttributes, overlapAdd, windows } from "../program/primitives/windows.js";
import { type PrimitiveName, primitives } from "../program/registry.js";
import { input, type Tensor } from "../program/tensor.js";
import { type DType, type Shape, sizeOf } from "../program/tensor-type.js";

export interface ExampleInput {
  /** "float" inputs are float64 in the reference laws and float32 or float64 on executors. */
  readonly kind: "float" | "int32" | "bool";
  readonly shape: Shape;
  /** Row-major values; another seed gives others of the same range. */
  readonly values: (seed: number) => number[];
}

export interface Example {
  readonly name: string;
  readonly inputs: readonly ExampleInput[];
  readonly apply: (...inputs: Tensor[]) => Tensor;
}

/** A number in [0, 1) that looks random: a hash of seed and index (the finalizer of MurmurHash3). */
export function noise(seed: number, index: number): number {
  let h = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Different values between low and high: no two equal, none close to a whole number. */
export function floats(shape: Shape, low = -2.3, high = 2.6): ExampleInput {
  const count = sizeOf(shape);
  const step = (high - low) / count;
  const values = (seed: number): number[] => {
    const ranks = Array.from({ length: count }, (_, i) => i).sort((a, b) => noise(seed, a) - noise(seed, b));
    return ranks.map((rank, i) => {
      const value = low + (rank + 0.2 + 0.6 * noise(seed, count + i)) * step;
      const fraction = value - Math.round(value);
      return Math.abs(fraction) < 0.02 ? value + (fraction < 0 ? -0.02 : 0.02) : value;
    });
  };
  return { kind: "float", shape, values };
}

const positive = (shape: Shape): ExampleInput => floats(shape, 0.3, 2.8);
const small = (shape: Shape): ExampleInput => floats(shape, -0.9, 0.9);

/** Whole numbers from `low` to below `high`. */
function integers(shape: Shape, high: number, low = 0): ExampleInput {
  const count = sizeOf(shape);
  return {
    kind: "int32",
    shape,
    values: (seed) => Array.from({ length: count }, (_, i) => low + Math.floor(noise(seed, i) * (high - low))),
  };
}

function booleans(shape: Shape): ExampleInput {
  const count = sizeOf(shape);
  return {
    kind: "bool",
    shape,
    values: (seed) => Array.from({ length: count }, (_, i) => (noise(seed, i) < 0.5 ? 0 : 1)),
  };
}

const describe = (inputs: readonly ExampleInput[]): string =>
  inputs.map(({ kind, shape }) => `${kind === "float" ? "" : kind}[${shape.join(", ")}]`).join(" x ");

function example(inputs: readonly ExampleInput[], apply: Example["apply"], note = ""): Example {
  return { name: note === "" ? describe(inputs) : `${describe(inputs)} ${note}`, inputs, apply };
}

const unary = (f: (x: Tensor) => Tensor, make: (shape: Shape) => ExampleInput = floats): Example[] =>
  [[], [5], [2, 1, 3]].map((shape) => example([make(shape)], (x) => f(x)));

/** Pairs of shapes that broadcast: equal, scalar on either side, axes of size 1, axes missing on either side. */
const pairs: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [
    [2, 3],
    [2, 3],
  ],
  [[], [3]],
  [[3], []],
  [
    [2, 1],
    [1, 3],
  ],
  [[4], [2, 3, 4]],
  [
    [2, 1, 3],
    [2, 1],
  ],
];

const binary = (
  f: (a: Tensor, b: Tensor) => Tensor,
  left: (shape: Shape) => ExampleInput = floats,
  right: (shape: Shape) => ExampleInput = left,
): Example[] => pairs.map(([a, b]) => example([left(a), right(b)], (x, y) => f(x, y)));

const whole = (shape: Shape): ExampleInput => integers(shape, 6, -4);
const comparison = (f: (a: Tensor, b: Tensor) => Tensor): Example[] => [
  ...binary(f),
  example([integers([7], 3), integers([7], 3)], (a, b) => f(a, b), "with ties"),
];

const geometry = (
  window: readonly [number, number],
  stride: readonly [number, number] = [1, 1],
  padding: readonly [number, number, number, number] = [0, 0, 0, 0],
  dilation: readonly [number, number] = [1, 1],
): GeometryAttributes => ({ window, stride, padding, dilation });

interface WindowCase {
  readonly note: string;
  readonly size: readonly [height: number, width: number];
  /** Rows and columns of places: written out, so that the shape rule is checked against a figure of ours. */
  readonly places: readonly [rows: number, columns: number];
  readonly geometry: GeometryAttributes;
}

const windowCases: readonly WindowCase[] = [
  { note: "one pixel", size: [2, 3], places: [2, 3], geometry: geometry([1, 1]) },
  { note: "plain", size: [3, 4], places: [2, 3], geometry: geometry([2, 2]) },
  { note: "padded", size: [3, 3], places: [3, 3], geometry: geometry([3, 3], [1, 1], [1, 1, 1, 1]) },
  { note: "stride 2, odd size", size: [5, 4], places: [3, 2], geometry: geometry([3, 3], [2, 2], [1, 1, 1, 1]) },
  { note: "stride 2, uneven padding", size: [4, 5], places: [2, 3], geometry: geometry([3, 2], [2, 2], [0, 1, 1, 0]) },
  { note: "rest left out", size: [5, 3], places: [2, 1], geometry: geometry([2, 2], [2, 2]) },
  { note: "stride beyond the window", size: [5, 4], places: [2, 2], geometry: geometry([1, 2], [3, 2]) },
  { note: "dilated", size: [5, 5], places: [3, 1], geometry: geometry([2, 3], [1, 1], [0, 0, 0, 0], [2, 2]) },
  {
    note: "dilated, strided, padded",
    size: [4, 6],
    places: [1, 2],
    geometry: geometry([2, 2], [2, 3], [1, 0, 1, 0], [3, 2]),
  },
  {
    note: "dilation 2 with stride 2",
    size: [5, 5],
    places: [2, 2],
    geometry: geometry([2, 2], [2, 2], [0, 0, 0, 0], [2, 2]),
  },
  { note: "1 x 3 on a line", size: [1, 5], places: [1, 5], geometry: geometry([1, 3], [1, 1], [0, 0, 1, 1]) },
];

/** The cases with groups on both sides, one group shared on either side, and without groups. */
const groupings: readonly (readonly [left: number, right: number])[] = [
  [1, 1],
  [2, 2],
  [1, 2],
  [2, 1],
];

function convolutions(make: (c: WindowCase, left: number, right: number, images: number) => Example): Example[] {
  return windowCases.flatMap((c, at) => {
    const chosen = at === 3 ? groupings : [groupings[at % groupings.length]!];
    return chosen.map(([left, right]) => make(c, left, right, 1 + (at % 2)));
  });
}

const channels = 2;
const filtersOut = 3;

export const examples: Readonly<Record<PrimitiveName, readonly Example[]>> = {
  neg: [...unary(elementwise.neg), example([whole([4])], (x) => elementwise.neg(x))],
  exp: unary(elementwise.exp),
  log: unary(elementwise.log, positive),
  sqrt: unary(elementwise.sqrt, positive),
  tanh: unary(elementwise.tanh),
  sigmoid: [...unary(elementwise.sigmoid), example([floats([4], -40, 40)], (x) => elementwise.sigmoid(x), "far out")],
  erf: [...unary(elementwise.erf), example([floats([8], -5, 5)], (x) => elementwise.erf(x), "both expansions")],
  sin: unary(elementwise.sin),
  cos: unary(elementwise.cos),
  abs: [...unary(elementwise.abs), example([whole([4])], (x) => elementwise.abs(x))],
  sign: [...unary(elementwise.sign), example([whole([4])], (x) => elementwise.sign(x))],
  floor: unary(elementwise.floor),
  relu: unary(elementwise.relu),
  step: unary(elementwise.step),
  logicalNot: unary(elementwise.logicalNot, booleans),
  stopGradient: [...unary(elementwise.stopGradient), example([whole([3])], (x) => elementwise.stopGradient(x))],
  // What is waited for is of types without gradients: a rule that claims none could not be told from one that is wrong.
  after: [
    example([floats([2, 3]), integers([4], 9)], (x, y) => after(x, [y])),
    example([floats([]), booleans([2, 2])], (x, y) => after(x, [y])),
    example([floats([5]), integers([], 9), booleans([3])], (x, y, z) => after(x, [y, z])),
    example([floats([0, 3]), integers([0], 9)], (x, y) => after(x, [y])),
    example([whole([3]), integers([2], 9)], (x, y) => after(x, [y])),
  ],
  add: [...binary(elementwise.add), example([whole([3]), whole([])], (a, b) => elementwise.add(a, b))],
  sub: [...binary(elementwise.sub), example([whole([3]), whole([])], (a, b) => elementwise.sub(a, b))],
  mul: [...binary(elementwise.mul), example([whole([3]), whole([])], (a, b) => elementwise.mul(a, b))],
  div: binary(elementwise.div, floats, positive),
  mod: [
    ...binary(elementwise.mod, floats, positive),
    example([floats([4]), floats([4], -2.9, -1.1)], (a, b) => elementwise.mod(a, b), "by negative numbers"),
    example([integers([6], 9, -9), integers([6], 5, 2)], (a, b) => elementwise.mod(a, b)),
    example([integers([6], 9, -9), integers([6], -1, -5)], (a, b) => elementwise.mod(a, b), "by negative numbers"),
  ],
  pow: [
    ...binary(elementwise.pow, positive, floats),
    example([floats([6])], (x) => elementwise.pow(x, 3), "cubed, with negative numbers"),
    example([floats([3], -2, -1)], (x) => elementwise.pow(x, -1), "inverse of negative numbers"),
  ],
  max: [...binary(elementwise.max), example([whole([5]), whole([5])], (a, b) => elementwise.max(a, b))],
  min: [...binary(elementwise.min), example([whole([5]), whole([5])], (a, b) => elementwise.min(a, b))],
  less: comparison(elementwise.less),
  lessEqual: comparison(elementwise.lessEqual),
  greater: comparison(elementwise.greater),
  greaterEqual: comparison(elementwise.greaterEqual),
  equal: [...comparison(elementwise.equal), example([booleans([5]), booleans([5])], (a, b) => elementwise.equal(a, b))],
  logicalAnd: binary(elementwise.logicalAnd, booleans),
  logicalOr: binary(elementwise.logicalOr, booleans),
  where: [
    example([booleans([2, 3]), floats([2, 3]), floats([2, 3])], (c, a, b) => elementwise.where(c, a, b)),
    example([booleans([]), floats([3]), floats([2, 1])], (c, a, b) => elementwise.where(c, a, b)),
    example([booleans([2, 1, 4]), floats([]), floats([3, 1])], (c, a, b) => elementwise.where(c, a, b)),
    example([booleans([4]), integers([4], 5), integers([], 5)], (c, a, b) => elementwise.where(c, a, b)),
    example([booleans([4]), floats([4])], (c, a) => elementwise.where(c, a, -1), "or a number"),
  ],
  cast: [
    example(
      [floats([2, 3])],
      (x) => elementwise.cast(x, x.dtype === "float32" ? "float64" : "float32"),
      "to the other float",
    ),
    example([floats([5])], (x) => elementwise.cast(x, "int32"), "to int32"),
    example([floats([5])], (x) => elementwise.cast(x, "int64"), "to int64"),
    example([floats([])], (x) => elementwise.cast(x, "bool"), "to bool"),
    example([integers([4], 3)], (x) => elementwise.cast(x, "bool"), "to bool"),
    example([integers([4], 9, -9)], (x) => elementwise.cast(x, "float64"), "to float64"),
    example([booleans([4])], (x) => elementwise.cast(x, "float32"), "to float32"),
    example([booleans([4])], (x) => elementwise.cast(x, "int32"), "to int32"),
  ],
  reshape: [
    example([floats([2, 3])], (x) => reshape(x, [3, 2]), "to [3, 2]"),
    example([floats([2, 3, 2])], (x) => reshape(x, [-1]), "flat"),
    example([floats([])], (x) => reshape(x, [1, 1]), "to [1, 1]"),
    example([floats([1])], (x) => reshape(x, []), "to []"),
    example([floats([0, 3])], (x) => reshape(x, [3, 0, 2]), "of nothing"),
    example([integers([4], 9)], (x) => reshape(x, [2, -1]), "to [2, -1]"),
  ],
  transpose: [
    example([floats([2, 3])], (x) => transpose(x)),
    example([floats([2, 3, 4])], (x) => transpose(x, [2, 0, 1]), "2 0 1"),
    example([floats([2, 1, 3])], (x) => transpose(x, [1, 0, 2]), "moves an axis of size 1"),
    example([floats([2, 1, 3, 2])], (x) => transpose(x, [3, 1, 0, 2]), "3 1 0 2"),
  ],
  broadcastTo: [
    example([floats([])], (x) => broadcastTo(x, [2, 3])),
    example([floats([3])], (x) => broadcastTo(x, [2, 3])),
    example([floats([2, 1])], (x) => broadcastTo(x, [2, 3])),
    example([floats([1, 3, 1])], (x) => broadcastTo(x, [2, 2, 3, 2])),
    example([floats([1])], (x) => broadcastTo(x, [1, 1]), "adds an axis of size 1"),
    example([integers([2], 5)], (x) => broadcastTo(x, [3, 2])),
  ],
  slice: [
    example([floats([5])], (x) => slice(x, { start: [1], stop: [4] })),
    example([floats([4, 5])], (x) => slice(x, { start: [0, 1], stop: [4, 5], step: [2, 3] }), "with steps"),
    example([floats([7])], (x) => slice(x, { start: [1], stop: [7], step: [4] }), "with a rest"),
    example([floats([2, 3, 2])], (x) => slice(x, { start: [1, 0, 1], stop: [2, 3, 2] }), "to single elements"),
    example([floats([3, 2])], (x) => slice(x, { start: [2, 0], stop: [2, 2] }), "empty"),
    example([integers([4], 9)], (x) => slice(x, { start: [2], stop: [4] })),
  ],
  pad: [
    example([floats([3])], (x) => pad(x, { low: [1], high: [2] })),
    example([floats([2, 3])], (x) => pad(x, { low: [0, 1], high: [2, 0], value: -1.5 }), "with a value"),
    example([floats([2, 3])], (x) => pad(x, { interior: [1, 2] }), "between"),
    example(
      [floats([3, 2])],
      (x) => pad(x, { low: [1, 0], high: [0, 1], interior: [2, 1], value: 3 }),
      "around and between",
    ),
    example(
      [floats([1, 2])],
      (x) => pad(x, { low: [1, 0], interior: [3, 0] }),
      "between the elements of an axis of size 1",
    ),
    example([floats([])], (x) => pad(reshape(x, [1]), { high: [2] })),
  ],
  concat: [
    example([floats([2]), floats([3])], (a, b) => concat([a, b])),
    example([floats([2, 1]), floats([2, 3]), floats([2, 2])], (a, b, c) => concat([a, b, c], 1), "on axis 1"),
    example([floats([1, 2, 2]), floats([2, 2, 2])], (a, b) => concat([a, b], -3), "on axis -3"),
    example([floats([2])], (a) => concat([a, a]), "with itself"),
    example([floats([0, 2]), floats([1, 2])], (a, b) => concat([a, b]), "with nothing"),
    example([integers([2], 5), integers([1], 5)], (a, b) => concat([a, b])),
  ],
  flip: [
    example([floats([4])], (x) => flip(x, [0])),
    example([floats([2, 3])], (x) => flip(x, [1]), "axis 1"),
    example([floats([2, 3, 2])], (x) => flip(x, [0, -1]), "axes 0 and -1"),
    example([floats([1, 3])], (x) => flip(x, [0]), "an axis of size 1"),
  ],
  sum: [
    example([floats([2, 3])], (x) => sum(x), "all"),
    example([floats([2, 3, 4])], (x) => sum(x, [0, 2]), "axes 0 and 2"),
    example([floats([3, 2])], (x) => sum(x, 0), "leading axis"),
    example([floats([2, 1, 3])], (x) => sum(x, 1), "an axis of size 1"),
    example([floats([2, 1, 3])], (x) => sum(x, [1, -1]), "axes 1 and -1"),
    example([floats([2, 3])], (x) => sum(x, -1, { keepAxes: true }), "axis kept"),
    example([floats([0, 3])], (x) => sum(x, 0), "of nothing"),
    example([integers([2, 3], 5)], (x) => sum(x, 1)),
  ],
  reduceMax: [
    example([floats([2, 3])], (x) => reduceMax(x), "all"),
    example([floats([2, 3, 4])], (x) => reduceMax(x, [0, 2]), "axes 0 and 2"),
    example([floats([3, 2])], (x) => reduceMax(x, 0), "leading axis"),
    example([floats([2, 1, 3])], (x) => reduceMax(x, 1), "an axis of size 1"),
    example([floats([2, 3])], (x) => reduceMax(x, -1, { keepAxes: true }), "axis kept"),
    example([floats([4], -3, -1)], (x) => reduceMax(x), "negative"),
    example([integers([2, 3], 5, -5)], (x) => reduceMax(x, 1)),
  ],
  argMax: [
    example([floats([5])], (x) => argMax(x)),
    example([floats([2, 3])], (x) => argMax(x, 0), "axis 0"),
    example([floats([2, 3, 2])], (x) => argMax(x, 1), "axis 1"),
    example([floats([2, 1])], (x) => argMax(x), "an axis of size 1"),
    example([integers([3, 6], 3)], (x) => argMax(x), "with ties"),
  ],
  cumulativeSum: [
    example([floats([4])], (x) => cumulativeSum(x)),
    example([floats([3, 2])], (x) => cumulativeSum(x, 0), "axis 0"),
    example([floats([2, 3, 2])], (x) => cumulativeSum(x, 1, { reverse: true }), "axis 1 reversed"),
    example([floats([2, 1])], (x) => cumulativeSum(x), "an axis of size 1"),
    example([integers([4], 5)], (x) => cumulativeSum(x, 0, { reverse: true }), "reversed"),
  ],
  matmul: [
    example([floats([2, 3]), floats([3, 4])], (a, b) => matmul(a, b)),
    example([floats([1, 3]), floats([3, 1])], (a, b) => matmul(a, b)),
    example([floats([2, 1]), floats([1, 2])], (a, b) => matmul(a, b)),
    example([floats([2, 2, 3]), floats([2, 3, 2])], (a, b) => matmul(a, b)),
    example([floats([2, 2, 3]), floats([3, 2])], (a, b) => matmul(a, b)),
    example([floats([2, 3]), floats([2, 3, 1])], (a, b) => matmul(a, b)),
    example([floats([2, 1, 1, 2]), floats([3, 2, 2])], (a, b) => matmul(a, b)),
    example([floats([1, 2, 2]), floats([3, 2, 1])], (a, b) => matmul(a, b)),
    example([floats([3, 2]), floats([4, 3])], (a, b) => matmul(transpose(a), transpose(b)), "both transposed"),
    example([integers([2, 3], 5), integers([3, 2], 5)], (a, b) => matmul(a, b)),
  ],
  gather: [
    example([floats([4]), integers([3], 4)], (x, i) => gather(x, i)),
    example([floats([4, 2]), integers([5], 4)], (x, i) => gather(x, i), "repeating rows"),
    example([floats([2, 3]), integers([2, 2], 3)], (x, i) => gather(x, i, 1), "axis 1, by a table"),
    example([floats([2, 3, 2]), integers([2], 3)], (x, i) => gather(x, i, 1), "axis 1"),
    example([floats([3, 2]), integers([], 3)], (x, i) => gather(x, i), "by one index"),
    example([floats([2, 3]), integers([], 3)], (x, i) => gather(x, i, -1), "by one index, last axis"),
    example([integers([3], 9), integers([2], 3)], (x, i) => gather(x, i)),
  ],
  scatterAdd: [
    example([floats([3]), integers([3], 4)], (u, i) => scatterAdd(u, i, { size: 4 })),
    example([floats([5, 2]), integers([5], 3)], (u, i) => scatterAdd(u, i, { size: 3 }), "with collisions"),
    example(
      [floats([2, 2, 2]), integers([2, 2], 3)],
      (u, i) => scatterAdd(u, i, { axis: 1, size: 3 }),
      "axis 1, by a table",
    ),
    example([floats([2, 3, 2]), integers([3], 4)], (u, i) => scatterAdd(u, i, { axis: 1, size: 4 }), "axis 1"),
    example([floats([2]), integers([], 3)], (u, i) => scatterAdd(u, i, { size: 3 }), "by one index"),
    example(
      [floats([2]), integers([], 3)],
      (u, i) => scatterAdd(u, i, { axis: 1, size: 3 }),
      "by one index, last axis",
    ),
    example([floats([]), integers([], 3)], (u, i) => scatterAdd(u, i, { size: 3 }), "one number"),
  ],
  takeAlongAxis: [
    example([floats([3, 4]), integers([3, 1], 4)], (x, i) => takeAlongAxis(x, i)),
    example([floats([3, 2]), integers([4, 2], 3)], (x, i) => takeAlongAxis(x, i, 0), "axis 0"),
    example([floats([2, 3, 2]), integers([2, 2, 2], 3)], (x, i) => takeAlongAxis(x, i, 1), "axis 1"),
    example([floats([4]), integers([2], 4)], (x, i) => takeAlongAxis(x, i)),
  ],
  addAlongAxis: [
    example([floats([3, 1]), integers([3, 1], 4)], (u, i) => addAlongAxis(u, i, { size: 4 })),
    example(
      [floats([4, 2]), integers([4, 2], 3)],
      (u, i) => addAlongAxis(u, i, { axis: 0, size: 3 }),
      "axis 0, with collisions",
    ),
    example([floats([2, 3, 2]), integers([2, 3, 2], 2)], (u, i) => addAlongAxis(u, i, { axis: 1, size: 2 }), "axis 1"),
    example([floats([3]), integers([3], 5)], (u, i) => addAlongAxis(u, i, { size: 5 })),
  ],
  windows: windowCases.map(({ note, size, geometry: g }, at) =>
    example([floats([1 + (at % 2), ...size, 2])], (x) => windows(x, g), note),
  ),
  overlapAdd: windowCases.map(({ note, size, places, geometry: g }, at) =>
    example([floats([1 + (at % 2), ...places, g.window[0]! * g.window[1]!, 2])], (x) => overlapAdd(x, g, size), note),
  ),
  convolution: convolutions(({ note, size, geometry: g }, left, right, images) =>
    example(
      [small([left, images, ...size, channels]), small([right, ...g.window, channels, filtersOut])],
      (x, w) => convolution(x, w, g),
      note,
    ),
  ),
  filterGradient: convolutions(({ note, size, places, geometry: g }, left, right, images) =>
    example(
      [small([left, images, ...size, channels]), small([right, images, ...places, filtersOut])],
      (x, dy) => filterGradient(x, dy, g),
      note,
    ),
  ),
  inputGradient: convolutions(({ note, size, places, geometry: g }, left, right, images) =>
    example(
      [small([left, images, ...places, filtersOut]), small([right, ...g.window, channels, filtersOut])],
      (dy, w) => inputGradient(dy, w, { ...g, size }),
      note,
    ),
  ),
};

export type FloatType = "float32" | "float64";

const typeOf = (source: ExampleInput, float: FloatType): DType => (source.kind === "float" ? float : source.kind);

/** Tensors without values for an example's inputs. */
export function placeholders({ inputs }: Example, float: FloatType = "float64"): Tensor[] {
  return inputs.map((source) => input(source.shape, typeOf(source, float)));
}

/** The values of an example's inputs; another variant has others of the same range. */
export function exampleValues({ inputs }: Example, variant = 0): number[][] {
  return inputs.map((source, position) => source.values(16 * variant + position));
}

/** All examples as rows of a test table: primitive, example. */
export const exampleRows: readonly (readonly [label: string, name: PrimitiveName, example: Example])[] = (
  Object.keys(primitives) as PrimitiveName[]
).flatMap((name) => examples[name].map((one) => [`${name} ${one.name}`, name, one] as const));
