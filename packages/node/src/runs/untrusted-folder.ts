/**
 * The files of a run folder. A run folder may come from anyone: all that is in it is read and written through here, and
 * nothing but plain files below it is.
 */
import { closeSync, constants, fstatSync, openSync, type Stats, statSync } from "node:fs";
import { type FileHandle, lstat, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { mostRecordBytes, RunError, reasonOf } from "@innerloop/experiments/exported";
import { DataError, isSystemError } from "../data/data-error.js";
import { readWhole, withRegularFile } from "../data/regular-file.js";
import { writeAtomically, writeFully } from "../data/store/atomic-write.js";
import { visibleText } from "./visible-text.js";

/** Most bytes that are read of a file, by what it is. */
export const mostBytes = {
  /** With what is kept of the data: of ratings all items, each some 200 bytes. */
  config: 64 * 2 ** 20,
  /** Events are read as a stream. */
  events: 4 * 2 ** 30,
  checkpoint: 4 * 2 ** 30 - 2 ** 20,
  /** Results and other records of an evaluation. */
  record: mostRecordBytes,
  lock: 4096,
} as const;

/**
 * A folder as it is now, whose files are named by paths below it (`checkpoints/last.safetensors`). The path of the folder
 * itself is the user's own, and may lead through links; below it there are none.
 */
export class UntrustedFolder {
  readonly path: string;
  /** What tells the folder from one that is put in its place. */
  private readonly identity: string;
  /** A file that is there as long as the folder is what it was. */
  private readonly witness: string | undefined;

  private constructor(path: string, identity: string, witness: string | undefined) {
    this.path = path;
    this.identity = identity;
    this.witness = witness;
  }

  /** @returns undefined where there is no such folder */
  static open(path: string, witness?: string): UntrustedFolder | undefined {
    const identity = identityOf(path);
    return identity === undefined ? undefined : new UntrustedFolder(path, identity, witness);
  }

  /**
   * What `use` makes of a file; undefined where there is none.
   *
   * @throws RunError ILN09 where it is a link, lies behind one, is no plain file, or has more bytes than `most`
   */
  async use<T>(
    name: string,
    most: number,
    use: (handle: FileHandle, bytes: number) => Promise<T>,
  ): Promise<T | undefined> {
    const file = await this.fileAt(name);
    try {
      return await withRegularFile(file, { most, links: "refused" }, use);
    } catch (error) {
      // That there is no memory for it says nothing of the file.
      if (!(error instanceof DataError) || error.code === "ILD07") throw error;
      const { cause } = error;
      if (isSystemError(cause) && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) return undefined;
      // What is wrong, without the remedy for a file of the user's own.
      throw refused(file, error.problem, error);
    }
  }

  /** The bytes of a file, under the conditions of `use`. */
  read(name: string, most: number): Promise<Uint8Array | undefined> {
    return this.use(name, most, (handle, size) => readWhole(handle, size, shown(join(this.path, name))));
  }

  /**
   * Writes a file so that it is either as before or complete. In text, what a terminal would act on is written out.
   *
   * @throws RunError ILN03 where it cannot be written, ILN09 where a link or something else is in its place, ILN10 where
   *   the folder is not the one that was opened
   */
  async write(name: string, content: string | Uint8Array | ((handle: FileHandle) => Promise<void>)): Promise<void> {
    this.requireThere();
    const file = await this.fileAt(name);
    const present = await lstatIfThere(file);
    if (present && !present.isFile()) throw refused(file, `it is ${kindOf(present)}, where a plain file should be`);
    const write =
      typeof content === "function"
        ? content
        : (handle: FileHandle) =>
            writeFully(handle, typeof content === "string" ? Buffer.from(visibleText(content)) : content);
    try {
      // A folder that has gone meanwhile is not made again.
      await onRun(file, () => writeAtomically(file, write, { makesFolder: false }));
    } catch (error) {
      this.requireThere();
      throw error;
    }
  }

  /** Opens a file to append to, which is made where it is not there. Returns its descriptor. Throws as `write` does. */
  async openToAppend(name: string): Promise<number> {
    this.requireThere();
    const file = await this.fileAt(name);
    const present = await lstatIfThere(file);
    if (present && !present.isFile()) throw refused(file, `it is ${kindOf(present)}, where a plain file should be`);
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    return onRun(file, async () => {
      const descriptor = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
      if (fstatSync(descriptor).isFile()) return descriptor;
      closeSync(descriptor);
      throw refused(file, "it is no plain file");
    });
  }

  /** Makes a folder below, unless it is there. @throws RunError ILN03, ILN09 */
  async makeFolder(name: string): Promise<void> {
    const path = await this.fileAt(name);
    await onRun(path, async () => {
      await mkdir(path).catch((error: unknown) => {
        if (!isSystemError(error) || error.code !== "EEXIST") throw error;
      });
      const present = await lstat(path);
      if (!present.isDirectory()) throw refused(path, `it is ${kindOf(present)}, where a folder should be`);
    });
  }

  /** Names in the folder or in one below it; none where it is not there. @throws RunError ILN09 */
  async list(name = ""): Promise<string[]> {
    const path = name === "" ? this.path : await this.fileAt(`${name}/`);
    return readdir(path).catch((error: unknown): string[] => {
      if (isSystemError(error) && error.code === "ENOENT") return [];
      throw refused(path, `it cannot be read (${reasonOf(error)})`, error);
    });
  }

  /** Removes a plain file, or a link without what it leads to; anything else stays. */
  async remove(name: string): Promise<void> {
    const file = await this.fileAt(name);
    const present = await lstatIfThere(file);
    if (present?.isFile() || present?.isSymbolicLink()) await onRun(file, () => rm(file, { force: true }));
  }

  /** When a file was last written, in milliseconds; undefined where there is none. */
  async writtenAt(name: string): Promise<number | undefined> {
    return (await lstatIfThere(await this.fileAt(name)))?.mtimeMs;
  }

  /** @throws RunError ILN10 where the folder was removed, renamed or replaced since it was opened */
  requireThere(): void {
    const isThere = identityOf(this.path) === this.identity;
    if (isThere && (this.witness === undefined || statIfThere(join(this.path, this.witness)))) return;
    throw new RunError(
      "ILN10",
      shown(this.path),
      "the run folder was removed, renamed or replaced while it was in use, and nothing is made in its place",
      "What it held is complete where it is now: continue with `innerloop train --resume` there",
    );
  }

  /** The path of a file. @throws RunError ILN09 where a folder on the way to it is none, or a link */
  private async fileAt(name: string): Promise<string> {
    const parts = name.split("/");
    let path = this.path;
    for (const part of parts.slice(0, -1)) {
      path = join(path, part);
      const present = await lstatIfThere(path);
      if (present && !present.isDirectory()) throw refused(path, `it is ${kindOf(present)}, where a folder should be`);
    }
    return join(path, parts.at(-1)!);
  }
}

function kindOf(found: Stats): string {
  if (found.isSymbolicLink()) return "a symbolic link";
  if (found.isFile()) return "a file";
  return found.isDirectory() ? "a folder" : "a pipe, socket or device";
}

const refused = (path: string, problem: string, cause?: unknown): RunError =>
  new RunError(
    "ILN09",
    shown(path),
    problem,
    "A run folder holds plain files and folders: put one in its place, or remove it",
    { cause },
  );

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error) && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw refused(path, `it cannot be read (${reasonOf(error)})`, error);
  }
}

