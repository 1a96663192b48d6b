import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { LongWork } from "@innerloop/experiments";
import { findPreset, isRecord, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { yieldToEventLoop } from "../long-work.js";
import { bytesFor, readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { writeAtomically, writeFully } from "./atomic-write.js";
import type { DatasetHeader } from "./stored-examples.js";
import type { DatasetSource, StoredHeader } from "./stored-kind.js";
import {
  type AnyContents,
  contentsOf,
  isKindName,
  type KindName,
  kindOf,
  type StoredContents,
} from "./stored-kinds.js";

/*
 * A stored data set is one file:
 *
 *   bytes 0..7    the ASCII letters "ILDATA" and two zero bytes
 *   bytes 8..11   format version, unsigned 32 bits, little endian: 1 for examples, 2 for all other kinds
 *   bytes 12..15  length H of the header, unsigned 32 bits, little endian, a multiple of 8
 *   bytes 16..47  SHA-256 of all bytes that follow
 *   48..48+H-1    header: JSON in UTF-8, filled up with spaces; in version 2 its `kind` says what the data are
 *   then          the data, as the record of the kind says; of examples class after class, row-major, bytes or
 *                 little-endian 32-bit floats
 */
const magic = Buffer.from("ILDATA\0\0", "latin1");
const newestVersion = 2;
const preambleBytes = 48;
const maximumNameLength = 512;
const pieceBytes = 4 * 2 ** 20;

/** Header, sizes and SHA-256 (hex) of a stored data set, whose kind says what its header is. */
export interface StoredFileSummary {
  readonly kind: KindName;
  readonly header: StoredHeader;
  readonly fileBytes: number;
  readonly sha256: string;
}

/** The same of examples. */
export interface DatasetFileSummary extends StoredFileSummary {
  readonly header: DatasetHeader;
}

/** Writes a data set file, whole or not at all. Throws DataError ILD06 (contents that do not fit together) or ILD03. */
export async function writeStoredFile(
  file: string,
  what: AnyContents,
  source: DatasetSource,
  work: LongWork = {},
): Promise<StoredFileSummary> {
  const { kind, contents } = contentsOf(what);
  const record = kindOf(kind);
  const misfit = (problem: string): DataError =>
    new DataError("ILD06", file, `${contents.name}: ${problem}`, `Nothing was stored; correct the ${kind}.`);
  const header = record.header(contents, source, misfit);
  // Examples say nothing of their kind: their files are as they were when there was no other.
  const json = Buffer.from(JSON.stringify(record.version === 1 ? header : { kind, ...header }), "utf8");
  const headerBytes = Buffer.alloc(Math.ceil(json.length / 8) * 8, " ");
  if (headerBytes.length > readingLimits.datasetHeaderBytes)
    throw misfit(`a header of ${headerBytes.length} bytes is larger than ${readingLimits.datasetHeaderBytes}`);
  json.copy(headerBytes);
  const total = headerBytes.length + record.dataBytes(header);
  const hash = createHash("sha256");
  const preamble = Buffer.alloc(preambleBytes);
  return writeAtomically(file, async (handle) => {
    await writeFully(handle, preamble);
    let done = 0;
    const write = async (piece: Uint8Array): Promise<void> => {
      work.signal?.throwIfAborted();
      hash.update(piece);
      await writeFully(handle, piece);
      done += piece.length;
      work.onProgress?.(done, total, `write ${file}`);
    };
    await write(headerBytes);
    for (const piece of record.pieces(contents)) await write(piece);
    const digest = hash.digest();
    magic.copy(preamble, 0);
    preamble.writeUInt32LE(record.version, 8);
    preamble.writeUInt32LE(headerBytes.length, 12);
    digest.copy(preamble, 16);
    await handle.write(preamble, 0, preambleBytes, 0);
    return { kind, header, fileBytes: preambleBytes + done, sha256: digest.toString("hex") };
  });
}

/** Writes a data set file of examples. Throws DataError ILD06 (examples that do not fit together) or ILD03. */
export async function writeDatasetFile(
  file: string,
  examples: LabelledExamples,
  source: DatasetSource,
  work: LongWork = {},
): Promise<DatasetFileSummary> {
  return (await writeStoredFile(file, { examples }, source, work)) as DatasetFileSummary;
}

/** Reads and checks the header only; the data may still be damaged. Throws DataError ILD03, ILD04 or ILD05. */
export function readDatasetHeader(file: string): Promise<StoredFileSummary> {
  return withFile(file, async (handle) => {
    const { kind, header, fileBytes, sha256 } = await readHead(handle, file);
    return { kind, header, fileBytes, sha256 };
  });
}

/** Reads a data set file, and checks every size and the SHA-256. Throws DataError ILD03, ILD04 or ILD05. */
export function readStoredFile(
  file: string,
  work: LongWork = {},
): Promise<StoredFileSummary & { readonly contents: AnyContents }> {
  return withFile(file, async (handle) => {
    const { kind, header, headerBytes, fileBytes, sha256, dataBytes } = await readHead(handle, file);
    const data = bytesFor(dataBytes, file);
    const hash = createHash("sha256").update(headerBytes);
    for (let start = 0; start < dataBytes; start += pieceBytes) {
      work.signal?.throwIfAborted();
      const piece = data.subarray(start, Math.min(dataBytes, start + pieceBytes));
      await readFully(handle, piece, preambleBytes + headerBytes.length + start, file);
      hash.update(piece);
      work.onProgress?.(start + piece.length, dataBytes, `read ${file}`);
      await yieldToEventLoop();
    }
    const found = hash.digest("hex");
    if (found !== sha256) throw damaged(file, `the SHA-256 is ${found}, expected ${sha256}`);
    const contents = kindOf(kind).contents(header, data, (problem) => damaged(file, problem));
    return { kind, header, fileBytes, sha256, contents: { [kind]: contents } as unknown as AnyContents };
  });
}

/**
 * What a data set file holds, where it is of this kind.
 *
 * @throws DataError ILD08 where it is of another, with the command that trains on it
 */
export function requireKind<K extends KindName>(
  wanted: K,
  { header, contents }: { readonly header: StoredHeader; readonly contents: AnyContents },
): StoredContents[K] {
  const found = contentsOf(contents);
  if (found.kind === wanted) return found.contents as StoredContents[K];
  const { what, training } = kindOf(found.kind);
  const problem = `the data set holds ${what}, where ${kindOf(wanted).what} are expected`;
  const command = findPreset(header.name) ? `innerloop train ${header.name}` : training(header.name);
  throw new DataError("ILD08", header.name, problem, `Train on it with \`${command}\`.`);
}

/** Reads a data set file of examples. Throws DataError ILD03, ILD04, ILD05, and ILD08 for one of another kind. */
export async function readDatasetFile(
  file: string,
  work: LongWork = {},
): Promise<DatasetFileSummary & { examples: LabelledExamples }> {
  const { contents, ...summary } = await readStoredFile(file, work);
  const examples = requireKind("examples", { ...summary, contents });
  return { ...(summary as DatasetFileSummary), examples };
}

const mostFileBytes = preambleBytes + readingLimits.datasetHeaderBytes + readingLimits.arrayBytes;

const withFile = <T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> =>
  withRegularFile(file, { most: mostFileBytes, links: "followed" }, use);

async function readHead(handle: FileHandle, file: string) {
  const { size: fileBytes } = await handle.stat();
  if (fileBytes < preambleBytes) throw damaged(file, `it has only ${fileBytes} bytes`);
  const preamble = Buffer.alloc(preambleBytes);
  await readFully(handle, preamble, 0, file);
  if (!preamble.subarray(0, magic.length).equals(magic)) throw damaged(file, "byte 0: it is not a data set file");
  const version = preamble.readUInt32LE(8);
  if (version < 1 || version > newestVersion)
    throw newer(file, `byte 8: its format is version ${version}, this program reads versions 1 to ${newestVersion}`);
  const headerLength = preamble.readUInt32LE(12);
  if (headerLength > readingLimits.datasetHeaderBytes || preambleBytes + headerLength > fileBytes) {
    throw damaged(file, `byte 12: a header of ${headerLength} bytes does not fit`);
  }
  const headerBytes = new Uint8Array(headerLength);
  await readFully(handle, headerBytes, preambleBytes, file);
  const { kind, header } = parseHeader(headerBytes, version, file);
  const dataBytes = fileBytes - preambleBytes - headerLength;
  const expected = kindOf(kind).dataBytes(header);
  if (dataBytes !== expected) {
    throw damaged(file, `it holds ${dataBytes} bytes of ${kind}, its header says ${expected}`);
  }
  return { kind, header, headerBytes, fileBytes, dataBytes, sha256: preamble.subarray(16, 48).toString("hex") };
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number, file: string): Promise<void> {
  let offset = 0;
  while (offset < into.length) {
    const { bytesRead } = await handle.read(into, offset, into.length - offset, position + offset);
    if (bytesRead === 0) throw damaged(file, `it ends at byte ${position + offset}`);
    offset += bytesRead;
  }
}

function parseHeader(
  bytes: Uint8Array,
  version: number,
  file: string,
): { readonly kind: KindName; readonly header: StoredHeader } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw damaged(file, "its header is not JSON in UTF-8");
  }
  if (!isRecord(parsed)) throw damaged(file, "its header is not an object");
  const { name, source } = parsed;
  const kind = version === 1 ? "examples" : parsed.kind;
  if (!isKindName(kind)) throw newer(file, `it holds ${quoted(kind)}, which this program does not know`);
  const record = kindOf(kind);
  if (record.version !== version) throw damaged(file, `${kind} in a file of version ${version}`);
  if (typeof name !== "string" || name.length > maximumNameLength) throw damaged(file, "its header has no name");
  if (!isSource(source)) throw damaged(file, "its header does not say where it came from");
  return { kind, header: record.parse(parsed, { name, source }, (problem) => damaged(file, problem)) };
}

function isSource(value: unknown): value is DatasetSource {
  if (!isRecord(value) || typeof value.kind !== "string") return false;
  return Object.values(value).every(
    (detail) =>
      ["string", "number", "boolean"].includes(typeof detail) ||
      (Array.isArray(detail) && detail.every((part) => typeof part === "string")),
  );
}

const newer = (file: string, problem: string): DataError =>
  new DataError("ILD05", file, problem, "Update innerloop, or get or import the data set again.");

function damaged(file: string, problem: string): DataError {
  return new DataError(
    "ILD04",
    file,
    `the stored data set is damaged: ${problem}`,
    "Run `innerloop data get NAME` or `innerloop data import NAME PATH` again to replace it.",
  );
}
