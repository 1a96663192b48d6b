/** Lexical features of words as hashed ids: what marks an entity before anything is learned of it. */
import { hashStart, hashUnits, idOfHash, requireBuckets } from "./hashed-ids.js";
import { wordForm } from "./words.js";

/**
 * The features of a word, one slot each. A slot of 0 says that the word has no such feature: a word of two letters has no
 * prefix of three, the first word of a sentence no neighbour before it.
 *
 * | slot | feature |
 * |---|---|
 * | form | the word as `wordForm` has it: lower case |
 * | shape | its characters as kinds, equal neighbours once: `Xx` of London, `d-d` of 10-12, `X.X` of U.S |
 * | capitals | of words with cased letters: none, the first only, all of several, others |
 * | prefix1 to prefix4 | its first letters in lower case, where it has more than these |
 * | suffix1 to suffix4 | its last letters, the same |
 * | before2, before1, after1, after2 | forms of its neighbours, each with its position |
 * | shapeBefore, shapeAfter | shapes of the words beside it |
 * | position | the first word of the sentence, the last, or both |
 * | digits | of words with digits: how many up to 8, and whether there is anything else |
 */
export const wordFeatureSlots = [
  "form",
  "shape",
  "capitals",
  "prefix1",
  "prefix2",
  "prefix3",
  "prefix4",
  "suffix1",
  "suffix2",
  "suffix3",
  "suffix4",
  "before2",
  "before1",
  "after1",
  "after2",
  "shapeBefore",
  "shapeAfter",
  "position",
  "digits",
] as const;

type Slot = (typeof wordFeatureSlots)[number];

/** Options of `wordFeatures`. */
export interface WordFeaturesOptions {
  /** Ids are below it, 32,768 by default; 2^22 at most. */
  readonly buckets?: number;
}

const slotOf = Object.fromEntries(wordFeatureSlots.map((slot, i) => [slot, i])) as Readonly<Record<Slot, number>>;
const starts = wordFeatureSlots.map((_, i) => hashStart(0x100 + i));

/**
 * Lexical features of each word of a sentence, [words, wordFeatureSlots.length] row by row: hashed ids from 1 to
 * buckets - 1, 0 for none. The same characters in two slots have different ids, so one table of weights serves all.
 *
 * @param words as they are written, capitals included: `wordsOf(text).map(({ start, end }) => text.slice(start, end))`
 * @throws TaskError ILT201 where the number of buckets is not a whole number from 2 to 2^22
 * @example wordFeatures(["Fly", "to", "Paris"]).length // 3 * wordFeatureSlots.length
 */
export function wordFeatures(words: readonly string[], { buckets = 32_768 }: WordFeaturesOptions = {}): Int32Array {
  requireBuckets(buckets, "wordFeatures");
  const width = wordFeatureSlots.length;
  const ids = new Int32Array(words.length * width);
  const forms = words.map(wordForm);
  const shapes = words.map(shapeOf);
  words.forEach((word, i) => {
    const set = (slot: Slot, text: string | undefined): void => {
      if (text === undefined || text === "") return;
      const place = slotOf[slot];
      ids[i * width + place] = idOfHash(hashUnits(starts[place]!, text), buckets);
    };
    const form = forms[i]!;
    set("form", form);
    set("shape", shapes[i]);
    set("capitals", capitalsOf(word));
    for (const n of [1, 2, 3, 4] as const) {
      set(`prefix${n}`, firstLetters(form, n));
      set(`suffix${n}`, lastLetters(form, n));
    }
    set("before2", forms[i - 2]);
    set("before1", forms[i - 1]);
    set("after1", forms[i + 1]);
    set("after2", forms[i + 2]);
    set("shapeBefore", shapes[i - 1]);
    set("shapeAfter", shapes[i + 1]);
    set("position", positionOf(i, words.length));
    set("digits", digitsOf(word));
  });
  return ids;
}

/** Runs of kinds that a shape may have; of longer ones the rest is left out. */
const longestShape = 12;

/** Characters that kinds are told from: longer words are told by their beginning. */
const longestLooked = 256;

const isUpper = /^[\p{Lu}\p{Lt}]$/u;
const isLower = /^\p{Ll}$/u;
const isDigit = /^\p{N}$/u;
const isLetterOrMark = /^[\p{L}\p{M}]$/u;

/** Kinds of characters by their code, as they are met: regular expressions would take most of the time. */
const kinds: string[] = [];

function kindOf(character: string): string {
  const code = character.length === 1 ? character.charCodeAt(0) : -1;
  if (code < 0 || code > 0x24f) return kindFromUnicode(character);
  kinds[code] ??= kindFromUnicode(character);
  return kinds[code];
}

function kindFromUnicode(character: string): string {
  if (isUpper.test(character)) return "X";
  if (isLower.test(character)) return "x";
  if (isDigit.test(character)) return "d";
  return isLetterOrMark.test(character) ? "o" : character;
}

function shapeOf(word: string): string {
  let shape = "";
  let last = "";
  let runs = 0;
  for (const character of word.slice(0, longestLooked).normalize("NFC")) {
    const kind = kindOf(character);
    if (kind === last) continue;
    if (++runs > longestShape) break;
    shape += kind;
    last = kind;
  }
  return shape;
}

function capitalsOf(word: string): "none" | "first" | "all" | "other" | undefined {
  const kindsOfAll = [...word.slice(0, longestLooked).normalize("NFC")].map(kindOf);
  const cased = kindsOfAll.filter((kind) => kind === "X" || kind === "x");
  if (cased.length === 0) return undefined;
  const upper = cased.filter((kind) => kind === "X").length;
  if (upper === 0) return "none";
  if (upper === cased.length && upper > 1) return "all";
  return upper === 1 && cased[0] === "X" ? "first" : "other";
}

/** The first n code points of a text that has more; undefined of one that has not. */
function firstLetters(text: string, n: number): string | undefined {
  let end = 0;
  for (let k = 0; k < n && end < text.length; k++) end += text.codePointAt(end)! >= 0x10000 ? 2 : 1;
  return end < text.length ? text.slice(0, end) : undefined;
}

/** The last n code points of a text that has more. */
function lastLetters(text: string, n: number): string | undefined {
  let start = text.length;
  for (let k = 0; k < n && start > 0; k++) {
    const isPair = start > 1 && text.codePointAt(start - 2)! >= 0x10000;
    start -= isPair ? 2 : 1;
  }
  return start > 0 ? text.slice(start) : undefined;
}

function positionOf(i: number, count: number): "only" | "first" | "last" | undefined {
  if (count === 1) return "only";
  if (i === 0) return "first";
  return i === count - 1 ? "last" : undefined;
}

function digitsOf(word: string): string | undefined {
  const areDigits = [...word.slice(0, longestLooked)].map((character) => kindOf(character) === "d");
  const digits = areDigits.filter(Boolean).length;
  if (digits === 0) return undefined;
  return `${Math.min(digits, 8)} ${digits === areDigits.length ? "alone" : "with others"}`;
}
