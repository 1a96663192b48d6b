/** The worker of `workerExecutor`: an engine of its own, by messages. */
import type { TensorType, TypedArray } from "@innerloop/graph";
import { type Engine, type EngineSetting, localEngine } from "./engine.js";

/** A request to the worker. Each is answered once, by a reply of the same id. */
export type WebWorkerRequest = { readonly id: number } & (
  | {
      readonly kind: "open";
      readonly setting: EngineSetting;
      /** Of onnxruntime's module, where the page's import map says it. */
      readonly address: string | undefined;
      /** A lock that this worker holds as long as it lives; undefined where the browser has none. */
      readonly lock: string | undefined;
    }
  | {
      readonly kind: "load";
      readonly session: number;
      readonly model: Uint8Array;
      readonly inputs: readonly TensorType[];
      readonly outputs: number;
    }
  | { readonly kind: "run"; readonly session: number; readonly feeds: readonly TypedArray[] }
  | { readonly kind: "release"; readonly session: number }
);

export type WebWorkerReply =
  | { readonly id: number; readonly outputs: readonly TypedArray[] }
  | { readonly id: number; readonly failure: string };

/** What of a worker's global scope is used; the types of TypeScript for it exclude those of a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WebWorkerRequest>) => void) | null;
  postMessage(message: WebWorkerReply, transfer: readonly Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

let opened: Promise<Engine> | undefined;

async function answer(request: WebWorkerRequest): Promise<readonly TypedArray[]> {
  if (request.kind === "open") {
    if (request.lock !== undefined) await held(request.lock);
    opened = localEngine(request.setting, request.address);
    await opened;
    return [];
  }
  const engine = await opened;
  if (!engine) throw new Error("the worker was not opened");
  if (request.kind === "run") return engine.run(request.session, request.feeds);
  if (request.kind === "load") await engine.load(request.session, request.model, request.inputs, request.outputs);
  else await engine.release(request.session);
  return [];
}

/** Resolves once this worker has the lock, which nothing but its end gives back. */
function held(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const forever = (): Promise<never> => {
      resolve();
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, forever).catch(reject);
  });
}

async function reply(request: WebWorkerRequest): Promise<void> {
  try {
    const outputs = await answer(request);
    // The results are fresh arrays: they move to the page without a copy.
    const buffers = new Set(outputs.map((output) => output.buffer as ArrayBuffer));
    scope.postMessage({ id: request.id, outputs }, [...buffers]);
  } catch (error) {
    scope.postMessage({ id: request.id, failure: error instanceof Error ? error.message : String(error) }, []);
  }
}

scope.onmessage = ({ data }) => {
  void reply(data);
};
