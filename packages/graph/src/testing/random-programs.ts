/** Random programs of a few operations on small arrays, for property tests with fast-check. */
import fc from "fast-check";
import { broadcastShapes } from "../program/broadcasting.js";
import { conv2d, elu, gelu, logSoftmax, maxPool2d, softplus } from "../program/operations.js";
import * as e from "../program/primitives/elementwise.js";
import { gather, scatterAdd, takeAlongAxis } from "../program/primitives/indexing.js";
import { matmul, swapLast } from "../program/primitives/linear-algebra.js";
import { argMax, cumulativeSum, mean, reduceMax, sum } from "../program/primitives/reduce.js";
import { broadcastTo, concat, flip, pad, reshape, slice, transpose } from "../program/primitives/shape.js";
import { type Tensor, tensor } from "../program/tensor.js";
import { grad } from "../transforms/differentiate.js";
import { vmap } from "../transforms/vmap.js";
import { type Example, floats } from "./examples.js";

/** An operation that takes any array; `b` is another array, `n` a choice it may use. */
type Step = (a: Tensor, b: Tensor, n: number) => Tensor;

const square = (x: Tensor): Tensor => e.mul(x, x);
const axisOf = (x: Tensor, n: number): number => n % x.rank;
const flat = (x: Tensor): Tensor => reshape(x, [x.size]);
const matrix = (x: Tensor): Tensor => (x.rank < 2 ? reshape(x, [1, x.size]) : x);
const fitting = (a: Tensor, b: Tensor): Tensor => (broadcastShapes([a.shape, b.shape]) ? b : mean(b));
const withAxes =
  (f: Step): Step =>
  (a, b, n) =>
    a.rank === 0 ? e.sin(a) : f(a, b, n);

