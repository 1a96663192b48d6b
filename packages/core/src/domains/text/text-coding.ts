/** The coding of texts as numbers, as a run keeps it: plain data, by which further texts are coded the same. */
import { TaskError } from "../../tasks/task.js";
import { requireObject, shownValue } from "../../tasks/value-gate.js";
import { mostBuckets } from "./hashed-ids.js";
import { mostLength } from "./id-rows.js";
import { type TextIds, textNgrams, textTokens } from "./ngrams.js";

/** A tokenizer or frozen encoder as a run keeps it: enough to open it again and to notice that it is another. */
export interface EncoderIdentity {
  readonly name: string;
  /** Of all its files, 64 hexadecimal digits. */
  readonly sha256: string;
  readonly folder: string;
}

/** Distinct hashed words and character n-grams: see `textNgrams`. */
export interface NgramCoding {
  readonly kind: "ngrams";
  readonly buckets: number;
  readonly length: number;
}

/** Hashed words in their order: see `textTokens`. */
export interface TokenCoding {
  readonly kind: "tokens";
  readonly buckets: number;
  readonly length: number;
}

/** Pieces of a tokenizer in their order. */
export interface PieceCoding {
  readonly kind: "pieces";
  readonly length: number;
  /** Ids are below it. */
  readonly count: number;
  readonly tokenizer: EncoderIdentity;
}

/** Pooled features of a frozen encoder, float32 [features]. */
export interface FeatureCoding {
  readonly kind: "features";
  readonly features: number;
  readonly backbone: EncoderIdentity;
}

/** A coding of texts: which numbers a text is, and all that is needed to make them again. */
export type TextCoding = NgramCoding | TokenCoding | PieceCoding | FeatureCoding;

/** A coding whose numbers are ids. */
export type IdCoding = Exclude<TextCoding, FeatureCoding>;

const kinds: { readonly [K in TextCoding["kind"]]: (fields: CodingFields) => Extract<TextCoding, { kind: K }> } = {
  ngrams: (fields) => ({ kind: "ngrams", buckets: fields.buckets(), length: fields.length() }),
  tokens: (fields) => ({ kind: "tokens", buckets: fields.buckets(), length: fields.length() }),
  pieces: (fields) => ({
    kind: "pieces",
    length: fields.length(),
    count: fields.number("count", 2, mostPieces),
    tokenizer: fields.encoder("tokenizer"),
  }),
  features: (fields) => ({
    kind: "features",
    features: fields.number("features", 1, mostFeatures),
    backbone: fields.encoder("backbone"),
  }),
};

/**
 * A coding as it was kept in a file, checked.
 *
 * @throws TaskError ILT310 where it is none
 * @example textCodingFrom(JSON.parse(text)) // { kind: "ngrams", buckets: 65536, length: 160 }
 */
export function textCodingFrom(value: unknown): TextCoding {
  requireObject(value, "textCodingFrom", "the coding of texts", remedy);
  const fields = new CodingFields(value as Record<string, unknown>);
  const { kind } = value as Record<string, unknown>;
  if (typeof kind !== "string" || !Object.hasOwn(kinds, kind)) throw fields.wrong("kind");
  return kinds[kind as TextCoding["kind"]](fields);
}

const remedy = "Give the coding that a run was kept with";
/** Pieces of a vocabulary, and numbers of a sentence, at most: both are rows or columns of what learns of them. */
const mostPieces = 2 ** 22;
const mostFeatures = 2 ** 16;
/** Characters of a name or path. */
const longestName = 4096;

