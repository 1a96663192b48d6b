import { broadcastShapes } from "../program/broadcasting.js";
import { topologicalOrder } from "../program/graph.js";
import { add, cast, div, elementwisePrimitives, mul, neg, sub } from "../program/primitives/elementwise.js";
import { matmul, swapLast } from "../program/primitives/linear-algebra.js";
import { sum } from "../program/primitives/reduce.js";
import { broadcastTo, full, reshape, transpose } from "../program/primitives/shape.js";
import type { Primitive } from "../program/tensor.js";
import { scalar, scalarValue, Tensor } from "../program/tensor.js";
import { isFloat, sameShape, toTypedArray } from "../program/tensor-type.js";

/** A line of algebra: the tensor that an operation equals, or undefined where the rule does not apply. */
interface Rewrite {
  readonly law: string;
  /** Names of the operations it applies to; "elementwise" and "*" stand for families. */
  readonly on: readonly string[];
  readonly apply: (x: Tensor, inputs: readonly Tensor[]) => Tensor | undefined;
}

/** Constants up to this size are computed while the graph is simplified; larger ones would only make the model longer. */
const foldingLimit = 65536;

type Operation = Tensor & { readonly primitive: Primitive };

const is = (x: Tensor | undefined, name: string): x is Operation => x?.primitive?.name === name;

/** The value of a tensor all of whose elements are one known number, however it is made. */
function uniformValue(x: Tensor): number | undefined {
  return is(x, "broadcastTo") ? scalarValue(x.inputs[0]!) : scalarValue(x);
}

const isUniform = (x: Tensor, value: number): boolean => uniformValue(x) === value;

/** `x` in the shape of an operation's result, which may be wider by broadcasting. */
const wide = (x: Tensor, shape: readonly number[]): Tensor => broadcastTo(x, shape);

/** x with its axes of size 1 along `axes` removed: x must have rank `rank` or less and be 1 along them. */
function constantAlong(x: Tensor, axes: readonly number[], rank: number): Tensor | undefined {
  const lead = rank - x.rank;
  if (axes.some((axis) => axis >= lead && x.shape[axis - lead] !== 1)) return undefined;
  return reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis + lead)),
  );
}

