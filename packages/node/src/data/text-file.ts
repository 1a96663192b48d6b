import { open } from "node:fs/promises";
import { DataError, onFile } from "./data-error.js";
import { type LongWork, yieldToEventLoop } from "./long-work.js";

/** Text files larger than this are refused: what they hold would not fit into memory either. */
const maximumTextBytes = 16 * 2 ** 30;
const pieceBytes = 2 ** 20;

/**
 * The text of a UTF-8 file, piece by piece, without byte order mark.
 *
 * @throws DataError ILD03 for a file that cannot be read, ILD71 for one that is not UTF-8 or beyond 16 GiB
 */
export async function* textPieces(path: string, { onProgress, signal }: LongWork = {}): AsyncGenerator<string> {
  const handle = await onFile(path, () => open(path, "r"));
  try {
    const { size } = await onFile(path, () => handle.stat());
    if (size > maximumTextBytes) {
      throw new DataError("ILD71", path, `it has ${size} bytes`, `At most ${maximumTextBytes} are read.`);
    }
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
    while (true) {
      signal?.throwIfAborted();
      const { bytesRead } = await onFile(path, () => handle.read(piece, 0, piece.length));
      if (bytesRead === 0) break;
      yield decode(piece.subarray(0, bytesRead), true, done);
      done += bytesRead;
      onProgress?.(Math.min(done, size), size, `read ${path}`);
      await yieldToEventLoop();
    }
    yield decode(new Uint8Array(0), false, done);
  } finally {
    await handle.close();
  }
}
