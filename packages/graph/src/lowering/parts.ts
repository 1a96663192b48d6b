/**
 * Large arrays in parts. What a large convolution makes is written block by block, and what follows works on the blocks
 * one by one: each is still in the cache when the next operation reads it, and of what lies between two operations only
 * a block is ever in memory. The whole array is a Concat of its parts, which is dropped where nothing reads it.
 */
import { repetition } from "../program/broadcasting.js";
import type { Emitter, Value } from "../program/emitter.js";
import { sizeOf, type TensorType } from "../program/tensor-type.js";

/** `Emitter.partwise`. */
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
