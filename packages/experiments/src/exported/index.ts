/**
 * Entry point "@innerloop/experiments/exported": what loads exported folders, and what readers of a machine share with it.
 * No session or option of a run comes with it, so that a program that only adapts and answers starts faster.
 */
import "../library-module.js";

export { invertInPlace } from "../domains/classification/dark-on-light.js";
export { type PixelReading, usualPixels } from "../io.js";
export { cut, isRecord, quoted, reasonOf } from "../options/outside-text.js";
export { RunError, type RunErrorCode, runErrorCodes } from "../runs/run-error.js";
export { mostRecordBytes } from "../runs/run-store.js";
export { tolerance as exportTolerance } from "./agreement.js";
export type { ClassAnswer, ClassAnswers } from "./class-kind.js";
export * from "./export-error.js";
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
export { type ExportedAnswers, exportedKinds, kindOf as exportedKindOf } from "./exported-kinds.js";
export * from "./exported-learner.js";
export type { OpenModule } from "./exported-programs.js";
export type { ExportedExample } from "./held-examples.js";
export { includedModel, isIncludedAddress } from "./included-address.js";
export type { ExportedIo } from "./input-form.js";
export type { ExportedInputs, ExportForm } from "./input-forms.js";
export type { NumberAnswers, TargetColumn, ValueAnswer } from "./number-kind.js";
export type { ExportedBox, ExportedObject, ObjectAnswer, ObjectAnswers } from "./object-kind.js";
export type { PolicyAnswer, PolicyAnswers } from "./policy-kind.js";
export type { ExportedRecommendation, RatingAnswer, RatingAnswers } from "./rating-kind.js";
export type { SpanAnswer, SpanAnswers } from "./span-kind.js";
export { type VerifiedExport, verifyExport } from "./verify-export.js";
