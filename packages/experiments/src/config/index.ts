/** Configs of experiments, their options by flag, and what files hold of them. */
export {
  type Choices,
  type CommonFlags,
  choicesOf,
  configFrom,
  domainOf,
  type ExperimentConfig,
  type ExperimentSettings,
  type FlatConfig,
  flagsIn,
  flagWords,
  type LearnerValues,
  learnerOf,
  type NamedValues,
  type NetworkValues,
  networkOf,
  type PartialConfig,
  type RunFacts,
  resolve,
  resolvePreset,
  settingsFrom,
  toFlags,
  trainingTasksOf,
  withFlags,
  withScratchRate,
} from "./config.js";
export {
  type FlagEntry,
  type Flags,
  flagTable,
  inEvaluation,
  type Part,
  type Place,
  parts,
  placesText,
} from "./flag-table.js";
export { isOfUse, requireUse, uselessness } from "./option-use.js";
export { checkFlags, parseConfig, parsePartial, parseSettings } from "./parsing.js";
