export { classify, imageTensor, type LabelledImages } from "./classify.js";
export { type ComparedRun, type Comparison, comparisons, type Verdict } from "./comparison.js";
export { type EventLog, openEventLog, type RunEvent, readEvents } from "./event-log.js";
export { reportPage, writeReport } from "./report.js";
export { type EvaluateRunOptions, evaluateRun, loadParams, type TrainedParams } from "./results.js";
export { RunError, type RunErrorCode, runErrorCodes } from "./run-error.js";
export {
  checkpointStore,
  createRun,
  newRunPath,
  openRun,
  type RunConfig,
  type RunFolder,
  writeConfig,
} from "./run-folder.js";
export { lockRun, type RunLock } from "./run-lock.js";
export { planRun, type RunPlan, type SessionEnd, trainInFolder } from "./training-session.js";
export { UntrustedFolder } from "./untrusted-folder.js";
