export {
  type BaselineOptions,
  fromScratch,
  jointTraining,
  memberships,
  nearestNeighbour,
  type RememberedSupport,
  squaredDistances,
} from "./baselines.js";
export {
  type AdaptedModel,
  headPaths,
  type InnerLoop,
  innerLoop,
  recorded,
} from "./gradient-adaptation.js";
export { gradientLearner, predicted, predictor, withSupport } from "./gradient-learner.js";
export {
  type Adapter,
  type AdaptOptions,
  type Learner,
  type MetaGradient,
  meanMetaGradient,
  measured,
  overPresent,
  type Targets,
} from "./learner.js";
export { anil, boil, fomaml, type MamlOptions, maml, metaSgd } from "./maml.js";
export {
  type PrototypeDistance,
  type Prototypes,
  type PrototypicalNetworkOptions,
  prototypicalNetwork,
} from "./prototypical.js";
export { type ReptileOptions, reptile } from "./reptile.js";
