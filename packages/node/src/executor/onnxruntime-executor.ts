import {
  checkFeeds,
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  encode,
  formatShape,
  GraphError,
  loweringProfiles,
  type TensorType,
  type TypedArray,
} from "@innerloop/graph";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { userModelCache } from "../cache/model-cache.js";
import { type Device, deviceError, type GpuDevice, requireSupport, unusableDevice } from "./device.js";
import { engineArray, loadOnnxruntime, type Onnxruntime } from "./onnxruntime.js";
import { processMemory } from "./process-memory.js";

declareLibraryModule(import.meta.url);

/** Options of `onnxruntimeExecutor`. */
export interface OnnxruntimeOptions {
  /** Where models run; "cpu" unless given. */
  readonly device?: Device;
  /** Threads inside one operation. 1 gives the same bits on every machine of a kind; more pay off from about 1 MFLOP an operator. */
  readonly threads?: number;
  /**
   * Rewrites by onnxruntime when a model is loaded. Off, since models that are emitted well run no faster with them,
   * and loading takes half as long again (1,089 nodes: 110 ms off, 180 ms with all).
   */
  readonly graphOptimization?: "disabled" | "basic" | "extended" | "all";
}

/** What one run on a GPU may take. It is fastest with all tasks at once, and its memory cannot be asked for. */
const gpuRunBytes = 2 ** 30;

/** An executor of onnxruntime in this thread. */
export interface OnnxruntimeExecutor extends Executor {
  readonly device: Device;
  /**
   * Resolves once the device is known to be there and to compute in float32. The first `load` waits for it too.
   *
   * @throws IL404 where it is not, with what is missing
   */
  ready(): Promise<void>;
}

/**
 * Runs models in this thread, with onnxruntime's kernels for the processor or a GPU. A run blocks the thread while it
 * computes.
 *
 * On a GPU the results are those of the CPU up to rounding. There is no fallback: where the device is missing, `load`
 * throws IL404. Single operators that onnxruntime lacks for the device run on the CPU, between copies. WebGPU has no
 * float64; models that take or give it are refused. It also takes a software driver of Vulkan for a GPU.
 */
export function onnxruntimeExecutor(options: OnnxruntimeOptions = {}): OnnxruntimeExecutor {
  const { device = "cpu" } = options;
  const sessions = new Set<ExecutorSession>();
  let closed = false;
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: [device],
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: options.graphOptimization ?? "disabled",
    // Without the arena every intermediate is allocated anew: 1.5 to 1.8 times slower.
    enableCpuMemArena: true,
    // Patterns put all intermediates into one more block from the second run on, beside what the arena holds from the
    // first: twice the memory, for 2% of the time of the smallest models and none of others.
    enableMemPattern: false,
    // Warnings would go to the user's terminal; failures arrive as errors.
    logSeverityLevel: 3,
  };
  // It stays open: WebGPU gives up the GPU and all compiled shaders with its last session.
  let probe: Promise<InferenceSession> | undefined;
  const ready = async (): Promise<void> => {
    if (closed) throw closedError("load");
    if (device === "cpu") return;
    probe ??= openProbe(device, sessionOptions);
    try {
      await probe;
    } catch (error) {
      // The next call may find what is missing now.
      probe = undefined;
      throw error;
    }
  };
  return {
    name: device === "cpu" ? "onnxruntime" : `onnxruntime on ${device}`,
    device,
    profile: loweringProfiles[device],
    parallelism: 1,
    runBytes: device === "cpu" ? undefined : gpuRunBytes,
    models: userModelCache(),
    memory: device === "cpu" ? processMemory({ places: 1, threads: false }) : undefined,
    ready,
    async load(model, inputs, outputs) {
      await ready();
      if (device === "webgpu") refuseFloat64([...inputs, ...outputs]);
      const engine = await loadOnnxruntime();
      const native = await create(engine, model, sessionOptions);
      if (closed) {
        await native.release();
        throw closedError("load");
      }
      const session = openSession(engine, native, inputs, outputs, () => sessions.delete(session));
      sessions.add(session);
      return session;
    },
    async close() {
      closed = true;
      await Promise.all([...sessions].map((session) => session.close()));
      const opened = probe;
      probe = undefined;
      // One that failed has nothing to release.
      await opened?.then(
        (session) => session.release(),
        () => undefined,
      );
    },
  };
}

