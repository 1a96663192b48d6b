export { type AllClassesOptions, allClasses } from "./all-classes.js";
export { augmentImages, type ImageAugmentationOptions } from "./augmentation.js";
export {
  type Curve,
  type CurveFamily,
  type CurveTaskOptions,
  curveTasks,
  type Range,
} from "./curve-tasks.js";
export { type Augmentation, type EpisodeOptions, episodes } from "./episodes.js";
export {
  type ColumnScale,
  type GroupedRegression,
  type GroupedRegressionOptions,
  type GroupSplit,
  groupedRegression,
  type Table,
} from "./grouped-regression.js";
export {
  type ClassSplit,
  type ExampleClass,
  type ExampleClassInput,
  type LabelledExamples,
  labelledExamples,
  type Rotation,
  readExample,
  selectClasses,
  splitClasses,
  withRotations,
} from "./labelled-examples.js";
export { type OpenSetEpisodeOptions, openSetEpisodes, unknownLabel } from "./open-set-episodes.js";
export {
  type GaussianProcessOptions,
  gaussianProcesses,
  type HarmonicOptions,
  harmonics,
  type LineOptions,
  lines,
  type StepOptions,
  steps,
} from "./regression-families.js";
export {
  type SemiSupervisedEpisodeOptions,
  semiSupervisedEpisodes,
  unlabelledLabel,
  withoutUnlabelled,
} from "./semi-supervised-episodes.js";
export { type Sinusoid, type SinusoidOptions, sinusoidOf, sinusoids } from "./sinusoid.js";
export {
  type Count,
  type CountRange,
  type Examples,
  type Split,
  splitSeed,
  splits,
  type TargetColumn,
  type Task,
  TaskError,
  type TaskErrorCode,
  type TaskPool,
  type TaskSource,
  taskErrorCodes,
  withoutPadding,
} from "./task.js";
export { finiteResult, type LabelRange, type TaskRules } from "./value-gate.js";
