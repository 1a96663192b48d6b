import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { DataError, isSystemError, onFile } from "../data-error.js";
import { readTarGzip } from "../formats/tar-archive.js";
import type { LabelledExamples, Split } from "../labelled-examples.js";
import { yieldToEventLoop } from "../long-work.js";
import { readRegularFile } from "../regular-file.js";
import { downloadFile } from "../store/download.js";
import type { KnownSet } from "./known-set.js";

/** The official archive of CIFAR-100 in its binary form, as its author serves it. */
export const cifar100Archive = {
  url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
  md5: "03b5dce01913d631647c71ecec9e9cb8",
  maximumBytes: 176 * 2 ** 20,
} as const;

/** How the classes of CIFAR-100 are split: by the names of classes, or of superclasses. */
interface ClassSplit {
  readonly by: "class" | "superclass";
  readonly validation: readonly string[];
  readonly test: readonly string[];
}

/** The two few-shot sets made of CIFAR-100. What is in neither list is for training. */
export const cifar100Splits: Readonly<Record<"cifar-fs" | "fc100", ClassSplit>> = {
  // Bertinetto, Henriques, Torr and Vedaldi 2019, "Meta-learning with differentiable closed-form solvers": 64, 16, 20.
  "cifar-fs": {
    by: "class",
    validation: [
      "beaver",
      "beetle",
      "butterfly",
      "camel",
      "cattle",
      "crab",
      "crocodile",
      "flatfish",
      "lamp",
      "maple_tree",
      "motorcycle",
      "otter",
      "sea",
      "shark",
      "television",
      "tractor",
    ],
    test: [
      "baby",
      "bed",
      "bicycle",
      "chimpanzee",
      "fox",
      "leopard",
      "man",
      "pickup_truck",
      "plain",
      "poppy",
      "rocket",
      "rose",
      "snail",
      "sweet_pepper",
      "table",
      "telephone",
      "wardrobe",
      "whale",
      "woman",
      "worm",
    ],
  },
  // Oreshkin, Rodriguez Lopez and Lacoste 2018, "TADAM": 60, 20 and 20 classes of 12, 4 and 4 superclasses.
  fc100: {
    by: "superclass",
    validation: ["large_carnivores", "large_omnivores_and_herbivores", "non-insect_invertebrates", "small_mammals"],
    test: ["aquatic_mammals", "insects", "medium_mammals", "people"],
  },
};

const side = 32;
const pixels = side * side;
const imageBytes = 3 * pixels;
/** A byte for the superclass, one for the class, then the planes of red, green and blue. */
const recordBytes = 2 + imageBytes;
const classCount = 100;
const superclassCount = 20;
const files = ["train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt"] as const;
const folderName = "cifar-100-binary";

/** Fetches the official archive into a folder, unless it is there with the right md5; its path. @throws ILD21 to ILD23 */
async function downloadCifar100(
  folder: string,
  work: LongWork & { readonly archive?: { url: string; md5: string; maximumBytes: number } } = {},
): Promise<string> {
  const { archive = cifar100Archive, ...rest } = work;
  const file = join(folder, basename(new URL(archive.url).pathname));
  await downloadFile({
    ...rest,
    ...archive,
    file,
    remedy: `Check the network, or fetch ${basename(file)} elsewhere and run \`innerloop data import cifar-fs ${basename(file)}\`.`,
  });
  return file;
}

/**
 * Reads CIFAR-FS or FC100 from the binary form of CIFAR-100 (Krizhevsky 2009): `cifar-100-binary.tar.gz`, or the folder
 * that it holds. Returns 32 x 32 x 3 images, 600 for each of 100 classes (500 of the training part first, then 100 of
 * the test part: few-shot sets use both), which say which part they belong to, training classes first.
 *
 * @throws DataError ILD74 for files that are missing or not the official ones, ILD11, ILD13 or ILD03
 */
