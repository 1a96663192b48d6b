/** Every error of the data sets: what each code means. The message of an error adds what happened, where, and what to do. */
export const dataErrorCodes = {
  ILD01: "a data set name that cannot be used",
  ILD02: "a data set that is unknown, or not on this machine yet",
  ILD03: "a file or folder that cannot be read or written",
  ILD04: "a stored data set that is damaged",
  ILD05: "a stored data set of a newer format",
  ILD06: "examples that do not fit together",
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
  ILD61: "stroke data that is missing or not valid",
  ILD71: "a table or text file that is not valid",
  ILD72: "an array file that is not valid or of a kind that is not read",
  ILD73: "a pickle that is not valid, or holds anything but plain data and arrays",
  ILD74: "files of a known data set that are missing or not as its authors made them",
} as const;

export type DataErrorCode = keyof typeof dataErrorCodes;

/** An error while reading, fetching or storing a data set: `ILD23 URL: md5 is ..., expected .... Remedy.` */
export class DataError extends Error {
  readonly code: DataErrorCode;
  /** The file, entry, address or data set that the error is about. */
  readonly where: string;

  constructor(code: DataErrorCode, where: string, problem: string, remedy: string, options?: { cause?: unknown }) {
    super(`${code} ${where}: ${problem}. ${remedy}`, options);
    this.name = "DataError";
    this.code = code;
    this.where = where;
  }
}

/** The short reason in an unknown thrown value, for use inside a longer message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}`.replace(/\s*\n\s*/g, "; ").replace(/[.;\s]+$/, "");
}

/** Runs a file operation; a failure of the file system becomes ILD03 with its path. */
export async function onFile<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof DataError || !isSystemError(error)) throw error;
    throw new DataError("ILD03", path, reasonOf(error), remedyOf(error.code), { cause: error });
  }
}

function remedyOf(code: string): string {
  switch (code) {
    case "ENOENT":
      return "Check the path.";
    case "ELOOP":
      return "It is a symbolic link that leads back to itself: remove it, or let it point to a file or folder.";
    case "ENOSPC":
      return "Free some space, or set INNERLOOP_DATA to a folder on another disk.";
    default:
      return "Check its permissions, or set INNERLOOP_DATA to a folder that you may write to.";
  }
}

/** Whether a thrown value comes from the operating system (ENOENT, EACCES, ...). */
export function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}
