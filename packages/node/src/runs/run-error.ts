/** Every error of run folders: what each code means. */
export const runErrorCodes = {
  ILN01: "a run folder that is not there, or is none",
  ILN02: "a run folder that another process is training",
  ILN03: "a run folder that cannot be written",
  ILN04: "a run whose configuration cannot be read",
  ILN05: "a checkpoint that is missing or damaged",
  ILN06: "a run whose data set has changed",
  ILN07: "a run whose experiment file has changed, is gone, or is none to be run",
  ILN08: "a run that is not the one which a table of published results asks for",
} as const;

export type RunErrorCode = keyof typeof runErrorCodes;

/** `ILN01 runs/x: there is no run in it. Remedy.` */
export class RunError extends Error {
  readonly code: RunErrorCode;
  constructor(code: RunErrorCode, where: string, problem: string, remedy: string, options?: { cause?: unknown }) {
    super(`${code} ${where}: ${problem}. ${remedy}`, options);
    this.name = "RunError";
    this.code = code;
  }
}
