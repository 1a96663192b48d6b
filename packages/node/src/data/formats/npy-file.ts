import type { FileHandle } from "node:fs/promises";
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { yieldToEventLoop } from "../long-work.js";
import { bytesFor, readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { arrayOf, countOf, type NumericArray, type NumericType, numericType } from "./numeric-array.js";
import { withZipArchive, type ZipArchiveEntry, type ZipLimits } from "./zip-archive.js";

const magic = Buffer.from("\x93NUMPY", "latin1");

// An array of zeros shrinks to a thousandth: what counts is how many bytes come out of the archive as a whole.
const zipLimits: ZipLimits = {
  entries: readingLimits.npzEntries,
  entryBytes: readingLimits.arrayBytes + readingLimits.npyHeaderBytes,
  totalBytes: 4 * readingLimits.arrayBytes,
  ratio: 1100,
};

/**
 * The array of a .npy file.
 *
 * @throws DataError ILD72 for anything but an array of numbers, whole and of at most 4 GiB; ILD03
 */
export async function readNpy(path: string, work: LongWork = {}): Promise<NumericArray> {
  const most = readingLimits.arrayBytes + readingLimits.npyHeaderBytes;
  return withRegularFile(path, { most, links: "followed" }, async (handle, size) => {
    // Its head first: room is made for what is an array only.
    const head = new Uint8Array(Math.min(size, readingLimits.npyHeaderBytes + 12));
    await readInto(handle, head, path, {});
    requireHead(head, size, path);
    const bytes = bytesFor(size, path);
    await readInto(handle, bytes, path, work);
    return parseNpy(bytes, path);
  });
}

async function readInto(handle: FileHandle, bytes: Uint8Array, path: string, work: LongWork): Promise<void> {
  const size = bytes.length;
  for (let at = 0; at < size; ) {
    work.signal?.throwIfAborted();
    const { bytesRead } = await handle.read(bytes, at, Math.min(size - at, 4 * 2 ** 20), at);
    if (bytesRead === 0) throw wrong(path, `it ends at byte ${at}`, "Was it still being written?");
    at += bytesRead;
    work.onProgress?.(at, size, `read ${path}`);
    await yieldToEventLoop();
  }
}

/** An array of a .npz archive: what its head says, and its numbers, read when asked for. */
export interface ArchivedArray {
  head(): Promise<NpyHead>;
  read(): Promise<NumericArray>;
}

/** The arrays of a .npz archive by their names. @throws DataError ILD72, ILD07, ILD11 to ILD13, ILD03 */
export function withNpz<T>(path: string, use: (arrays: ReadonlyMap<string, ArchivedArray>) => Promise<T>): Promise<T> {
  return withZipArchive(
    path,
    (entries) => {
      const arrays = entries.filter(({ name }) => name.endsWith(".npy"));
      return use(new Map(arrays.map((entry) => [entry.name.slice(0, -".npy".length), archivedArray(entry, path)])));
    },
    zipLimits,
  );
}

function archivedArray(entry: ZipArchiveEntry, path: string): ArchivedArray {
  const where = `${path} > ${entry.name}`;
  const head = (): Promise<NpyHead> => withHead(entry, where, async ({ head: found }) => found);
  return {
    head,
    async read() {
      // No more is inflated for it than the kilobytes of its head, unless that is right.
      await head();
      return parseNpy(await entry.read(), where);
    },
  };
}

/** Passes the head of an array in an archive to `use`, with the bytes behind it that were inflated with it and the rest. */
async function withHead<T>(
  entry: ZipArchiveEntry,
  where: string,
  use: (found: { head: NpyHead; rest: Uint8Array; chunks: AsyncGenerator<Uint8Array> }) => Promise<T>,
): Promise<T> {
  const chunks = entry.stream();
  try {
    let rest: Uint8Array = new Uint8Array(0);
    let head: NpyHead | undefined;
    while (!head) {
      const next = await chunks.next();
      if (next.done) throw wrong(where, "it ends within its header", "Save it anew.");
      rest = Buffer.concat([rest, next.value]);
      head = npyHead(rest, entry.bytes, where);
    }
    return await use({ head, rest: rest.subarray(head.start), chunks });
  } finally {
    await chunks.return(undefined);
  }
}

/** An array in an archive that is too large for memory: its type and shape, and its rows, one or more at a time. */
export interface StreamedArray {
  readonly head: NpyHead;
  /** The bytes of the array, in pieces that hold whole rows: slices along the first axis. */
  rows(): AsyncGenerator<Uint8Array>;
}

/** Passes one array of a .npz archive to `use`, however large. @throws DataError ILD72, ILD11 to ILD13, ILD03 */
export function withStreamedArray<T>(
  path: string,
  name: string,
  use: (array: StreamedArray) => Promise<T>,
): Promise<T> {
  const most = readingLimits.streamedArrayBytes;
  return withZipArchive(
    path,
    async (entries) => {
      const entry = entries.find((found) => found.name === `${name}.npy`);
      if (!entry) throw wrong(path, `it holds no array ${name}`, "Is it the right file?");
      const where = `${path} > ${entry.name}`;
      return withHead(entry, where, ({ head, rest, chunks }) => {
        const rowBytes = (countOf(head.shape.slice(1)) ?? 0) * head.type.bytes;
        if (rowBytes === 0 || rowBytes > 2 ** 22)
          throw wrong(where, `rows of ${rowBytes} bytes`, "Store smaller ones.");
        return use({ head, rows: () => wholeRows(rest, chunks, rowBytes) });
      });
    },
    { ...zipLimits, entryBytes: most, totalBytes: most },
  );
}

/** Bytes in pieces of whole rows, each joined from what came of it: none is copied more than once. */
async function* wholeRows(
  first: Uint8Array,
  chunks: AsyncGenerator<Uint8Array>,
  rowBytes: number,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [first];
  let length = first.length;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length < rowBytes) continue;
    const joined = Buffer.concat(parts);
    const whole = length - (length % rowBytes);
    yield joined.subarray(0, whole);
    parts = [joined.subarray(whole)];
    length -= whole;
  }
  if (length > 0) yield Buffer.concat(parts);
}

