import type { TensorType, TypedArray } from "./tensor.js";

/** What an executor's kernels are good at; the lowering of primitives asks this and nothing else about it. */
export interface LoweringProfile {
  readonly name: "cpu" | "web" | "standard";
  /** onnxruntime's FusedMatMul, which reads its operands transposed. */
  readonly fusedMatMul: boolean;
  /** HardSigmoid as step function. */
  readonly hardSigmoidStep: boolean;
}

export const loweringProfiles: Readonly<Record<LoweringProfile["name"], LoweringProfile>> = {
  cpu: { name: "cpu", fusedMatMul: true, hardSigmoidStep: true },
  web: { name: "web", fusedMatMul: true, hardSigmoidStep: true },
  /** Operators of the ONNX standard only, as exported models use. */
  standard: { name: "standard", fusedMatMul: false, hardSigmoidStep: false },
};

/** A model that is loaded and can run. */
export interface ExecutorSession {
  /** Values of the outputs in order, given those of the inputs in order. */
  run(feeds: readonly TypedArray[]): Promise<readonly TypedArray[]>;
  close(): Promise<void>;
}

/** Where compiled models run. */
export interface Executor {
  readonly name: string;
  readonly profile: LoweringProfile;
  /** How many runs go side by side. */
  readonly parallelism: number;
  load(model: Uint8Array, inputs: readonly TensorType[], outputs: readonly TensorType[]): Promise<ExecutorSession>;
  /** Frees all sessions and ends all workers. */
  close(): Promise<void>;
}
