/** Images, one by one and in folders and archives of classes. */
import { mkdirSync, readdirSync } from "node:fs";
import { usualPixels } from "@innerloop/experiments";
import { readImageFile } from "../../../packages/node/dist/data/images/image-files.js";
import { readImageFolder } from "../../../packages/node/dist/data/images/image-folder.js";
import { readCachedImageFolder } from "../../../packages/node/dist/data/store/image-cache.js";
import { datasetFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { blankPng, halvesPng, pngMutations } from "../formats/png.js";
import { zip, zipMutation, zipSignatures } from "../formats/zip.js";
import { filesOf } from "../inputs.js";
import { joined, type Mutation } from "../mutations.js";
import type { Reader } from "../reader.js";
import { checkArray, checkExamples } from "./checked.js";

const images = (): Uint8Array[] => [...filesOf("seeds", "images").values()];
/** The ending that belongs to the first bytes; that of PNG where they are others, as a file that lies about itself. */
function endingOf(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  const known: readonly (readonly [beginning: string, at: number, ending: string])[] = [
    ["\xff\xd8", 0, "jpg"],
    ["GIF8", 0, "gif"],
    ["WEBP", 8, "webp"],
    ["ftyp", 4, "avif"],
    ["II*", 0, "tiff"],
    ["MM\0", 0, "tiff"],
  ];
  return known.find(([beginning, at]) => start.startsWith(beginning, at))?.[2] ?? "png";
}

const words = [
  "\x89PNG\r\n\x1a\n",
  "IHDR",
  "IDAT",
  "IEND",
  "PLTE",
  "tRNS",
  "iCCP",
  "eXIf",
  "\xff\xc0",
  "\xff\xc2",
  "\xff\xda",
  "\xff\xe1",
  "RIFF",
  "WEBPVP8X",
  "GIF89a",
  "II*\0",
  "ftypavif",
  "<svg",
  "<?xml",
];

const imageSources = [
  "node/src/data/images/image-folder.ts",
  "node/src/data/images/image-decoding.ts",
  "node/src/data/formats/plain-png.ts",
];

const imageReader: Reader = {
  name: "image",
  reads: "one image of any format that is read",
  sources: [...imageSources, "node/src/data/images/image-files.ts"],
  weight: 0.7,
  seeds: images,
  hostile: () => [blankPng(8191, 8191, 16, 6, true), blankPng(60_000, 1000, 8, 2, false)],
  mutations: pngMutations,
  words,
  async run(input, place) {
    const path = place.put(`x.${endingOf(input)}`, input);
    checkArray({ shape: [8, 8, 3], values: await readImageFile(path, [8, 8, 3], usualPixels) });
    checkArray({ shape: [5, 6, 1], values: await readImageFile(path, [5, 6, 1], { background: "black", depth: 12 }) });
  },
};

/** Pictures that are not of one colour, and differ: blank ones and duplicates are refused or told. */
const classes = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"].map((name, i) => ({
  name,
  data: halvesPng(16, 16, 4 + 2 * i),
}));

const folderReader: Reader = {
  name: "image folder",
  reads: "a folder of class folders",
  sources: [...imageSources, "node/src/data/images/image-tree.ts", "node/src/data/images/class-folders.ts"],
  weight: 0.4,
  seeds: images,
  mutations: pngMutations,
  words,
  async run(input, place) {
    await place.once("classes", () => {
      for (const { name, data } of classes) place.put(`photos/${name}`, data);
    });
    place.put("photos/cat/2.png", input);
    checkExamples(await readImageFolder(place.path("photos"), { size: [6, 6], channels: 3 }));
  },
};

const zippedImages: Mutation = zipMutation(classes, pngMutations);

const archiveReader: Reader = {
  name: "image archive",
  reads: "a zip archive of class folders",
  sources: [...imageSources, "node/src/data/images/image-tree.ts", "node/src/data/formats/zip-archive.ts"],
  weight: 0.6,
  seeds: () => [
    zip(classes),
    zip(
      classes
        .map(({ name, data }) => ({ name: `train/${name}`, data }))
        .concat(classes.map(({ name, data }) => ({ name: `test/x${name}`, data }))),
    ),
  ],
  mutations: [zippedImages],
  words: [...zipSignatures, "__MACOSX/", "train/", "val/", "test/", "../", "@eaDir"],
  run: async (input, place) =>
    checkExamples(await readImageFolder(place.put("photos.zip", input), { size: [6, 6], channels: 1 })),
};

const cacheReader: Reader = {
  name: "image cache",
  reads: "an entry of the cache of decoded images",
  sources: ["node/src/data/store/image-cache.ts", "node/src/data/store/dataset-file.ts"],
  weight: 0.4,
  seeds: cacheEntries,
  mutations: [headerMutation(datasetFrame), sealMutation(datasetFrame)],
  async run(input, place) {
    const folder = place.path("cache");
    const options = { size: [4, 4] as const, channels: 1 as const };
    await place.once("photos", () => {
      for (const { name, data } of classes) place.put(`photos/${name}`, data);
      mkdirSync(folder, { recursive: true });
    });
    const read = () => readCachedImageFolder(place.path("photos"), options, { folder });
    const entry = await cacheEntryOf(folder, read);
    place.put(`cache/${entry}`, input);
    checkExamples(await read());
  },
};

const entryOfFolder = new Map<string, string>();

/** The name of the entry that a reading has made. */
async function cacheEntryOf(folder: string, read: () => Promise<unknown>): Promise<string> {
  const known = entryOfFolder.get(folder);
  if (known !== undefined) return known;
  await read();
  const [name = "none.pixels"] = readdirSync(folder).filter((each) => each.endsWith(".pixels"));
  entryOfFolder.set(folder, name);
  return name;
}

function cacheEntries(): Uint8Array[] {
  const header = (json: object): Uint8Array => {
    const text = new TextEncoder().encode(JSON.stringify(json));
    const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
    padded.set(text);
    return padded;
  };
  const file = (json: object, values: Uint8Array): Uint8Array => {
    const head = header(json);
    const whole = joined(new TextEncoder().encode("ILDATA\0\0"), new Uint8Array(40), head, values);
    const view = new DataView(whole.buffer);
    view.setUint32(8, 1, true);
    view.setUint32(12, head.length, true);
    datasetFrame.seal!(whole);
    return whole;
  };
  const named = [
    { name: "cat", count: 2 },
    { name: "dog", count: 2 },
  ];
  return [
    file(
      {
        name: "images",
        exampleShape: [4, 4, 1],
        elementType: "uint8",
        classes: named,
        source: { kind: "image-folder" },
      },
      Uint8Array.from({ length: 64 }, (_, i) => 3 * i),
    ),
    file(
      {
        name: "x",
        exampleShape: [2],
        elementType: "float32",
        classes: named.map((each) => ({ ...each, split: "train" })),
        source: { kind: "table", from: "x.csv" },
      },
      new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i).buffer),
    ),
  ];
}

/** Valid files of stored data sets. */
export const storedExamples = cacheEntries;

export const imageReaders: readonly Reader[] = [imageReader, folderReader, archiveReader, cacheReader];
