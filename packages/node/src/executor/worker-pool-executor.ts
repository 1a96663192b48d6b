import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import {
  checkFeeds,
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  GraphError,
  hasTag,
  loweringProfiles,
  type TensorType,
  type TypedArray,
} from "@innerloop/graph";
import { userModelCache } from "../cache/model-cache.js";
import { isSmall } from "./model-size.js";
import { nativeExecutor } from "./native/native-executor.js";
import type { NativeSetting } from "./native/native-writer.js";
import { processMemory } from "./process-memory.js";
import type { WorkerReply, WorkerRequest } from "./worker.js";

declareLibraryModule(import.meta.url);

/** Options of `workerPoolExecutor`. */
export interface WorkerPoolOptions {
  /** Worker threads, each with sessions of one thread; of native programs, runs at once. The number of cores unless given. */
  readonly workers?: number;
  /** Runs graphs as programs of C, in threads of their own instead of workers. ONNX on onnxruntime unless given. */
  readonly native?: NativeSetting | undefined;
}

/**
 * Runs models side by side in worker threads. All workers compute alike: which of them ran does not show in the result.
 * Runs start in the order they were asked for. A worker that dies is replaced and its run repeated once.
 *
 * A model that runs alone runs in one worker, with threads for all cores: they share the work of each operator.
 * A small model runs in this thread while nothing else does: handing it to a worker and back takes 0.2 ms.
 *
 * Feeds are copied once per run, and the copy is moved to the worker, as results are moved back. Shared memory would
 * win nothing: onnxruntime takes none, so that the worker would copy instead (four runs on 112,000 parameters: 0.8 ms
 * moved, 0.7 ms shared). Arrays that are on a SharedArrayBuffer already are handed over as they are, and copied by the
 * worker. Idle workers do not keep the process alive.
 *
 * @throws IL102 where `workers` is no positive whole number
 */
export function workerPoolExecutor(options: WorkerPoolOptions = {}): Executor {
  const size = options.workers ?? availableParallelism();
  if (!Number.isInteger(size) || size < 1) {
    throw new GraphError("IL102", "workerPoolExecutor", `${size} workers`, "Ask for one worker or more");
  }
  const { native } = options;
  const pool = openPool(size, workerFile());
  return native ? nativeExecutor({ native, places: size, others: pool }) : pool;
}

/** A model as the workers get it. */
interface LoadedModel {
  readonly session: number;
  readonly model: Uint8Array;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly threads: number;
}

