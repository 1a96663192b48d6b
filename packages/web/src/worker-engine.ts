/** An engine in a worker of its own, so that the page goes on while it computes. */
import type { PortableArrays, TypedArray } from "@innerloop/graph";
import type { Engine, EngineSetting, PortableSlots } from "./engine.js";
import { copiesTogether, namedCopies } from "./moved-arrays.js";
import type { WebWorkerAnswer, WebWorkerRequest } from "./worker.js";
import { startedCalls, WorkerEnded } from "./worker-calls.js";

/** What requests of one kind are answered by. */
type Ran = { readonly outputs: readonly TypedArray[] };
type Opened = { readonly slots: PortableSlots };
type Called = { readonly arrays: PortableArrays };

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
  const made = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "innerloop" });
  const address = addressOf(setting);
  const calls = await startedCalls<WebWorkerRequest, WebWorkerAnswer>(
    made,
    (lock) => ({ kind: "open", setting, address, lock }),
    signal,
  );
  const { ask } = calls;
  return {
    threads: setting.threads,
    get ended() {
      return calls.ended;
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
      const { copies, memory } = namedCopies(feeds);
      return ((await ask({ kind: "call", session, feeds: copies }, [memory])) as Called).arrays;
    },
    async release(session) {
      // One that is gone has freed it too.
      await ask({ kind: "release", session }).catch((error) => {
        if (!(error instanceof WorkerEnded)) throw error;
      });
    },
    async end() {
      calls.end(new WorkerEnded("the worker was ended"));
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
