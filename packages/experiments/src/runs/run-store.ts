/** A run as sessions use it, wherever it is kept: a folder on a disk, the storage of a page, a service. */
import type { CheckpointStore } from "@innerloop/core";
import type { RunConfig } from "./run-config.js";

/** One event of a run, as a line of events.jsonl has it. */
export interface RunEvent {
  readonly type: string;
  readonly iteration?: number;
  /** When it was written: milliseconds since 1970. */
  readonly at?: number;
  readonly [name: string]: unknown;
}

/** A log of events that is only ever appended to. */
export interface EventLog {
  append(event: RunEvent): void;
  /** Returns once all is where it is kept. */
  flush(): void;
  close(): void;
}

/** The events of a run. */
export interface RunEvents {
  /** Those so far. */
  read(): Promise<readonly RunEvent[]>;
  /** The log to append to, without what is about updates after `lastIteration`. */
  open(lastIteration: number): Promise<EventLog>;
}

/** Results and records of a run, by the names of their files. */
export interface RunFiles {
  /**
   * The bytes of a file; undefined where there is none.
   *
   * @throws RunError ILN09 where there are more than `mostBytes`
   */
  read(name: string, mostBytes: number): Promise<Uint8Array | undefined>;
  /** Writes a file so that it is either as before or complete. @throws RunError ILN03 */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** @throws RunError ILN10 where the run is not where it was opened any more */
  requireThere(): void;
}

/** A run: its configuration, checkpoints, events and records. */
export interface RunStore {
  readonly config: RunConfig;
  /** How messages and commands call it. */
  readonly shown: string;
  /** How messages call a file of it. */
  shownFile(name: string): string;
  readonly checkpoints: CheckpointStore;
  readonly events: RunEvents;
  readonly files: RunFiles;
}

/** Most bytes of results and other records of an evaluation. */
export const mostRecordBytes = 64 * 2 ** 20;
