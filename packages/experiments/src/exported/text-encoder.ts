/** Frozen encoders of texts before programs: onnx/backbone.onnx and tokenizer.json of the folder. */
import type { PortableArray, PortableArrays, PortableSession, PortableSlot } from "@innerloop/graph";
import { isRecord, reasonOf } from "../options/outside-text.js";
import type { PieceIds } from "../text-io.js";
import { ExportError } from "./export-error.js";
import type { ExportedFileName } from "./exported-config.js";
import {
  backboneFile,
  type EncoderMachine,
  type EncoderProbe,
  encodedBy,
  encoderFault,
  type InputEncoder,
  openBackbone,
  probeFeatures,
  probeInputs,
  probeNames,
} from "./input-encoder.js";
import { isWhole } from "./kind-values.js";

/** An encoder of tokens as config.json tells it. */
export interface TokenEncoderTold {
  readonly name: string;
  /** The tensor that is read. */
  readonly output: string;
  /** Tokens of a text at most, those that begin and end it included. */
  readonly maxTokens: number;
  /** The length that the model takes, where it takes but one. */
  readonly padTo?: number;
}

/** Characters of a text at most. */
export const longestText = 2 ** 20;
const [longestName, mostTokens] = [1024, 8192];
const tokenizerFile = "tokenizer.json";

/** Files of an encoder of texts. */
export const textEncoderFiles = [backboneFile, tokenizerFile] as const satisfies readonly ExportedFileName[];

/** The encoder in a value of config.json, which anyone may have written; undefined where it is none. */
export function tokenEncoderIn(value: unknown): TokenEncoderTold | undefined {
  if (!isRecord(value)) return undefined;
  const { name, output, maxTokens, padTo } = value;
  const isName = (each: unknown): each is string =>
    typeof each === "string" && each !== "" && each.length <= longestName && !each.includes("\0");
  if (!isName(name) || !isName(output)) return undefined;
  if (!isWhole(maxTokens, 1, mostTokens) || !(padTo === undefined || isWhole(padTo, maxTokens, mostTokens)))
    return undefined;
  return { name, output, maxTokens, ...(padTo === undefined ? {} : { padTo }) };
}

/** An encoder of tokens that is open. */
export interface TokenEncoder {
  readonly pieces: PieceIds;
  /** The tensor that the model makes of tokens, one text by itself. @throws ExportError ILE202 */
  run(ids: readonly number[]): Promise<{ readonly shape: readonly number[]; readonly data: Float32Array }>;
  close(): Promise<void>;
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

/**
 * Opens an encoder with its tokenizer.
 *
 * @throws ExportError ILE202 for a model or tokenizer that is not as config.json tells it, ILE206 where the machine runs none such
 */
export async function openTokenEncoder(
  { output, padTo }: TokenEncoderTold,
  files: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>,
  machine: EncoderMachine,
  shown: string,
): Promise<TokenEncoder> {
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
  if (odd || !hasIds || !session.outputs.some(({ name }) => name === output)) {
    await session.close();
    throw encoderFault(shown, `it is no encoder of token ids with the output ${output.slice(0, 80)}`);
  }
  return {
    pieces,
    run: (ids) => encodedBy(session, feedsOf(session, ids, padTo), output, shown),
    close: () => session.close(),
  };
}

/** Texts that a written encoder is tried on: words, figures, marks, other scripts, and more than a sentence. */
export const triedTexts: readonly string[] = [
  "Where is my parcel?",
  "I want my money back, and 25.50 for the trouble; thank you.",
  "Größe über alles: naïve café, 東京 и Москва",
  `${"the courier never came to the door of the house ".repeat(12)}again.`,
];

/**
 * A probe of texts in expected.safetensors, and out of it.
 *
 * @param isInput what one of its inputs is
 */
export const textProbes = <Inputs>(
  shapeOf: (inputs: Inputs) => readonly number[],
  isInput: (value: unknown, inputs: Inputs) => boolean,
): Pick<InputEncoder<Inputs>, "kept" | "restored"> => ({
  kept: ({ inputs: texts, features }, inputs) => ({
    arrays: { [probeNames.features]: { dtype: "float32", shape: [texts.length, ...shapeOf(inputs)], data: features } },
    metadata: { [probeNames.texts]: JSON.stringify(texts) },
  }),
  restored: ({ arrays, metadata }, inputs): EncoderProbe | undefined => {
    const features = probeFeatures(arrays, probeInputs, shapeOf(inputs));
    const told = metadata[probeNames.texts];
    if (!features || told === undefined || told.length > longestText) return undefined;
    let texts: unknown;
    try {
      texts = JSON.parse(told);
    } catch {
      return undefined;
    }
    const areInputs =
      Array.isArray(texts) && texts.length === probeInputs && texts.every((each) => isInput(each, inputs));
    return areInputs ? { inputs: texts as readonly unknown[], features } : undefined;
  },
});

/** Lines of a model card that open an encoder: `tokenizer`, `backbone`, and `run(ids)`, which makes its tensor of one text. */
export const pythonTokenEncoder = ({ output, padTo }: TokenEncoderTold): readonly string[] => [
  "from tokenizers import Tokenizer  # of the package tokenizers",
  "",
  'tokenizer = Tokenizer.from_file("tokenizer.json")',
  "tokenizer.no_padding()",
  'backbone = ort.InferenceSession("onnx/backbone.onnx")',
  'types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}',
  "",
  "def run(ids):",
  `    pad = [0] * ${padTo === undefined ? "0" : `(${padTo} - len(ids))`}`,
  '    known = {"input_ids": ids + pad, "attention_mask": [1] * len(ids) + pad, "token_type_ids": [0] * len(ids + pad)}',
  "    feeds = {each.name: np.array([known[each.name]], types[each.type]) for each in backbone.get_inputs()}",
  `    return backbone.run([${JSON.stringify(output)}], feeds)[0][0]`,
  "",
];
