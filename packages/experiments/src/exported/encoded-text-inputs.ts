/** Texts that a frozen encoder makes features of, before programs: onnx/backbone.onnx and tokenizer.json of the folder. */
import { tokensOfText } from "../encoder-tokens.js";
import { isRecord, quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";
import { encoderFault, type InputEncoder, normalizeParts } from "./input-encoder.js";
import type { InputForm } from "./input-form.js";
import { isWhole } from "./kind-values.js";
import {
  longestText,
  openTokenEncoder,
  pythonTokenEncoder,
  type TokenEncoder,
  type TokenEncoderTold,
  textEncoderFiles,
  textProbes,
  tokenEncoderIn,
  triedTexts,
} from "./text-encoder.js";

/** An encoder of texts as config.json tells it. */
export interface TextBackboneTold extends TokenEncoderTold {
  /** mean: of the states of all tokens. cls: the state of the first. output: the model pools by itself. */
  readonly pooling: "mean" | "cls" | "output";
  readonly normalize: boolean;
}

/** Texts, as features of an encoder. */
export interface EncodedTextInputs {
  readonly kind: "encoded-text";
  /** Of the features of one. */
  readonly shape: readonly [features: number];
  readonly backbone: TextBackboneTold;
}

const mostFeatures = 2 ** 16;

function backboneIn(value: unknown): TextBackboneTold | undefined {
  const told = tokenEncoderIn(value);
  if (!told || !isRecord(value)) return undefined;
  const { pooling, normalize } = value;
  if (pooling !== "mean" && pooling !== "cls" && pooling !== "output") return undefined;
  if (typeof normalize !== "boolean") return undefined;
  const { name, output, ...lengths } = told;
  // In this order: tasks that were saved know inputs by the digest of their text.
  return { name, output, pooling, normalize, ...lengths };
}

async function featuresOf(
  encoder: TokenEncoder,
  ids: readonly number[],
  { backbone, shape: [features] }: EncodedTextInputs,
  shown: string,
): Promise<Float32Array> {
  const row = new Float32Array(features);
  // A tokenizer without marks around texts leaves nothing of an empty one: its features are zeros.
  if (ids.length === 0) return row;
  const { pooling, normalize, padTo } = backbone;
  const { shape, data } = await encoder.run(ids);
  const tokens = pooling === "output" ? 1 : (padTo ?? ids.length);
  const expected = pooling === "output" ? [1, features] : [1, tokens, features];
  if (shape.join() !== expected.join())
    throw encoderFault(shown, `its output is [${shape.join(", ")}], and config.json tells [${expected.join(", ")}]`);
  const taken = pooling === "mean" ? ids.length : 1;
  for (let f = 0; f < features; f++) {
    let sum = 0;
    for (let token = 0; token < taken; token++) sum += data[token * features + f]!;
    row[f] = sum / taken;
  }
  if (normalize) normalizeParts(row, features);
  return row;
}

const encoder: InputEncoder<EncodedTextInputs> = {
  files: textEncoderFiles,
  open: async (inputs, files, machine, shown) => {
    const open = await openTokenEncoder(inputs.backbone, files, machine, shown);
    return {
      encode: async (read) => {
        const rows: Float32Array[] = [];
        for (const pieces of open.pieces.split(read as readonly string[]))
          rows.push(
            await featuresOf(open, tokensOfText(pieces, open.pieces, inputs.backbone.maxTokens), inputs, shown),
          );
        return rows;
      },
      close: open.close,
    };
  },
  tried: () => triedTexts,
  ...textProbes<EncodedTextInputs>(
    ({ shape }) => shape,
    (each) => typeof each === "string",
  ),
};

/** @internal */
export const encodedTextForm: InputForm<EncodedTextInputs> = {
  parse: ({ shape, backbone }) => {
    const told = backboneIn(backbone);
    if (!told || !Array.isArray(shape) || shape.length !== 1 || !isWhole(shape[0], 1, mostFeatures)) return undefined;
    return { kind: "encoded-text", shape: [shape[0] as number], backbone: told };
  },
  encoder,
  slots: ({ shape }) => [{ name: "", dtype: "float32", shape }],
  isOne: () => false,
  read: async (given, _, io) => {
    const texts = given.map((each, i) => {
      if (typeof each === "string" && each.trim() !== "" && each.length <= longestText) return each;
      const problem = `it is ${each === "" ? "empty" : quoted(each)}`;
      throw new ExportError("ILE206", `input ${i + 1}`, problem, "Give a text, with a letter at least");
    });
    return io.encode!(texts.map((text) => text.normalize("NFC")));
  },
  readingOf: () => ({ invert: false }),
  rows: (read) => [[read]],
  about: ({ backbone, shape }) =>
    `Texts, of which tokenizer.json and onnx/backbone.onnx (${backbone.name}, at most ${backbone.maxTokens} tokens) make features [${shape.join(", ")}]: programs take these.`,
  pythonPackages: ["tokenizers"],
  pythonFirst: ({ backbone }) => pythonFeatures(backbone),
  inPython: (_, rows = 2) => ({ "": `features(["a text"] * ${rows})` }),
  inJavaScript: () => `"a text"`,
};

/** The function of a model card that makes features. */
const pythonFeatures = (backbone: TextBackboneTold): readonly string[] => {
  const { pooling, normalize, maxTokens } = backbone;
  return [
    ...pythonTokenEncoder(backbone),
    `tokenizer.enable_truncation(${maxTokens})`,
    "",
    "def features(texts):",
    "    rows = []",
    "    for text in texts:",
    "        ids = tokenizer.encode(text).ids",
    `        rows.append(${pooling === "output" ? "run(ids)" : pooling === "cls" ? "run(ids)[0]" : "run(ids)[:len(ids)].mean(axis=0)"})`,
    "    rows = np.array(rows, np.float32)",
    `    return ${normalize ? "rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)" : "rows"}`,
    "",
  ];
};
