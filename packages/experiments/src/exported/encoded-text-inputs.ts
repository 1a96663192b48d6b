/** Texts that a frozen encoder makes features of, before programs: onnx/backbone.onnx and tokenizer.json of the folder. */
import type { PortableArray, PortableArrays, PortableSession, PortableSlot } from "@innerloop/graph";
import { isRecord, quoted, reasonOf } from "../options/outside-text.js";
import type { PieceIds } from "../text-io.js";
import { ExportError } from "./export-error.js";
import {
  backboneFile,
  encodedBy,
  encoderFault,
  type InputEncoder,
  normalizeParts,
  openBackbone,
  probeFeatures,
  probeInputs,
  probeNames,
} from "./input-encoder.js";
import type { InputForm } from "./input-form.js";
import { isWhole } from "./kind-values.js";

/** An encoder of texts as config.json tells it. */
export interface TextBackboneTold {
  readonly name: string;
  /** The tensor that is read. */
  readonly output: string;
  /** mean: of the states of all tokens. cls: the state of the first. output: the model pools by itself. */
  readonly pooling: "mean" | "cls" | "output";
  readonly normalize: boolean;
  /** Tokens of a text at most, those that begin and end it included. */
  readonly maxTokens: number;
  /** The length that the model takes, where it takes but one. */
  readonly padTo?: number;
}

/** Texts, as features of an encoder. */
export interface EncodedTextInputs {
  readonly kind: "encoded-text";
  /** Of the features of one. */
  readonly shape: readonly [features: number];
  readonly backbone: TextBackboneTold;
}

const [longestName, mostTokens, mostFeatures, longestText] = [1024, 8192, 2 ** 16, 2 ** 20];
const tokenizerFile = "tokenizer.json";

function backboneIn(value: unknown): TextBackboneTold | undefined {
  if (!isRecord(value)) return undefined;
  const { name, output, pooling, normalize, maxTokens, padTo } = value;
  const isName = (each: unknown): each is string =>
    typeof each === "string" && each !== "" && each.length <= longestName && !each.includes("\0");
  if (!isName(name) || !isName(output) || typeof normalize !== "boolean") return undefined;
  if (pooling !== "mean" && pooling !== "cls" && pooling !== "output") return undefined;
  if (!isWhole(maxTokens, 1, mostTokens) || !(padTo === undefined || isWhole(padTo, 1, mostTokens))) return undefined;
  const padded = padTo === undefined ? {} : { padTo: padTo as number };
  return { name, output, pooling, normalize, maxTokens: maxTokens as number, ...padded };
}

const slotTypes: Readonly<Record<string, readonly PortableSlot["dtype"][]>> = {
  input_ids: ["int64", "int32"],
  attention_mask: ["int64", "int32", "float32"],
  token_type_ids: ["int64", "int32"],
};

/** One text as the model takes it: by itself, for what is scaled or padded over a batch depends on its neighbours. */
function feedsOf(session: PortableSession, ids: readonly number[], padTo: number | undefined): PortableArrays {
  const width = padTo ?? ids.length;
  const valueAt = (name: string, place: number): number =>
    place >= ids.length || name === "token_type_ids" ? 0 : name === "input_ids" ? ids[place]! : 1;
  const arrayOf = ({ name, dtype }: PortableSlot): PortableArray => {
    const values = Array.from({ length: width }, (_, place) => valueAt(name, place));
    const shape = [1, width];
    if (dtype === "int64") return { dtype, shape, data: BigInt64Array.from(values, BigInt) };
    return dtype === "int32"
      ? { dtype, shape, data: Int32Array.from(values) }
      : { dtype: "float32", shape, data: Float32Array.from(values) };
  };
  return Object.fromEntries(session.inputs.map((slot) => [slot.name, arrayOf(slot)]));
}

