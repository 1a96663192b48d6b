/** Pixels of pictures in squares, as detectors take them. */
import { stat } from "node:fs/promises";
import { letterbox, type PictureFile } from "@innerloop/core/detection";
import type { LetterboxedImage, LongWork } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { decodeImage, type ImageFile, imageSize, mostFileBytes } from "../images/image-decoding.js";
import { imagePaths } from "../images/image-files.js";
import type { ImageTree } from "../images/image-tree.js";
import { someAtOnce } from "../long-work.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { readRegularFile } from "../regular-file.js";

/** Of the padding, as Ultralytics has it: about the mean of photos. */
const paddingGrey = 114;
const channels = 3;
/** Pictures that are decoded at once; the memory of all is bounded elsewhere. */
const atOnce = 8;

/**
 * Pixels of pictures of a tree: bytes [size, size, 3] of each, red, green, blue, placed as `letterbox` says, on grey 114.
 * They are turned as EXIF says, and what is transparent lies on white.
 *
 * @throws DataError ILD51 for a picture that cannot be decoded, or is not of the size that it was; ILD07, ILD55, ILD03
 */
export async function letterboxedPictures(
  tree: ImageTree,
  pictures: readonly PictureFile[],
  size: number,
  work: LongWork = {},
): Promise<readonly Uint8Array[]> {
  const whole = tree.where([]);
  checkSize(whole, size, pictures.length);
  const squares: Uint8Array[] = [];
  let done = 0;
  await someAtOnce(pictures, atOnce, async (picture, i) => {
    work.signal?.throwIfAborted();
    squares[i] = await square(await tree.open(picture.path.split("/")), picture, size);
    work.onProgress?.(++done, pictures.length, `read ${whole}`);
  });
  return squares;
}

/** Image files by their paths or bytes, and the images in folders, in squares. @throws as `letterboxedPictures` */
export async function letterboxedImages(
  given: readonly (string | Uint8Array)[],
  size: number,
  work: LongWork = {},
): Promise<readonly LetterboxedImage[]> {
  const files = (await Promise.all(given.map(filesOf))).flat();
  checkSize(files.map(({ where }) => where).join(", "), size, files.length);
  const images: LetterboxedImage[] = [];
  let done = 0;
  await someAtOnce(files, atOnce, async (open, i) => {
    work.signal?.throwIfAborted();
    const file = await open.file();
    const { width, height } = await imageSize(file);
    images[i] = { name: open.where, width, height, pixels: await square(file, { width, height }, size) };
    work.onProgress?.(++done, files.length, `read ${open.where}`);
  });
  return images;
}

/** An image that is opened when its turn has come. */
interface Unopened {
  readonly where: string;
  file(): Promise<ImageFile>;
}

async function filesOf(given: string | Uint8Array, place: number): Promise<readonly Unopened[]> {
  if (typeof given !== "string") {
    const where = `image ${place + 1}`;
    return [{ where, file: async () => ({ where, bytes: given.length, read: async () => given }) }];
  }
  return (await imagePaths([given])).map((where) => ({
    where,
    file: async () => {
      const { size: bytes } = await onFile(where, () => stat(where));
      return { where, bytes, read: () => readRegularFile(where, { most: mostFileBytes, links: "followed" }) };
    },
  }));
}

function checkSize(where: string, size: number, pictures: number): void {
  const { letterboxSide: most, arrayBytes } = readingLimits;
  if (!Number.isSafeInteger(size) || size < 1 || size > most)
    throw new DataError("ILD55", where, `the side is ${size}`, `Give a whole number from 1 to ${most}.`);
  const bytes = pictures * size * size * channels;
  if (bytes > arrayBytes) {
    const problem = `${pictures} pictures of ${size} x ${size} are more than ${arrayBytes / 2 ** 30} GiB`;
    throw new DataError("ILD07", where, problem, "Ask for some at a time.");
  }
  requireRoom(bytes, where);
}

async function square(
  file: ImageFile,
  { width, height }: { readonly width: number; readonly height: number },
  size: number,
): Promise<Uint8Array> {
  const place = letterbox(width, height, size);
  const image = await decodeImage(file, { size: [place.height, place.width], channels, fit: "fill" });
  // As the file has them, before any turn.
  const isSame = image.width === width && image.height === height;
  if (!isSame && (image.width !== height || image.height !== width)) {
    const problem = `it was ${width} x ${height} when its marks were read, and is ${image.width} x ${image.height}`;
    throw new DataError("ILD51", file.where, problem, "Read the marks again.");
  }
  const pixels = new Uint8Array(size * size * channels).fill(paddingGrey);
  const rowBytes = place.width * channels;
  for (let row = 0; row < place.height; row++)
    pixels.set(
      image.pixels.subarray(row * rowBytes, (row + 1) * rowBytes),
      ((place.top + row) * size + place.left) * channels,
    );
  return pixels;
}
