import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { DataError, onFile, reasonOf } from "./data-error.js";
import type { LabelledExamples } from "./labelled-examples.js";
import type { LongWork } from "./long-work.js";

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

/** Endings of the files that are read, in lower case. */
export const imageExtensions: ReadonlySet<string> = new Set([
  ".png",
  ".jpg",
  ".jpeg",
  ".webp",
  ".gif",
  ".tif",
  ".tiff",
  ".avif",
]);
const unreadable = new Set([".bmp", ".svg", ".heic", ".heif", ".ico", ".psd", ".raw", ".jxl", ".jp2"]);
const atOnce = 16;
const maximumSide = 1024;

/**
 * Reads a folder with one folder of images for each class; classes may have different numbers of images. Hidden files
 * and files that are no images are ignored; classes and images are in the order of their names' code units.
 * Returns bytes of shape [height, width, channels].
 *
 * Throws DataError ILD51 for an image that cannot be read (it is never left out in silence), ILD52 for an empty class
 * or fewer than two classes, ILD03 for a folder that cannot be read.
 */
export async function readImageFolder(folder: string, options: ImageFolderOptions = {}): Promise<LabelledExamples> {
  const { name = "images", size = [28, 28], channels = 1, onProgress, signal } = options;
  if (!size.every((length) => Number.isInteger(length) && length >= 1 && length <= maximumSide)) {
    throw new DataError("ILD52", folder, `the size is [${size.join(", ")}]`, `Use integers from 1 to ${maximumSide}.`);
  }
  const classNames = await visible(folder, "folder");
  if (classNames.length < 2) {
    throw new DataError(
      "ILD52",
      folder,
      classNames.length === 0 ? "there are no class folders in it" : `${classNames[0]} is the only class folder in it`,
      "Make one folder of images for each class, at least two: DIR/cat/1.png, DIR/dog/1.png.",
    );
  }
  const files = new Map<string, string[]>();
  for (const className of classNames) files.set(className, await imageFiles(join(folder, className)));

  const total = [...files.values()].reduce((sum, paths) => sum + paths.length, 0);
  const exampleBytes = size[0] * size[1] * channels;
  let done = 0;
  const classes: { name: string; count: number; examples: Uint8Array }[] = [];
  for (const [className, paths] of files) {
    const examples = new Uint8Array(paths.length * exampleBytes);
    for (let start = 0; start < paths.length; start += atOnce) {
      signal?.throwIfAborted();
      const batch = paths.slice(start, start + atOnce);
      const pixels = await Promise.all(batch.map((path) => readImage(path, size, channels, options)));
      for (const [index, image] of pixels.entries()) examples.set(image, (start + index) * exampleBytes);
      done += batch.length;
      onProgress?.(done, total, `read ${join(folder, className)}`);
    }
    classes.push({ name: className, count: paths.length, examples });
  }
  return { name, exampleShape: [...size, channels], classes };
}

async function imageFiles(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const file of await visible(folder, "file")) {
    const extension = extname(file).toLowerCase();
    if (unreadable.has(extension)) {
      throw new DataError("ILD51", join(folder, file), `${extension} images are not supported`, "Convert it to PNG.");
    }
    if (imageExtensions.has(extension)) paths.push(join(folder, file));
  }
  if (paths.length === 0) {
    throw new DataError(
      "ILD52",
      folder,
      "the class has no images",
      "Put PNG, JPEG or WebP files directly into it, or remove the folder.",
    );
  }
  return paths;
}

/** Names that are not hidden, of folders or of files; symbolic links count as what they point to. */
async function visible(folder: string, kind: "folder" | "file"): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await onFile(folder, () => readdir(folder, { withFileTypes: true }))) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const found = entry.isSymbolicLink() ? await onFile(path, () => stat(path)) : entry;
    if (kind === "folder" ? found.isDirectory() : found.isFile()) names.push(entry.name);
  }
  return names.sort();
}

/**
 * Bytes of one image, brought to size.
 *
 * @param remedy what to do about a file that cannot be read
 * @throws DataError ILD51
 */
export async function readImage(
  path: string,
  [height, width]: readonly [number, number],
  channels: 1 | 3,
  { invert = false, fit = "cover" }: Pick<ImageFolderOptions, "invert" | "fit"> = {},
  remedy = "Replace or remove the file; nothing was imported.",
): Promise<Uint8Array> {
  // Loaded by those that read images: it takes as long to load as the rest of this package.
  const { default: sharp } = await import("sharp");
  try {
    const { data, info } = await sharp(path, { limitInputPixels: 2 ** 26, failOn: "error" })
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
    throw new DataError("ILD51", path, `the image cannot be read (${reasonOf(error)})`, remedy, { cause: error });
  }
}
