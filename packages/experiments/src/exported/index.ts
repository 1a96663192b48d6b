/**
 * Entry point "@innerloop/experiments/exported": what loads exported folders, and what readers of a machine share with it.
 * No kind of task, learner or training comes with it, so that a program that only adapts and answers starts fast.
 */
import "../library-module.js";

export { invertInPlace } from "../domains/classification/dark-on-light.js";
export { type PixelReading, usualPixels } from "../io.js";
export { cut, isRecord, quoted, reasonOf } from "../options/outside-text.js";
export { RunError, type RunErrorCode, runErrorCodes } from "../runs/run-error.js";
export { mostRecordBytes } from "../runs/run-store.js";
export { tolerance as exportTolerance } from "./agreement.js";
export * from "./export-error.js";
export type { ClassAnswer, ExportedAnswer, ValueAnswer } from "./exported-answers.js";
export {
  type ExportedConfig,
  type ExportedFileName,
  exportedFileLimits,
  folderFormat,
  isExportText,
  mostConfigBytes,
  parseExport,
  type ToldFile,
} from "./exported-config.js";
export { type ExportedFiles, filesAtHand, readExportedConfig } from "./exported-files.js";
export * from "./exported-learner.js";
export type { ExportedExample } from "./held-examples.js";
export type { ExportedIo } from "./input-form.js";
export type { ExportedInputs, ExportForm, TargetColumn } from "./input-forms.js";
export { type VerifiedExport, verifyExport } from "./verify-export.js";
