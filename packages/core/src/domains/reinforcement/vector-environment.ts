/** Families and vectorised environments of one's own `Environment`s. */
import { type Random, random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import {
  type Action,
  actionSize,
  type BoxSpace,
  box,
  clippedAction,
  type Environment,
  EnvironmentError,
  type EnvironmentFamily,
  type EnvironmentTask,
  type Observation,
  observationSize,
  type RandomAddress,
  requireActions,
  requireAddresses,
  rowsOf,
  type Space,
  type Step,
  type VectorEnvironment,
  wholeOption,
} from "./environment.js";

/** Limits and name of vectorised environments. */
export interface VectorEnvironmentOptions {
  /** The name that errors have. */
  readonly name?: string;
  /** Steps after which an episode is cut off, `truncated`; only where the environment says so unless given. */
  readonly horizon?: number;
}

/** Numbers of a row's state before those of its environment: steps, terminated, truncated, reward. */
const headerSize = 4;

/**
 * One's own environments as one vectorised environment: one object for each row, each used for one episode at a time.
 *
 * Results are checked: an observation that is none of the space, a number that is not finite, flags that are no booleans.
 * An environment whose step fails has its row and step told, with the failure as the cause.
 *
 * @param make an environment for a task; called once for each row
 * @param episodes episodes of each task
 * @throws EnvironmentError ILE101 for no tasks, or environments whose spaces differ
 * @example vectorEnvironment(corridor, [{ end: 3 }, { end: -2 }], 20, { name: "corridor", horizon: 50 })
 */
export function vectorEnvironment<T extends EnvironmentTask>(
  make: (task: T) => Environment,
  tasks: readonly T[],
  episodes: number,
  { name = "environment", horizon }: VectorEnvironmentOptions = {},
): VectorEnvironment {
  const rows = rowsOf(name, tasks, episodes);
  if (horizon !== undefined) wholeOption(name, "horizon", horizon);
  const environments = Array.from({ length: rows }, (_, row) => make(tasks[Math.floor(row / episodes)]!));
  const { observation, action } = environments[0]!;
  for (const [row, other] of environments.entries()) {
    if (isSameSpace(other.observation, observation) && isSameSpace(other.action, action)) continue;
    const problem = "its spaces are others than those of row 0";
    throw new EnvironmentError(
      "ILE101",
      { environment: name, row },
      problem,
      "Give all tasks of a family the same spaces",
    );
  }
  return new OwnEnvironments(name, environments, horizon ?? Number.POSITIVE_INFINITY);
}

function isSameSpace(a: Space, b: Space): boolean {
  if (a.kind === "discrete") return b.kind === "discrete" && a.n === b.n;
  if (b.kind === "discrete") return false;
  return (
    a.shape[0] === b.shape[0] &&
    a.low.every((bound, i) => Object.is(bound, b.low[i])) &&
    a.high.every((bound, i) => Object.is(bound, b.high[i]))
  );
}

class OwnEnvironments implements VectorEnvironment {
  readonly rows: number;
  readonly observations: Float32Array;
  readonly rewards: Float32Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  private readonly steps: Uint32Array;
  private readonly action: Space;
  private readonly observation: Space;
  private readonly vectors: readonly Float32Array[];
  private phase: "new" | "begun" | "closed" = "new";

  constructor(
    private readonly name: string,
    private readonly environments: readonly Environment[],
    private readonly horizon: number,
  ) {
    this.rows = environments.length;
    this.observation = environments[0]!.observation;
    this.action = environments[0]!.action;
    this.observations = new Float32Array(this.rows * observationSize(this.observation));
    this.rewards = new Float32Array(this.rows);
    this.terminated = new Uint8Array(this.rows);
    this.truncated = new Uint8Array(this.rows);
    this.steps = new Uint32Array(this.rows);
    const size = actionSize(this.action);
    this.vectors = environments.map(() => new Float32Array(size));
  }

  async reset(addresses: readonly RandomAddress[]): Promise<void> {
    this.requireOpen();
    requireAddresses(this.name, this.rows, addresses);
    this.rewards.fill(0);
    this.terminated.fill(0);
    this.truncated.fill(0);
    this.steps.fill(0);
    for (const [row, environment] of this.environments.entries()) {
      const source: Random = random(...addresses[row]!);
      const begun = this.called(row, "reset", () => environment.reset(source));
      this.write(row, (begun as { readonly observation?: unknown } | null)?.observation, "reset");
    }
    this.phase = "begun";
  }

  async step(actions: Float32Array | Int32Array): Promise<void> {
    this.requireBegun();
    const ended = (row: number): boolean => this.terminated[row] === 1 || this.truncated[row] === 1;
    requireActions(this.name, this.action, this.rows, actions, ended, (row) => this.steps[row]!);
    for (const [row, environment] of this.environments.entries()) {
      this.rewards[row] = 0;
      if (ended(row)) continue;
      const action = this.actionOf(row, actions);
      const step = this.called(row, "step", () => environment.step(action)) as Partial<Step> | null | undefined;
      this.write(row, step?.observation, "step");
      const { reward, terminated, truncated } = step!;
      if (typeof reward !== "number" || !Number.isFinite(Math.fround(reward))) {
        const remedy = "Let step() return a finite number as the reward";
        throw new EnvironmentError("ILE203", this.place(row), `the reward is ${shownValue(reward)}`, remedy);
      }
      if (typeof terminated !== "boolean" || typeof truncated !== "boolean") {
        const problem = `terminated is ${shownValue(terminated)}, and truncated is ${shownValue(truncated)}`;
        const remedy = "Let step() return true or false for each: limits of time are `truncated`";
        throw new EnvironmentError("ILE202", this.place(row), problem, remedy);
      }
      this.steps[row]! += 1;
      this.rewards[row] = reward;
      this.terminated[row] = terminated ? 1 : 0;
      this.truncated[row] = truncated || (!terminated && this.steps[row]! >= this.horizon) ? 1 : 0;
    }
  }

  state(): Float64Array {
    this.requireBegun();
    const size = observationSize(this.observation);
    const parts = this.environments.map((environment, row) => {
      const own = environment.state?.();
      if (own instanceof Float64Array) {
        const header = [this.steps[row]!, this.terminated[row]!, this.truncated[row]!, this.rewards[row]!];
        return [...header, ...this.observations.subarray(row * size, (row + 1) * size), own.length, ...own];
      }
      const remedy = "Give the environment `state()`, which returns a Float64Array, and `restore(state)`";
      throw new EnvironmentError("ILE205", this.place(row), `its state is ${shownValue(own)}`, remedy);
    });
    return Float64Array.from(parts.flat());
  }

  restore(state: Float64Array): void {
    this.requireOpen();
    const size = observationSize(this.observation);
    const starts: number[] = [];
    let at = 0;
    for (let row = 0; row < this.rows; row++) {
      starts.push(at);
      at += headerSize + size + 1 + (state[at + headerSize + size] ?? Number.NaN);
    }
    if (at !== state.length) {
      const problem = `a state of ${state.length} numbers, which are not those of ${this.rows} rows`;
      throw new EnvironmentError(
        "ILE205",
        { environment: this.name },
        problem,
        "Give a state of the same tasks and episodes",
      );
    }
    for (const [row, environment] of this.environments.entries()) {
      const start = starts[row]!;
      const own = start + headerSize + size + 1;
      if (!environment.restore) {
        const remedy = "Give the environment `restore(state)`";
        throw new EnvironmentError("ILE205", this.place(row), "it cannot go on from a state", remedy);
      }
      environment.restore(state.slice(own, own + state[own - 1]!));
      this.steps[row] = state[start]!;
      this.terminated[row] = state[start + 1]!;
      this.truncated[row] = state[start + 2]!;
      this.rewards[row] = state[start + 3]!;
      this.observations.set(state.subarray(start + headerSize, start + headerSize + size), row * size);
    }
    this.phase = "begun";
  }

  async close(): Promise<void> {
    if (this.phase !== "closed") for (const environment of this.environments) environment.close?.();
    this.phase = "closed";
  }

  private actionOf(row: number, actions: Float32Array | Int32Array): Action {
    if (this.action.kind === "discrete") return actions[row]!;
    const vector = this.vectors[row]!;
    for (let i = 0; i < vector.length; i++) {
      vector[i] = clippedAction(this.action, i, actions[row * vector.length + i]!);
    }
    return vector;
  }

  /** Writes a row's observation, if it is one. */
  private write(row: number, given: unknown, method: "reset" | "step"): void {
    const size = observationSize(this.observation);
    const to = row * size;
    const remedy = `Let ${method}() return { observation } as the space says`;
    if (this.observation.kind === "discrete") {
      if (!Number.isInteger(given) || (given as number) < 0 || (given as number) >= size) {
        const problem = `the observation is ${shownValue(given)}, of a space of 0 to ${size - 1}`;
        throw new EnvironmentError("ILE202", this.place(row), problem, remedy);
      }
      this.observations.fill(0, to, to + size);
      this.observations[to + (given as number)] = 1;
      return;
    }
    const isVector = Array.isArray(given) || (ArrayBuffer.isView(given) && !(given instanceof DataView));
    const values = given as Exclude<Observation, number>;
    if (!isVector || values.length !== size) {
      const found = isVector ? `has ${values.length} numbers` : `is ${shownValue(given)}`;
      const problem = `the observation ${found}, of a space of ${size} numbers`;
      throw new EnvironmentError("ILE202", this.place(row), problem, remedy);
    }
    for (let i = 0; i < size; i++) {
      const value: unknown = values[i];
      this.observations[to + i] = value as number;
      if (typeof value === "number" && Number.isFinite(this.observations[to + i]!)) continue;
      const problem = `number ${i} of the observation is ${shownValue(value)}`;
      throw new EnvironmentError("ILE203", this.place(row), problem, "Let observations be finite numbers");
    }
  }

  private called<R>(row: number, method: string, call: () => R): R {
    try {
      return call();
    } catch (cause) {
      const problem = `${method}() failed: ${cause instanceof Error ? cause.message : shownValue(cause)}`;
      throw new EnvironmentError("ILE202", this.place(row), problem, "See the cause", { cause });
    }
  }

  private place(row: number): { environment: string; row: number; step: number } {
    return { environment: this.name, row, step: this.steps[row]! };
  }

  private requireOpen(): void {
    if (this.phase !== "closed") return;
    throw new EnvironmentError("ILE204", { environment: this.name }, "it is closed", "Make another");
  }

  private requireBegun(): void {
    this.requireOpen();
    if (this.phase === "begun") return;
    throw new EnvironmentError("ILE204", { environment: this.name }, "no episode was begun", "Call reset() first");
  }
}

/** A family of one's own environments. */
export interface EnvironmentFamilyOptions<T extends EnvironmentTask>
  extends Pick<EnvironmentFamily<T>, "name" | "horizon" | "task" | "context" | "parseTask" | "trial" | "pictures"> {
  /** Everything that results depend on beyond horizon and scale of actions. */
  readonly description?: EnvironmentFamily["description"];
  /** An environment for a task. */
  readonly make: (task: T) => Environment;
  /**
   * True where policies act in [-1, 1], scaled to the bounds of the box, as in rllab and learn2learn: a deviation of 1 then
   * explores the whole range. The default where all bounds are finite; raw actions otherwise.
   */
  readonly scaledActions?: boolean;
}

/**
 * A family of one's own environments: the spaces are those of the environment of task (0, 0), episodes are cut off at the
 * horizon, and bounded actions are scaled: low + (a + 1) / 2 (high - low), a in [-1, 1].
 *
 * @throws EnvironmentError ILE101 for a horizon below 1, or scaled actions without bounds
 * @example
 * const corridors = environmentFamily({
 *   name: "corridors", horizon: 50, make: corridor,
 *   task: (seed, index) => ({ end: 2 * random(seed, index).integer(2) - 1 }),
 * });
 */
export function environmentFamily<T extends EnvironmentTask>({
  description,
  make,
  scaledActions,
  ...rest
}: EnvironmentFamilyOptions<T>): EnvironmentFamily<T> {
  const { name, horizon } = rest;
  wholeOption(name, "horizon", horizon);
  const first = make(rest.task(0, 0));
  const { observation, action } = first;
  first.close?.();
  const isBounded = action.kind === "box" && [...action.low, ...action.high].every(Number.isFinite);
  if (scaledActions && !isBounded) {
    const remedy = "Give the action space finite bounds, or leave scaledActions out";
    throw new EnvironmentError("ILE101", { environment: name }, "actions without bounds cannot be scaled", remedy);
  }
  const isScaled = isBounded && scaledActions !== false;
  return {
    ...rest,
    description: {
      horizon,
      ...(action.kind === "box" ? { actions: isScaled ? "[-1, 1], scaled to the range" : "raw" } : {}),
      ...description,
    },
    observation,
    action: isScaled ? unitBox(action.shape[0]) : action,
    vectorized: (tasks, episodes) =>
      vectorEnvironment(isScaled ? (task) => scaled(make(task)) : make, tasks, episodes, { name, horizon }),
  };
}

const unitBox = (n: number): BoxSpace => box({ shape: n, low: -1, high: 1 });

/** An environment whose actions are in units of their range. */
function scaled(environment: Environment): Environment {
  const { low, high, shape } = environment.action as BoxSpace;
  const action = new Float32Array(shape[0]);
  return {
    observation: environment.observation,
    action: unitBox(shape[0]),
    reset: (source) => environment.reset(source),
    step(units) {
      for (const [i, least] of low.entries()) {
        action[i] = least + ((units as Float32Array)[i]! + 1) * 0.5 * (high[i]! - least);
      }
      return environment.step(action);
    },
    ...(environment.state ? { state: () => environment.state!() } : {}),
    ...(environment.restore ? { restore: (state: Float64Array) => environment.restore!(state) } : {}),
    ...(environment.close ? { close: () => environment.close!() } : {}),
  };
}
