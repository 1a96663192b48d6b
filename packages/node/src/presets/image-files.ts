import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { imageExtensions } from "../data/class-folders.js";
import { DataError, onFile } from "../data/data-error.js";
import { readImage } from "../data/image-folder.js";

/** Files as they are, and of folders the images in them, in the order of their names. @throws DataError ILD03, ILD52 */
export async function imagePaths(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const entry = await onFile(path, () => stat(path));
    if (!entry.isDirectory()) {
      found.push(path);
      continue;
    }
    const names = (await onFile(path, () => readdir(path))).filter(
      (name) => !name.startsWith(".") && imageExtensions.has(extname(name).toLowerCase()),
    );
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

/** Bytes of one image, brought to size as `readImageFolder` does. @throws DataError ILD51 */
export const readImageFile = (
  path: string,
  [height, width, channels]: readonly [number, number, 1 | 3],
): Promise<Uint8Array> => readImage(path, [height, width], channels, "Give a PNG, JPEG or WebP file.");
