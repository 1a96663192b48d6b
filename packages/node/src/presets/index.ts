export { type DataSplits, splitData } from "./data-splits.js";
export { type Baseline, buildClassifier, buildExperiment, type Experiment } from "./experiment.js";
export { type ExperimentModule, loadCodeExperiment, readJsonExperiment } from "./experiment-file.js";
export { type DataRecord, loadExamples } from "./load-data.js";
export { defaultExperimentOptions, type ExperimentOptions } from "./option-table.js";
export { checkExperimentOptions } from "./option-values.js";
export { isPresetName, type Preset, type PresetName, presetNames, presets, resolveOptions } from "./presets.js";
export { UsageError } from "./usage-error.js";
