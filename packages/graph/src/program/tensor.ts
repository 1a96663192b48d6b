import { formatShape, GraphError } from "../errors.js";
import { type Attributes, type Primitive, printAttributes } from "./primitive.js";

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

/** A tensor, or what an operation takes in its place: a plain number adopts the type of its neighbour. */
export type TensorLike = Tensor | number;

/** Values of a tensor that consoles show. */
const valuesShown = 12;

let nextId = 0;

/** @internal The number of tensors made so far: each has an id from before this, any made later one from there on. */
export const tensorsMade = (): number => nextId;

/**
 * An array of static shape in a program: an input, a constant with its values, or the result of an operation on other
 * tensors. A tensor is an immutable description; nothing is computed until a graph that holds it is run, and nothing
 * has to be freed.
 *
 * Equal operations on equal inputs are one and the same tensor: each tensor remembers the operations that were applied
 * to it, so common subexpressions merge while the program is written. The memory goes with the tensors themselves.
 */
export class Tensor implements TensorType {
  /** Creation order. An operation is always newer than its inputs. */
  readonly id: number = nextId++;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The operation that makes this tensor; undefined for inputs and constants. */
  readonly primitive: Primitive | undefined;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** The values of a constant, row-major; undefined for everything else. */
  readonly data: TypedArray | undefined;
  /** Operations on this tensor, by their printed form. */
  private uses: Map<string, Tensor> | undefined;

  /** @internal Use `tensor`, `input` or an operation. */
  constructor(
    type: TensorType,
    source:
      | { primitive: Primitive; inputs: readonly Tensor[]; attributes: Attributes }
      | { data: TypedArray }
      | "input",
  ) {
    this.dtype = type.dtype;
    this.shape = type.shape;
    const operation = typeof source === "object" && "primitive" in source ? source : undefined;
    this.primitive = operation?.primitive;
    this.inputs = operation?.inputs ?? [];
    this.attributes = operation?.attributes ?? {};
    this.data = typeof source === "object" && "data" in source ? source.data : undefined;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    return `${this.dtype}${formatShape(this.shape)}`;
  }

  /**
   * The values as nested arrays of numbers, one for each axis; a number where there is none.
   *
   * @throws IL402 where the tensor is an input or an operation: only running a program gives it values
   * @example (await task.predict([[0], [1]])).toArray() // [[0.2], [0.9]]
   */
  toArray(): NestedNumbers {
    const flat = toNumbers(this);
    let at = 0;
    const nested = (axis: number): NestedNumbers =>
      axis === this.rank ? flat[at++]! : Array.from({ length: this.shape[axis]! }, () => nested(axis + 1));
    return nested(0);
  }

  /** Type, shape and values, where there are any: what JSON shows. */
  toJSON(): { readonly dtype: DType; readonly shape: Shape; readonly values?: readonly number[] } {
    const { dtype, shape } = this;
    return { dtype, shape, ...(this.data ? { values: toNumbers(this) } : {}) };
  }

