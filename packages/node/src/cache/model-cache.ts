import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, rm, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { ModelStore } from "@innerloop/graph";
import { readWhole } from "../data/regular-file.js";
import { writeAtomically, writeFully } from "../data/store/atomic-write.js";
import { homeFolder } from "../data/store/user-folders.js";
import { compilerHash } from "./compiler-hash.js";

/*
 * An entry is one file, named after the model and all that it depends on:
 *
 *   bytes 0..7    the ASCII letters "ILMODEL" and the format version: 1
 *   bytes 8..39   SHA-256 of the file's name and of all that follows
 *   bytes 40..    the entry
 *
 * The checksum finds what was damaged, cut short or renamed. It is no signature: an entry is only read where it belongs
 * to the user who reads it.
 */
const magic = Buffer.from("ILMODEL\x01", "latin1");
const headerBytes = magic.length + 32;

/** Bytes that all entries together may take; those used longest ago are removed. */
export const cacheLimit = 512 * 2 ** 20;

/** An entry that takes more than this part of the limit is not kept: it would push out too many others. */
const largestPart = 1 / 8;

export interface CacheContents {
  readonly folder: string;
  readonly entries: number;
  readonly bytes: number;
}

/** Models on disk, shared by all processes of a user. */
export interface ModelCache extends ModelStore {
  readonly folder: string;
  /** Settles when what was written is on disk, or has failed to be. */
  idle(): Promise<void>;
}

/**
 * The folder of compiled models: `$INNERLOOP_CACHE`, else `innerloop/models` in the user's folder for caches; undefined
 * where `$INNERLOOP_CACHE` is `off`, and for a user without a home folder.
 */
export function modelCacheFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  if (environment.INNERLOOP_CACHE === "off") return undefined;
  if (environment.INNERLOOP_CACHE) return resolve(environment.INNERLOOP_CACHE);
  const folder = userCacheFolder(environment, platform);
  return folder && join(folder, "innerloop", "models");
}

function userCacheFolder(
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string | undefined {
  // The XDG specification says to ignore relative paths.
  if (environment.XDG_CACHE_HOME?.startsWith("/")) return environment.XDG_CACHE_HOME;
  if (platform === "win32" && environment.LOCALAPPDATA) return environment.LOCALAPPDATA;
  const home = homeFolder();
  if (home === undefined) return undefined;
  if (platform === "darwin") return join(home, "Library", "Caches");
  return platform === "win32" ? join(home, "AppData", "Local") : join(home, ".cache");
}

/** The user's model cache; undefined where it is turned off. */
export function userModelCache(): ModelCache | undefined {
  const folder = modelCacheFolder();
  return folder === undefined ? undefined : openModelCache({ folder });
}

/** The models in a folder, which need not exist. Nothing about the disk makes reading or writing them fail. */
export function openModelCache(options: { readonly folder: string; readonly limit?: number }): ModelCache {
  const { folder, limit = cacheLimit } = options;
  const fileOf = (key: string): string =>
    join(folder, `${createHash("sha256").update(`${compilerHash()} ${key}`).digest("hex")}${extension}`);
  let writing: Promise<void> = Promise.resolve();
  // More than any folder holds: what other processes have written is counted at the first write.
  let unseen = Number.POSITIVE_INFINITY;

  const write = async (file: string, entry: Uint8Array): Promise<void> => {
    const checksum = checksumOf(file, entry);
    await writeAtomically(file, async (handle) => {
      await writeFully(handle, magic);
      await writeFully(handle, checksum);
      await writeFully(handle, entry);
    });
    unseen += entry.length;
    if (unseen < limit / 16) return;
    unseen = 0;
    await removeOldest(folder, limit);
  };

  return {
    folder,
    async read(key) {
      try {
        return await readEntry(fileOf(key), limit * largestPart);
      } catch {
        return undefined;
      }
    },
    write(key, entry) {
      if (entry.length > limit * largestPart) return;
      // One after the other: the folder is measured in between.
      writing = writing.then(() => write(fileOf(key), entry)).catch(() => undefined);
    },
    idle: () => writing,
  };
}

const extension = ".model";
/** Entries, and what is left of those whose writing was cut short. */
const isOurs = (name: string): boolean => /^[0-9a-f]{64}\.model(\.partial-[0-9a-f-]+)?$/.test(name);

const checksumOf = (file: string, entry: Uint8Array): Buffer =>
  createHash("sha256").update(basename(file)).update(entry).digest();

/** Undefined where the file holds anything but an entry of this name, whole and the user's own. */
async function readEntry(file: string, largest: number): Promise<Uint8Array | undefined> {
  // Neither waits for a pipe nor follows a link that somebody may have put there.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size < headerBytes || found.size > headerBytes + largest) return undefined;
    if (process.getuid && process.getuid() !== found.uid) return undefined;
    // Where the file has become shorter, the checksum tells.
    const bytes = await readWhole(handle, found.size, file);
    const entry = bytes.subarray(headerBytes);
    if (!magic.equals(bytes.subarray(0, magic.length))) return undefined;
    if (!checksumOf(file, entry).equals(bytes.subarray(magic.length, headerBytes))) return undefined;
    const now = new Date();
    // Says that it was used. Where that cannot be written, the entry is merely removed earlier.
    await handle.utimes(now, now).catch(() => undefined);
    return entry;
  } finally {
    await handle.close();
  }
}

interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** The files in a folder that are the cache's own; other files are nobody's business here. */
async function storedFiles(folder: string): Promise<StoredFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter(isOurs).map(async (name): Promise<StoredFile[]> => {
    const path = join(folder, name);
    // Another process may have removed it meanwhile.
    const found = await stat(path).catch(() => undefined);
    return found ? [{ path, bytes: found.size, usedMs: found.mtimeMs }] : [];
  });
  return (await Promise.all(files)).flat();
}

/** Removes the entries used longest ago, until what is left takes no more than nine tenths of the limit. */
async function removeOldest(folder: string, limit: number): Promise<void> {
  const files = await storedFiles(folder);
  let bytes = files.reduce((total, file) => total + file.bytes, 0);
  if (bytes <= limit) return;
  for (const file of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= 0.9 * limit) return;
    await rm(file.path, { force: true });
    bytes -= file.bytes;
  }
}

/** What a folder of models holds. */
export async function modelCacheContents(folder: string): Promise<CacheContents> {
  return contentsOf(folder, await storedFiles(folder));
}

/** Removes all models in a folder; tells what there was. */
export async function clearModelCache(folder: string): Promise<CacheContents> {
  const files = await storedFiles(folder);
  await Promise.all(files.map(({ path }) => rm(path, { force: true })));
  return contentsOf(folder, files);
}

const contentsOf = (folder: string, files: readonly StoredFile[]): CacheContents => ({
  folder,
  entries: files.length,
  bytes: files.reduce((total, file) => total + file.bytes, 0),
});
