/**
 * Features on disk, for the next time: a folder for each encoder, whose name is the encoder's hash. Its files are written
 * whole and never changed:
 *
 *   bytes 0..7    the ASCII letters "ILFEATS" and the format version: 1
 *   bytes 8..39   SHA-256 of all that follows
 *   bytes 40..43  the number of entries n, uint32, little endian as all numbers
 *   then          n keys of 32 bytes; n counts, uint32; the values of all, float32
 *
 * Any number of processes may write at once, each its own files; many small ones become one. A file that is damaged or
 * gone is as if it had never been: its entries are computed again.
 */
import { createHash, randomBytes } from "node:crypto";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { readRegularFile, withRegularFile } from "../data/regular-file.js";
import { writeAtomically, writeFully } from "../data/store/atomic-write.js";
import { dataFolder } from "../data/store/user-folders.js";

const magic = Buffer.from("ILFEATS\x01", "latin1");
const keyBytes = 32;
const headBytes = magic.length + 32 + 4;
/** Bytes of one file at most, for its reader; values are written long before. */
const mostFileBytes = 512 * 2 ** 20;
const flushBytes = 16 * 2 ** 20;
/** Files of an encoder before those that are small become one. */
const mostFiles = 32;
/** Keys of a request that is one of many, such as a line of standard input: what it has read stays for the next one. */
const fewKeys = 64;
const rememberedBytes = 64 * 2 ** 20;
/** Bytes that the features of all encoders may take; those used longest ago are removed. */
export const featureCacheLimit = 4 * 2 ** 30;

/** The features that one encoder has made. */
export interface FeatureCache {
  /** What is there of the keys (hexadecimal SHA-256), by key. */
  read(keys: readonly string[]): Promise<Map<string, Float32Array>>;
  /** Keeps values, at the latest when `flush` is called. */
  write(key: string, values: Float32Array): Promise<void>;
  flush(): Promise<void>;
}

const none: FeatureCache = {
  read: async () => new Map(),
  write: async () => undefined,
  flush: async () => undefined,
};

/** The cache of an encoder in the data folder; an empty one that keeps nothing where `$INNERLOOP_CACHE` is `off`. */
export function userFeatureCache(encoder: string): FeatureCache {
  if (process.env.INNERLOOP_CACHE === "off") return none;
  return openFeatureCache(join(dataFolder(), "features"), encoder);
}

const isOurs = (name: string): boolean => /^[0-9a-f]{32}\.features(\.partial-[0-9a-f-]+)?$/.test(name);
const isWhole = (name: string): boolean => name.endsWith(".features");

