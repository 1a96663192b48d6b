export { type BaselineOptions, fromScratch, jointTraining, nearestNeighbour, type RememberedSupport, squaredDistances } from "./baselines.js";
export type { AdaptedModel } from "./gradient-adaptation.js";
export { type AdaptOptions, type Adapter, type Learner, meanMetaGradient, type MetaGradient, type TaskTree } from "./learner.js";
export { anil, boil, fomaml, type MamlOptions, maml, metaSgd } from "./maml.js";
export { reptile, type ReptileOptions } from "./reptile.js";