/** The fields of a coding, each read as what it has to be. */
class CodingFields {
  readonly #of: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(of: Readonly<Record<string, unknown>>, where = "") {
    this.#of = of;
    this.#where = where;
  }

  wrong(field: string): TaskError {
    const problem = `${this.#where}${field} is ${shownValue(this.#of[field])}`;
    return new TaskError("ILT310", "textCodingFrom", problem, remedy);
  }

  number(field: string, least: number, most: number): number {
    const value = this.#of[field];
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw this.wrong(field);
    return value;
  }

  buckets(): number {
    return this.number("buckets", 2, mostBuckets);
  }

  length(): number {
    return this.number("length", 1, mostLength);
  }

  text(field: string, form: RegExp): string {
    const value = this.#of[field];
    if (typeof value !== "string" || value.length > longestName || !form.test(value)) throw this.wrong(field);
    return value;
  }

  encoder(field: string): EncoderIdentity {
    const value = this.#of[field];
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.wrong(field);
    const fields = new CodingFields(value as Record<string, unknown>, `${field}.`);
    return {
      name: fields.text("name", /./),
      sha256: fields.text("sha256", /^[0-9a-f]{64}$/),
      folder: fields.text("folder", /^/),
    };
  }
}

/** Texts as ids. */
export interface CodedTexts {
  /** int32 [texts, length], row by row: what `labelledExamples` takes for examples of shape [length]; 0 is padding. */
  readonly ids: Int32Array;
  readonly length: number;
  /** Texts with more ids than that, of which the last are cut. */
  readonly cutTexts: number;
}

/** Number of different ids of a coding, padding included: ids are below it. */
export const idCount = (coding: IdCoding): number => (coding.kind === "pieces" ? coding.count : coding.buckets);

/**
 * Ids of texts by a coding: the same ids for the same coding and text on every machine, but where `wordsOf` takes
 * `Intl.Segmenter` or pieces come from a tokenizer.
 *
 * @param encode the tokenizer of a coding of pieces: ids from 1 to count - 1
 * @throws TaskError ILT201 where a coding of pieces comes without its tokenizer, ILT309 where a piece is none of its ids
 * @example
 * const { ids, cutTexts } = idsOf({ kind: "ngrams", buckets: 65_536, length: 160 }, ["pay my bill", "call my bank"]);
 */
export function idsOf(
  coding: IdCoding,
  texts: readonly string[],
  encode?: (text: string) => readonly number[],
): CodedTexts {
  const { length } = coding;
  const ids = new Int32Array(texts.length * length);
  let cutTexts = 0;
  const code = coderOf(coding, encode);
  texts.forEach((text, i) => {
    const found = code(text);
    ids.set(found.ids, i * length);
    if (found.cut > 0) cutTexts++;
  });
  return { ids, length, cutTexts };
}

function coderOf(
  coding: IdCoding,
  encode: ((text: string) => readonly number[]) | undefined,
): (text: string) => TextIds {
  if (coding.kind === "ngrams") return (text) => textNgrams(text, coding);
  if (coding.kind === "tokens") return (text) => textTokens(text, coding);
  if (!encode) {
    const problem = `the pieces of ${shownValue(coding.tokenizer.name)} come from its tokenizer, which is not given`;
    throw new TaskError("ILT201", "idsOf", problem, "Open the tokenizer and give its encode as the third argument");
  }
  return (text) => textPieces(encode(text), coding);
}

/**
 * The ids of one text by the pieces that a tokenizer has split it into: the first `length` of them.
 *
 * @throws TaskError ILT309 where a piece is none of 1 to count - 1
 */
export function textPieces(
  pieces: readonly number[],
  { length, count }: Pick<PieceCoding, "length" | "count">,
): TextIds {
  const wrong = pieces.findIndex((piece) => !(Number.isInteger(piece) && piece > 0 && piece < count));
  if (wrong >= 0) {
    const problem = `the tokenizer gave the piece ${shownValue(pieces[wrong])}, and pieces are 1 to ${count - 1}`;
    throw new TaskError("ILT309", "idsOf", problem, "Give the tokenizer that the coding was made with");
  }
  const kept = pieces.slice(0, length);
  return { ids: Int32Array.from(kept), cut: pieces.length - kept.length };
}
