/** mini-ImageNet and tiered-ImageNet, in the forms in which they are handed round. */

import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { quoted, reasonOf } from "@innerloop/experiments";
import { hasTag } from "@innerloop/graph";
import { DataError } from "../data-error.js";
import { readCsv } from "../formats/csv.js";
import { withStreamedArray } from "../formats/npy-file.js";
import { countOf } from "../formats/numeric-array.js";
import { type Pickled, PickledArray, textOf, withPickle } from "../formats/pickle.js";
import { type ClassFolder, classFolders, isImageName } from "../images/class-folders.js";
import {
  checkedExampleBytes,
  decodeAll,
  decodeFound,
  type ImageFolderOptions,
  readClassFolders,
} from "../images/image-folder.js";
import { type ImageTree, withImageTree } from "../images/image-tree.js";
import type { ExampleClass, LabelledExamples, Split } from "../labelled-examples.js";
import { readingLimits } from "../reading-limits.js";
import { maximumDataBytes } from "../store/stored-examples.js";
import type { KnownSet } from "./known-set.js";

export type ImagenetSubset = "mini-imagenet" | "tiered-imagenet";

/** Classes of each part, and examples where all classes have the same number of them. */
interface Contents {
  readonly classes: Readonly<Record<Split, number>>;
  readonly perClass?: number;
  /** Height and width where images are to be decoded and none is chosen. */
  readonly side: number;
}

/**
 * What the authors say the sets hold. mini-ImageNet: Vinyals et al. 2016, "Matching networks for one shot learning",
 * with the split of Ravi and Larochelle 2017, "Optimization as a model for few-shot learning". tiered-ImageNet: Ren et
 * al. 2018, "Meta-learning for semi-supervised few-shot classification"; at its own 84 x 84 it takes 15 GiB, more than a
 * data set may have here, so that it is brought to half the side.
 */
export const imagenetSubsets: Readonly<Record<ImagenetSubset, Contents>> = {
  "mini-imagenet": { classes: { train: 64, validation: 16, test: 20 }, perClass: 600, side: 84 },
  "tiered-imagenet": { classes: { train: 351, validation: 97, test: 160 }, side: 42 },
};

const parts: readonly (readonly [split: Split, name: string])[] = [
  ["train", "train"],
  ["validation", "val"],
  ["test", "test"],
];

export interface ImagenetOptions extends LongWork {
  /** Height and width to which images are brought, their proportions ignored as the published preparations do. */
  readonly size?: readonly [number, number];
  /** @internal What the set should hold. */
  readonly contents?: Contents;
}

/**
 * Reads one of the two sets from a folder (or, in the third form, a zip archive) that holds
 *
 * - caches: `mini-imagenet-cache-{train,val,test}.pkl` (84 x 84), or `{train,val,test}_images_png.pkl`, or
 *   `{train,val,test}_images.npz`, with `{train,val,test}_labels.pkl`, of Ren et al. Pickles are read as data: see pickle.ts;
 * - for mini-ImageNet, `train.csv`, `val.csv` and `test.csv` of Ravi and Larochelle with `images/` or `images.zip`;
 * - or folders `train`, `val` and `test` of class folders.
 *
 * Returns bytes [height, width, 3] of classes that say which part they belong to.
 *
 * @throws DataError ILD74 for files that are missing or do not hold what the authors say, ILD73 for a pickle that holds
 * more than data, ILD51 and ILD52 for images, ILD03, ILD06, ILD11 to ILD13
 */
