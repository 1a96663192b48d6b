/**
 * A thread with a simulation of its own. It sleeps until its signal changes, takes rows that no other thread has taken,
 * and tells when there are none left. Which thread runs a row does not show in the row.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type EpisodeRows, episodeRows, type RowSizes } from "./episode-rows.js";
import type { LocomotionSettings } from "./locomotion-settings.js";
import { openSimulation, type RowFault, type RowOperation } from "./simulation.js";

/** What a worker is started with. */
export interface WorkerStart {
  readonly settings: LocomotionSettings;
  /** The text of the body's model. */
  readonly model: string;
  readonly compiled: WebAssembly.Module;
  readonly port: MessagePort;
  /** Counts what was sent to the port. */
  readonly signal: SharedArrayBuffer;
}

/** What a worker is asked. Rows are known by number, from `open` to `close`. */
export type WorkerRequest =
  | {
      readonly kind: "open";
      readonly id: number;
      readonly memory: SharedArrayBuffer;
      readonly rows: number;
      readonly sizes: RowSizes;
    }
  | {
      readonly kind: "run";
      readonly id: number;
      readonly request: number;
      readonly operation: RowOperation;
      readonly chunk: number;
    }
  | { readonly kind: "close"; readonly id: number };

/** The answer to `run`. */
export interface WorkerReply {
  readonly request: number;
  readonly faults: readonly RowFault[];
}

const { settings, model, compiled, port, signal } = workerData as WorkerStart;
const signals = new Int32Array(signal);
const simulation = await openSimulation(settings, model, compiled);
const open = new Map<number, EpisodeRows>();

function answer(asked: WorkerRequest): void {
  switch (asked.kind) {
    case "open":
      open.set(asked.id, episodeRows(asked.rows, asked.sizes, asked.memory));
      break;
    case "run": {
      const faults = runRemaining(open.get(asked.id)!, asked.operation, asked.chunk);
      port.postMessage({ request: asked.request, faults } satisfies WorkerReply);
      break;
    }
    case "close":
      open.delete(asked.id);
      break;
  }
}

function runRemaining(rows: EpisodeRows, operation: RowOperation, chunk: number): RowFault[] {
  const faults: RowFault[] = [];
  for (;;) {
    const from = Atomics.add(rows.next, 0, chunk);
    if (from >= rows.rows) return faults;
    faults.push(...simulation.run(operation, rows, from, Math.min(rows.rows, from + chunk)));
  }
}

for (let seen = 0; ; ) {
  for (let sent = receiveMessageOnPort(port); sent; sent = receiveMessageOnPort(port)) answer(sent.message);
  // The signal wakes it where it sleeps; a message alone would be for an event loop, which never gets its turn here.
  Atomics.wait(signals, 0, seen);
  seen = Atomics.load(signals, 0);
}
