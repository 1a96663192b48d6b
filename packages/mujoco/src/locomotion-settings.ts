/**
 * All that a locomotion task depends on beside its goal: the body, the time, the start, the observation and the reward.
 * Papers that call their tasks alike differ in these, so that each paper's are one record.
 */
import type { Body } from "./bodies.js";

/** Kinds of velocity that rewards may be for. */
export const velocityKinds = ["root displacement", "torso displacement", "centre of mass"] as const;

/** The velocity that rewards are for. */
export type VelocityKind = (typeof velocityKinds)[number];

/** Distributions of noise. */
export const noiseDistributions = ["uniform", "normal"] as const;

/** Numbers of an observation, in this order; those left out are not in it. */
export interface ObservationSettings {
  /** Coordinates of qpos that are left out at its beginning: where the body is in the plane is not told, as a rule. */
  readonly positionsFrom: number;
  /** Contact forces on bodies (`cfrc_ext`, 6 each), clipped to [-1, 1]: of all, or of those that are not the world. */
  readonly contactForces?: "all" | "bodies";
  /** The torso's rotation matrix, 9 numbers. */
  readonly torsoRotation?: boolean;
  /** The torso's place, 3 numbers: of its frame, or the centre of mass of the whole body. */
  readonly torsoPlace?: "frame" | "centre of mass";
}

/** The state that episodes begin in: a given one, with noise on every number of it. */
export interface StartSettings {
  /** qpos before the noise; that of the model unless given. */
  readonly positions?: readonly number[];
  /** The noise of positions: uniform in +-scale, or normal of deviation scale. */
  readonly positionNoise: { readonly distribution: (typeof noiseDistributions)[number]; readonly scale: number };
  /** The deviation of velocities, which are normal. */
  readonly velocityNoise: number;
  /** Contact forces are computed for the first observation; 0 in it otherwise. */
  readonly contactForces: boolean;
}

/**
 * The reward of a step: w . v for a direction w, or offset - |v_x - g| for a velocity g, to which
 * `alive - controlCost |a|^2 - contactCost |clip(cfrc_ext, -1, 1)|^2` is added; a is in units of the controls' range.
 */
export interface RewardSettings {
  readonly velocity: VelocityKind;
  /** Added where the goal is a velocity: ants that fall end their episode, and shall not gain by it. */
  readonly velocityOffset: number;
  readonly controlCost: number;
  readonly contactCost: number;
  readonly alive: number;
  /** The step by which an episode ends has `alive` too. */
  readonly aliveAtEnd: boolean;
}

/** A protocol of locomotion; plain data. Times in seconds, lengths in metres. */
export interface LocomotionSettings {
  readonly body: Body;
  /** Time of one frame of the simulation. */
  readonly timestep: number;
  /** Frames of one step, all under the same action. */
  readonly frameSkip: number;
  /** Steps of an episode. */
  readonly horizon: number;
  /** The solver's impedance of contacts (the first three numbers of `solimp`); the model's own unless given. */
  readonly contactImpedance?: readonly [least: number, most: number, width: number];
  /** Actions are within +-actionBound, which stands for the whole range of the controls. */
  readonly actionBound: number;
  readonly start: StartSettings;
  readonly observation: ObservationSettings;
  /**
   * Positions, velocities and contact forces that are observed and rewarded are computed anew after the last frame, as
   * rllab does. MuJoCo leaves those of the beginning of the last frame, but for qpos and qvel.
   */
  readonly forwardAfterStep: boolean;
  readonly reward: RewardSettings;
  /** Heights of the torso within which an episode goes on; it never terminates unless given. */
  readonly healthyHeights?: readonly [least: number, most: number];
  /** The goals of velocity tasks are uniform between these, in m/s; none where there are no such tasks. */
  readonly goalVelocities?: readonly [least: number, most: number];
}

/** Seconds of one step. */
export const stepTime = ({ timestep, frameSkip }: LocomotionSettings): number => timestep * frameSkip;

/** Whether contact forces are needed, which take a computation of their own: 4 and 8% of a step of 5 frames. */
export const needsContactForces = ({ observation, reward }: LocomotionSettings): boolean =>
  observation.contactForces !== undefined || reward.contactCost !== 0;

/**
 * The settings as a description of results: every constant that is not left out, by its path.
 *
 * @example describeSettings(settings)["reward.controlCost"] // 0.05
 */
export function describeSettings(settings: LocomotionSettings): Record<string, string | number | boolean> {
  const described: Record<string, string | number | boolean> = {};
  const describe = (value: unknown, path: string): void => {
    if (value === undefined) return;
    if (Array.isArray(value)) described[path] = value.join(" ");
    else if (typeof value === "object" && value !== null) {
      for (const [name, part] of Object.entries(value)) describe(part, path === "" ? name : `${path}.${name}`);
    } else described[path] = value as string | number | boolean;
  };
  describe(settings, "");
  return described;
}
