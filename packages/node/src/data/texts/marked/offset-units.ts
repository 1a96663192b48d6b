/** The units that offsets count: JavaScript's are UTF-16 units, those of other languages characters or bytes. */
import type { Span } from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";

/** Other units that offsets may be of, with the way to the offsets wanted. */
const others = {
  "code points": {
    places: (text: string): readonly number[] => placesBy(text, () => 1),
    remedy: 'Give UTF-16 offsets: in Python, len(text[:start].encode("utf-16-le")) // 2.',
  },
  "UTF-8 bytes": {
    places: (text: string): readonly number[] => placesBy(text, utf8Length),
    remedy: "Give UTF-16 offsets: those of a JavaScript string.",
  },
} as const;

type Unit = keyof typeof others;

/** Evidence that offsets are of other units than UTF-16's, gathered over the sentences of a file. */
export class OffsetUnits {
  private readonly found = new Map<Unit, { spans: number; worse: number; better: boolean; example: string }>();

  /** A sentence whose spans are as the file has them. @param where the file and row, for messages */
  add(text: string, spans: readonly Span[], where: string): void {
    if (isAscii(text) || spans.length === 0) return;
    for (const unit of Object.keys(others) as Unit[]) {
      const places = others[unit].places(text);
      for (const { start, end, type } of spans) {
        const [from, to] = [places[start], places[end]];
        if (from === start && to === end) continue;
        const entry = this.found.get(unit) ?? { spans: 0, worse: 0, better: true, example: "" };
        this.found.set(unit, entry);
        entry.spans++;
        const [asGiven, asOther] = [isWhole(text, start, end), isWhole(text, from, to)];
        if (!asOther) entry.better = false;
        if (asGiven) continue;
        entry.worse++;
        if (entry.example === "")
          entry.example = `${where}: ${start} to ${end} (${type.slice(0, 40)}) is ${quoted(text.slice(start, end))}, by ${unit} ${quoted(text.slice(from ?? 0, to ?? 0))}`;
      }
    }
  }

  /** What is wrong, where most spans that tell are of whole words by other units, and not by UTF-16's. */
  fault(): { readonly problem: string; readonly remedy: string } | undefined {
    for (const [unit, { spans, worse, better, example }] of this.found) {
      if (!better || 2 * worse <= spans) continue;
      return { problem: `offsets look like ones of ${unit}: ${example}`, remedy: others[unit].remedy };
    }
    return undefined;
  }
}

/** The UTF-16 offset of each place by other units, the end of the text included; undefined within a character. */
function placesBy(text: string, lengthOf: (codePoint: number) => number): readonly number[] {
  const places: number[] = [];
  let [at, place] = [0, 0];
  for (const character of text) {
    places[place] = at;
    place += lengthOf(character.codePointAt(0)!);
    at += character.length;
  }
  places[place] = at;
  return places;
}

const utf8Length = (codePoint: number): number =>
  codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;

/** Whether a span is within the text, and cuts no word in two. */
function isWhole(text: string, start: number | undefined, end: number | undefined): boolean {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start! < 0 || start! >= end! || end! > text.length)
    return false;
  return (
    [start!, end!].every((at) => !(isOfWord(text, at - 1) && isOfWord(text, at))) && !hasEdgeBlanks(text, start!, end!)
  );
}

const isOfWord = (text: string, at: number): boolean => {
  const character = text[at];
  return character !== undefined && /[\p{L}\p{N}\p{M}\ud800-\udfff]/u.test(character);
};

const hasEdgeBlanks = (text: string, start: number, end: number): boolean =>
  text[start]!.trim() === "" || text[end - 1]!.trim() === "";

/** Whether all characters are of one byte, where all units are alike. */
function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
