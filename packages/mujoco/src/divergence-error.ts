import { EnvironmentError, type EnvironmentTask } from "@innerloop/core/reinforcement";

/**
 * A simulation that diverged: the row, its task, and what it was in and was to do when it did.
 *
 * `ILE301 ant-velocity, row 3, step 17: qvel is not finite or beyond 1e10, from qpos ...`
 */
export class DivergenceError extends EnvironmentError {
  static {
    DivergenceError.prototype.name = "DivergenceError";
  }
  readonly task: EnvironmentTask;
  /** qpos, then qvel, before the step. */
  readonly state: readonly number[];
  /** The step's action; none where the episode could not begin. */
  readonly action: readonly number[];

  constructor(
    place: { readonly environment: string; readonly row: number; readonly step: number },
    problem: string,
    at: {
      readonly task: EnvironmentTask;
      readonly positions: readonly number[];
      readonly velocities: readonly number[];
      readonly action: readonly number[];
    },
  ) {
    const found = `${problem}, from qpos ${numbers(at.positions)} and qvel ${numbers(at.velocities)}${at.action.length > 0 ? ` under the action ${numbers(at.action)}` : ""}`;
    super("ILE301", place, found, "Check the settings that differ from the published ones: timestep, start, costs");
    this.task = at.task;
    this.state = [...at.positions, ...at.velocities];
    this.action = at.action;
  }
}

const numbers = (values: readonly number[]): string =>
  `[${values.map((value) => Number(value.toPrecision(4))).join(", ")}]`;
