/** Executors of a browser: onnxruntime-web in the page, or in a worker. */
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
  type PortableEngine,
  type PortableSession,
  type TensorType,
  type TypedArray,
} from "@innerloop/graph";
import { type ChosenDevice, chosenDevice } from "./device.js";
import {
  type Build,
  type Engine,
  type EngineSetting,
  localEngine,
  type RuntimeFiles,
  type WebDevice,
} from "./engine.js";
import { WorkerEnded } from "./worker-calls.js";
import { workerEngine } from "./worker-engine.js";

declareLibraryModule(import.meta.url);

/** Options of `webExecutor` and `workerExecutor`. */
export interface WebExecutorOptions {
  /**
   * What computes: the processor through WebAssembly, a GPU through WebGPU, or a GPU where there is one. "wasm" unless
   * given.
   */
  readonly device?: WebDevice | "auto";
  /**
   * Threads that compute one run. More than one take a page that is cross-origin isolated (headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`); in another page there is
   * one, and `status` says so. Half of the cores unless given, four at most. Other numbers of threads give other bits.
   */
  readonly threads?: number;
  /**
   * Where onnxruntime's files are served: a folder's address, or those of the two files as a bundler gives them. Without,
   * they are looked for beside onnxruntime's module.
   */
  readonly wasmPaths?: string | URL | { readonly mjs?: string | URL; readonly wasm?: string | URL };
  /** How long onnxruntime may take to be fetched and to start, in milliseconds; 60,000 unless given. */
  readonly timeoutMs?: number;
}

/** An executor of a browser. */
export interface WebExecutor extends Executor {
  readonly device: WebDevice;
  /** Threads that compute one run. */
  readonly threads: number;
  /** What computes, and why nothing faster does, in a line for users. */
  readonly status: string;
  /** The same onnxruntime for models that are files: those of exported learners. */
  readonly portable: PortableEngine;
}

/** What one run on a GPU may take: a browser's limit of one buffer. */
const gpuRunBytes = 2 ** 28;
const usualTimeoutMs = 60_000;
const mostThreads = 64;

/** Where an engine is. */
type Place = "page" | "worker";

/**
 * An executor of onnxruntime-web in this page or worker. A run blocks it while it computes: `workerExecutor` does not.
 *
 * A page has one onnxruntime: the first executor's threads are those of all. Where several threads do not start, one is tried
 * once, in a worker, since what hangs in a page cannot be ended; `status` says so.
 *
 * @throws GraphError IL102 for options out of range; IL403 where onnxruntime cannot be loaded or does not start in time;
 *   IL404 outside of browsers, and where a device is missing
 * @example
 * const executor = await webExecutor({ device: "auto" });
 * console.log(executor.status);
 * await train({ learner, tasks, optimizer, executor });
 */
export function webExecutor(options: WebExecutorOptions = {}): Promise<WebExecutor> {
  return openedExecutor(options, "page");
}

/**
 * An executor of onnxruntime-web in a worker of its own, so that the page stays smooth while it computes. Feeds are copied
 * once and moved there, results are moved back. Where the worker dies, all that wait for it get IL403, and what is asked of it
 * later does, too: make another one.
 *
 * @throws GraphError as of `webExecutor`
 * @example const executor = await workerExecutor({ threads: 2 });
 */
export function workerExecutor(options: WebExecutorOptions = {}): Promise<WebExecutor> {
  return openedExecutor(options, "worker");
}

/** Set once onnxruntime has hung in this page: whoever asks it again would hang with it. */
let pageHangs = false;

/** @param known what the status is to say as well */
async function openedExecutor(
  options: WebExecutorOptions,
  asked: Place,
  known: readonly string[] = [],
): Promise<WebExecutor> {
  requireBrowser();
  const { timeoutMs = usualTimeoutMs } = options;
  requireWhole("timeoutMs", timeoutMs, 2 ** 31 - 1);
  if (options.threads !== undefined) requireWhole("threads", options.threads, mostThreads);
  const chosen = await chosenDevice(options.device ?? "wasm");
  const { threads, note } = threadsFor(chosen.device, options.threads);
  const notes = [...known, ...chosen.notes, ...(note ? [note] : [])];
  const setting = {
    device: chosen.device,
    build: buildFor(chosen.device, options.wasmPaths),
    threads,
    wasmPaths: absolutePaths(options.wasmPaths),
  };
  let place = asked;
  if (place === "page" && pageHangs) {
    place = "worker";
    notes.push("onnxruntime did not start in this page before");
  }
  try {
    return executorOn(await startedEngine(setting, place, timeoutMs), chosen, place, notes);
  } catch (error) {
    if (options.device === "auto" && chosen.device !== "wasm" && error instanceof GraphError) {
      const reason = `${chosen.title} cannot be used (${messageOf(error.cause ?? error)})`;
      return openedExecutor({ ...options, device: "wasm" }, asked, [...known, reason]);
    }
    // It is told of again where threads are not what hinders it.
    if (threads === 1 || !(error instanceof GraphError) || error.code !== "IL403") throw error;
    const reason = `${threads} threads did not start (${messageOf(error.cause)})`;
    const engine = await startedEngine({ ...setting, threads: 1 }, "worker", timeoutMs);
    return executorOn(engine, chosen, "worker", [...notes, reason]);
  }
}

