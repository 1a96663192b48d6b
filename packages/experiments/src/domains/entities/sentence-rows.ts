/** Sentences that a model is used on, as rows of a task: long ones in several. */
import type { TokenInputs, WordSetting } from "@innerloop/core/tasks";
import { tensor } from "@innerloop/graph";
import type { LongWork } from "../../io.js";
import type { TextBackbone } from "../../text-io.js";
import { lexicalOf } from "./word-coding.js";

/** A text with its words as offsets. */
export interface Sentence {
  readonly text: string;
  readonly words: readonly (readonly [start: number, end: number])[];
}

/** Some words of a sentence: a row of a task. */
export interface SentenceRow {
  /** The place of the sentence. */
  readonly sentence: number;
  readonly from: number;
  readonly to: number;
}

/** The rows of sentences: one each, of longer ones one for each `length` words. A sentence without words has one as well. */
export function rowsOf(sentences: readonly Pick<Sentence, "words">[], { length }: WordSetting): readonly SentenceRow[] {
  return sentences.flatMap(({ words }, sentence) =>
    Array.from({ length: Math.max(1, Math.ceil(words.length / length)) }, (_, i) => ({
      sentence,
      from: i * length,
      to: Math.min(words.length, (i + 1) * length),
    })),
  );
}

/** Features of the words of rows and which words are there: int32 [rows, length, slots] and float32 [rows, length]. */
export function wordRows(
  sentences: readonly Sentence[],
  rows: readonly SentenceRow[],
  setting: WordSetting,
): { readonly lexical: Int32Array; readonly mask: Float32Array } {
  const { length, slots } = setting;
  const lexical = new Int32Array(rows.length * length * slots.length);
  const mask = new Float32Array(rows.length * length);
  const features = sentences.map((sentence) => lexicalOf(writtenIn(sentence), setting));
  rows.forEach(({ sentence, from, to }, row) => {
    const own = features[sentence]!.subarray(from * slots.length, to * slots.length);
    lexical.set(own, row * length * slots.length);
    mask.fill(1, row * length, row * length + to - from);
  });
  return { lexical, mask };
}

/** The words of each row as they are written: those that an encoder is given together. */
export const rowWords = (
  sentences: readonly Sentence[],
  rows: readonly SentenceRow[],
): readonly (readonly string[])[] => {
  const written = sentences.map(writtenIn);
  return rows.map(({ sentence, from, to }) => written[sentence]!.slice(from, to));
};

const writtenIn = ({ text, words }: Sentence): readonly string[] => words.map(([start, end]) => text.slice(start, end));

/** The inputs of rows. Features of words are of the whole sentence, states those of the row alone. */
export async function rowInputs(
  sentences: readonly Sentence[],
  rows: readonly SentenceRow[],
  setting: WordSetting,
  backbone: TextBackbone | undefined,
  work: LongWork,
): Promise<TokenInputs> {
  const { length, slots, width } = setting;
  const n = rows.length;
  const { lexical, mask } = wordRows(sentences, rows, setting);
  const x = {
    lexical: tensor(lexical, [n, length, slots.length], "int32"),
    mask: tensor(mask, [n, length]),
  };
  if (!backbone) return x;
  const states = new Float32Array(n * length * width);
  // Rows of no words are padding throughout.
  const filled = rowWords(sentences, rows)
    .map((words, place) => ({ words, place }))
    .filter(({ words }) => words.length > 0);
  const made = await backbone.states(
    filled.map(({ words }) => words),
    work,
  );
  filled.forEach(({ place }, i) => {
    states.set(made[i]!, place * length * width);
  });
  return { ...x, states: tensor(states, [n, length, width]) };
}
