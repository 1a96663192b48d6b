export {
  type BaselineOptions,
  fromScratch,
  jointTraining,
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
  withSupportStatistics,
} from "./gradient-adaptation.js";
export {
  type Adapter,
  type AdaptOptions,
  type Learner,
  type MetaGradient,
  meanMetaGradient,
  measured,
} from "./learner.js";
export { anil, boil, fomaml, type MamlOptions, maml, metaSgd } from "./maml.js";
export {
  type PrototypeDistance,
  type Prototypes,
  type PrototypicalNetworkOptions,
  prototypicalNetwork,
} from "./prototypical.js";
export { type ReptileOptions, reptile } from "./reptile.js";
