import { createGunzip } from "node:zlib";
import { reasonOf } from "@innerloop/experiments";
import { DataError, isSystemError } from "../data-error.js";
import { bytesFor, inflatedLimit, readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";

/** The contents of an IDX file of bytes: `dimensions` from the header, and exactly their product of bytes. */
export interface IdxArray {
  readonly dimensions: readonly number[];
  readonly data: Uint8Array;
}

export interface IdxLimits {
  readonly bytes: number;
}

const defaultLimits: IdxLimits = { bytes: readingLimits.idxBytes };

/**
 * Reads an IDX file (http://yann.lecun.com/exdb/mnist/) of unsigned bytes with the given number of dimensions;
 * a name that ends in .gz is inflated, as far as its header says. Throws DataError ILD41 where the header, the sizes or the
 * length are wrong, or more comes out than a file of its size may hold; ILD07 or ILD03.
 */
export function readIdx(path: string, rank: number, limits: IdxLimits = defaultLimits): Promise<IdxArray> {
  return withRegularFile(path, { most: limits.bytes, links: "followed" }, async (handle, size) => {
    const compressed = path.endsWith(".gz");
    const most = compressed ? Math.min(limits.bytes, inflatedLimit(size)) : limits.bytes;
    const stored = handle.createReadStream({ autoClose: false, start: 0 });
    const stream = compressed ? stored.pipe(createGunzip({ chunkSize: 2 ** 18 })) : stored;
    if (stream !== stored) stored.on("error", (error) => stream.destroy(error));
    const array = new GrowingIdx(path, rank, { bytes: most });
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) array.add(chunk);
    } catch (error) {
      if (error instanceof DataError || isSystemError(error)) throw error;
      throw invalid(path, `it cannot be inflated (${reasonOf(error)})`);
    } finally {
      stored.destroy();
      stream.destroy();
    }
    return array.finish();
  });
}

/** An IDX file whose bytes come in pieces, kept once: in the array that its header asks for. */
class GrowingIdx {
  private readonly header: Uint8Array;
  private headerUsed = 0;
  private dimensions: readonly number[] = [];
  private data: Uint8Array | undefined;
  private used = 0;

  constructor(
    private readonly where: string,
    private readonly rank: number,
    private readonly limits: IdxLimits,
  ) {
    this.header = new Uint8Array(4 + 4 * rank);
  }

  add(chunk: Uint8Array): void {
    let rest = chunk;
    if (!this.data) {
      const taken = rest.subarray(0, this.header.length - this.headerUsed);
      this.header.set(taken, this.headerUsed);
      this.headerUsed += taken.length;
      rest = rest.subarray(taken.length);
      if (this.headerUsed < this.header.length) return;
      const { dimensions, size } = parseHeader(this.header, this.where, this.rank, this.limits);
      this.dimensions = dimensions;
      this.data = bytesFor(size, this.where);
    }
    if (this.used + rest.length > this.data.length) throw this.wrongLength("more");
    this.data.set(rest, this.used);
    this.used += rest.length;
  }

  finish(): IdxArray {
    if (!this.data) throw invalid(this.where, `${this.headerUsed} bytes are too few for its header`);
    if (this.used < this.data.length) throw this.wrongLength(String(this.used));
    return { dimensions: this.dimensions, data: this.data };
  }

  private wrongLength(found: string): DataError {
    const expected = `${this.dimensions.join(" x ")} = ${this.data?.length} bytes after byte ${this.header.length}`;
    return invalid(this.where, `the header says ${expected}, there are ${found}`);
  }
}

/** Parses the bytes of an IDX file; see readIdx. */
export function parseIdx(bytes: Uint8Array, where: string, rank: number, limits: IdxLimits = defaultLimits): IdxArray {
  const array = new GrowingIdx(where, rank, limits);
  array.add(bytes);
  return array.finish();
}

function parseHeader(header: Uint8Array, where: string, rank: number, limits: IdxLimits) {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
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
  return { dimensions, size };
}

function invalid(where: string, problem: string): DataError {
  return new DataError("ILD41", where, problem, "Fetch the file again.");
}
