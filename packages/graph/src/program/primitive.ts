import type { Emitter, Value } from "../lowering/emitter.js";
import type { Tensor, TensorType } from "./tensor.js";

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
  /** The obvious loop, in float64. */
  evaluate(inputs: readonly ReferenceArray[], attributes: A, output: TensorType): Float64Array;
}
