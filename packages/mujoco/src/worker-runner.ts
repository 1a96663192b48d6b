import { existsSync } from "node:fs";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { EnvironmentError } from "@innerloop/core/reinforcement";
import type { EpisodeRows } from "./episode-rows.js";
import { closedError, openingError, type RowRunner, type RunnerOptions } from "./row-runner.js";
import { compileMujoco, type RowFault, type RowOperation } from "./simulation.js";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./simulation-worker.js";

/** Options of a runner in worker threads. */
export interface WorkerRunnerOptions extends RunnerOptions {
  /** Threads, each with a simulation: 55 MB. */
  readonly workers: number;
}

/**
 * A runner in worker threads, which are started when they are first needed and do not keep the process alive while they
 * wait. Each takes rows as it gets to them.
 *
 * Where a worker dies over rows, it is replaced, and all rows are run once more from the states of before: the same bits.
 * Where that happens a second time, it is an error: ILE302.
 */
export function workerRunner({ name, workers, settings, model }: WorkerRunnerOptions): RowRunner {
  const file = workerFile(name);
  const slots: (SimulationThread | undefined)[] = new Array(workers).fill(undefined);
  const ids = new Map<EpisodeRows, number>();
  let nextId = 0;
  let isClosed = false;

  const threadOf = (slot: number, compiled: WebAssembly.Module): SimulationThread => {
    const known = slots[slot];
    if (known && !known.ended) return known;
    const started = new SimulationThread(file, { settings, model, compiled });
    slots[slot] = started;
    return started;
  };

  const idOf = (rows: EpisodeRows): number => {
    const id = ids.get(rows) ?? nextId++;
    ids.set(rows, id);
    return id;
  };

  return {
    async run(rows, operation) {
      const before = rows.states.slice();
      // Few enough that reading counts of warnings after each takes no time, and several for each worker.
      const chunk = Math.max(1, Math.min(16, Math.ceil(rows.rows / (8 * workers))));
      const compiled = await compileMujoco().catch((cause: Error) => {
        throw openingError(name, cause);
      });
      const needed = Math.min(workers, Math.ceil(rows.rows / chunk));
      for (let attempt = 1; ; attempt++) {
        if (isClosed) throw closedError(name);
        Atomics.store(rows.next, 0, 0);
        const results = await Promise.allSettled(
          Array.from({ length: needed }, (_, slot) => threadOf(slot, compiled).run(idOf(rows), rows, operation, chunk)),
        );
        const faults = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
        const died = results.find((result) => result.status === "rejected");
        if (faults.length > 0 || died) rows.states.set(before);
        if (!died) return faults.sort((a, b) => a.row - b.row);
        if (isClosed) throw closedError(name);
        if (attempt === 1) continue;
        const problem = `a worker thread of the simulation died, and so did its replacement (${died.reason.message})`;
        const remedy = "Check the memory left, or use fewer workers: 0 simulates in this thread";
        throw new EnvironmentError("ILE302", { environment: name }, problem, remedy, { cause: died.reason });
      }
    },
    release(rows) {
      const id = ids.get(rows);
      ids.delete(rows);
      if (id !== undefined) for (const thread of slots) thread?.release(id);
    },
    async close() {
      isClosed = true;
      await Promise.all(slots.map((thread) => thread?.end()));
    },
  };
}

interface PendingRun {
  readonly resolve: (faults: readonly RowFault[]) => void;
  readonly reject: (error: Error) => void;
}

/** One worker thread, the rows that it knows, and the runs that it has not yet told the end of. */
class SimulationThread {
  ended = false;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly signal = new Int32Array(new SharedArrayBuffer(4));
  private readonly known = new Set<number>();
  private readonly pending = new Map<number, PendingRun>();
  private requests = 0;
  private cause: unknown;

  constructor(file: URL, start: Pick<WorkerStart, "settings" | "model" | "compiled">) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const workerData: WorkerStart = { ...start, port: port2, signal: this.signal.buffer as SharedArrayBuffer };
    this.worker = new Worker(file, { workerData, transferList: [port2], execArgv: [] });
    this.worker.on("error", (cause) => {
      this.ended = true;
      this.cause = cause;
    });
    this.worker.on("exit", (code) => {
      this.ended = true;
      this.cause ??= new Error(`exit code ${code}`);
      for (const { reject } of this.pending.values()) reject(this.endedError());
      this.pending.clear();
      this.port.close();
    });
    this.port.on("message", ({ request, faults }: WorkerReply) => {
      this.pending.get(request)?.resolve(faults);
      this.pending.delete(request);
      if (this.pending.size === 0) this.rest();
    });
    this.rest();
  }

  run(id: number, rows: EpisodeRows, operation: RowOperation, chunk: number): Promise<readonly RowFault[]> {
    if (this.ended) return Promise.reject(this.endedError());
    if (!this.known.has(id)) {
      this.known.add(id);
      this.send({ kind: "open", id, memory: rows.memory, rows: rows.rows, sizes: rows.sizes });
    }
    const request = this.requests++;
    return new Promise((resolve, reject) => {
      // The process stays while an answer is awaited, and may end when none is.
      if (this.pending.size === 0) {
        this.worker.ref();
        this.port.ref();
      }
      this.pending.set(request, { resolve, reject });
      this.send({ kind: "run", id, request, operation, chunk });
    });
  }

  release(id: number): void {
    if (this.known.delete(id) && !this.ended) this.send({ kind: "close", id });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private send(request: WorkerRequest): void {
    this.port.postMessage(request);
    Atomics.add(this.signal, 0, 1);
    Atomics.notify(this.signal, 0);
  }

  private rest(): void {
    this.worker.unref();
    this.port.unref();
  }

  private endedError(): Error {
    const { cause } = this;
    return new Error(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The worker as compiled JavaScript: Node starts no thread from TypeScript. */
function workerFile(environment: string): URL {
  const isSource = import.meta.url.endsWith(".ts");
  const file = new URL(isSource ? "../dist/simulation-worker.js" : "./simulation-worker.js", import.meta.url);
  if (existsSync(file)) return file;
  const problem = "simulation-worker.js is not beside the code that starts it";
  const remedy = isSource ? "Run `npm run build` first" : "Keep @innerloop/mujoco out of the bundle, or use 0 workers";
  throw new EnvironmentError("ILE302", { environment }, problem, remedy);
}
