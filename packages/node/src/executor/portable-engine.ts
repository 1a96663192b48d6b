/** Portable models in native onnxruntime: files from anywhere, whose bytes are looked through before they are loaded. */
import { quoted } from "@innerloop/experiments/exported";
import type { PortableArray, PortableEngine, PortableSlot, TypedArray } from "@innerloop/graph";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { readModelContents } from "../backbones/model-file.js";
import { engineArray, loadOnnxruntime, type Onnxruntime } from "./onnxruntime.js";

/** Options of `portableEngine`. */
export interface PortableEngineOptions {
  /** Threads inside one operation, 1 unless given. */
  readonly threads?: number;
}

/**
 * The engine of portable models in Node.
 *
 * @example const session = await portableEngine().open(await readFile("few_shot.onnx"))
 */
export const portableEngine = ({ threads = 1 }: PortableEngineOptions = {}): PortableEngine => ({
  open: async (bytes) => {
    // What would make it read other files is refused here, and what is no portable model.
    const [domain] = readModelContents(bytes, "model").domains;
    if (domain !== undefined) throw new Error(`it has operators of the domain ${quoted(domain)}`);
    const engine = await loadOnnxruntime();
    const session = await engine.InferenceSession.create(engineArray(bytes), {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      // Models are written as they are to run: rewriting takes longer than it saves.
      graphOptimizationLevel: "disabled",
      enableCpuMemArena: true,
      enableMemPattern: false,
      // Failures arrive as errors.
      logSeverityLevel: 4,
    });
    return {
      inputs: slotsOf(session.inputMetadata),
      outputs: slotsOf(session.outputMetadata),
      run: async (feeds) => {
        const given = Object.entries(feeds).map(([name, array]) => [name, engineTensor(engine, array)]);
        const found = await session.run(Object.fromEntries(given));
        return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, arrayOf(value)]));
      },
      close: () => session.release(),
    };
  },
});

const slotsOf = (metadata: InferenceSession["inputMetadata"]): readonly PortableSlot[] =>
  metadata.map((slot) => {
    if (!slot.isTensor) throw new Error(`its ${slot.name} is no tensor`);
    return { name: slot.name, dtype: slot.type as PortableSlot["dtype"], shape: slot.shape };
  });

function engineTensor({ Tensor: EngineTensor }: Onnxruntime, { dtype, shape, data }: PortableArray): Tensor {
  // onnxruntime's own class of 64-bit integers is that of its realm.
  const values = dtype === "int64" ? data : engineArray(data as TypedArray);
  return new EngineTensor(dtype as "float32", values as Float32Array, shape);
}

const arrayOf = ({ type, dims, data }: Tensor): PortableArray => ({
  dtype: type as PortableArray["dtype"],
  shape: dims,
  data: data as TypedArray,
});
