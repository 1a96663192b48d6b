/** What the command and its workers say to each other. */
import type { FindingKind } from "./outcome.js";

/** Inputs of a reader by their indices, or as they are. */
export interface Task {
  readonly id: number;
  readonly reader: string;
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  /** In place of those that indices make. */
  readonly inputs?: readonly Uint8Array[];
  /** Whether inputs that reach new code are kept and mutated in turn. */
  readonly guided?: boolean;
  /** Makes the only input smaller while the same finding comes of it. */
  readonly shrink?: boolean;
}

export interface Found {
  readonly reader: string;
  /** -1 for inputs that have none. */
  readonly index: number;
  readonly kind: FindingKind;
  readonly detail: string;
  /** Equal for findings that are likely the same fault. */
  readonly signature: string;
  readonly input: Uint8Array;
}

export interface Suspect {
  readonly index: number;
  readonly input: Uint8Array;
}

export interface Answer {
  readonly id: number;
  /** Inputs by outcome: `read`, or the code with which they were refused. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly findings: readonly Found[];
  /** Inputs that took more time than they may, or at which the process grew too large: they are to be tried alone. */
  readonly suspects: readonly Suspect[];
  /** Inputs that reached code for the first time in this worker, and that code. */
  readonly kept: readonly { readonly input: Uint8Array; readonly blocks: readonly string[] }[];
  /** Processor time of all. */
  readonly totalMs: number;
  /** The most processor time of one input. */
  readonly slowestMs: number;
  /** The most memory that the process ever had. */
  readonly peakBytes: number;
  /** The memory that it has now. */
  readonly residentBytes: number;
}

/** Processor time that an input may take. */
export const mostMs = 2000;
/** Memory that a process may take. */
export const mostProcessBytes = 2 ** 30;