  /** `float32[2, 3] 0.1, 0.2, ...`: what consoles of Node show. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    if (!this.data) return `${this}${this.primitive ? ` of ${this.primitive.name}, without values` : ", an input"}`;
    const first = Array.from(this.data.subarray(0, valuesShown) as ArrayLike<number | bigint>, (value) =>
      String(Number(Number(value).toPrecision(6))),
    );
    return `${this} ${first.join(", ")}${this.size > valuesShown ? ", ..." : ""}`;
  }

  /** @internal The tensor that an operation on these inputs makes: the one made before, where there is one. */
  static apply<A extends Attributes>(rules: Primitive<A>, inputs: readonly Tensor[], attributes: A): Tensor {
    // A tensor holds records of all primitives; only here are a record and its attributes known to belong together.
    const primitive = rules as unknown as Primitive;
    let key = primitive.name;
    for (const input of inputs) key += ` ${input.id}`;
    key += printAttributes(attributes);
    // The newest input that is not a constant keeps the record: it lives no longer than the program being written.
    let keeper = inputs[0];
    for (const input of inputs) {
      if (!keeper || (keeper.data && !input.data) || (!input.data === !keeper.data && input.id > keeper.id))
        keeper = input;
    }
    const known = keeper?.uses?.get(key);
    if (known) return known;
    const made = new Tensor(primitive.infer(inputs, attributes), { primitive, inputs, attributes });
    if (keeper) {
      keeper.uses ??= new Map();
      keeper.uses.set(key, made);
    }
    return made;
  }
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
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
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

/** Numbers, or arrays of equal length of them, to any depth. */
export type NestedNumbers = number | readonly NestedNumbers[];

/**
 * A constant array. Values are nested arrays, or a flat list or typed array with a shape.
 *
 * @param values row-major values; a typed array of the right type is kept as it is, not copied
 * @throws IL104 where rows have different lengths or the number of values is not that of the shape; IL103 for a kind of
 *   typed array that no type is stored in, unless `dtype` says what to convert it to
 * @example tensor([[1, 2], [3, 4]]); tensor(new Float32Array(6), [2, 3]); tensor([3, 1], [2], "int32")
 */
export function tensor(values: NestedNumbers | TypedArray, shape?: Shape, dtype?: DType): Tensor {
  const flat: ArrayLike<number | bigint> = isTyped(values) ? values : flattenNested(values);
  const kept = isTyped(values) ? typesByTag.get(tagOf(values)) : "float32";
  const type = dtype ?? kept;
  if (type === undefined) {
    const remedy = "Give the type to convert it to: tensor(values, shape, dtype)";
    throw new GraphError("IL103", "tensor", `values in a ${tagOf(values)}`, remedy);
  }
  const actual = shape ?? (isTyped(values) ? [values.length] : nestedShape(values));
  if (sizeOf(actual) !== flat.length) {
    const problem = `${flat.length} values for shape ${formatShape(actual)}, which holds ${sizeOf(actual)}`;
    throw new GraphError("IL104", "tensor", problem, "Give as many values as the shape holds");
  }
  const data = isTyped(values) && kept === type ? values : toTypedArray(flat, type);
  return new Tensor({ dtype: type, shape: [...actual] }, { data });
}

const scalars = new Map<string, Tensor>();

/** The constant scalar of a value; one tensor per value and type, so that expressions with it merge. */
export function scalar(value: number, dtype: DType = "float32"): Tensor {
  const key = `${dtype} ${Object.is(value, -0) ? "-0" : value}`;
  let known = scalars.get(key);
  if (!known) {
    if (scalars.size > 4096) scalars.clear();
    known = new Tensor({ dtype, shape: [] }, { data: toTypedArray([value], dtype) });
    scalars.set(key, known);
  }
  return known;
}

/** A fresh input of a program: a tensor without values until the program is run. */
export function input(shape: Shape, dtype: DType = "float32"): Tensor {
  return new Tensor({ dtype, shape: [...shape] }, "input");
}

/**
 * The values of a constant or of a run's result as plain numbers, row-major.
 *
 * @throws IL402 where the tensor is an input or an operation: only running a program gives it values
 */
export function toNumbers(x: Tensor): number[] {
  if (x.data) return Array.from(x.data as ArrayLike<number | bigint>, Number);
  throw new GraphError("IL402", "toNumbers", `${x} has no values`, "Run a compiled function and read its result");
}

/** The value of a one-element constant, or undefined. */
export function scalarValue(x: Tensor): number | undefined {
  return x.data && x.data.length === 1 ? Number(x.data[0]) : undefined;
}

function isTyped(values: NestedNumbers | TypedArray): values is TypedArray {
  return ArrayBuffer.isView(values);
}

interface Tagged {
  readonly Float32Array: Float32Array;
  readonly Float64Array: Float64Array;
  readonly Uint8Array: Uint8Array;
  readonly SharedArrayBuffer: SharedArrayBuffer;
}

/** "Float32Array", for example: what a value is in any realm, since those of a frame or a test's sandbox are of another class. */
export const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice("[object ".length, -1);

/** True where a value is such an array or buffer, made in whichever realm: what `instanceof` does not tell. */
export const hasTag = <Tag extends keyof Tagged>(value: unknown, tag: Tag): value is Tagged[Tag] =>
  tagOf(value) === tag;

const typesByTag: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["Float32Array", "float32"],
  ["Float64Array", "float64"],
  ["Int32Array", "int32"],
  ["BigInt64Array", "int64"],
  ["Uint8Array", "bool"],
]);

function nestedShape(values: NestedNumbers): number[] {
  return typeof values === "number" ? [] : [values.length, ...(values[0] === undefined ? [] : nestedShape(values[0]))];
}

function flattenNested(values: NestedNumbers): number[] {
  const shape = nestedShape(values);
  const flat: number[] = [];
  const visit = (part: NestedNumbers, axis: number): void => {
    if (axis === shape.length && typeof part === "number") {
      flat.push(part);
      return;
    }
    if (typeof part === "number" || part.length !== shape[axis]) {
      const found = typeof part === "number" ? "a number" : `a row of ${part.length}`;
      const problem = `${found} at depth ${axis} where ${axis === shape.length ? "a number" : `a row of ${shape[axis]}`} was expected`;
      throw new GraphError("IL104", "tensor", problem, "Make all rows equally long");
    }
    for (const child of part) visit(child, axis + 1);
  };
  visit(values, 0);
  return flat;
}
