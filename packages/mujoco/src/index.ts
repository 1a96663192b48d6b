/** Locomotion tasks of meta-reinforcement learning in MuJoCo: half-cheetah and ant. */
export { type AntOptions, type AntProtocol, ant, antProtocols } from "./ant.js";
export { type Body, mujocoVersion } from "./bodies.js";
export { DivergenceError } from "./divergence-error.js";
export type { DirectionTask, GoalName, GoalTasks, PlaneDirectionTask, VelocityTask } from "./goals.js";
export {
  type HalfCheetahGoal,
  type HalfCheetahOptions,
  type HalfCheetahProtocol,
  halfCheetah,
  halfCheetahProtocols,
} from "./half-cheetah.js";
export type { LocomotionFamily, LocomotionOptions } from "./locomotion-family.js";
export type {
  LocomotionSettings,
  ObservationSettings,
  RewardSettings,
  StartSettings,
  VelocityKind,
} from "./locomotion-settings.js";
