import { type MessagePort, parentPort } from "node:worker_threads";
import type { Executor, ExecutorSession, TensorType, TypedArray } from "@innerloop/graph";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

/** What the pool asks of a worker. Each request is answered once, by a reply of the same id. */
export type WorkerRequest = { readonly id: number; readonly session: number } & (
  | {
      readonly kind: "load";
      /** On shared memory: all workers read the same bytes. */
      readonly model: Uint8Array;
      readonly inputs: readonly TensorType[];
      readonly outputs: readonly TensorType[];
      /** Threads that compute one run. */
      readonly threads: number;
    }
  | {
      readonly kind: "run";
      /** Undefined where it is a lasting array that came before. */
      readonly feeds: readonly (TypedArray | undefined)[];
      /** The numbers of lasting arrays, at their places. */
      readonly lasting: readonly (number | undefined)[];
    }
  | { readonly kind: "forget"; readonly lasting: readonly number[] }
  | { readonly kind: "close" }
);

export type WorkerReply =
  | { readonly id: number; readonly outputs: readonly TypedArray[] }
  | { readonly id: number; readonly failure: string };

/** By their threads. */
const executors = new Map<number, Executor>();
const sessions = new Map<number, Promise<ExecutorSession>>();
/** Arrays that come once for many runs, by their numbers. */
const lastingArrays = new Map<number, TypedArray>();

/** The feeds of a run: those that came with it, and those that came before. */
function feedsOf({ feeds, lasting }: Extract<WorkerRequest, { kind: "run" }>): TypedArray[] {
  return feeds.map((feed, place) => {
    const number = lasting[place];
    if (feed && number !== undefined) lastingArrays.set(number, feed);
    const found = feed ?? (number === undefined ? undefined : lastingArrays.get(number));
    if (!found) throw new Error(`feed ${place} did not come, and is none that came before`);
    return found;
  });
}

async function answer(request: WorkerRequest): Promise<readonly TypedArray[]> {
  if (request.kind === "load") {
    const executor = executors.get(request.threads) ?? onnxruntimeExecutor({ threads: request.threads });
    executors.set(request.threads, executor);
    const loading = executor.load(request.model, request.inputs, request.outputs);
    sessions.set(request.session, loading);
    await loading;
    return [];
  }
  if (request.kind === "forget") {
    for (const number of request.lasting) lastingArrays.delete(number);
    return [];
  }
  // Before anything is waited for: a request that follows may count on them.
  const feeds = request.kind === "run" ? feedsOf(request) : [];
  const session = await sessions.get(request.session);
  if (!session) throw new Error(`session ${request.session} is not loaded in this worker`);
  if (request.kind === "run") return session.run(feeds);
  sessions.delete(request.session);
  await session.close();
  return [];
}

async function reply(port: MessagePort, request: WorkerRequest): Promise<void> {
  try {
    const outputs = await answer(request);
    // The results are fresh arrays: they move to the main thread without a copy.
    const buffers = new Set(outputs.map((output) => output.buffer as ArrayBuffer));
    port.postMessage({ id: request.id, outputs } satisfies WorkerReply, [...buffers]);
  } catch (error) {
    if (request.kind === "load") sessions.delete(request.session);
    // The pool words the error for the user; what it needs from here is onnxruntime's own text.
    const source = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const failure = source instanceof Error ? source.message : String(source);
    port.postMessage({ id: request.id, failure } satisfies WorkerReply);
  }
}

if (!parentPort) throw new Error("worker.js is started by workerPoolExecutor, not by itself");
const port = parentPort;
port.on("message", (request: WorkerRequest) => {
  void reply(port, request);
});
