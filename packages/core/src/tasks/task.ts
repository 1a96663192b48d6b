import { CodedError, type Executor, mapTree, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { type Random, random } from "../random/random.js";
import type { TaskSpec } from "./task-spec.js";

/**
 * Inputs and targets, one row each. (A type and not an interface: so it is a tree of tensors as well.)
 *
 * @typeParam X a tensor [n, ...], or a tree of tensors that have a row for each example: tokens with their mask
 * @typeParam Y the same of targets
 */
export type Examples<X extends Tree = Tensor, Y extends Tree = Tensor> = {
  /** [n, ...] */
  readonly x: X;
  /** Targets [n, ...], or [n] int32 class indices. */
  readonly y: Y;
  /**
   * float32 [n], where a source pads tasks of different sizes to one shape: 1 for rows that are there, 0 for padding,
   * whose values mean nothing. Rows that are there come first. Without it all are.
   */
  readonly present?: Tensor;
};

/** A support set, which a learner adapts to, and a query set, which it is then judged on. */
export type Task<X extends Tree = Tensor, Y extends Tree = Tensor> = {
  readonly support: Examples<X, Y>;
  readonly query: Examples<X, Y>;
};

/**
 * A family of tasks. A task is addressed, not drawn: `sample(seed, index)` is a pure function, so a run resumes where
 * it stopped, any worker can make any task, and all learners are evaluated on the same ones.
 *
 * All tasks of one source have the same structure, shapes and dtypes: one compiled graph serves them all. Their values are
 * finite and they are as `spec` says: training and evaluation look at each task that they draw, and refuse others (ILR105).
 */
export interface TaskSource<X extends Tree = Tensor, Y extends Tree = Tensor> {
  readonly name: string;
  /** The protocol as results should state it: ways, shots, queries, ranges. */
  readonly description: Readonly<Record<string, number | string | boolean>>;
  /**
   * The look of its tasks: shapes, types, classes, units. Where a source does not say, shapes and types are those of its
   * first task, whose labels are then those that a learner tells apart.
   */
  readonly spec?: TaskSpec<X, Y>;
  /** Tasks that there are, where each is of a user, say, of its own: those of further indices are of the same ones again. */
  readonly count?: number;
  /**
   * Draws of each of these, whose figures an evaluation averages before all else: those of the i-th have the indices i,
   * i + count, i + 2 count and so on. 1 by default.
   */
  readonly draws?: number;
  /** What tasks are drawn from, where there is so much of it and no more; families of formulas have none. */
  readonly pool?: TaskPool;
  /**
   * The task at an address.
   *
   * @param seed whose tasks: see `splitSeed`
   * @param index which of them; both are non-negative integers up to 2^53 - 1
   * @throws RangeError ILT101 where they are not
   */
  sample(seed: number, index: number): Task<X, Y>;
}

/** A source of the library's own, which says what its tasks look like. */
export type DescribedTaskSource<X extends Tree = Tensor, Y extends Tree = Tensor> = TaskSource<X, Y> & {
  readonly spec: TaskSpec<X, Y>;
};

/**
 * The other kind of source, whose data depend on the parameters: a policy acts in environments, a learner chooses which
 * examples it asks the labels of.
 *
 * Training collects with the parameters of that moment, after each update and never ahead; a task is a pure function of
 * parameters and address, so that a run which was stopped and resumed ends in the same bytes.
 *
 * @typeParam Params the learner's meta-parameters
 * @example
 * const collector: Collector = {
 *   name: "bandit", description: { arms: 5 }, spec,
 *   collect: async (params, seed, index, executor) => pulled(await act(params), random(seed, index)),
 * };
 */
export interface Collector<Params extends Tree = Tree, X extends Tree = Tensor, Y extends Tree = Tensor> {
  readonly name: string;
  /** The protocol as results should state it. */
  readonly description: Readonly<Record<string, number | string | boolean>>;
  /** The look of its tasks. */
  readonly spec: TaskSpec<X, Y>;
  /**
   * The task at an address, collected with these parameters.
   *
   * @param seed whose tasks: see `splitSeed`
   * @param index which of them; both are non-negative integers up to 2^53 - 1
   * @param executor runs what collecting computes
   * @param learner whose parameters they are: it adapts and predicts on the way
   */
  collect(
    params: Params,
    seed: number,
    index: number,
    executor: Executor,
    learner: CollectingLearner,
  ): Promise<Task<X, Y>>;
  /**
   * The tasks at the addresses `first` to `first + count`, where it takes less to collect them together (one run of a
   * policy for the time step of all tasks): the same ones that `collect` gives one by one.
   */
  collectMany?(
    params: Params,
    seed: number,
    first: number,
    count: number,
    executor: Executor,
    learner: CollectingLearner,
  ): Promise<readonly Task<X, Y>[]>;
  /**
   * The same tasks for learners that adapt in so many steps, where what is collected depends on that: data for each step,
   * gathered by the parameters that the steps before have led to.
   */
  after?(steps: number): Collector<Params, X, Y>;
  /**
   * The tasks that `after(n).collectMany` gives for each n of `steps`, in that order, where what they have in common is
   * gathered once. Only with `after`.
   */
  collectStages?(
    params: Params,
    seed: number,
    first: number,
    count: number,
    executor: Executor,
    learner: CollectingLearner,
    steps: readonly number[],
  ): Promise<readonly (readonly Task<X, Y>[])[]>;
  /** Figures of what was collected for an update, beside those of the loss: `iteration` events have them among the metrics. */
  figures?(tasks: Task<X, Y>): Readonly<Record<string, number>>;
}

/** The part of a learner that a collector calls, in traces of its own. */
export interface CollectingLearner {
  readonly name: string;
  adapt(params: Tree, support: Examples<Tree, Tree>, options?: { readonly steps?: number }): Tree;
  predict(adapted: Tree, x: Tree, present?: Tensor): Tree;
  readonly memory?: StepMemory;
}

/**
 * The memory of a learner that reads a sequence step by step, in traces of a collector: what it gives for a step is what
 * `predict` gives for that step of the whole sequence.
 */
export interface StepMemory {
  /** What it knows before the first step, for so many sequences; leaves are [rows, ...]. */
  start(params: Tree, rows: number): Tree;
  /**
   * One step of each sequence.
   *
   * @param x inputs of the step, [rows, inputs]
   * @returns outputs [rows, outputs], what they were made of [rows, features], and the memory of the next step
   */
  advance(
    params: Tree,
    memory: Tree,
    x: Tensor,
  ): { readonly output: Tensor; readonly features: Tensor; readonly memory: Tree };
}

/** Tells collectors from sources whose tasks do not depend on parameters. */
export const isCollector = <C extends { collect(...args: never[]): unknown }>(source: C | object): source is C =>
  typeof (source as Partial<C>).collect === "function";

/**
 * A supply that is a source: its tasks do not depend on parameters, and may be drawn by whoever asks.
 *
 * @throws TaskError ILT201 for a collector
 */
export function sourceOf<X extends Tree, Y extends Tree>(
  supply: TaskSource<X, Y> | Collector<Tree, X, Y>,
): TaskSource<X, Y> {
  if (!isCollector<Collector<Tree, X, Y>>(supply)) return supply;
  const remedy = "Let `train` and `evaluate` collect them, with the parameters of a learner";
  throw new TaskError("ILT201", supply.name, "its tasks are collected by a learner that acts", remedy);
}

/**
 * The classes of a data set, the groups of a table, or domains that tasks are of, one each: many tasks share one where there
 * are few of them.
 */
export interface TaskPool {
  readonly of: "classes" | "groups" | "domains";
  readonly count: number;
  /** Images or rows of all of them together. */
  readonly examples: number;
  /** Training has seen these classes, and it is their examples that are new: figures are about no others. */
  readonly seen?: true;
  /** Those that the task at an address is made of, as numbers below `count`; of classes in the order of their labels. */
  drawn(seed: number, index: number): readonly number[];
}

/** A number of things in a task: the same number in all tasks, or one drawn for each, `to` included. */
export type Count = number | CountRange;

/** The bounds of a number that each task draws its own of, both included. */
export interface CountRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The same task without the rows that are padding, as arrays of the sizes that it really has.
 *
 * @throws TypeError where the task has no values: it must come from a source, not from a trace
 * @example withoutPadding(episodes(data, { ways: { from: 2, to: 5 }, shots: 1, queries: 1 }).sample(1, 0))
 */
export function withoutPadding<X extends Tree, Y extends Tree>({ support, query }: Task<X, Y>): Task<X, Y> {
  return { support: presentRows(support), query: presentRows(query) };
}

/** @internal Examples without the rows that are padding. */
export function presentRows<X extends Tree, Y extends Tree>({ x, y, present }: Examples<X, Y>): Examples<X, Y> {
  if (!present) return { x, y };
  if (!present.data) throw new TypeError("withoutPadding: the task has no values. Give it one that a source sampled");
  const rows = Array.from(present.data as Float32Array, (value, row) => (value > 0 ? row : -1)).filter(
    (row) => row >= 0,
  );
  const chosen = (values: Tensor): Tensor => {
    const width = values.size / present.size;
    const all = values.data as Float32Array;
    const kept = all.slice(0, rows.length * width);
    rows.forEach((row, i) => {
      kept.set(all.subarray(row * width, (row + 1) * width), i * width);
    });
    return tensor(kept, [rows.length, ...values.shape.slice(1)], values.dtype);
  };
  return { x: mapTree(chosen, x), y: mapTree(chosen, y) };
}

/** The parts of a task family: to train on, to choose by, to report. */
export const splits = ["train", "validation", "test"] as const;
/** The parts of a data set: training, validation, test. */
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
  ILT202: "a spec of tasks that describes none, or another than its source's",
  ILT301: "labelled examples whose data and shape disagree",
  ILT302: "values that are not finite numbers",
  ILT303: "two classes of one name, or one class selected twice",
  ILT304: "a selection or split of classes that are not there",
  ILT305: "rotations of examples that are not square images, or are rotated already",
  ILT306: "augmentation of examples that it is not for: of images for others, of ids for numbers",
  ILT307: "rows or predictions that do not fit the columns of a table",
  ILT308: "the spec of a table that cannot be read",
  ILT309: "ids of words, tokens or n-grams that are not below their number",
  ILT310: "the coding of texts that cannot be read",
  ILT311: "a base of ratings that cannot be read",
  ILT312: "ratings, items or attributes that do not fit each other",
  ILT313: "a marked object or a detection that is none: a box without four numbers, a class that is not there",
  ILT401: "a class too small for the episode's shots and queries",
  ILT402: "more ways than there are classes",
} as const;

