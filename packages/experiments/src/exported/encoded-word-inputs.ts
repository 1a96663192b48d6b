/** Sentences whose words have states of a frozen encoder beside their features: onnx/backbone.onnx and tokenizer.json of the folder. */
import type { WordSetting } from "@innerloop/core/tasks";
import { rowsOf, rowWords, type Sentence } from "../domains/entities/sentence-rows.js";
import { isWordSetting } from "../domains/entities/spec.js";
import { wordPlaces } from "../domains/entities/word-coding.js";
import { ledWords, tokensOfWords, wordLead } from "../encoder-tokens.js";
import { encoderFault, type InputEncoder } from "./input-encoder.js";
import { type InputForm, isInputShape } from "./input-form.js";
import {
  openTokenEncoder,
  pythonTokenEncoder,
  type TokenEncoderTold,
  textEncoderFiles,
  textProbes,
  tokenEncoderIn,
  triedTexts,
} from "./text-encoder.js";
import { sentenceOf, wordForm } from "./word-inputs.js";

/** Sentences, as features of words and the state of each word's first piece: zeros where an encoder takes no more. */
export interface EncodedWordInputs {
  readonly kind: "encoded-words";
  /** `width` numbers are a state. */
  readonly words: WordSetting;
  readonly backbone: TokenEncoderTold;
}

/** A sentence with the states of its rows, [length, width] each. */
interface SeenSentence extends Sentence {
  readonly states: readonly Float32Array[];
}

const statesShape = ({ words: { length, width } }: EncodedWordInputs): readonly [number, number] => [length, width];

/** The same without an encoder. */
const bare = ({ words: { length, slots, ids } }: EncodedWordInputs) =>
  ({ kind: "words", words: { length, slots, ids, width: 0 } }) as const;

const encoder: InputEncoder<EncodedWordInputs> = {
  files: textEncoderFiles,
  open: async ({ words: { length, width }, backbone }, files, machine, shown) => {
    const { pieces, run, close } = await openTokenEncoder(backbone, files, machine, shown);
    let lead: ReturnType<typeof wordLead> | undefined;
    const statesOf = async (words: readonly string[]): Promise<Float32Array> => {
      const states = new Float32Array(length * width);
      // A row of no words is padding throughout, as are words that leave no token.
      if (words.length === 0) return states;
      lead ??= wordLead(pieces.split);
      const { ids, positions } = tokensOfWords(pieces.split(ledWords(words, lead)), pieces, backbone.maxTokens);
      if (ids.length === 0) return states;
      const { shape, data } = await run(ids);
      const expected = [1, backbone.padTo ?? ids.length, width];
      if (shape.join() !== expected.join())
        throw encoderFault(
          shown,
          `its output is [${shape.join(", ")}], and config.json tells [${expected.join(", ")}]`,
        );
      positions.forEach((token, word) => {
        states.set(data.subarray(token * width, (token + 1) * width), word * width);
      });
      return states;
    };
    return {
      encode: async (read) => {
        const rows: Float32Array[] = [];
        for (const words of read as readonly (readonly string[])[]) rows.push(await statesOf(words));
        return rows;
      },
      close,
    };
  },
  tried: ({ words: { length } }) =>
    triedTexts.map((text) => {
      const written = wordPlaces(text).map(([start, end]) => text.slice(start, end));
      return written.slice(0, length);
    }),
  ...textProbes<EncodedWordInputs>(
    statesShape,
    (each, { words: { length } }) =>
      Array.isArray(each) && each.length <= length && each.every((word) => typeof word === "string"),
  ),
};

/** @internal */
export const encodedWordForm: InputForm<EncodedWordInputs, SeenSentence> = {
  parse: ({ words, backbone }) => {
    const told = tokenEncoderIn(backbone);
    if (!told || !isWordSetting(words) || words.width === 0) return undefined;
    const { length, slots, ids, width } = words;
    if (!isInputShape([length, width])) return undefined;
    return { kind: "encoded-words", words: { length, slots, ids, width }, backbone: told };
  },
  encoder,
  slots: (inputs) => [
    ...wordForm.slots(bare(inputs)),
    { name: "states", dtype: "float32", shape: statesShape(inputs) },
  ],
  isOne: () => false,
  read: async (given, { words: setting }, io) => {
    const sentences = given.map(sentenceOf);
    const rows = rowsOf(sentences, setting);
    const states = (await io.encode!(rowWords(sentences, rows))) as readonly Float32Array[];
    const seen = sentences.map((sentence) => ({ ...sentence, states: [] as Float32Array[] }));
    rows.forEach(({ sentence }, row) => {
      seen[sentence]!.states.push(states[row]!);
    });
    return seen;
  },
  readingOf: () => ({ invert: false }),
  rows: ({ states, ...sentence }, reading, inputs) =>
    wordForm.rows(sentence, reading, bare(inputs)).map((values, row) => [...values, states[row]!]),
  about: (inputs) =>
    `${wordForm.about(bare(inputs))} Beside them is the state of each word's first piece, of which tokenizer.json and onnx/backbone.onnx (${inputs.backbone.name}, at most ${inputs.backbone.maxTokens} tokens of a row; zeros beyond) make [${statesShape(inputs).join(", ")}].`,
  pythonPackages: ["tokenizers"],
  pythonFirst: ({ words, backbone }) => pythonStates(words, backbone),
  inPython: (inputs, rows = 2) => ({
    ...wordForm.inPython(bare(inputs), rows),
    mask: `np.tile(np.arange(${inputs.words.length}) < len(sentence), (${rows}, 1)).astype(np.float32)`,
    states: `states([sentence] * ${rows})`,
  }),
  inJavaScript: (inputs) => wordForm.inJavaScript(bare(inputs)),
};

/** The function of a model card that makes states of words. */
const pythonStates = ({ length, width }: WordSetting, backbone: TokenEncoderTold): readonly string[] => [
  ...pythonTokenEncoder(backbone),
  "def ids_of(text):",
  "    return tokenizer.encode(text, add_special_tokens=False).ids",
  "",
  'around = tokenizer.encode("a b").ids',
  'at = next(i for i in range(len(around)) if around[i:i + len(ids_of("a b"))] == ids_of("a b"))',
  'before, behind = around[:at], around[at + len(ids_of("a b")):]',
  'lead = " " if ids_of("a") + ids_of(" b") == ids_of("a b") != ids_of("a") + ids_of("b") else ""',
  "",
  "def states(sentences):  # lists of words",
  `    made = np.zeros((len(sentences), ${length}, ${width}), np.float32)`,
  "    for row, words in enumerate(sentences):",
  "        ids, places = list(before), []",
  "        for word in words[:1] + [lead + word for word in words[1:]]:",
  "            pieces = ids_of(word)",
  `            if len(ids) + len(pieces) > ${backbone.maxTokens} - len(behind):`,
  "                break",
  "            places.append(len(ids) if pieces else max(0, len(ids) - 1))",
  "            ids += pieces",
  "        if places:",
  "            made[row, :len(places)] = run(ids + behind)[places]",
  "    return made",
  "",
  `sentence = ["a", "flight", "to", "Berlin"][:${length}]`,
];
