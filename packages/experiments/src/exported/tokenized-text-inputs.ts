/** Texts as ids of the pieces of a tokenizer, before programs: tokenizer.json of the folder, and no encoder. */
import { TaskError, textPieces } from "@innerloop/core/exported";
import { composed, idsAbovePadding } from "../encoder-tokens.js";
import type { PieceIds } from "../text-io.js";
import { ExportError } from "./export-error.js";
import { givenTexts, longestText } from "./given-texts.js";
import type { InputEncoder, ProbeTerms } from "./input-encoder.js";
import type { InputForm } from "./input-form.js";
import { isWhole } from "./kind-values.js";
import {
  isEncoderName,
  openPieces,
  pythonTokenizer,
  textProbes,
  tokenizerFault,
  tokenizerFile,
  triedTexts,
} from "./text-encoder.js";

/** Texts, as ids of the pieces of a tokenizer in their order. */
export interface TokenizedTextInputs {
  readonly kind: "tokenized-text";
  /** The tokenizer's name. */
  readonly tokenizer: string;
  /** Ids of a text: what is beyond is left out, and 0 is padding. */
  readonly length: number;
  /** Ids are below it. */
  readonly count: number;
  /** By how much ids are above those of tokenizer.json: 1 where 0 is a piece of its own there. */
  readonly shift: 0 | 1;
}

const [mostIds, mostPieces] = [2 ** 14, 2 ** 22];

const idTerms: ProbeTerms = {
  made: "ids",
  dtype: "int32",
  names: { features: "tokenizer_ids", texts: "tokenizer_texts" },
  most: 0,
  refusal: (_, shown) =>
    new ExportError(
      "ILE205",
      `${shown}/${tokenizerFile}`,
      "its ids of texts are others than those of the run's own tokenizer",
      "Get the folder anew, or report what runs it: a page's `pieces` may split otherwise than Node",
    ),
};

/** The row of a text. @throws ExportError ILE202 where a piece is none of those that there are */
function rowOf(text: string, pieces: PieceIds, { length, count, shift }: TokenizedTextInputs, shown: string) {
  const row = new Int32Array(length);
  const [found] = pieces.split([text]);
  try {
    row.set(textPieces(idsAbovePadding(found!, shift), { length, count }).ids);
  } catch (cause) {
    if (!(cause instanceof TaskError)) throw cause;
    throw tokenizerFault(shown, `its pieces are not those that config.json tells (${cause.message})`, cause);
  }
  return row;
}

const encoder: InputEncoder<TokenizedTextInputs> = {
  files: [tokenizerFile],
  open: async (inputs, files, machine, shown) => {
    const pieces = await openPieces(files, machine, shown);
    return {
      encode: async (read) => (read as readonly string[]).map((text) => rowOf(composed(text), pieces, inputs, shown)),
      close: async () => undefined,
    };
  },
  tried: () => triedTexts,
  ...textProbes<TokenizedTextInputs>(
    ({ length }) => [length],
    (each) => typeof each === "string",
    idTerms,
  ),
};

/** @internal */
export const tokenizedTextForm: InputForm<TokenizedTextInputs> = {
  parse: ({ tokenizer, length, count, shift }) =>
    isEncoderName(tokenizer) &&
    isWhole(length, 1, mostIds) &&
    isWhole(count, 2, mostPieces) &&
    (shift === 0 || shift === 1)
      ? { kind: "tokenized-text", tokenizer, length, count, shift }
      : undefined,
  encoder,
  slots: ({ length }) => [{ name: "", dtype: "int32", shape: [length] }],
  isOne: () => false,
  read: async (given, _, io) => io.encode!(givenTexts(given, longestText)),
  readingOf: () => ({ invert: false }),
  rows: (read) => [[read]],
  about: ({ tokenizer, length, shift }) =>
    `Texts, which programs take as ${length} ids (0 is padding): ${shift === 1 ? "1 more than those" : "those"} of the first pieces by tokenizer.json (${tokenizer}), without what it puts around texts.`,
  pythonPackages: ["tokenizers"],
  pythonFirst: ({ length, shift }) => [
    ...["import unicodedata", ""],
    ...pythonTokenizer,
    "tokenizer.no_truncation()",
    "",
    "def ids(texts):",
    `    rows = np.zeros((len(texts), ${length}), np.int32)`,
    "    for row, text in zip(rows, texts):",
    '        pieces = tokenizer.encode(unicodedata.normalize("NFC", text), add_special_tokens=False).ids',
    `        found = [piece + ${shift} for piece in pieces if piece + ${shift} > 0][:${length}]`,
    "        row[:len(found)] = found",
    "    return rows",
    "",
  ],
  inPython: (_, rows = 2) => ({ "": `ids(["a text"] * ${rows})` }),
  inJavaScript: () => `"a text"`,
};
