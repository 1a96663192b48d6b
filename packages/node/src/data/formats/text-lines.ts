/** The lines of a text file. */
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { eachTextPiece } from "./text-file.js";

/**
 * Hands over the lines of a file, numbered from 1 on, without their ends, which are LF or CRLF.
 *
 * @throws DataError ILD71 with the line, for one that is too long, or a file of another encoding than UTF-8; ILD03
 */
export async function eachTextLine(
  path: string,
  work: LongWork,
  take: (line: string, number: number) => void,
): Promise<void> {
  let number = 0;
  const takeLine = (line: string): void => {
    number++;
    take(line.endsWith("\r") ? line.slice(0, -1) : line, number);
  };
  // The parts of a line that goes over several pieces, joined once it has an end.
  let parts: string[] = [];
  let length = 0;
  await eachTextPiece(path, work, (piece) => {
    let from = 0;
    for (let end = piece.indexOf("\n"); end >= 0; end = piece.indexOf("\n", from)) {
      takeLine(parts.join("") + piece.slice(from, end));
      parts = [];
      length = 0;
      from = end + 1;
    }
    parts.push(piece.slice(from));
    length += piece.length - from;
    if (length > readingLimits.jsonLineLength) {
      const problem = `the line is longer than ${readingLimits.jsonLineLength}`;
      throw new DataError("ILD71", `${path}:${number + 1}`, problem, "Is it the right file? Put one record in a line.");
    }
  });
  if (length > 0) takeLine(parts.join(""));
}