export async function readImagenetSubset(
  set: ImagenetSubset,
  path: string,
  options: ImagenetOptions = {},
): Promise<LabelledExamples> {
  const contents = options.contents ?? imagenetSubsets[set];
  const size = options.size ?? ([contents.side, contents.side] as const);
  const reading: ImageFolderOptions = { ...workOf(options), name: set, size, channels: 3, fit: "fill" };
  const has = async (file: string): Promise<boolean> =>
    (await stat(join(path, file)).catch(() => undefined)) !== undefined;
  let examples: LabelledExamples;
  if (set === "mini-imagenet" && (await has("mini-imagenet-cache-train.pkl"))) {
    examples = await readCaches(path, contents, options);
  } else if (set === "tiered-imagenet" && (await has("train_images_png.pkl"))) {
    examples = await readPngCaches(path, reading);
  } else if (set === "tiered-imagenet" && (await has("train_images.npz"))) {
    examples = await readUnpackedCaches(path, reading);
  } else if (set === "mini-imagenet" && (await has("train.csv"))) {
    examples = await readListed(path, reading);
  } else {
    examples = await withImageTree(path, async (tree) => {
      const found = await classFolders(tree).catch((error: unknown) => {
        if (!(error instanceof DataError) || error.code !== "ILD52") throw error;
        throw wrong(path, `it holds none of the forms that ${set} comes in (${reasonOf(error)})`, formsOf(set));
      });
      const folders = found.classes;
      if (folders.some(({ split }) => split === undefined)) {
        throw wrong(path, `it holds none of the forms that ${set} comes in`, formsOf(set));
      }
      check(
        set,
        path,
        folders.map(({ split, images }) => ({ split, count: images.length })),
        contents,
      );
      return decodeFound(tree, found, reading);
    });
  }
  check(set, path, examples.classes, contents);
  return examples;
}

function check(
  set: ImagenetSubset,
  path: string,
  classes: readonly { readonly split?: Split | undefined; readonly count: number }[],
  contents: Contents,
): void {
  const { perClass } = contents;
  for (const [split] of parts) {
    const found = classes.filter((entry) => entry.split === split);
    requireClassCount(set, path, { split, found: found.length, contents });
    const odd = found.find(({ count }) => perClass !== undefined && count !== perClass);
    if (odd) throw wrong(path, `a ${split} class has ${odd.count} images, those of ${set} have ${perClass}`, ownName);
  }
}

function requireClassCount(
  set: ImagenetSubset,
  path: string,
  { split, found, contents }: { readonly split: Split; readonly found: number; readonly contents: Contents },
): void {
  const expected = contents.classes[split];
  if (found !== expected) throw wrong(path, `it has ${found} ${split} classes, ${set} has ${expected}`, ownName);
}

/** `{image_data: uint8 [n, 84, 84, 3], class_dict: {name: [indices]}}`, one for each part. */
async function readCaches(folder: string, contents: Contents, options: ImagenetOptions): Promise<LabelledExamples> {
  const { size } = options;
  const classes: ExampleClass[] = [];
  let exampleShape: readonly number[] | undefined;
  let total = 0;
  for (const [split, name] of parts) {
    const path = join(folder, `mini-imagenet-cache-${name}.pkl`);
    await withPickle(
      path,
      async (value) => {
        const [images, classDictionary] = [entryOf(value, "image_data"), entryOf(value, "class_dict")];
        const [n = 0, ...shape] = images instanceof PickledArray ? images.shape : [];
        if (
          !(images instanceof PickledArray) ||
          shape.length !== 3 ||
          shape[2] !== 3 ||
          !(classDictionary instanceof Map)
        ) {
          throw wrong(path, "it holds no image_data [n, height, width, 3] and class_dict", formsOf("mini-imagenet"));
        }
        // Before anything is copied for them.
        requireClassCount("mini-imagenet", path, { split, found: classDictionary.size, contents });
        if (size && (size[0] !== shape[0] || size[1] !== shape[1])) {
          const problem = `its images are ${shape[0]} x ${shape[1]}, not ${size[0]} x ${size[1]}`;
          throw wrong(path, problem, "Leave out the size, or give the images themselves.");
        }
        if (exampleShape && exampleShape.join() !== shape.join())
          throw wrong(path, "its images have another size", ownName);
        exampleShape = shape;
        const imageBytes = shape.reduce((product, length) => product * length, 1);
        total += n * imageBytes;
        if (total > maximumDataBytes) throw wrong(path, "the images take more than 4 GiB", ownName);
        const { values } = await images.read();
        if (!hasTag(values, "Uint8Array")) throw wrong(path, "its images are no bytes", formsOf("mini-imagenet"));
        const taken = new Uint8Array(n);
        for (const [key, indices] of classDictionary as ReadonlyMap<unknown, Pickled>) {
          if (classes.some(({ name: other }) => other === String(key)))
            throw wrong(path, `the class ${quoted(String(key))} is in another part too`, formsOf("mini-imagenet"));
          const chosen = await indicesIn(indices, taken, path);
          classes.push({
            name: String(key),
            count: chosen.length,
            examples: rowsOf(values, chosen, imageBytes),
            split,
          });
        }
      },
      workOf(options),
    );
  }
  return { name: "mini-imagenet", exampleShape: exampleShape ?? [], classes };
}