const rewrites: readonly Rewrite[] = [
  {
    law: "an operation on constants is a constant",
    on: ["*"],
    apply: (x, inputs) => {
      if (inputs.length === 0 || x.size > foldingLimit || x.primitive!.name === "broadcastTo") return undefined;
      if (!inputs.every((source) => source.data && source.size <= foldingLimit)) return undefined;
      const arrays = inputs.map((source) => ({
        shape: source.shape,
        data: Float64Array.from(source.data as ArrayLike<number | bigint>, Number),
      }));
      const values = toTypedArray(x.primitive!.evaluate(arrays, x.attributes, x), x.dtype);
      return x.size === 1 && x.rank === 0 ? scalar(Number(values[0]), x.dtype) : new Tensor(x, { data: values });
    },
  },
  {
    law: "stopGradient(x) = x once gradients are taken",
    on: ["stopGradient"],
    apply: (_x, [a]) => a,
  },
  {
    law: "moving equal elements about changes nothing",
    on: ["reshape", "transpose", "broadcastTo", "slice", "flip"],
    apply: (x, [a]) => {
      const value = is(a, "broadcastTo") ? scalarValue(a.inputs[0]!) : undefined;
      return value === undefined ? undefined : full(x.shape, value, x.dtype);
    },
  },
  {
    law: "a linear map of zeros is zero",
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
  },
  {
    law: "reshape(reshape(x)) = reshape(x), reshape(x c) = reshape(x) c",
    on: ["reshape"],
    apply: (x, [a]) => {
      if (sameShape(a!.shape, x.shape)) return a;
      if (is(a, "reshape")) return reshape(a.inputs[0]!, x.shape);
      // Only where c has no axes of its own: the product then is of x's shape.
      const constant = is(a, "mul") && isFloat(x.dtype) && a.inputs[1]!.rank === 0 && a.inputs[1]!.data;
      return constant ? mul(reshape(a.inputs[0]!, x.shape), a.inputs[1]!) : undefined;
    },
  },
  {
    law: "transpose(transpose(x)) is one transpose",
    on: ["transpose"],
    apply: (x, [a]) => {
      const outer = x.attributes.permutation as readonly number[];
      if (is(a, "transpose")) {
        const inner = a.attributes.permutation as readonly number[];
        return transpose(
          a.inputs[0]!,
          outer.map((axis) => inner[axis]!),
        );
      }
      const moving = outer.filter((axis) => a!.shape[axis] !== 1);
      return moving.every((axis, i) => i === 0 || axis > moving[i - 1]!) ? reshape(a!, x.shape) : undefined;
    },
  },
  {
    law: "(a b)^T = b^T a^T",
    on: ["transpose"],
    apply: (x, [product]) => {
      // A transposed operand costs the product nothing; a transposed result is a pass over it.
      if (!is(product, "matmul") || !swapsLastAxes(x.attributes.permutation as readonly number[])) return undefined;
      return matmul(swapLast(product.inputs[1]!), swapLast(product.inputs[0]!));
    },
  },
  {
    law: "broadcastTo(broadcastTo(x)) = broadcastTo(x)",
    on: ["broadcastTo"],
    apply: (x, [a]) =>
      sameShape(a!.shape, x.shape) ? a : is(a, "broadcastTo") ? broadcastTo(a.inputs[0]!, x.shape) : undefined,
  },
  {
    law: "an operation on repeated elements repeats its result",
    on: ["elementwise"],
    apply: (x, inputs) => {
      if (!inputs.some((source) => is(source, "broadcastTo"))) return undefined;
      const narrow = inputs.map((source) => (is(source, "broadcastTo") ? source.inputs[0]! : source));
      const shape = broadcastShapes(narrow.map((source) => source.shape))!;
      const result = Tensor.apply(x.primitive!, narrow, x.attributes);
      return sameShape(shape, x.shape) ? result : broadcastTo(result, x.shape);
    },
  },
  {
    law: "cast(broadcastTo(x)) = broadcastTo(cast(x))",
    on: ["cast"],
    apply: (x, [a]) => (is(a, "broadcastTo") ? broadcastTo(cast(a.inputs[0]!, x.dtype), x.shape) : undefined),
  },
  {
    law: "a product broadcasts its leading axes by itself",
    on: ["matmul"],
    apply: (x, [a, b]) => {
      const [left, right] = [withoutLeadingRepeats(a!), withoutLeadingRepeats(b!)];
      if (left === a && right === b) return undefined;
      const leading = broadcastShapes([left.shape.slice(0, -2), right.shape.slice(0, -2)])!;
      const product = matmul(left, right);
      return broadcastTo(reshape(product, [...leading, ...x.shape.slice(-2)]), x.shape);
    },
  },
  {
    law: "the sum of n equal elements is n times one of them",
    on: ["sum"],
    apply: (x, [a]) => {
      if (!is(a, "broadcastTo") || !isFloat(x.dtype)) return undefined;
      const axes = x.attributes.axes as readonly number[];
      const source = a.inputs[0]!;
      const lead = a.rank - source.rank;
      const repeated = axes.filter((axis) => axis < lead || source.shape[axis - lead] === 1);
      const count = repeated.reduce((product, axis) => product * a.shape[axis]!, 1);
      if (repeated.length === 0) return undefined;
      const once = sum(reshape(source, [...new Array<number>(lead).fill(1), ...source.shape]), axes);
      return wide(mul(once, count), x.shape);
    },
  },
  {
    law: "sum(a b) = b sum(a) where b is constant along the summed axes",
    on: ["sum"],
    apply: (x, [product]) => {
      if (!is(product, "mul") && !is(product, "div")) return undefined;
      const axes = x.attributes.axes as readonly number[];
      const [a, b] = product.inputs as [Tensor, Tensor];
      const pairs: [Tensor, Tensor][] = is(product, "mul")
        ? [
            [a, b],
            [b, a],
          ]
        : [[a, b]];
      for (const [varying, factor] of pairs) {
        if (!sameShape(varying.shape, product.shape)) continue;
        const outside = constantAlong(factor, axes, product.rank);
        if (!outside) continue;
        return is(product, "mul") ? mul(sum(varying, axes), outside) : div(sum(varying, axes), outside);
      }
      return undefined;
    },
  },
  {
    law: "sum(a + b) = sum(a) + sum(b) where the sums are of known arrays or of what is constant along the axes",
    on: ["sum"],
    apply: (x, [total]) => {
      const axes = x.attributes.axes as readonly number[];
      if (!sumSplits(total!, axes, total!.rank, 8)) return undefined;
      const [a, b] = total!.inputs.map((term) => sum(broadcastTo(term, total!.shape), axes)) as [Tensor, Tensor];
      return is(total, "add") ? add(a, b) : sub(a, b);
    },
  },
  {
    law: "the sum over groups of filter gradients is that of all images",
    on: ["sum"],
    apply: (x, [gradient]) => {
      const axes = x.attributes.axes as readonly number[];
      if (!is(gradient, "filterGradient") || axes.length !== 1 || axes[0] !== 0) return undefined;
      const [images, cotangents] = gradient.inputs as [Tensor, Tensor];
      if (images.shape[0] !== cotangents.shape[0]) return undefined;
      const merged = [images, cotangents].map((source) => {
        const [groups, count, ...rest] = source.shape;
        return reshape(source, [1, groups! * count!, ...rest]);
      });
      return reshape(Tensor.apply(gradient.primitive, merged, gradient.attributes), x.shape);
    },
  },
  {
    law: "sum(-a) = -sum(a)",
    on: ["sum"],
    apply: (x, [a]) => (is(a, "neg") ? neg(sum(a.inputs[0]!, x.attributes.axes as readonly number[])) : undefined),
  },
  {
    law: "sum over axes of size 1 is a reshape; sum(sum(x)) is one sum",
    on: ["sum"],
    apply: (x, [a]) => {
      const axes = x.attributes.axes as readonly number[];
      if (axes.every((axis) => a!.shape[axis] === 1)) return reshape(a!, x.shape);
      if (!is(a, "sum")) return undefined;
      const inner = a.attributes.axes as readonly number[];
      const kept = a.inputs[0]!.shape.map((_, axis) => axis).filter((axis) => !inner.includes(axis));
      return sum(a.inputs[0]!, [...inner, ...axes.map((axis) => kept[axis]!)]);
    },
  },
  {
    law: "x + 0 = x, x + (-y) = x - y, x + x = 2 x, (x + y) + y = x + 2 y",
    on: ["add"],
    apply: (x, [a, b]) => {
      if (a === b && isFloat(x.dtype)) return mul(a!, 2);
      for (const [total, term] of [
        [a!, b!],
        [b!, a!],
      ] as const) {
        if (!is(total, "add") || !isFloat(x.dtype) || !total.inputs.includes(term)) continue;
        return add(total.inputs[total.inputs[0] === term ? 1 : 0]!, mul(term, 2));
      }
      if (isUniform(b!, 0)) return wide(a!, x.shape);
      if (isUniform(a!, 0)) return wide(b!, x.shape);
      if (is(b, "neg")) return sub(a!, b.inputs[0]!);
      return is(a, "neg") ? sub(b!, a.inputs[0]!) : undefined;
    },
  },
  {
    law: "x - x = 0, x - 0 = x, 0 - x = -x, x - (-y) = x + y, (x + z) - (y + z) = x - y",
    on: ["sub"],
    apply: (x, [a, b]) => {
      if (a === b) return full(x.shape, 0, x.dtype);
      if (is(a, "add") && is(b, "add")) {
        const shared = a.inputs.findIndex((term) => b.inputs.includes(term));
        if (shared >= 0) {
          const other = b.inputs[0] === a.inputs[shared] ? b.inputs[1] : b.inputs[0];
          return wide(sub(a.inputs[1 - shared]!, other!), x.shape);
        }
      }
      if (isUniform(b!, 0)) return wide(a!, x.shape);
      if (isUniform(a!, 0)) return wide(neg(b!), x.shape);
      return is(b, "neg") ? add(a!, b.inputs[0]!) : undefined;
    },
  },
  {
    law: "x 1 = x, x (-1) = -x, (-x) y = -(x y), constants meet and may be 1 but for rounding",
    on: ["mul"],
    apply: (x, [a, b]) => {
      const [va, vb] = [uniformValue(a!), uniformValue(b!)];
      if (va !== undefined && vb === undefined) return mul(b!, a!);
      if (vb === 1) return wide(a!, x.shape);
      if (vb === -1) return wide(neg(a!), x.shape);
      if (is(a, "neg")) return vb === undefined ? neg(mul(a.inputs[0]!, b!)) : mul(a.inputs[0]!, neg(b!));
      if (is(b, "neg")) return neg(mul(a!, b.inputs[0]!));
      if (!isFloat(x.dtype) || !is(a, "mul")) return undefined;
      const inner = scalarValue(a.inputs[1]!);
      if (inner === undefined) return undefined;
      const [factor, outer] = [a.inputs[1]!, a.inputs[0]!];
      if (vb === undefined) return mul(mul(outer, b!), factor);
      if (isUnit(inner * vb, x)) return wide(outer, x.shape);
      if (isUnit(-inner * vb, x)) return wide(neg(outer), x.shape);
      return mul(outer, mul(factor, b!));
    },
  },
  {
    law: "(x s) c = x (s c) where s c is the smaller array",
    on: ["mul"],
    apply: (x, [a, b]) => {
      if (!isFloat(x.dtype)) return undefined;
      for (const [product, factor] of [
        [a!, b!],
        [b!, a!],
      ] as const) {
        if (!is(product, "mul") || product.size < x.size || factor.size === x.size) continue;
        for (const at of [1, 0]) {
          const small = product.inputs[at]!;
          const large = product.inputs[1 - at]!;
          if (large.size < x.size || scalarValue(small) !== undefined) continue;
          const met = broadcastShapes([small.shape, factor.shape])!.reduce((size, n) => size * n, 1);
          if (met < x.size) return wide(mul(large, mul(small, factor)), x.shape);
        }
      }
      return undefined;
    },
  },
  {
    law: "(x + y n) (1 / n) = x (1 / n) + y",
    on: ["mul"],
    apply: (x, [total, factor]) => {
      const c = scalarValue(factor!);
      if (c === undefined || !is(total, "add") || !isFloat(x.dtype)) return undefined;
      const at = total.inputs.findIndex((term) => {
        const n = is(term, "mul") ? scalarValue(term.inputs[1]!) : undefined;
        return n !== undefined && isUnit(n * c, x);
      });
      return at < 0 ? undefined : wide(add(mul(total.inputs[1 - at]!, factor!), total.inputs[at]!.inputs[0]!), x.shape);
    },
  },
  {
    law: "x / 1 = x, x / c = x (1 / c), (-x) / y = -(x / y), (x s) / y = (x / y) s where s is smaller",
    on: ["div"],
    apply: (x, [a, b]) => {
      const value = uniformValue(b!);
      if (value !== undefined && value !== 0 && Number.isFinite(1 / value)) return wide(mul(a!, 1 / value), x.shape);
      if (is(a, "neg")) return neg(div(a.inputs[0]!, b!));
      // Outside, it meets other factors.
      const small = is(a, "mul")
        ? a.inputs.findIndex((factor) => factor.size < a.size || scalarValue(factor) !== undefined)
        : -1;
      if (small < 0) return undefined;
      return wide(mul(div(a!.inputs[1 - small]!, b!), a!.inputs[small]!), x.shape);
    },
  },
  {
    law: "-(-x) = x, -(x - y) = y - x, -(x c) = x (-c)",
    on: ["neg"],
    apply: (x, [a]) => {
      if (is(a, "neg")) return a.inputs[0]!;
      if (is(a, "sub")) return sub(a.inputs[1]!, a.inputs[0]!);
      const factor = is(a, "mul") ? scalarValue(a.inputs[1]!) : undefined;
      return factor === undefined ? undefined : wide(mul(a!.inputs[0]!, -factor), x.shape);
    },
  },
  {
    law: "x^1 = x, x^2 = x x",
    on: ["pow"],
    apply: (x, [a, b]) => {
      const exponent = uniformValue(b!);
      if (exponent === 1) return wide(a!, x.shape);
      return exponent === 2 ? wide(mul(a!, a!), x.shape) : undefined;
    },
  },
];

