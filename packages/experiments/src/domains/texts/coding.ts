/** From texts to numbers: which coding options ask for, and the rows that it makes. */
import {
  type IdCoding,
  idCount,
  idsOf,
  lengthFor,
  type TextCoding,
  textNgrams,
  textTokens,
} from "@innerloop/core/tasks";
import { composed } from "../../encoder-tokens.js";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import { count, counted } from "../../words.js";
import { encoderRecordOf, textBackboneOf, tokenizerOf } from "../kept-encoders.js";
import type { TextValues } from "./options.js";

/** Texts as learners take them: a row of ids or features for each. */
export interface CodedTexts {
  readonly coding: TextCoding;
  /** The shape of one text. */
  readonly shape: readonly number[];
  readonly rows: Int32Array | Float32Array;
  /** Ids are below it, where texts are ids. */
  readonly idCount?: number;
  /** How many texts were longer than what is kept of them, in a sentence. */
  readonly notes: readonly string[];
}

type CodingOptions = Pick<TextValues, "text" | "backbone" | "tokenizer" | "length" | "buckets">;

/** What a text is to the learner, where options leave it open. */
export const textForm = ({
  text,
  backbone,
  tokenizer,
}: Partial<Readonly<Record<"text" | "backbone" | "tokenizer", string | undefined>>>): NonNullable<TextValues["text"]> =>
  (text as TextValues["text"]) ?? (backbone !== undefined ? "features" : tokenizer !== undefined ? "tokens" : "ngrams");

/** @throws UsageError for options that do not go together */
export function requireCoding({ text, backbone, tokenizer, length, buckets: hashed }: CodingOptions): void {
  const form = textForm({ text, backbone, tokenizer });
  const refuse = (problem: string, remedy: string): never => {
    throw new UsageError(problem, remedy);
  };
  if (form === "features" && backbone === undefined)
    refuse("--text features without --backbone", "Name the encoder that makes them: --backbone minilm");
  if (form !== "features" && backbone !== undefined)
    refuse(
      `--backbone ${backbone} with --text ${form}`,
      "Leave out --text: what a backbone makes of texts are features",
    );
  if (form !== "tokens" && tokenizer !== undefined)
    refuse(`--tokenizer ${tokenizer} with --text ${form}`, "Leave it out, or give --text tokens");
  if (form === "features" && length !== undefined)
    refuse(`--length ${length} with --backbone ${backbone}`, "Leave it out: the backbone says how much it reads");
  if (hashed !== undefined && (backbone ?? tokenizer) !== undefined)
    refuse(
      `--buckets ${hashed} with ${backbone === undefined ? `--tokenizer ${tokenizer}` : `--backbone ${backbone}`}`,
      "Leave it out: nothing is hashed there",
    );
}

/** N-grams that are kept of a text: what 99 texts in 100 have, within these bounds. Texts to come may be longer. */
const [leastNgrams, mostNgrams] = [160, 512];
/** Numbers that words and n-grams are hashed to. */
const usualBuckets = 65_536;

/** The coding that options ask for, of the length that these texts have. */
export async function codingFor(
  texts: readonly string[],
  options: CodingOptions,
  io: DataIo,
  work: LongWork,
): Promise<TextCoding> {
  const { buckets = usualBuckets } = options;
  switch (textForm(options)) {
    case "features": {
      const { features, ...backbone } = await textBackboneOf(io, options.backbone!, work);
      return { kind: "features", features, backbone: encoderRecordOf(backbone) };
    }
    case "ngrams":
      return { kind: "ngrams", buckets, length: options.length ?? ngramsFor(texts) };
    case "tokens": {
      const { length, tokenizer: named } = options;
      if (named === undefined)
        return {
          kind: "tokens",
          buckets,
          length: length ?? lengthFor(texts.map((text) => textTokens(text).ids)).length,
        };
      const tokenizer = await tokenizerOf(io, named, work);
      return {
        kind: "pieces",
        count: tokenizer.pieces,
        length: length ?? lengthFor(texts.map((text) => tokenizer.encode(text))).length,
        tokenizer: encoderRecordOf(tokenizer),
      };
    }
  }
}

function ngramsFor(texts: readonly string[]): number {
  const { length } = lengthFor(texts.map((text) => textNgrams(text, { length: mostNgrams }).ids));
  return Math.max(leastNgrams, length);
}

/** The rows of texts in a coding. @throws UsageError where its encoder is not there, or is another than it was */
export async function codeTexts(
  texts: readonly string[],
  coding: TextCoding,
  io: DataIo,
  work: LongWork,
): Promise<CodedTexts> {
  switch (coding.kind) {
    case "features": {
      const backbone = await textBackboneOf(io, coding.backbone, work);
      const rows = await backbone.encode(texts.map(composed), work);
      return { coding, shape: [coding.features], rows, notes: [] };
    }
    case "pieces": {
      const tokenizer = await tokenizerOf(io, coding.tokenizer, work);
      return ofIds(coding, texts, (text) => tokenizer.encode(composed(text)));
    }
    default:
      return ofIds(coding, texts);
  }
}

/** What ids are, in the sentence that says how many texts were cut. */
const idWords = { ngrams: "words and n-grams", tokens: "words", pieces: "pieces" } as const;

function ofIds(coding: IdCoding, texts: readonly string[], encode?: (text: string) => readonly number[]): CodedTexts {
  const { ids, length, cutTexts } = idsOf(coding, texts, encode);
  const share = ((100 * cutTexts) / texts.length).toFixed(1);
  const notes =
    cutTexts === 0
      ? []
      : [
          `${count(cutTexts)} of ${counted(texts.length, "text")} (${share}%) have more than ${length} ${idWords[coding.kind]}, of which the first ${length} are kept`,
        ];
  return { coding, shape: [length], rows: ids, idCount: idCount(coding), notes };
}
