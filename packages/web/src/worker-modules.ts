/** Modules of exported learners in a worker of their own, so that the page goes on while they compute. */
import { GraphError, type PortableArrays, type PortableSession, type WasmModule } from "@innerloop/graph";
import { namedCopies } from "./moved-arrays.js";
import type { FunctionSlots, WasmWorkerAnswer, WasmWorkerRequest } from "./wasm-worker.js";
import { startedCalls, type WorkerCalls, WorkerEnded } from "./worker-calls.js";

type Calls = WorkerCalls<WasmWorkerRequest, WasmWorkerAnswer>;
type Opened = { readonly functions: Readonly<Record<string, FunctionSlots>>; readonly memoryBytes: number };
type Called = { readonly arrays: PortableArrays };

let shared: Promise<Calls> | undefined;
let nextModule = 0;

/** One worker for all modules of a page; one that is gone is followed by another. */
function calls(): Promise<Calls> {
  const before = shared;
  shared = (async () => {
    const known = await before?.catch(() => undefined);
    if (known && !known.ended) return known;
    const made = () => new Worker(new URL("./wasm-worker.js", import.meta.url), { type: "module", name: "innerloop" });
    return startedCalls<WasmWorkerRequest, WasmWorkerAnswer>(made, (lock) => ({
      kind: "open",
      address: openerAddress(),
      lock,
    }));
  })();
  return shared;
}

/** As `addressOf` in `worker-engine.ts`: workers have no import map. */
function openerAddress(): string | undefined {
  try {
    return import.meta.resolve("@innerloop/graph/wasm");
  } catch {
    return undefined;
  }
}

/**
 * Opens a module, as `openWasmModule` does, in the worker of this page: what its functions are fed and give is copied there
 * and back. Its memory is freed once all of its functions are closed.
 *
 * @throws GraphError IL403 where no worker can be started, or the module is none
 */
export async function openInWorker(bytes: Uint8Array): Promise<WasmModule> {
  const number = nextModule++;
  const worker = await attempt("load", calls);
  // A copy that moves: the caller keeps the bytes.
  const copy = bytes.slice();
  const { functions, memoryBytes } = (await attempt("load", () =>
    worker.ask({ kind: "open module", module: number, bytes: copy }, [copy.buffer]),
  )) as Opened;
  const open = new Set(Object.keys(functions));
  const sessionOf = ([name, slots]: [string, FunctionSlots]): [string, PortableSession] => [
    name,
    {
      ...slots,
      async run(feeds) {
        const { copies, memory } = namedCopies(feeds);
        const called = () => worker.ask({ kind: "call", module: number, name, feeds: copies }, [memory]);
        return ((await attempt("run", called)) as Called).arrays;
      },
      async close() {
        if (!open.delete(name) || open.size > 0) return;
        // One that is gone has freed it too.
        await worker.ask({ kind: "release", module: number }).catch((error) => {
          if (!(error instanceof WorkerEnded)) throw error;
        });
      },
    },
  ];
  return { functions: Object.fromEntries(Object.entries(functions).map(sessionOf)), memoryBytes };
}

async function attempt<T>(operation: "load" | "run", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    if (!(cause instanceof WorkerEnded)) throw cause;
    const remedy = "Load the learner again; check that the page's policy allows workers of itself, and the memory left";
    throw new GraphError("IL403", operation, `the worker is gone: ${problem}`, remedy, { cause });
  }
}
