import { CodedError } from "@innerloop/graph";

/** Every error of exported learners: what each code means. */
export const exportErrorCodes = {
  ILE201: "a run that is not exported, with what no standard program takes or says of it",
  ILE202: "files that are no exported learner, or are damaged",
  ILE203: "bytes of an adapted task that are damaged, or of another learner",
  ILE204: "a place that no export is written to, since something else is there",
  ILE205: "exported programs that do not answer as they should",
  ILE206: "examples, inputs or options that an exported learner does not take",
  ILE207: "a task whose results are no finite numbers",
  ILE208: "an exported learner that was disposed of",
} as const;

/** Codes of `ExportError`. */
export type ExportErrorCode = keyof typeof exportErrorCodes;

/** `ILE202 exported/hanzi: onnx/adapt.onnx is not the file that config.json tells. Remedy.` */
export class ExportError extends CodedError<ExportErrorCode> {
  static {
    ExportError.prototype.name = "ExportError";
  }
}

/** The refusal of a run whose encoder cannot be written beside it. */
export const notGiven = (shown: string, name: string): ExportError =>
  new ExportError(
    "ILE201",
    shown,
    `its inputs are features of the backbone ${name}, whose model is not given here`,
    "Export it where the backbone's folder is",
  );
