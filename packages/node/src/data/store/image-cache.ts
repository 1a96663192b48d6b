import { createHash } from "node:crypto";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { usualPixels } from "@innerloop/experiments";
import { DataError, isSystemError } from "../data-error.js";
import { type ClassFolder, classFolders } from "../images/class-folders.js";
import { recordedPixels } from "../images/image-decoding.js";
import { decodeFound, type FolderImages, type ImageFolderOptions, tellOf } from "../images/image-folder.js";
import { type ImageTree, withImageTree } from "../images/image-tree.js";
import { readDatasetFile, writeDatasetFile } from "./dataset-file.js";

/** Bytes that all entries together may take; those used longest ago are removed. */
const imageCacheLimit = 4 * 2 ** 30;

/** Entries are data set files of this name; those whose writing was cut short keep it as their beginning. */
const isOurs = (name: string): boolean => /^[0-9a-f]{64}\.pixels(\.partial-[0-9a-f-]+)?$/.test(name);

/** Changes with what decoding gives. */
const decoding = 2;

export interface ImageCacheOptions {
  /** Where entries are kept; it need not exist. */
  readonly folder: string;
  readonly limit?: number;
}

/**
 * As `readImageFolder`, with the pixels kept on disk: where neither the path, the names, sizes and times of its files,
 * nor the options have changed since, nothing is decoded again. An entry that is damaged is made anew. Nothing about
 * the cache's own folder makes reading fail.
 */
export function readCachedImageFolder(
  path: string,
  options: ImageFolderOptions,
  { folder, limit = imageCacheLimit }: ImageCacheOptions,
): Promise<FolderImages> {
  return withImageTree(path, async (tree) => {
    const found = await classFolders(tree);
    const file = join(folder, `${await keyOf(resolve(path), tree, found.classes, options)}.pixels`);
    // What is wrong is told as if there were no cache.
    const kept = options.skipBad || found.problems.count === 0 ? await readEntry(file, options) : undefined;
    for (const { path: left, problem } of kept?.leftOut ?? []) found.problems.add(tree.where(left.split("/")), problem);
    const examples = kept ? { ...kept, name: options.name ?? "images" } : await decodeFound(tree, found, options);
    tellOf(tree, found, examples, options);
    if (!kept) await writeEntry(file, examples, options, { folder, limit });
    return examples;
  });
}

/** A name for the files as they are now, and for what becomes of them. */
async function keyOf(
  path: string,
  tree: ImageTree,
  classes: readonly ClassFolder[],
  { size, channels, invert, fit, pixels, preferredPixels, skipBad = false }: ImageFolderOptions,
): Promise<string> {
  const { default: sharp } = await import("sharp");
  const hash = createHash("sha256");
  const add = (value: unknown): void => {
    hash.update(`${JSON.stringify(value)}\n`);
  };
  add([decoding, sharp.versions, path, size ?? null, channels ?? null, invert ?? null, fit ?? null]);
  add([pixels ?? null, preferredPixels ?? usualPixels, skipBad]);
  for (const { name, split, images } of classes) {
    const stamps = await Promise.all(images.map((image) => tree.stamp(image)));
    add([name, split ?? null, images.map((image, i) => [image, stamps[i]])]);
  }
  return hash.digest("hex");
}

/** Undefined where there is no entry, or none that is whole. */
async function readEntry(file: string, { signal, onProgress }: LongWork): Promise<FolderImages | undefined> {
  try {
    const { examples, header } = await readDatasetFile(file, { signal, onProgress });
    const now = new Date();
    // Says that it was used. Where that cannot be written, the entry is merely removed earlier.
    await utimes(file, now, now).catch(() => undefined);
    const { leftOut, reasons } = header.source;
    const pixels = recordedPixels(header.source);
    const [paths, problems] = [leftOut, reasons].map((list) =>
      Array.isArray(list) ? (list as readonly string[]) : [],
    );
    return { ...examples, pixels, leftOut: paths!.map((path, i) => ({ path, problem: problems![i] ?? "" })) };
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

/** Writes an entry where it leaves room for others; a disk that is full or cannot be written keeps none. */
async function writeEntry(
  file: string,
  examples: FolderImages,
  { signal, onProgress }: LongWork,
  { folder, limit }: Required<ImageCacheOptions>,
): Promise<void> {
  if (examples.classes.reduce((sum, { examples: { byteLength } }) => sum + byteLength, 0) > limit / 2) return;
  const leftOut = examples.leftOut.map((left) => left.path);
  const reasons = examples.leftOut.map(({ problem }) => problem);
  const source = { kind: "decoded images", ...examples.pixels, leftOut, reasons };
  try {
    await writeDatasetFile(file, examples, source, { signal, onProgress });
    await removeOldest(folder, limit);
  } catch (error) {
    if (!(error instanceof DataError) && !isSystemError(error)) throw error;
  }
}

async function removeOldest(folder: string, limit: number): Promise<void> {
  const names = (await readdir(folder)).filter(isOurs);
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may have removed it meanwhile.
      const found = await stat(path).catch(() => undefined);
      return { path, bytes: found?.size ?? 0, usedMs: found?.mtimeMs ?? 0 };
    }),
  );
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (const file of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= limit) return;
    await rm(file.path, { force: true });
    bytes -= file.bytes;
  }
}
