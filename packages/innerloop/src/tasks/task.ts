import type { Tensor } from "@innerloop/graph";
import { random } from "../random.js";

/** Inputs and targets, one row each. (A type and not an interface: so it is a tree of tensors as well.) */
export type Examples = {
  /** [n, ...] */
  readonly x: Tensor;
  /** Targets [n, ...], or [n] int32 class indices. */
  readonly y: Tensor;
  /**
   * float32 [n], where a source pads tasks of different sizes to one shape: 1 for rows that are there, 0 for padding,
   * whose values mean nothing. Without it all rows are there.
   */
  readonly present?: Tensor;
};

/** What a learner adapts to (support), and what it is then judged on (query). */
export type Task = {
  readonly support: Examples;
  readonly query: Examples;
};

/**
 * A family of tasks. A task is addressed, not drawn: `sample(seed, index)` is a pure function, so a run resumes where
 * it stopped, any worker can make any task, and all learners are evaluated on the same ones.
 *
 * All tasks of one source have the same shapes and dtypes: one compiled graph serves them all.
 */
export interface TaskSource {
  readonly name: string;
  /** The protocol as results should state it: ways, shots, queries, ranges. */
  readonly description: Readonly<Record<string, number | string | boolean>>;
  /** For classification: the number of classes of one task (ways). */
  readonly classes?: number;
  /**
   * The task at an address.
   *
   * @param seed whose tasks: see `splitSeed`
   * @param index which of them; both are non-negative integers up to 2^53 - 1
   * @throws RangeError ILT101 where they are not
   */
  sample(seed: number, index: number): Task;
}

/** The parts of a task family: to train on, to choose by, to report. */
export const splits = ["train", "validation", "test"] as const;
export type Split = (typeof splits)[number];

/**
 * The seed of the tasks of one split: tasks for training, validation and test are made from one seed of the run and
 * are independent. For evaluation tasks that stay the same over runs, use one fixed seed for all of them.
 *
 * @example source.sample(splitSeed(1, "validation"), 0)
 */
export function splitSeed(seed: number, split: Split): number {
  return random(seed, splits.indexOf(split)).integer(2 ** 53);
}

/**
 * Every error of tasks and of the random numbers behind them carries one of these codes. The message itself says which
 * argument or class, what was found and what to do instead.
 */
export const taskErrorCodes = {
  ILT101: "a seed, counter or task index that is not a non-negative safe integer (a RangeError)",
  ILT102: "a choice out of a range that does not hold it (a RangeError)",
  ILT201: "an option of a task source is out of range",
  ILT301: "labelled examples whose data and shape disagree",
  ILT302: "values that are not finite numbers",
  ILT303: "two classes of one name, or one class selected twice",
  ILT304: "a selection or split of classes that are not there",
  ILT305: "rotations of examples that are not square images, or are rotated already",
  ILT401: "a class too small for the episode's shots and queries",
  ILT402: "more ways than there are classes",
} as const;

export type TaskErrorCode = keyof typeof taskErrorCodes;

/** An error in how tasks are described: `ILT402 episodes: 20 ways of 5 classes in omniglot. Lower ways ...`. */
export class TaskError extends Error {
  readonly code: TaskErrorCode;
  constructor(code: TaskErrorCode, operation: string, problem: string, remedy: string) {
    super(`${code} ${operation}: ${problem}. ${remedy}`);
    this.name = "TaskError";
    this.code = code;
  }
}

/** @internal Passes on a whole number of at least `least`; throws ILT201 for anything else. */
export function wholeNumber(value: number, operation: string, name: string, least = 1): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TaskError("ILT201", operation, `${name} is ${value}`, `Give a whole number of at least ${least}`);
}
