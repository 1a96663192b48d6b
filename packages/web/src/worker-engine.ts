/** An engine in a worker of its own, so that the page goes on while it computes. */
import type { PortableArrays, TypedArray } from "@innerloop/graph";
import type { Engine, EngineSetting, PortableSlots } from "./engine.js";
import type { WebWorkerAnswer, WebWorkerReply, WebWorkerRequest } from "./worker.js";

/** The reason why a request is not answered: the worker is gone. */
export class WorkerEnded extends Error {}

/** A request without its number. */
type Asked<Request = WebWorkerRequest> = Request extends { readonly id: number } ? Omit<Request, "id"> : never;

/** What requests of one kind are answered by. */
type Ran = { readonly outputs: readonly TypedArray[] };
type Opened = { readonly slots: PortableSlots };
type Called = { readonly arrays: PortableArrays };

interface Waiting {
  readonly resolve: (answer: WebWorkerAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** An engine whose end can be heard of. */
export interface WorkerEngine extends Engine {
  /** The reason why the worker is gone, once it is. */
  readonly ended: Error | undefined;
}

/**
 * Starts a worker and onnxruntime in it.
 *
 * @param signal ends the worker, whatever it does
 * @throws WorkerEnded where no worker can be started here
 */
export async function workerEngine(setting: EngineSetting, signal: AbortSignal): Promise<WorkerEngine> {
  const waiting = new Map<number, Waiting>();
  const watching = new AbortController();
  let ended: Error | undefined;
  let nextId = 0;
  let worker: Worker | undefined;

  const end = (reason: Error): void => {
    if (ended) return;
    ended = reason;
    watching.abort();
    worker?.terminate();
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  signal.addEventListener("abort", () => end(new WorkerEnded("the worker was ended")), { once: true });

  const ask = (asked: Asked, moved: readonly ArrayBuffer[] = []): Promise<WebWorkerAnswer> => {
    if (ended) return Promise.reject(ended);
    const request = { ...asked, id: nextId++ } as WebWorkerRequest;
    return new Promise((resolve, reject) => {
      waiting.set(request.id, { resolve, reject });
      worker!.postMessage(request, [...moved]);
    });
  };

  try {
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "innerloop" });
  } catch (cause) {
    throw new WorkerEnded(`the page may not start it (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  worker.onmessage = ({ data }: MessageEvent<WebWorkerReply>) => {
    const request = waiting.get(data.id);
    waiting.delete(data.id);
    if ("failure" in data) request?.reject(new Error(data.failure));
    else request?.resolve(data);
  };
  // A script that is not there, or an error that nobody catches: what it would answer may never come.
  worker.onerror = ({ message }) => end(new WorkerEnded(message || "its script cannot be loaded"));
  // An answer that cannot be read is an answer that never comes.
  worker.onmessageerror = () => end(new WorkerEnded("its answer cannot be read"));

  // Locks are for pages of https and this machine.
  const locks = navigator.locks as LockManager | undefined;
  const lock = locks ? `innerloop worker ${crypto.randomUUID()}` : undefined;
  try {
    await ask({ kind: "open", setting, address: addressOf(setting), lock });
  } catch (error) {
    end(error as Error);
    throw error;
  }
  // Nothing tells a page that a worker was killed, but the lock that it held.
  if (locks && lock !== undefined)
    locks
      .request(lock, { signal: watching.signal }, () => end(new WorkerEnded("it was killed, or closed itself")))
      .catch(() => undefined);

  return {
    threads: setting.threads,
    get ended() {
      return ended;
    },
    async load(session, model, inputs, outputs) {
      // A copy that moves: the caller keeps the bytes.
      const copy = model.slice();
      await ask({ kind: "load", session, model: copy, inputs, outputs }, [copy.buffer]);
    },
    async run(session, feeds) {
      const { copies, memory } = copiesTogether(feeds);
      return ((await ask({ kind: "run", session, feeds: copies }, [memory])) as Ran).outputs;
    },
    async open(session, model) {
      const copy = model.slice();
      return ((await ask({ kind: "open model", session, model: copy }, [copy.buffer])) as Opened).slots;
    },
    async call(session, feeds) {
      const names = Object.keys(feeds);
      const { copies, memory } = copiesTogether(names.map((name) => feeds[name]!.data));
      const moved = Object.fromEntries(
        names.map((name, i) => {
          const { dtype, shape } = feeds[name]!;
          return [name, { dtype, shape: [...shape], data: copies[i]! }];
        }),
      );
      return ((await ask({ kind: "call", session, feeds: moved }, [memory])) as Called).arrays;
    },
    async release(session) {
      // One that is gone has freed it too.
      await ask({ kind: "release", session }).catch((error) => {
        if (!(error instanceof WorkerEnded)) throw error;
      });
    },
    async end() {
      end(new WorkerEnded("the worker was ended"));
    },
  };
}

/**
 * The address of onnxruntime's module by the page's import map, which workers do not have; undefined where a bundler has
 * put it into the worker.
 */
function addressOf({ build }: EngineSetting): string | undefined {
  try {
    return import.meta.resolve(`onnxruntime-web/${build}`);
  } catch {
    return undefined;
  }
}

/** Where copies begin: eight bytes are the longest number. */
const alignment = 8;

/** Copies of arrays in one piece of memory, which moves: cloned, each would be copied twice. */
function copiesTogether(feeds: readonly TypedArray[]): {
  readonly copies: readonly TypedArray[];
  readonly memory: ArrayBuffer;
} {
  const starts: number[] = [];
  let bytes = 0;
  for (const feed of feeds) {
    starts.push(bytes);
    bytes += Math.ceil(feed.byteLength / alignment) * alignment;
  }
  const memory = new ArrayBuffer(bytes);
  const copies = feeds.map((feed, i) => {
    const Same = feed.constructor as new (memory: ArrayBuffer, start: number, length: number) => TypedArray;
    const copy = new Same(memory, starts[i]!, feed.length);
    (copy as Float32Array).set(feed as Float32Array);
    return copy;
  });
  return { copies, memory };
}
