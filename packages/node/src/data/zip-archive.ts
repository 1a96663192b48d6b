import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";
import { DataError, isSystemError, onFile, reasonOf } from "./data-error.js";

/** Limits of what is read of a zip archive. */
export interface ZipLimits {
  readonly entries: number;
  readonly entryBytes: number;
  readonly totalBytes: number;
  /** Largest uncompressed size of an entry as a multiple of its compressed size. */
  readonly ratio: number;
}

/** The limits of a zip archive unless others are given. */
export const defaultZipLimits: ZipLimits = {
  entries: 200_000,
  entryBytes: 64 * 2 ** 20,
  totalBytes: 2 * 2 ** 30,
  ratio: 200,
};

/** One file of an open archive. */
export interface ZipArchiveEntry {
  readonly name: string;
  /** The size that the archive claims; `read` makes sure of it. */
  readonly bytes: number;
  /** The contents, inflated and checked against size, limits and CRC-32. */
  read(): Promise<Uint8Array>;
  /** The same piece by piece, for what does not fit into memory; size and CRC-32 are checked after the last one. */
  stream(): AsyncGenerator<Uint8Array>;
}

// Below this size an entry may have any ratio: a bomb needs bytes.
const ratioFreeBytes = 64 * 1024;

/**
 * Opens a zip archive and passes its files (without folders) to `use`; closes it afterwards. All names are checked
 * before the first file is read, nothing is written to disk, and the limits hold for the bytes that really come out,
 * whatever the headers say.
 *
 * Throws DataError ILD03 (no such file), ILD11 (corrupt, truncated), ILD12 (path traversal, absolute path, link,
 * encryption, duplicate name) or ILD13 (limits).
 */
export async function withZipArchive<T>(
  path: string,
  use: (entries: readonly ZipArchiveEntry[]) => Promise<T>,
  limits: ZipLimits = defaultZipLimits,
): Promise<T> {
  const zip = await onFile(path, () =>
    openPromise(path, { autoClose: false, decodeStrings: false, lazyEntries: true }).catch((error: unknown) => {
      throw isSystemError(error) ? error : corrupt(path, error);
    }),
  );
  // yauzl also emits what its promises reject with; without a listener that would end the process.
  zip.on("error", () => undefined);
  try {
    return await use(await listEntries(zip, path, limits));
  } finally {
    zip.close();
  }
}

async function listEntries(zip: ZipFile, path: string, limits: ZipLimits): Promise<ZipArchiveEntry[]> {
  if (zip.entryCount > limits.entries) {
    throw tooLarge(path, `it holds ${zip.entryCount} entries, more than ${limits.entries}`);
  }
  const entries: ZipArchiveEntry[] = [];
  const seen = new Set<string>();
  const budget = { left: limits.totalBytes };
  let claimedBytes = 0;
  const iterator = zip.eachEntry();
  while (true) {
    const next = await iterator.next().catch((error: unknown) => {
      throw corrupt(path, error);
    });
    if (next.done) break;
    const entry: Entry = next.value;
    const name = safeName(entry, path);
    if (seen.has(name)) throw unsafe(path, name, "the name occurs twice");
    seen.add(name);
    checkKind(entry, path, name);
    if (name.endsWith("/")) continue;
    claimedBytes += entry.uncompressedSize;
    if (entry.uncompressedSize > limits.entryBytes) {
      throw tooLarge(`${path} > ${name}`, `it claims ${entry.uncompressedSize} bytes, more than ${limits.entryBytes}`);
    }
    if (claimedBytes > limits.totalBytes) {
      throw tooLarge(path, `its files claim more than ${limits.totalBytes} bytes together`);
    }
    entries.push({
      name,
      bytes: entry.uncompressedSize,
      read: () => readEntry(zip, entry, `${path} > ${name}`, limits, budget),
      stream: () => streamEntry(zip, entry, `${path} > ${name}`, limits, budget),
    });
  }
  return entries;
}

