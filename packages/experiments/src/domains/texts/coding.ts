/** From texts to numbers: which coding options ask for, and the rows that it makes. */
import { codedIds, lengthFor, type TextCoding, textLengths } from "@innerloop/core/tasks";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { EncoderRecord } from "../../text-io.js";
import { count, counted } from "../../words.js";
import { textBackboneOf, tokenizerOf } from "./kept-encoders.js";
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

type CodingOptions = Pick<TextValues, "text" | "backbone" | "tokenizer" | "length">;

/** What a text is to the learner, where options leave it open. */
export const textForm = ({
  text,
  backbone,
  tokenizer,
}: Omit<CodingOptions, "length">): NonNullable<TextValues["text"]> =>
  text ?? (backbone !== undefined ? "features" : tokenizer !== undefined ? "tokens" : "ngrams");

/** @throws UsageError for options that do not go together */
export function requireCoding({ text, backbone, tokenizer, length }: CodingOptions): void {
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
}

/** N-grams that are kept of a text, unless asked otherwise. */
const usualNgrams = 160;
/** Numbers that words and n-grams are hashed to. */
const buckets = 65_536;
/** The share of texts whose tokens are all kept, unless asked otherwise. */
const wholeShare = 0.99;

/** The coding that options ask for, of the length that these texts have. */
export async function codingFor(
  texts: readonly string[],
  options: CodingOptions,
  io: DataIo,
  work: LongWork,
): Promise<TextCoding> {
  switch (textForm(options)) {
    case "features": {
      const { features, ...backbone } = await textBackboneOf(io, options.backbone!, work);
      return { kind: "features", features, backbone: recordOf(backbone) };
    }
    case "ngrams":
      return { kind: "ngrams", buckets, length: options.length ?? usualNgrams };
    case "tokens": {
      if (options.tokenizer === undefined)
        return {
          kind: "tokens",
          buckets,
          length: options.length ?? lengthFor(textLengths(texts), wholeShare),
        };
      const tokenizer = await tokenizerOf(io, options.tokenizer, work);
      const length =
        options.length ??
        lengthFor(
          Int32Array.from(texts, (text) => tokenizer.encode(text).length),
          wholeShare,
        );
      return { kind: "pieces", count: tokenizer.pieces, length, tokenizer: recordOf(tokenizer) };
    }
  }
}

const recordOf = ({ name, sha256, folder }: EncoderRecord): EncoderRecord => ({ name, sha256, folder });

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
      const rows = await backbone.encode(texts, work);
      return { coding, shape: [coding.features], rows, notes: [] };
    }
    case "pieces": {
      const tokenizer = await tokenizerOf(io, coding.tokenizer, work);
      return ofIds(coding, coding.count, codedIds(texts, coding, { work, encode: (text) => tokenizer.encode(text) }));
    }
    default:
      return ofIds(coding, coding.buckets, codedIds(texts, coding, { work }));
  }
}

function ofIds(
  coding: Exclude<TextCoding, { readonly kind: "features" }>,
  idCount: number,
  { ids, cut }: { readonly ids: Int32Array; readonly cut: number },
): CodedTexts {
  const { length, kind } = coding;
  const what = kind === "ngrams" ? "words and n-grams" : kind === "tokens" ? "words" : "pieces";
  const all = ids.length / length;
  const notes =
    cut === 0
      ? []
      : [
          `${count(cut)} of ${counted(all, "text")} (${((100 * cut) / all).toFixed(1)}%) have more than ${length} ${what}, of which the first ${length} are kept (--length)`,
        ];
  return { coding, shape: [length], rows: ids, idCount, notes };
}