const statIfThere = (path: string): Stats | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a parent that is no folder any more, or may not be looked into
  }
};

function identityOf(path: string): string | undefined {
  const found = statIfThere(path);
  return found?.isDirectory() ? `${found.dev}:${found.ino}` : undefined;
}

/** Runs an operation that writes; a failure of the file system becomes a RunError ILN03. */
export async function onRun<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof RunError) throw error;
    if (isSystemError(error) || (error instanceof DataError && isSystemError(error.cause)))
      throw unwritable(path, error);
    throw error;
  }
}

export function unwritable(path: string, error: unknown): RunError {
  const cause = error instanceof Error && isSystemError(error.cause) ? error.cause : error;
  const full = isSystemError(cause) && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
  const remedy = full
    ? "Free some space; the last checkpoint is complete"
    : "Check its permissions, or choose another folder";
  return new RunError("ILN03", shown(path), `it cannot be written (${reasonOf(cause)})`, remedy, { cause: error });
}

/** A path as messages show it: relative where that is shorter. */
export function shown(path: string): string {
  const near = relative(process.cwd(), resolve(path));
  return near.startsWith("..") ? resolve(path) : near || ".";
}

/** Writes a file in a folder that the user has named, whole or not at all. @throws RunError ILN03 */
export async function writeNamedFile(file: string, text: string): Promise<void> {
  await onRun(dirname(file), () =>
    writeAtomically(file, (handle) => writeFully(handle, Buffer.from(visibleText(text)))),
  );
}
