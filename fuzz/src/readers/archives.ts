/** Archives, and the known data sets that come in them. */
import { mkdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { readTarGzip } from "../../../packages/node/dist/data/formats/tar-archive.js";
import { withZipArchive } from "../../../packages/node/dist/data/formats/zip-archive.js";
import { cifar100Splits, readCifar100 } from "../../../packages/node/dist/data/sets/cifar-100.js";
import { readImagenetSubset } from "../../../packages/node/dist/data/sets/imagenet-subsets.js";
import { omniglotAlphabets, readOmniglot } from "../../../packages/node/dist/data/sets/omniglot.js";
import { gzipMutation, tar, tarHeaderMutation } from "../formats/gzip.js";
import { halvesPng } from "../formats/png.js";
import { zip, zipMutation, zipSignatures } from "../formats/zip.js";
import { filesOf } from "../inputs.js";
import type { Place, Reader } from "../reader.js";
import { checkExamples } from "./checked.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const files = [
  { name: "a.txt", data: text("some text, some text, some text") },
  { name: "folder/b.bin", data: new Uint8Array(5000) },
];

const zipReader: Reader = {
  name: "zip",
  reads: "a zip archive",
  sources: ["node/src/data/formats/zip-archive.ts"],
  weight: 3,
  seeds: () => [zip(files), zip([]), zip(files, () => ({ stored: true }))],
  hostile: () => [
    zip([{ name: "bomb", data: new Uint8Array(2 ** 26) }]),
    zip(
      Array.from({ length: 5000 }, (_, i) => ({ name: `${i}`, data: new Uint8Array(0) })),
      () => ({ stored: true }),
    ),
  ],
  mutations: [zipMutation(files, [])],
  words: [...zipSignatures, "PK\x07\x08", "\x01\x00\x1c\x00", "\xff\xff\xff\xff"],
  run: async (input, place) =>
    withZipArchive(place.put("x.zip", input), async (entries) => {
      for (const { read } of entries) await read();
    }),
};

const tarReader: Reader = {
  name: "tar.gz",
  reads: "a compressed tar archive",
  sources: ["node/src/data/formats/tar-archive.ts"],
  weight: 2,
  seeds: () => [gzipSync(tar(files)), gzipSync(tar([])), gzipSync(new Uint8Array(2 ** 20))],
  hostile: () => [gzipSync(tar([{ name: "a.txt", data: new Uint8Array(2 ** 26) }]), { level: 1 })],
  mutations: [gzipMutation([tarHeaderMutation, tarHeaderMutation]), gzipMutation([])],
  run: async (input, place) =>
    readTarGzip(
      place.put("x.tar.gz", input),
      new Map([
        ["a.txt", 1000],
        ["folder/b.bin", 2 ** 20],
      ]),
    ),
};

/** Names of classes and superclasses that CIFAR-100 has as far as the splits know them, and others. */
function cifarNames(): readonly [fine: string, coarse: string] {
  const { validation, test } = cifar100Splits["cifar-fs"];
  const { fc100 } = cifar100Splits;
  const filled = (known: readonly string[], count: number): string =>
    [...known, ...Array.from({ length: count - known.length }, (_, i) => `other_${i}`)].join("\n");
  return [filled([...validation, ...test], 100), filled([...fc100.validation, ...fc100.test], 20)];
}

const imagesPerClass = { train: 1, test: 1 };

function cifarFiles(): { name: string; data: Uint8Array }[] {
  const [fine, coarse] = cifarNames();
  const records = new Uint8Array(100 * 3074);
  for (let label = 0; label < 100; label++) {
    records[label * 3074] = label % 20;
    records[label * 3074 + 1] = label;
  }
  return [
    { name: "cifar-100-binary/fine_label_names.txt", data: text(fine) },
    { name: "cifar-100-binary/coarse_label_names.txt", data: text(coarse) },
    { name: "cifar-100-binary/train.bin", data: records },
    { name: "cifar-100-binary/test.bin", data: records },
  ];
}

const cifarReader: Reader = {
  name: "cifar",
  reads: "the archive of CIFAR-100",
  sources: ["node/src/data/sets/cifar-100.ts", "node/src/data/formats/tar-archive.ts"],
  weight: 0.06,
  seeds: () => [gzipSync(tar(cifarFiles()), { level: 1 })],
  mutations: [gzipMutation([tarHeaderMutation]), gzipMutation([])],
  async run(input, place) {
    const path = place.put("cifar-100-binary.tar.gz", input);
    checkExamples(await readCifar100(input.length % 2 === 0 ? "cifar-fs" : "fc100", path, { imagesPerClass }));
  },
};

const alphabet = omniglotAlphabets.reduce((a, b) => (b.characters < a.characters ? b : a));

