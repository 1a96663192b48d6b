import { read } from "node:fs";
import { Readable } from "node:stream";
import { quoted, reasonOf } from "@innerloop/experiments";
import {
  type Entry,
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  RandomAccessReader,
  type ZipFile,
} from "yauzl";
import { DataError, isSystemError } from "../data-error.js";
import { bytesFor, inflatedLimit, readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";

/** Limits of what is read of a zip archive. */
export interface ZipLimits {
  readonly entries: number;
  readonly entryBytes: number;
  /** Of all that is read; `inflatedLimit` of the archive's own size bounds it as well. */
  readonly totalBytes: number;
  /** Largest uncompressed size of an entry as a multiple of its compressed size. */
  readonly ratio: number;
}

/** The limits of a zip archive unless others are given. */
export const defaultZipLimits: ZipLimits = {
  entries: readingLimits.zipEntries,
  entryBytes: readingLimits.zipEntryBytes,
  totalBytes: readingLimits.zipBytes,
  ratio: 200,
};

const pieceBytes = 2 ** 16;

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

/**
 * Opens a zip archive and passes its files (without folders) to `use`; closes it afterwards. All names are checked
 * before the first file is read, nothing is written to disk, and the limits hold for the bytes that really come out,
 * whatever the headers say. Names are as they would lie on disk: with slashes for backslashes, as some programs for Windows
 * write them, and without empty parts and `.`.
 *
 * Throws DataError ILD03 (no such file), ILD11 (corrupt, truncated), ILD12 (path traversal, absolute path, link,
 * encryption, duplicate name), ILD13 (limits) or ILD07 (an entry that the memory has no room for).
 */
export async function withZipArchive<T>(
  path: string,
  use: (entries: readonly ZipArchiveEntry[]) => Promise<T>,
  limits: ZipLimits = defaultZipLimits,
): Promise<T> {
  return withRegularFile(path, { most: readingLimits.archiveFileBytes, links: "followed" }, async ({ fd }, bytes) => {
    const options = { decodeStrings: false, lazyEntries: true, autoClose: false };
    const zip = await fromRandomAccessReaderPromise(new ArchiveFile(fd, bytes), bytes, options).catch(
      (error: unknown) => {
        throw isSystemError(error) ? error : corrupt(path, error);
      },
    );
    // yauzl also emits what its promises reject with; without a listener that would end the process.
    zip.on("error", () => undefined);
    return use(
      await listEntries(zip, path, { ...limits, totalBytes: Math.min(limits.totalBytes, inflatedLimit(bytes)) }),
    );
  });
}

/**
 * What yauzl reads an archive by. Its own reader hands any place that an archive names to the system, which throws for one
 * beyond 2^53: in a callback, where that ends the process, or in a queue, which waits for it for ever.
 */
class ArchiveFile extends RandomAccessReader {
  constructor(
    private readonly fd: number,
    private readonly bytes: number,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (position >= 0 && position + length <= this.bytes) read(this.fd, buffer, offset, length, position, done);
    else setImmediate(done, new Error(`it refers to bytes ${position} to ${position + length} of ${this.bytes}`));
  }

  override createReadStream({ start, end }: { readonly start: number; readonly end: number }): Readable {
    let at = start;
    const readNext = (stream: Readable): void => {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, end - at));
      if (piece.length === 0) {
        stream.push(null);
        return;
      }
      this.read(piece, 0, piece.length, at, (error, count = 0) => {
        at += count;
        if (error || count === 0) stream.destroy(error ?? new Error("it ends within an entry"));
        else stream.push(piece.subarray(0, count));
      });
    };
    return new Readable({
      read() {
        readNext(this);
      },
    });
  }
}

async function listEntries(zip: ZipFile, path: string, limits: ZipLimits): Promise<ZipArchiveEntry[]> {
  if (zip.entryCount > limits.entries) {
    throw tooLarge(path, `it holds ${zip.entryCount} entries, more than ${limits.entries}`);
  }
  const entries: ZipArchiveEntry[] = [];
  const seen = new Set<string>();
  const budget = { left: limits.totalBytes };
  const iterator = zip.eachEntry();
  while (true) {
    const next = await iterator.next().catch((error: unknown) => {
      throw corrupt(path, error);
    });
    if (next.done) break;
    const entry: Entry = next.value;
    const { name, isFolder } = safeName(entry, path);
    checkKind(entry, path, name);
    if (isFolder) continue;
    if (seen.has(name)) throw unsafe(path, quoted(name), "the name occurs twice");
    seen.add(name);
    entries.push({
      name,
      bytes: entry.uncompressedSize,
      read: () => readEntry(zip, entry, `${path} > ${name}`, limits, budget),
      stream: () => streamEntry(zip, entry, `${path} > ${name}`, limits, budget),
    });
  }
  return entries;
}