/** Whether a product of two constants of x's type is 1 but for their rounding. */
const isUnit = (product: number, x: Tensor): boolean =>
  Math.abs(product - 1) < (x.dtype === "float32" ? 2 ** -22 : 2 ** -51);

/**
 * Whether the sum of a sum or difference is better taken term by term: where a term is constant along the axes (and no
 * literal number, which may be there to keep what is summed small), or all are arrays times what is. Their sums are small
 * work or there already. Statistics of batch normalisation are such: the sum of a centred array becomes S - n (S / n),
 * which is nothing.
 *
 * @param rank of the array that is summed, which the axes count in
 */
function sumSplits(x: Tensor, axes: readonly number[], rank: number, depth: number): boolean {
  if (depth === 0 || !isFloat(x.dtype) || !(is(x, "add") || is(x, "sub"))) return false;
  const constant = (term: Tensor): boolean => constantAlong(term, axes, rank) !== undefined;
  const scaled = (term: Tensor): boolean =>
    (is(term, "mul") && term.inputs.some(constant)) || (is(term, "div") && constant(term.inputs[1]!));
  const [a, b] = x.inputs as [Tensor, Tensor];
  if ([a, b].some((term) => constant(term) && uniformValue(term) === undefined)) return true;
  return [a, b].every((term) => scaled(term) || sumSplits(term, axes, rank, depth - 1));
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

const byOperation = new Map<string, Rewrite[]>();

function rewritesFor(x: Tensor): readonly Rewrite[] {
  const name = x.primitive!.name;
  let known = byOperation.get(name);
  if (!known) {
    const families = [name, "*", ...(elementwisePrimitives.has(x.primitive!) ? ["elementwise"] : [])];
    known = rewrites.filter((rule) => rule.on.some((target) => families.includes(target)));
    byOperation.set(name, known);
  }
  return known;
}

/** The laws that `simplify` applies, for documentation and tests. */
export const simplificationLaws: readonly string[] = rewrites.map((rule) => rule.law);

/**
 * Equal outputs by fewer and cheaper operations: each line of algebra above is applied wherever it fits until none
 * does, and what nothing depends on is gone. Run it last: it also drops `stopGradient`.
 */
export function simplify(outputs: readonly Tensor[]): Tensor[] {
  const done = new Map<Tensor, Tensor>();
  const simplified = (x: Tensor): Tensor => {
    if (!x.primitive) return x;
    const known = done.get(x);
    if (known) return known;
    const inputs = x.inputs.map(simplified);
    const same = inputs.every((source, i) => source === x.inputs[i]);
    const candidate = same ? x : Tensor.apply(x.primitive, inputs, x.attributes);
    let result = candidate === x ? x : (done.get(candidate) ?? candidate);
    if (result === candidate) {
      for (const rule of rewritesFor(candidate)) {
        const replacement = rule.apply(candidate, inputs);
        if (!replacement || replacement === candidate) continue;
        if (!sameShape(replacement.shape, candidate.shape)) throw new Error(`simplify: "${rule.law}" changed a shape`);
        result = simplified(replacement);
        break;
      }
    }
    done.set(x, result);
    done.set(candidate, result);
    return result;
  };
  // In topological order, so that the recursion only ever goes through what a rewrite has just made.
  for (const x of topologicalOrder(outputs)) simplified(x);
  return outputs.map(simplified);
}
