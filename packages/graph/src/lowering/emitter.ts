import { type DType, type Shape, sizeOf, type TensorType, type TypedArray, toTypedArray } from "../program/tensor.js";
import type { LoweringProfile } from "../runtime/executor.js";

/** An ONNX value: a name with what is known of it. */
export interface Value extends TensorType {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The values, where they are known when the model is written. */
  readonly data: TypedArray | undefined;
}

/** The value of an attribute of an ONNX node. */
export type OnnxAttribute =
  | number
  | bigint
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };

/** A node of an ONNX graph, as lowerings make it. */
export interface OnnxNode {
  readonly operator: string;
  /** "" is the standard operator set. */
  readonly domain: string;
  readonly inputs: readonly Value[];
  readonly output: Value;
  /** Numbers are int64 attributes; `{ float }` and `{ floats }` are float attributes. */
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/**
 * Collects the nodes of one ONNX model. Equal nodes on equal values are written once, so that what two primitives
 * share in their lowering (the patches of an image under a convolution and its filter gradient) is computed once.
 */
export class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Value[] = [];
  private readonly known = new Map<string, Value>();
  private sharing = true;
  private readonly assemblies = new Map<Value, readonly Value[]>();
  private readonly constants = new Map<string, readonly { readonly bytes: Uint8Array; readonly value: Value }[]>();
  private readonly producers = new Map<Value, OnnxNode>();

  constructor(readonly profile: LoweringProfile) {}

  /** One node with one output of the given type. */
  op(
    operator: string,
    inputs: readonly Value[],
    output: TensorType,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = "",
  ): Value {
    const key = `${domain}:${operator}(${inputs.map((value) => value.name).join(",")})${stringify(attributes)}`;
    const same = this.sharing ? this.known.get(key) : undefined;
    if (same) return same;
    const value: Value = { name: `v${this.nodes.length}`, dtype: output.dtype, shape: output.shape, data: undefined };
    const node: OnnxNode = { operator, domain, inputs, output: value, attributes };
    this.nodes.push(node);
    if (this.sharing) this.known.set(key, value);
    this.producers.set(value, node);
    return value;
  }

  /** What `make` writes is not merged with equal nodes: for values that cost more to keep than to compute again. */
  unshared(make: () => Value): Value {
    const before = this.sharing;
    this.sharing = false;
    try {
      return make();
    } finally {
      this.sharing = before;
    }
  }

  /** The node that makes a value; undefined for inputs and constants. */
  producer(value: Value): OnnxNode | undefined {
    return this.producers.get(value);
  }

  /** A constant of the model. Small equal constants are stored once. */
  constant(data: TypedArray, shape: Shape, dtype: DType): Value {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = data.length <= 65536 ? `${dtype} ${shape.join(",")} ${checksum(bytes)}` : undefined;
    const alike = key === undefined ? [] : (this.constants.get(key) ?? []);
    const same = alike.find((known) => sameBytes(known.bytes, bytes));
    if (same) return same.value;
    const value: Value = { name: `c${this.initializers.length}`, dtype, shape: [...shape], data };
    this.initializers.push(value);
    if (key !== undefined) this.constants.set(key, [...alike, { bytes, value }]);
    return value;
  }

  /** A constant list of int64, as shapes and axes are given to ONNX. */
  integers(values: readonly number[]): Value {
    return this.constant(toTypedArray(values, "int64"), [values.length], "int64");
  }

  scalar(value: number, dtype: DType): Value {
    return this.constant(toTypedArray([value], dtype), [], dtype);
  }

  reshape(x: Value, shape: Shape): Value {
    if (x.shape.length === shape.length && x.shape.every((n, axis) => n === shape[axis])) return x;
    if (x.data) return this.constant(x.data, shape, x.dtype);
    const source = this.producer(x);
    if (source?.operator === "Reshape") return this.reshape(source.inputs[0]!, shape);
    // A zero in the shape means "keep" to ONNX unless allowzero says otherwise.
    const attributes: Record<string, OnnxAttribute> = sizeOf(shape) === 0 ? { allowzero: 1 } : {};
    return this.op("Reshape", [x, this.integers(shape)], { dtype: x.dtype, shape }, attributes);
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    if (permutation.every((axis, i) => axis === i)) return x;
    const shape = permutation.map((axis) => x.shape[axis]!);
    // Moving axes of size one moves no element.
    const moving = permutation.filter((axis) => x.shape[axis] !== 1);
    if (moving.every((axis, i) => i === 0 || axis > moving[i - 1]!)) return this.reshape(x, shape);
    return this.op("Transpose", [x], { dtype: x.dtype, shape }, { perm: permutation });
  }

  /** Indices from (inclusive) to (exclusive) of an axis. */
  slice(x: Value, axis: number, [from, to]: readonly [from: number, to: number]): Value {
    if (from === 0 && to === x.shape[axis]) return x;
    const shape = x.shape.map((n, i) => (i === axis ? to - from : n));
    const bounds = [[from], [to], [axis]].map((values) => this.integers(values));
    return this.op("Slice", [x, ...bounds], { dtype: x.dtype, shape });
  }

