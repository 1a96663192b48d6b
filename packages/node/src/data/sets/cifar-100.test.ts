import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tarHeader, tarOf } from "../formats/made-up-tar.fixture.js";
import { cifar100Splits, readCifar100 } from "./cifar-100.js";

/** The 20 superclasses with their five classes each, as CIFAR-100's page lists them. */
const hierarchy: Readonly<Record<string, string>> = {
  aquatic_mammals: "beaver dolphin otter seal whale",
  fish: "aquarium_fish flatfish ray shark trout",
  flowers: "orchid poppy rose sunflower tulip",
  food_containers: "bottle bowl can cup plate",
  fruit_and_vegetables: "apple mushroom orange pear sweet_pepper",
  household_electrical_devices: "clock keyboard lamp telephone television",
  household_furniture: "bed chair couch table wardrobe",
  insects: "bee beetle butterfly caterpillar cockroach",
  large_carnivores: "bear leopard lion tiger wolf",
  "large_man-made_outdoor_things": "bridge castle house road skyscraper",
  large_natural_outdoor_scenes: "cloud forest mountain plain sea",
  large_omnivores_and_herbivores: "camel cattle chimpanzee elephant kangaroo",
  medium_mammals: "fox porcupine possum raccoon skunk",
  "non-insect_invertebrates": "crab lobster snail spider worm",
  people: "baby boy girl man woman",
  reptiles: "crocodile dinosaur lizard snake turtle",
  small_mammals: "hamster mouse rabbit shrew squirrel",
  trees: "maple_tree oak_tree palm_tree pine_tree willow_tree",
  vehicles_1: "bicycle bus motorcycle pickup_truck train",
  vehicles_2: "lawn_mower rocket streetcar tank tractor",
};
const superclasses = Object.keys(hierarchy).sort();
const classes = Object.values(hierarchy)
  .flatMap((names) => names.split(" "))
  .sort();
const superclassOf = (name: string): number =>
  superclasses.findIndex((superclass) => hierarchy[superclass]!.split(" ").includes(name));

const imagesPerClass = { train: 2, test: 1 };
/** Image e of class c: red 2c, green e, blue the column. */
function record(c: number, e: number): Buffer {
  const image = Buffer.alloc(3074);
  image[0] = superclassOf(classes[c]!);
  image[1] = c;
  image.fill(2 * c, 2, 1026);
  image.fill(e, 1026, 2050);
  for (let i = 0; i < 1024; i++) image[2050 + i] = i % 32;
  return image;
}
const part = (examples: readonly number[]): Buffer =>
  Buffer.concat(examples.flatMap((e) => classes.map((_, c) => record(c, e))));
const official = {
  "batches.meta.txt": Buffer.from("not read"),
  "train.bin": part([0, 1]),
  "test.bin": part([2]),
  "fine_label_names.txt": Buffer.from(`${classes.join("\n")}\n\n`),
  "coarse_label_names.txt": Buffer.from(`${superclasses.join("\r\n")}\n`),
};

/** With an entry for the folder itself, as in the official archive. */
const tar = (entries: Readonly<Record<string, Uint8Array>>): Buffer =>
  Buffer.concat([tarHeader("cifar-100-binary/", 0, "5"), tarOf(entries)]);
const inFolder = (entries: Readonly<Record<string, Uint8Array>>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(entries).map(([name, bytes]) => [`cifar-100-binary/${name}`, bytes]));

let folder: string;
let archive: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-cifar-"));
  archive = join(folder, "cifar-100-binary.tar.gz");
});
afterEach(() => rm(folder, { recursive: true }));
async function read(set: keyof typeof cifar100Splits, entries: Readonly<Record<string, Uint8Array>>) {
  await writeFile(archive, gzipSync(tar(inFolder(entries)), { level: 1 }));
  return readCifar100(set, archive, { imagesPerClass });
}

describe("the splits", () => {
  it("are of 64, 16 and 20 classes of CIFAR-100, and of 12, 4 and 4 superclasses", () => {
    expect(classes).toHaveLength(100);
    for (const { by, validation, test } of Object.values(cifar100Splits)) {
      const known = by === "class" ? classes : superclasses;
      expect([...validation, ...test].filter((name) => !known.includes(name))).toEqual([]);
      expect(new Set([...validation, ...test]).size).toBe(validation.length + test.length);
      const counts = [known.length - validation.length - test.length, validation.length, test.length];
      expect(counts).toEqual(by === "class" ? [64, 16, 20] : [12, 4, 4]);
    }
  });
});

