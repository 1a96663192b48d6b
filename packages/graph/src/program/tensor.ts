/**
 * A tensor and the record of the operation that makes it. Each is described by the other: a tensor names its primitive,
 * and the rules of a primitive take and make tensors.
 */
import { formatShape, GraphError } from "../errors.js";
import type { Emitter, Value } from "./emitter.js";
import type { NativeRule } from "./native-rule.js";
import {
  type DType,
  type Shape,
  sizeOf,
  type TensorType,
  type TypedArray,
  tagOf,
  toTypedArray,
} from "./tensor-type.js";

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
  // Float32Arrays of this realm, which are most, without their tag.
  const kept = isTyped(values) && !(values instanceof Float32Array) ? typesByTag.get(tagOf(values)) : "float32";
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

/** The static arguments of an operation: plain JSON, so that equal operations print equally. */
export type Attributes = Readonly<Record<string, number | string | boolean | readonly number[]>>;

/** Attributes as text: ones that differ print differently, infinities and -0 included. */
export function printAttributes(attributes: Attributes): string {
  let text = "";
  for (const name in attributes) {
    const value = attributes[name]!;
    text += ` ${name}=`;
    if (typeof value === "string") text += JSON.stringify(value);
    else if (typeof value === "object") {
      for (const number of value) text += `${printNumber(number)},`;
    } else text += typeof value === "number" ? printNumber(value) : value;
  }
  return text;
}

const printNumber = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

/** Makes the cotangent of one input; null where the output does not depend on that input differentiably. */
export type Pullback = (() => Tensor) | null;

/** A rule's answer where there is no gradient: zero almost everywhere, or none at all. The reason is shown to users. */
export interface NoGradient {
  readonly gradient: "zero" | "undefined";
  readonly reason: string;
}

/** A gradient of zero: the output is piecewise constant in the inputs. */
export const locallyConstant = (reason: string): NoGradient => ({ gradient: "zero", reason });

/** An input of a primitive's batch rule. */
export interface BatchedInput {
  readonly tensor: Tensor;
  /** True where axis 0 of the tensor is the mapped axis; false where all tasks share the tensor. */
  readonly mapped: boolean;
}

/** Values in the reference interpreter: float64, whatever the type; bool is 0 and 1. */
export interface ReferenceArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/**
 * One operation and everything that is known of it. Every pass over graphs is a generic walker that asks these
 * records; no other code branches on the name of an operation.
 */
export interface Primitive<A extends Attributes = Attributes> {
  readonly name: string;
  /** Type of the output. Throws a GraphError for inputs that do not fit. */
  infer(inputs: readonly TensorType[], attributes: A): TensorType;
  /**
   * For each input, how the cotangent of the output (same shape as the output) pulls back to it. A result that is wider
   * than its input by broadcasting is summed to the input's shape by the caller.
   */
  readonly vjp:
    | NoGradient
    | ((cotangent: Tensor, inputs: readonly Tensor[], output: Tensor, attributes: A) => readonly Pullback[]);
  /** How many inputs, of the first ones, the result's values depend on; all by default. The rest need only be computed before. */
  readonly valueInputs?: number;
  /** The same operation for all tasks at once: at least one of these inputs is mapped over axis 0; so is the result. */
  batch(inputs: readonly BatchedInput[], attributes: A, size: number): Tensor;
  /** Standard ONNX nodes that compute the operation. */
  onnx(emitter: Emitter, inputs: readonly Value[], attributes: A, output: TensorType): Value;
  /** How a compiled program computes it. */
  readonly native: NativeRule<A, Tensor>;
  /** The obvious loop, in float64. */
  evaluate(inputs: readonly ReferenceArray[], attributes: A, output: TensorType): Float64Array;
}
