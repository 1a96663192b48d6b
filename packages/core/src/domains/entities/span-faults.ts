/** Faults of spans as users give them. */
import { shownValue } from "../../tasks/value-gate.js";
import type { Span } from "./marked-texts.js";

/** Characters of the name of a type, at most. */
const typeLength = 512;

/**
 * The spans of a text in the order of their starts, without the blanks that they begin or end with; and what is wrong with
 * them, a sentence each: spans outside the text, without a character in them, within a character, of no type, or that
 * overlap, both named. Nothing is wrong where the list is empty.
 */
export function checkedSpans(
  text: string,
  spans: readonly Span[],
): { readonly spans: readonly Span[]; readonly faults: readonly string[]; readonly trimmed: number } {
  const faults = spans.flatMap((span) => faultOf(text, span) ?? []);
  if (faults.length > 0) return { spans: [], faults, trimmed: 0 };
  const tight = spans.map((span) => withoutBlanks(text, span)).sort((a, b) => a.start - b.start || a.end - b.end);
  const overlapping: string[] = [];
  // The span so far that reaches furthest: one may lie over several others.
  let furthest: Span | undefined;
  for (const span of tight) {
    if (furthest && span.start < furthest.end)
      overlapping.push(`${shownSpan(text, furthest)} and ${shownSpan(text, span)} overlap`);
    if (!furthest || span.end > furthest.end) furthest = span;
  }
  const length = (list: readonly Span[]): number => list.reduce((sum, { start, end }) => sum + end - start, 0);
  return { spans: tight, faults: overlapping, trimmed: length(spans) - length(tight) };
}

/** A span as messages show it: `"New York" (city, 12 to 20)`. */
export function shownSpan(text: string, { start, end, type }: Span): string {
  const marked = text.slice(start, end);
  const shown = marked.length > 40 ? `${marked.slice(0, 40)}...` : marked;
  return `${JSON.stringify(shown)} (${type.slice(0, 40)}, ${start} to ${end})`;
}

function faultOf(text: string, { start, end, type }: Span): string | undefined {
  const place = `the span ${shownValue(start)} to ${shownValue(end)}`;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return `${place}: offsets are whole numbers`;
  if (typeof type !== "string" || type.trim() === "") return `${place} has no type`;
  if (type.length > typeLength)
    return `${place} has a type of ${type.length} characters, at most ${typeLength} are read`;
  if (start < 0 || end > text.length)
    return `${place} (${type.slice(0, 40)}) is not within the text, which has ${text.length} UTF-16 units`;
  if (start >= end) return `${place} (${type.slice(0, 40)}) is empty: an end is behind the last character`;
  if (splitsCharacter(text, start) || splitsCharacter(text, end))
    return `${place} (${type.slice(0, 40)}) begins or ends within a character: offsets count UTF-16 units, of which it has two`;
  if (text.slice(start, end).trim() === "") return `${place} (${type.slice(0, 40)}) holds nothing but blanks`;
  return undefined;
}

/** Whether an offset is between the two units of one character. */
const splitsCharacter = (text: string, at: number): boolean =>
  at > 0 && at < text.length && text.codePointAt(at - 1)! > 0xffff;

function withoutBlanks(text: string, { start, end, type }: Span): Span {
  const marked = text.slice(start, end);
  const before = marked.length - marked.trimStart().length;
  return { start: start + before, end: start + before + marked.trim().length, type: type.trim() };
}
