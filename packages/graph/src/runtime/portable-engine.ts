/** Portable models run by the names of their inputs and outputs: what each machine's engine gives. */
import type { DType, TypedArray } from "../program/tensor-type.js";
import type { PortableSlot } from "./portable-model.js";

/** Values row by row, of a type of tensors or bytes. */
export interface PortableArray {
  readonly dtype: DType | "uint8";
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Arrays by name. */
export type PortableArrays = { readonly [name: string]: PortableArray };

/** A loaded model. Its slots are those that the file tells: sizes that may be any are names. */
export interface PortableSession {
  readonly inputs: readonly PortableSlot[];
  readonly outputs: readonly PortableSlot[];
  /** All outputs for all inputs. @throws Error where the engine refuses them, or fails */
  run(feeds: PortableArrays): Promise<PortableArrays>;
  close(): Promise<void>;
}

/** The means by which a machine runs portable models: onnxruntime-node in Node, onnxruntime-web in a page. */
export interface PortableEngine {
  /** @throws Error for bytes that are no model, or one that it does not take */
  open(bytes: Uint8Array): Promise<PortableSession>;
}
