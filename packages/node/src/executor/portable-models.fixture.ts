/** Portable models as others run them: by names, in onnxruntime, with nothing of ours around them. */
import { type PortableModel, type Tensor, tensor } from "@innerloop/graph";
import { engineArray, loadOnnxruntime } from "./onnxruntime.js";

/** Values of an input: those of a tensor, or bytes. */
export type Fed = Tensor | { readonly bytes: Uint8Array; readonly shape: readonly number[] };

/** A loaded model: all outputs by name, for all inputs by name. */
export interface PortableSession {
  run(feeds: Readonly<Record<string, Fed>>): Promise<Readonly<Record<string, Tensor>>>;
  close(): Promise<void>;
}

/**
 * Loads a portable model in native onnxruntime, on one thread. Constants are not packed ahead: onnxruntime multiplies
 * packed ones by another kernel where a product has one column, and in another order.
 */
export async function openPortable({ bytes }: Pick<PortableModel, "bytes">): Promise<PortableSession> {
  const engine = await loadOnnxruntime();
  const session = await engine.InferenceSession.create(engineArray(bytes), {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 3,
    extra: { session: { disable_prepacking: "1" } },
  });
  return {
    run: async (feeds) => {
      const tensors = Object.entries(feeds).map(([name, value]) => {
        if ("bytes" in value) return [name, new engine.Tensor("uint8", engineArray(value.bytes), value.shape)] as const;
        const data = value.dtype === "int64" ? value.data : engineArray(value.data!);
        return [name, new engine.Tensor(value.dtype as "float32", data as Float32Array, value.shape)] as const;
      });
      const found = await session.run(Object.fromEntries(tensors));
      return Object.fromEntries(
        Object.entries(found).map(([name, { data, dims, type }]) => [
          name,
          tensor(data as Float32Array, dims, type as "float32"),
        ]),
      );
    },
    close: () => session.release(),
  };
}
