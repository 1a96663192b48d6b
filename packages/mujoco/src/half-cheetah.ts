import { type GoalName, type GoalTasks, goals } from "./goals.js";
import { type LocomotionFamily, type LocomotionOptions, locomotionFamily } from "./locomotion-family.js";
import type { LocomotionSettings } from "./locomotion-settings.js";

/** Gym's start and reward, which all but MAML have, and 17 numbers of observation. */
const gym = {
  body: "half-cheetah",
  timestep: 0.01,
  frameSkip: 5,
  horizon: 100,
  actionBound: 1,
  start: { positionNoise: { distribution: "uniform", scale: 0.1 }, velocityNoise: 0.1, contactForces: false },
  observation: { positionsFrom: 1 },
  forwardAfterStep: false,
  reward: {
    velocity: "root displacement",
    velocityOffset: 0,
    controlCost: 0.05,
    contactCost: 0,
    alive: 0,
    aliveAtEnd: false,
  },
} as const satisfies LocomotionSettings;

/**
 * Published protocols of the half-cheetah. MAML's decides every 0.01 s for 2 s (Finn et al. 2017, maml_rl on rllab); the
 * others every 0.05 s for 5 s or more: figures of one are none of another.
 *
 * - `maml`: rllab's start (normal, 0.01 for positions), velocity and place of the centre of mass, goals U[0, 2].
 * - `promp`: goals U[0, 3]; actions are scaled from [-10, 10], so that a deviation of 1 explores a tenth of the range.
 * - `learn2learn`, `pytorch-maml-rl`: the torso's place is observed too; goals U[0, 2]; 100 steps, and 200.
 * - `gymnasium`: HalfCheetah-v5, of 1000 steps and twice the cost of controls.
 */
export const halfCheetahProtocols = {
  maml: {
    ...gym,
    frameSkip: 1,
    horizon: 200,
    start: { positionNoise: { distribution: "normal", scale: 0.01 }, velocityNoise: 0.1, contactForces: false },
    observation: { positionsFrom: 1, torsoPlace: "centre of mass" },
    forwardAfterStep: true,
    reward: { ...gym.reward, velocity: "centre of mass" },
    goalVelocities: [0, 2],
  },
  promp: { ...gym, actionBound: 10, goalVelocities: [0, 3] },
  learn2learn: { ...gym, observation: { positionsFrom: 1, torsoPlace: "frame" }, goalVelocities: [0, 2] },
  "pytorch-maml-rl": {
    ...gym,
    horizon: 200,
    observation: { positionsFrom: 1, torsoPlace: "frame" },
    goalVelocities: [0, 2],
  },
  gymnasium: { ...gym, horizon: 1000, reward: { ...gym.reward, controlCost: 0.1 } },
} as const satisfies Record<string, LocomotionSettings>;

/** Names of protocols of the half-cheetah. */
export type HalfCheetahProtocol = keyof typeof halfCheetahProtocols;

/** Goals of the half-cheetah, which moves in a plane of x and z. */
export type HalfCheetahGoal = Exclude<GoalName, "direction-2d">;

/** Options of `halfCheetah`. */
export interface HalfCheetahOptions<G extends HalfCheetahGoal> extends LocomotionOptions {
  /** `direction`: forward or backward, two tasks; `velocity`: one to run at. */
  readonly goal: G;
  /** The settings: `maml` unless given. */
  readonly protocol?: HalfCheetahProtocol;
}

/**
 * The half-cheetah, a runner of the plane with 6 joints, whose tasks are a direction or a velocity along x.
 *
 * Actions [6] are torques in units of their range, or of `actionBound`. The reward of a step is d v - c |a|^2 for a direction
 * d of -1 or 1, and -|v - g| - c |a|^2 for a velocity g, c = 0.05; v in m/s. No episode terminates before the horizon.
 *
 * Finn et al. 2017 (MAML); Rothfuss et al. 2018 (ProMP). MuJoCo is the one of today, and not theirs of 2016.
 *
 * @throws EnvironmentError ILE101 for settings out of range
 * @example
 * const family = halfCheetah({ goal: "velocity", workers: 2 });
 * const environment = family.vectorized([family.task(1, 0), { velocity: 1.5 }], 20);
 */
export function halfCheetah<G extends HalfCheetahGoal>({
  goal,
  protocol = "maml",
  ...options
}: HalfCheetahOptions<G>): LocomotionFamily<GoalTasks[G]> {
  return locomotionFamily({
    ...options,
    name: `half-cheetah-${goal}`,
    protocol,
    published: halfCheetahProtocols[protocol],
    goal: goals[goal],
  });
}
