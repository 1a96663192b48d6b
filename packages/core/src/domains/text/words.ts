/** Words of a text with their places: what codings hash, and what spans are made of. */

/** A word, or a punctuation mark or symbol by itself. */
export interface Word {
  /** The first UTF-16 code unit, in the string that the caller gave. */
  readonly start: number;
  /** The first code unit after it. */
  readonly end: number;
  /** `wordForm` of these characters. */
  readonly form: string;
  /** True of punctuation, symbols and emoji, false of letters and digits. */
  readonly isMark: boolean;
}

// What a character does to the word that is being read.
const blank = 1;
const letter = 2;
/** Combining: belongs to the character before it. */
const combining = 3;
const mark = 4;
/** A letter of a script that writes no blanks between words. */
const unspaced = 5;
/** Invisible within a word, nothing elsewhere: soft hyphen, zero width joiner and non-joiner. */
const joiner = 6;
type CharacterClass = typeof blank | typeof letter | typeof combining | typeof mark | typeof unspaced | typeof joiner;

const isCombining = /^\p{M}$/u;
const isLetter = /^[\p{L}\p{N}]$/u;
const isUnspaced = /^[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]$/u;
const isBlank = /^[\s\p{Z}\p{Cc}\p{Cf}]$/u;

function classFromUnicode(code: number): CharacterClass {
  const character = String.fromCodePoint(code);
  if (code === 0xad || code === 0x200c || code === 0x200d) return joiner;
  if (isCombining.test(character)) return combining;
  if (isLetter.test(character)) return isUnspaced.test(character) ? unspaced : letter;
  return isBlank.test(character) ? blank : mark;
}

/** Classes of the characters below U+10000, as they are met: 0 is one that was not yet. */
const known = new Uint8Array(0x10000);

function classOf(code: number): CharacterClass {
  if (code >= 0x10000) return classFromUnicode(code);
  const found = known[code]!;
  if (found !== 0) return found as CharacterClass;
  const made = classFromUnicode(code);
  known[code] = made;
  return made;
}

const sizeOf = (code: number): 1 | 2 => (code >= 0x10000 ? 2 : 1);
const isApostrophe = (code: number): boolean => code === 0x27 || code === 0x2019;
const isSkinTone = (code: number): boolean => code >= 0x1f3fb && code <= 0x1f3ff;
const zeroWidthJoiner = 0x200d;

/**
 * Combining characters that one letter may carry, as in Unicode's Stream-Safe Text Format (UAX 15): normalizing sorts
 * them, in a time that grows with the square of their number.
 */
const mostCombining = 30;

/**
 * Words of a text in their order: runs of letters and digits, apostrophes within them included (`don't`), and each
 * punctuation mark, symbol or emoji as a word of its own. Blanks and what is invisible are in none.
 *
 * Thai, Lao, Khmer, Burmese, Chinese and Japanese, which write no blanks, are split by `Intl.Segmenter`, and by characters
 * where the machine has none; its dictionaries are those of the machine's version of ICU. All else depends on the text
 * alone, not on a locale. The time is linear in the length of the text, whatever it holds: of more than 30 combining
 * characters in a row the next begins a word, and scripts without blanks are split 4,096 code units at a time.
 *
 * @returns offsets into `text` as it was given, in UTF-16 code units, whichever way its accents are written
 * @example wordsOf("Don't panic!").map(({ form }) => form) // ["don't", "panic", "!"]
 */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at)!;
    const kind = classOf(code);
    if (kind === letter) {
      const end = endOfRun(text, at, letter);
      words.push({ start: at, end, form: wordForm(text.slice(at, end)), isMark: false });
      at = end;
    } else if (kind === unspaced) {
      const end = endOfRun(text, at, unspaced);
      segmentRun(text, at, end, words);
      at = end;
    } else if (kind === mark || kind === combining) {
      const end = endOfMark(text, at);
      words.push({ start: at, end, form: wordForm(text.slice(at, end)), isMark: true });
      at = end;
    } else at += sizeOf(code);
  }
  return words;
}

