/** Entry point "@innerloop/core/reinforcement": environments, policies and what is computed of their trajectories. */
import "../../library-module.js";

export {
  type Action,
  actionSize,
  type BoxOptions,
  type BoxSpace,
  box,
  type DiscreteSpace,
  discrete,
  type Environment,
  EnvironmentError,
  type EnvironmentErrorCode,
  type EnvironmentFamily,
  type EnvironmentPlace,
  type EnvironmentTask,
  environmentErrorCodes,
  type Observation,
  observationSize,
  type RandomAddress,
  requireActions,
  type Space,
  type Step,
  type VectorEnvironment,
} from "./environment.js";
export {
  type EnvironmentFamilyOptions,
  environmentFamily,
  type VectorEnvironmentOptions,
  vectorEnvironment,
} from "./vector-environment.js";
