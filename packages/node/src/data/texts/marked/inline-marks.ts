/** Sentences whose spans are marked in place: `A flight to [Berlin](city)`. */
import type { Span } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { eachLine } from "../../formats/text-lines.js";
import { readingLimits } from "../../reading-limits.js";
import type { MarkedGathering, MarkedPlace } from "./marked-gathering.js";

/** A sentence with its spans, or what is wrong with its marks. */
export type InlineSentence = { readonly text: string; readonly spans: readonly Span[] } | { readonly problem: string };

/**
 * The sentence of a line with marks `[text](type)`. Brackets that are no mark stay as they are, and so does any character
 * behind a backslash, which is left out where a bracket or backslash follows.
 */
export function inlineMarks(line: string): InlineSentence {
  const parts: string[] = [];
  const spans: Span[] = [];
  let length = 0;
  // The text since the last bracket, which may have opened a mark.
  let recent = "";
  let isOpen = false;
  const flush = (): void => {
    parts.push(recent);
    length += recent.length;
    recent = "";
    isOpen = false;
  };
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    const next = line[at + 1];
    if (character === "\\" && next !== undefined && "[]\\".includes(next)) {
      recent += next;
      at++;
    } else if (character === "]" && next === "(") {
      const end = line.indexOf(")", at);
      if (end < 0) return { problem: `a mark ${quoted(line.slice(at))} without ")" behind its type` };
      const type = line.slice(at + 2, end).trim();
      if (!isOpen)
        return {
          problem: `${quoted(`](${type})`)} closes no mark: marks do not overlap; for the characters write \\]`,
        };
      if (type === "") return { problem: `a mark without a type: ${quoted(line.slice(at))}` };
      recent = recent.slice(1);
      if (recent.trim() === "") return { problem: `a mark ${quoted(`(${type})`)} without a text` };
      spans.push({ start: length, end: length + recent.length, type });
      flush();
      at = end;
    } else {
      if (character === "[") {
        flush();
        isOpen = true;
      } else if (character === "]") isOpen = false;
      recent += character;
    }
  }
  flush();
  return { text: parts.join(""), spans };
}

/** Reads sentences with marks, one a line; empty lines are left out. What is wrong with lines goes to `gathering`. */
export function readInlineMarks(
  path: string,
  place: MarkedPlace,
  gathering: MarkedGathering,
  work: LongWork,
): Promise<void> {
  return eachLine(
    path,
    { ...work, most: readingLimits.fieldLength, remedy: "Write a sentence in a line." },
    (line, number) => {
      if (line.trim() === "") return;
      const sentence = inlineMarks(line);
      if ("problem" in sentence) gathering.problems.add(`${path}:${number}`, sentence.problem);
      else gathering.add({ ...place, ...sentence }, `${path}:${number}`);
    },
  );
}
