/** Arrays: .npy, .npz, IDX, pickles, safetensors. */
import { gzipSync } from "node:zlib";
import { decodeSafetensors, encodeSafetensors } from "@innerloop/core/training";
import { tensor } from "@innerloop/graph";
import { readIdx } from "../../../packages/node/dist/data/formats/idx-format.js";
import { readNpy, withNpz, withStreamedArray } from "../../../packages/node/dist/data/formats/npy-file.js";
import {
  type Pickled,
  PickledArray,
  PickledBytes,
  withPickle,
} from "../../../packages/node/dist/data/formats/pickle.js";
import { labelledArrays, readArrays } from "../../../packages/node/dist/data/images/array-examples.js";
import { readMnist } from "../../../packages/node/dist/data/sets/mnist.js";
import { headerMutation, safetensorsFrame } from "../formats/framed-json.js";
import { gzipMutation } from "../formats/gzip.js";
import { npy, npyMutations, npyWords } from "../formats/npy.js";
import { zip, zipMutation } from "../formats/zip.js";
import { filesOf } from "../inputs.js";
import { joined } from "../mutations.js";
import type { Reader } from "../reader.js";
import { checkArray, checkExamples, requireCode } from "./checked.js";

const npyModules = [
  "node/src/data/formats/npy-file.ts",
  "node/src/data/formats/numeric-array.ts",
  "node/src/data/images/array-examples.ts",
];
const four = Uint8Array.of(0, 1, 0, 1);
const labels = npy("|u1", [4], four);
const examples = npy("<f4", [4, 2], new Uint8Array(32));

const npyReader: Reader = {
  name: "npy",
  reads: "an array of NumPy",
  sources: npyModules,
  weight: 3,
  seeds: () => [...filesOf("seeds", "npy").values(), examples, labels],
  mutations: npyMutations,
  words: npyWords,
  async run(input, place) {
    const array = await readNpy(place.put("x.npy", input));
    checkArray(array);
    // Both as examples and as labels: no more of them than numbers, for an array may have any number of rows of nothing.
    const n = Math.min(array.shape[0] ?? 0, array.values.length);
    const y = { shape: [n], values: Float64Array.from({ length: n }, (_, i) => i % 2) };
    await labelledArrays(array, y, "x.npy").then(checkExamples, requireCode);
    const x = { shape: [array.values.length], values: new Float32Array(array.values.length) };
    await labelledArrays(x, array, "y.npy").then(checkExamples, requireCode);
  },
};

const npzFiles = [
  { name: "x.npy", data: examples },
  { name: "y.npy", data: labels },
];

const npzReader: Reader = {
  name: "npz",
  reads: "an archive of arrays of NumPy",
  sources: [...npyModules, "node/src/data/formats/zip-archive.ts"],
  weight: 2,
  seeds: () => [...filesOf("seeds", "npz").values(), zip(npzFiles)],
  mutations: [zipMutation(npzFiles, npyMutations)],
  words: npyWords,
  async run(input, place) {
    const path = place.put("xy.npz", input);
    await withStreamedArray(path, "x", async ({ rows }) => {
      for await (const piece of rows()) if (piece.length === 0) throw new Error("an empty piece");
    }).catch(requireCode);
    await withNpz(path, async (arrays) => {
      for (const { read } of arrays.values()) checkArray(await read());
    });
    checkExamples(await readArrays([path]));
  },
};

const idx = (rank: number, dimensions: readonly number[], data: Uint8Array): Uint8Array => {
  const head = new Uint8Array(4 + 4 * rank);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0x0800 + rank);
  for (const [i, length] of dimensions.entries()) view.setUint32(4 + 4 * i, length);
  return joined(head, data);
};
const digits = Uint8Array.from({ length: 10 }, (_, i) => i);
const idxLabels = idx(1, [10], digits);
const idxImages = idx(3, [2, 3, 4], new Uint8Array(24));

const idxReader: Reader = {
  name: "idx",
  reads: "an IDX file, compressed or not",
  sources: ["node/src/data/formats/idx-format.ts"],
  weight: 2,
  seeds: () => [idxLabels, idxImages, gzipSync(idxImages), gzipSync(idxLabels)],
  mutations: [gzipMutation([])],
  async run(input, place) {
    const isCompressed = input[0] === 0x1f;
    const path = place.put(isCompressed ? "images.gz" : "images", input);
    const rank = (input[3] ?? 1) === 3 ? 3 : 1;
    const { dimensions, data } = await readIdx(path, rank);
    checkArray({ shape: dimensions, values: data });
  },
};

