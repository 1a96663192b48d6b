/**
 * Large arrays in parts. What a large convolution makes is written block by block, and what follows works on the blocks
 * one by one: each is still in the cache when the next operation reads it, and of what lies between two operations only
 * a block is ever in memory. The whole array is a Concat of its parts, which is dropped where nothing reads it.
 */
import { sizeOf, type TensorType } from "../program/tensor.js";
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
 * An elementwise operation, part by part: undefined where no operand of the result's size is in parts, or they do not
 * hold whole rows of what repeats. An operand that is not in the same parts is cut into them.
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
  const lengths = inputs
    .filter((x) => sizeOf(x.shape) === size)
    .map((x) => e.partsOf(x)?.map(lengthOf))
    .find((found) => found);
  if (!lengths) return undefined;
  // How the smaller operand repeats decides the form of a part: there may be one at most, beside single numbers.
  const smaller = inputs.filter((x) => sizeOf(x.shape) !== size && sizeOf(x.shape) !== 1);
  const form = smaller[0] ? repetition(smaller[0].shape, output.shape) : { outer: 1, times: size, inner: 1 };
  if (!form || smaller.length > 1) return undefined;
  const { outer, times, inner } = form;
  const row = outer === 1 ? inner : times * inner;
  if (lengths.some((length) => length % row !== 0)) return undefined;
  const shapeOf = (length: number): number[] => (outer === 1 ? [length / inner, inner] : [length / row, times, inner]);
  const smallerLengths = lengths.map((length) => length / times);
  let end = 0;
  const results = lengths.map((length, at) => {
    end += length;
    const operands = inputs.map((x) => {
      const own = sizeOf(x.shape);
      if (own === 1) return e.reshape(x, []);
      if (own === size) return e.reshape(partOf(e, x, lengths, at, end), shapeOf(length));
      if (outer === 1) return e.reshape(x, [1, inner]);
      return e.reshape(partOf(e, x, smallerLengths, at, end / times), [length / row, 1, inner]);
    });
    return make(operands, { dtype: output.dtype, shape: shapeOf(length) });
  });
  return e.assemble(results, output.shape);
}

/** Part `at` of x cut into parts of the given lengths, of which it ends at `end`. */
function partOf(e: Emitter, x: Value, lengths: readonly number[], at: number, end: number): Value {
  const parts = e.partsOf(x);
  const same = parts?.length === lengths.length && parts.every((part, i) => lengthOf(part) === lengths[i]);
  return same ? parts[at]! : e.slice(e.reshape(x, [sizeOf(x.shape)]), 0, [end - lengths[at]!, end]);
}

const lengthOf = (x: Value): number => sizeOf(x.shape);
