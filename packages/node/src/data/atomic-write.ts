import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isSystemError, onFile } from "./data-error.js";

const abandonedAfterMs = 24 * 60 * 60 * 1000;

/**
 * Writes `file` so that it is either as before or complete: `write` fills a file beside it of a name that no other
 * process uses, which is flushed to disk and renamed. When `write` throws, nothing remains.
 */
export async function writeAtomically<T>(file: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const folder = dirname(file);
  const aside = `${file}.partial-${process.pid}-${randomBytes(6).toString("hex")}`;
  return onFile(file, async () => {
    await mkdir(folder, { recursive: true });
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
async function syncFolder(folder: string): Promise<void> {
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