/** An archive with the smallest alphabet, whole but for its images' number. */
const omniglotFiles = (images: number): { name: string; data: Uint8Array }[] =>
  Array.from({ length: alphabet.characters * images }, (_, i) => {
    const [character, drawing] = [Math.floor(i / images) + 1, (i % images) + 1].map((n) => String(n).padStart(2, "0"));
    return {
      name: `images_${alphabet.part}/${alphabet.name}/character${character}/0001_${drawing}.png`,
      data: halvesPng(105, 105, 104 - (i % 50)),
    };
  });

const omniglotReader: Reader = {
  name: "omniglot",
  reads: "the archives of Omniglot",
  sources: ["node/src/data/sets/omniglot.ts", "node/src/data/formats/zip-archive.ts"],
  weight: 0.03,
  seeds: () => [zip(omniglotFiles(20)), zip(omniglotFiles(1))],
  mutations: [zipMutation(omniglotFiles(2), [])],
  words: ["images_background/", "images_evaluation/", "character01/", ".png"],
  async run(input, place) {
    const { examples } = await readOmniglot([place.put("images_background.zip", input)]);
    checkExamples(examples);
  },
};

const caches = filesOf("seeds", "imagenet");
const contentsOf = (perClass?: number) => ({
  classes: { train: 2, validation: 1, test: 1 },
  side: 8,
  ...(perClass === undefined ? {} : { perClass }),
});

/** Reads a folder of ImageNet's caches in which one file is the input; which one, its first byte says. */
async function readCaches(
  set: "mini-imagenet" | "tiered-imagenet",
  names: readonly string[],
  input: Uint8Array,
  place: Place,
): Promise<void> {
  const folder = `${set}-${names.length}`;
  await place.once(folder, () => {
    mkdirSync(place.path(folder), { recursive: true });
    for (const name of names) place.put(`${folder}/${name}`, caches.get(name)!);
  });
  // The file that it was most likely made of: of the same length, nearly.
  const other = names.reduce((a, b) => (distance(caches.get(b)!, input) < distance(caches.get(a)!, input) ? b : a));
  place.put(`${folder}/${other}`, input);
  try {
    checkExamples(
      await readImagenetSubset(set, place.path(folder), {
        contents: contentsOf(),
        ...(set === "tiered-imagenet" ? { size: [8, 8] } : {}),
      }),
    );
  } finally {
    place.put(`${folder}/${other}`, caches.get(other)!);
  }
}

/** How far two files are from one another, by their lengths and beginnings. */
const distance = (a: Uint8Array, b: Uint8Array): number =>
  Math.abs(a.length - b.length) + a.subarray(0, 64).reduce((sum, byte, i) => sum + (byte === b[i] ? 0 : 4), 0);

const miniNames = [...caches.keys()].filter((name) => name.startsWith("mini-"));
const pngNames = [...caches.keys()].filter((name) => /labels|png/.test(name));
const arrayNames = [...caches.keys()].filter((name) => /labels|\.npz$/.test(name));

const imagenetReader = (name: string, set: "mini-imagenet" | "tiered-imagenet", names: readonly string[]): Reader => ({
  name,
  reads: "a folder of caches of images",
  sources: ["node/src/data/sets/imagenet-subsets.ts", "node/src/data/formats/pickle.ts"],
  weight: 0.4,
  seeds: () => names.map((each) => caches.get(each)!),
  words: ["image_data", "class_dict", "label_specific", "label_specific_str", "K\x01", "]", "}", "u1", "<i4"],
  run: (input, place) => readCaches(set, names, input, place),
});

const listReader: Reader = {
  name: "list of images",
  reads: "the lists of mini-ImageNet's images",
  sources: ["node/src/data/sets/imagenet-subsets.ts", "node/src/data/formats/csv.ts"],
  weight: 0.3,
  seeds: () => [text("filename,label\na.png,x\nb.png,x\nc.png,y\nd.png,y\n"), text("label,filename\nx,a.png\n")],
  words: ["filename", "label", ".png", "../", ","],
  async run(input, place) {
    await place.once("listed", () => {
      const images = ["a", "b", "c", "d", "e", "f", "g", "h"].map((letter, i) => ({
        name: `${letter}.png`,
        data: halvesPng(16, 16, 1 + i),
      }));
      mkdirSync(place.path("listed"), { recursive: true });
      place.put("listed/images.zip", zip(images));
      place.put("listed/val.csv", "filename,label\ne.png,v\nf.png,v\n");
      place.put("listed/test.csv", "filename,label\ng.png,t\nh.png,t\n");
    });
    place.put("listed/train.csv", input);
    checkExamples(
      await readImagenetSubset("mini-imagenet", place.path("listed"), { contents: contentsOf(2), size: [8, 8] }),
    );
  },
};

export const archiveReaders: readonly Reader[] = [
  zipReader,
  tarReader,
  cifarReader,
  omniglotReader,
  imagenetReader("mini-imagenet caches", "mini-imagenet", miniNames),
  imagenetReader("tiered-imagenet caches", "tiered-imagenet", pngNames),
  imagenetReader("tiered-imagenet arrays", "tiered-imagenet", arrayNames),
  listReader,
];
