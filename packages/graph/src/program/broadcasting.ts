/** Arrays of different shapes beside each other, by NumPy's rule. */
import { type Shape, sameShape, sizeOf, stridesOf } from "./tensor-type.js";

/** The shape that arrays of these shapes broadcast to (NumPy's rule), or undefined. */
export function broadcastShapes(shapes: readonly Shape[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 1; i <= shape.length; i++) {
      const n = shape[shape.length - i]!;
      const have = out[rank - i]!;
      if (n === have || n === 1) continue;
      if (have !== 1) return undefined;
      out[rank - i] = n;
    }
  }
  return out;
}

/** For each element of `shape`, the offset of the element of an array of `from` that broadcasts to it. */
export function broadcastOffsets(from: Shape, shape: Shape): (index: number) => number {
  if (sameShape(from, shape)) return (index) => index;
  if (sizeOf(from) === 1) return () => 0;
  const source = stridesOf(from);
  const target = stridesOf(shape);
  const lead = shape.length - from.length;
  return (index) => {
    let offset = 0;
    for (let axis = 0; axis < from.length; axis++) {
      if (from[axis] === 1) continue;
      offset += (Math.floor(index / target[axis + lead]!) % shape[axis + lead]!) * source[axis]!;
    }
    return offset;
  };
}

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
