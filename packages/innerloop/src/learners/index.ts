export {
  type BaselineOptions,
  type FineTuningOptions,
  fineTuning,
  fromScratch,
  jointTraining,
  nearestNeighbour,
  type RememberedSupport,
} from "./baselines.js";
export {
  buildLearner,
  type LearnerEntry,
  type LearnerFamily,
  type LearnerName,
  type LearnerSetting,
  learnerCatalogue,
  learnerNames,
  outputSizeOf,
  type TaskKind,
  type TrainingTasks,
} from "./catalogue.js";
export {
  type CaviaOptions,
  type ContextLayer,
  type ContextualConvNetOptions,
  type ContextualMlpOptions,
  cavia,
  contextualConvNet,
  contextualMlp,
  withContext,
} from "./cavia.js";
export {
  classMeans,
  classSums,
  largestPerClass,
  memberships,
  requireWays,
  withoutEmptyClasses,
} from "./class-membership.js";
export { cosineSimilarities, type Distance, distances, squaredDistances, unitRows } from "./distances.js";
export { type FilmNetworkOptions, filmNetwork } from "./film.js";
export {
  type AdaptedModel,
  adaptingByPath,
  headPaths,
  type InnerLoop,
  innerLoop,
  recorded,
  requireSharedNorm,
  type Trajectory,
  trajectory,
} from "./gradient-adaptation.js";
export { gradientLearner, predicted, predictor, withSupport } from "./gradient-learner.js";
export { type ImplicitMamlOptions, implicitMaml } from "./imaml.js";
export { type InContextTransformerOptions, inContextTransformer } from "./in-context-transformer.js";
export {
  isLearned,
  type LearnedOptimizer,
  type LearnedRange,
  type LearnedRatesOptions,
  learnedOptions,
  learnedRates,
  metaCurvature,
} from "./learned-optimizers.js";
export {
  type Adapter,
  type AdaptOptions,
  type Learner,
  type MetaGradient,
  type MetaGradientOptions,
  meanMetaGradient,
  measured,
  overPresent,
  type Targets,
} from "./learner.js";
export { leastSquaresSvm } from "./least-squares-svm.js";
export {
  hierarchicalLinearModel,
  type LinearBaselineOptions,
  type LinearCoefficients,
  type LinearPrior,
  leastSquares,
  pooledMean,
} from "./linear-baselines.js";
export {
  type FittedHead,
  type LinearFit,
  type LinearHeadOptions,
  type LinearHeadParameters,
  type LinearSolver,
  linearHeadLearner,
  type SupportFeatures,
} from "./linear-head-learner.js";
export {
  conjugateGradients,
  identityMatrix,
  inversePositiveDefinite,
  solvePositiveDefinite,
} from "./linear-systems.js";
export { type LogisticRegressionOptions, logisticRegression } from "./logistic-regression.js";
export { type LstmOptimizerOptions, lstmOptimizer } from "./lstm-optimizer.js";
export { anil, boil, fomaml, type MamlOptions, maml, metaSgd } from "./maml.js";
export { type MamlPlusPlusOptions, mamlPlusPlus } from "./maml-plus-plus.js";
export { type MatchedSupport, type MatchingNetworkOptions, matchingNetwork } from "./matching.js";
export { type MemoryNetworkOptions, memoryNetwork } from "./memory-network.js";
export { type EmbeddedTask, type MetricLearnerOptions, metricLearner, requireOutputShape } from "./metric-learner.js";
export {
  type ModelBasedOptions,
  modelBasedLearner,
  type ReadTask,
  type Rows,
  type TaskForm,
  taskFormOf,
} from "./model-based-learner.js";
export {
  type Classifier,
  type ClassifierParameters,
  type ClassifierPretrainingOptions,
  classifierPretraining,
  type FeatureTransform,
  type NearestCentroidOptions,
  nearestCentroid,
  simpleShot,
} from "./nearest-centroid.js";
export { type NeuralProcessOptions, neuralProcess } from "./neural-process.js";
export {
  type PrototypeDistance,
  type Prototypes,
  type PrototypicalNetworkOptions,
  prototypicalNetwork,
} from "./prototypical.js";
export { type RelatedClasses, type RelationNetworkOptions, relationNetwork } from "./relation.js";
export { type ReptileOptions, reptile } from "./reptile.js";
export { type RidgeRegressionOptions, ridgeRegression } from "./ridge-regression.js";
export { type SemiSupervisedPrototypesOptions, semiSupervisedPrototypes } from "./semi-supervised-prototypes.js";
export {
  type PairedSupport,
  type SiameseNetworkOptions,
  siameseNetwork,
  type TripletNetworkOptions,
  tripletLoss,
  tripletNetwork,
} from "./siamese.js";
export { type SnailOptions, snail } from "./snail.js";
export { type StructureLearnerOptions, structureLearner } from "./structure-learner.js";
export { type Temperature, temperatureScale, type WithTemperature } from "./temperature.js";
export { notWarped, warped } from "./warped.js";