function refuseFloat64(types: readonly TensorType[]): void {
  const double = types.find(({ dtype }) => dtype === "float64");
  if (!double) return;
  const problem = `it has no float64, and the model has ${double.dtype}${formatShape(double.shape)}`;
  throw deviceError("webgpu", problem, "Use float32");
}

/** A session that has shown that a device computes, and computes in float32. */
async function openProbe(device: GpuDevice, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  const engine = await loadOnnxruntime();
  requireSupport(
    device,
    engine.listSupportedBackends().map(({ name }) => name),
  );
  // cuBLAS multiplies in TF32, of 10 bits, unless this is set when it is loaded; the binding has no option for it.
  if (device === "cuda") process.env.NVIDIA_TF32_OVERRIDE ??= "0";
  let session: InferenceSession;
  try {
    // What cannot run on the device makes this session fail, instead of running on the CPU.
    session = await engine.InferenceSession.create(probeModel(), {
      ...options,
      extra: { session: { disable_cpu_ep_fallback: "1" } },
    });
  } catch (cause) {
    throw unusableDevice(device, cause);
  }
  try {
    await requireFloat32(device, engine, session);
  } catch (error) {
    await session.release();
    throw error;
  }
  return session;
}

const probeSize = 64;

/** The product of two matrices. */
function probeModel(): Uint8Array {
  const value = (name: string) => ({ name, dtype: "float32", shape: [probeSize, probeSize], data: undefined }) as const;
  const [a, b, product] = [value("input0"), value("input1"), value("output0")];
  const node = { operator: "MatMul", domain: "", inputs: [a, b], output: product, attributes: {} };
  return encode({ nodes: [node], initializers: [], inputs: [a, b], outputs: [product] });
}

/** Multiplies a matrix of numbers that only 20 bits can hold with the identity. */
async function requireFloat32(device: GpuDevice, { Tensor }: Onnxruntime, session: InferenceSession): Promise<void> {
  const shape = [probeSize, probeSize];
  const fine = Float32Array.from({ length: probeSize ** 2 }, (_, i) => 1 + (i % 7) * 2 ** -20);
  const identity = Float32Array.from({ length: probeSize ** 2 }, (_, i) => (i % (probeSize + 1) === 0 ? 1 : 0));
  let found: TypedArray;
  try {
    const feeds = { input0: new Tensor(fine, shape), input1: new Tensor(identity, shape) };
    found = (await session.run(feeds, ["output0"])).output0!.data as TypedArray;
  } catch (cause) {
    throw unusableDevice(device, cause);
  }
  const wrong = fine.findIndex((expected, i) => found[i] !== expected);
  if (wrong < 0) return;
  const problem = `it multiplies with less than float32's precision: ${fine[wrong]} x 1 is ${found[wrong]}`;
  const remedy = device === "cuda" ? "Set NVIDIA_TF32_OVERRIDE=0" : "Update the driver of the GPU";
  throw deviceError(device, problem, remedy);
}

async function create(
  { InferenceSession }: Onnxruntime,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(engineArray(model), options);
  } catch (cause) {
    throw failure("load", cause, "Check that the model is complete and uses operators of this onnxruntime");
  }
}

function openSession(
  { Tensor }: Onnxruntime,
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
      tensors[inputNames[i]!] = new Tensor(dtype as "float32", engineArray(feeds[i]!) as Float32Array, shape);
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

function failure(operation: "load" | "run", cause: unknown, remedy: string): GraphError {
  const error = new GraphError("IL403", operation, cause instanceof Error ? cause.message : String(cause), remedy);
  error.cause = cause;
  return error;
}
