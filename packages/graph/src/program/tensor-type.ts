/** Types and shapes of arrays, and the typed arrays that hold their values. */

/** Types of numbers. `float32` is what models compute in; labels and indices are `int32`. */
export type DType = "float32" | "float64" | "int32" | "int64" | "bool";

/** The arrays that hold a tensor's values. */
export type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Sizes along each axis; [] is that of a scalar. */
export type Shape = readonly number[];

/** Type and shape of an array, which are known before it has values. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** True where two shapes have the same rank and sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/** True for types of floating-point numbers. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** Bytes that one number takes. */
export const bytesPerElement: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int32: 4, int64: 8, bool: 1 };

/** A zeroed typed array for `size` elements of a type (bool is one byte each). */
export function allocate(dtype: DType, size: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(size);
    case "float64":
      return new Float64Array(size);
    case "int32":
      return new Int32Array(size);
    case "int64":
      return new BigInt64Array(size);
    case "bool":
      return new Uint8Array(size);
  }
}

/** @internal The array of `size` elements of a type that begins at a byte of a buffer. */
export function arrayIn(buffer: ArrayBufferLike, dtype: DType, at: number, size: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, at, size);
    case "float64":
      return new Float64Array(buffer, at, size);
    case "int32":
      return new Int32Array(buffer, at, size);
    case "int64":
      return new BigInt64Array(buffer, at, size);
    case "bool":
      return new Uint8Array(buffer, at, size);
  }
}

/** Converts numbers to the storage of a type: rounds to float32, truncates to integers, 0 and 1 for bool. */
export function toTypedArray(values: ArrayLike<number | bigint>, dtype: DType): TypedArray {
  const out = allocate(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (out instanceof BigInt64Array)
      out[i] = typeof value === "bigint" ? value : BigInt(Number.isFinite(value) ? Math.trunc(value) : 0);
    else out[i] = dtype === "bool" ? (Number(value) !== 0 ? 1 : 0) : Number(value);
  }
  return out;
}

interface Tagged {
  readonly Float32Array: Float32Array;
  readonly Float64Array: Float64Array;
  readonly Int32Array: Int32Array;
  readonly Uint8Array: Uint8Array;
  readonly SharedArrayBuffer: SharedArrayBuffer;
}

/** "Float32Array", for example: what a value is in any realm, since those of a frame or a test's sandbox are of another class. */
export const tagOf = (value: unknown): string =>
  ArrayBuffer.isView(value)
    ? (value as TypedArray)[Symbol.toStringTag]
    : Object.prototype.toString.call(value).slice("[object ".length, -1);

/** True where a value is such an array or buffer, made in whichever realm: what `instanceof` does not tell. */
export const hasTag = <Tag extends keyof Tagged>(value: unknown, tag: Tag): value is Tagged[Tag] =>
  tagOf(value) === tag;
