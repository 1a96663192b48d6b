import { type Graph, typesOf } from "../program/graph.js";
import type { TypedArray } from "../program/tensor-type.js";
import type { CompiledModel } from "./compiled-model.js";
import type { Executor, ExecutorSession } from "./executor.js";

/**
 * Sessions that stay open on one executor. A session keeps the memory of its intermediate values between runs, and a
 * program that meets ever new shapes makes ever new sessions: of those over the limit, the one that ran longest ago is
 * closed, and loaded again should it run once more.
 */
const mostOpen = 32;

/** How a model is used. */
export interface ModelUse extends Pick<Graph, "inputs" | "outputs"> {
  /** Nothing else runs beside it. */
  readonly alone: boolean;
  /** Its caller has other work while it runs. */
  readonly meanwhile: boolean;
}

interface OpenSession {
  readonly session: Promise<ExecutorSession>;
  /** Loads and runs that are under way. */
  users: number;
  /** Nobody else gets it: the last of its users closes it. */
  discarded: boolean;
}

/** The sessions of one executor, one for each model. */
export class Sessions {
  /** By the models' keys; the one used last is last. */
  private readonly open = new Map<string, OpenSession>();

  constructor(private readonly executor: Executor) {}

  /** Loads a graph's model where it is not loaded. Throws IL403 where that fails. */
  async load(model: CompiledModel, use: ModelUse): Promise<void> {
    await this.with(model, use, async () => undefined);
  }

  /** Runs a graph's model on values of its inputs. Throws IL402 or IL403, as executors do. */
  run(model: CompiledModel, use: ModelUse, feeds: readonly TypedArray[]): Promise<readonly TypedArray[]> {
    return this.with(model, use, (session) => session.run(feeds));
  }

  /** Whether a model is loaded, or about to be. */
  isOpen(model: CompiledModel, use: ModelUse): boolean {
    return this.open.has(sessionKey(model, use));
  }

  /** Closes a model's session where it is open: once its users are done. */
  async close(model: CompiledModel, use: ModelUse): Promise<void> {
    const key = sessionKey(model, use);
    const entry = this.open.get(key);
    if (!entry) return;
    this.open.delete(key);
    entry.discarded = true;
    if (entry.users === 0) await closed(entry);
  }

  private async with<T>(
    model: CompiledModel,
    use: ModelUse,
    work: (session: ExecutorSession) => Promise<T>,
  ): Promise<T> {
    const key = sessionKey(model, use);
    const entry = this.open.get(key) ?? this.start(model, use);
    this.open.delete(key);
    this.open.set(key, entry);
    entry.users++;
    try {
      return await work(await entry.session);
    } finally {
      entry.users--;
      if (entry.discarded && entry.users === 0) await closed(entry);
      this.closeOldest();
    }
  }

  private start(model: CompiledModel, use: ModelUse): OpenSession {
    const { bytes, estimate } = model;
    const { inputs, outputs, alone, meanwhile } = use;
    const key = sessionKey(model, use);
    const session = this.executor.load(bytes, typesOf(inputs), typesOf(outputs), { estimate, alone, meanwhile });
    const entry: OpenSession = { session, users: 0, discarded: false };
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
      // Nobody waits for this.
      void closed(entry);
    }
  }
}

const sessionKey = ({ key }: CompiledModel, { alone, meanwhile }: ModelUse): string =>
  `${key}${alone ? " alone" : ""}${meanwhile ? " meanwhile" : ""}`;

/** One that could not be loaded, or whose executor is closed, is closed already. */
const closed = ({ session }: OpenSession): Promise<void> =>
  session.then((loaded) => loaded.close()).catch(() => undefined);
