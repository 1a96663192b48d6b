/** Frozen encoders from elsewhere, up to where onnxruntime would take them: that runs in a process of its own. */
import { readFileSync } from "node:fs";
import { encode, type Value } from "@innerloop/graph";
import { readBackboneFolder } from "../../../packages/node/dist/backbones/backbone-folder.js";
import { parseBackboneSettings } from "../../../packages/node/dist/backbones/backbone-settings.js";
import { openFeatureCache } from "../../../packages/node/dist/backbones/feature-cache.js";
import { machineEncoders } from "../../../packages/node/dist/backbones/machine-encoders.js";
import { readModelContents } from "../../../packages/node/dist/backbones/model-file.js";
import { parseTokenizer } from "../../../packages/node/dist/backbones/tokenizer-file.js";
import { readTorchTensors } from "../../../packages/node/dist/data/formats/torch-file.js";
import { filesOf } from "../inputs.js";
import { type Reader, WrongResult } from "../reader.js";
import { requireCode } from "./checked.js";

const value = (name: string, data?: Float32Array): Value => ({ name, dtype: "float32", shape: [2], data });
const [x, w, y] = [value("input_ids"), value("w", Float32Array.of(1, 2)), value("y")];
const node = { operator: "Add", domain: "", inputs: [x, w], output: y, attributes: { axis: 1 } };
const model = encode({ nodes: [node], initializers: [w], inputs: [x], outputs: [y] });

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const textSettings = utf8('{ "pooling": "mean", "normalize": true, "maxTokens": 256, "licence": "MIT" }');
const imageSettings = utf8(
  '{ "kind": "image", "size": [224, 224], "channels": 3, "layout": "NCHW", "mean": [1, 2, 3], "scale": 128 }',
);

const fixture = new URL("../../../packages/node/src/backbones/fixtures/tokenizers.json", import.meta.url);
const tokenizers = (): readonly Uint8Array[] =>
  (JSON.parse(readFileSync(fixture, "utf8")) as { cases: { tokenizer: object }[] }).cases.map(({ tokenizer }) =>
    utf8(JSON.stringify(tokenizer)),
  );

const modelReader: Reader = {
  name: "onnx",
  reads: "an ONNX file, as far as it is read before it is loaded",
  sources: ["node/src/backbones/model-file.ts"],
  weight: 2,
  seeds: () => [model],
  words: ["j", "p\x01", "*", ":", "input_ids", "EPContext", "location", "\x92\x01", "\xca\x01"],
  run(input) {
    const { inputs, outputs, tensors, operators } = readModelContents(input, "model.onnx");
    if (operators.size === 0 || inputs.length + outputs.length + tensors.size > 4 * input.length)
      throw new WrongResult("more names than the file has bytes for");
  },
};

const settingsReader: Reader = {
  name: "backbone.json",
  reads: "the settings of a backbone",
  sources: ["node/src/backbones/backbone-settings.ts"],
  seeds: () => [textSettings, imageSettings],
  words: [
    '"kind"',
    '"image"',
    '"text"',
    '"output"',
    '"cls"',
    '"NHWC"',
    '"sha256"',
    '"__proto__"',
    "[1,1]",
    "1e309",
    "-0",
  ],
  run(input) {
    const settings = parseBackboneSettings(new TextDecoder().decode(input), "backbone.json");
    if (settings.kind === "image" && !settings.scale.every((scale) => scale !== 0 && Number.isFinite(scale)))
      throw new WrongResult("a scale that is none");
  },
};

const tokenizerReader: Reader = {
  name: "tokenizer.json",
  reads: "a tokenizer",
  sources: ["node/src/backbones/tokenizer-file.ts", "node/src/backbones/machine-encoders.ts"],
  weight: 0.5,
  seeds: tokenizers,
  words: [
    '"Regex"',
    '"(a+)+$"',
    '"Split"',
    '"Sequence"',
    '"vocab"',
    '"merges"',
    '"Unigram"',
    "null",
    "[]",
    "-1",
    "1e9",
  ],
  async run(input, place) {
    const parsed = parseTokenizer(input, "tokenizer.json", 500);
    const ids = parsed.split(["how do i pay", "\u{1f600} caf\u00e9"]).flat();
    if (ids.some((id) => !(Number.isInteger(id) && id >= 0 && id < parsed.vocabulary)))
      throw new WrongResult("an id beyond the vocabulary");
    const opened = await machineEncoders.tokenizer(place.put("tokenizer.json", input), {});
    if (opened.encode("a bill").some((id) => id < 0 || id >= opened.pieces))
      throw new WrongResult("an id beyond the pieces");
  },
};

const folderReader: Reader = {
  name: "backbone folder",
  reads: "a folder with a model, its tokenizer and settings",
  sources: ["node/src/backbones/backbone-folder.ts"],
  seeds: () => [model, textSettings, imageSettings],
  async run(input, place) {
    const [tokenizer] = tokenizers();
    for (const [name, other] of [
      ["model.onnx", model],
      ["backbone.json", textSettings],
      ["tokenizer.json", tokenizer!],
    ] as const) {
      for (const [each, bytes] of [
        ["model.onnx", model],
        ["backbone.json", textSettings],
        ["tokenizer.json", tokenizer!],
      ] as const)
        place.put(`backbone/${each}`, each === name ? input : bytes);
      await readBackboneFolder(place.path("backbone")).catch(requireCode);
      place.put(`backbone/${name}`, other);
    }
  },
};

const torchReader: Reader = {
  name: "torch",
  reads: "tensors of PyTorch in the format of before 1.6",
  sources: ["node/src/data/formats/torch-file.ts", "node/src/data/formats/pickle.ts"],
  weight: 2,
  seeds: () => [...filesOf("seeds", "torch").values()],
  words: [
    "ctorch\nFloatStorage\n",
    "ctorch._utils\n_rebuild_tensor_v2\n",
    "ccollections\nOrderedDict\n",
    "Q",
    "b",
    "R",
  ],
  async run(input, place) {
    for (const { shape, data } of (await readTorchTensors(place.put("x.pth", input))).values()) {
      if (data.length !== shape.reduce((product, axis) => product * axis, 1) || data.length > input.length)
        throw new WrongResult("a tensor of more numbers than there are");
    }
  },
};

const key = "ab".repeat(32);
const encoder = "cd".repeat(32);

const featuresReader: Reader = {
  name: "features",
  reads: "kept features of an encoder",
  sources: ["node/src/backbones/feature-cache.ts"],
  weight: 0.5,
  seeds: () => [...filesOf("seeds", "features").values()],
  async run(input, place) {
    place.put(`features/${encoder}/${"0".repeat(32)}.features`, input);
    const found = await openFeatureCache(place.path("features"), encoder).read([key]);
    if ((found.get(key)?.length ?? 0) > input.length) throw new WrongResult("more numbers than the file has");
  },
};

export const backboneReaders: readonly Reader[] = [
  modelReader,
  settingsReader,
  tokenizerReader,
  folderReader,
  torchReader,
  featuresReader,
];
