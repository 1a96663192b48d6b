/** Texts as inputs of exported programs: as ids of words, or of words and n-grams, for which no tokenizer is needed. */
import { type IdCoding, idsOf, TaskError, textCodingFrom } from "@innerloop/core/exported";
import { givenTexts } from "./given-texts.js";
import type { InputForm } from "./input-form.js";

/** A coding that a text alone is enough for. */
export type PlainCoding = Extract<IdCoding, { readonly buckets: number }>;

/** Texts, as ids by a coding. */
export interface TextInputs {
  readonly kind: "text";
  readonly coding: PlainCoding;
}

/** The question whether a coding needs nothing beside the text. */
export const isPlain = (coding: object): coding is PlainCoding => "buckets" in coding;

/** @internal */
export const textForm: InputForm<TextInputs> = {
  parse: ({ coding }) => {
    try {
      const found = textCodingFrom(coding);
      return isPlain(found) ? { kind: "text", coding: found } : undefined;
    } catch (error) {
      if (error instanceof TaskError) return undefined;
      throw error;
    }
  },
  slots: ({ coding }) => [{ name: "", dtype: "int32", shape: [coding.length] }],
  isOne: () => false,
  read: async (given, { coding }) => {
    const texts = givenTexts(given);
    const { ids, length } = idsOf(coding, texts);
    return texts.map((_, i) => ids.slice(i * length, (i + 1) * length));
  },
  readingOf: () => ({ invert: false }),
  rows: (read) => [[read]],
  about: ({ coding }) =>
    `Texts, which programs take as ${coding.length} ids (0 is padding) by \`innerloop.inputs.coding\` of config.json; \`textNgrams\` and \`textTokens\` of @innerloop/core/tasks make them.`,
  inPython: ({ coding }, rows = 2) => ({
    "": `np.random.randint(1, ${coding.buckets}, (${rows}, ${coding.length})).astype(np.int32)`,
  }),
  inJavaScript: () => `"a text"`,
};
