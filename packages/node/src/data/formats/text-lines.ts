/** Files of a value a line: texts as they are, and JSON. */
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { eachTextPiece, type TextPieces } from "./text-file.js";

/**
 * Hands over the lines of a text file without their ends, LF or CRLF, and the number of each from 1 on. What follows the
 * last line end is a line of its own, empty or not.
 *
 * @throws DataError ILD71 with the line, for one that is longer than `most` UTF-16 units, or text of another encoding; ILD03
 */
export async function eachLine(
  path: string,
  setting: LongWork & {
    readonly most: number;
    readonly remedy: string;
    /** Where the text is from; default the file at the path. */
    readonly pieces?: TextPieces | undefined;
  },
  take: (text: string, line: number) => void,
): Promise<void> {
  const { most, remedy, pieces = eachTextPiece, ...work } = setting;
  let line = 0;
  const takeLine = (text: string): void => {
    line++;
    take(text.endsWith("\r") ? text.slice(0, -1) : text, line);
  };
  // The parts of a line that goes over several pieces, joined once it has an end.
  let parts: string[] = [];
  let length = 0;
  const grow = (text: string): void => {
    length += text.length;
    if (length > most) throw wrong(path, line + 1, `the line is longer than ${most}`, remedy);
    parts.push(text);
  };
  await pieces(path, work, (piece) => {
    let from = 0;
    for (let end = piece.indexOf("\n"); end >= 0; end = piece.indexOf("\n", from)) {
      grow(piece.slice(from, end));
      takeLine(parts.length === 1 ? parts[0]! : parts.join(""));
      parts = [];
      length = 0;
      from = end + 1;
    }
    if (from < piece.length) grow(piece.slice(from));
  });
  takeLine(parts.join(""));
}

/**
 * Hands over the values of a file of JSON lines; empty lines are left out.
 *
 * @throws DataError ILD71 with the line, for one that is not JSON; ILD03
 */
export function eachJsonValue(
  path: string,
  { remedy, ...work }: LongWork & { readonly remedy: string; readonly pieces?: TextPieces | undefined },
  take: (value: unknown, line: number) => void,
): Promise<void> {
  return eachLine(
    path,
    { ...work, most: readingLimits.jsonLineLength, remedy: "Write one object a line." },
    (text, line) => {
      if (text.trim() === "") return;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        const isPython = text.includes("NaN") || text.includes("Infinity");
        throw wrong(
          path,
          line,
          `the line is not JSON${isPython ? ", which has no NaN or Infinity" : ""}`,
          isPython ? "Write null for them." : remedy,
        );
      }
      take(value, line);
    },
  );
}

function wrong(path: string, line: number, problem: string, remedy: string): DataError {
  return new DataError("ILD71", `${path}:${line}`, problem, remedy);
}
