import { broadcastTo, reshape } from "../program/primitives/shape.js";
import type { AttributesOf, PrimitiveName } from "../program/registry.js";
import { type Primitive, scalarValue, type Tensor } from "../program/tensor.js";

/** A tensor that is the result of a certain primitive. */
export type Operation<N extends PrimitiveName = PrimitiveName> = Tensor & {
  readonly primitive: Primitive & { readonly name: N };
  readonly attributes: AttributesOf<N>;
};

/** The result of an operation, given with its inputs, in another form; undefined where the law does not apply. */
type Rewrite<N extends PrimitiveName> = (x: Operation<N>, inputs: readonly Tensor[]) => Tensor | undefined;

/** Primitives of which a law holds: those named, those that act on corresponding elements, or all. */
type Domain<N extends PrimitiveName> = readonly N[] | "all" | "elementwise";

/** A law of algebra, by which an operation has a form of fewer or cheaper operations: a row of a table. */
export interface Law {
  readonly name: string;
  /** Both forms, what is there on the left. */
  readonly algebra: string;
  readonly on: Domain<PrimitiveName>;
  readonly apply: Rewrite<PrimitiveName>;
}

/** A row whose rewrite knows the attributes of the primitives that it is about. */
export function law<N extends PrimitiveName = PrimitiveName>(row: {
  readonly name: string;
  readonly algebra: string;
  readonly on: Domain<N>;
  readonly apply: Rewrite<N>;
}): Law {
  // It is applied to those alone.
  return row as unknown as Law;
}

/** True of results of the primitive of this name. */
export function is<N extends PrimitiveName>(x: Tensor | undefined, name: N): x is Operation<N> {
  return x?.primitive?.name === name;
}

/** The value of a tensor all of whose elements are one known number, however it is made. */
export function uniformValue(x: Tensor): number | undefined {
  return is(x, "broadcastTo") ? scalarValue(x.inputs[0]!) : scalarValue(x);
}

/** True where all elements are this number, and known to be. */
export const isUniform = (x: Tensor, value: number): boolean => uniformValue(x) === value;

/** `x` in the shape of an operation's result, which may be wider by broadcasting. */
export const wide = (x: Tensor, shape: readonly number[]): Tensor => broadcastTo(x, shape);

/** x with its axes of size 1 along `axes` removed: x must have rank `rank` or less and be 1 along them. */
export function constantAlong(x: Tensor, axes: readonly number[], rank: number): Tensor | undefined {
  const lead = rank - x.rank;
  if (axes.some((axis) => axis >= lead && x.shape[axis - lead] !== 1)) return undefined;
  return reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis + lead)),
  );
}
