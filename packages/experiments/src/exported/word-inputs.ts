/** Sentences as inputs of exported programs: features of their words, for which no tokenizer is needed. */
import type { WordSetting } from "@innerloop/core/tasks";
import { rowsOf, type Sentence, wordRows } from "../domains/entities/sentence-rows.js";
import { isWordSetting } from "../domains/entities/spec.js";
import { wordPlaces, wordsIn } from "../domains/entities/word-coding.js";
import type { InputForm } from "./input-form.js";
import { markedTextOf } from "./marked-texts.js";
import type { RowValues } from "./row-arrays.js";

/** Sentences, as features of words. */
export interface WordInputs {
  readonly kind: "words";
  readonly words: WordSetting;
}

/** The sentence that a user gives: a text, or a marked one with words of its own. @throws ExportError ILE206 */
export function sentenceOf(given: unknown, place: number): Sentence {
  if (typeof given === "string") return { text: given, words: wordPlaces(given) };
  const marked = markedTextOf(given, `input ${place + 1}`);
  return { text: marked.text, words: wordsIn(marked) };
}

/** @internal */
export const wordForm: InputForm<WordInputs, Sentence> = {
  parse: ({ words }) =>
    isWordSetting(words) && words.width === 0
      ? { kind: "words", words: { length: words.length, slots: words.slots, ids: words.ids, width: 0 } }
      : undefined,
  slots: ({ words: { length, slots } }) => [
    { name: "lexical", dtype: "int32", shape: [length, slots.length] },
    { name: "mask", dtype: "float32", shape: [length] },
  ],
  isOne: () => false,
  read: async (given) => given.map(sentenceOf),
  readingOf: () => ({ invert: false }),
  rows: (sentence, _, { words: setting }) => {
    const rows = rowsOf([sentence], setting);
    const { lexical, mask } = wordRows([sentence], rows, setting);
    const [width, length] = [setting.length * setting.slots.length, setting.length];
    return rows.map(
      (__, row): RowValues => [
        lexical.slice(row * width, (row + 1) * width),
        mask.slice(row * length, (row + 1) * length),
      ],
    );
  },
  about: ({ words: { length, slots, ids } }) =>
    `Sentences, which programs take as ${slots.length} features of each of ${length} words, ids below ${ids}; \`wordsOf\` and \`wordFeatures\` of @innerloop/core/tasks make them. Longer ones are several rows.`,
  inPython: ({ words: { length, slots, ids } }, rows = 2) => ({
    lexical: `np.random.randint(1, ${ids}, (${rows}, ${length}, ${slots.length})).astype(np.int32)`,
    mask: `np.ones((${rows}, ${length}), np.float32)`,
  }),
  inJavaScript: () => `"a flight to Berlin"`,
};