const steps: Readonly<Record<string, Step>> = {
  tanh: (a) => e.tanh(a),
  sigmoid: (a) => e.sigmoid(a),
  waves: (a) => e.add(e.sin(a), e.cos(e.mul(a, 0.5))),
  exp: (a) => e.exp(e.tanh(a)),
  log: (a) => e.log(e.add(square(a), 1)),
  sqrt: (a) => e.sqrt(e.add(square(a), 0.5)),
  pow: (a) => e.pow(e.add(square(a), 0.5), -1.5),
  erf: (a) => e.erf(a),
  gelu: (a) => gelu(a),
  softplus: (a) => softplus(a),
  elu: (a) => elu(a),
  relu: (a) => e.relu(a),
  abs: (a) => e.abs(a),
  neg: (a) => e.neg(a),
  scaled: (a, _b, n) => e.mul(a, [0, 1, -1, 2, -0.5][n % 5]!),
  shifted: (a, _b, n) => e.add(a, [0, 1, -0.3][n % 3]!),
  add: (a, b) => e.add(a, fitting(a, b)),
  sub: (a, b) => e.sub(a, fitting(a, b)),
  mul: (a, b) => e.mul(a, fitting(a, b)),
  div: (a, b) => e.div(a, e.add(square(fitting(a, b)), 0.5)),
  max: (a, b) => e.max(a, fitting(a, b)),
  min: (a, b) => e.min(a, fitting(a, b)),
  where: (a, b) => e.where(e.greater(a, fitting(a, b)), e.sin(a), fitting(a, b)),
  transposed: (a) => transpose(a),
  flat: (a) => flat(a),
  folded: (a) => (a.size % 2 === 0 ? reshape(a, [2, a.size / 2]) : flat(a)),
  repeated: (a, _b, n) => broadcastTo(a, [1 + (n % 2), ...a.shape]),
  sum: withAxes((a, _b, n) => sum(a, axisOf(a, n), { keepAxes: n % 2 === 1 })),
  mean: (a) => mean(a),
  max1: withAxes((a, _b, n) => reduceMax(a, axisOf(a, n), { keepAxes: n % 2 === 1 })),
  cumulative: withAxes((a, _b, n) => cumulativeSum(a, axisOf(a, n), { reverse: n % 2 === 1 })),
  flip: withAxes((a, _b, n) => flip(a, [axisOf(a, n)])),
  every2nd: withAxes((a, _b, n) => slice(a, { step: a.shape.map((_, axis) => (axis === axisOf(a, n) ? 2 : 1)) })),
  pad: withAxes((a, _b, n) =>
    pad(a, {
      low: a.shape.map((_, axis) => (axis === axisOf(a, n) ? 1 : 0)),
      interior: a.shape.map(() => n % 2),
      value: n % 3,
    }),
  ),
  joined: (a, b) => concat([flat(a), flat(b)]),
  gather: withAxes((a, _b, n) => gather(a, tensor([0, a.shape[axisOf(a, n)]! - 1, 0], [3], "int32"), axisOf(a, n))),
  scatter: (a) =>
    scatterAdd(
      flat(a),
      tensor(
        Array.from({ length: a.size }, (_, i) => (7 * i) % 3),
        [a.size],
        "int32",
      ),
      { size: 4 },
    ),
  largest: withAxes((a) => takeAlongAxis(a, reshape(argMax(a), [...a.shape.slice(0, -1), 1]))),
  softmax: withAxes((a, _b, n) => logSoftmax(a, axisOf(a, n))),
  gram: (a) => matmul(matrix(a), swapLast(matrix(a))),
  matmul: (a, b) =>
    matrix(a).shape.at(-1) === matrix(b).shape.at(-2) &&
    broadcastShapes([matrix(a).shape.slice(0, -2), matrix(b).shape.slice(0, -2)])
      ? matmul(matrix(a), matrix(b))
      : e.mul(a, 0.7),
  conv: (a, b) =>
    conv2d(reshape(a, [1, 1, a.size, 1]), reshape(slice(flat(b), { stop: [Math.min(2, b.size)] }), [1, -1, 1, 1]), {
      padding: 1,
    }),
  pool: (a) => maxPool2d(reshape(a, [1, 1, a.size, 1]), [1, Math.min(3, a.size)], { stride: 2 }),
  slope: (a) => grad((v: Tensor) => sum(e.mul(e.tanh(v), v)))(a),
  rows: withAxes((a) => vmap((one: Tensor) => e.mul(one, sum(one)))(a)),
};
/** Names and functions of the steps, as `Program.steps` counts them. */
export const stepList = Object.entries(steps);

export interface Program {
  readonly shapes: readonly (readonly number[])[];
  readonly steps: readonly { readonly step: number; readonly a: number; readonly b: number; readonly n: number }[];
}

/** Programs of 3 to 8 steps on one or two arrays. */
export const programs: fc.Arbitrary<Program> = fc.record({
  shapes: fc.array(fc.constantFrom([], [3], [1], [2, 3], [3, 2], [2, 1], [1, 2, 2]), { minLength: 1, maxLength: 2 }),
  steps: fc.array(fc.record({ step: fc.nat(stepList.length - 1), a: fc.nat(3), b: fc.nat(9), n: fc.nat(9) }), {
    minLength: 3,
    maxLength: 8,
  }),
});

/** The program as a function. Each step reads one of the newest results, so that few are for nothing. */
export function exampleOf({ shapes, steps: list }: Program): Example {
  const apply = (...inputs: Tensor[]): Tensor => {
    const known = [...inputs];
    for (const { step, a, b, n } of list) {
      const first = known[known.length - 1 - (a % Math.min(2, known.length))]!;
      const made = stepList[step]![1](first, known[b % known.length]!, n);
      known.push(made.size > 40 ? mean(made, 0) : made);
    }
    return known.at(-1)!;
  };
  return {
    name: list.map(({ step }) => stepList[step]![0]).join(" "),
    inputs: shapes.map((shape) => floats(shape, -1.2, 1.4)),
    apply,
  };
}
