/** Hashed words and character n-grams: ids of a text without a vocabulary, so that nothing has to be fitted or kept. */
import { hashStart, hashUnits, idOfHash, requireBuckets } from "./hashed-ids.js";
import { requireLength } from "./id-rows.js";
import { type Word, wordsOf } from "./words.js";

/** Options of `textNgrams` and `textTokens`. */
export interface HashedTextOptions {
  /** Ids are below it, 65,536 by default; 2^22 at most. */
  readonly buckets?: number;
  /** Ids of a text at most; the others are cut. */
  readonly length?: number;
}

/** The ids of one text, without padding. */
export interface TextIds {
  /** From 1 to buckets - 1. */
  readonly ids: Int32Array;
  /** Ids that the text has beyond `length`. */
  readonly cut: number;
}

const wordKind = 1;
const ngramKind = 2;
const [shortest, longest] = [3, 5];
/** Stands before and after a word: no character has its number. */
const boundary = 0x110000;

/**
 * The distinct ids of a text's words and of the character 3 to 5-grams within them, where a word begins and ends included:
 * of `cats` these are cats, _ca, _cat, _cats, cat, cats, cats_, ats, ats_, ts_.
 *
 * Words come first, in their order, then the n-grams of the first word, of the second, and so on: where a text has more
 * than `length`, the n-grams of its last words are cut, and words only where they alone are more. Punctuation marks are
 * words without n-grams. Two of 65,536 buckets are the same with probability 1 in 65,535: weights learn to live with that
 * (Weinberger et al. 2009, "Feature hashing for large scale multitask learning").
 *
 * @param options.length 160 by default: of 40 characters a text has about 90
 * @throws TaskError ILT201 where buckets or length are no such numbers
 * @example textNgrams("pay my bill").ids.length
 */
export function textNgrams(text: string, { buckets = 65_536, length = 160 }: HashedTextOptions = {}): TextIds {
  requireBuckets(buckets, "textNgrams");
  requireLength(length, "textNgrams");
  const words = wordsOf(text);
  const found = new DistinctIds(buckets, length);
  for (const { form } of words) found.add(hashUnits(wordStart, form));
  for (const word of words) if (!word.isMark) addNgrams(word, found);
  return found.taken();
}

/**
 * The ids of a text's words in their order, punctuation marks included.
 *
 * @param options.length as many as there are by default
 * @throws TaskError ILT201 where buckets or length are no such numbers
 * @example textTokens("pay my bill").ids // three numbers
 */
export function textTokens(text: string, { buckets = 65_536, length }: HashedTextOptions = {}): TextIds {
  requireBuckets(buckets, "textTokens");
  if (length !== undefined) requireLength(length, "textTokens");
  const words = wordsOf(text);
  const kept = Math.min(words.length, length ?? words.length);
  const ids = new Int32Array(kept);
  for (let i = 0; i < kept; i++) ids[i] = idOfHash(hashUnits(wordStart, words[i]!.form), buckets);
  return { ids, cut: words.length - kept };
}

const wordStart = hashStart(wordKind);
const ngramStart = hashStart(ngramKind);

/** Code points of a word with its boundaries; longer words get an array of their own. */
const usual = new Int32Array(64);

function addNgrams({ form }: Word, found: DistinctIds): void {
  const characters = form.length + 2 <= usual.length ? usual : new Int32Array(form.length + 2);
  let count = 1;
  characters[0] = boundary;
  for (let i = 0; i < form.length; count++) {
    const code = form.codePointAt(i)!;
    characters[count] = code;
    i += code >= 0x10000 ? 2 : 1;
  }
  characters[count++] = boundary;
  for (let from = 0; from + shortest <= count; from++) {
    let hash = ngramStart;
    const to = Math.min(count, from + longest);
    for (let i = from; i < to; i++) {
      hash = Math.imul(hash ^ characters[i]!, 0x01000193);
      if (i - from >= shortest - 1) found.add(hash);
    }
  }
}

/** When each bucket was last found, by number of buckets: made once, since clearing it would take longer than a text. */
const visits = new Map<number, { readonly last: Int32Array; turn: number }>();

/** The distinct ids of one text in the order in which they come. */
class DistinctIds {
  readonly #buckets: number;
  readonly #last: Int32Array;
  readonly #turn: number;
  readonly #ids: Int32Array;
  #count = 0;

  constructor(buckets: number, length: number) {
    this.#buckets = buckets;
    let visit = visits.get(buckets);
    if (!visit || visit.turn === 2 ** 31 - 1) {
      visit = { last: new Int32Array(buckets), turn: 0 };
      // One size is in use at a time; of two, both are kept.
      if (visits.size >= 2) visits.clear();
      visits.set(buckets, visit);
    }
    this.#last = visit.last;
    this.#turn = ++visit.turn;
    this.#ids = new Int32Array(Math.min(length, buckets - 1));
  }

  add(hash: number): void {
    const id = idOfHash(hash, this.#buckets);
    if (this.#last[id] === this.#turn) return;
    this.#last[id] = this.#turn;
    if (this.#count < this.#ids.length) this.#ids[this.#count] = id;
    this.#count++;
  }

  taken(): TextIds {
    const kept = Math.min(this.#count, this.#ids.length);
    return { ids: this.#ids.slice(0, kept), cut: this.#count - kept };
  }
}
