import {
  checkFeeds,
  type Executor,
  type ExecutorSession,
  GraphError,
  loweringProfiles,
  type TypedArray,
} from "@innerloop/graph";
import { env, InferenceSession, Tensor } from "onnxruntime-web";

// More threads would need cross-origin isolation in a browser, and workers that outlive a test here.
env.wasm.numThreads = 1;
env.logLevel = "error";

/** For tests: what the browser runs, onnxruntime's WebAssembly kernels, in Node. */
export function webExecutor(): Executor {
  const sessions = new Set<ExecutorSession>();
  return {
    name: "onnxruntime-web",
    profile: loweringProfiles.web,
    parallelism: 1,
    async load(model, inputs, outputs) {
      const native = await attempt("load", () =>
        InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "disabled" }),
      );
      const outputNames = outputs.map((_, i) => `output${i}`);
      // This runtime refuses a run while another is under way.
      let last: Promise<unknown> = Promise.resolve();
      let closed = false;
      const compute = async (feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> => {
        const tensors = inputs.map(({ dtype, shape }, i) => [
          `input${i}`,
          new Tensor(dtype as "float32", feeds[i] as Float32Array, shape),
        ]);
        const results = await attempt("run", () => native.run(Object.fromEntries(tensors), outputNames));
        return outputNames.map((name) => results[name]!.data as TypedArray);
      };
      const session: ExecutorSession = {
        async run(feeds) {
          if (closed) throw new GraphError("IL403", "run", "the session is closed", "Load the model again");
          checkFeeds(feeds, inputs);
          const result = last.then(() => compute(feeds));
          last = result.catch(() => undefined);
          return result;
        },
        async close() {
          if (closed) return;
          closed = true;
          sessions.delete(session);
          await last;
          await native.release();
        },
      };
      sessions.add(session);
      return session;
    },
    async close() {
      await Promise.all([...sessions].map((session) => session.close()));
    },
  };
}

async function attempt<T>(operation: "load" | "run", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError("IL403", operation, problem, "Check that the model uses operators of onnxruntime-web");
  }
}
