/** Lines of a stream of bytes that may come from anyone: each is a text, or is told why it is none. */
import { readingLimits } from "../../data/reading-limits.js";
import { textFault } from "../../data/texts/text-rows.js";

/** A line and its number, from 1 on; `fault` says why it is no text. */
export type InputLine = { readonly number: number } & (
  | { readonly text: string }
  | { readonly fault: string; readonly remedy: string }
);

const newline = 10;

/** The most bytes that the characters of a text take. */
const mostBytes = 3 * readingLimits.textLength;

/**
 * The lines of bytes, without their ends (LF or CRLF), each as soon as it is whole. What is kept is bounded: of a line that
 * is too long nothing but its number. What follows the last end is a line where it has a byte.
 *
 * @param chunks bytes of UTF-8, in any parts
 */
export async function* inputLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<InputLine> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  const grow = (bytes: Uint8Array): void => {
    length += bytes.length;
    // What was kept of a line that has become too long is of no more use.
    if (length > mostBytes) parts = [];
    else parts.push(bytes);
  };
  const end = (): InputLine => {
    number++;
    const line = length > mostBytes ? { number, ...tooLong } : lineOf(Buffer.concat(parts), number);
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let stop = chunk.indexOf(newline); stop >= 0; stop = chunk.indexOf(newline, from)) {
      grow(chunk.subarray(from, stop));
      yield end();
      from = stop + 1;
    }
    if (from < chunk.length) grow(chunk.subarray(from));
  }
  if (length > 0) yield end();
}

const tooLong = {
  fault: `the text has more than ${readingLimits.textLength} characters`,
  remedy: "Send a text a line",
};

function lineOf(bytes: Uint8Array, number: number): InputLine {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { number, fault: "the text is not UTF-8", remedy: "Send it as UTF-8, for example through iconv -t UTF-8" };
  }
  const line = text.endsWith("\r") ? text.slice(0, -1) : text;
  const fault = textFault(line);
  return fault === undefined ? { number, text: line } : { number, fault, remedy: "Leave it out" };
}
