/** Text from outside as messages show it: short, and in one line. */

/** Characters of text from outside that a message quotes. */
const quotedLength = 80;

/** A text or value from outside as a message quotes it: as JSON, cut off behind 80 characters. */
export function quoted(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(cut(value, quotedLength));
  if (typeof value === "bigint") return `${value}`;
  try {
    // Of a long list no more is written than is shown: each value takes a character at least.
    const beginning: unknown = Array.isArray(value) ? value.slice(0, quotedLength) : value;
    return cut(JSON.stringify(beginning) ?? String(value), quotedLength);
  } catch {
    // What `JSON.parse` reads may be nested deeper than `JSON.stringify` writes.
    return "a value that is nested too deeply";
  }
}

/** The text, or its beginning where it is longer. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length)}...`;

/** Characters that are kept of a reason, which may quote what it is about. */
const reasonLength = 400;

/** The short reason in an unknown thrown value, for use inside a longer message: its lines in one, without a full stop. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return cut(String(error), reasonLength);
  const cause = error.cause instanceof Error ? ` (${cut(error.cause.message, reasonLength)})` : "";
  const isLong = error.message.length > reasonLength;
  const lines = `${error.message.slice(0, reasonLength)}${cause}`.split("\n").map((line) => line.trim());
  let text = lines.filter((line) => line !== "").join("; ");
  while (text.endsWith(".") || text.endsWith(";")) text = text.slice(0, -1).trimEnd();
  return isLong && cause === "" ? `${text}...` : text;
}

/** The question whether a value from outside is an object with properties, and no list. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