function safeName(entry: Entry, path: string): string {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  const shown = JSON.stringify(name.slice(0, 200));
  if (name === "" || name.length > 1024) throw unsafe(path, shown, "the name is empty or longer than 1024 characters");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\\]/.test(name)) throw unsafe(path, shown, "the name holds a backslash or a control character");
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name)) throw unsafe(path, shown, "the path is absolute");
  const segments = (name.endsWith("/") ? name.slice(0, -1) : name).split("/");
  if (segments.some((segment) => segment === ".." || segment === "." || segment === "")) {
    throw unsafe(path, shown, "the path leaves its folder or has empty parts");
  }
  return name;
}

function checkKind(entry: Entry, path: string, name: string): void {
  if (entry.isEncrypted()) throw unsafe(path, name, "it is encrypted");
  const unixType = (entry.externalFileAttributes >>> 16) & 0xf000;
  if (unixType === 0xa000) throw unsafe(path, name, "it is a symbolic link");
  if (unixType !== 0 && unixType !== 0x8000 && unixType !== 0x4000) throw unsafe(path, name, "it is a special file");
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw new DataError(
      "ILD11",
      `${path} > ${name}`,
      `compression method ${entry.compressionMethod} is not supported`,
      "Make the archive anew with the usual deflate compression.",
    );
  }
}

async function readEntry(...args: Parameters<typeof streamEntry>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamEntry(...args)) chunks.push(chunk);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

async function* streamEntry(
  zip: ZipFile,
  entry: Entry,
  where: string,
  limits: ZipLimits,
  budget: { left: number },
): AsyncGenerator<Uint8Array> {
  const ratioLimit = Math.max(ratioFreeBytes, entry.compressedSize * limits.ratio);
  const sum = new Crc32();
  let size = 0;
  const chunks = chunksOf(zip, entry, where);
  for await (const chunk of chunks) {
    size += chunk.length;
    budget.left -= chunk.length;
    if (size > limits.entryBytes) throw tooLarge(where, `it inflates to more than ${limits.entryBytes} bytes`);
    if (size > ratioLimit) {
      throw tooLarge(where, `${entry.compressedSize} bytes inflate to more than ${limits.ratio} times as many`);
    }
    if (budget.left < 0) throw tooLarge(where, `the archive inflates to more than ${limits.totalBytes} bytes`);
    sum.add(chunk);
    yield chunk;
  }
  if (size !== entry.uncompressedSize) throw corrupt(where, `${size} bytes instead of ${entry.uncompressedSize}`);
  if (sum.value !== entry.crc32) throw corrupt(where, `CRC-32 is ${hex(sum.value)}, expected ${hex(entry.crc32)}`);
}

/** What comes out of an entry; its own errors, and not those of who takes it, are the archive's. */
async function* chunksOf(zip: ZipFile, entry: Entry, where: string): AsyncGenerator<Uint8Array> {
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw error instanceof DataError ? error : corrupt(where, error);
  }
}

function corrupt(where: string, error: unknown): DataError {
  return new DataError(
    "ILD11",
    where,
    `the zip archive is corrupt or truncated (${reasonOf(error)})`,
    "Fetch or make the archive again.",
    { cause: error },
  );
}

function unsafe(path: string, entry: string, problem: string): DataError {
  return new DataError("ILD12", `${path} > ${entry}`, problem, "Do not trust this archive; nothing of it was used.");
}

function tooLarge(where: string, problem: string): DataError {
  return new DataError("ILD13", where, problem, "It looks like a zip bomb; unpack it by hand if you trust it.");
}

const hex = (value: number): string => value.toString(16).padStart(8, "0");

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** node:zlib has crc32 only from Node 20.15 and 22.2. */
class Crc32 {
  private state = 0xffffffff;

  add(bytes: Uint8Array): void {
    let value = this.state;
    for (let i = 0; i < bytes.length; i++) value = (value >>> 8) ^ crcTable[(value ^ bytes[i]!) & 255]!;
    this.state = value;
  }

  get value(): number {
    return (this.state ^ 0xffffffff) >>> 0;
  }
}
