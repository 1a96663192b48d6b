/**
 * Large arrays in parts. What a large convolution makes is written block by block, and what follows works on the blocks
 * one by one: each is still in the cache when the next operation reads it, and of what lies between two operations only
 * a block is ever in memory. The whole array is a Concat of its parts, which is dropped where nothing reads it.
 */
import { sizeOf, type TensorType } from "../tensor.js";
import type { Emitter, Value } from "./emitter.js";

/** How a smaller array lies in a larger: [outer, 1, inner] in [outer, times, inner]. */
export interface Repetition {
  readonly outer: number;
  readonly times: number;
  readonly inner: number;
}

/** undefined where it does not lie so simply. */
export function repetition(narrow: readonly number[], shape: readonly number[]): Repetition | undefined {
  const aligned = [...new Array<number>(shape.length - narrow.length).fill(1), ...narrow];
  const sizes: [number, number, number] = [1, 1, 1];
  let part: 0 | 1 | 2 = 2;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    const repeats = aligned[axis] === 1;
    if (part === 2 && repeats) part = 1;
    else if (part === 1 && !repeats) part = 0;
    else if (part === 0 && repeats) return undefined;
    sizes[part] = sizes[part]! * shape[axis]!;
  }
  const [outer, times, inner] = sizes;
  return { outer, times, inner };
}

/**
 * An elementwise operation, part by part: undefined where no operand is in parts, or not in the same.
 *
 * @param make the operation on some rows of the operands
 */
export function partwise(
  e: Emitter,
  inputs: readonly Value[],
  output: TensorType,
  make: (operands: readonly Value[], output: TensorType) => Value,
): Value | undefined {
  const size = sizeOf(output.shape);
  const parts = inputs
    .filter((x) => sizeOf(x.shape) === size)
    .map((x) => e.partsOf(x))
    .find((found) => found);
  if (!parts) return undefined;
  const lengths = parts.map(lengthOf);
  // The narrow operands' repetition decides the form of a part: one of them at most may have one.
  const forms = inputs.flatMap((x) =>
    sizeOf(x.shape) === size || sizeOf(x.shape) === 1 ? [] : [repetition(x.shape, output.shape)],
  );
  const form = forms[0] ?? { outer: 1, times: size, inner: 1 };
  if (forms.includes(undefined) || forms.length > 1) return undefined;
  const { outer, times, inner } = form;
  const row = outer === 1 ? inner : times * inner;
  if (lengths.some((length) => length % row !== 0)) return undefined;
  const shapeOf = (length: number): number[] => (outer === 1 ? [length / inner, inner] : [length / row, times, inner]);
  const ends = lengths.map((_, at) => lengths.slice(0, at + 1).reduce((sum, length) => sum + length, 0));
  const operandOf = (x: Value, at: number): Value => {
    const own = sizeOf(x.shape);
    if (own === 1) return x;
    if (own !== size && outer === 1) return e.reshape(x, [1, inner]);
    const times_ = size / own;
    const [length, end] = [lengths[at]! / times_, ends[at]! / times_];
    const parts = e.partsOf(x);
    const same = parts?.length === lengths.length && parts.every((part, i) => lengthOf(part) * times_ === lengths[i]);
    const part = same ? parts[at]! : e.slice(e.reshape(x, [own]), 0, [end - length, end]);
    return e.reshape(part, own === size ? shapeOf(length) : [length / inner, 1, inner]);
  };
  const results = lengths.map((length, at) =>
    make(
      inputs.map((x) => operandOf(x, at)),
      { dtype: output.dtype, shape: shapeOf(length) },
    ),
  );
  return e.assemble(results, output.shape);
}

const lengthOf = (x: Value): number => sizeOf(x.shape);
