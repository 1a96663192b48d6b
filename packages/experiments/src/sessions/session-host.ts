/** What every session has from its caller: what it reads and computes with, and how it is followed and stopped. */
import type { Executor } from "@innerloop/graph";
import type { Experiment } from "../build.js";
import type { DataIo } from "../io.js";
import type { RunConfig } from "../runs/run-config.js";
import type { RunStore } from "../runs/run-store.js";

/** Parts of sessions that take long. */
export type SessionPhase = "preparing" | "choosing steps" | "evaluating" | "comparing" | "rejecting";

/** The progress of a session in one of its phases; without `at`, the phase has begun. */
export interface SessionProgress {
  readonly phase: SessionPhase;
  readonly at?: {
    readonly done: number;
    readonly total: number;
    /** What is being worked on. */
    readonly what: string;
  };
}

/** The means by which a session reads, and is followed and stopped. */
export interface PreparingHost {
  readonly io: DataIo;
  readonly onProgress?: ((progress: SessionProgress) => void) | undefined;
  /** Called with what was found in the data, a line each. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called with what the user should know of the result, in a sentence or more. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Stops the session, which then rejects with `Interrupted`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The experiment of a run whose learner and tasks are a program's. Without it such runs are refused.
   *
   * @throws RunError ILN07 where it is none to be run
   */
  readonly program?: ((run: RunStore) => Promise<RunExperiment>) | undefined;
}

/** The same with what computes. */
export interface SessionHost extends PreparingHost {
  readonly executor: Executor;
}

/** The experiment that a program makes. */
export interface RunExperiment {
  readonly experiment: Experiment;
  /** The file that was run. */
  readonly file: NonNullable<RunConfig["file"]>;
}

/** A session that was asked to stop: what it keeps is saved. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted");
    this.name = "Interrupted";
  }
}

/** The result of work, or `Interrupted` where it failed after it was asked to stop. */
export async function untilStopped<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted) throw new Interrupted();
    throw error;
  }
}
