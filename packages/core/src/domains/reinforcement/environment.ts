/**
 * Environments in the manner of Gymnasium, families of them that are addressed as tasks are, and their vectorised form,
 * which learners act in.
 */
import { CodedError, formatShape } from "@innerloop/graph";
import type { Random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import type { EpisodePicture } from "./episode-picture.js";

/** Vectors of real numbers, each between its bounds; a bound may be infinite. */
export interface BoxSpace {
  readonly kind: "box";
  /** [n]: the numbers of a vector. */
  readonly shape: readonly [n: number];
  /** The least of each number, n of them. */
  readonly low: readonly number[];
  /** The most of each number, n of them. */
  readonly high: readonly number[];
}

/** The whole numbers from 0 to n - 1. As observations they are one-hot rows, as actions int32. */
export interface DiscreteSpace {
  readonly kind: "discrete";
  readonly n: number;
}

/** The values that observations or actions take. */
export type Space = BoxSpace | DiscreteSpace;

/** Bounds of a box. */
export interface BoxOptions {
  /** Numbers of a vector, n or [n]; as many as there are bounds unless given. */
  readonly shape?: number | readonly [n: number];
  /** The least of each number, or of all of them; unbounded unless given. */
  readonly low?: number | readonly number[];
  readonly high?: number | readonly number[];
}

/**
 * The space of vectors [n] with low_i <= x_i <= high_i.
 *
 * @throws EnvironmentError ILE101 where the number of bounds differs from n, or a lower one is above its upper one
 * @example box({ shape: 2, low: -1, high: 1 })
 */
export function box({ shape, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY }: BoxOptions): BoxSpace {
  const told = typeof low !== "number" ? low.length : typeof high !== "number" ? high.length : undefined;
  const n = (typeof shape === "object" ? shape[0] : shape) ?? told;
  if (n === undefined || !Number.isSafeInteger(n) || n < 1 || (typeof shape === "object" && shape.length !== 1)) {
    const given = typeof shape === "object" ? formatShape(shape) : shownValue(shape);
    throw new EnvironmentError(
      "ILE101",
      { environment: "box" },
      `shape is ${given}`,
      "Give a whole number of at least 1",
    );
  }
  const all = (name: string, bound: number | readonly number[]): readonly number[] => {
    const bounds = typeof bound === "number" ? new Array<number>(n).fill(bound) : bound;
    if (bounds.length === n && bounds.every((value) => typeof value === "number" && !Number.isNaN(value)))
      return bounds;
    const problem = `${name} is ${shownValue(bounds)}, for ${n} numbers`;
    throw new EnvironmentError("ILE101", { environment: "box" }, problem, "Give one number, or one for each");
  };
  const space = { kind: "box", shape: [n], low: all("low", low), high: all("high", high) } as const;
  const wrong = space.low.findIndex((least, i) => least > space.high[i]!);
  if (wrong < 0) return space;
  const problem = `low[${wrong}] is ${space.low[wrong]}, and high[${wrong}] is ${space.high[wrong]}`;
  throw new EnvironmentError("ILE101", { environment: "box" }, problem, "Give the lower bound as `low`");
}

/**
 * The space of the whole numbers 0 to n - 1.
 *
 * @throws EnvironmentError ILE101 unless n is a whole number of at least 1
 */
export function discrete(n: number): DiscreteSpace {
  if (Number.isSafeInteger(n) && n >= 1) return { kind: "discrete", n };
  const problem = `n is ${shownValue(n)}`;
  throw new EnvironmentError("ILE101", { environment: "discrete" }, problem, "Give a whole number of at least 1");
}

/** Numbers in a row of observations of a space: those of a vector, or of a one-hot row. */
export const observationSize = (space: Space): number => (space.kind === "box" ? space.shape[0] : space.n);

/** Numbers in a row of actions of a space: those of a vector, or one index. */
export const actionSize = (space: Space): number => (space.kind === "box" ? space.shape[0] : 1);

/** An action: a vector of a box, or the index of a discrete space. */
export type Action = Float32Array | number;

/** An observation as an environment of one's own gives it: the numbers of a box, or the index of a discrete space. */
export type Observation = ArrayLike<number> | number;

/** The outcome of a step, in Gymnasium's terms. */
export interface Step {
  readonly observation: Observation;
  readonly reward: number;
  /** The episode has ended by the task's own rules: no reward would follow. */
  readonly terminated: boolean;
  /** The episode was cut off, by a limit of time for instance, and might have gone on. */
  readonly truncated: boolean;
  readonly info?: Readonly<Record<string, unknown>>;
}

/**
 * An environment by Gymnasium's conventions, one episode at a time: the form for one's own, which `environmentFamily`
 * makes a family of.
 *
 * @example
 * const corridor = ({ end }: { end: number }): Environment => {
 *   let x = 0;
 *   return {
 *     observation: box({ shape: 1 }), action: discrete(2),
 *     reset() {
 *       x = 0;
 *       return { observation: [x] };
 *     },
 *     step: (action) => {
 *       x += action === 1 ? 1 : -1;
 *       return { observation: [x], reward: -1, terminated: x === end, truncated: false };
 *     },
 *   };
 * };
 */
export interface Environment {
  readonly observation: Space;
  readonly action: Space;
  /**
   * The first observation of a new episode.
   *
   * @param source all chance of the episode comes from this stream, so that an episode is a function of its address
   */
  reset(source: Random): { readonly observation: Observation; readonly info?: Readonly<Record<string, unknown>> };
  /**
   * @param action a vector within the bounds of the box (clipped to them before), or an index; the vector's array is used
   * again for the next step
   */
  step(action: Action): Step;
  /** All numbers that the rest of the episode depends on, as many at each time. */
  state?(): Float64Array;
  /** Goes on from a state, bit for bit. */
  restore?(state: Float64Array): void;
  close?(): void;
}

/** A task: a plain record that JSON holds, such as `{ goal: [0.3, -0.1] }`. */
export type EnvironmentTask = Readonly<Record<string, unknown>>;

/**
 * A distribution over environments that differ in a task, beside `TaskSource`. Tasks are addressed, not drawn: `task(seed,
 * index)` is a pure function.
 *
 * @typeParam T the family's tasks
 */
export interface EnvironmentFamily<T extends EnvironmentTask = EnvironmentTask> {
  readonly name: string;
  /** All that results depend on, as they should state it: horizon, frame skip, reward, start, scale of actions. */
  readonly description: Readonly<Record<string, string | number | boolean>>;
  readonly observation: Space;
  readonly action: Space;
  /** Steps after which every episode has ended. */
  readonly horizon: number;
  /** Episodes of a trial, over which a learner with a memory keeps it; where the protocol has trials of several. */
  readonly trial?: { readonly episodes: number };
  /**
   * The task at an address.
   *
   * @param seed whose tasks: see `splitSeed`
   * @param index which of them; both are non-negative integers up to 2^53 - 1
   */
  task(seed: number, index: number): T;
  /** Ways in which its episodes are drawn, the one that tells most first. */
  readonly pictures?: readonly EpisodePicture<T>[];
  /** Numbers that tell a task, as many for each: what an oracle is told. */
  context?(task: T): Float32Array;
  /**
   * The task that a value from outside is.
   *
   * @throws EnvironmentError ILE102 where it is none
   */
  parseTask?(json: unknown): T;
  /**
   * Episodes of tasks, stepped together.
   *
   * @param episodes episodes of each task
   */
  vectorized(tasks: readonly T[], episodes: number): VectorEnvironment;
}

/** The place of a stream of random numbers: a seed and counters, as `random(seed, ...counters)` takes them. */
export type RandomAddress = readonly [seed: number, ...counters: number[]];

/**
 * Rows of episodes, stepped together: row i * episodes + j is episode j of task i.
 *
 * Whole episodes only: a row whose episode has ended is stepped no more and does not begin anew; its action is ignored, its
 * observation stays, its reward is 0 and its flags stay set. What becomes of a row depends on its task, its address and its
 * actions alone, and not on the rows beside it: the same bits in whatever chunks and on however many workers.
 *
 * The arrays are the same ones after each step, with new values.
 */
export interface VectorEnvironment {
  readonly rows: number;
  /** [rows, n], row-major: n is `observationSize`, and the rows of a discrete space are one-hot. */
  readonly observations: Float32Array;
  /** [rows]: of the last step. */
  readonly rewards: Float32Array;
  /** [rows]: 1 where the episode has ended by the task's own rules. */
  readonly terminated: Uint8Array;
  /** [rows]: 1 where the episode was cut off, as it is at the horizon. */
  readonly truncated: Uint8Array;
  /**
   * Begins an episode in each row.
   *
   * @param addresses one for each row
   */
  reset(addresses: readonly RandomAddress[]): Promise<void>;
  /**
   * One step of each row whose episode goes on.
   *
   * @param actions float32 [rows, n] for a box: finite numbers, and what is beyond the bounds is clipped to them, as rllab
   * does, since a Gaussian knows of no bounds; int32 [rows] for a discrete space
   * @throws EnvironmentError ILE201 for actions of the wrong kind or number, not finite, or no index of the space; ILE202,
   * ILE203 for observations and rewards that are none; ILE204 before the first reset
   */
  step(actions: Float32Array | Int32Array): Promise<void>;
  /**
   * All that the rest of the episodes depends on, and what is shown of them now.
   *
   * @throws EnvironmentError ILE205 where an environment cannot tell
   */
  state(): Float64Array;
  /**
   * Goes on from a state, bit for bit.
   *
   * @throws EnvironmentError ILE205 where the state is of other rows
   */
  restore(state: Float64Array): void;
  close(): Promise<void>;
}

/** Every error of environments: what each code means. */
export const environmentErrorCodes = {
  ILE101: "an option of an environment, of a family or of what is computed of trajectories is out of range",
  ILE102: "a task that is none of its family",
  ILE201: "actions of the wrong kind or number, not finite, or out of range",
  ILE202: "an observation, or the result of a step, that is not of its space",
  ILE203: "an observation or reward that is not a finite number",
  ILE204: "an environment that is stepped before it is reset, or used after it is closed",
  ILE205: "the state of an environment that it does not have, or cannot go on from",
  ILE301: "a simulation that diverged",
  ILE302: "a process of a simulation that ended",
} as const;

/** Codes of `EnvironmentError`. */
export type EnvironmentErrorCode = keyof typeof environmentErrorCodes;

/** The place of an error: the environment, and the row and step of it where there are. */
export interface EnvironmentPlace {
  readonly environment: string;
  readonly row?: number | undefined;
  /** Steps that the episode had made before. */
  readonly step?: number | undefined;
}

/** `ILE203 my-env, row 3, step 17: the reward is NaN. Let step() return a finite number` */
export class EnvironmentError extends CodedError<EnvironmentErrorCode> {
  static {
    EnvironmentError.prototype.name = "EnvironmentError";
  }
  readonly environment: string;
  readonly row?: number;
  readonly step?: number;
  constructor(
    code: EnvironmentErrorCode,
    { environment, row, step }: EnvironmentPlace,
    problem: string,
    remedy: string,
    options?: { readonly cause?: unknown },
  ) {
    const where = `${environment}${row === undefined ? "" : `, row ${row}`}${step === undefined ? "" : `, step ${step}`}`;
    super(code, where, problem, remedy, options);
    this.environment = environment;
    if (row !== undefined) this.row = row;
    if (step !== undefined) this.step = step;
  }
}

/** @internal The number of rows of so many tasks; throws ILE101 where there are none. */
export function rowsOf(environment: string, tasks: readonly unknown[], episodes: number): number {
  if (tasks.length < 1) {
    throw new EnvironmentError("ILE101", { environment }, "there are no tasks", "Give at least one");
  }
  return tasks.length * wholeOption(environment, "episodes", episodes);
}

/** @internal Passes on a whole number of at least `least`; throws ILE101 for anything else. */
export function wholeOption(environment: string, name: string, value: number, least = 1): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  const remedy = `Give a whole number of at least ${least}`;
  throw new EnvironmentError("ILE101", { environment }, `${name} is ${shownValue(value)}`, remedy);
}

