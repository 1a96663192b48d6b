import type { CompiledModel } from "./compiled-model.js";
import type { Executor, ExecutorSession } from "./executor.js";
import { type Graph, typesOf } from "./graph.js";
import type { TypedArray } from "./tensor.js";

/**
 * Sessions that stay open on one executor. A session keeps the memory of its intermediate values between runs, and a
 * program that meets ever new shapes makes ever new sessions: of those over the limit, the one that ran longest ago is
 * closed, and loaded again should it run once more.
 */
const mostOpen = 32;

interface OpenSession {
  readonly session: Promise<ExecutorSession>;
  /** Loads and runs that are under way. */
  users: number;
}

/** The sessions of one executor, one for each model. */
export class Sessions {
  /** By the models' keys; the one used last is last. */
  private readonly open = new Map<string, OpenSession>();

  constructor(private readonly executor: Executor) {}

  /** Loads a graph's model where it is not loaded. Throws IL403 where that fails. */
  async load(model: CompiledModel, graph: Graph): Promise<void> {
    await this.use(model, graph, async () => undefined);
  }

  /** Runs a graph's model on values of its inputs. Throws IL402 or IL403, as executors do. */
  run(model: CompiledModel, graph: Graph, feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> {
    return this.use(model, graph, (session) => session.run(feeds));
  }

  /** Closes a model's session where it is open and nobody uses it. */
  async close({ key }: CompiledModel): Promise<void> {
    const entry = this.open.get(key);
    if (!entry || entry.users > 0) return;
    this.open.delete(key);
    await entry.session.then(
      (session) => session.close(),
      () => undefined,
    );
  }

  private async use<T>(model: CompiledModel, graph: Graph, work: (session: ExecutorSession) => Promise<T>): Promise<T> {
    const entry = this.open.get(model.key) ?? this.start(model, graph);
    this.open.delete(model.key);
    this.open.set(model.key, entry);
    entry.users++;
    try {
      return await work(await entry.session);
    } finally {
      entry.users--;
      this.closeOldest();
    }
  }

  private start({ key, bytes, estimate }: CompiledModel, { inputs, outputs }: Graph): OpenSession {
    const session = this.executor.load(bytes, typesOf(inputs), typesOf(outputs), estimate);
    const entry: OpenSession = { session, users: 0 };
    // A failure is not remembered: the next call may succeed.
    entry.session.catch(() => {
      if (this.open.get(key) === entry) this.open.delete(key);
    });
    return entry;
  }

  private closeOldest(): void {
    for (const [key, entry] of this.open) {
      if (this.open.size <= mostOpen) return;
      if (entry.users > 0) continue;
      this.open.delete(key);
      // Nobody waits for this; an executor that is closed has closed it already.
      entry.session.then((session) => session.close()).catch(() => undefined);
    }
  }
}
