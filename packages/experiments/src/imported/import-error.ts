import { CodedError } from "@innerloop/graph";

/** Every error of imported weights: what each code means. */
export const importErrorCodes = {
  ILI01: "a map of parameters that is not valid",
  ILI02: "parameters of the run or tensors of the file that the map leaves out, or that are not there",
  ILI03: "a tensor that does not fit its parameter",
  ILI04: "weights without given inputs and outputs, or whose outputs are others than those",
} as const;

/** Codes of `ImportError`. */
export type ImportErrorCode = keyof typeof importErrorCodes;

/** `ILI03 maml.pt > classifier.weight: [5, 64] for model/6/weight, which is [64, 10]. Remedy.` */
export class ImportError extends CodedError<ImportErrorCode> {
  static {
    ImportError.prototype.name = "ImportError";
  }
}
