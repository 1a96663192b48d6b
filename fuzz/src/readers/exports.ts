/** Exported folders: config.json, the task that programs are tried on, and tasks that were adapted to before. */
import { wordFeatureSlots } from "@innerloop/core/tasks";
import { encodeArrays } from "@innerloop/core/training";
import { readExportedConfig } from "@innerloop/experiments";
import type { PortableArray, PortableArrays } from "@innerloop/graph";
import {
  type ExportedConfig,
  parseExport,
  storedExport,
} from "../../../packages/experiments/dist/exported/exported-config.js";
import { digestOf, readAllTold } from "../../../packages/experiments/dist/exported/exported-files.js";
import { exportedKinds } from "../../../packages/experiments/dist/exported/exported-kinds.js";
import { loadForms } from "../../../packages/experiments/dist/exported/input-forms.js";
import { decodeTask, encodeTask } from "../../../packages/experiments/dist/exported/task-bytes.js";
import { expectedTask, probeOf } from "../../../packages/experiments/dist/exported/verify-export.js";
import { exportedFilesIn, isExported } from "../../../packages/node/dist/runs/exported-folder.js";
import { load } from "../../../packages/node/dist/runs/load.js";
import { checkpointFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { jsonMutation } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";
import { checkArray, requireCode } from "./checked.js";

await Promise.all([exportedKinds(), loadForms()]);

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value, null, 2));

/** Files of a folder whose models are none: what is read before any is opened. */
const contents = ["onnx/adapt.onnx", "onnx/predict.onnx", "onnx/few_shot.onnx", "parameters.safetensors"] as const;
const stub = new TextEncoder().encode("no model");

const labelled: ExportedConfig = {
  learner: "MAML",
  options: { order: 2, steps: 1 },
  loss: "cross-entropy",
  ways: 2,
  answers: { kind: "classes" },
  support: 3,
  padded: true,
  mayBeEmpty: false,
  queries: undefined,
  steps: { usual: 5, fixed: undefined },
  batchNorm: "support",
  inputs: {
    kind: "image",
    shape: [2, 2, 1],
    dtype: "uint8",
    darkOnLight: false,
    inverted: false,
    pixels: { background: "white", depth: 16 },
  },
  openSet: undefined,
  outputs: ["logits", "probabilities"],
  protocol: { text: "ours", ways: 2 },
  command: "innerloop train hanzi",
  checkpoint: "best",
  iteration: 6,
  parameters: "0".repeat(64),
  files: {},
  versions: { innerloop: "0.1.0" },
};

const array = (
  dtype: PortableArray["dtype"],
  shape: readonly number[],
  data: PortableArray["data"],
): PortableArray => ({
  dtype,
  shape,
  data,
});

/** @param others what has the place of the images that an encoder was tried on */
const expected = (others: PortableArrays = {}, metadata: Readonly<Record<string, string>> = {}): Uint8Array =>
  encodeArrays({
    arrays: {
      support_inputs: array("uint8", [3, 2, 2, 1], new Uint8Array(12)),
      support_labels: array("int64", [3], new BigInt64Array(3)),
      support_mask: array("float32", [3], new Float32Array(3)),
      steps: array("int64", [], BigInt64Array.of(5n)),
      query_inputs: array("uint8", [1, 2, 2, 1], new Uint8Array(4)),
      logits: array("float32", [1, 2], new Float32Array(2)),
      probabilities: array("float32", [1, 2], new Float32Array(2)),
      backbone_inputs: array("uint8", [4, 2, 2, 1], new Uint8Array(16)),
      backbone_features: array("float32", [4, 3], new Float32Array(12)),
      ...others,
    },
    metadata,
  });

/** The same with files. */
function whole(): ExportedConfig {
  const told = (content: Uint8Array) => ({ sha256: digestOf(content), bytes: content.length });
  return {
    ...labelled,
    files: {
      ...Object.fromEntries(contents.map((name) => [name, told(stub)])),
      "expected.safetensors": told(expected()),
    },
  };
}