  /** Values one after the other along an axis. */
  concat(parts: readonly Value[], axis: number): Value {
    const [first] = parts as [Value];
    if (parts.length === 1) return first;
    const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
    const shape = first.shape.map((n, i) => (i === axis ? total : n));
    return this.op("Concat", parts, { dtype: first.dtype, shape }, { axis });
  }

  /** An array of parts that lie one after the other in it. What can work part by part asks for them with `partsOf`. */
  assemble(parts: readonly Value[], shape: Shape): Value {
    const whole = this.concat(
      parts.map((part) => this.reshape(part, [sizeOf(part.shape)])),
      0,
    );
    if (parts.length > 1) this.assemblies.set(whole, parts);
    return this.reshape(whole, shape);
  }

  /** The parts that an array was assembled of; undefined where it was not. */
  partsOf(x: Value): readonly Value[] | undefined {
    const node = this.producers.get(x);
    return this.assemblies.get(node?.operator === "Reshape" ? node.inputs[0]! : x);
  }

  cast(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x;
    return this.op("Cast", [x], { dtype, shape: x.shape }, { to: onnxTypeNumbers[dtype] });
  }

  /** Rows of an axis by a constant table of indices; the result has the table's shape in place of the axis. */
  take(x: Value, indices: Int32Array, indexShape: Shape, axis: number): Value {
    const shape = [...x.shape.slice(0, axis), ...indexShape, ...x.shape.slice(axis + 1)];
    if (indices.length === x.shape[axis] && indices.every((index, i) => index === i)) return this.reshape(x, shape);
    const table = this.constant(indices, indexShape, "int32");
    return this.op("Gather", [x, table], { dtype: x.dtype, shape }, { axis });
  }

  /**
   * The batched product of `a` [..., m, k] and `b` [..., k, n], either of them optionally given transposed (its last
   * two axes swapped), times `alpha`. Leading axes broadcast.
   */
  matmul(
    a: Value,
    b: Value,
    options: { readonly transposeA?: boolean; readonly transposeB?: boolean; readonly alpha?: number } = {},
  ): Value {
    const { transposeA = false, transposeB = false, alpha = 1 } = options;
    const m = a.shape.at(transposeA ? -1 : -2)!;
    const n = b.shape.at(transposeB ? -2 : -1)!;
    const rank = Math.max(a.shape.length, b.shape.length);
    const leading: number[] = [];
    for (let axis = 0; axis < rank - 2; axis++) {
      const sizeA = a.shape[axis - (rank - a.shape.length)] ?? 1;
      const sizeB = b.shape[axis - (rank - b.shape.length)] ?? 1;
      leading.push(Math.max(sizeA, sizeB) * (sizeA === 0 || sizeB === 0 ? 0 : 1));
    }
    const output = { dtype: a.dtype, shape: [...leading, m, n] };
    if (this.profile.fusedMatMul && a.dtype === "float32" && (transposeA || transposeB || alpha !== 1)) {
      const attributes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0, alpha: { float: alpha } };
      return this.op("FusedMatMul", [a, b], output, attributes, "com.microsoft");
    }
    const product = this.op("MatMul", [this.swapped(a, transposeA), this.swapped(b, transposeB)], output);
    return alpha === 1 ? product : this.op("Mul", [product, this.scalar(alpha, a.dtype)], output);
  }

  /**
   * x as c y with a number c, where that is how it was made and a product takes c for nothing: the -alpha of an inner
   * update, and of its derivative, then costs no pass over the filters.
   */
  scaled(x: Value): { readonly value: Value; readonly factor: number } {
    const plain = { value: x, factor: 1 };
    if (!this.profile.fusedMatMul || x.dtype !== "float32") return plain;
    const node = this.producer(x);
    if (node?.operator === "Reshape") {
      const { value, factor } = this.scaled(node.inputs[0]!);
      return factor === 1 ? plain : { value: this.reshape(value, x.shape), factor };
    }
    const [source, constant] = node?.operator === "Mul" ? node.inputs : [];
    const isNumber = constant?.data?.length === 1 && source!.shape.length === x.shape.length;
    return isNumber ? { value: source!, factor: Number(constant.data![0]) } : plain;
  }

  private swapped(x: Value, swap: boolean): Value {
    if (!swap) return x;
    const axes = x.shape.map((_, axis) => axis);
    return this.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  }
}

/** FNV-1a, which is enough to tell most constants apart. */
function checksum(bytes: Uint8Array): number {
  let hash = 2166136261;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 16777619);
  return hash;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

/** The numbers of ONNX's TensorProto.DataType. */
export const onnxTypeNumbers: Readonly<Record<DType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
};

function stringify(attributes: Readonly<Record<string, OnnxAttribute>>): string {
  return JSON.stringify(attributes, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}
