/** Episodes as rows of numbers in shared memory: any worker can step any row. */
import { bodies } from "./bodies.js";
import type { LocomotionSettings, ObservationSettings } from "./locomotion-settings.js";

/** Numbers of a row. */
export interface RowSizes {
  /** qpos, qvel and qacc_warmstart, which are the whole state of the simulation, and where velocity is measured from. */
  readonly state: number;
  /** A direction w of the plane and a velocity g: see `RewardSettings`. */
  readonly goal: number;
  readonly observation: number;
  readonly action: number;
}

/** Numbers of the place that displacements are measured from: x and y. */
export const placeSize = 2;

/** Numbers of a goal: a direction of the plane, and a velocity. */
export const goalSize = 3;

/** Sizes of the rows of these settings. */
export function rowSizes({ body, observation }: LocomotionSettings): RowSizes {
  const { positions, velocities, controls } = bodies[body];
  return {
    state: positions + 2 * velocities + placeSize,
    goal: goalSize,
    observation: observationSizeOf(observation, body),
    action: controls,
  };
}

function observationSizeOf(
  { positionsFrom, contactForces, torsoRotation, torsoPlace }: ObservationSettings,
  body: LocomotionSettings["body"],
): number {
  const model = bodies[body];
  const forces = contactForces === undefined ? 0 : 6 * (model.bodies - (contactForces === "all" ? 0 : 1));
  return model.positions - positionsFrom + model.velocities + forces + (torsoRotation ? 9 : 0) + (torsoPlace ? 3 : 0);
}

/** The arrays of all rows, on one piece of memory. */
export interface EpisodeRows {
  readonly memory: SharedArrayBuffer;
  readonly rows: number;
  readonly sizes: RowSizes;
  /** [rows, state] */
  readonly states: Float64Array;
  /** [rows, goal] */
  readonly goals: Float64Array;
  /** [rows, action]: what the policy chose, already within its bounds. */
  readonly actions: Float32Array;
  /** [rows, observation] */
  readonly observations: Float32Array;
  readonly rewards: Float32Array;
  /** [rows]: 1 where the row is not to be stepped. */
  readonly ended: Uint8Array;
  /** [rows]: 1 where the step terminated the episode. */
  readonly terminated: Uint8Array;
  /** [1]: the first row that no worker has taken yet. */
  readonly next: Int32Array;
}

/**
 * The arrays of rows on shared memory: new, or on that which another thread made for as many.
 */
export function episodeRows(rows: number, sizes: RowSizes, given?: SharedArrayBuffer): EpisodeRows {
  // Widest elements first: each array then begins at a multiple of its elements' size.
  const doubles = rows * (sizes.state + sizes.goal);
  const singles = rows * (sizes.action + sizes.observation + 1) + 1;
  const memory = given ?? new SharedArrayBuffer(8 * doubles + 4 * singles + 2 * rows);
  let at = 0;
  const take = <A>(length: number, width: number, make: (offset: number) => A): A => {
    const array = make(at);
    at += length * width;
    return array;
  };
  const float64 = (length: number) => take(length, 8, (offset) => new Float64Array(memory, offset, length));
  const float32 = (length: number) => take(length, 4, (offset) => new Float32Array(memory, offset, length));
  const bytes = () => take(rows, 1, (offset) => new Uint8Array(memory, offset, rows));
  return {
    memory,
    rows,
    sizes,
    states: float64(rows * sizes.state),
    goals: float64(rows * sizes.goal),
    actions: float32(rows * sizes.action),
    observations: float32(rows * sizes.observation),
    rewards: float32(rows),
    next: take(1, 4, (offset) => new Int32Array(memory, offset, 1)),
    ended: bytes(),
    terminated: bytes(),
  };
}