async function featuresOf(
  session: PortableSession,
  ids: readonly number[],
  { backbone, shape: [features] }: EncodedTextInputs,
  shown: string,
): Promise<Float32Array> {
  const row = new Float32Array(features);
  // A tokenizer without marks around texts leaves nothing of an empty one: its features are zeros.
  if (ids.length === 0) return row;
  const { output, pooling, normalize, padTo } = backbone;
  const { shape, data } = await encodedBy(session, feedsOf(session, ids, padTo), output, shown);
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

/** Texts that a written encoder is tried on: words, figures, marks, other scripts, and more than a sentence. */
const triedTexts: readonly string[] = [
  "Where is my parcel?",
  "I want my money back, and 25.50 for the trouble; thank you.",
  "Größe über alles: naïve café, 東京 и Москва",
  `${"the courier never came to the door of the house ".repeat(12)}again.`,
];

const encoder: InputEncoder<EncodedTextInputs> = {
  files: [backboneFile, tokenizerFile],
  open: async (inputs, files, machine, shown) => {
    if (!machine.pieces)
      throw new ExportError(
        "ILE206",
        shown,
        "its texts go through a tokenizer, which this machine does not run",
        "Load it in Node, or give one: loadExported(address, { pieces }) of @innerloop/web",
      );
    let pieces: PieceIds;
    try {
      pieces = await machine.pieces(files[tokenizerFile]!, `${shown}/${tokenizerFile}`);
    } catch (cause) {
      throw new ExportError(
        "ILE202",
        `${shown}/${tokenizerFile}`,
        `it is no tokenizer (${reasonOf(cause)})`,
        "Export the run again, or get the folder anew from where it came from",
        { cause },
      );
    }
    const session = await openBackbone(files, machine, shown);
    const odd = session.inputs.find(
      ({ name, dtype }) => !Object.hasOwn(slotTypes, name) || !slotTypes[name]!.includes(dtype),
    );
    const hasIds = session.inputs.some(({ name }) => name === "input_ids");
    if (odd || !hasIds || !session.outputs.some(({ name }) => name === inputs.backbone.output)) {
      await session.close();
      throw encoderFault(shown, `it is no encoder of token ids with the output ${inputs.backbone.output.slice(0, 80)}`);
    }
    const { before, behind } = pieces;
    const room = Math.max(0, inputs.backbone.maxTokens - before.length - behind.length);
    return {
      encode: async (read) => {
        const rows: Float32Array[] = [];
        for (const ids of pieces.split(read as readonly string[]))
          rows.push(await featuresOf(session, [...before, ...ids.slice(0, room), ...behind], inputs, shown));
        return rows;
      },
      close: () => session.close(),
    };
  },
  tried: () => triedTexts,
  kept: ({ inputs, features }, { shape }) => ({
    arrays: { [probeNames.features]: { dtype: "float32", shape: [inputs.length, ...shape], data: features } },
    metadata: { [probeNames.texts]: JSON.stringify(inputs) },
  }),
  restored: ({ arrays, metadata }, { shape }) => {
    const features = probeFeatures(arrays, probeInputs, shape);
    const told = metadata[probeNames.texts];
    if (!features || told === undefined || told.length > longestText) return undefined;
    let texts: unknown;
    try {
      texts = JSON.parse(told);
    } catch {
      return undefined;
    }
    const areTexts =
      Array.isArray(texts) && texts.length === probeInputs && texts.every((each) => typeof each === "string");
    return areTexts ? { inputs: texts as readonly string[], features } : undefined;
  },
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
  pythonFirst: ({ backbone }) => pythonFeatures(backbone),
  inPython: (_, rows = 2) => ({ "": `features(["a text"] * ${rows})` }),
  inJavaScript: () => `"a text"`,
};

/** The function of a model card that makes features. */
function pythonFeatures({ output, pooling, normalize, maxTokens, padTo }: TextBackboneTold): readonly string[] {
  return [
    "from tokenizers import Tokenizer  # of the package tokenizers",
    "",
    'tokenizer = Tokenizer.from_file("tokenizer.json")',
    "tokenizer.no_padding()",
    `tokenizer.enable_truncation(${maxTokens})`,
    'backbone = ort.InferenceSession("onnx/backbone.onnx")',
    'types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}',
    "",
    "def features(texts):",
    "    rows = []",
    "    for text in texts:",
    "        ids = tokenizer.encode(text).ids",
    `        pad = [0] * ${padTo === undefined ? "0" : `(${padTo} - len(ids))`}`,
    '        known = {"input_ids": ids + pad, "attention_mask": [1] * len(ids) + pad, "token_type_ids": [0] * len(ids + pad)}',
    "        feeds = {each.name: np.array([known[each.name]], types[each.type]) for each in backbone.get_inputs()}",
    `        y = backbone.run([${JSON.stringify(output)}], feeds)[0]`,
    `        rows.append(${pooling === "output" ? "y[0]" : pooling === "cls" ? "y[0, 0]" : "y[0, :len(ids)].mean(axis=0)"})`,
    "    rows = np.array(rows, np.float32)",
    `    return ${normalize ? "rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)" : "rows"}`,
    "",
  ];
}
