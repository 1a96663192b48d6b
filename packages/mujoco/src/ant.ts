import { type GoalName, type GoalTasks, goals } from "./goals.js";
import { type LocomotionFamily, type LocomotionOptions, locomotionFamily } from "./locomotion-family.js";
import type { LocomotionSettings } from "./locomotion-settings.js";

/** Gym's ant, of which the protocols differ. */
const gym = {
  body: "ant",
  timestep: 0.01,
  frameSkip: 5,
  horizon: 200,
  actionBound: 1,
  start: { positionNoise: { distribution: "uniform", scale: 0.1 }, velocityNoise: 0.1, contactForces: true },
  observation: { positionsFrom: 2, contactForces: "all" },
  forwardAfterStep: false,
  reward: {
    velocity: "torso displacement",
    velocityOffset: 1,
    controlCost: 0.5,
    contactCost: 5e-4,
    alive: 1,
    aliveAtEnd: true,
  },
  healthyHeights: [0, 1],
} as const satisfies LocomotionSettings;

/**
 * Published protocols of the ant.
 *
 * - `maml` (maml_rl on rllab): one frame of 0.02 s a step, harder contacts, legs bent at the start, 125 numbers of observation
 *   with the plane's coordinates; goals U[0, 3]; cheap controls and 0.05 for being alive.
 * - `promp`: gym's, with actions scaled from [-10, 10]; heights from 0; no velocities.
 * - `learn2learn`: the same in [-1, 1], for 100 steps.
 * - `pytorch-maml-rl`: MAML's reward on gym's ant, with the torso's rotation and place.
 * - `gymnasium`: Ant-v5, of 1000 steps; without the world's contact forces, and not alive in the step that ends it.
 */
export const antProtocols = {
  maml: {
    ...gym,
    timestep: 0.02,
    frameSkip: 1,
    contactImpedance: [0.8, 0.8, 0.01],
    start: {
      positions: [0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1],
      positionNoise: { distribution: "normal", scale: 0.01 },
      velocityNoise: 0.1,
      contactForces: true,
    },
    observation: { positionsFrom: 0, contactForces: "all", torsoRotation: true, torsoPlace: "centre of mass" },
    forwardAfterStep: true,
    reward: { ...gym.reward, velocity: "centre of mass", controlCost: 0.005, alive: 0.05 },
    healthyHeights: [0.2, 1],
    goalVelocities: [0, 3],
  },
  promp: { ...gym, actionBound: 10 },
  learn2learn: { ...gym, horizon: 100 },
  "pytorch-maml-rl": {
    ...gym,
    observation: { positionsFrom: 2, contactForces: "all", torsoRotation: true, torsoPlace: "frame" },
    reward: { ...gym.reward, controlCost: 0.005, alive: 0.05 },
    healthyHeights: [0.2, 1],
    goalVelocities: [0, 3],
  },
  gymnasium: {
    ...gym,
    horizon: 1000,
    start: { ...gym.start, contactForces: false },
    observation: { positionsFrom: 2, contactForces: "bodies" },
    reward: { ...gym.reward, aliveAtEnd: false },
    healthyHeights: [0.2, 1],
  },
} as const satisfies Record<string, LocomotionSettings>;

/** Names of protocols of the ant. */
export type AntProtocol = keyof typeof antProtocols;

/** Options of `ant`. */
export interface AntOptions<G extends GoalName> extends LocomotionOptions {
  /** `direction`: forward or backward, two tasks; `velocity`: one to run at; `direction-2d`: any direction of the plane. */
  readonly goal: G;
  /** The settings: `maml` unless given. */
  readonly protocol?: AntProtocol;
}

/**
 * The ant, a body with four legs of 2 joints each, whose tasks are a direction along x, one of the plane, or a velocity along
 * x.
 *
 * Actions [8] are torques in units of their range, or of `actionBound`. The reward of a step is w . v for a direction w, and
 * 1 - |v_x - g| for a velocity g, + alive - controlCost |a|^2 - contactCost |clip(cfrc_ext, -1, 1)|^2; v in m/s. An episode
 * terminates where the torso leaves the healthy heights.
 *
 * Finn et al. 2017 (MAML); Rothfuss et al. 2018 (ProMP). MuJoCo is the one of today, and not theirs of 2016.
 *
 * @throws EnvironmentError ILE101 for settings out of range, or velocities in a protocol that has none
 * @example const family = ant({ goal: "direction-2d", protocol: "promp" });
 */
export function ant<G extends GoalName>({
  goal,
  protocol = "maml",
  ...options
}: AntOptions<G>): LocomotionFamily<GoalTasks[G]> {
  return locomotionFamily({
    ...options,
    name: `ant-${goal}`,
    protocol,
    published: antProtocols[protocol],
    goal: goals[goal],
  });
}