/** The images of a class. @param taken those that classes have so far, to which these are added */
async function indicesIn(value: Pickled, taken: Uint8Array, path: string): Promise<readonly number[]> {
  const count = value instanceof PickledArray ? countOf(value.shape) : Array.isArray(value) ? value.length : 0;
  if (count === undefined || count === 0 || count > taken.length)
    throw wrong(path, "class_dict names images that are not there", formsOf("mini-imagenet"));
  const indices: readonly unknown[] =
    value instanceof PickledArray ? Array.from((await value.read()).values) : (value as readonly unknown[]);
  for (const index of indices) {
    if (!Number.isSafeInteger(index) || (index as number) < 0 || (index as number) >= taken.length)
      throw wrong(path, "class_dict names images that are not there", formsOf("mini-imagenet"));
    if (taken[index as number] === 1)
      throw wrong(path, `class_dict names the image ${index as number} twice`, formsOf("mini-imagenet"));
    taken[index as number] = 1;
  }
  return indices as readonly number[];
}

/** Rows of an array: a view of it where they follow one another, as they do in the caches. */
function rowsOf(values: Uint8Array, indices: readonly number[], size: number): Uint8Array {
  const first = indices[0] ?? 0;
  if (indices.every((index, i) => index === first + i)) {
    return values.subarray(first * size, (first + indices.length) * size);
  }
  const rows = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => {
    rows.set(values.subarray(index * size, (index + 1) * size), i * size);
  });
  return rows;
}

/** A list of PNG files, each an array of bytes, and the class of each by its place in a list of names. */
async function readPngCaches(folder: string, options: ImageFolderOptions): Promise<LabelledExamples> {
  const classes: ExampleClass[] = [];
  const taken = new Set<string>();
  let before = 0;
  for (const [split, part] of parts) {
    const { labels, names } = await readLabels(join(folder, `${part}_labels.pkl`), options);
    const path = join(folder, `${part}_images_png.pkl`);
    await withPickle(
      path,
      async (value) => {
        if (!Array.isArray(value) || value.length !== labels.length) {
          throw wrong(path, `it holds no list of ${labels.length} images`, formsOf("tiered-imagenet"));
        }
        before += labels.length;
        const exampleBytes = checkedExampleBytes(path, before, options);
        const images: readonly Pickled[] = value;
        let done = 0;
        const rows = names.map((): number[] => []);
        for (const [i, label] of labels.entries()) rows[label]!.push(i);
        for (const [label, indices] of rows.entries()) {
          const examples = new Uint8Array(indices.length * exampleBytes);
          await decodeAll(indices, options, examples, async (index) => {
            const image = images[index];
            if (image instanceof PickledArray && (countOf(image.shape) ?? 0) > readingLimits.pickledImageBytes)
              throw wrong(path, `image ${index} has the shape (${image.shape.join(", ")})`, formsOf("tiered-imagenet"));
            const bytes = image instanceof PickledArray ? (await image.read()).values : undefined;
            if (!hasTag(bytes, "Uint8Array"))
              throw wrong(path, `image ${index} is no array of bytes`, formsOf("tiered-imagenet"));
            return { where: `${path} > ${index}`, bytes: bytes.length, read: async () => bytes };
          });
          done += indices.length;
          options.onProgress?.(done, labels.length, `read ${path}`);
          classes.push({ name: unused(names[label]!, taken), count: indices.length, examples, split });
        }
      },
      workOf(options),
    );
  }
  return { name: "tiered-imagenet", exampleShape: [...(options.size ?? []), 3], classes };
}

/**
 * The same unpacked: an array `images`, uint8 [n, height, width, 3], in a .npz for each part. They were read and are kept
 * as OpenCV does, blue first, and are turned to red first.
 */
