/** Weights that were trained elsewhere, and the maps that say which parameters they are. */
import type { TraitsByPath } from "@innerloop/core/layers";
import { encodeSafetensors } from "@innerloop/core/training";
import { tensor } from "@innerloop/graph";
import { matchedParameters } from "../../../packages/experiments/dist/imported/matched-parameters.js";
import { importedIn } from "../../../packages/experiments/dist/runs/imported-from.js";
import { readWeightFile } from "../../../packages/node/dist/data/formats/weight-file.js";
import { readImportMap } from "../../../packages/node/dist/runs/imported-run.js";
import { headerMutation, safetensorsFrame } from "../formats/framed-json.js";
import { zip, zipMutation } from "../formats/zip.js";
import { filesOf } from "../inputs.js";
import { jsonMutation } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";
import { requireCode } from "./checked.js";

const seeds = () => filesOf("seeds", "weights");

const words = [
  ...["ctorch\nFloatStorage\n", "ctorch\nBFloat16Storage\n", "ctorch._utils\n_rebuild_tensor_v2\n"],
  ...["ccollections\nOrderedDict\n", "cos\nsystem\n", "storage", "Q", "b", "R", "}", "q\x00", "h\x00", "K\xff"],
];

async function readAll(path: string, most: number): Promise<void> {
  const { tensors } = await readWeightFile(path);
  for (const { shape, data } of tensors.values()) {
    if (data.length !== shape.reduce((product, axis) => product * axis, 1))
      throw new WrongResult("a tensor of another size");
    if (data.length > most) throw new WrongResult("a tensor of more numbers than there are");
  }
}

const weightsReader: Reader = {
  name: "weights",
  reads: "weights of PyTorch, or of others in safetensors",
  sources: [
    ...["node/src/data/formats/weight-file.ts", "node/src/data/formats/torch-archive.ts"],
    "core/src/artifacts/half-floats.ts",
  ],
  weight: 2,
  seeds: () => [...seeds()].flatMap(([name, bytes]) => (name.endsWith(".pkl") ? [] : [bytes])),
  mutations: [headerMutation(safetensorsFrame)],
  words,
  run: async (input, place) => readAll(place.put("x.pt", input), Math.max(input.length, 2 ** 26)),
};

const storages = [16, 16, 128, 16, 16, 2].map((size, i) => ({ name: `w/data/${i}`, data: new Uint8Array(size) }));

/** The pickle of a file whose storages are there: sinusoid-bfloat16.pt. */
const pickleReader: Reader = {
  name: "pickle of weights",
  reads: "the pickle in an archive of PyTorch",
  sources: ["node/src/data/formats/state-dictionary.ts", "node/src/data/formats/torch-storages.ts"],
  weight: 2,
  seeds: () => [...seeds()].flatMap(([name, bytes]) => (name.endsWith(".pkl") ? [bytes] : [])),
  words,
  async run(input, place) {
    await readAll(place.put("x.pt", zip([{ name: "w/data.pkl", data: input }, ...storages])), 256);
  },
};

/** The pickle of sinusoid-bfloat16.pt, and the storages that it names. */
const archive = [
  { name: "w/data.pkl", data: [...seeds()].find(([name]) => name.endsWith(".pkl"))![1] },
  { name: "w/byteorder", data: new TextEncoder().encode("little") },
  ...storages,
];

const archiveReader: Reader = {
  name: "archive of weights",
  reads: "an archive of PyTorch whose entries are mutated",
  sources: ["node/src/data/formats/torch-archive.ts"],
  weight: 0.5,
  seeds: () => [zip(archive)],
  mutations: [zipMutation(archive, [])],
  words,
  run: async (input, place) => readAll(place.put("x.pt", input), Math.max(input.length, 2 ** 26)),
};

const map = {
  preset: "sinusoid",
  network: { hidden: [2] },
  root: ["model"],
  parameters: {
    a: "w",
    b: { from: "v", layout: "transpose" },
    c: { from: "u", layout: { flatten: [1, 2, 1] } },
    d: { value: 0 },
    f: { from: "h", layout: "gates" },
    g: { from: "w", plus: "z" },
  },
  statistics: { e: "w" },
  ignored: ["*.num_batches_tracked"],
  check: { file: "check.safetensors", mode: "eval", inputs: "x", outputs: "y" },
};
const adapted = { ...map, check: { file: "check.safetensors", support: { inputs: "x", targets: "y" }, steps: 3 } };
const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const first = {
  a: tensor(new Float32Array(2)),
  b: tensor(new Float32Array(2), [2, 1]),
  c: tensor(new Float32Array(2), [2, 1]),
  d: tensor(0),
  e: tensor(new Float32Array(2)),
  f: tensor(new Float32Array(4), [2, 2]),
  g: tensor(new Float32Array(2)),
};
const traits: TraitsByPath = new Map([
  ["e", { role: "averaged", statistic: "mean" }],
  ["f", { role: "trained", torchAxes: [1, 0], torchGates: [1, 0] }],
  ["g", { role: "trained", torchGates: [1, 0], torchSum: { apart: [1] } }],
]);
const tensors = new Map([
  ["w", { type: "float32", shape: [2], data: new Float32Array(2) }],
  ["v", { type: "float16", shape: [1, 2], data: new Float32Array(2) }],
  ["h", { type: "float32", shape: [2, 2], data: new Float32Array(4) }],
  ["z", { type: "float32", shape: [2], data: Float32Array.of(1, 0) }],
  ["u", { type: "float64", shape: [1, 2], data: new Float64Array(2) }],
]);

const mapReader: Reader = {
  name: "map of weights",
  reads: "a map of parameters, matched with tensors",
  sources: [
    "node/src/runs/imported-run.ts",
    "experiments/src/imported/import-map.ts",
    "experiments/src/runs/imported-from.ts",
  ],
  seeds: () => [encoded(map), encoded(adapted)],
  mutations: [jsonMutation],
  words: [
    "parameters",
    "layout",
    "flatten",
    "OIHW->HWIO",
    "same",
    "gates",
    "value",
    "from",
    "plus",
    "support",
    "steps",
    "*",
    "__proto__",
  ],
  async run(input, place) {
    await place.once("check", () =>
      place.put("check.safetensors", encodeSafetensors({ tensors: { x: tensor(1), y: tensor(1) }, metadata: {} })),
    );
    await readImportMap(place.put("map.json", input)).then(({ map: read, given }) => {
      importedIn(given);
      if (!read.parameters) return;
      matchedParameters(first, traits, tensors, { ...read, parameters: read.parameters }, "file");
    }, requireCode);
  },
};

export const importReaders: readonly Reader[] = [weightsReader, pickleReader, archiveReader, mapReader];
