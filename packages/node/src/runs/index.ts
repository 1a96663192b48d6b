export {
  type Argv,
  argvWith,
  type ComparedRun,
  type Comparison,
  commandLine,
  comparisons,
  type EvaluateRunOptions,
  type EventLog,
  evaluateRun,
  loadParams,
  type OpenedModel,
  openModel,
  planRun,
  type RunConfig,
  RunError,
  type RunErrorCode,
  type RunEvent,
  type RunPlan,
  reportPage,
  runConfig,
  runErrorCodes,
  type SessionEnd,
  type TrainedParams,
  trainSession,
  type Verdict,
  writeReport,
} from "@innerloop/experiments";
export { openEventLog, readEvents } from "./event-log.js";
export { loadExported } from "./exported-folder.js";
export { type LoadOptions, load } from "./load.js";
export { checkpointStore, createRun, newRunPath, openRun, type RunFolder, writeConfig } from "./run-folder.js";
export { lockRun, type RunLock } from "./run-lock.js";
export { loadRun, saveRun } from "./save-run.js";
export { UntrustedFolder } from "./untrusted-folder.js";
