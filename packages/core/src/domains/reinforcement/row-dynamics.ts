/**
 * Environments whose episodes are rows of doubles in one array: no object for each, and the one-episode and the vectorised
 * form are driven by the same functions.
 */
import { type Random, random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import {
  actionSize,
  clippedAction,
  type Environment,
  EnvironmentError,
  type EnvironmentFamily,
  type EnvironmentTask,
  observationSize,
  type RandomAddress,
  requireActions,
  requireAddresses,
  rowsOf,
  type Space,
  type VectorEnvironment,
} from "./environment.js";

/**
 * The course of an episode, as functions of a row of doubles: those of `state` from `at` on, `size` of them.
 *
 * @typeParam T tasks as records
 * @typeParam P the same as they are computed with
 */
export interface RowDynamics<T extends EnvironmentTask, P> {
  readonly name: string;
  readonly observation: Space;
  readonly action: Space;
  /** Steps after which an episode is cut off. */
  readonly horizon: number;
  /** Doubles of a row. */
  readonly size: number;
  /** Called once for each task, not for each row. */
  prepare(task: T): P;
  /** Begins an episode. All its chance is drawn here, and kept in the row: so a row is the whole state. */
  start(task: P, source: Random, state: Float64Array, at: number): void;
  /**
   * Makes a step.
   *
   * @param actions the row's action is there from `from` on, within its space
   * @returns the reward
   */
  step(task: P, actions: Float32Array | Int32Array, from: number, state: Float64Array, at: number): number;
  /** Writes the observation to `observations` from `to` on, whose numbers are of an earlier one. */
  observe(task: P, state: Float64Array, at: number, observations: Float32Array, to: number): void;
  /** True where the episode has ended by the task's own rules; never unless given. */
  hasEnded?(task: P, state: Float64Array, at: number): boolean;
}

/** A family of rows, with its one-episode form. */
export interface RowFamily<T extends EnvironmentTask> extends EnvironmentFamily<T> {
  context(task: T): Float32Array;
  parseTask(json: unknown): T;
  /** Episodes of one task, one at a time: the same bits as `vectorized` gives. */
  environment(task: T): Environment;
}

/** @internal The family of some dynamics; tasks that are given to it are parsed. */
export function rowFamily<T extends EnvironmentTask, P>(
  dynamics: RowDynamics<T, P>,
  family: Pick<RowFamily<T>, "description" | "trial" | "pictures" | "task" | "context" | "parseTask">,
): RowFamily<T> {
  const { name, observation, action, horizon } = dynamics;
  return {
    name,
    observation,
    action,
    horizon,
    ...family,
    environment: (task) => episodesOf(dynamics, dynamics.prepare(family.parseTask(task))),
    vectorized: (tasks, episodes) => {
      const rows = rowsOf(name, tasks, episodes);
      return new Rows(
        dynamics,
        tasks.map((task) => dynamics.prepare(family.parseTask(task))),
        rows,
      );
    },
  };
}

function episodesOf<T extends EnvironmentTask, P>(dynamics: RowDynamics<T, P>, task: P): Environment {
  const { observation, action, size, horizon } = dynamics;
  // The row, and the steps made.
  const state = new Float64Array(size + 1);
  const observed = (): number | Float32Array => {
    const values = new Float32Array(observationSize(observation));
    dynamics.observe(task, state, 0, values, 0);
    return observation.kind === "discrete" ? values.indexOf(1) : values;
  };
  return {
    observation,
    action,
    reset(source) {
      state.fill(0);
      dynamics.start(task, source, state, 0);
      return { observation: observed() };
    },
    step(given) {
      const taken =
        action.kind === "discrete"
          ? Int32Array.of(given as number)
          : (given as Float32Array).map((value, i) => clippedAction(action, i, value));
      const reward = dynamics.step(task, taken, 0, state, 0);
      state[size]! += 1;
      const terminated = dynamics.hasEnded?.(task, state, 0) ?? false;
      return { observation: observed(), reward, terminated, truncated: !terminated && state[size]! >= horizon };
    },
    state: () => state.slice(),
    restore: (given) => state.set(given),
  };
}

/** Doubles of a row before those of its dynamics: steps, terminated, truncated, reward. */
const headerSize = 4;

class Rows<T extends EnvironmentTask, P> implements VectorEnvironment {
  readonly observations: Float32Array;
  readonly rewards: Float32Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  private readonly width: number;
  private readonly doubles: Float64Array;
  private readonly clipped: Float32Array | undefined;
  private readonly episodes: number;
  private phase: "new" | "begun" | "closed" = "new";

  constructor(
    private readonly dynamics: RowDynamics<T, P>,
    private readonly tasks: readonly P[],
    readonly rows: number,
  ) {
    const { observation, action, size } = dynamics;
    this.episodes = rows / tasks.length;
    this.width = headerSize + size;
    this.doubles = new Float64Array(rows * this.width);
    this.observations = new Float32Array(rows * observationSize(observation));
    this.rewards = new Float32Array(rows);
    this.terminated = new Uint8Array(rows);
    this.truncated = new Uint8Array(rows);
    this.clipped = action.kind === "box" ? new Float32Array(rows * actionSize(action)) : undefined;
  }

  async reset(addresses: readonly RandomAddress[]): Promise<void> {
    const { dynamics, doubles, width } = this;
    this.requireOpen();
    requireAddresses(dynamics.name, this.rows, addresses);
    doubles.fill(0);
    this.rewards.fill(0);
    this.terminated.fill(0);
    this.truncated.fill(0);
    for (let row = 0; row < this.rows; row++) {
      dynamics.start(this.taskOf(row), random(...addresses[row]!), doubles, row * width + headerSize);
    }
    this.observe();
    this.phase = "begun";
  }

  async step(actions: Float32Array | Int32Array): Promise<void> {
    const { dynamics, doubles, width, terminated, truncated } = this;
    this.requireBegun();
    const ended = (row: number): boolean => terminated[row] === 1 || truncated[row] === 1;
    requireActions(dynamics.name, dynamics.action, this.rows, actions, ended, (row) => doubles[row * width]!);
    const taken = this.withinBounds(actions);
    const size = actionSize(dynamics.action);
    const observed = observationSize(dynamics.observation);
    for (let row = 0; row < this.rows; row++) {
      this.rewards[row] = 0;
      if (ended(row)) continue;
      const task = this.taskOf(row);
      const at = row * width + headerSize;
      this.rewards[row] = dynamics.step(task, taken, row * size, doubles, at);
      doubles[row * width]! += 1;
      if (dynamics.hasEnded?.(task, doubles, at)) terminated[row] = 1;
      else if (doubles[row * width]! >= dynamics.horizon) truncated[row] = 1;
      dynamics.observe(task, doubles, at, this.observations, row * observed);
    }
  }

  state(): Float64Array {
    this.requireBegun();
    for (let row = 0; row < this.rows; row++) {
      this.doubles[row * this.width + 1] = this.terminated[row]!;
      this.doubles[row * this.width + 2] = this.truncated[row]!;
      this.doubles[row * this.width + 3] = this.rewards[row]!;
    }
    return this.doubles.slice();
  }

  restore(state: Float64Array): void {
    this.requireOpen();
    if (!(state instanceof Float64Array && state.length === this.doubles.length)) {
      const found = state instanceof Float64Array ? `${state.length} numbers` : shownValue(state);
      const problem = `the state is ${found}, of ${this.doubles.length}`;
      const remedy = "Give a state of the same tasks and episodes";
      throw new EnvironmentError("ILE205", { environment: this.dynamics.name }, problem, remedy);
    }
    this.doubles.set(state);
    for (let row = 0; row < this.rows; row++) {
      this.terminated[row] = state[row * this.width + 1]!;
      this.truncated[row] = state[row * this.width + 2]!;
      this.rewards[row] = state[row * this.width + 3]!;
    }
    this.observe();
    this.phase = "begun";
  }

  async close(): Promise<void> {
    this.phase = "closed";
  }

  private taskOf(row: number): P {
    return this.tasks[Math.floor(row / this.episodes)]!;
  }

  private observe(): void {
    const { dynamics, doubles, width, observations } = this;
    const size = observationSize(dynamics.observation);
    for (let row = 0; row < this.rows; row++) {
      dynamics.observe(this.taskOf(row), doubles, row * width + headerSize, observations, row * size);
    }
  }

  private withinBounds(actions: Float32Array | Int32Array): Float32Array | Int32Array {
    const { clipped } = this;
    const { action } = this.dynamics;
    if (action.kind === "discrete" || !clipped) return actions;
    const size = action.shape[0];
    for (let i = 0; i < clipped.length; i++) clipped[i] = clippedAction(action, i % size, actions[i]!);
    return clipped;
  }

  private requireOpen(): void {
    if (this.phase !== "closed") return;
    throw new EnvironmentError("ILE204", { environment: this.dynamics.name }, "it is closed", "Make another");
  }

  private requireBegun(): void {
    this.requireOpen();
    if (this.phase === "begun") return;
    const place = { environment: this.dynamics.name };
    throw new EnvironmentError("ILE204", place, "no episode was begun", "Call reset() first");
  }
}

/**
 * @internal The numbers of a task's field, if they are so many and each lies between the bounds.
 *
 * @throws EnvironmentError ILE102
 */
export function taskNumbers(
  family: string,
  field: string,
  given: unknown,
  count: number,
  [least, most]: readonly [least: number, most: number],
): readonly number[] {
  const bounds = Number.isFinite(least) && Number.isFinite(most) ? ` from ${least} to ${most}` : "";
  const remedy = `Give ${field} as a list of ${count} number${count === 1 ? "" : "s"}${bounds}`;
  if (!Array.isArray(given) || given.length !== count) {
    throw new EnvironmentError("ILE102", { environment: family }, `${field} is ${shownValue(given)}`, remedy);
  }
  return Array.from(given, (value: unknown, i) => {
    if (typeof value === "number" && Number.isFinite(value) && value >= least && value <= most) return value;
    throw new EnvironmentError("ILE102", { environment: family }, `${field}[${i}] is ${shownValue(value)}`, remedy);
  });
}

/** @internal The fields of a task, if it is a record of these and no others; throws ILE102. */
export function taskFields<Field extends string>(
  family: string,
  json: unknown,
  fields: readonly Field[],
): Readonly<Record<Field, unknown>> {
  const remedy = `Give a task as { ${fields.join(", ")} }`;
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new EnvironmentError("ILE102", { environment: family }, `the task is ${shownValue(json)}`, remedy);
  }
  const missing = fields.find((field) => !Object.hasOwn(json, field));
  if (missing !== undefined) {
    throw new EnvironmentError("ILE102", { environment: family }, `the task has no ${missing}`, remedy);
  }
  const more = Object.keys(json).find((field) => !fields.includes(field as Field));
  if (more !== undefined) {
    const problem = `the task has ${shownValue(more)}, which is no part of one`;
    throw new EnvironmentError("ILE102", { environment: family }, problem, remedy);
  }
  return json as Readonly<Record<Field, unknown>>;
}
