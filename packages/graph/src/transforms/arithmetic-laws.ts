/** Laws of arithmetic on corresponding elements. Those of one primitive are tried in this order. */
import { broadcastShapes } from "../program/broadcasting.js";
import { add, div, mul, neg, sub } from "../program/primitives/elementwise.js";
import { full } from "../program/primitives/shape.js";
import { scalarValue, type Tensor } from "../program/tensor.js";
import { isFloat } from "../program/tensor-type.js";
import { is, isUniform, type Law, law, type Operation, uniformValue, wide } from "./law.js";

const additionLaws: readonly Law[] = [
  law({
    name: "double",
    algebra: "x + x = 2 x",
    on: ["add"],
    apply: (x, [a, b]) => (a === b && isFloat(x.dtype) ? mul(a!, 2) : undefined),
  }),
  law({
    name: "term added twice",
    algebra: "(x + y) + y = x + 2 y",
    on: ["add"],
    apply: (x, [a, b]) => {
      for (const [total, term] of bothWays(a!, b!)) {
        if (!is(total, "add") || !isFloat(x.dtype) || !total.inputs.includes(term)) continue;
        return add(total.inputs[total.inputs[0] === term ? 1 : 0]!, mul(term, 2));
      }
      return undefined;
    },
  }),
  law({
    name: "zero added",
    algebra: "x + 0 = x",
    on: ["add"],
    apply: (x, [a, b]) => {
      if (isUniform(b!, 0)) return wide(a!, x.shape);
      return isUniform(a!, 0) ? wide(b!, x.shape) : undefined;
    },
  }),
  law({
    name: "opposite added",
    algebra: "x + (-y) = x - y",
    on: ["add"],
    apply: (_x, [a, b]) => {
      if (is(b, "neg")) return sub(a!, b.inputs[0]!);
      return is(a, "neg") ? sub(b!, a.inputs[0]!) : undefined;
    },
  }),
  law({
    name: "difference of equals",
    algebra: "x - x = 0",
    on: ["sub"],
    apply: (x, [a, b]) => (a === b ? full(x.shape, 0, x.dtype) : undefined),
  }),
  law({
    name: "difference with a common term",
    algebra: "(x + z) - (y + z) = x - y",
    on: ["sub"],
    apply: (x, [a, b]) => {
      if (!is(a, "add") || !is(b, "add")) return undefined;
      const shared = a.inputs.findIndex((term) => b.inputs.includes(term));
      if (shared < 0) return undefined;
      const other = b.inputs[0] === a.inputs[shared] ? b.inputs[1] : b.inputs[0];
      return wide(sub(a.inputs[1 - shared]!, other!), x.shape);
    },
  }),
  law({
    name: "zero subtracted",
    algebra: "x - 0 = x",
    on: ["sub"],
    apply: (x, [a, b]) => (isUniform(b!, 0) ? wide(a!, x.shape) : undefined),
  }),
  law({
    name: "difference from zero",
    algebra: "0 - x = -x",
    on: ["sub"],
    apply: (x, [a, b]) => (isUniform(a!, 0) ? wide(neg(b!), x.shape) : undefined),
  }),
  law({
    name: "opposite subtracted",
    algebra: "x - (-y) = x + y",
    on: ["sub"],
    apply: (_x, [a, b]) => (is(b, "neg") ? add(a!, b.inputs[0]!) : undefined),
  }),
  law({
    name: "opposite of an opposite",
    algebra: "-(-x) = x",
    on: ["neg"],
    apply: (_x, [a]) => (is(a, "neg") ? a.inputs[0]! : undefined),
  }),
  law({
    name: "opposite of a difference",
    algebra: "-(x - y) = y - x",
    on: ["neg"],
    apply: (_x, [a]) => (is(a, "sub") ? sub(a.inputs[1]!, a.inputs[0]!) : undefined),
  }),
  law({
    name: "opposite of a multiple",
    algebra: "-(x c) = x (-c) for a number c",
    on: ["neg"],
    apply: (x, [a]) => {
      const factor = is(a, "mul") ? scalarValue(a.inputs[1]!) : undefined;
      return factor === undefined ? undefined : wide(mul(a!.inputs[0]!, -factor), x.shape);
    },
  }),
];

