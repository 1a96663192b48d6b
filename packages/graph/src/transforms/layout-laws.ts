/** Laws of constants, and of operations that move or repeat elements. */
import { broadcastShapes } from "../program/broadcasting.js";
import { cast, mul } from "../program/primitives/elementwise.js";
import { matmul, swapLast } from "../program/primitives/linear-algebra.js";
import { broadcastTo, concat, full, reshape, slice, transpose } from "../program/primitives/shape.js";
import { scalar, scalarValue, Tensor } from "../program/tensor.js";
import { isFloat, sameShape, toTypedArray } from "../program/tensor-type.js";
import { is, isUniform, type Law, law } from "./law.js";

/** Constants up to this size are computed while the graph is simplified; larger ones would only make the model longer. */
const foldingLimit = 65536;

export const layoutLaws: readonly Law[] = [
  law({
    name: "constant folding",
    algebra: "f(constants) = a constant",
    on: "all",
    apply: (x, inputs) => {
      if (inputs.length === 0 || x.size > foldingLimit || is(x, "broadcastTo")) return undefined;
      if (!inputs.every((source) => source.data && source.size <= foldingLimit)) return undefined;
      const arrays = inputs.map((source) => ({
        shape: source.shape,
        data: Float64Array.from(source.data as ArrayLike<number | bigint>, Number),
      }));
      const values = toTypedArray(x.primitive.evaluate(arrays, x.attributes, x), x.dtype);
      return x.size === 1 && x.rank === 0 ? scalar(Number(values[0]), x.dtype) : new Tensor(x, { data: values });
    },
  }),
  law({
    name: "stopped gradient",
    algebra: "stopGradient(x) = x, once gradients are taken",
    on: ["stopGradient"],
    apply: (_x, [a]) => a,
  }),
  law({
    name: "movement of equal elements",
    algebra: "move(c, c, ...) = (c, c, ...)",
    on: ["reshape", "transpose", "broadcastTo", "slice", "flip"],
    apply: (x, [a]) => {
      const value = is(a, "broadcastTo") ? scalarValue(a.inputs[0]!) : undefined;
      return value === undefined ? undefined : full(x.shape, value, x.dtype);
    },
  }),
  law({
    name: "linear map of zeros",
    algebra: "f(0) = 0 for linear f",
    on: [
      "matmul",
      "convolution",
      "filterGradient",
      "inputGradient",
      "windows",
      "overlapAdd",
      "sum",
      "cumulativeSum",
      "mul",
    ],
    apply: (x, inputs) => (inputs.some((source) => isUniform(source, 0)) ? full(x.shape, 0, x.dtype) : undefined),
  }),
  law({
    name: "reshape of a reshape",
    algebra: "reshape(reshape(x)) = reshape(x)",
    on: ["reshape"],
    apply: (x, [a]) => (is(a, "reshape") ? reshape(a.inputs[0]!, x.shape) : undefined),
  }),
  law({
    name: "reshape of a multiple",
    algebra: "reshape(x c) = reshape(x) c for a number c",
    on: ["reshape"],
    apply: (x, [a]) => {
      // Only where c has no axes of its own: the product then is of x's shape.
      const constant = is(a, "mul") && isFloat(x.dtype) && a.inputs[1]!.rank === 0 && a.inputs[1]!.data;
      return constant ? mul(reshape(a.inputs[0]!, x.shape), a.inputs[1]!) : undefined;
    },
  }),
  law({
    name: "transpose of a transpose",
    algebra: "transpose(transpose(x)) = transpose(x), by the permutation of both",
    on: ["transpose"],
    apply: (x, [a]) => {
      if (!is(a, "transpose")) return undefined;
      const inner = a.attributes.permutation;
      return transpose(
        a.inputs[0]!,
        x.attributes.permutation.map((axis) => inner[axis]!),
      );
    },
  }),
  law({
    name: "transpose of unit axes",
    algebra: "transpose(x) = reshape(x) where no axes but those of size 1 change places",
    on: ["transpose"],
    apply: (x, [a]) => {
      const moving = x.attributes.permutation.filter((axis) => a!.shape[axis] !== 1);
      return moving.every((axis, i) => i === 0 || axis > moving[i - 1]!) ? reshape(a!, x.shape) : undefined;
    },
  }),
  law({
    name: "transpose of a product",
    algebra: "(a b)^T = b^T a^T",
    on: ["transpose"],
    apply: (x, [product]) => {
      // A transposed operand costs the product nothing; a transposed result is a pass over it.
      if (!is(product, "matmul") || !swapsLastAxes(x.attributes.permutation)) return undefined;
      return matmul(swapLast(product.inputs[1]!), swapLast(product.inputs[0]!));
    },
  }),
  law({
    name: "repetition of a repetition",
    algebra: "broadcastTo(broadcastTo(x)) = broadcastTo(x)",
    on: ["broadcastTo"],
    apply: (x, [a]) => (is(a, "broadcastTo") ? broadcastTo(a.inputs[0]!, x.shape) : undefined),
  }),
  law({
    name: "parts side by side",
    algebra: "pad(x) + pad(y) = concat(x, y) where each is 0 where the other is not",
    on: ["add"],
    apply: (x, [a, b]) => {
      const [left, right] = [paddedAlong(a!, x.rank), paddedAlong(b!, x.rank)];
      if (!left || !right || left.axis !== right.axis) return undefined;
      const [first, second] = left.low === 0 ? [left, right] : [right, left];
      const joins = first.low === 0 && second.high === 0 && first.size === second.low && second.size === first.high;
      if (!joins) return undefined;
      const { axis } = first;
      const part = ({ part, size }: Padded): Tensor =>
        broadcastTo(
          part,
          x.shape.map((n, i) => (i === axis ? size : n)),
        );
      return concat([part(first), part(second)], axis);
    },
  }),
  law({
    name: "slice of one part",
    algebra: "slice(concat(x, y)) = slice(x) within x",
    on: ["slice"],
    apply: (x, [whole]) => {
      if (!is(whole, "concat")) return undefined;
      const { axis } = whole.attributes;
      const { start, stop, step } = x.attributes;
      let from = 0;
      for (const part of whole.inputs) {
        const to = from + part.shape[axis]!;
        if (from <= start[axis]! && stop[axis]! <= to) {
          const within = (ends: readonly number[]): number[] => ends.map((n, i) => (i === axis ? n - from : n));
          return slice(part, { start: within(start), stop: within(stop), step });
        }
        from = to;
      }
      return undefined;
    },
  }),
  law({
    name: "operation on repeated elements",
    algebra: "f(broadcastTo(x), y) = broadcastTo(f(x, y)) for elementwise f",
    on: "elementwise",
    apply: (x, inputs) => {
      if (!inputs.some((source) => is(source, "broadcastTo"))) return undefined;
      const narrow = inputs.map((source) => (is(source, "broadcastTo") ? source.inputs[0]! : source));
      const shape = broadcastShapes(narrow.map((source) => source.shape))!;
      const result = Tensor.apply(x.primitive, narrow, x.attributes);
      return sameShape(shape, x.shape) ? result : broadcastTo(result, x.shape);
    },
  }),
  law({
    name: "cast of repeated elements",
    algebra: "cast(broadcastTo(x)) = broadcastTo(cast(x))",
    on: ["cast"],
    apply: (x, [a]) => (is(a, "broadcastTo") ? broadcastTo(cast(a.inputs[0]!, x.dtype), x.shape) : undefined),
  }),
  law({
    name: "product of repeated matrices",
    algebra: "broadcastTo(a) broadcastTo(b) = broadcastTo(a b), along leading axes",
    on: ["matmul"],
    apply: (x, [a, b]) => {
      const [left, right] = [withoutLeadingRepeats(a!), withoutLeadingRepeats(b!)];
      if (left === a && right === b) return undefined;
      const leading = broadcastShapes([left.shape.slice(0, -2), right.shape.slice(0, -2)])!;
      const product = matmul(left, right);
      return broadcastTo(reshape(product, [...leading, ...x.shape.slice(-2)]), x.shape);
    },
  }),
];