const mnistReader: Reader = {
  name: "mnist",
  reads: "a folder with the files of MNIST",
  sources: ["node/src/data/sets/mnist.ts", "node/src/data/formats/idx-format.ts"],
  weight: 0.3,
  seeds: () => [idxLabels, idx(3, [10, 28, 28], new Uint8Array(7840)), gzipSync(idxLabels)],
  mutations: [gzipMutation([])],
  async run(input, place) {
    await place.once("mnist", () => {
      place.put("train-images-idx3-ubyte", idx(3, [10, 28, 28], new Uint8Array(7840)));
      place.put("train-labels-idx1-ubyte", idxLabels);
      place.put("t10k-images-idx3-ubyte.gz", gzipSync(idx(3, [10, 28, 28], new Uint8Array(7840))));
      place.put("t10k-labels-idx1-ubyte", idxLabels);
    });
    const name = input[3] === 3 ? "train-images-idx3-ubyte" : "train-labels-idx1-ubyte";
    const valid = input[3] === 3 ? idx(3, [10, 28, 28], new Uint8Array(7840)) : idxLabels;
    place.put(name, input);
    try {
      checkExamples(await readMnist({ folder: place.folder }));
    } finally {
      place.put(name, valid);
    }
  },
};

/** All that a pickle holds, read. */
async function readAll(value: Pickled, depth = 0): Promise<void> {
  if (value instanceof PickledBytes) await value.read();
  else if (value instanceof PickledArray) checkArray(await value.read());
  else if (Array.isArray(value) && depth < 50)
    for (const each of value as readonly Pickled[]) await readAll(each, depth + 1);
  else if (value instanceof Map && depth < 50)
    for (const each of (value as ReadonlyMap<unknown, Pickled>).values()) await readAll(each, depth + 1);
}

const pickleReader: Reader = {
  name: "pickle",
  reads: "a pickle of Python",
  sources: ["node/src/data/formats/pickle.ts"],
  weight: 3,
  seeds: () => [...filesOf("seeds", "pickle").values()],
  words: [
    ...[
      "cnumpy\nndarray\n",
      "cnumpy\ndtype\n",
      "cnumpy.core.multiarray\n_reconstruct\n",
      "c_codecs\nencode\n",
      "cos\nsystem\n",
    ],
    ...[
      "\x80\x04\x95",
      "\x8c\x04",
      "X\x04\x00\x00\x00",
      "\x8a\xff",
      "I9\n",
      "L9L\n",
      "F1e400\n",
      "S'a'\n",
      "Vx\\u0123\n",
      "(",
      "t",
      "R",
      "b",
      ".",
    ],
    ...[
      "}",
      "]",
      ")",
      "\x85",
      "\x86",
      "\x87",
      "\x94",
      "h\x00",
      "q\x00",
      "r\xff\xff\xff\x7f",
      "j\xff\xff\xff\xff",
      "u",
      "e",
      "a",
      "s",
      "0",
      "1",
      "2",
    ],
  ],
  run: async (input, place) => withPickle(place.put("x.pkl", input), (value) => readAll(value)),
};

const safetensorsReader: Reader = {
  name: "safetensors",
  reads: "named tensors",
  sources: ["core/src/artifacts/safetensors.ts"],
  weight: 3,
  seeds: () => [
    encodeSafetensors({
      tensors: {
        a: tensor([
          [1, 2],
          [3, 4],
        ]),
        b: tensor([1, 2]),
        "c/d": tensor(2),
      },
      metadata: { format: "x" },
    }),
    encodeSafetensors({ tensors: {}, metadata: {} }),
  ],
  mutations: [headerMutation(safetensorsFrame)],
  words: ["F32", "F64", "BF16", "I64", "BOOL", "__metadata__", "data_offsets", "shape", "dtype", "__proto__"],
  run(input) {
    for (const { shape, data } of Object.values(decodeSafetensors(input, "input").tensors))
      checkArray({ shape, values: data! });
  },
};

export const arrayReaders: readonly Reader[] = [
  npyReader,
  npzReader,
  idxReader,
  mnistReader,
  pickleReader,
  safetensorsReader,
];