export async function readCifar100(
  set: keyof typeof cifar100Splits,
  path: string,
  work: LongWork & { readonly imagesPerClass?: { readonly train: number; readonly test: number } } = {},
): Promise<LabelledExamples> {
  const { imagesPerClass = { train: 500, test: 100 } } = work;
  const perClass = imagesPerClass.train + imagesPerClass.test;
  const held = await readFiles(path, imagesPerClass, work);
  const names = namesIn(path, held, "fine_label_names.txt", classCount);
  const superclasses = namesIn(path, held, "coarse_label_names.txt", superclassCount);
  const examples = names.map(() => new Uint8Array(perClass * imageBytes));
  const used = names.map(() => 0);
  const superclassOf = names.map(() => -1);
  for (const part of ["train", "test"] as const) {
    const file = `${part}.bin` as const;
    const bytes = held.get(file)!;
    const expected = classCount * imagesPerClass[part] * recordBytes;
    if (bytes.length !== expected) throw wrong(`${path} > ${file}`, `it has ${bytes.length} bytes, not ${expected}`);
    for (let start = 0; start < bytes.length; start += recordBytes) {
      if ((start / recordBytes) % 1000 === 0) {
        work.signal?.throwIfAborted();
        await yieldToEventLoop();
      }
      const [superclass, label] = [bytes[start]!, bytes[start + 1]!];
      const where = `${path} > ${file}:${start}`;
      if (label >= classCount || superclass >= superclassCount) throw wrong(where, "there are no such labels");
      if (superclassOf[label] !== -1 && superclassOf[label] !== superclass) {
        throw wrong(where, `${names[label]} belongs to two superclasses`);
      }
      superclassOf[label] = superclass;
      if (used[label]! >= perClass) throw wrong(where, `${names[label]} has more than ${perClass} images`);
      interleave(bytes.subarray(start + 2, start + recordBytes), examples[label]!, used[label]!++ * imageBytes);
    }
  }
  // The sums are right: a class with too few images would leave another with too many.
  const { by, validation, test } = cifar100Splits[set];
  const splitOf = (label: number): Split => {
    const name = by === "class" ? names[label]! : superclasses[superclassOf[label]!]!;
    return validation.includes(name) ? "validation" : test.includes(name) ? "test" : "train";
  };
  const known = by === "class" ? names : superclasses;
  const missing = [...validation, ...test].find((name) => !known.includes(name));
  if (missing !== undefined) throw wrong(path, `there is no ${by} ${missing} in it`);
  const classes = names.map((name, label) => ({
    name,
    count: perClass,
    examples: examples[label]!,
    split: splitOf(label),
  }));
  const order: readonly Split[] = ["train", "validation", "test"];
  classes.sort((a, b) => order.indexOf(a.split) - order.indexOf(b.split));
  return { name: set, exampleShape: [side, side, 3], classes };
}

async function readFiles(
  path: string,
  imagesPerClass: { readonly train: number; readonly test: number },
  work: LongWork,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const most = (file: string): number =>
    file.endsWith(".bin")
      ? classCount * imagesPerClass[file === "train.bin" ? "train" : "test"] * recordBytes
      : 2 ** 16;
  const held = new Map<string, Uint8Array>();
  if ((await onFile(path, () => stat(path))).isDirectory()) {
    for (const file of files) {
      for (const place of [join(path, file), join(path, folderName, file)]) {
        const found = await sizeOf(place);
        if (found === undefined || held.has(file)) continue;
        if (found > most(file)) throw wrong(place, `it has ${found} bytes, at most ${most(file)} were expected`);
        work.signal?.throwIfAborted();
        held.set(file, await readRegularFile(place, { most: most(file), links: "followed" }));
      }
    }
  } else {
    const wanted = new Map(files.map((file) => [`${folderName}/${file}`, most(file)]));
    for (const [name, bytes] of await readTarGzip(path, wanted, work)) held.set(basename(name), bytes);
  }
  const missing = files.find((file) => !held.has(file));
  if (missing) throw wrong(path, `there is no ${missing} in it`);
  return held;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    return onFile(path, () => Promise.reject(error));
  }
}

function namesIn(path: string, held: ReadonlyMap<string, Uint8Array>, file: string, count: number): string[] {
  const names = Buffer.from(held.get(file)!)
    .toString("latin1")
    .split(/\r?\n/)
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length !== count || new Set(names).size !== count || !names.every((name) => /^[\w-]{1,80}$/.test(name))) {
    throw wrong(`${path} > ${file}`, `it does not hold ${count} different names`);
  }
  return names;
}

/** From the planes of red, green and blue to pixels. */
function interleave(planes: Uint8Array, to: Uint8Array, offset: number): void {
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < pixels; i++) to[offset + 3 * i + channel] = planes[channel * pixels + i]!;
  }
}

function wrong(where: string, problem: string): DataError {
  return new DataError("ILD74", where, problem, `Give the official ${folderName}.tar.gz, or the folder that it holds.`);
}

/** The record of one of the sets; both are made of the same archive, which is fetched once. */
const madeOfCifar100 = <const Kind extends keyof typeof cifar100Splits>(kind: Kind) =>
  ({
    remedy: `Run \`innerloop data get ${kind}\` to download it, or \`innerloop data import ${kind} cifar-100-binary.tar.gz\` if you have it.`,
    files: {
      onePath: "archive or folder",
      resizes: false,
      source: ([path = ""]) => ({ kind, path }),
      read: async ({ path }, work) => ({
        examples: await readCifar100(kind, path, work),
        stored: { kind, from: basename(resolve(path)) },
      }),
    },
    download: async (folder, { archives, ...work }) => {
      const [archive] = archives ?? [];
      return { kind, path: await downloadCifar100(folder, archive ? { ...work, archive } : work) };
    },
  }) satisfies KnownSet<{ readonly kind: Kind; readonly path: string }>;

/** CIFAR-FS, as one record. */
export const cifarFs = madeOfCifar100("cifar-fs");
/** FC100, as one record. */
export const fc100 = madeOfCifar100("fc100");
