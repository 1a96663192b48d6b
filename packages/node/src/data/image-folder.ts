import { type ClassFolder, classFolders } from "./class-folders.js";
import { DataError, reasonOf } from "./data-error.js";
import { maximumDataBytes } from "./dataset-file.js";
import { type ImageTree, withImageTree } from "./image-tree.js";
import type { ExampleClass, LabelledExamples } from "./labelled-examples.js";
import type { LongWork } from "./long-work.js";

/** Options of `readImageFolder`. */
export interface ImageFolderOptions extends LongWork {
  /** Name of the data set; default "images". */
  readonly name?: string;
  /** Height and width of the examples in pixels; default [28, 28]. */
  readonly size?: readonly [number, number];
  /** 1: grey, 3: red, green, blue; default 1. */
  readonly channels?: 1 | 3;
  /** Turns dark ink on light paper into light on dark, as most models expect it; default false. */
  readonly invert?: boolean;
  /** How an image of other proportions is brought to size; default "cover": cut at the edges. */
  readonly fit?: "cover" | "contain" | "fill";
}

const defaultSize = [28, 28] as const;
const atOnce = 16;
const maximumSide = 1024;

/**
 * Reads a folder or zip archive with one folder of images for each class; classes may have different numbers of images,
 * and images any size. Folders train, val (or validation) and test around the class folders give the classes their
 * splits. Hidden files and files that are no images are ignored; `classFolders` says what is a class.
 * Returns bytes of shape [height, width, channels].
 *
 * Throws DataError ILD51 for an image that cannot be read (it is never left out in silence), ILD52 for an empty class,
 * fewer than two classes or more than 4 GiB of pixels, ILD03 for a folder that cannot be read, ILD11 to ILD13 for an
 * archive that cannot be trusted.
 */
export async function readImageFolder(path: string, options: ImageFolderOptions = {}): Promise<LabelledExamples> {
  checkSize(path, options.size);
  return withImageTree(path, async (tree) => readClassFolders(tree, await classFolders(tree), options));
}

function checkSize(where: string, size: readonly number[] = []): void {
  if (size.every((length) => Number.isInteger(length) && length >= 1 && length <= maximumSide)) return;
  throw new DataError("ILD52", where, `the size is [${size.join(", ")}]`, `Use integers from 1 to ${maximumSide}.`);
}

/** Reads the images of these classes of a tree. */
export async function readClassFolders(
  tree: ImageTree,
  folders: readonly ClassFolder[],
  options: ImageFolderOptions = {},
): Promise<LabelledExamples> {
  const { name = "images", size = defaultSize, channels = 1, onProgress } = options;
  const total = folders.reduce((sum, { images }) => sum + images.length, 0);
  const exampleBytes = checkedExampleBytes(tree.where([]), total, options);
  let done = 0;
  const classes: ExampleClass[] = [];
  for (const { images, ...named } of folders) {
    const examples = new Uint8Array(images.length * exampleBytes);
    const open = async (path: readonly string[]) => ({ image: await tree.open(path), where: tree.where(path) });
    await decodeAll(images, options, examples, open, (count) => {
      done += count;
      onProgress?.(done, total, `read ${tree.where(images[0]!.slice(0, -1))}`);
    });
    classes.push({ ...named, count: images.length, examples });
  }
  return { name, exampleShape: [...size, channels], classes };
}

/** Bytes of one example. @throws DataError ILD52 where so many of them are more than a data set may have */
export function checkedExampleBytes(where: string, total: number, options: ImageFolderOptions): number {
  const { size = defaultSize, channels = 1 } = options;
  checkSize(where, size);
  const exampleBytes = size[0] * size[1] * channels;
  if (total * exampleBytes <= maximumDataBytes) return exampleBytes;
  throw new DataError(
    "ILD52",
    where,
    `${total} images of ${exampleBytes} bytes are more than ${maximumDataBytes / 2 ** 30} GiB`,
    "Choose a smaller size.",
  );
}

/** A file by its path or bytes, or pixels of such a size. */
export interface OpenedImage {
  readonly image: string | Uint8Array;
  readonly where: string;
  readonly raw?: { readonly width: number; readonly height: number; readonly channels: 3 };
}

/** Decodes images one after the other into an array, some at a time. */
export async function decodeAll<T>(
  items: readonly T[],
  options: ImageFolderOptions,
  into: Uint8Array,
  open: (item: T) => Promise<OpenedImage>,
  decoded: (count: number) => void = () => undefined,
): Promise<void> {
  const { size = defaultSize, channels = 1, signal } = options;
  for (let start = 0; start < items.length; start += atOnce) {
    signal?.throwIfAborted();
    const batch = items.slice(start, start + atOnce);
    const images = await Promise.all(
      batch.map(async (item) => {
        const opened = await open(item);
        return decode(opened, size, channels, options);
      }),
    );
    for (const [index, image] of images.entries()) into.set(image, (start + index) * image.length);
    decoded(batch.length);
  }
}

/**
 * Bytes of one image, brought to size.
 *
 * @param remedy what to do about a file that cannot be read
 * @throws DataError ILD51
 */
export function readImage(
  path: string,
  size: readonly [number, number],
  channels: 1 | 3,
  remedy: string,
): Promise<Uint8Array> {
  return decode({ image: path, where: path }, size, channels, {}, remedy);
}

async function decode(
  { image, where, raw }: OpenedImage,
  [height, width]: readonly [number, number],
  channels: 1 | 3,
  { invert = false, fit = "cover" }: Pick<ImageFolderOptions, "invert" | "fit">,
  remedy = "Replace or remove the file.",
): Promise<Uint8Array> {
  // Loaded by those that read images: it takes as long to load as the rest of this package.
  const { default: sharp } = await import("sharp");
  try {
    const { data, info } = await sharp(image, { limitInputPixels: 2 ** 26, failOn: "error", ...(raw ? { raw } : {}) })
      .autoOrient()
      .flatten({ background: "white" })
      .resize({ height, width, fit, background: "white" })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`${info.channels} channels came out instead of ${channels}`);
    if (invert) for (let i = 0; i < data.length; i++) data[i] = 255 - data[i]!;
    return data;
  } catch (error) {
    throw new DataError("ILD51", where, `the image cannot be read (${reasonOf(error)})`, remedy, { cause: error });
  }
}