/** The cache of an encoder below a folder, which need not exist. Nothing about the disk makes reading or writing fail. */
export function openFeatureCache(root: string, encoder: string, limit: number = featureCacheLimit): FeatureCache {
  const folder = join(root, encoder);
  /** Names of files, and which keys they have. */
  const known = new Map<string, ReadonlySet<string>>();
  /** Entries of files that few keys were read of, the latest last. */
  const remembered = new Map<string, ReadonlyMap<string, Float32Array>>();
  let pending = new Map<string, Float32Array>();
  let pendingBytes = 0;

  const discover = async (): Promise<string[]> => {
    const names = (await readdir(folder).catch(() => [])).filter((name) => isOurs(name) && isWhole(name));
    for (const name of known.keys()) if (!names.includes(name)) known.delete(name);
    for (const name of names) {
      if (known.has(name)) continue;
      known.set(name, new Set(await readKeys(join(folder, name)).catch(() => [])));
    }
    return names;
  };

  const load = async (name: string): Promise<ReadonlyMap<string, Float32Array>> => {
    const file = join(folder, name);
    const entries = await readEntries(file).catch(() => undefined);
    if (entries) {
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return entries;
    }
    known.set(name, new Set());
    return new Map();
  };

  const remember = (name: string, entries: ReadonlyMap<string, Float32Array>): void => {
    remembered.delete(name);
    remembered.set(name, entries);
    let bytes = 0;
    for (const [file, of] of [...remembered].reverse()) {
      for (const { byteLength } of of.values()) bytes += byteLength;
      if (bytes > rememberedBytes) remembered.delete(file);
    }
  };

  const save = async (entries: ReadonlyMap<string, Float32Array>): Promise<void> => {
    const name = `${randomBytes(16).toString("hex")}.features`;
    await writeEntries(join(folder, name), entries);
    known.set(name, new Set(entries.keys()));
  };

  /** Makes one of the small files, and removes what nobody can read. */
  const tidy = async (): Promise<void> => {
    const names = await discover();
    if (names.length <= mostFiles) return;
    const merged = new Map<string, Float32Array>();
    const taken: string[] = [];
    let bytes = 0;
    for (const name of names) {
      const size = (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
      if (size > flushBytes || bytes + size > 4 * flushBytes) continue;
      for (const [key, values] of await load(name)) merged.set(key, values);
      bytes += size;
      taken.push(name);
    }
    if (merged.size > 0) await save(merged);
    await Promise.all(taken.map((name) => rm(join(folder, name), { force: true })));
  };

  return {
    async read(keys) {
      const wanted = new Set(keys);
      const found = new Map<string, Float32Array>();
      for (const [key, values] of pending) if (wanted.has(key)) found.set(key, values);
      for (const name of await discover()) {
        const here = known.get(name)!;
        if (![...wanted].some((key) => here.has(key) && !found.has(key))) continue;
        const before = remembered.get(name);
        const entries = before ?? (await load(name));
        if (!before && wanted.size <= fewKeys) remember(name, entries);
        for (const key of wanted) {
          const values = entries.get(key);
          if (values) found.set(key, values);
        }
      }
      return found;
    },
    async write(key, values) {
      pending.set(key, values);
      pendingBytes += values.byteLength + keyBytes;
      if (pendingBytes >= flushBytes) await this.flush();
    },
    async flush() {
      if (pending.size === 0) return;
      const entries = pending;
      pending = new Map();
      pendingBytes = 0;
      try {
        await save(entries);
        await tidy();
        await removeOldest(root, limit);
      } catch {
        // What is not kept is computed again.
      }
    },
  };
}

async function writeEntries(file: string, entries: ReadonlyMap<string, Float32Array>): Promise<void> {
  const keys = Buffer.concat([...entries.keys()].map((key) => Buffer.from(key, "hex")));
  const counts = Buffer.alloc(4 + 4 * entries.size);
  counts.writeUInt32LE(entries.size, 0);
  let at = 4;
  for (const { length } of entries.values()) at = counts.writeUInt32LE(length, at);
  const head = [counts.subarray(0, 4), keys, counts.subarray(4)];
  const hash = createHash("sha256");
  for (const part of head) hash.update(part);
  for (const values of entries.values()) hash.update(bytesOf(values));
  await writeAtomically(file, async (handle) => {
    for (const part of [magic, hash.digest(), ...head]) await writeFully(handle, part);
    for (const values of entries.values()) await writeFully(handle, bytesOf(values));
  });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const options = { most: mostFileBytes, links: "refused" } as const;

/** The keys of a file, as it says; `readEntries` makes sure of them. */
function readKeys(file: string): Promise<readonly string[]> {
  return withRegularFile(file, options, async (handle, size) => {
    const head = Buffer.alloc(headBytes);
    await handle.read(head, 0, headBytes, 0);
    const count = head.readUInt32LE(headBytes - 4);
    if (!magic.equals(head.subarray(0, magic.length)) || headBytes + count * (keyBytes + 4) > size) return [];
    const keys = Buffer.alloc(count * keyBytes);
    await handle.read(keys, 0, keys.length, headBytes);
    return keysIn(keys, count);
  });
}

const keysIn = (keys: Buffer, count: number): string[] =>
  Array.from({ length: count }, (_, i) => keys.toString("hex", i * keyBytes, (i + 1) * keyBytes));

/** Undefined where the file holds anything but whole entries. */
async function readEntries(file: string): Promise<Map<string, Float32Array> | undefined> {
  const read = await readRegularFile(file, options);
  const bytes = Buffer.from(read.buffer, read.byteOffset, read.length);
  if (bytes.length < headBytes || !magic.equals(bytes.subarray(0, magic.length))) return undefined;
  const digest = createHash("sha256")
    .update(bytes.subarray(magic.length + 32))
    .digest();
  if (!digest.equals(bytes.subarray(magic.length, magic.length + 32))) return undefined;
  const count = bytes.readUInt32LE(headBytes - 4);
  let at = headBytes + count * (keyBytes + 4);
  if (at > bytes.length) return undefined;
  const keys = keysIn(bytes.subarray(headBytes), count);
  const entries = new Map<string, Float32Array>();
  for (const [i, key] of keys.entries()) {
    const length = bytes.readUInt32LE(headBytes + count * keyBytes + 4 * i);
    if (at + 4 * length > bytes.length) return undefined;
    entries.set(key, new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 4 * length)));
    at += 4 * length;
  }
  return at === bytes.length ? entries : undefined;
}

/** Removes the files used longest ago, of any encoder, until the rest takes no more than nine tenths of the limit. */
async function removeOldest(root: string, limit: number): Promise<void> {
  const folders = (await readdir(root)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const files: { readonly path: string; readonly bytes: number; readonly usedMs: number }[] = [];
  for (const folder of folders) {
    for (const name of (await readdir(join(root, folder)).catch(() => [])).filter(isOurs)) {
      const path = join(root, folder, name);
      // Another process may have removed it meanwhile.
      const found = await stat(path).catch(() => undefined);
      if (found) files.push({ path, bytes: found.size, usedMs: found.mtimeMs });
    }
  }
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= limit) return;
  for (const file of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= 0.9 * limit) return;
    await rm(file.path, { force: true });
    bytes -= file.bytes;
  }
}
