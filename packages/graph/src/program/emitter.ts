/**
 * What the ONNX rule of a primitive writes with, and what it may know of the executor that it writes for. Rules see no
 * more than this interface; what implements it is the business of the lowering (`OnnxEmitter`).
 */
import type { DType, Shape, TensorType, TypedArray } from "./tensor-type.js";

/** Strengths of an executor's kernels; the lowering of primitives asks this and nothing else about it. */
export interface LoweringProfile {
  readonly name: "cpu" | "web" | "webgpu" | "cuda" | "standard";
  /** onnxruntime's FusedMatMul, which reads its operands transposed. */
  readonly fusedMatMul: boolean;
  /** HardSigmoid as step function. */
  readonly hardSigmoidStep: boolean;
  /**
   * What a core's cache holds, in bytes: larger patches of images are made in parts of this size, and what follows works
   * on the parts one by one. Infinity for devices that are faster the larger an operation is.
   */
  readonly cacheBytes: number;
  /**
   * Sums over many rows in stages, and over few terms by slices, where kernels are faster so. Without it the form of a
   * model does not depend on how many rows there are.
   */
  readonly splitsSums: boolean;
  /** Long tables of indices are computed, where that makes a model's file smaller. */
  readonly computesTables: boolean;
}

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

/** Some of the groups of an array [groups, images, ...], and some of their images. */
export interface ImageBlock {
  readonly groups: readonly [from: number, to: number];
  readonly images: readonly [from: number, to: number];
}

/** How a product with the patches of images is divided into blocks that each fit the cache. */
export interface ImageBlocks {
  readonly list: readonly ImageBlock[];
  /** A block of an array [groups, images, ...]. A group axis of size 1 serves all. */
  blockOf(x: Value, block: ImageBlock): Value;
  /** The groups of a block, of an array with a leading group axis; an axis of size 1 serves all. */
  groupsOf(x: Value, block: ImageBlock): Value;
  /** An array of images of the given shape, made block by block. */
  assembled(shape: Shape, make: (block: ImageBlock) => Value): Value;
}

/**
 * Writes the nodes of one ONNX model. Equal nodes on equal values are written once, so that what two primitives share
 * in their lowering (the patches of an image under a convolution and its filter gradient) is computed once.
 */
export interface Emitter {
  readonly profile: LoweringProfile;
  /** One node with one output of the given type. */
  op(
    operator: string,
    inputs: readonly Value[],
    output: TensorType,
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: string,
  ): Value;
  /** What `make` writes is not merged with equal nodes: for values that cost more to keep than to compute again. */
  unshared(make: () => Value): Value;
  /** The node that makes a value; undefined for inputs and constants. */
  producer(value: Value): OnnxNode | undefined;
  /** A constant of the model. Small equal constants are stored once. */
  constant(data: TypedArray, shape: Shape, dtype: DType): Value;
  /** A constant list of int64, as shapes and axes are given to ONNX. */
  integers(values: readonly number[]): Value;
  scalar(value: number, dtype: DType): Value;
  reshape(x: Value, shape: Shape): Value;
  transpose(x: Value, permutation: readonly number[]): Value;
  /** Indices from (inclusive) to (exclusive) of an axis. */
  slice(x: Value, axis: number, range: readonly [from: number, to: number]): Value;
  /** Values one after the other along an axis. */
  concat(parts: readonly Value[], axis: number): Value;
  cast(x: Value, dtype: DType): Value;
  /** Rows of an axis by a constant table of indices; the result has the table's shape in place of the axis. */
  take(x: Value, indices: Int32Array, indexShape: Shape, axis: number): Value;
  /**
   * The batched product of `a` [..., m, k] and `b` [..., k, n], either of them optionally given transposed (its last
   * two axes swapped), times `alpha`. Leading axes broadcast.
   */
  matmul(
    a: Value,
    b: Value,
    options?: { readonly transposeA?: boolean; readonly transposeB?: boolean; readonly alpha?: number },
  ): Value;
  /**
   * x as c y with a number c, where that is how it was made and a product takes c for nothing: the -alpha of an inner
   * update, and of its derivative, then costs no pass over the filters.
   */
  scaled(x: Value): { readonly value: Value; readonly factor: number };
  /** An array of parts that lie one after the other in it. What can work part by part asks for them with `partsOf`. */
  assemble(parts: readonly Value[], shape: Shape): Value;
  /** The parts that an array was assembled of; undefined where it was not. */
  partsOf(x: Value): readonly Value[] | undefined;
  /**
   * An elementwise operation, part by part: undefined where no operand of the result's size is in parts, or they do not
   * hold whole rows of what repeats. An operand that is not in the same parts is cut into them.
   *
   * @param make the operation on some rows of the operands
   */
  partwise(
    inputs: readonly Value[],
    output: TensorType,
    make: (operands: readonly Value[], output: TensorType) => Value,
  ): Value | undefined;
  /**
   * How a product with patches of images is divided: undefined where it is done at once. An operand that is in parts
   * already divides it, if the parts are whole images and not too many.
   *
   * @param size.bytes of one image's patches
   */
  imageBlocks(
    operands: readonly Value[],
    size: { readonly groups: number; readonly images: number; readonly bytes: number },
  ): ImageBlocks | undefined;
}