function requireBrowser(): void {
  if (isBrowser()) return;
  const remedy = 'In Node, import createExecutor from "@innerloop/node"';
  throw new GraphError("IL404", "onnxruntime-web", "this is neither a page nor a worker of one", remedy);
}

/** The question whether this is a page or a worker of one. */
export const isBrowser = (): boolean =>
  typeof Worker === "function" && (typeof document === "object" || "WorkerGlobalScope" in globalThis);

function requireWhole(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new GraphError("IL102", "webExecutor", `${name}: ${value}`, `Give a whole number from 1 to ${most}`);
}

function threadsFor(device: WebDevice, asked: number | undefined): { threads: number; note?: string } {
  const isIsolated = globalThis.crossOriginIsolated === true;
  // What a GPU has no operator for is little.
  const usual = device === "webgpu" ? 1 : Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2));
  const wanted = asked ?? usual;
  if (wanted === 1 || isIsolated) return { threads: wanted };
  const headers = "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
  return { threads: 1, note: `more threads take a cross-origin isolated page (${headers})` };
}

/** WebAssembly's own suspending is smaller and faster; files that were given are those of every browser. */
function buildFor(device: WebDevice, paths: WebExecutorOptions["wasmPaths"]): Build {
  if (device === "wasm") return "wasm";
  const isFolder = paths === undefined || typeof paths === "string" || paths instanceof URL;
  return isFolder && "Suspending" in WebAssembly ? "jspi" : "webgpu";
}

/** Addresses mean the same in a worker. */
function absolutePaths(paths: WebExecutorOptions["wasmPaths"]): string | RuntimeFiles | undefined {
  const base = typeof document === "object" ? document.baseURI : globalThis.location.href;
  const absolute = (address: string | URL): string => {
    try {
      return new URL(address, base).href;
    } catch (cause) {
      const problem = `wasmPaths: ${JSON.stringify(String(address))} is no address`;
      throw new GraphError("IL102", "webExecutor", problem, "Give addresses", { cause });
    }
  };
  if (paths === undefined) return undefined;
  if (typeof paths === "string" || paths instanceof URL) return absolute(paths).replace(/\/?$/, "/");
  const { mjs, wasm } = paths;
  return { ...(mjs !== undefined && { mjs: absolute(mjs) }), ...(wasm !== undefined && { wasm: absolute(wasm) }) };
}

/** An engine that has computed something, in time. */
async function startedEngine(setting: EngineSetting, place: Place, timeoutMs: number): Promise<Engine> {
  const control = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      pageHangs ||= place === "page";
      reject(new Error(`it took more than ${timeoutMs} ms`));
    }, timeoutMs);
  });
  const start = async (): Promise<Engine> => {
    const engine = await (place === "page" ? localEngine(setting) : workerEngine(setting, control.signal));
    await requireFloat32(engine);
    return engine;
  };
  try {
    return await Promise.race([start(), late]);
  } catch (cause) {
    control.abort();
    if (cause instanceof GraphError) throw cause;
    const { device, threads } = setting;
    const what = `onnxruntime-web did not start in ${place === "page" ? "the page" : "a worker"}`;
    const problem = `${what} (${device}, threads: ${threads}): ${messageOf(cause)}`;
    const remedy =
      "Check that its files are served (wasmPaths), and that the page's policy allows 'wasm-unsafe-eval' and workers of itself";
    throw new GraphError("IL403", "load", problem, remedy, { cause });
  } finally {
    clearTimeout(timer);
  }
}

const probeSize = 16;
/** The number of the session that is tried first; others count from 0. */
const probe = -1;

/**
 * Multiplies a matrix of numbers that only 20 bits can hold with the identity: it computes, and in float32. The session stays
 * open: WebGPU gives up the GPU and all compiled shaders with its last one.
 */
