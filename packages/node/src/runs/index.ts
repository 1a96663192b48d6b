export { type ComparedRun, type Comparison, comparisons, type Verdict } from "./comparison.js";
export { type EventLog, openEventLog, type RunEvent, readEvents } from "./event-log.js";
export { type LoadOptions, load } from "./load.js";
export { reportPage, writeReport } from "./report.js";
export { type EvaluateRunOptions, evaluateRun, loadParams, type TrainedParams } from "./results.js";
export { type Argv, argvWith, commandLine } from "./run-command.js";
export { type RunConfig, runConfig } from "./run-config.js";
export { RunError, type RunErrorCode, runErrorCodes } from "./run-error.js";
export {
  checkpointStore,
  createRun,
  newRunPath,
  openRun,
  type RunFolder,
  writeConfig,
} from "./run-folder.js";
export { lockRun, type RunLock } from "./run-lock.js";
export { loadRun, saveRun } from "./save-run.js";
export { type OpenedModel, openModel } from "./trained-model.js";
export { planRun, type RunPlan, type SessionEnd, trainInFolder } from "./training-session.js";
export { UntrustedFolder } from "./untrusted-folder.js";