/** @internal Passes on addresses, one for each row; throws ILE101 for any other number of them. */
export function requireAddresses(environment: string, rows: number, addresses: readonly RandomAddress[]): void {
  if (addresses.length === rows && addresses.every((address) => Array.isArray(address) && address.length > 0)) return;
  const problem = addresses.length === rows ? "an address is empty" : `${addresses.length} addresses for ${rows} rows`;
  const remedy = "Give reset() a list [seed, ...counters] for each row";
  throw new EnvironmentError("ILE101", { environment }, problem, remedy);
}

/**
 * The check of a step's actions, for vectorised environments of one's own: they ask before any row is stepped, so that a
 * refused step changes nothing. Numbers beyond the bounds of a box pass: the environment clips them.
 *
 * @param rows of the environment
 * @param ended true for rows whose episode has ended: their action may be anything
 * @param stepOf steps that a row has made, for the error's place
 * @throws EnvironmentError ILE201
 */
export function requireActions(
  environment: string,
  space: Space,
  rows: number,
  actions: Float32Array | Int32Array,
  ended: (row: number) => boolean,
  stepOf: (row: number) => number,
): void {
  const size = actionSize(space);
  const isKind = space.kind === "box" ? actions instanceof Float32Array : actions instanceof Int32Array;
  if (!isKind || actions.length !== rows * size) {
    const form = space.kind === "box" ? `a Float32Array [${rows}, ${size}]` : `an Int32Array [${rows}]`;
    const given = (actions as object | null)?.constructor?.name ?? shownValue(actions);
    const problem = isKind ? `${actions.length} numbers for ${rows} rows` : `actions are of ${given}`;
    throw new EnvironmentError("ILE201", { environment }, problem, `Give step() ${form}`);
  }
  for (let row = 0; row < rows; row++) {
    if (ended(row)) continue;
    for (let i = row * size; i < (row + 1) * size; i++) {
      const value = actions[i]!;
      if (space.kind === "box" ? Number.isFinite(value) : value >= 0 && value < space.n) continue;
      const remedy =
        space.kind === "box"
          ? "The policy's parameters have left what can be computed with: lower the rates"
          : `Actions are whole numbers from 0 to ${space.n - 1}`;
      throw new EnvironmentError("ILE201", { environment, row, step: stepOf(row) }, `the action is ${value}`, remedy);
    }
  }
}

/** @internal A number of an action, within the bounds of its box. */
export const clippedAction = ({ low, high }: BoxSpace, i: number, value: number): number =>
  Math.min(high[i]!, Math.max(low[i]!, value));
