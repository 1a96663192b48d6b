import type { Emitter, ImageBlocks, LoweringProfile, OnnxAttribute, OnnxNode, Value } from "../program/emitter.js";
import {
  type DType,
  type Shape,
  sizeOf,
  type TensorType,
  type TypedArray,
  toTypedArray,
} from "../program/tensor-type.js";
import { imageBlocks, type PatchesSize } from "./image-blocks.js";
import { partwise } from "./parts.js";

/** The emitter that collects the nodes of one ONNX model. */
export class OnnxEmitter implements Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Value[] = [];
  private readonly known = new Map<string, Value>();
  private sharing = true;
  private readonly assemblies = new Map<Value, readonly Value[]>();
  private readonly constants = new Map<string, readonly { readonly bytes: Uint8Array; readonly value: Value }[]>();
  private readonly producers = new Map<Value, OnnxNode>();

  constructor(readonly profile: LoweringProfile) {}

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

  unshared(make: () => Value): Value {
    const before = this.sharing;
    this.sharing = false;
    try {
      return make();
    } finally {
      this.sharing = before;
    }
  }

  producer(value: Value): OnnxNode | undefined {
    return this.producers.get(value);
  }

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

  slice(x: Value, axis: number, [from, to]: readonly [from: number, to: number]): Value {
    if (from === 0 && to === x.shape[axis]) return x;
    const shape = x.shape.map((n, i) => (i === axis ? to - from : n));
    const bounds = [[from], [to], [axis]].map((values) => this.integers(values));
    return this.op("Slice", [x, ...bounds], { dtype: x.dtype, shape });
  }

  concat(parts: readonly Value[], axis: number): Value {
    const [first] = parts as [Value];
    if (parts.length === 1) return first;
    const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
    const shape = first.shape.map((n, i) => (i === axis ? total : n));
    return this.op("Concat", parts, { dtype: first.dtype, shape }, { axis });
  }

  assemble(parts: readonly Value[], shape: Shape): Value {
    const whole = this.concat(
      parts.map((part) => this.reshape(part, [sizeOf(part.shape)])),
      0,
    );
    if (parts.length > 1) this.assemblies.set(whole, parts);
    return this.reshape(whole, shape);
  }

  partsOf(x: Value): readonly Value[] | undefined {
    const node = this.producers.get(x);
    return this.assemblies.get(node?.operator === "Reshape" ? node.inputs[0]! : x);
  }

  partwise(
    inputs: readonly Value[],
    output: TensorType,
    make: (operands: readonly Value[], output: TensorType) => Value,
  ): Value | undefined {
    return partwise(this, inputs, output, make);
  }

  imageBlocks(operands: readonly Value[], size: PatchesSize): ImageBlocks | undefined {
    return imageBlocks(this, operands, size);
  }

  cast(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x;
    return this.op("Cast", [x], { dtype, shape: x.shape }, { to: onnxTypeNumbers[dtype] });
  }

  take(x: Value, indices: Int32Array, indexShape: Shape, axis: number): Value {
    const shape = [...x.shape.slice(0, axis), ...indexShape, ...x.shape.slice(axis + 1)];
    if (indices.length === x.shape[axis] && indices.every((index, i) => index === i)) return this.reshape(x, shape);
    const table = this.constant(indices, indexShape, "int32");
    return this.op("Gather", [x, table], { dtype: x.dtype, shape }, { axis });
  }

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