async function requireFloat32(engine: Engine): Promise<void> {
  const type: TensorType = { dtype: "float32", shape: [probeSize, probeSize] };
  const value = (name: string) => ({ name, ...type, data: undefined });
  const [a, b, product] = [value("input0"), value("input1"), value("output0")];
  const node = { operator: "MatMul", domain: "", inputs: [a, b], output: product, attributes: {} };
  const model = encode({ nodes: [node], initializers: [], inputs: [a, b], outputs: [product] });
  const fine = Float32Array.from({ length: probeSize ** 2 }, (_, i) => 1 + (i % 7) * 2 ** -20);
  const identity = Float32Array.from({ length: probeSize ** 2 }, (_, i) => (i % (probeSize + 1) === 0 ? 1 : 0));
  await engine.load(probe, model, [type, type], 1);
  const [found] = await engine.run(probe, [fine, identity]);
  const wrong = fine.findIndex((expected, i) => found?.[i] !== expected);
  if (wrong < 0) return;
  const problem = `it multiplies with less than float32's precision: ${fine[wrong]} x 1 is ${found?.[wrong]}`;
  throw new GraphError("IL404", "webExecutor", problem, "Use the device wasm");
}

function executorOn(
  engine: Engine,
  { device, title }: ChosenDevice,
  place: Place,
  notes: readonly string[],
): WebExecutor {
  const sessions = new Set<ExecutorSession | PortableSession>();
  let nextSession = 0;
  let closing: Promise<void> | undefined;
  const { threads } = engine;
  const parts = [
    title,
    threads === 1 ? "one thread" : `${threads} threads`,
    ...(place === "worker" ? ["a worker"] : []),
  ];
  return {
    name: device === "wasm" ? "onnxruntime-web" : "onnxruntime-web on WebGPU",
    device,
    threads,
    status: [parts.join(", "), ...notes].join("; "),
    profile: loweringProfiles[device === "wasm" ? "web" : "webgpu"],
    parallelism: 1,
    runBytes: device === "wasm" ? undefined : gpuRunBytes,
    portable: {
      async open(model) {
        if (closing) throw closedError("load");
        const number = nextSession++;
        const slots = await attempt("load", () => engine.open(number, model));
        if (closing) {
          await engine.release(number);
          throw closedError("load");
        }
        const session: PortableSession = {
          ...slots,
          ...sessionParts(
            engine,
            number,
            () => sessions.delete(session),
            (feeds) => engine.call(number, feeds),
          ),
        };
        sessions.add(session);
        return session;
      },
    },
    async load(model, inputs, outputs) {
      if (closing) throw closedError("load");
      if (device === "webgpu") refuseFloat64([...inputs, ...outputs]);
      const number = nextSession++;
      await attempt("load", () => engine.load(number, model, inputs.map(plainType), outputs.length));
      if (closing) {
        await engine.release(number);
        throw closedError("load");
      }
      const session = openSession(engine, number, inputs, () => sessions.delete(session));
      sessions.add(session);
      return session;
    },
    close() {
      closing ??= Promise.all([...sessions].map((session) => session.close())).then(() => engine.end());
      return closing;
    },
  };
}

function openSession(
  engine: Engine,
  number: number,
  inputs: readonly TensorType[],
  onClose: () => void,
): ExecutorSession {
  return sessionParts(engine, number, onClose, async (feeds: readonly TypedArray[]) => {
    checkFeeds(feeds, inputs);
    return engine.run(number, feeds);
  });
}

/** Runs of a session, which its end waits for. */
function sessionParts<Feeds, Result>(
  engine: Engine,
  number: number,
  onClose: () => void,
  compute: (feeds: Feeds) => Promise<Result>,
): { run(feeds: Feeds): Promise<Result>; close(): Promise<void> } {
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  return {
    async run(feeds) {
      if (closing) throw closedError("run");
      const result = attempt("run", () => compute(feeds));
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
        await Promise.allSettled(running);
        await engine.release(number);
      })();
      return closing;
    },
  };
}

/** A type as it can be sent to a worker. */
const plainType = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape: [...shape] });

function refuseFloat64(types: readonly TensorType[]): void {
  const double = types.find(({ dtype }) => dtype === "float64");
  if (!double) return;
  const problem = `it has no float64, and the model has ${double.dtype}${formatShape(double.shape)}`;
  throw new GraphError("IL404", "WebGPU", problem, "Use float32, or the device wasm");
}

async function attempt<T>(operation: "load" | "run", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const isGone = cause instanceof WorkerEnded;
    const problem = isGone ? `the worker is gone: ${messageOf(cause)}` : messageOf(cause);
    const remedy = isGone
      ? "Make another executor; check the memory left where it happens again"
      : "Check that the model is complete, uses operators of onnxruntime-web and fits in memory";
    throw new GraphError("IL403", operation, problem, remedy, { cause });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
