export { cellNetworks, detectorNetworks } from "./detection.js";
export { entityNetworks } from "./entities.js";
export {
  type GatheredSteps,
  inGatheredSteps,
  innerOptimizerOf,
  type LearnerEntry,
  type LearnerFamily,
  type LearnerSetting,
  stepOptions,
  type TaskKind,
  type TrainingTasks,
} from "./learner-entry.js";
export {
  buildLearner,
  type LearnerChoice,
  type LearnerName,
  learnerCatalogue,
  learnerEntry,
  learnerNames,
} from "./learners.js";
export {
  headedNetworks,
  type InputIds,
  type NetworkSetting,
  type Networks,
  type PolicySpaces,
  type TaggedWords,
} from "./network-forms.js";
export {
  type NetworkEntry,
  type NetworkName,
  network,
  networkCatalogue,
  networkNames,
  type OptionProblem,
} from "./networks.js";