const rows: ExportedConfig["inputs"] = {
  kind: "row",
  table: {
    groupColumn: "city",
    inputs: [
      { kind: "number", name: "distance", mean: 3, deviation: 2 },
      { kind: "category", name: "weather", values: ["sun", "rain"] },
    ],
    targets: [{ name: "fare", mean: 10, deviation: 4 }],
  },
};

const detecting = {
  ways: undefined,
  answers: { kind: "objects", ways: 2, stride: 4, least: 0.1, most: 30, overlap: 0.5 },
  inputs: { kind: "picture", size: 8, channels: 1, dtype: "uint8" },
  outputs: ["objectness", "names", "box"],
} as const satisfies Partial<ExportedConfig>;

const toldStubs = (...names: readonly (keyof ExportedConfig["files"])[]): ExportedConfig["files"] =>
  Object.fromEntries(names.map((name) => [name, { sha256: digestOf(stub), bytes: stub.length }]));

/** A folder whose images go through an encoder. */
function encodedImages(): ExportedConfig {
  const all = whole();
  return {
    ...all,
    inputs: {
      ...{ kind: "encoded-image", shape: [3], pixels: { background: "white", depth: 16 } },
      backbone: {
        ...{ name: "tiny", input: "image", output: "features", size: [2, 2], channels: 1, layout: "NCHW" },
        ...{ mean: [0], scale: [255], pooling: "output", normalize: false },
      },
    },
    files: { ...all.files, ...toldStubs("onnx/backbone.onnx") },
  };
}

/** One whose texts do. */
function encodedTexts(): ExportedConfig {
  const all = whole();
  return {
    ...all,
    inputs: {
      ...{ kind: "encoded-text", shape: [4] },
      backbone: { name: "tiny", output: "states", pooling: "mean", normalize: true, maxTokens: 16 },
    },
    files: { ...all.files, ...toldStubs("onnx/backbone.onnx", "tokenizer.json") },
  };
}

/** One whose words have states, and one whose pictures are cells. */
function encodedWords(): ExportedConfig {
  const all = whole();
  return {
    ...all,
    ...{ ways: 3, answers: { kind: "spans" }, outputs: ["scores", "tags", "mask"] },
    inputs: {
      ...{ kind: "encoded-words", words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 2 } },
      backbone: { name: "tiny", output: "states", maxTokens: 16, padTo: 16 },
    },
    files: { ...all.files, ...toldStubs("onnx/backbone.onnx", "tokenizer.json") },
  };
}

function encodedPictures(): ExportedConfig {
  const all = whole();
  return {
    ...{ ...all, ...detecting },
    inputs: {
      ...{ kind: "encoded-picture", shape: [2, 2, 6] },
      backbone: {
        ...{ name: "tiny", input: "image", output: "map", size: [8, 8], channels: 3, layout: "NCHW" },
        ...{ mean: [0, 1, 2], scale: [255, 1, 1], pooling: "output", normalize: false },
      },
    },
    files: { ...all.files, ...toldStubs("onnx/backbone.onnx") },
  };
}