describe("readCifar100", () => {
  it("reads the archive: pixels, both parts, classes by split", async () => {
    const examples = await read("cifar-fs", official);
    expect(examples.exampleShape).toEqual([32, 32, 3]);
    expect(examples.classes.map(({ split }) => split)).toEqual([
      ...new Array(64).fill("train"),
      ...new Array(16).fill("validation"),
      ...new Array(20).fill("test"),
    ]);
    const whale = examples.classes.find(({ name }) => name === "whale")!;
    const red = 2 * classes.indexOf("whale");
    expect([whale.split, whale.count, whale.examples.length]).toEqual(["test", 3, 3 * 3072]);
    expect([...whale.examples.subarray(0, 6)]).toEqual([red, 0, 0, red, 0, 1]);
    expect([...whale.examples.subarray(3072 + 33 * 3, 3072 + 34 * 3)]).toEqual([red, 1, 1]);
    expect([...whale.examples.subarray(2 * 3072, 2 * 3072 + 3)]).toEqual([red, 2, 0]);
  });

  it("splits FC100 by superclasses: 60, 20 and 20 classes", async () => {
    const { classes: found } = await read("fc100", official);
    const of = (split: string): string[] => found.filter((entry) => entry.split === split).map(({ name }) => name);
    expect([of("train"), of("validation"), of("test")].map(({ length }) => length)).toEqual([60, 20, 20]);
    expect(of("test")).toContain("whale");
    expect(of("validation")).toContain("leopard");
  });

  it("reads the folder as well, or the one above it", async () => {
    const expected = await read("cifar-fs", official);
    const inner = join(folder, "cifar-100-binary");
    await mkdir(inner);
    for (const [name, bytes] of Object.entries(official)) await writeFile(join(inner, name), bytes);
    for (const path of [inner, folder]) {
      const found = await readCifar100("cifar-fs", path, { imagesPerClass });
      expect(found.classes.map(({ name }) => name)).toEqual(expected.classes.map(({ name }) => name));
      expect(
        found.classes.every(
          ({ examples }, i) =>
            Buffer.compare(examples as Uint8Array, expected.classes[i]!.examples as Uint8Array) === 0,
        ),
      ).toBe(true);
    }
  });

  it("refuses what is missing, of another size, or inconsistent", async () => {
    const { "test.bin": _, ...without } = official;
    await expect(read("fc100", without)).rejects.toThrow(/^ILD74 .*there is no test\.bin in it/);
    const short = { ...official, "train.bin": official["train.bin"].subarray(1) };
    await expect(read("fc100", short)).rejects.toThrow(/^ILD74 .*train\.bin: it has 614799 bytes, not 614800/);
    const long = { ...official, "train.bin": Buffer.concat([official["train.bin"], Buffer.alloc(1)]) };
    await expect(read("fc100", long)).rejects.toThrow(/^ILD13 .*train\.bin: the file has 614801 bytes/);
    const changed = (offset: number, value: number) => {
      const bytes = Buffer.from(official["train.bin"]);
      bytes[offset] = value;
      return { ...official, "train.bin": bytes };
    };
    await expect(read("fc100", changed(1, 200))).rejects.toThrow(/^ILD74 .*train\.bin:0: there are no such labels/);
    await expect(read("fc100", changed(0, 5))).rejects.toThrow(/^ILD74 .*apple belongs to two superclasses/);
    const twice = changed(3074 * 100, superclassOf(classes[1]!));
    twice["train.bin"][3074 * 100 + 1] = 1;
    await expect(read("fc100", twice)).rejects.toThrow(/aquarium_fish has more than 3 images/);
    const names = { ...official, "fine_label_names.txt": Buffer.from("apple\n") };
    await expect(read("fc100", names)).rejects.toThrow(/fine_label_names\.txt: it does not hold 100 different names/);
    const other = Buffer.from(classes.join("\n").replace("whale", "shell"));
    await expect(read("cifar-fs", { ...official, "fine_label_names.txt": other })).rejects.toThrow(
      /no class whale in it/,
    );
  });

  it("refuses archives that are cut short, changed or none", async () => {
    await read("fc100", official);
    const whole = tar(inFolder(official));
    const put = (bytes: Uint8Array) => writeFile(archive, bytes);
    const reading = () => readCifar100("fc100", archive, { imagesPerClass });
    await put(gzipSync(whole, { level: 1 }).subarray(0, 5000));
    await expect(reading()).rejects.toThrow(/^ILD11 /);
    await put(gzipSync(whole.subarray(0, 100_000), { level: 1 }));
    await expect(reading()).rejects.toThrow(/^ILD11 .*it ends within a file/);
    whole[512 + 3]! ^= 1;
    await put(gzipSync(whole, { level: 1 }));
    await expect(reading()).rejects.toThrow(/^ILD11 .*header of an entry/);
    await put(Buffer.from("no archive"));
    await expect(reading()).rejects.toThrow(/^ILD11 /);
    await expect(readCifar100("fc100", join(folder, "none"))).rejects.toThrow(/^ILD03 /);
  });

  it("stops when asked to", async () => {
    await writeFile(archive, gzipSync(tar(inFolder(official)), { level: 1 }));
    const stop = new AbortController();
    const options = { imagesPerClass, signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) };
    await expect(readCifar100("fc100", archive, options)).rejects.toThrow("enough");
  });
});