/** The array in the bytes of a .npy file, formats 1.0 to 3.0. @throws DataError ILD72 */
export function parseNpy(bytes: Uint8Array, where: string): NumericArray {
  const { start, type, shape, fortranOrder } = requireHead(bytes, bytes.length, where);
  return arrayOf(bytes.subarray(start), type, shape, { fortranOrder });
}

function requireHead(bytes: Uint8Array, total: number, where: string): NpyHead {
  const head = npyHead(bytes, total, where);
  if (!head) throw wrong(where, "it ends within its header", "Save it anew.");
  return head;
}

/** What the head of a .npy file says, and where its numbers start. */
export interface NpyHead {
  readonly start: number;
  readonly type: NumericType;
  readonly shape: readonly number[];
  readonly fortranOrder: boolean;
}

/**
 * The head of a .npy file of so many bytes, of which these are the first; undefined where more of them are needed.
 *
 * @throws DataError ILD72 for anything but an array of numbers that takes the rest of the file
 */
function npyHead(bytes: Uint8Array, total: number, where: string): NpyHead | undefined {
  const shown = Math.min(bytes.length, magic.length);
  if (total < 10 || !magic.subarray(0, shown).equals(bytes.subarray(0, shown))) {
    throw wrong(where, "byte 0: it is not a .npy file", "Save it with numpy.save.");
  }
  if (bytes.length < 12) return undefined;
  const version = bytes[6]!;
  if (version < 1 || version > 3) {
    throw wrong(where, `byte 6: format ${version} is not read`, "Save it with numpy.save.");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  const headerBytes = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = 8 + lengthBytes + headerBytes;
  if (headerBytes > readingLimits.npyHeaderBytes || start > total) {
    throw wrong(where, `byte 8: a header of ${headerBytes} bytes does not fit`, "Save it anew.");
  }
  if (bytes.length < start) return undefined;
  const header = Buffer.from(bytes.subarray(8 + lengthBytes, start)).toString("latin1");
  const { descriptor, fortranOrder, shape } = parseHeader(header, where);
  const type = numericType(descriptor);
  if (!type) {
    const remedy = descriptor.includes("O")
      ? "Arrays of Python objects are never read: they can run code. Convert it to numbers."
      : "Convert it to numbers, such as float32.";
    throw wrong(where, `it holds values of type ${quoted(descriptor)}`, remedy);
  }
  const count = countOf(shape);
  const expected = count === undefined ? undefined : count * type.bytes;
  if (expected === undefined || expected !== total - start) {
    const problem = `shape (${shape.slice(0, 32).join(", ")}) of ${descriptor} does not take the ${total - start} bytes there are`;
    throw wrong(where, problem, "Was it cut short? Save it anew.");
  }
  return { start, type, shape, fortranOrder };
}

/** The header is a Python dictionary, always written in this one way; spaces and a line's end fill it up. */
function parseHeader(header: string, where: string) {
  const refuse = () => wrong(where, `its header is ${quoted(header)}`, "Save it with numpy.save.");
  const [beforeType, beforeOrder, beforeShape] = ["{'descr': ", ", 'fortran_order': ", ", 'shape': ("];
  // The description of records may hold any text: what follows it is looked for from behind.
  const [atOrder, atShape] = [header.lastIndexOf(beforeOrder), header.lastIndexOf(beforeShape)];
  if (!header.startsWith(beforeType) || atOrder < beforeType.length || atShape < atOrder) throw refuse();
  const descriptor = header.slice(beforeType.length, atOrder);
  const order = header.slice(atOrder + beforeOrder.length, atShape);
  const [shape = "", ...end] = header.slice(atShape + beforeShape.length).split(")");
  const isEnd = end.length === 1 && [",}", ", }", "}", " }"].includes(end[0]!.trimEnd());
  if (!["True", "False"].includes(order) || !isEnd || !isText(descriptor)) throw refuse();
  const lengths = shape.split(",").map((length) => length.trim());
  // One length has a comma behind it, as a tuple of one value has in Python.
  if (lengths.at(-1) === "") lengths.pop();
  // Python 2 wrote 5L.
  if (!lengths.every((length) => /^\d{1,16}L?$/.test(length))) throw refuse();
  return {
    descriptor: descriptor.startsWith("'") ? descriptor.slice(1, -1) : descriptor.slice(0, 80),
    fortranOrder: order === "True",
    shape: lengths.map((length) => Number.parseInt(length, 10)),
  };
}

/** Whether a descriptor is one in quotes, or a list of those of a record's fields. */
const isText = (descriptor: string): boolean =>
  descriptor.startsWith("[")
    ? descriptor.endsWith("]")
    : descriptor.length >= 2 && descriptor.startsWith("'") && descriptor.indexOf("'", 1) === descriptor.length - 1;

function wrong(where: string, problem: string, remedy: string): DataError {
  return new DataError("ILD72", where, problem, remedy);
}