/** The path of an entry below a folder, and whether it is a folder itself. */
function safeName(entry: Entry, path: string): { readonly name: string; readonly isFolder: boolean } {
  const written = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  const refuse = (problem: string): DataError => unsafe(path, quoted(written), problem);
  if (written === "" || written.length > 1024) throw refuse("the name is empty or longer than 1024 characters");
  if ([...written].some(isControl)) throw refuse("the name holds a control character");
  const slashed = written.replaceAll("\\", "/");
  if (slashed.startsWith("/") || /^[A-Za-z]:/.test(slashed)) throw refuse("the path is absolute");
  const segments = slashed.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw refuse("the path leaves its folder");
  if (segments.length > readingLimits.zipDepth) {
    throw tooLarge(`${path} > ${quoted(written)}`, `it lies more than ${readingLimits.zipDepth} folders deep`);
  }
  // A name that is nothing but dots and slashes is the archive's own folder.
  return { name: segments.join("/"), isFolder: slashed.endsWith("/") || segments.length === 0 };
}

const isControl = (character: string): boolean => character < " " || (character >= "\x7f" && character <= "\x9f");

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

/** In one array of the size that the archive claims: what comes out is not kept twice. */
async function readEntry(...args: Parameters<typeof streamEntry>): Promise<Uint8Array> {
  const [, entry, where, limits, budget] = args;
  checkClaim(entry, where, limits, budget);
  const bytes = bytesFor(entry.uncompressedSize, where);
  let used = 0;
  for await (const chunk of streamEntry(...args)) {
    if (used + chunk.length > bytes.length) throw corrupt(where, `more than the ${bytes.length} bytes that it claims`);
    bytes.set(chunk, used);
    used += chunk.length;
  }
  return bytes;
}

/** Refuses before anything is inflated what would be refused on the way. */
function checkClaim(entry: Entry, where: string, limits: ZipLimits, budget: { readonly left: number }): void {
  const { uncompressedSize: claimed, compressedSize } = entry;
  if (claimed > limits.entryBytes) throw tooLarge(where, `it claims ${claimed} bytes, more than ${limits.entryBytes}`);
  if (claimed > ratioLimit(entry, limits)) {
    throw tooLarge(
      where,
      `it claims that ${compressedSize} bytes inflate to ${claimed}, more than ${limits.ratio} times`,
    );
  }
  if (claimed > budget.left) throw tooLarge(where, `the archive inflates to more than ${limits.totalBytes} bytes`);
}

// Below a size an entry may have any ratio: a bomb needs bytes.
const ratioLimit = ({ compressedSize }: Entry, { ratio }: ZipLimits): number =>
  Math.max(readingLimits.smallEntryBytes, compressedSize * ratio);

async function* streamEntry(
  zip: ZipFile,
  entry: Entry,
  where: string,
  limits: ZipLimits,
  budget: { left: number },
): AsyncGenerator<Uint8Array> {
  checkClaim(entry, where, limits, budget);
  const mostByRatio = ratioLimit(entry, limits);
  const sum = new Crc32();
  let size = 0;
  const chunks = chunksOf(zip, entry, where);
  for await (const chunk of chunks) {
    size += chunk.length;
    budget.left -= chunk.length;
    if (size > limits.entryBytes) throw tooLarge(where, `it inflates to more than ${limits.entryBytes} bytes`);
    if (size > mostByRatio) {
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
  const remedy =
    "Nothing of it was used. Make it anew, as with `zip -r archive.zip folder`, unless you do not trust it.";
  return new DataError("ILD12", `${path} > ${entry}`, problem, remedy);
}

function tooLarge(where: string, problem: string): DataError {
  return new DataError("ILD13", where, problem, "It looks like a zip bomb; unpack it if you trust it.");
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
