import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { yieldToEventLoop } from "../long-work.js";
import { readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";

const pieceBytes = 2 ** 20;

/** A way to the text of a table, piece by piece: that of `eachTextPiece`, or of an entry of an archive. */
export type TextPieces = (path: string, work: LongWork, take: (text: string) => void) => Promise<void>;

/**
 * Hands over the text of a file, piece by piece, without byte order mark: UTF-8, or UTF-16 where that mark says so.
 *
 * @throws DataError ILD03 for a file that cannot be read or beyond 16 GiB, ILD71 with the line for one of another encoding
 */
export function eachTextPiece(path: string, work: LongWork, take: (text: string) => void): Promise<void> {
  // More would not fit into memory either.
  const options = { most: readingLimits.textFileBytes, links: "followed" } as const;
  return withRegularFile(path, options, (handle, size) =>
    takeTextOf(piecesOf(handle, size), { path, size, take, ...work }),
  );
}

/** Hands over the text of bytes that come in pieces, such as those of an archive's entry, as `eachTextPiece` does. */
export async function takeTextOf(
  pieces: AsyncIterable<Uint8Array>,
  setting: LongWork & { readonly path: string; readonly size: number; readonly take: (text: string) => void },
): Promise<void> {
  const { path, size, take, onProgress, signal } = setting;
  let encoding: ReturnType<typeof encodingBy> = "utf-8";
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let lines = 0;
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    if (!decoder) {
      encoding = encodingBy(bytes);
      decoder = new TextDecoder(encoding, { fatal: true });
    }
    try {
      return decoder.decode(bytes, { stream });
    } catch {
      throw notText(encoding, `${path}:${lines + lineOfFault(bytes)}`);
    }
  };
  let done = 0;
  for await (const bytes of pieces) {
    signal?.throwIfAborted();
    take(decode(bytes, true));
    lines += lineEnds(bytes);
    done += bytes.length;
    onProgress?.(Math.min(done, size), size, `read ${path}`);
    await yieldToEventLoop();
  }
  signal?.throwIfAborted();
  take(decode(new Uint8Array(0), false));
}

/** The bytes of an open file in pieces, each in the place of the one before. */
async function* piecesOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(pieceBytes);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, size - done), done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

/** The text of a file that was read whole, as `eachTextPiece` decodes it. @throws DataError ILD71 with the line */
export function textOfBytes(bytes: Uint8Array, path: string): string {
  const encoding = encodingBy(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw notText(encoding, `${path}:${lineOfFault(bytes)}`);
  }
}

function notText(encoding: string, where: string): DataError {
  const problem = `the text is not ${encoding.toUpperCase()}`;
  return new DataError("ILD71", where, problem, "Save it as UTF-8: as it is, it may be Windows-1252 or Latin-1.");
}

/** The encoding that a byte order mark says, UTF-8 without one. */
export function encodingBy([first, second]: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

const lineFeed = 10;

function lineEnds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) count++;
  return count;
}

/** The first line of a piece, from 1 on, that is not UTF-8; the last where it is only not whole. */
function lineOfFault(bytes: Uint8Array): number {
  let line = 1;
  let from = 0;
  for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, from)) {
    // The beginning of a piece may be the end of a character.
    if (from > 0 && !isUtf8(bytes.subarray(from, end))) return line;
    if (from === 0 && !isUtf8(bytes.subarray(firstCharacter(bytes), end))) return line;
    line++;
    from = end + 1;
  }
  return line;
}

/** Where the first character begins that is not the rest of one. */
function firstCharacter(bytes: Uint8Array): number {
  let at = 0;
  while (at < 3 && at < bytes.length && (bytes[at]! & 0xc0) === 0x80) at++;
  return at;
}