async function readUnpackedCaches(folder: string, options: ImageFolderOptions): Promise<LabelledExamples> {
  const classes: ExampleClass[] = [];
  const taken = new Set<string>();
  let before = 0;
  for (const [split, part] of parts) {
    const { labels, names } = await readLabels(join(folder, `${part}_labels.pkl`), options);
    const path = join(folder, `${part}_images.npz`);
    before += labels.length;
    const exampleBytes = checkedExampleBytes(path, before, options);
    const counts = names.map(() => 0);
    for (const label of labels) counts[label]!++;
    const examples = counts.map((count) => new Uint8Array(count * exampleBytes));
    const used = names.map(() => 0);
    await withStreamedArray(path, "images", async ({ head, rows }) => {
      const [n, height = 0, width = 0, channels] = head.shape;
      if (
        head.shape.length !== 4 ||
        n !== labels.length ||
        channels !== 3 ||
        head.type.name !== "u1" ||
        head.fortranOrder
      ) {
        const problem = `images have the shape (${head.shape.join(", ")}) and type ${head.type.name}`;
        throw wrong(path, problem, `Expected are bytes of shape (${labels.length}, height, width, 3).`);
      }
      const rowBytes = height * width * 3;
      let done = 0;
      for await (const piece of rows()) {
        const indices = Array.from({ length: piece.length / rowBytes }, (_, i) => i);
        const decoded = new Uint8Array(indices.length * exampleBytes);
        await decodeAll(indices, options, decoded, async (i) => {
          const image = redFirst(piece.subarray(i * rowBytes, (i + 1) * rowBytes));
          const raw = { width, height, channels: 3 } as const;
          return { where: `${path} > ${done + i}`, bytes: rowBytes, raw, read: async () => image };
        });
        for (const i of indices) {
          const label = labels[done + i]!;
          examples[label]!.set(decoded.subarray(i * exampleBytes, (i + 1) * exampleBytes), used[label]! * exampleBytes);
          used[label]!++;
        }
        done += indices.length;
        options.onProgress?.(done, labels.length, `read ${path}`);
      }
    });
    for (const [label, name] of names.entries()) {
      classes.push({ name: unused(name, taken), count: counts[label]!, examples: examples[label]!, split });
    }
  }
  return { name: "tiered-imagenet", exampleShape: [...(options.size ?? []), 3], classes };
}

function redFirst(pixels: Uint8Array): Uint8Array {
  const turned = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    turned[i] = pixels[i + 2]!;
    turned[i + 1] = pixels[i + 1]!;
    turned[i + 2] = pixels[i]!;
  }
  return turned;
}

/** `{label_specific: whole numbers [n], label_specific_str: [names]}`. */
async function readLabels(
  path: string,
  work: LongWork,
): Promise<{ labels: readonly number[]; names: readonly string[] }> {
  return withPickle(
    path,
    async (value) => {
      const [specific, texts] = [entryOf(value, "label_specific"), entryOf(value, "label_specific_str")];
      if (!(specific instanceof PickledArray) || !Array.isArray(texts) || texts.length > 10_000) {
        throw wrong(path, "it holds no label_specific and label_specific_str", formsOf("tiered-imagenet"));
      }
      const names: string[] = [];
      for (const text of texts as readonly Pickled[]) names.push(await textOf(text, path));
      const labels = Array.from((await specific.read()).values);
      const counts = names.map(() => 0);
      for (const label of labels) if (Number.isInteger(label) && label >= 0 && label < names.length) counts[label]!++;
      const counted = counts.reduce((sum, count) => sum + count, 0);
      if (counted !== labels.length || counts.includes(0)) {
        throw wrong(path, "its labels and its names of classes do not belong together", formsOf("tiered-imagenet"));
      }
      return { labels, names };
    },
    workOf(work),
  );
}

/** ImageNet has two classes called crane, birds and machines: the second is `crane (2)`. */
function unused(name: string, taken: Set<string>): string {
  let free = name;
  for (let i = 2; taken.has(free); i++) free = `${name} (${i})`;
  taken.add(free);
  return free;
}