const configReader: Reader = {
  name: "exported folder",
  reads: "config.json of an exported folder, and the files by it",
  sources: [
    ...["experiments/src/exported/exported-config.ts", "experiments/src/exported/exported-files.ts"],
    "node/src/runs/exported-folder.ts",
  ],
  weight: 1,
  seeds: () => {
    const all = whole();
    const targets = [{ name: "fare", mean: 10, deviation: 4 }];
    return [
      bytes(storedExport(all)),
      bytes(
        storedExport({
          ...all,
          ...{ ways: undefined, answers: { kind: "numbers", targets }, inputs: rows, outputs: ["mean", "deviation"] },
        }),
      ),
      bytes(
        storedExport({
          ...all,
          padded: false,
          openSet: { score: "energy", threshold: -1.5, steps: 5, ways: 2, shots: 1 },
          outputs: ["logits", "probabilities", "rejected"],
        }),
      ),
      bytes(
        storedExport({ ...all, inputs: { kind: "numbers", shape: [2], scales: { mean: [0, 1], deviation: [1, 2] } } }),
      ),
      bytes(storedExport({ ...all, ...detecting })),
      bytes(
        storedExport({
          ...all,
          ...{ ways: undefined, answers: { kind: "ratings" }, inputs: { kind: "item", slots: 4, numbers: 3 } },
          ...{
            outputs: ["mean"],
            files: { ...all.files, "items.json": { sha256: digestOf(stub), bytes: stub.length } },
          },
        }),
      ),
      bytes(
        storedExport({
          ...all,
          ...{ ways: 3, answers: { kind: "spans" }, outputs: ["scores", "tags", "mask"] },
          inputs: { kind: "words", words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 0 } },
        }),
      ),
      bytes(
        storedExport({
          ...all,
          ...{ ways: undefined, outputs: ["prediction"] },
          inputs: { kind: "observations", horizon: 5, observation: { kind: "box", size: 3 } },
          answers: {
            ...{ kind: "policy", action: { kind: "box", size: 2 }, episodes: 3, discount: 0.99, lambda: 1 },
            ...{ baseline: "linear", trial: false },
          },
        }),
      ),
      bytes(storedExport(encodedImages())),
      bytes(storedExport(encodedTexts())),
      bytes(storedExport(encodedWords())),
      bytes(storedExport(encodedPictures())),
      bytes(storedExport({ ...all, inputs: { kind: "text", coding: { kind: "ngrams", buckets: 64, length: 8 } } })),
    ];
  },
  hostile: () => {
    const all = storedExport(whole()) as { innerloop: Record<string, unknown> };
    const withPart = (part: object): object => ({ ...all, innerloop: { ...all.innerloop, ...part } });
    const file = { sha256: "0".repeat(64), bytes: 1 };
    return [
      withPart({ files: { ...(all.innerloop.files as object), "../../etc/passwd": file } }),
      withPart({ support: 1e15 }),
      withPart({ inputs: { kind: "image", shape: [1e6, 1e6, 1] } }),
      withPart({ inputs: { kind: "__proto__" } }),
      withPart({ steps: { usual: 1e9 } }),
      withPart({ answers: { kind: "classes", classes: new Array(100_000).fill("a") } }),
      withPart({ answers: { kind: "constructor" } }),
      withPart({ answers: { kind: "numbers", targets: [{ name: "a", mean: 0, deviation: 0 }] } }),
      withPart({ learner: "x".repeat(100_000) }),
      withPart({ ...detecting, answers: { ...detecting.answers, ways: 1e9 } }),
      withPart({ ...detecting, answers: { ...detecting.answers, stride: 1e-9 } }),
      withPart({ ...detecting, inputs: { ...detecting.inputs, size: 1e9 } }),
    ].map(bytes);
  },
  mutations: [jsonMutation, jsonMutation, jsonMutation],
  words: [
    ...[
      "innerloop",
      "format",
      "export 1",
      "inputs",
      "kind",
      "image",
      "row",
      "numbers",
      "text",
      "shape",
      "dtype",
      "uint8",
    ],
    ...[
      "files",
      "sha256",
      "bytes",
      "steps",
      "usual",
      "fixed",
      "ways",
      "support",
      "targets",
      "answers",
      "classes",
      "outputs",
      "coding",
      "padded",
    ],
    ...["openSet", "score", "threshold", "energy", "rejected"],
    ...["picture", "size", "channels", "objects", "stride", "least", "most", "overlap", "objectness"],
  ],
  async run(input, place) {
    await place.once("export", () => {
      for (const name of contents) place.put(`export/${name}`, stub);
      place.put("export/expected.safetensors", expected());
      place.put("export/items.json", stub);
      place.put("export/onnx/backbone.onnx", stub);
      place.put("export/tokenizer.json", stub);
    });
    place.put("export/config.json", input);
    const path = place.path("export");
    const files = exportedFilesIn(path);
    // A stub is no model: where all else is as it should be, it is refused with a code.
    if (await isExported(path)) {
      await load(path).then(
        () => {
          throw new WrongResult("a stub is taken for a model");
        },
        (error: unknown) => requireCode(error),
      );
    }
    await readAllTold(files, await readExportedConfig(files));
  },
};

