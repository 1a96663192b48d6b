/** Entry point "@innerloop/core/tasks": all sources of tasks, and what new ones are made of. */
import "../library-module.js";

export { type AllClassesOptions, allClasses } from "../domains/classification/all-classes.js";
export { augmentImages, type ImageAugmentationOptions } from "../domains/classification/augmentation.js";
export {
  type Augmentation,
  type EpisodeOptions,
  episodes,
  type IdAugmentation,
  type NumberAugmentation,
} from "../domains/classification/episodes.js";
export {
  type ClassSplit,
  type ExampleClass,
  type ExampleClassInput,
  type ExampleValues,
  type LabelledExamples,
  labelledExamples,
  type Rotation,
  readExample,
  selectClasses,
  splitClasses,
  withRotations,
} from "../domains/classification/labelled-examples.js";
export {
  type OpenSetEpisodeOptions,
  openSetEpisodes,
  unknownLabel,
} from "../domains/classification/open-set-episodes.js";
export {
  type SemiSupervisedEpisodeOptions,
  semiSupervisedEpisodes,
  unlabelledLabel,
  withoutUnlabelled,
} from "../domains/classification/semi-supervised-episodes.js";
export {
  type Curve,
  type CurveFamily,
  type CurveTaskOptions,
  curveTasks,
  type Range,
} from "../domains/curves/curve-tasks.js";
export {
  type GaussianProcessOptions,
  gaussianProcesses,
  type HarmonicOptions,
  harmonics,
  type LineOptions,
  lines,
  type StepOptions,
  steps,
} from "../domains/curves/regression-families.js";
export { type Sinusoid, type SinusoidOptions, sinusoidOf, sinusoids } from "../domains/curves/sinusoid.js";
export {
  type CodedSentences,
  codedSentences,
  onlyDomain,
  type SentenceDomain,
  selectDomains,
  tagsOf,
  type WordCoding,
} from "../domains/entities/coded-sentences.js";
export { type EntityEpisodeOptions, entityEpisodes } from "../domains/entities/entity-episodes.js";
export { type FoundSpan, foundSpans } from "../domains/entities/marked-spans.js";
export type { MarkedText, MarkedTexts, Span } from "../domains/entities/marked-texts.js";
export { checkedSpans, shownSpan } from "../domains/entities/span-faults.js";
export { type TokenInputs, tokenSpec, type WordSetting } from "../domains/entities/token-inputs.js";
export {
  bioTags,
  type NamedWordSpan,
  spansOf,
  spansOfBio,
  type WordSpan,
  type Words,
  wordSpans,
} from "../domains/entities/word-tags.js";
export {
  type AttributeCoding,
  type AttributeValues,
  codingWidth,
  type NumberFeature,
  type WordFeatures,
} from "../domains/recommendation/attribute-coding.js";
export {
  type CodedEntities,
  codeEntities,
  type EntityCoding,
  type EntityCodingOptions,
  type EntityField,
  type EntityNumber,
  entityCoding,
  idsIn,
  slotsIn,
} from "../domains/recommendation/entity-coding.js";
export {
  type Attribute,
  type BagAttribute,
  type CategoryAttribute,
  type Entities,
  type Interactions,
  type NumberAttribute,
  type RatingScale,
  takenInteractions,
} from "../domains/recommendation/interactions.js";
export {
  type PreferenceOptions,
  type Preferences,
  type PreferenceTruth,
  preferencePosterior,
  preferences,
} from "../domains/recommendation/preferences.js";
export {
  placesOfTraining,
  priorsOfOthers,
  type RatedParts,
  type RatedPartsOptions,
  type RatingCodings,
  ratedParts,
  ratingUnits,
  surenessOf,
} from "../domains/recommendation/rated-users.js";
export {
  type AttributePrior,
  type FittedRatingBase,
  fitRatingBase,
  meanRatingBase,
  offsetByAttributes,
  type RatingBase,
  type RatingBaseOptions,
  ratingBaseFrom,
  trainingPlaces,
  userLevel,
} from "../domains/recommendation/rating-base.js";
export {
  alsFactors,
  attributeBias,
  attributeRidge,
  globalMean,
  itemMean,
  type KnownRatings,
  popularity,
  type RatingModel,
  type RatingModelEntry,
  type RatingTraining,
  ratingBias,
  ratingModels,
  userMean,
  userNeighbours,
} from "../domains/recommendation/rating-models.js";
export {
  heldRatings,
  type RatingSplit,
  type RatingSplitOptions,
  splitRatings,
} from "../domains/recommendation/rating-split.js";
export { evenTakenBase, fitTakenBase, type TakenBaseOptions } from "../domains/recommendation/taken-base.js";
export {
  attributePopularity,
  chance,
  itemNeighbours,
  takenFactors,
  takenModels,
} from "../domains/recommendation/taken-models.js";
export type { CandidateItems, UntakenRows } from "../domains/recommendation/untaken-items.js";
export {
  type DomainsOfItems,
  type RatedInputs,
  type RatedUsers,
  type UserTaskOptions,
  userTasks,
} from "../domains/recommendation/user-tasks.js";
export type { DateOrder } from "../domains/tables/calendar.js";
export type {
  CellReading,
  ColumnScale,
  InputColumn,
  TableCell,
} from "../domains/tables/column-codings.js";
export { numberIn } from "../domains/tables/decimal-number.js";
export {
  codedRegression,
  type GroupedRegression,
  type GroupedRegressionOptions,
  type GroupSplit,
  groupedRegression,
} from "../domains/tables/grouped-regression.js";
export { GrowingNumbers, RowNumbers } from "../domains/tables/growing-numbers.js";
export { isThousands, type NearNumber, nearNumber, waysToNumbers } from "../domains/tables/near-numbers.js";
export type { Table } from "../domains/tables/table.js";
export {
  encodeTableExamples,
  encodeTableInputs,
  type TableRow,
  type TableRowProblem,
  type TableRowsOptions,
  type TableRowValues,
  valuesOfTableRows,
} from "../domains/tables/table-rows.js";
export { decodeTableTargets, type TableSpec, tableFeatures, tableSpecFrom } from "../domains/tables/table-spec.js";
export {
  type ColumnKind,
  isMissing,
  missingNames,
  missingNumbers,
  mostCategories,
  type TextBudget,
  TextColumn,
  type TextUse,
} from "../domains/tables/text-column.js";
export { type DomainTaskOptions, domainTasks, type ExampleDomain } from "../domains/text/domain-tasks.js";
export { type ChosenLength, inverseDocumentFrequency, lengthFor, rowsOfIds } from "../domains/text/id-rows.js";
export type { LabelledTexts, NamedParts } from "../domains/text/labelled-texts.js";
export { type HashedTextOptions, type TextIds, textNgrams, textTokens } from "../domains/text/ngrams.js";
export {
  type CodedTexts,
  type EncoderIdentity,
  type FeatureCoding,
  type IdCoding,
  idCount,
  idsOf,
  type NgramCoding,
  type PieceCoding,
  type TextCoding,
  type TokenCoding,
  textCodingFrom,
} from "../domains/text/text-coding.js";
export { wordDropout } from "../domains/text/word-dropout.js";
export { type WordFeaturesOptions, wordFeatureSlots, wordFeatures } from "../domains/text/word-features.js";
export { type Word, wordForm, wordsOf } from "../domains/text/words.js";
export { logisticResidual } from "../losses/logistic-residual.js";
export { hitRate, implicitMetrics, ndcg, pairAccuracy, type RankedRows } from "../losses/ranking-metrics.js";
export {
  coldItemMae,
  ratingLoss,
  ratingMae,
  ratingMetrics,
  ratingRmse,
  warmItemMae,
} from "../losses/rating-metrics.js";
export type { RatingTarget, RatingUnits } from "../losses/rating-target.js";
export { specOf } from "./source-spec.js";
export {
  type CollectingLearner,
  type Collector,
  type Count,
  type CountRange,
  type DescribedTaskSource,
  type Examples,
  isCollector,
  type Split,
  sourceOf,
  splitSeed,
  splits,
  type Task,
  TaskError,
  type TaskErrorCode,
  type TaskPool,
  type TaskSource,
  taskErrorCodes,
  withoutPadding,
} from "./task.js";
export {
  type ColumnSpec,
  classesIn,
  isTensorSpec,
  type SetSpec,
  type SpecOf,
  type SpecTree,
  specsOfRows,
  symbolicTask,
  type TaskSpec,
  type TensorSpec,
  targetColumns,
} from "./task-spec.js";
export { finiteResult, type LabelRange, type TaskRules } from "./value-gate.js";