const multiplicationLaws: readonly Law[] = [
  law({
    name: "numbers stand right",
    algebra: "c x = x c for a number c",
    on: ["mul"],
    apply: (_x, [a, b]) => (uniformValue(a!) !== undefined && uniformValue(b!) === undefined ? mul(b!, a!) : undefined),
  }),
  law({
    name: "factor one",
    algebra: "x 1 = x",
    on: ["mul"],
    apply: (x, [a, b]) => (isUniform(b!, 1) ? wide(a!, x.shape) : undefined),
  }),
  law({
    name: "factor minus one",
    algebra: "x (-1) = -x",
    on: ["mul"],
    apply: (x, [a, b]) => (isUniform(b!, -1) ? wide(neg(a!), x.shape) : undefined),
  }),
  law({
    name: "multiple of an opposite",
    algebra: "(-x) c = x (-c) for a number c",
    on: ["mul"],
    apply: (_x, [a, b]) => (is(a, "neg") && uniformValue(b!) !== undefined ? mul(a.inputs[0]!, neg(b!)) : undefined),
  }),
  law({
    name: "product of an opposite",
    algebra: "(-x) y = -(x y)",
    on: ["mul"],
    apply: (_x, [a, b]) => {
      if (is(a, "neg")) return neg(mul(a.inputs[0]!, b!));
      return is(b, "neg") ? neg(mul(a!, b.inputs[0]!)) : undefined;
    },
  }),
  law({
    name: "product of a multiple",
    algebra: "(x c) y = (x y) c for a number c",
    on: ["mul"],
    apply: (x, [a, b]) => {
      const inner = multiple(x, a!);
      return inner && uniformValue(b!) === undefined ? mul(mul(inner.array, b!), inner.factor) : undefined;
    },
  }),
  law({
    name: "reciprocal numbers",
    algebra: "(x c) (1 / c) = x but for the rounding of 1 / c",
    on: ["mul"],
    apply: (x, [a, b]) => {
      const [inner, d] = [multiple(x, a!), uniformValue(b!)];
      return inner && d !== undefined && isUnit(inner.value * d, x) ? wide(inner.array, x.shape) : undefined;
    },
  }),
  law({
    name: "reciprocal numbers of opposite sign",
    algebra: "(x c) (-1 / c) = -x but for the rounding of 1 / c",
    on: ["mul"],
    apply: (x, [a, b]) => {
      const [inner, d] = [multiple(x, a!), uniformValue(b!)];
      return inner && d !== undefined && isUnit(-inner.value * d, x) ? wide(neg(inner.array), x.shape) : undefined;
    },
  }),
  law({
    name: "numbers meet",
    algebra: "(x c) d = x (c d) for numbers c and d",
    on: ["mul"],
    apply: (x, [a, b]) => {
      const inner = multiple(x, a!);
      return inner && uniformValue(b!) !== undefined ? mul(inner.array, mul(inner.factor, b!)) : undefined;
    },
  }),
  law({
    name: "small factors meet",
    algebra: "(x s) c = x (s c) where s c is the smaller array",
    on: ["mul"],
    apply: (x, [a, b]) => {
      if (!isFloat(x.dtype)) return undefined;
      for (const [product, factor] of bothWays(a!, b!)) {
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
  }),
  law({
    name: "share of a sum",
    algebra: "(x + y n) (1 / n) = x (1 / n) + y",
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
  }),
  law({
    name: "division by a number",
    algebra: "x / c = x (1 / c)",
    on: ["div"],
    apply: (x, [a, b]) => {
      const value = uniformValue(b!);
      if (value === undefined || value === 0 || !Number.isFinite(1 / value)) return undefined;
      return wide(mul(a!, 1 / value), x.shape);
    },
  }),
  law({
    name: "quotient of an opposite",
    algebra: "(-x) / y = -(x / y)",
    on: ["div"],
    apply: (_x, [a, b]) => (is(a, "neg") ? neg(div(a.inputs[0]!, b!)) : undefined),
  }),
  law({
    name: "quotient of a product",
    algebra: "(x s) / y = (x / y) s where s is the smaller array",
    on: ["div"],
    apply: (x, [a, b]) => {
      // Outside, it meets other factors.
      const small = is(a, "mul")
        ? a.inputs.findIndex((factor) => factor.size < a.size || scalarValue(factor) !== undefined)
        : -1;
      if (small < 0) return undefined;
      return wide(mul(div(a!.inputs[1 - small]!, b!), a!.inputs[small]!), x.shape);
    },
  }),
  law({
    name: "first power",
    algebra: "x^1 = x",
    on: ["pow"],
    apply: (x, [a, b]) => (isUniform(b!, 1) ? wide(a!, x.shape) : undefined),
  }),
  law({
    name: "square",
    algebra: "x^2 = x x",
    on: ["pow"],
    apply: (x, [a, b]) => (isUniform(b!, 2) ? wide(mul(a!, a!), x.shape) : undefined),
  }),
];

export const arithmeticLaws: readonly Law[] = [...additionLaws, ...multiplicationLaws];

const bothWays = (a: Tensor, b: Tensor): readonly (readonly [Tensor, Tensor])[] => [
  [a, b],
  [b, a],
];

/** An array of floating-point numbers as a product with a number, where that is how it was made. */
function multiple(x: Operation<"mul">, a: Tensor) {
  const [array, factor] = is(a, "mul") && isFloat(x.dtype) ? a.inputs : [];
  const value = factor && scalarValue(factor);
  return value === undefined ? undefined : { array: array!, factor: factor!, value };
}

/** Whether a product of two constants of x's type is 1 but for their rounding. */
const isUnit = (product: number, x: Tensor): boolean =>
  Math.abs(product - 1) < (x.dtype === "float32" ? 2 ** -22 : 2 ** -51);
