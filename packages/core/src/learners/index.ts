/** Entry point "@innerloop/core/learners": all learners, and the parts that new ones are made of. */
import "../library-module.js";

export * from "../catalogue/index.js";
export {
  episodeSpanF1,
  pooledSpanF1,
  type SpanCounts,
  spanCounts,
  type TagPrediction,
  taggingLoss,
} from "../losses/tagging.js";
export {
  defaultsOf,
  type OptionGroup,
  type OptionSpec,
  type OptionValue,
  type OptionValues,
  optionGroup,
  type VariantValue,
} from "../options/option.js";
export {
  type BaselineOptions,
  type FineTuningOptions,
  fineTuning,
  fromScratch,
  jointTraining,
  nearestNeighbour,
  type RememberedSupport,
} from "./baselines/baselines.js";
export {
  hierarchicalLinearModel,
  type LinearBaselineOptions,
  type LinearCoefficients,
  type LinearPrior,
  leastSquares,
  pooledMean,
} from "./baselines/linear-baselines.js";
export type { LogisticFitProgress } from "./baselines/logistic-fit.js";
export {
  type FittedSource,
  fitSource,
  type SourceExamples,
  type SourceFitOptions,
  type SourceParameters,
  sourceClassifier,
} from "./baselines/source-classifier.js";
export {
  type FeatureCentroidOptions,
  type FeatureCentroids,
  featureCentroid,
  type IdWeighting,
  type IdWeights,
  type TextCentroidOptions,
  type TextCentroids,
  textCentroid,
} from "./baselines/text-centroids.js";
export {
  classMeans,
  classSums,
  largestPerClass,
  memberships,
  requireWays,
  withoutEmptyClasses,
} from "./class-membership.js";
export {
  type LearnedPriorHead,
  type LearnedPriorOptions,
  type LinearClassifier,
  type PriorLogisticRegressionOptions,
  priorLogisticRegression,
  priorRidgeRegression,
} from "./closed-form/learned-prior-heads.js";
export { leastSquaresSvm } from "./closed-form/least-squares-svm.js";
export {
  type FittedHead,
  fittedHeadLearner,
  type LinearFit,
  type LinearHead,
  type LinearHeadOptions,
  type LinearHeadParameters,
  type LinearSolver,
  linearHeadLearner,
  type PenalisedHead,
  type SupportFeatures,
} from "./closed-form/linear-head-learner.js";
export {
  conjugateGradients,
  identityMatrix,
  inversePositiveDefinite,
  solvePositiveDefinite,
} from "./closed-form/linear-systems.js";
export { type LogisticRegressionOptions, logisticRegression } from "./closed-form/logistic-regression.js";
export { type RidgeRegressionOptions, ridgeRegression } from "./closed-form/ridge-regression.js";
export {
  abstractChain,
  type TransitionParameters,
  type TransitionShares,
  transitionParameters,
  transitionShares,
  usualShares,
} from "./entities/abstract-transitions.js";
export {
  bestTags,
  type Chain,
  type ChainWords,
  chainLoss,
  logMarginals,
  logPartition,
  taggingScore,
  viterbi,
} from "./entities/linear-chain.js";
export { lexicalWeights, type StructShotOptions, structShot } from "./entities/struct-shot.js";
export { type CrfTaggerOptions, crfTagger, taggingModel } from "./entities/tagging-model.js";
export { type TokenBaseline, type TokenBaselineOptions, tokenBaseline } from "./entities/token-baselines.js";
export { type TagScores, type TokenLearner, type TokenLearnerOptions, tokenLearner } from "./entities/token-learner.js";
export {
  type EncodedTokensOptions,
  nearestTokens,
  type TokenPrototypesOptions,
  tokenPrototypes,
} from "./entities/token-prototypes.js";
export {
  type CaviaOptions,
  type ContextLayer,
  type ContextualConvNetOptions,
  type ContextualMlpOptions,
  cavia,
  contextualConvNet,
  contextualMlp,
  type ModulatedByContextOptions,
  modulatedByContext,
  withContext,
} from "./gradient/cavia.js";
export {
  type AdaptedModel,
  type Adapts,
  adaptingByPath,
  headPaths,
  type InnerLoop,
  innerLoop,
  recorded,
  requireSharedNorm,
  type Trajectory,
  trajectory,
} from "./gradient/gradient-adaptation.js";
export { gradientLearner } from "./gradient/gradient-learner.js";
export {
  type ImplicitGradientOptions,
  type ImplicitMamlOptions,
  implicitMaml,
  type ObjectiveImplicitMamlOptions,
} from "./gradient/imaml.js";
export {
  type LearnedRange,
  type LearnedRatesOptions,
  learnedOptions,
  learnedRates,
  metaCurvature,
} from "./gradient/learned-optimizers.js";
export { type LstmOptimizerOptions, lstmOptimizer } from "./gradient/lstm-optimizer.js";
export {
  type AdaptationOptions,
  anil,
  boil,
  fomaml,
  type MamlOptions,
  maml,
  metaSgd,
  type ObjectiveMamlOptions,
  type ObjectiveOptions,
} from "./gradient/maml.js";
export { type MamlPlusPlusOptions, mamlPlusPlus } from "./gradient/maml-plus-plus.js";
export { type ColumnRange, type MamoOptions, mamo } from "./gradient/mamo.js";
export {
  type Objective,
  type Objectives,
  type ObjectiveValue,
  type OuterContext,
  type OuterObjective,
  objectiveProblem,
  supervised,
  type TaskProblem,
} from "./gradient/objective.js";
export { type ObjectiveReptileOptions, type ReptileOptions, type ReptileSteps, reptile } from "./gradient/reptile.js";
export { warped } from "./gradient/warped.js";
export {
  type Adapter,
  type AdaptOptions,
  type AnyAdapter,
  type AnyLearner,
  type Learner,
  type MetaGradient,
  type MetaGradientOptions,
  meanMetaGradient,
  measured,
  overPresent,
  type Targets,
  type TaskLearner,
} from "./learner.js";
export { cosineSimilarities, type Distance, distances, squaredDistances, unitRows } from "./metric/distances.js";
export { type MatchedSupport, type MatchingNetworkOptions, matchingNetwork } from "./metric/matching.js";
export {
  type EmbeddedTask,
  type MetricLearnerOptions,
  metricLearner,
  requireOutputShape,
} from "./metric/metric-learner.js";
export {
  type Classifier,
  type ClassifierParameters,
  type ClassifierPretrainingOptions,
  classifierPretraining,
  type FeatureTransform,
  type NearestCentroidOptions,
  nearestCentroid,
  simpleShot,
} from "./metric/nearest-centroid.js";
export {
  type PrototypeDistance,
  type Prototypes,
  type PrototypicalNetworkOptions,
  prototypicalNetwork,
} from "./metric/prototypical.js";
export { type RelatedClasses, type RelationNetworkOptions, relationNetwork } from "./metric/relation.js";
export { type SemiSupervisedPrototypesOptions, semiSupervisedPrototypes } from "./metric/semi-supervised-prototypes.js";
export {
  type PairedSupport,
  type SiameseNetworkOptions,
  siameseNetwork,
  type TripletNetworkOptions,
  tripletLoss,
  tripletNetwork,
} from "./metric/siamese.js";
export { type Temperature, temperatureScale, type WithTemperature } from "./metric/temperature.js";
export { type FilmNetworkOptions, filmNetwork } from "./model-based/film.js";
export { type InContextTransformerOptions, inContextTransformer } from "./model-based/in-context-transformer.js";
export { type MemoryNetworkOptions, memoryNetwork } from "./model-based/memory-network.js";
export {
  type InTraining,
  type ModelBasedOptions,
  modelBasedLearner,
  type ReadTask,
  type Rows,
  type RowsOfTask,
  type TaskForm,
  taskFormOf,
} from "./model-based/model-based-learner.js";
export { type NeuralProcessOptions, neuralProcess } from "./model-based/neural-process.js";
export { type SnailOptions, snail } from "./model-based/snail.js";
export { type StructureLearnerOptions, structureLearner } from "./model-based/structure-learner.js";
export { type TaskAdaptiveProcessOptions, taskAdaptiveProcess } from "./model-based/task-adaptive-process.js";
export { type MetahinOptions, metahin } from "./recommendation/metahin.js";
export {
  type FeatureLearner,
  type FeatureRows,
  type IdentifiedRows,
  type KnownUser,
  type ResidualLearner,
  type ResidualOptions,
  type ResidualParameters,
  type RowLearner,
  residualAdapter,
  residualLearner,
  type TasteByFeatures,
  type UserTaste,
} from "./recommendation/residual-learner.js";
export { toldRatings } from "./recommendation/told-ratings.js";