const expectedReader: Reader = {
  name: "expected task",
  reads: "expected.safetensors of an exported folder",
  sources: [
    ...["experiments/src/exported/verify-export.ts", "core/src/artifacts/safetensors.ts"],
    "experiments/src/exported/text-encoder.ts",
  ],
  weight: 0.5,
  seeds: () => [
    expected(),
    expected(
      { backbone_features: array("float32", [4, 4, 2], new Float32Array(32)) },
      { backbone_texts: JSON.stringify([["one", "two"], ["three"], [], ["a", "b", "c", "d"]]) },
    ),
  ],
  mutations: [headerMutation(checkpointFrame), headerMutation(checkpointFrame)],
  words: ["support_inputs", "support_labels", "query_inputs", "steps", "logits", "U8", "I64", "shape", "data_offsets"],
  async run(input) {
    const config = await parseExport(new TextDecoder().decode(bytes(storedExport(whole()))), "config.json");
    const { feeds, expected: answers } = expectedTask(input, config, "expected.safetensors");
    for (const { shape, data } of [feeds.task, feeds.asked, answers].flatMap((arrays) => Object.values(arrays)))
      checkArray({ shape, values: data });
    for (const config of [encodedImages(), encodedTexts(), encodedWords(), encodedPictures()]) {
      try {
        const { inputs: tried, features: made } = probeOf(input, config, "expected.safetensors");
        if (tried.length !== 4 || made.length % 4 !== 0) throw new WrongResult("features of other inputs");
      } catch (error) {
        requireCode(error);
      }
    }
  },
};

const taskReader: Reader = {
  name: "task of an exported learner",
  reads: "a task that an exported learner was adapted to",
  sources: ["experiments/src/exported/task-bytes.ts", "core/src/artifacts/seal.ts"],
  weight: 0.5,
  seeds: () => {
    const common = { adapt: "0".repeat(64), learner: "MAML", inputs: "1".repeat(64), steps: 3, invert: false };
    const state = { "state.params.weight": array("float32", [2], Float32Array.of(1, 2)) };
    const inputs = array("uint8", [2, 2], new Uint8Array(4));
    const labels = array("int64", [2], BigInt64Array.of(0n, 1n));
    const targets = array("float64", [2, 1], Float64Array.of(0.5, 1));
    return [
      encodeTask({
        ...common,
        classes: ["a", "b"],
        ids: ["1", "2"],
        state,
        examples: { inputs: { "": inputs }, said: { labels } },
      }),
      encodeTask({
        ...common,
        classes: [],
        ids: ["1", "2"],
        state,
        examples: { inputs: { "": inputs }, said: { targets }, rows: [1, 1] },
      }),
      encodeTask({ ...common, classes: ["a"], ids: [], state }),
      encodeTask({
        ...common,
        classes: ["a", "b"],
        ids: ["1", "2"],
        state,
        examples: {
          inputs: { "": inputs },
          said: { objects: array("float64", [2, 1, 5], new Float64Array(10).fill(1)) },
        },
      }),
    ];
  },
  mutations: [headerMutation(checkpointFrame), headerMutation(checkpointFrame), sealMutation(checkpointFrame)],
  words: [
    "state.",
    "examples.inputs",
    "examples.said.labels",
    "examples.said.objects",
    "rows",
    "task",
    "classes",
    "ids",
    "steps",
    "adapt",
    "invert",
  ],
  run(input) {
    const { state } = decodeTask(input);
    for (const { shape, data } of Object.values(state)) checkArray({ shape, values: data });
  },
};

export const exportReaders: readonly Reader[] = [configReader, expectedReader, taskReader];