/** The end of the run of letters of one class from `start` on, where such a letter is. */
function endOfRun(text: string, start: number, of: typeof letter | typeof unspaced): number {
  let end = start;
  let carried = 0;
  while (end < text.length) {
    const code = text.codePointAt(end)!;
    const kind = classOf(code);
    if (kind === of) {
      carried = 0;
      end += sizeOf(code);
    } else if (kind === combining) {
      if (++carried > mostCombining) return end;
      end += sizeOf(code);
    } else if (kind === joiner || (of === letter && isApostrophe(code))) {
      const next = text.codePointAt(end + 1);
      if (next === undefined || classOf(next) !== of) return end;
      end++;
    } else return end;
  }
  return end;
}

/** The end of a mark with what it carries: an emoji is all the characters that are drawn as one. */
function endOfMark(text: string, start: number): number {
  let end = start + sizeOf(text.codePointAt(start)!);
  let carried = 0;
  while (end < text.length) {
    const code = text.codePointAt(end)!;
    if (classOf(code) === combining || isSkinTone(code)) {
      if (++carried > mostCombining) return end;
      end += sizeOf(code);
    } else if (code === zeroWidthJoiner) {
      const next = text.codePointAt(end + 1);
      if (next === undefined || classOf(next) !== mark) return end;
      carried = 0;
      end += 1 + sizeOf(next);
    } else return end;
  }
  return end;
}

/** Code units that the segmenter is given at a time: it is not ours, and what it does with a run of millions is not known. */
const longestSegmented = 4096;

let segmenter: Intl.Segmenter | undefined;

function segmentRun(text: string, start: number, end: number, words: Word[]): void {
  const add = (from: number, to: number): void => {
    words.push({ start: from, end: to, form: wordForm(text.slice(from, to)), isMark: false });
  };
  // Asked each time: a page may have put one there, and a test takes it away.
  if (typeof Intl === "undefined" || !Intl.Segmenter) {
    for (let at = start; at < end; at = endOfCharacter(text, at, end)) add(at, endOfCharacter(text, at, end));
    return;
  }
  // Dictionaries go by script. A locale is named so that the machine's own has no say.
  segmenter ??= new Intl.Segmenter("en", { granularity: "word" });
  for (let from = start; from < end; ) {
    let to = Math.min(end, from + longestSegmented);
    while (to < end && startsWithin(text, to)) to++;
    for (const { index, segment } of segmenter.segment(text.slice(from, to)))
      add(from + index, from + index + segment.length);
    from = to;
  }
}

/** Whether a place is within a character: after a high surrogate, or before what combines with the letter there. */
function startsWithin(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  const isLow = unit >= 0xdc00 && unit <= 0xdfff;
  return isLow || classOf(text.codePointAt(at)!) === combining;
}

/** The end of a letter with all that it carries, `end` at most. */
function endOfCharacter(text: string, start: number, end: number): number {
  let at = start + sizeOf(text.codePointAt(start)!);
  while (at < end) {
    const code = text.codePointAt(at)!;
    const kind = classOf(code);
    if (kind !== combining && kind !== joiner) break;
    at += sizeOf(code);
  }
  return at;
}

/**
 * The form by which words are compared: lower case by Unicode's rules without those of a language, composed (NFC), with
 * straight apostrophes and without soft hyphens. Its length may differ from the word's: of "Café" with the accent as a
 * character of its own it is one less.
 *
 * @param word one word: the time is linear where no letter carries more than 30 combining characters, as `wordsOf` has it
 */
export function wordForm(word: string): string {
  for (let i = 0; i < word.length; i++) {
    if (word.charCodeAt(i) < 0x80) continue;
    // Composed again: the lower case of a composed letter may be a sequence.
    return word
      .replace(/\u2019/g, "'")
      .replace(/\u00ad/g, "")
      .normalize("NFC")
      .toLowerCase()
      .normalize("NFC");
  }
  return word.toLowerCase();
}
