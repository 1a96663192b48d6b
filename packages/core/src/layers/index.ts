/** Entry point "@innerloop/core/layers": the layers that networks are made of, their initial values and randomness. */
import "../library-module.js";

export * from "../networks/models.js";
export * from "../networks/text-models.js";
export { bernoulliMask, uniformInGraph } from "../random/graph-random.js";
export {
  type AttentionMask,
  attend,
  type KeysAndValues,
  type MultiHeadAttention,
  multiHeadAttention,
} from "./attention.js";
export {
  type EntityEmbeddingOptions,
  type EntityEmbeddingParameters,
  type EntityInputs,
  entityEmbedding,
} from "./entity-embedding.js";
export { frozen } from "./frozen.js";
export { type GruCell, type GruParameters, gruCell } from "./gru.js";
export * from "./initialization.js";
export {
  type ApplyContext,
  type BatchNormMode,
  functionLayer,
  type Layer,
  type Modulation,
  type ModulationPoint,
  type NoParameters,
  pointsWithin,
  type Statistics,
  type StatisticsByPath,
  within,
} from "./layer.js";
export * from "./layers.js";
export { type LstmCell, type LstmParameters, type LstmState, lstmCell, lstmOverRows } from "./lstm.js";
export {
  fixed,
  type ParameterRole,
  type ParameterTraits,
  roleAt,
  type TraitsByPath,
  traitsIn,
  traitsOf,
  withTraits,
} from "./parameter-roles.js";
export { type PerStepBatchNormParameters, perStepBatchNorm } from "./per-step-batch-norm.js";
export { withRunningStatistics } from "./running-statistics.js";
export * from "./text-encoders.js";
export {
  type BesideSketchParameters,
  besideSketch,
  countSketch,
  embeddingBag,
  type IdTableOptions,
  type IdVectorParameters,
  type IdWeightParameters,
  idDropout,
  idMask,
  idVectors,
  maskedMean,
  mostTableRows,
  type TrainedTables,
  unitLength,
} from "./text-layers.js";
export { type WordEncoderOptions, wordEncoder } from "./word-encoder.js";