function openPool(size: number, file: URL): Executor {
  const slots: (WorkerThread | undefined)[] = new Array(size).fill(undefined);
  const free = slots.map((_, slot) => slot);
  const waiting: { readonly start: (slot: number) => void; readonly refuse: (error: Error) => void }[] = [];
  let sessions = 0;
  let running = 0;
  /** Runs small models in this thread. */
  let here: Promise<Executor> | undefined;
  let closing: Promise<void> | undefined;

  const lastingArrays = new Map<TypedArray, number>();
  let lastingMade = 0;
  const lasting: Executor["lasting"] = (arrays) => {
    const fresh = arrays.filter((array) => !lastingArrays.has(array));
    for (const array of fresh) lastingArrays.set(array, lastingMade++);
    return () => {
      const ids = fresh.flatMap((array) => lastingArrays.get(array) ?? []);
      for (const array of fresh) lastingArrays.delete(array);
      for (const worker of slots) worker?.forget(ids);
    };
  };

  const workerOf = (slot: number): WorkerThread => {
    const known = slots[slot];
    if (known && !known.ended) return known;
    const started = new WorkerThread(file, lastingArrays);
    slots[slot] = started;
    return started;
  };

  const takeSlot = (): Promise<number> | number => {
    if (free.length === 0) return new Promise((start, refuse) => waiting.push({ start, refuse }));
    // The first of them, where models that run alone are loaded.
    return free.splice(free.indexOf(Math.min(...free)), 1)[0]!;
  };

  const giveBack = (slot: number): void => {
    const next = waiting.shift();
    if (next) next.start(slot);
    else free.push(slot);
  };

  /** The work on the slot's worker; once more on a fresh one where the worker died over it. */
  const insist = async <T>(slot: number, operation: "load" | "run", work: (worker: WorkerThread) => Promise<T>) => {
    for (let attempt = 1; ; attempt++) {
      if (closing) throw closedError(operation);
      try {
        return await work(workerOf(slot));
      } catch (error) {
        if (!(error instanceof WorkerEnded)) throw error;
        if (closing) throw closedError(operation);
        if (attempt === 1) continue;
        const problem = `the worker thread died, and so did its replacement (${error.message})`;
        throw withCause(
          new GraphError("IL403", operation, problem, "Check the memory left, or use fewer workers"),
          error,
        );
      }
    }
  };

  const load: Executor["load"] = async (model, inputs, outputs, { estimate, alone = false } = {}) => {
    if (closing) throw closedError("load");
    const small = estimate !== undefined && isSmall(estimate);
    const loaded: LoadedModel = {
      session: sessions++,
      model: new Uint8Array(new SharedArrayBuffer(model.length)),
      inputs: inputs.map(plainType),
      outputs: outputs.map(plainType),
      threads: alone && !small ? size : 1,
    };
    loaded.model.set(model);
    if (small) {
      // The engine is not loaded into this thread by programs that have no use for it there.
      here ??= import("./onnxruntime-executor.js").then(({ onnxruntimeExecutor }) => onnxruntimeExecutor());
      return openSession(loaded, await (await here).load(model, inputs, outputs));
    }
    // One worker computes what runs alone, with threads for all cores: as long as nothing runs beside it, the first.
    const loadedBy = alone ? [0] : slots.map((_, slot) => slot);
    const results = await Promise.allSettled(
      loadedBy.map((slot) => insist(slot, "load", (worker) => worker.load(loaded))),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (!failed) return openSession(loaded);
    await Promise.all(slots.map((worker) => worker?.unload(loaded)));
    throw failed.reason;
  };

  /** @param own the model's session in this thread, where it has one; workers then load it when they first run it */
  const openSession = (loaded: LoadedModel, own?: ExecutorSession): ExecutorSession => {
    const runs = new Set<Promise<unknown>>();
    let sessionClosing: Promise<void> | undefined;
    const runInWorker = async (feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> => {
      const slot = await takeSlot();
      try {
        return await insist(slot, "run", async (worker) => {
          // A worker that took another's place has loaded nothing yet, and small models are loaded when they come.
          if (!worker.has(loaded)) await worker.load(loaded);
          return worker.run(loaded, feeds);
        });
      } finally {
        giveBack(slot);
      }
    };
    let last: Promise<unknown> = Promise.resolve();
    /** One run after the other, where each takes all cores. */
    const runInTurn = (feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> => {
      if (loaded.threads === 1) return runInWorker(feeds);
      const run = (): Promise<readonly TypedArray[]> => runInWorker(feeds);
      const result = last.then(run, run);
      last = result;
      return result;
    };
    return {
      async run(feeds) {
        if (closing || sessionClosing) throw closedError("run");
        checkFeeds(feeds, loaded.inputs);
        // This thread computes only while there is nothing that a worker could compute beside it.
        const result = own && running === 0 ? own.run(feeds) : runInTurn(feeds);
        runs.add(result);
        running++;
        try {
          return await result;
        } finally {
          running--;
          runs.delete(result);
        }
      },
      close() {
        sessionClosing ??= (async () => {
          await Promise.allSettled(runs);
          await own?.close();
          await Promise.all(slots.map((worker) => worker?.unload(loaded)));
        })();
        return sessionClosing;
      },
    };
  };

  const close = async (): Promise<void> => {
    for (const { refuse } of waiting.splice(0)) refuse(closedError("run"));
    await Promise.all([...slots.map((worker) => worker?.end()), here?.then((executor) => executor.close())]);
  };

  return {
    name: "onnxruntime worker pool",
    profile: loweringProfiles.cpu,
    parallelism: size,
    models: userModelCache(),
    memory: processMemory({ places: size, threads: true, small: isSmall }),
    load,
    lasting,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** The reason a request was not answered: its worker is gone. */
class WorkerEnded extends Error {}

interface Request {
  readonly kind: WorkerRequest["kind"];
  readonly answer: Promise<readonly TypedArray[]>;
  readonly resolve: (outputs: readonly TypedArray[]) => void;
  readonly reject: (error: Error) => void;
}

/** One worker thread, the models it has loaded and the requests it has not yet answered. */
class WorkerThread {
  ended = false;
  private readonly worker: Worker;
  private readonly loads = new Map<number, Promise<unknown>>();
  private readonly requests = new Map<number, Request>();
  private nextId = 0;
  private cause: unknown;
  /** Lasting arrays that it has, by their numbers. */
  private readonly kept = new Set<number>();

  constructor(
    file: URL,
    private readonly lastingArrays: ReadonlyMap<TypedArray, number>,
  ) {
    // Flags of the main thread (loaders, inspectors, test runners) are not meant for a thread that only computes.
    this.worker = new Worker(file, { execArgv: [] });
    this.worker.unref();
    this.worker.on("message", (reply: WorkerReply) => this.settle(reply));
    this.worker.on("error", (cause) => {
      this.ended = true;
      this.cause = cause;
    });
    // An answer that cannot be read is an answer that never comes.
    this.worker.on("messageerror", () => void this.worker.terminate());
    this.worker.on("exit", (exitCode) => {
      this.ended = true;
      this.cause ??= new Error(`exit code ${exitCode}`);
      for (const { reject } of this.requests.values()) reject(this.endedError());
      this.requests.clear();
    });
  }

  has({ session }: LoadedModel): boolean {
    return this.loads.has(session);
  }

  load(loaded: LoadedModel): Promise<unknown> {
    const known = this.loads.get(loaded.session);
    if (known) return known;
    const loading = this.ask((id) => ({ kind: "load", id, ...loaded }));
    this.loads.set(loaded.session, loading);
    loading.catch(() => this.loads.delete(loaded.session));
    return loading;
  }

  run({ session }: LoadedModel, feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> {
    const places = feeds.map((feed) => this.lastingArrays.get(feed));
    const isThere = (place: number): boolean => places[place] !== undefined && this.kept.has(places[place]);
    const sent = feeds.map((_, place) => place).filter((place) => !isThere(place));
    // Copies that are moved, since cloning would copy twice, and all of the memory that a feed is only a window of. All in one
    // piece of memory: each piece by itself takes as long as a thousand numbers.
    const { copies, moved } = copiesTogether(sent.map((place) => feeds[place]!));
    const arrays: (TypedArray | undefined)[] = feeds.map(() => undefined);
    sent.forEach((place, i) => {
      arrays[place] = copies[i]!;
    });
    const answer = this.ask((id) => ({ kind: "run", id, session, feeds: arrays, lasting: places }), moved);
    for (const number of places) if (number !== undefined) this.kept.add(number);
    return answer;
  }

  /** Lasting arrays that are not fed again. */
  forget(numbers: readonly number[]): void {
    const known = numbers.filter((number) => this.kept.delete(number));
    if (this.ended || known.length === 0) return;
    this.ask((id) => ({ kind: "forget", id, session: -1, lasting: known })).catch(() => undefined);
  }

  /** Frees the model; a worker that ends meanwhile has freed it too. */
  async unload({ session }: LoadedModel): Promise<void> {
    if (this.ended || !this.loads.delete(session)) return;
    await this.ask((id) => ({ kind: "close", id, session })).catch((error) => {
      if (!(error instanceof WorkerEnded)) throw error;
    });
  }

  /** Ends the thread, after what it was asked already. */
  async end(): Promise<void> {
    await Promise.allSettled([...this.requests.values()].map(({ answer }) => answer));
    await this.worker.terminate();
  }

  private ask(
    request: (id: number) => WorkerRequest,
    moved: readonly ArrayBuffer[] = [],
  ): Promise<readonly TypedArray[]> {
    if (this.ended) return Promise.reject(this.endedError());
    const message = request(this.nextId++);
    const { promise, resolve, reject } = deferred<readonly TypedArray[]>();
    this.requests.set(message.id, { kind: message.kind, answer: promise, resolve, reject });
    // The process stays while an answer is awaited, and may end when none is.
    if (this.requests.size === 1) this.worker.ref();
    this.worker.postMessage(message, moved);
    return promise;
  }

  private endedError(): WorkerEnded {
    const { cause } = this;
    return withCause(new WorkerEnded(cause instanceof Error ? cause.message : String(cause)), cause);
  }

  private settle(reply: WorkerReply): void {
    const request = this.requests.get(reply.id);
    if (!request) return;
    this.requests.delete(reply.id);
    if (this.requests.size === 0) this.worker.unref();
    if ("outputs" in reply) request.resolve(reply.outputs);
    else {
      const remedy = "Check that the model is complete, uses operators of this onnxruntime and fits in memory";
      request.reject(new GraphError("IL403", request.kind, reply.failure, remedy));
    }
  }
}

/** Where copies begin: lines of the processor's cache. */
const alignment = 64;

/** Copies of arrays in one piece of memory; those on shared memory stay as they are. */
function copiesTogether(feeds: readonly TypedArray[]): {
  readonly copies: readonly TypedArray[];
  readonly moved: readonly ArrayBuffer[];
} {
  const isShared = ({ buffer }: TypedArray): boolean => hasTag(buffer, "SharedArrayBuffer");
  const starts: number[] = [];
  let bytes = 0;
  for (const feed of feeds) {
    starts.push(bytes);
    if (!isShared(feed)) bytes += Math.ceil(feed.byteLength / alignment) * alignment;
  }
  const memory = new ArrayBuffer(bytes);
  const copies = feeds.map((feed, i) => {
    if (isShared(feed)) return feed;
    const Same = feed.constructor as new (memory: ArrayBuffer, start: number, length: number) => TypedArray;
    const copy = new Same(memory, starts[i]!, feed.length);
    (copy as Float32Array).set(feed as Float32Array);
    return copy;
  });
  return { copies, moved: bytes > 0 ? [memory] : [] };
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

/** The worker as compiled JavaScript: Node starts no thread from TypeScript. */
function workerFile(): URL {
  const here = import.meta.url as string | undefined;
  const fromSource = here?.endsWith(".ts");
  // Bundlers leave it alone: as an asset by itself, the worker would lack the modules that it imports.
  const file =
    here && new URL(/* webpackIgnore: true */ fromSource ? "../../dist/executor/worker.js" : "./worker.js", here);
  if (file && existsSync(file)) return file;
  if (fromSource) {
    const problem = "run from TypeScript sources, and dist/executor/worker.js of packages/node is not built";
    throw new GraphError("IL403", "workerPoolExecutor", problem, "Run `npm run build` first");
  }
  throw new GraphError(
    "IL403",
    "workerPoolExecutor",
    "worker.js is not beside the code that starts it, which was bundled",
    "Keep @innerloop/node out of the bundle (external in esbuild, externals in webpack, serverExternalPackages in Next.js), or use onnxruntimeExecutor()",
  );
}

/** A tensor is a TensorType too, but cannot be sent to another thread. */
const plainType = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape: [...shape] });

function withCause<E extends Error>(error: E, cause: unknown): E {
  if (cause !== undefined) error.cause = cause;
  return error;
}
