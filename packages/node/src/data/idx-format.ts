import { open, readFile } from "node:fs/promises";
import { gunzip } from "node:zlib";
import { DataError, onFile, reasonOf } from "./data-error.js";

/** The contents of an IDX file of bytes: `dimensions` from the header, and exactly their product of bytes. */
export interface IdxArray {
  readonly dimensions: readonly number[];
  readonly data: Uint8Array;
}

export interface IdxLimits {
  readonly bytes: number;
}

const defaultLimits: IdxLimits = { bytes: 2 ** 30 };

/**
 * Reads an IDX file (http://yann.lecun.com/exdb/mnist/) of unsigned bytes with the given number of dimensions;
 * a name that ends in .gz is inflated. Throws DataError ILD41 where the header, the sizes or the length are wrong.
 */
export async function readIdx(path: string, rank: number, limits: IdxLimits = defaultLimits): Promise<IdxArray> {
  const stored = await onFile(path, async () => {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      if (size > limits.bytes) throw invalid(path, `the file has ${size} bytes, more than ${limits.bytes}`);
    } finally {
      await handle.close();
    }
    return readFile(path);
  });
  return parseIdx(path.endsWith(".gz") ? await inflate(path, stored, limits.bytes) : stored, path, rank, limits);
}

/** Parses the bytes of an IDX file; see readIdx. */
export function parseIdx(bytes: Uint8Array, where: string, rank: number, limits: IdxLimits = defaultLimits): IdxArray {
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) throw invalid(where, `${bytes.length} bytes are too few for its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const expected = 0x0800 + rank;
  if (magic !== expected) {
    throw invalid(where, `byte 0: the magic number is ${magic}, expected ${expected} (bytes in ${rank} dimensions)`);
  }
  const dimensions: number[] = [];
  let size = 1;
  for (let axis = 0; axis < rank; axis++) {
    const dimension = view.getUint32(4 + 4 * axis);
    size *= dimension;
    if (dimension === 0 || size > limits.bytes) {
      throw invalid(where, `byte ${4 + 4 * axis}: dimension ${axis} is ${dimension}, zero or beyond the size limit`);
    }
    dimensions.push(dimension);
  }
  if (bytes.length !== headerBytes + size) {
    throw invalid(
      where,
      `the header says ${dimensions.join(" x ")} = ${size} bytes after byte ${headerBytes}, there are ${bytes.length - headerBytes}`,
    );
  }
  return { dimensions, data: bytes.subarray(headerBytes) };
}

function inflate(path: string, bytes: Uint8Array, maximumBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: maximumBytes }, (error, result) => {
      if (error) reject(invalid(path, `it cannot be inflated (${reasonOf(error)})`));
      else resolve(result);
    });
  });
}

function invalid(where: string, problem: string): DataError {
  return new DataError("ILD41", where, problem, "Fetch the file again.");
}
