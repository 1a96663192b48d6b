/** A model from elsewhere, run by the names of its inputs and outputs: its shapes are its own. */
import type { TypedArray } from "@innerloop/graph";
import type { Tensor } from "onnxruntime-node";
import { engineArray, loadOnnxruntime } from "./onnxruntime.js";

/** Element types that models from elsewhere take or give, as ONNX calls them. */
export type NamedDtype = "float32" | "int32" | "int64";

/** An input or output of a model; a size of its shape is a name where it may be any. */
export interface TensorSlot {
  readonly name: string;
  /** As onnxruntime calls it: "float32", "int64", "float16" ... */
  readonly type: string;
  /** Undefined where the model does not say how many axes there are. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** A tensor by its row-major values. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** A loaded model of named inputs and outputs. */
export interface NamedSession {
  readonly inputs: readonly TensorSlot[];
  readonly outputs: readonly TensorSlot[];
  /** @throws Error where the model fails, or the output is not of float32 */
  run(
    feeds: Readonly<Record<string, NamedTensor>>,
    output: string,
  ): Promise<{ readonly shape: readonly number[]; readonly data: Float32Array }>;
  close(): Promise<void>;
}

/**
 * Loads a model with onnxruntime, rewritten for speed: one with weights of 8 bits was eight times slower without. It blocks the
 * thread, and a model from elsewhere may crash the process: run it in one of its own.
 */
export async function openNamedSession(
  model: Uint8Array,
  { threads }: { readonly threads: number },
): Promise<NamedSession> {
  const engine = await loadOnnxruntime();
  const native = await engine.InferenceSession.create(engineArray(model), {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    enableCpuMemArena: true,
    // Batches have many shapes: a plan of memory for each would be kept for ever.
    enableMemPattern: false,
    logSeverityLevel: 3,
  });
  const slots = (metadata: typeof native.inputMetadata): TensorSlot[] =>
    metadata.map((found) => ({
      name: found.name,
      type: found.isTensor ? found.type : "no tensor",
      shape: found.isTensor ? found.shape : undefined,
    }));
  return {
    inputs: slots(native.inputMetadata),
    outputs: slots(native.outputMetadata),
    async run(feeds, output) {
      const tensors: Record<string, Tensor> = {};
      for (const [name, { data, shape }] of Object.entries(feeds)) tensors[name] = tensorOf(engine, data, shape);
      const result = (await native.run(tensors, [output]))[output]!;
      if (result.type !== "float32") throw new Error(`its output ${output} is ${result.type}, and float32 is read`);
      return { shape: result.dims, data: result.data as Float32Array };
    },
    close: () => native.release(),
  };
}

function tensorOf(
  { Tensor }: Awaited<ReturnType<typeof loadOnnxruntime>>,
  data: NamedTensor["data"],
  shape: readonly number[],
): Tensor {
  // onnxruntime's own class of 64-bit integers is that of its realm.
  if (data instanceof BigInt64Array) return new Tensor("int64", data, shape);
  const array = engineArray(data as TypedArray);
  return data instanceof Int32Array
    ? new Tensor("int32", array as Int32Array, shape)
    : new Tensor("float32", array as Float32Array, shape);
}