/** Codes of `TaskError`. */
export type TaskErrorCode = keyof typeof taskErrorCodes;

/** An error in how tasks are described: `ILT402 episodes: 20 ways of 5 classes in omniglot. Lower ways ...`. */
export class TaskError extends CodedError<TaskErrorCode> {
  static {
    TaskError.prototype.name = "TaskError";
  }
}

/** @internal Passes on a whole number of at least `least`; throws ILT201 for anything else. */
export function wholeNumber(value: number, operation: string, name: string, least = 1): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TaskError("ILT201", operation, `${name} is ${value}`, `Give a whole number of at least ${least}`);
}

/** @internal A count as a range of whole numbers of at least `least`; throws ILT201 for anything else. */
export function countRange(value: Count, operation: string, name: string, least = 1): CountRange {
  if (typeof value === "number") {
    const n = wholeNumber(value, operation, name, least);
    return { from: n, to: n };
  }
  if (typeof value !== "object" || value === null) {
    const problem = `${name} is ${String(value)}`;
    throw new TaskError("ILT201", operation, problem, `Give a whole number of at least ${least}, or { from, to }`);
  }
  const from = wholeNumber(value.from, operation, `${name}.from`, least);
  return { from, to: wholeNumber(value.to, operation, `${name}.to`, from) };
}

/** @internal A task's number: one of its range, each equally likely. */
export const drawCount = (value: Count, source: Random): number =>
  typeof value === "number" ? value : value.from + source.integer(value.to - value.from + 1);

/** @internal A count as descriptions state it: 5, or "5 to 20". */
export const describeCount = (value: Count): number | string =>
  typeof value === "number" ? value : `${value.from} to ${value.to}`;

/** @internal Whether tasks differ in a count. */
export const isRange = (value: Count): value is CountRange => typeof value !== "number";
