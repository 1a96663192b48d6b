import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withImageTree } from "../images/image-tree.js";
import { letterboxedImages, letterboxedPictures } from "./letterboxed-pixels.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-letterbox-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A picture that is red on its left half and blue on its right. */
const halves = (width: number, height: number) =>
  sharp(
    Buffer.from(
      Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? [255, 0, 0] : [0, 0, 255])).flat(),
    ),
    { raw: { width, height, channels: 3 } },
  );

const pixelAt = (pixels: Uint8Array, size: number, x: number, y: number): number[] => [
  ...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 3),
];

async function put(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

it("puts a picture into the middle of grey, in its proportions", async () => {
  const path = await put("a.png", await halves(40, 20).png().toBuffer());
  const [image] = await letterboxedImages([path], 8, {});
  expect(image).toMatchObject({ name: path, width: 40, height: 20 });
  // Its bytes are the same picture.
  const [, ofBytes] = await letterboxedImages([path, await readFile(path)], 8, {});
  expect(ofBytes).toEqual({ ...image, name: "image 2" });
  const { pixels } = image!;
  expect(pixels.length).toBe(8 * 8 * 3);
  for (const y of [0, 1, 6, 7]) for (let x = 0; x < 8; x++) expect(pixelAt(pixels, 8, x, y)).toEqual([114, 114, 114]);
  for (const y of [2, 5]) {
    expect(pixelAt(pixels, 8, 0, y)).toEqual([255, 0, 0]);
    expect(pixelAt(pixels, 8, 7, y)).toEqual([0, 0, 255]);
  }
});

it("turns a picture as EXIF says, grey ones have three channels, small ones grow", async () => {
  // Orientation 6: the left of the file is the top of the picture.
  const turned = await put(
    "a.jpg",
    await halves(4, 2).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer(),
  );
  const [image] = await letterboxedImages([turned], 16, {});
  expect(image).toMatchObject({ width: 2, height: 4 });
  const [top, bottom] = [pixelAt(image!.pixels, 16, 8, 0), pixelAt(image!.pixels, 16, 8, 15)];
  expect(top[0]! - top[2]!).toBeGreaterThan(100);
  expect(bottom[2]! - bottom[0]!).toBeGreaterThan(100);
  expect(pixelAt(image!.pixels, 16, 3, 8)).toEqual([114, 114, 114]);
  const grey = await put(
    "b.png",
    await sharp(Buffer.alloc(9, 50), { raw: { width: 3, height: 3, channels: 1 } })
      .png()
      .toBuffer(),
  );
  const [plain] = await letterboxedImages([grey], 3, {});
  expect([...plain!.pixels]).toEqual(Array(27).fill(50));
});

it("refuses a picture that has changed, and sides that are none", async () => {
  await put("a.png", await halves(40, 20).png().toBuffer());
  const picture = { name: "a.png", path: "a.png", width: 20, height: 20, objects: [] };
  const decode = (size: number, changes: object = {}) =>
    withImageTree(folder, (tree) => letterboxedPictures(tree, [{ ...picture, ...changes }], size));
  await expect(decode(8)).rejects.toThrow("it was 20 x 20 when its marks were read, and is 40 x 20");
  expect((await decode(8, { width: 40 })).length).toBe(1);
  for (const size of [0, 2.5, 5000]) await expect(decode(size)).rejects.toThrow(`ILD55 ${folder}: the side is ${size}`);
});
