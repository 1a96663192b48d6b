import { random } from "@innerloop/core";
import {
  actionSize,
  type BoxSpace,
  EnvironmentError,
  type EnvironmentTask,
  type RandomAddress,
  requireActions,
  type VectorEnvironment,
} from "@innerloop/core/reinforcement";
import { bodies } from "./bodies.js";
import { DivergenceError } from "./divergence-error.js";
import { type EpisodeRows, episodeRows, goalSize, rowSizes } from "./episode-rows.js";
import type { Goal } from "./goals.js";
import type { LocomotionSettings } from "./locomotion-settings.js";
import type { RowRunner } from "./row-runner.js";
import type { RowFault, RowOperation } from "./simulation.js";

/** What a vectorised environment of locomotion is made of. */
export interface LocomotionEnvironmentOptions<T extends EnvironmentTask> {
  readonly name: string;
  readonly settings: LocomotionSettings;
  readonly goal: Goal<T>;
  readonly action: BoxSpace;
  readonly tasks: readonly T[];
  readonly episodes: number;
  readonly runner: RowRunner;
}

/** Numbers of a row's state before those of its simulation: steps, terminated, truncated, reward. */
const headerSize = 4;

/** Episodes of locomotion, stepped together. */
export class LocomotionEnvironment<T extends EnvironmentTask> implements VectorEnvironment {
  readonly rows: number;
  readonly observations: Float32Array;
  readonly rewards: Float32Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  private readonly shared: EpisodeRows;
  private readonly steps: Uint32Array;
  private phase: "new" | "begun" | "closed" = "new";
  private running: Promise<unknown> | undefined;

  constructor(private readonly options: LocomotionEnvironmentOptions<T>) {
    const { tasks, episodes, settings, goal } = options;
    this.rows = tasks.length * episodes;
    this.shared = episodeRows(this.rows, rowSizes(settings));
    this.observations = new Float32Array(this.shared.observations.length);
    this.rewards = new Float32Array(this.rows);
    this.terminated = new Uint8Array(this.rows);
    this.truncated = new Uint8Array(this.rows);
    this.steps = new Uint32Array(this.rows);
    for (let row = 0; row < this.rows; row++) this.shared.goals.set(goal.rewarded(this.taskOf(row)), row * goalSize);
  }

  async reset(addresses: readonly RandomAddress[]): Promise<void> {
    this.requireIdle();
    const isEach = addresses.length === this.rows && addresses.every((address) => address.length > 0);
    if (!isEach) {
      const problem = `${addresses.length} addresses for ${this.rows} rows, or one that is empty`;
      throw new EnvironmentError(
        "ILE101",
        this.place(),
        problem,
        "Give reset() a list [seed, ...counters] for each row",
      );
    }
    // Steps and flags of an episode that could not begin mean nothing: it has to be begun again.
    this.phase = "new";
    this.steps.fill(0);
    this.truncated.fill(0);
    this.terminated.fill(0);
    this.shared.ended.fill(0);
    for (const [row, address] of addresses.entries()) this.start(row, address);
    await this.run("begin");
    this.phase = "begun";
  }

  async step(actions: Float32Array | Int32Array): Promise<void> {
    this.requireIdle();
    this.requireBegun();
    const { name, action } = this.options;
    const { shared, rows } = this;
    requireActions(
      name,
      action,
      rows,
      actions,
      (row) => shared.ended[row] === 1,
      (row) => this.steps[row]!,
    );
    const size = actionSize(action);
    for (let i = 0; i < actions.length; i++) {
      shared.actions[i] = Math.min(action.high[i % size]!, Math.max(action.low[i % size]!, actions[i]!));
    }
    await this.run("step");
    for (let row = 0; row < rows; row++) {
      if (shared.ended[row] === 1) continue;
      this.steps[row]! += 1;
      this.truncated[row] = this.terminated[row] === 0 && this.steps[row]! >= this.options.settings.horizon ? 1 : 0;
      shared.ended[row] = this.terminated[row]! | this.truncated[row]!;
    }
  }

  state(): Float64Array {
    this.requireIdle();
    this.requireBegun();
    const { shared } = this;
    const { state, observation } = shared.sizes;
    const size = headerSize + state + observation;
    const all = new Float64Array(this.rows * size);
    for (let row = 0; row < this.rows; row++) {
      const header = [this.steps[row]!, this.terminated[row]!, this.truncated[row]!, this.rewards[row]!];
      all.set(header, row * size);
      all.set(shared.states.subarray(row * state, (row + 1) * state), row * size + headerSize);
      all.set(this.observations.subarray(row * observation, (row + 1) * observation), row * size + headerSize + state);
    }
    return all;
  }

