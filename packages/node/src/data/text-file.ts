import type { FileHandle } from "node:fs/promises";
import { DataError } from "./data-error.js";
import { type LongWork, yieldToEventLoop } from "./long-work.js";
import { readingLimits } from "./reading-limits.js";
import { withRegularFile } from "./regular-file.js";

const pieceBytes = 2 ** 20;

/**
 * Hands over the text of a UTF-8 file, piece by piece, without byte order mark.
 *
 * @throws DataError ILD03 for a file that cannot be read or beyond 16 GiB, ILD71 for one that is not UTF-8
 */
export function eachTextPiece(path: string, work: LongWork, take: (text: string) => void): Promise<void> {
  // More would not fit into memory either.
  const options = { most: readingLimits.textFileBytes, links: "followed" } as const;
  return withRegularFile(path, options, (handle, size) => readPieces(handle, { path, size, take, ...work }));
}

async function readPieces(
  handle: FileHandle,
  setting: LongWork & { readonly path: string; readonly size: number; readonly take: (text: string) => void },
): Promise<void> {
  const { path, size, take, onProgress, signal } = setting;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes: Uint8Array, stream: boolean, at: number): string => {
    try {
      return decoder.decode(bytes, { stream });
    } catch {
      const problem = `the text is not UTF-8, about byte ${at}`;
      throw new DataError("ILD71", path, problem, "Save it as UTF-8.");
    }
  };
  const piece = new Uint8Array(pieceBytes);
  let done = 0;
  while (done < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, size - done), done);
    if (bytesRead === 0) break;
    take(decode(piece.subarray(0, bytesRead), true, done));
    done += bytesRead;
    onProgress?.(Math.min(done, size), size, `read ${path}`);
    await yieldToEventLoop();
  }
  signal?.throwIfAborted();
  take(decode(new Uint8Array(0), false, done));
}