interface Padded {
  readonly part: Tensor;
  /** Of the sum that it is a term of, as are the others. */
  readonly axis: number;
  readonly size: number;
  readonly low: number;
  readonly high: number;
}

/** A tensor with zeros around it along one axis and nothing else, as a term of a sum of this rank. */
function paddedAlong(x: Tensor, rank: number): Padded | undefined {
  if (!is(x, "pad") || x.attributes.value !== 0) return undefined;
  const { low, high, interior } = x.attributes;
  const axes = low.flatMap((n, axis) => (n !== 0 || high[axis] !== 0 || interior[axis] !== 0 ? [axis] : []));
  const [axis] = axes;
  const part = x.inputs[0]!;
  if (axes.length !== 1 || axis === undefined || interior[axis] !== 0 || low[axis]! < 0 || high[axis]! < 0)
    return undefined;
  return { part, axis: axis + rank - x.rank, size: part.shape[axis]!, low: low[axis]!, high: high[axis]! };
}

/** Whether a permutation swaps the last two axes and leaves all others. */
function swapsLastAxes(permutation: readonly number[]): boolean {
  const last = permutation.length - 1;
  return permutation.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}

/** x without leading axes (before the last two) that only repeat it. */
function withoutLeadingRepeats(x: Tensor): Tensor {
  if (!is(x, "broadcastTo")) return x;
  const source = x.inputs[0]!;
  const matrix = x.shape.slice(-2);
  if (source.rank < 2 || !sameShape(source.shape.slice(-2), matrix)) return x;
  return source;
}
