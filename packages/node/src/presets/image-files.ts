import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import sharp from "sharp";
import { DataError, onFile, reasonOf } from "../data/data-error.js";

const imageExtensions = new Set([".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".avif"]);

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
export async function readImageFile(
  path: string,
  [height, width, channels]: readonly [number, number, 1 | 3],
): Promise<Uint8Array> {
  try {
    const { data, info } = await sharp(path, { limitInputPixels: 2 ** 26, failOn: "error" })
      .autoOrient()
      .flatten({ background: "white" })
      .resize({ height, width, fit: "cover", background: "white" })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`${info.channels} channels came out instead of ${channels}`);
    return new Uint8Array(data);
  } catch (error) {
    throw new DataError(
      "ILD51",
      path,
      `the image cannot be read (${reasonOf(error)})`,
      "Give a PNG, JPEG or WebP file.",
      { cause: error },
    );
  }
}
