import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { hasTag } from "@innerloop/graph";
import { DataError } from "../data-error.js";
import type { LabelledExamples, Split } from "../labelled-examples.js";
import { yieldToEventLoop } from "../long-work.js";
import { bytesFor, readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { writeAtomically, writeFully } from "./atomic-write.js";

/*
 * A stored data set is one file:
 *
 *   bytes 0..7    the ASCII letters "ILDATA" and two zero bytes
 *   bytes 8..11   format version, unsigned 32 bits, little endian: 1
 *   bytes 12..15  length H of the header, unsigned 32 bits, little endian, a multiple of 8
 *   bytes 16..47  SHA-256 of all bytes that follow
 *   48..48+H-1    header: JSON in UTF-8, filled up with spaces
 *   then          the examples of class after class, row-major, bytes or little-endian 32-bit floats
 */
const magic = Buffer.from("ILDATA\0\0", "latin1");
const formatVersion = 1;
const preambleBytes = 48;
/** Examples of one data set take no more. */
export const maximumDataBytes = readingLimits.arrayBytes;
const maximumNameLength = 512;
const pieceBytes = 4 * 2 ** 20;
const splits: readonly unknown[] = ["train", "validation", "test"] satisfies Split[];

/** The origin of a stored data set; `kind` says which reader, the rest depends on it. */
export interface DatasetSource {
  readonly kind: string;
  readonly [detail: string]: string | number | boolean | readonly string[];
}

/** The head of a stored data set: its name, shapes, classes and source. */
export interface DatasetHeader {
  readonly name: string;
  readonly exampleShape: readonly number[];
  readonly elementType: "uint8" | "float32";
  /** `split` is there where the class belongs to a part of a published split. */
  readonly classes: readonly { readonly name: string; readonly count: number; readonly split?: Split }[];
  readonly source: DatasetSource;
}

/** Header, sizes and SHA-256 (hex) of a stored data set. */
export interface DatasetFileSummary {
  readonly header: DatasetHeader;
  readonly fileBytes: number;
  readonly sha256: string;
}

/** Writes a data set file, whole or not at all. Throws DataError ILD06 (examples that do not fit together) or ILD03. */
export async function writeDatasetFile(
  file: string,
  examples: LabelledExamples,
  source: DatasetSource,
  work: LongWork = {},
): Promise<DatasetFileSummary> {
  const header = headerOf(file, examples, source);
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const headerBytes = Buffer.alloc(Math.ceil(json.length / 8) * 8, " ");
  json.copy(headerBytes);
  const pieces = [
    headerBytes,
    ...examples.classes.map(({ examples: { buffer, byteOffset, byteLength } }) => {
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  ];
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const hash = createHash("sha256");
  const preamble = Buffer.alloc(preambleBytes);
  return writeAtomically(file, async (handle) => {
    await writeFully(handle, preamble);
    let done = 0;
    for (const piece of pieces) {
      work.signal?.throwIfAborted();
      hash.update(piece);
      await writeFully(handle, piece);
      done += piece.length;
      work.onProgress?.(done, total, `write ${file}`);
    }
    const digest = hash.digest();
    magic.copy(preamble, 0);
    preamble.writeUInt32LE(formatVersion, 8);
    preamble.writeUInt32LE(headerBytes.length, 12);
    digest.copy(preamble, 16);
    await handle.write(preamble, 0, preambleBytes, 0);
    return { header, fileBytes: preambleBytes + total, sha256: digest.toString("hex") };
  });
}

/** Reads and checks the header only; the examples may still be damaged. Throws DataError ILD03, ILD04 or ILD05. */
export function readDatasetHeader(file: string): Promise<DatasetFileSummary> {
  return withFile(file, async (handle) => {
    const { header, fileBytes, sha256 } = await readHead(handle, file);
    return { header, fileBytes, sha256 };
  });
}

/** Reads a data set file, and checks every size and the SHA-256. Throws DataError ILD03, ILD04 or ILD05. */
export function readDatasetFile(
  file: string,
  work: LongWork = {},
): Promise<DatasetFileSummary & { examples: LabelledExamples }> {
  return withFile(file, async (handle) => {
    const { header, headerBytes, fileBytes, sha256, dataBytes } = await readHead(handle, file);
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
    return { header, fileBytes, sha256, examples: examplesOf(header, data, file) };
  });
}

const mostFileBytes = preambleBytes + readingLimits.datasetHeaderBytes + maximumDataBytes;

const withFile = <T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> =>
  withRegularFile(file, { most: mostFileBytes, links: "followed" }, use);

async function readHead(handle: FileHandle, file: string) {
  const { size: fileBytes } = await handle.stat();
  if (fileBytes < preambleBytes) throw damaged(file, `it has only ${fileBytes} bytes`);
  const preamble = Buffer.alloc(preambleBytes);
  await readFully(handle, preamble, 0, file);
  if (!preamble.subarray(0, magic.length).equals(magic)) throw damaged(file, "byte 0: it is not a data set file");
  const version = preamble.readUInt32LE(8);
  if (version !== formatVersion) {
    throw new DataError(
      "ILD05",
      file,
      `byte 8: its format is version ${version}, this program reads version ${formatVersion}`,
      "Update innerloop, or get or import the data set again.",
    );
  }
  const headerLength = preamble.readUInt32LE(12);
  if (headerLength > readingLimits.datasetHeaderBytes || preambleBytes + headerLength > fileBytes) {
    throw damaged(file, `byte 12: a header of ${headerLength} bytes does not fit`);
  }
  const headerBytes = new Uint8Array(headerLength);
  await readFully(handle, headerBytes, preambleBytes, file);
  const header = parseHeader(headerBytes, file);
  const dataBytes = fileBytes - preambleBytes - headerLength;
  const expected = bytesOf(header);
  if (dataBytes !== expected) {
    throw damaged(file, `it holds ${dataBytes} bytes of examples, its header says ${expected}`);
  }
  return { header, headerBytes, fileBytes, dataBytes, sha256: preamble.subarray(16, 48).toString("hex") };
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number, file: string): Promise<void> {
  let offset = 0;
  while (offset < into.length) {
    const { bytesRead } = await handle.read(into, offset, into.length - offset, position + offset);
    if (bytesRead === 0) throw damaged(file, `it ends at byte ${position + offset}`);
    offset += bytesRead;
  }
}

function parseHeader(bytes: Uint8Array, file: string): DatasetHeader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw damaged(file, "its header is not JSON in UTF-8");
  }
  if (!isRecord(parsed)) throw damaged(file, "its header is not an object");
  const { name, exampleShape, elementType, classes, source } = parsed;
  if (typeof name !== "string" || name.length > maximumNameLength) throw damaged(file, "its header has no name");
  if (!isShape(exampleShape)) throw damaged(file, `its example shape is ${quoted(exampleShape)}`);
  if (elementType !== "uint8" && elementType !== "float32") throw damaged(file, "its element type is unknown");
  if (!Array.isArray(classes) || classes.length === 0 || classes.length > readingLimits.classes) {
    throw damaged(file, "its list of classes is missing, empty or too long");
  }
  const names = new Set<string>();
  const checked = (classes as unknown[]).map((entry, index) => {
    if (!isRecord(entry) || typeof entry.name !== "string" || !isCount(entry.count) || names.has(entry.name)) {
      throw damaged(file, `class ${index} of its header has no name of its own or no count`);
    }
    names.add(entry.name);
    const { split } = entry;
    if (split !== undefined && !isSplit(split))
      throw damaged(file, `class ${index} of its header has an unknown split`);
    return { name: entry.name, count: entry.count, ...(split ? { split } : {}) };
  });
  if (!isSource(source)) throw damaged(file, "its header does not say where it came from");
  return { name, exampleShape, elementType, classes: checked, source };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isSplit(value: unknown): value is Split {
  return splits.includes(value);
}

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.length >= 1 && value.length <= 8 && value.every(isCount);
}

function isSource(value: unknown): value is DatasetSource {
  if (!isRecord(value) || typeof value.kind !== "string") return false;
  return Object.values(value).every(
    (detail) =>
      ["string", "number", "boolean"].includes(typeof detail) ||
      (Array.isArray(detail) && detail.every((part) => typeof part === "string")),
  );
}

function bytesOf({ exampleShape, elementType, classes }: DatasetHeader): number {
  const exampleBytes = exampleShape.reduce((product, length) => product * length, elementType === "uint8" ? 1 : 4);
  return classes.reduce((sum, { count }) => sum + count * exampleBytes, 0);
}

function examplesOf(
  { name, exampleShape, elementType, classes }: DatasetHeader,
  data: Uint8Array,
  file: string,
): LabelledExamples {
  const size = exampleShape.reduce((product, length) => product * length, 1);
  const all = elementType === "uint8" ? data : new Float32Array(data.buffer);
  let start = 0;
  return {
    name,
    exampleShape,
    classes: classes.map((entry) => {
      const end = start + entry.count * size;
      const examples = all.subarray(start, end);
      start = end;
      const bad = hasTag(examples, "Uint8Array") ? -1 : examples.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw damaged(file, `class ${quoted(entry.name)} holds ${examples[bad]}`);
      return { ...entry, examples };
    }),
  };
}

function headerOf(file: string, examples: LabelledExamples, source: DatasetSource): DatasetHeader {
  const { name, exampleShape, ids, classes } = examples;
  const misfit = (problem: string) =>
    new DataError("ILD06", file, `${name}: ${problem}`, "Nothing was stored; correct the examples.");
  if (!isShape(exampleShape)) throw misfit(`the example shape is [${exampleShape}]`);
  // Texts are stored as texts: their ids depend on how words are coded.
  if (ids) throw misfit("its examples are ids of words or tokens, which are not stored");
  const first = classes[0]?.examples;
  if (!first) throw misfit("there are no classes");
  const elementType = hasTag(first, "Uint8Array") ? "uint8" : "float32";
  const size = exampleShape.reduce((product, length) => product * length, 1);
  const names = new Set<string>();
  for (const entry of classes) {
    const { name: className, count, examples: values } = entry;
    // Views that turn their examples when read (withRotations) keep them unturned in `examples`.
    if ("rotation" in entry && entry.rotation) throw misfit(`class ${className} is a rotated view; store the original`);
    if (names.has(className)) throw misfit(`there are two classes ${JSON.stringify(className)}`);
    names.add(className);
    if (!hasTag(values, elementType === "uint8" ? "Uint8Array" : "Float32Array"))
      throw misfit("classes are of different types: give bytes in all, or floats in all");
    if (!isCount(count) || values.length !== count * size) {
      throw misfit(`class ${className} has ${values.length} values, expected ${count} x ${size}`);
    }
  }
  const header: DatasetHeader = {
    name,
    exampleShape: [...exampleShape],
    elementType,
    classes: classes.map(({ name: className, count, split }) => ({
      name: className,
      count,
      ...(split ? { split } : {}),
    })),
    source,
  };
  const bytes = bytesOf(header);
  if (bytes > maximumDataBytes) throw misfit(`${bytes} bytes are more than ${maximumDataBytes}`);
  return header;
}

function damaged(file: string, problem: string): DataError {
  return new DataError(
    "ILD04",
    file,
    `the stored data set is damaged: ${problem}`,
    "Run `innerloop data get NAME` or `innerloop data import NAME PATH` again to replace it.",
  );
}
