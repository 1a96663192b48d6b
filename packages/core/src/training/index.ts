/** Entry point "@innerloop/core/training": training and evaluation with the parts that other trainers are made of. */
import "../library-module.js";

export { type AdaptedContent, decodeAdapted, paramsDigest } from "../artifacts/adapted-bytes.js";
export { type HalfType, halfFloat, halfFloats } from "../artifacts/half-floats.js";
export { paddedRows } from "../artifacts/padded-sizes.js";
export { type BestParams, Run, type RunParts } from "../artifacts/run.js";
export {
  decodeArrays,
  decodeSafetensors,
  decodeWritten,
  encodeArrays,
  encodeSafetensors,
  type NamedArrays,
  type NamedTensors,
  safetensorsHeader,
  type WrittenArray,
} from "../artifacts/safetensors.js";
export { offerSaving } from "../artifacts/saving.js";
export { isSealed, seal, unsealed } from "../artifacts/seal.js";
export {
  type AdaptedTask,
  TrainedLearner,
  type TrainedLearnerParts,
  type Values,
  type ValuesOf,
  type ValueTree,
} from "../artifacts/trained-learner.js";
export { type Estimated, estimated, pairedDifference } from "../evaluation/estimated.js";
export {
  type EvaluateOptions,
  type Evaluation,
  type EvaluationRow,
  evaluate,
  evaluationFigures,
  type FigureAt,
  figureDifference,
} from "../evaluation/evaluate.js";
export {
  areaUnderRoc,
  type EvaluateOpenSetOptions,
  evaluateOpenSet,
  type OpenSetCalibration,
  type OpenSetDescription,
  type OpenSetEvaluation,
  type OpenSetFigures,
} from "../evaluation/open-set.js";
export {
  type OpenSetAnswer,
  type OpenSetRule,
  type OpenSetScore,
  openSetAnswers,
  openSetScores,
} from "../evaluation/open-set-rule.js";
export { leavesOut, poolInterval, type TaskDraws, taskDraws } from "../evaluation/pool-interval.js";
export {
  type PooledTasks,
  pooledDifference,
  pooledEstimate,
  type TaskResamples,
  taskResamples,
} from "../evaluation/pooled-figures.js";
export { predictedClasses, probabilitiesOf } from "../evaluation/predictions.js";
export {
  type ExportedPrograms,
  type ExportOptions,
  exportedOutputs,
  exportFormat,
  exportProgram,
  exportPrograms,
  type ImageInput,
  type ProgramName,
  statusBits,
} from "../export/index.js";
export { describedAs, figuresOf, lossDescription, lossName } from "../losses/figures.js";
export {
  type CheckpointStore,
  checkpointSummary,
  decodeCheckpoint,
  decodeParams,
  encodeCheckpoint,
  keyWithin,
  mostCheckpointHeadBytes,
  requireCheckpointHead,
  type TrainingState,
} from "./checkpoint.js";
export { keyInMemory, type PlanSetting, planFits, planTraining, type TrainingPlan } from "./chunks.js";
export { defaultExecutor, offerExecutor, setDefaultExecutor } from "./default-executor.js";
export {
  type MetaPrograms,
  type MetaStep,
  type MetaStepResult,
  type MetaStepSetting,
  metaStep,
  type OuterMethod,
  outerState,
} from "./meta-step.js";
export { outerOptimizer, outerUpdate } from "./outer-update.js";
export {
  batchOfShapes,
  sampleTasks,
  stackTasks,
  supplyFor,
  type TaskBatch,
  type TaskSupply,
  taskBatch,
  taskKeys,
  trainingRules,
} from "./task-batch.js";
export { adaptationWarning, type TrainingEvent, type TrainOptions, train } from "./train.js";
export { TrainingError, type TrainingErrorCode, trainingErrorCodes } from "./training-error.js";
