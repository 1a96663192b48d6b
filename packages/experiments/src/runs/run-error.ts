import { CodedError } from "@innerloop/graph";

/** Every error of run folders: what each code means. */
export const runErrorCodes = {
  ILN01: "a run folder that is not there, or is none",
  ILN02: "a run folder that another process is training",
  ILN03: "a run folder that cannot be written",
  ILN04: "a run whose configuration cannot be read",
  ILN05: "a checkpoint that is missing or damaged",
  ILN06: "a run whose data set has changed",
  ILN07: "a run whose experiment file has changed, is gone, was never named by this user, or is none to be run",
  ILN08: "a run that is not the one which a table of published results asks for",
  ILN09: "a file of a run folder that cannot be read: a link, no plain file, or too large",
  ILN10: "a run folder that was removed, renamed or replaced while it was in use",
} as const;

/** Codes of `RunError`. */
export type RunErrorCode = keyof typeof runErrorCodes;

/** `ILN01 runs/x: there is no run in it. Remedy.` */
export class RunError extends CodedError<RunErrorCode> {
  static {
    RunError.prototype.name = "RunError";
  }
}
