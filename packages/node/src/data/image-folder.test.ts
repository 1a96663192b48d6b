import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp, { type Color } from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readImageFolder } from "./image-folder.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-images-"));
});
afterEach(() => rm(folder, { recursive: true }));

const plain = (background: Color, width = 40, height = 30) =>
  sharp({ create: { width, height, channels: 3, background } });
async function put(name: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), bytes);
}

describe("readImageFolder", () => {
  beforeEach(async () => {
    await put("dark/a.png", await plain({ r: 10, g: 10, b: 10 }).png().toBuffer());
    await put("dark/b.JPG", await plain({ r: 10, g: 10, b: 10 }).jpeg({ quality: 100 }).toBuffer());
    await put("dark/c.webp", await plain({ r: 10, g: 10, b: 10 }).webp({ lossless: true }).toBuffer());
    await put("red/one.png", await plain({ r: 255, g: 0, b: 0 }).png().toBuffer());
  });

  it("reads classes of unequal size, in order, and ignores hidden files and others", async () => {
    await put(".hidden/x.png", "no image");
    await put("dark/.DS_Store", "junk");
    await put("dark/notes.txt", "text");
    await put("labels.csv", "text");
    const { exampleShape, classes } = await readImageFolder(folder, { size: [6, 8] });
    expect(exampleShape).toEqual([6, 8, 1]);
    expect(classes.map(({ name, count }) => [name, count])).toEqual([
      ["dark", 3],
      ["red", 1],
    ]);
    expect(classes[0]!.examples.length).toBe(3 * 48);
    expect(Math.max(...classes[0]!.examples.map((value) => Math.abs(value - 10)))).toBeLessThanOrEqual(2);
  });

  it("reads colours and inverts", async () => {
    const { exampleShape, classes } = await readImageFolder(folder, { size: [2, 2], channels: 3, invert: true });
    expect(exampleShape).toEqual([2, 2, 3]);
    expect([...classes[1]!.examples]).toEqual([0, 255, 255, 0, 255, 255, 0, 255, 255, 0, 255, 255]);
  });

  it("brings every kind of pixel to bytes: alpha on white, 16 bits, grey, palette", async () => {
    const transparent = {
      create: { width: 9, height: 9, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    } as const;
    await put("red/two.png", await sharp(transparent).png().toBuffer());
    await put("red/three.png", await plain("white").toColourspace("rgb16").png().toBuffer());
    await put("red/four.png", await plain("white").greyscale().png().toBuffer());
    await put("red/five.png", await plain("white").png({ palette: true }).toBuffer());
    for (const channels of [1, 3] as const) {
      const { classes } = await readImageFolder(folder, { size: [2, 2], channels });
      expect(classes[1]!.count).toBe(5);
      const white = classes[1]!.examples.filter((value) => value === 255).length;
      expect(white).toBe(4 * 4 * channels + (channels === 3 ? 4 : 0)); // and the red of the red one
    }
  });

  it("names an image that cannot be read", async () => {
    const whole = await plain("white", 200, 200).jpeg().toBuffer();
    for (const bytes of [Buffer.from("no image"), whole.subarray(0, whole.length / 2), Buffer.alloc(0)]) {
      await put("red/two.jpg", bytes);
      await expect(readImageFolder(folder)).rejects.toThrow(/^ILD51 .*two\.jpg: the image cannot be read/);
    }
    await rm(join(folder, "red/two.jpg"));
    await put("red/three.bmp", "BM");
    await expect(readImageFolder(folder)).rejects.toThrow(/^ILD51 .*three\.bmp: \.bmp images are not supported/);
  });

  it("names an empty class, a single class, none, and a folder that is not there", async () => {
    await put("empty/notes.txt", "text");
    await expect(readImageFolder(folder)).rejects.toThrow(/^ILD52 .*empty: the class has no images/);
    await expect(readImageFolder(join(folder, "dark"))).rejects.toThrow(/^ILD52 .*no class folders/);
    await put("alone/dark/a.png", "");
    await expect(readImageFolder(join(folder, "alone"))).rejects.toThrow(/^ILD52 .*dark is the only class/);
    await expect(readImageFolder(join(folder, "absent"))).rejects.toThrow(/^ILD03 .*absent/);
    await expect(readImageFolder(folder, { size: [0, 28] })).rejects.toThrow(/ILD52 .*size is \[0, 28\]/);
  });

  it("follows a link to a folder, and names a broken one", async () => {
    await symlink(join(folder, "dark"), join(folder, "linked"));
    expect((await readImageFolder(folder)).classes.map(({ name }) => name)).toEqual(["dark", "linked", "red"]);
    await symlink(join(folder, "nowhere"), join(folder, "broken"));
    await expect(readImageFolder(folder)).rejects.toThrow(/^ILD03 .*broken/);
  });
});
