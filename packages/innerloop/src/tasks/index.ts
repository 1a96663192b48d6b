export { type EpisodeOptions, episodes } from "./episodes.js";
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
export { type Range, type Sinusoid, type SinusoidOptions, sinusoidOf, sinusoids } from "./sinusoid.js";
export {
  type Examples,
  type Split,
  splitSeed,
  splits,
  type Task,
  TaskError,
  type TaskErrorCode,
  type TaskSource,
  taskErrorCodes,
} from "./task.js";
