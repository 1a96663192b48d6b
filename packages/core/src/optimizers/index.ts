export {
  applyUpdates,
  chain,
  type GradientTransformation,
  isLearned,
  type LearnedOptimizer,
  masked,
  type Optimizer,
  stateless,
} from "./gradient-transformation.js";
export * from "./optimizers.js";
export {
  cosineSchedule,
  type LearningRate,
  linearSchedule,
  type OptimizerOption,
  type Schedule,
  stepSchedule,
} from "./schedules.js";
export {
  clipByGlobalNorm,
  clipByValue,
  descend,
  momentum,
  scale,
  scaleByAdam,
  scaleByRms,
  weightDecay,
} from "./transformations.js";
