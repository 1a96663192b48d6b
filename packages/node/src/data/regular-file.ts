import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DataError, onFile } from "./data-error.js";
import { bytesFor } from "./reading-limits.js";

export interface RegularFileOptions {
  /** Most bytes that the file may have. */
  readonly most: number;
  /**
   * Whether a symbolic link is followed, as a path is that the user wrote. What lies in a folder from outside is refused
   * where it is a link: it could lead anywhere.
   */
  readonly links: "followed" | "refused";
}

const kinds = [
  ["isDirectory", "a folder"],
  ["isFIFO", "a named pipe"],
  ["isSocket", "a socket"],
  ["isCharacterDevice", "a device"],
  ["isBlockDevice", "a device"],
] as const;

/**
 * Opens a file of bounded size for `use` and closes it. A pipe or device is refused before anything is read of it: it
 * would have no end, or keep whoever reads it waiting.
 *
 * @throws DataError ILD03 for anything but a regular file, or one of more than `most` bytes
 */
export async function withRegularFile<T>(
  path: string,
  { most, links }: RegularFileOptions,
  use: (handle: FileHandle, bytes: number) => Promise<T>,
): Promise<T> {
  // Opening a pipe waits for its other end unless told not to. Windows has neither flag, and no such files.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
  const flags = O_RDONLY | O_NONBLOCK | (links === "refused" ? O_NOFOLLOW : 0);
  const handle = await onFile(path, () =>
    open(path, flags).catch((error: NodeJS.ErrnoException) => {
      if (links === "refused" && error.code === "ELOOP") throw notRegular(path, "a symbolic link");
      // What opening a socket fails with.
      if (error.code === "ENXIO" || error.code === "EOPNOTSUPP") throw notRegular(path, "a socket or device");
      throw error;
    }),
  );
  try {
    const found = await onFile(path, () => handle.stat());
    if (!found.isFile()) throw notRegular(path, kinds.find(([is]) => found[is]())?.[1] ?? "of an unknown kind");
    if (found.size > most) {
      const problem = `it has ${found.size} bytes, and at most ${most} are read`;
      throw new DataError("ILD03", path, problem, "Is it the right file?");
    }
    return await onFile(path, () => use(handle, found.size));
  } finally {
    await handle.close();
  }
}

/** The bytes of a regular file, at most `most`, even where it grows meanwhile. @throws DataError ILD03, ILD07 */
export function readRegularFile(path: string, options: RegularFileOptions): Promise<Uint8Array> {
  return withRegularFile(path, options, (handle, size) => readWhole(handle, size, path));
}

/** Node ends the process where a read asks for 2 GiB or more at once. */
const mostAtOnce = 2 ** 28;

/** The first bytes of an open file, as many as there are of `size`. @throws DataError ILD07 where there is no room for them */
export async function readWhole(handle: FileHandle, size: number, where: string): Promise<Uint8Array> {
  const bytes = bytesFor(size, where);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(size - at, mostAtOnce), at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

function notRegular(path: string, kind: string): DataError {
  return new DataError("ILD03", path, `it is ${kind}, where a plain file should be`, "Put a plain file in its place.");
}
