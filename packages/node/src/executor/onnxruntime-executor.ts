import {
  checkFeeds,
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  GraphError,
  loweringProfiles,
  type TensorType,
  type TypedArray,
} from "@innerloop/graph";
import { InferenceSession, Tensor } from "onnxruntime-node";

declareLibraryModule(import.meta.url);

export interface OnnxruntimeOptions {
  /** Threads inside one operation. 1 gives the same bits on every machine of a kind; more pay off from about 1 MFLOP an operator. */
  readonly threads?: number;
  /**
   * Rewrites by onnxruntime when a model is loaded. Off, since models that are emitted well run no faster with them,
   * and loading takes half as long again (1,089 nodes: 110 ms off, 180 ms with all).
   */
  readonly graphOptimization?: "disabled" | "basic" | "extended" | "all";
}

/** Runs models in this thread, with onnxruntime's CPU kernels. A run blocks the thread while it computes. */
export function onnxruntimeExecutor(options: OnnxruntimeOptions = {}): Executor {
  const sessions = new Set<ExecutorSession>();
  let closed = false;
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: options.graphOptimization ?? "disabled",
    // Without the arena every intermediate is allocated anew: 1.5 to 1.8 times slower.
    enableCpuMemArena: true,
    // Warnings would go to the user's terminal; failures arrive as errors.
    logSeverityLevel: 3,
  };
  return {
    name: "onnxruntime",
    profile: loweringProfiles.cpu,
    parallelism: 1,
    async load(model, inputs, outputs) {
      if (closed) throw closedError("load");
      const native = await create(model, sessionOptions);
      if (closed) {
        await native.release();
        throw closedError("load");
      }
      const session = openSession(native, inputs, outputs, () => sessions.delete(session));
      sessions.add(session);
      return session;
    },
    async close() {
      closed = true;
      await Promise.all([...sessions].map((session) => session.close()));
    },
  };
}

async function create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(unshared(model), options);
  } catch (cause) {
    throw failure("load", cause, "Check that the model is complete and uses operators of this onnxruntime");
  }
}

function openSession(
  native: InferenceSession,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  onClose: () => void,
): ExecutorSession {
  const inputNames = inputs.map((_, i) => `input${i}`);
  const outputNames = outputs.map((_, i) => `output${i}`);
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  const run = async (feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> => {
    const tensors: Record<string, Tensor> = {};
    inputs.forEach(({ dtype, shape }, i) => {
      // The type of the array was checked against dtype; Tensor's constructor wants them paired at compile time.
      tensors[inputNames[i]!] = new Tensor(dtype as "float32", unshared(feeds[i]!) as Float32Array, shape);
    });
    try {
      const results = await native.run(tensors, outputNames);
      // The binding copies results into arrays of their own, so a later run cannot write to them; a test watches it.
      return outputNames.map((name) => results[name]!.data as TypedArray);
    } catch (cause) {
      throw failure("run", cause, "Check the model's memory needs, and report a failure that persists");
    }
  };
  return {
    async run(feeds) {
      if (closing) throw closedError("run");
      checkFeeds(feeds, inputs);
      const result = run(feeds);
      running.add(result);
      try {
        return await result;
      } finally {
        running.delete(result);
      }
    },
    close() {
      closing ??= (async () => {
        onClose();
        // onnxruntime computes a moment after run() was called; it must not find its session gone.
        await Promise.allSettled(running);
        await native.release();
      })();
      return closing;
    },
  };
}

/** The native binding takes no shared memory: arrays on a SharedArrayBuffer are copied, others are passed as they are. */
function unshared<T extends TypedArray>(array: T): T {
  return array.buffer instanceof SharedArrayBuffer ? (array.slice() as T) : array;
}

function failure(operation: "load" | "run", cause: unknown, remedy: string): GraphError {
  const error = new GraphError("IL403", operation, cause instanceof Error ? cause.message : String(cause), remedy);
  error.cause = cause;
  return error;
}
