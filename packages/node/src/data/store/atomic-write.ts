import { randomBytes } from "node:crypto";
import { access, constants, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { isSystemError, onFile } from "../data-error.js";

const abandonedAfterMs = 24 * 60 * 60 * 1000;

/**
 * Writes `file` so that it is either as before or complete: `write` fills a file beside it of a name that no other
 * process uses, which is flushed to disk and renamed. When `write` throws, nothing remains.
 */
export async function writeAtomically<T>(
  file: string,
  write: (handle: FileHandle) => Promise<T>,
  options: {
    /** Whether the folder is made where it is not there; otherwise that is an error. */
    readonly makesFolder?: boolean;
  } = {},
): Promise<T> {
  const folder = dirname(file);
  const aside = `${file}.partial-${process.pid}-${randomBytes(6).toString("hex")}`;
  return onFile(file, async () => {
    if (options.makesFolder ?? true) await makeFolder(folder);
    await removeAbandoned(folder, basename(file));
    const handle = await open(aside, "wx");
    try {
      let result: T;
      try {
        result = await write(handle);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(aside, file);
      await syncFolder(folder);
      return result;
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  });
}

/**
 * Makes a folder and those above it. Node's own `mkdir` with `recursive` never ends where a folder is there and none can
 * be made in it, as in /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const isMissing = (error: unknown): boolean => isSystemError(error) && error.code === "ENOENT";
  const make = async (): Promise<void> => {
    try {
      await mkdir(path);
    } catch (error) {
      const isThere = isSystemError(error) && error.code === "EEXIST" && (await stat(path)).isDirectory();
      if (!isThere) throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    const above = dirname(path);
    if (!isMissing(error) || above === path) throw error;
    await makeFolder(above);
    await make();
  }
}

/**
 * Says before long work what would be found out after it: that nothing can be written in a folder, which need not be
 * there yet. Nothing is made.
 *
 * @throws DataError ILD03
 */
export async function requireWritable(folder: string): Promise<void> {
  let nearest = resolve(folder);
  await onFile(folder, async () => {
    for (;;) {
      try {
        await access(nearest, constants.W_OK | constants.X_OK);
        return;
      } catch (error) {
        if (!isSystemError(error) || error.code !== "ENOENT" || dirname(nearest) === nearest) throw error;
        nearest = dirname(nearest);
      }
    }
  });
}

/** Writes all bytes; `FileHandle.write` alone may write fewer. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset);
    offset += bytesWritten;
  }
}

/** What a killed process left behind is removed a day later: by then nobody writes it. */
async function removeAbandoned(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.partial-`)) continue;
    const path = join(folder, entry);
    const age = await stat(path).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0, // another process has just finished or removed it
    );
    if (age > abandonedAfterMs) await rm(path, { force: true });
  }
}

/** What systems and network disks answer that cannot flush a folder: the file is complete all the same. */
const noFolderSync: readonly string[] = ["EINVAL", "ENOTSUP", "EPERM", "EISDIR"];

/** Makes the rename itself durable, where the system can. Windows cannot open a folder, and needs no such step. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isSystemError(error) || !noFolderSync.includes(error.code)) throw error;
  }
}
