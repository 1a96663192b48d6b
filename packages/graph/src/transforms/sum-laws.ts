/** Laws of sums over axes. */
import { add, div, mul, neg, sub } from "../program/primitives/elementwise.js";
import { sum } from "../program/primitives/reduce.js";
import { broadcastTo, reshape } from "../program/primitives/shape.js";
import { Tensor } from "../program/tensor.js";
import { isFloat, sameShape } from "../program/tensor-type.js";
import { constantAlong, is, type Law, law, uniformValue, wide } from "./law.js";

export const sumLaws: readonly Law[] = [
  law({
    name: "sum of equal elements",
    algebra: "x + x + ... = n x, for n of them along the axes",
    on: ["sum"],
    apply: (x, [a]) => {
      if (!is(a, "broadcastTo") || !isFloat(x.dtype)) return undefined;
      const { axes } = x.attributes;
      const source = a.inputs[0]!;
      const lead = a.rank - source.rank;
      const repeated = axes.filter((axis) => axis < lead || source.shape[axis - lead] === 1);
      const count = repeated.reduce((product, axis) => product * a.shape[axis]!, 1);
      if (repeated.length === 0) return undefined;
      const once = sum(reshape(source, [...new Array<number>(lead).fill(1), ...source.shape]), axes);
      return wide(mul(once, count), x.shape);
    },
  }),
  law({
    name: "common factor",
    algebra: "sum(a b) = sum(a) b where b is constant along the axes",
    on: ["sum"],
    apply: (x, [product]) => {
      if (!is(product, "mul")) return undefined;
      const [a, b] = product.inputs as [Tensor, Tensor];
      for (const [varying, factor] of [
        [a, b],
        [b, a],
      ] as const) {
        const outside = outsideOf(product, varying, factor, x.attributes.axes);
        if (outside) return mul(sum(varying, x.attributes.axes), outside);
      }
      return undefined;
    },
  }),
  law({
    name: "common divisor",
    algebra: "sum(a / b) = sum(a) / b where b is constant along the axes",
    on: ["sum"],
    apply: (x, [quotient]) => {
      if (!is(quotient, "div")) return undefined;
      const [a, b] = quotient.inputs as [Tensor, Tensor];
      const outside = outsideOf(quotient, a, b, x.attributes.axes);
      return outside && div(sum(a, x.attributes.axes), outside);
    },
  }),
  law({
    name: "sum term by term",
    algebra: "sum(a + b) = sum(a) + sum(b) where the sums are known, or of what is constant along the axes",
    on: ["sum"],
    apply: (x, [total]) => {
      const sums = is(total, "add") ? termSums(total, x.attributes.axes) : undefined;
      return sums && add(...sums);
    },
  }),
  law({
    name: "sum of a difference term by term",
    algebra: "sum(a - b) = sum(a) - sum(b) where the sums are known, or of what is constant along the axes",
    on: ["sum"],
    apply: (x, [total]) => {
      const sums = is(total, "sub") ? termSums(total, x.attributes.axes) : undefined;
      return sums && sub(...sums);
    },
  }),
  law({
    name: "sum of filter gradients",
    algebra: "sum over groups of filterGradient(x, dy) = filterGradient of the images of all groups",
    on: ["sum"],
    apply: (x, [gradient]) => {
      const { axes } = x.attributes;
      if (!is(gradient, "filterGradient") || axes.length !== 1 || axes[0] !== 0) return undefined;
      const [images, cotangents] = gradient.inputs as [Tensor, Tensor];
      if (images.shape[0] !== cotangents.shape[0]) return undefined;
      const merged = [images, cotangents].map((source) => {
        const [groups, count, ...rest] = source.shape;
        return reshape(source, [1, groups! * count!, ...rest]);
      });
      return reshape(Tensor.apply(gradient.primitive, merged, gradient.attributes), x.shape);
    },
  }),
  law({
    name: "sum of opposites",
    algebra: "sum(-a) = -sum(a)",
    on: ["sum"],
    apply: (x, [a]) => (is(a, "neg") ? neg(sum(a.inputs[0]!, x.attributes.axes)) : undefined),
  }),
  law({
    name: "sum along unit axes",
    algebra: "sum(x) = reshape(x) along axes of size 1",
    on: ["sum"],
    apply: (x, [a]) => (x.attributes.axes.every((axis) => a!.shape[axis] === 1) ? reshape(a!, x.shape) : undefined),
  }),
  law({
    name: "sum of a sum",
    algebra: "sum(sum(x)) = sum(x), over the axes of both",
    on: ["sum"],
    apply: (x, [a]) => {
      if (!is(a, "sum")) return undefined;
      const inner = a.attributes.axes;
      const kept = a.inputs[0]!.shape.map((_, axis) => axis).filter((axis) => !inner.includes(axis));
      return sum(a.inputs[0]!, [...inner, ...x.attributes.axes.map((axis) => kept[axis]!)]);
    },
  }),
];

/** The factor of a product of which the other alone is of its shape, as a factor of its sum; undefined where it is none. */
function outsideOf(product: Tensor, varying: Tensor, factor: Tensor, axes: readonly number[]): Tensor | undefined {
  return sameShape(varying.shape, product.shape) ? constantAlong(factor, axes, product.rank) : undefined;
}

/** The sums of both terms of a sum or difference, where it is better taken so. */
function termSums(total: Tensor, axes: readonly number[]): [Tensor, Tensor] | undefined {
  if (!sumSplits(total, axes, total.rank, 8)) return undefined;
  return total.inputs.map((term) => sum(broadcastTo(term, total.shape), axes)) as [Tensor, Tensor];
}

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
