import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PixelReading } from "@innerloop/experiments/exported";
import { DataError, onFile } from "../data-error.js";
import { readRegularFile } from "../regular-file.js";
import { isImageName } from "./class-folders.js";
import { decodeImage, formatsRead, mostFileBytes } from "./image-decoding.js";
import { isSystemName } from "./image-tree.js";

/** Files as they are, and of folders the images in them, in the order of their names. @throws DataError ILD03, ILD52 */
export async function imagePaths(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const entry = await onFile(path, () => stat(path));
    if (!entry.isDirectory()) {
      found.push(path);
      continue;
    }
    const names = (await onFile(path, () => readdir(path))).filter((name) => !isSystemName(name) && isImageName(name));
    if (names.length === 0)
      throw new DataError(
        "ILD52",
        path,
        "there are no images in it",
        "Give PNG, JPEG or WebP files, or a folder of them.",
      );
    found.push(...names.sort().map((name) => join(path, name)));
  }
  return found;
}

/** Bytes of one image, brought to size as `readImageFolder` does. @throws DataError ILD03, ILD51 */
export async function readImageFile(
  path: string,
  [height, width, channels]: readonly [number, number, 1 | 3],
  pixels: PixelReading,
): Promise<Uint8Array> {
  const { size } = await onFile(path, () => stat(path));
  const read = (): Promise<Uint8Array> => readRegularFile(path, { most: mostFileBytes, links: "followed" });
  const options = { size: [height, width], channels, pixels } as const;
  const remedy = `Give a file of one of the formats ${formatsRead}.`;
  return (await decodeImage({ where: path, bytes: size, read }, options, remedy)).pixels;
}
