import { createGunzip } from "node:zlib";
import type { LongWork } from "@innerloop/experiments";
import { reasonOf } from "@innerloop/experiments";
import { DataError, isSystemError } from "../data-error.js";
import { yieldToEventLoop } from "../long-work.js";
import { bytesFor, inflatedLimit, readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";

const blockBytes = 512;
/** Inflated at once. */
const pieceBytes = 2 ** 18;
/** Writers fill archives up with zeros, to whole tape blocks. */
const mostPadding = 2 ** 20;

/**
 * The contents of the wanted files of a tar archive compressed with gzip; a file that is not there is not in the result.
 * Names are compared whole, and no name is ever used as a path: nothing is written. Links and other entries are skipped.
 *
 * @param wanted names with the most bytes that each may have
 * @throws DataError ILD11 for an archive that is corrupt or cut short, ILD13 for one beyond the limits, ILD03
 */
export async function readTarGzip(
  path: string,
  wanted: ReadonlyMap<string, number>,
  { onProgress, signal }: LongWork = {},
): Promise<Map<string, Uint8Array>> {
  return withRegularFile(path, { most: readingLimits.tarBytes, links: "followed" }, async (handle, size) => {
    // Of everything in it, whether it is wanted or not.
    const most = Math.min(readingLimits.tarBytes, inflatedLimit(size));
    const compressed = handle.createReadStream({ autoClose: false, start: 0 });
    const reader = new TarReader(path, wanted);
    let inflated = 0;
    const stream = compressed.pipe(createGunzip({ chunkSize: pieceBytes }));
    // An error of the file itself ends the other end too, where it is waited for.
    compressed.on("error", (error) => stream.destroy(error));
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        signal?.throwIfAborted();
        inflated += chunk.length;
        if (inflated > most) {
          const problem = `its ${size} bytes inflate to more than ${most}`;
          throw new DataError("ILD13", path, problem, "It looks like a bomb; unpack it by hand if you trust it.");
        }
        reader.add(chunk);
        onProgress?.(Math.min(compressed.bytesRead, size), size, `read ${path}`);
        await yieldToEventLoop();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof DataError || isSystemError(error)) throw error;
      throw corrupt(path, reasonOf(error));
    } finally {
      compressed.destroy();
      stream.destroy();
    }
    return reader.finish();
  });
}

/** Entries from bytes that come in pieces. */
class TarReader {
  private readonly found = new Map<string, Uint8Array>();
  private readonly header = new Uint8Array(blockBytes);
  private headerUsed = 0;
  /** The wanted file that is being read, and how much of it is there. */
  private file: Uint8Array | undefined;
  private fileUsed = 0;
  /** Bytes of the entry that are still to come, and of the padding behind it. */
  private left = 0;
  private padding = 0;
  private entries = 0;
  private ended = false;
  private behindEnd = 0;

  constructor(
    private readonly path: string,
    private readonly wanted: ReadonlyMap<string, number>,
  ) {}

  add(chunk: Uint8Array): void {
    if (this.ended) this.behindEnd += chunk.length;
    if (this.behindEnd > mostPadding) {
      throw corrupt(this.path, `there are more than ${mostPadding} bytes behind its end`);
    }
    for (let at = 0; at < chunk.length && !this.ended; ) {
      if (this.left > 0) {
        const taken = chunk.subarray(at, at + Math.min(this.left, chunk.length - at));
        this.file?.set(taken, this.fileUsed);
        this.fileUsed += taken.length;
        this.left -= taken.length;
        at += taken.length;
      } else if (this.padding > 0) {
        const taken = Math.min(this.padding, chunk.length - at);
        this.padding -= taken;
        at += taken;
      } else {
        const taken = chunk.subarray(at, at + Math.min(blockBytes - this.headerUsed, chunk.length - at));
        this.header.set(taken, this.headerUsed);
        this.headerUsed += taken.length;
        at += taken.length;
        if (this.headerUsed === blockBytes) this.begin();
      }
    }
  }

  finish(): Map<string, Uint8Array> {
    if (this.left > 0 || this.headerUsed > 0) throw corrupt(this.path, "it ends within a file");
    return this.found;
  }

  /** Begins the entry of a whole header. */
  private begin(): void {
    const { header } = this;
    this.headerUsed = 0;
    if (header.every((byte) => byte === 0)) {
      this.ended = true;
      return;
    }
    const text = (start: number, length: number): string => {
      const bytes = Buffer.from(header.subarray(start, start + length));
      const end = bytes.indexOf(0);
      return bytes.toString("utf8", 0, end < 0 ? length : end);
    };
    const octal = (start: number, length: number): number => {
      const digits = text(start, length).trim();
      return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
    };
    // The sum of the header's bytes, those of the sum itself taken as spaces.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    const size = octal(124, 12);
    if (octal(148, 8) !== sum || !(size <= readingLimits.tarBytes))
      throw corrupt(this.path, "the header of an entry is not valid");
    if (++this.entries > readingLimits.tarEntries)
      throw corrupt(this.path, `it has more than ${readingLimits.tarEntries} entries`);
    const prefix = text(257, 5) === "ustar" ? text(345, 155) : "";
    const name = (prefix ? `${prefix}/${text(0, 100)}` : text(0, 100)).replace(/^\.\//, "");
    const type = text(156, 1);
    this.left = size;
    this.padding = (blockBytes - (size % blockBytes)) % blockBytes;
    this.file = undefined;
    this.fileUsed = 0;
    const most = this.wanted.get(name);
    if (most === undefined || (type !== "" && type !== "0")) return;
    if (size > most) {
      const problem = `the file has ${size} bytes, at most ${most} were expected`;
      throw new DataError("ILD13", `${this.path} > ${name}`, problem, "Fetch the official archive.");
    }
    if (this.found.has(name)) throw corrupt(this.path, `${name} occurs twice`);
    this.file = bytesFor(size, `${this.path} > ${name}`);
    this.found.set(name, this.file);
  }
}

function corrupt(path: string, problem: string): DataError {
  return new DataError(
    "ILD11",
    path,
    `the archive is corrupt or cut short, or no tar.gz (${problem})`,
    "Fetch it again.",
  );
}