/** The images that `train.csv`, `val.csv` and `test.csv` list, a file and its class in each row. */
async function readListed(folder: string, options: ImageFolderOptions): Promise<LabelledExamples> {
  const archive = join(folder, "images.zip");
  const hasArchive = await stat(archive).then(
    (found) => found.isFile(),
    () => false,
  );
  return withImageTree(hasArchive ? archive : join(folder, "images"), async (tree) => {
    const paths = await imagePathsOf(tree);
    const folders: ClassFolder[] = [];
    const taken = new Set<string>();
    const listed = new Set<string>();
    for (const [split, part] of parts) {
      const list = join(folder, `${part}.csv`);
      const classes = new Map<string, (readonly string[])[]>();
      await readCsv(
        list,
        (columns) => {
          const [file, label] = [columns.indexOf("filename"), columns.indexOf("label")];
          if (file < 0 || label < 0)
            throw wrong(list, "it has no columns filename and label", formsOf("mini-imagenet"));
          return (fields, line) => {
            const path = paths.get(fields[file]!);
            if (!path)
              throw wrong(`${list}:${line}`, `there is no image ${fields[file]}`, "Give all images of the list.");
            if (listed.has(fields[file]!)) throw wrong(`${list}:${line}`, `${fields[file]} is listed twice`, ownName);
            listed.add(fields[file]!);
            const images = classes.get(fields[label]!) ?? [];
            classes.set(fields[label]!, images);
            images.push(path);
          };
        },
        workOf(options),
      );
      for (const [name, images] of classes) {
        if (taken.has(name)) throw wrong(list, `the class ${name} is in another list too`, ownName);
        taken.add(name);
        folders.push({ name, split, images });
      }
    }
    return readClassFolders(tree, folders, options);
  });
}

/** The images of a tree by their names, wherever they lie. */
async function imagePathsOf(tree: ImageTree): Promise<ReadonlyMap<string, readonly string[]>> {
  const paths = new Map<string, readonly string[]>();
  const visit = async (folder: readonly string[]): Promise<void> => {
    const { folders, files } = await tree.list(folder);
    for (const file of files) {
      if (!isImageName(file)) continue;
      if (paths.has(file)) throw wrong(tree.where(folder), `there are two images ${file}`, "Remove one.");
      paths.set(file, [...folder, file]);
    }
    if (folder.length < 6) for (const inner of folders) await visit([...folder, inner]);
  };
  await visit([]);
  return paths;
}

function entryOf(value: Pickled, key: string): Pickled | undefined {
  return value instanceof Map ? (value as ReadonlyMap<unknown, Pickled>).get(key) : undefined;
}

const workOf = ({ onProgress, signal }: LongWork): LongWork => ({ onProgress, signal });

const formsOf = (set: ImagenetSubset): string =>
  set === "mini-imagenet"
    ? "Give a folder with mini-imagenet-cache-{train,val,test}.pkl, with {train,val,test}.csv and images, or with class folders in train, val and test."
    : "Give a folder with {train,val,test}_images_png.pkl (or _images.npz) and {train,val,test}_labels.pkl, or with class folders in train, val and test.";

const ownName = "For a set of your own choose another name.";

function wrong(where: string, problem: string, remedy: string): DataError {
  return new DataError("ILD74", where, problem, remedy);
}

/** The record of one of the sets: they have no address that a program may fetch them from. */
const ofImagenet = <const Kind extends ImagenetSubset>(kind: Kind, forms: string) =>
  ({
    remedy: `Get it as github.com/renmengye/few-shot-ssl-public describes, then run \`innerloop data import ${kind} DIR\`, where DIR holds ${forms} or train, val and test folders of class folders.`,
    files: {
      onePath: "folder",
      resizes: true,
      source: ([path = ""], size) => ({ kind, path, ...(size ? { size } : {}) }),
      read: async ({ kind: _, path, ...reading }, work) => ({
        examples: await readImagenetSubset(kind, path, { ...work, ...reading }),
        stored: { kind, from: basename(resolve(path)) },
      }),
    },
  }) satisfies KnownSet<{ readonly kind: Kind; readonly path: string } & Pick<ImagenetOptions, "size">>;

/** mini-ImageNet as one record. */
export const miniImagenet = ofImagenet(
  "mini-imagenet",
  "mini-imagenet-cache-{train,val,test}.pkl, or {train,val,test}.csv and images,",
);
/** tiered-ImageNet as one record. */
export const tieredImagenet = ofImagenet(
  "tiered-imagenet",
  "{train,val,test}_images_png.pkl and {train,val,test}_labels.pkl,",
);
