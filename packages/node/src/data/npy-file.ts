import { type FileHandle, open } from "node:fs/promises";
import { DataError, onFile } from "./data-error.js";
import { type LongWork, yieldToEventLoop } from "./long-work.js";
import { arrayOf, countOf, type NumericArray, type NumericType, numericType } from "./numeric-array.js";
import { withZipArchive, type ZipLimits } from "./zip-archive.js";

/** Bytes of one array. */
const maximumArrayBytes = 4 * 2 ** 30;
const maximumHeaderBytes = 2 ** 16;
const magic = Buffer.from("\x93NUMPY", "latin1");

// An array of zeros shrinks to a thousandth: what counts is how many bytes come out.
const zipLimits: ZipLimits = { entries: 1000, entryBytes: 4 * 2 ** 30, totalBytes: 16 * 2 ** 30, ratio: 1100 };

/**
 * The array of a .npy file.
 *
 * @throws DataError ILD72 for anything but an array of numbers, whole and of at most 4 GiB; ILD03
 */
export async function readNpy(path: string, work: LongWork = {}): Promise<NumericArray> {
  return onFile(path, async () => {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      if (size > maximumArrayBytes + maximumHeaderBytes) {
        throw wrong(path, `it has ${size} bytes, more than ${maximumArrayBytes}`, "Store a part of it.");
      }
      return parseNpy(await readWhole(handle, size, path, work), path);
    } finally {
      await handle.close();
    }
  });
}

async function readWhole(handle: FileHandle, size: number, path: string, work: LongWork): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    work.signal?.throwIfAborted();
    const { bytesRead } = await handle.read(bytes, at, Math.min(size - at, 4 * 2 ** 20), at);
    if (bytesRead === 0) throw wrong(path, `it ends at byte ${at}`, "Was it still being written?");
    at += bytesRead;
    work.onProgress?.(at, size, `read ${path}`);
    await yieldToEventLoop();
  }
  return bytes;
}

/** The arrays of a .npz archive by their names, read when asked for. @throws DataError ILD72, ILD11 to ILD13, ILD03 */
export function withNpz<T>(
  path: string,
  use: (arrays: ReadonlyMap<string, () => Promise<NumericArray>>) => Promise<T>,
): Promise<T> {
  return withZipArchive(
    path,
    (entries) => {
      const arrays = entries.filter(({ name }) => name.endsWith(".npy"));
      return use(
        new Map(
          arrays.map(({ name, read }) => [
            name.slice(0, -".npy".length),
            async () => parseNpy(await read(), `${path} > ${name}`),
          ]),
        ),
      );
    },
    zipLimits,
  );
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
  const limits = { ...zipLimits, entryBytes: 64 * 2 ** 30, totalBytes: 64 * 2 ** 30 };
  return withZipArchive(
    path,
    async (entries) => {
      const entry = entries.find((found) => found.name === `${name}.npy`);
      if (!entry) throw wrong(path, `it holds no array ${name}`, "Is it the right file?");
      const where = `${path} > ${entry.name}`;
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
        const { start, shape, type } = head;
        const rowBytes = (countOf(shape.slice(1)) ?? 0) * type.bytes;
        if (rowBytes === 0 || rowBytes > 2 ** 22)
          throw wrong(where, `rows of ${rowBytes} bytes`, "Store smaller ones.");
        rest = rest.subarray(start);
        async function* rows(): AsyncGenerator<Uint8Array> {
          for await (const chunk of chunks) {
            rest = Buffer.concat([rest, chunk]);
            const whole = rest.length - (rest.length % rowBytes);
            if (whole > 0) yield rest.subarray(0, whole);
            rest = rest.subarray(whole);
          }
          if (rest.length > 0) yield rest;
        }
        return await use({ head, rows });
      } finally {
        await chunks.return(undefined);
      }
    },
    limits,
  );
}

/** The array in the bytes of a .npy file, formats 1.0 to 3.0. @throws DataError ILD72 */
export function parseNpy(bytes: Uint8Array, where: string): NumericArray {
  const head = npyHead(bytes, bytes.length, where);
  if (!head) throw wrong(where, "it ends within its header", "Save it anew.");
  const { start, type, shape, fortranOrder } = head;
  return arrayOf(bytes.subarray(start), type, shape, { fortranOrder });
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
export function npyHead(bytes: Uint8Array, total: number, where: string): NpyHead | undefined {
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
  if (headerBytes > maximumHeaderBytes || start > total) {
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
    throw wrong(where, `it holds values of type ${JSON.stringify(descriptor)}`, remedy);
  }
  const count = countOf(shape);
  const expected = count === undefined ? undefined : count * type.bytes;
  if (expected === undefined || expected !== total - start) {
    const problem = `shape (${shape.join(", ")}) of ${descriptor} does not take the ${total - start} bytes there are`;
    throw wrong(where, problem, "Was it cut short? Save it anew.");
  }
  return { start, type, shape, fortranOrder };
}

/** The header is a Python dictionary, always written in this one way. */
function parseHeader(header: string, where: string) {
  const found =
    /^\{'descr': ('[^']*'|\[.*\]), 'fortran_order': (True|False), 'shape': \(((?:\d{1,16}L?(?:, ?)?)*)\), ?\} *\n?$/s.exec(
      header,
    );
  if (!found) throw wrong(where, `its header is ${JSON.stringify(header.slice(0, 120))}`, "Save it with numpy.save.");
  const [, descriptor = "", fortran, shape = ""] = found;
  return {
    descriptor: descriptor.replace(/^'|'$/g, "").slice(0, 80),
    fortranOrder: fortran === "True",
    shape: (shape.match(/\d+/g) ?? []).map(Number),
  };
}

function wrong(where: string, problem: string, remedy: string): DataError {
  return new DataError("ILD72", where, problem, remedy);
}
