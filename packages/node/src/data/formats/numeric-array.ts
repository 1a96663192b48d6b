/** Arrays as NumPy writes them: of numbers of any type, byte order and memory order. */
import { halfFloat } from "@innerloop/core/training";

/** An array in row-major order. Integers of more than 16 bits are float64 here, truth values are 0 and 1 in float32. */
export interface NumericArray {
  readonly shape: readonly number[];
  readonly values: Uint8Array | Float32Array | Float64Array;
}

/** A type of numbers, such as `<f4`. */
export interface NumericType {
  readonly name: string;
  readonly bytes: number;
  readonly littleEndian: boolean;
}

const sizes: Readonly<Record<string, number>> = {
  b1: 1,
  i1: 1,
  u1: 1,
  i2: 2,
  u2: 2,
  f2: 2,
  i4: 4,
  u4: 4,
  f4: 4,
  i8: 8,
  u8: 8,
  f8: 8,
};

/** The type that NumPy calls `<f4`, `|u1`, `>i8` or `f4`; undefined for types that are not numbers. */
export function numericType(descriptor: string): NumericType | undefined {
  const found = /^([<>|=]?)([a-z]\d)$/.exec(descriptor);
  const name = found?.[2] ?? "";
  if (!Object.hasOwn(sizes, name)) return undefined;
  return { name, bytes: sizes[name]!, littleEndian: found![1] !== ">" };
}

/** How many numbers an array of this shape has; undefined where it is no shape, or beyond exact arithmetic. */
export function countOf(shape: readonly number[]): number | undefined {
  if (shape.length > 32 || !shape.every((length) => Number.isSafeInteger(length) && length >= 0)) return undefined;
  const count = shape.reduce((product, length) => product * length, 1);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** The array in these bytes, `countOf(shape)` times the type's own; the bytes may be used as they are, uncopied. */
export function arrayOf(
  bytes: Uint8Array,
  type: NumericType,
  shape: readonly number[],
  { fortranOrder }: { readonly fortranOrder: boolean },
): NumericArray {
  const values = valuesOf(bytes, type);
  // Of arrays with one side longer than 1 both orders are the same.
  const isMatrix = shape.filter((length) => length !== 1).length > 1;
  return { shape, values: fortranOrder && isMatrix ? rowMajor(values, shape) : values };
}

const machineIsLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function valuesOf(bytes: Uint8Array, { name, bytes: size, littleEndian }: NumericType): NumericArray["values"] {
  if (name === "u1") return bytes;
  const count = bytes.length / size;
  const native = littleEndian === machineIsLittle && bytes.byteOffset % size === 0;
  if (name === "f4" && native) return new Float32Array(bytes.buffer, bytes.byteOffset, count);
  if (name === "f8" && native) return new Float64Array(bytes.buffer, bytes.byteOffset, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = size <= 2 || name === "f4" ? new Float32Array(count) : new Float64Array(count);
  const read = readers[name]!;
  for (let i = 0; i < count; i++) values[i] = read(view, i * size, littleEndian);
  return values;
}

const readers: Readonly<Record<string, (view: DataView, at: number, littleEndian: boolean) => number>> = {
  b1: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at, little) => view.getInt16(at, little),
  u2: (view, at, little) => view.getUint16(at, little),
  f2: (view, at, little) => halfFloat(view.getUint16(at, little)),
  i4: (view, at, little) => view.getInt32(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  f4: (view, at, little) => view.getFloat32(at, little),
  i8: (view, at, little) => Number(view.getBigInt64(at, little)),
  u8: (view, at, little) => Number(view.getBigUint64(at, little)),
  f8: (view, at, little) => view.getFloat64(at, little),
};

/** From the order in which the first index runs fastest to that in which the last one does. */
function rowMajor<T extends NumericArray["values"]>(values: T, shape: readonly number[]): T {
  const result = values.slice() as T;
  const strides: number[] = [];
  for (let stride = 1, axis = 0; axis < shape.length; stride *= shape[axis++]!) strides.push(stride);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
