import { reasonOf } from "@innerloop/experiments/exported";
import { CodedError } from "@innerloop/graph";

/**
 * Every error of the data sets: what each code means. The message of an error adds what happened, where, and what to
 * do.
 */
export const dataErrorCodes = {
  ILD01: "a data set name that cannot be used",
  ILD02: "a data set that is unknown, or not on this machine yet",
  ILD03: "a file or folder that cannot be read or written",
  ILD04: "a stored data set that is damaged",
  ILD05: "a stored data set of a newer format",
  ILD06: "examples that do not fit together",
  ILD07: "data that this machine has not the memory for",
  ILD08: "a data set of another kind than is asked for",
  ILD11: "a zip archive that is corrupt or not a zip archive",
  ILD12: "a zip archive with an unsafe entry",
  ILD13: "a zip archive beyond the size limits",
  ILD21: "a download that failed",
  ILD22: "a download that is larger than expected",
  ILD23: "a download with the wrong checksum",
  ILD31: "Omniglot files that are not in the official layout",
  ILD32: "Omniglot with a missing class or image",
  ILD41: "an IDX file that is not valid",
  ILD42: "MNIST files that are missing or do not belong together",
  ILD51: "an image that cannot be read",
  ILD52: "an image folder without usable classes",
  ILD53: "a folder of texts without usable classes",
  ILD54: "marks of pictures that are not valid, or do not fit their pictures",
  ILD55: "a folder or file without marked pictures",
  ILD61: "strokes or definitions of this package that are missing or not valid",
  ILD71: "a table or text file that is not valid",
  ILD72: "an array file that is not valid or of a kind that is not read",
  ILD73: "a pickle that is not valid, or holds anything but plain data and arrays",
  ILD74: "files of a known data set that are missing or not as its authors made them",
  ILD81: "a backbone folder that is not valid, or no encoder",
  ILD82: "a tokenizer that is not valid, or that of another model",
  ILD83: "an encoder that failed, or took too long",
  ILD84: "a file of weights that is none, or has no tensors where they should be",
} as const;

/** Codes of `DataError`. */
export type DataErrorCode = keyof typeof dataErrorCodes;

/** An error while reading, fetching or storing a data set: `ILD23 URL: md5 is ..., expected .... Remedy.` */
export class DataError extends CodedError<DataErrorCode> {
  static {
    DataError.prototype.name = "DataError";
  }
  /** The file, entry, address or data set that the error is about. */
  readonly where: string;
  /** What is wrong with it, without what to do. */
  readonly problem: string;

  constructor(code: DataErrorCode, where: string, problem: string, remedy: string, options?: { cause?: unknown }) {
    super(code, where, problem, remedy, options);
    this.where = where;
    this.problem = problem;
  }
}

/** Runs a file operation; a failure of the file system becomes ILD03 with its path. */
export async function onFile<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof DataError || !isSystemError(error)) throw error;
    throw new DataError("ILD03", path, problemOf(error), remedyOf(error), { cause: error });
  }
}

const writeElsewhere = "Check its permissions, or set INNERLOOP_DATA to a folder that you may write to.";

/** In our words what happens most often; Node's name the path once more. */
const problemOf = (error: Error & { readonly code: string; readonly syscall: string }): string =>
  error.code === "ENOENT" && error.syscall !== "mkdir" ? "there is no such file or folder" : reasonOf(error);

function remedyOf({ code, syscall }: { readonly code: string; readonly syscall: string }): string {
  switch (code) {
    case "ENOENT":
      // A folder that cannot be made is one of ours.
      return syscall === "mkdir" ? writeElsewhere : "Check the path.";
    case "ELOOP":
      return "It is a symbolic link that leads back to itself: remove it, or let it point to a file or folder.";
    case "ENOSPC":
      return "Free some space, or set INNERLOOP_DATA to a folder on another disk.";
    default:
      return writeElsewhere;
  }
}

/** Whether a thrown value comes from the operating system (ENOENT, EACCES, ...). */
export function isSystemError(error: unknown): error is Error & { code: string; syscall: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}