  restore(all: Float64Array): void {
    this.requireIdle();
    const { shared } = this;
    const { state, observation } = shared.sizes;
    const size = headerSize + state + observation;
    this.requireState(all, size);
    for (let row = 0; row < this.rows; row++) {
      const at = row * size;
      this.steps[row] = all[at]!;
      this.terminated[row] = all[at + 1]!;
      this.truncated[row] = all[at + 2]!;
      this.rewards[row] = all[at + 3]!;
      shared.ended[row] = this.terminated[row]! | this.truncated[row]!;
      shared.states.set(all.subarray(at + headerSize, at + headerSize + state), row * state);
      this.observations.set(all.subarray(at + headerSize + state, at + size), row * observation);
    }
    // Rows that have ended show what they showed, whoever steps the others.
    shared.observations.set(this.observations);
    this.phase = "begun";
  }

  async close(): Promise<void> {
    if (this.phase === "closed") return;
    this.phase = "closed";
    await this.running?.catch(() => undefined);
    this.options.runner.release(this.shared);
  }

  /** Draws the first state of a row: all chance of its episode. */
  private start(row: number, address: RandomAddress): void {
    const { body, start } = this.options.settings;
    const { states, sizes } = this.shared;
    const { distribution, scale } = start.positionNoise;
    const source = random(...address);
    let at = row * sizes.state;
    for (const position of start.positions ?? bodies[body].start) {
      const noise = distribution === "uniform" ? source.uniform(-scale, scale) : source.normal(0, scale);
      states[at++] = position + noise;
    }
    for (let i = 0; i < bodies[body].velocities; i++) states[at++] = source.normal(0, start.velocityNoise);
  }

  /** Runs all rows, and shows what came of it. Where it fails, nothing has changed. */
  private async run(operation: RowOperation): Promise<void> {
    const { shared, options } = this;
    const running = options.runner.run(shared, operation);
    this.running = running;
    let faults: readonly RowFault[];
    try {
      faults = await running;
    } finally {
      this.running = undefined;
    }
    if (this.phase === "closed") throw this.closed();
    if (faults.length > 0) throw this.divergence(faults[0]!, operation);
    this.observations.set(shared.observations);
    for (let row = 0; row < this.rows; row++) {
      const isRun = shared.ended[row] === 0;
      this.rewards[row] = isRun ? shared.rewards[row]! : 0;
      if (isRun) this.terminated[row] = shared.terminated[row]!;
    }
  }

  private divergence({ row, problem }: RowFault, operation: RowOperation): DivergenceError {
    const { states, sizes, actions } = this.shared;
    const { positions, velocities } = bodies[this.options.settings.body];
    const start = row * sizes.state;
    return new DivergenceError(this.place(row), problem, {
      task: this.taskOf(row),
      positions: [...states.subarray(start, start + positions)],
      velocities: [...states.subarray(start + positions, start + positions + velocities)],
      action: operation === "begin" ? [] : [...actions.subarray(row * sizes.action, (row + 1) * sizes.action)],
    });
  }

  private taskOf(row: number): T {
    return this.options.tasks[Math.floor(row / this.options.episodes)]!;
  }

  private place(): { readonly environment: string };
  private place(row: number): { readonly environment: string; readonly row: number; readonly step: number };
  private place(row?: number): { environment: string; row?: number; step?: number } {
    const environment = this.options.name;
    return row === undefined ? { environment } : { environment, row, step: this.steps[row]! };
  }

  private closed(): EnvironmentError {
    return new EnvironmentError("ILE204", this.place(), "it is closed", "Make another");
  }

  private requireIdle(): void {
    if (this.phase === "closed") throw this.closed();
    if (this.running === undefined) return;
    throw new EnvironmentError("ILE204", this.place(), "a step is still running", "Await step() and reset()");
  }

  private requireState(all: Float64Array, size: number): void {
    const isWhole = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;
    const isRow = (row: number): boolean => {
      const [steps, terminated, truncated] = all.subarray(row * size) as ArrayLike<number> as [number, number, number];
      return isWhole(steps, this.options.settings.horizon) && isWhole(terminated, 1) && isWhole(truncated, 1);
    };
    const isState = all.length === this.rows * size && Array.from({ length: this.rows }, (_, row) => row).every(isRow);
    if (isState) return;
    const problem = `a state of ${all.length} numbers, which are not those of ${this.rows} rows of ${size}`;
    throw new EnvironmentError("ILE205", this.place(), problem, "Give a state of the same family, tasks and episodes");
  }

  private requireBegun(): void {
    if (this.phase === "begun") return;
    throw new EnvironmentError("ILE204", this.place(), "no episode was begun", "Call reset() first");
  }
}
