import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp, { type Color } from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MadeUpEntry, madeUpZip } from "../formats/made-up-archive.fixture.js";
import { type ImageFolderOptions, readClassFolders, readImageFolder } from "./image-folder.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-images-"));
});
afterEach(() => rm(folder, { recursive: true }));

const plain = (background: Color, width = 40, height = 30) =>
  sharp({ create: { width, height, channels: 3, background } });
/** An image that is not blank; another one for each number. */
const drawing = (number = 0, channels: 1 | 4 = 1) =>
  sharp(Buffer.from(Array.from({ length: 16 * channels }, (_, i) => (number * 13 + i * 15) % 256)), {
    raw: { width: 4, height: 4, channels },
  }).png();
async function put(name: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), bytes);
}

describe("readImageFolder", () => {
  beforeEach(async () => {
    await put("dark/a.png", await plain({ r: 10, g: 10, b: 10 }).png().toBuffer());
    await put("dark/b.JPG", await plain({ r: 40, g: 40, b: 40 }).jpeg({ quality: 100 }).toBuffer());
    await put("dark/c.webp", await plain({ r: 70, g: 70, b: 70 }).webp({ lossless: true }).toBuffer());
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
    for (const [i, value] of [...classes[0]!.examples].entries())
      expect(Math.abs(value - [10, 40, 70][Math.floor(i / 48)]!)).toBeLessThanOrEqual(2);
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
    for (let i = 0; i < 9; i++) await put(`dark/${i}.png`, await drawing(i).toBuffer());
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
      await expect(readImageFolder(folder)).rejects.toThrow(
        /^ILD51 .*two\.jpg: the image cannot be read \(.*\)\. Replace or remove it\.$/,
      );
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

  it("names classes by the folders that they do not share, however deep", async () => {
    const png = await drawing().toBuffer();
    for (const name of ["a/photos/pets/cat/1.png", "a/photos/pets/dog/1.png", "a/photos/bus/1.png"])
      await put(name, png);
    await put("a/preview.png", png);
    await put("a/photos/pets/cat/thumbnails/1.png", png);
    const { classes } = await readImageFolder(join(folder, "a"));
    expect(classes.map(({ name, count }) => [name, count])).toEqual([
      ["bus", 1],
      ["pets/cat", 1],
      ["pets/dog", 1],
    ]);
  });

  it("takes splits from folders train, val and test, in that order", async () => {
    const png = await drawing().toBuffer();
    for (const name of ["test/a", "val/b", "train/c", "train/d/e"]) await put(`s/set/${name}/1.png`, png);
    expect((await readImageFolder(join(folder, "s"))).classes.map(({ name, split }) => [name, split])).toEqual([
      ["c", "train"],
      ["d/e", "train"],
      ["b", "validation"],
      ["a", "test"],
    ]);
    await put("s/set/test/c/1.png", png);
    await expect(readImageFolder(join(folder, "s"))).rejects.toThrow(
      /^ILD52 .*train.c: the class c is also in .*test.c\. Splits of few-shot data share no class/,
    );
  });

  it("leaves classes alone that are called train and test", async () => {
    const png = await drawing().toBuffer();
    for (const name of ["train", "test"]) await put(`t/${name}/1.png`, png);
    const { classes } = await readImageFolder(join(folder, "t"));
    expect(classes.map(({ name, split }) => [name, split])).toEqual([
      ["test", undefined],
      ["train", undefined],
    ]);
  });

  it("leaves out links that lead nowhere or round in a circle, and says so", async () => {
    await symlink(join(folder, "dark"), join(folder, "linked"));
    await symlink(folder, join(folder, "dark/round"));
    await symlink(join(folder, "itself"), join(folder, "itself"));
    await symlink(join(folder, "nowhere"), join(folder, "red/gone.png"));
    const { classes, warnings } = await read();
    expect(classes.map(({ name, count }) => [name, count])).toEqual([
      ["dark", 3],
      ["linked", 3],
      ["red", 1],
    ]);
    for (const name of ["dark/round", "itself", "red/gone.png"])
      expect(warnings).toContain(`${join(folder, name)}: a link that leads nowhere, or back`);
  });

  it("reads a zip archive as the folder that it holds, pixel for pixel", async () => {
    const images = ["red/one.png", "dark/c.webp", "dark/b.JPG", "dark/a.png"];
    const entries: MadeUpEntry[] = [{ name: "__MACOSX/set/red/._one.png", data: "junk" }];
    for (const name of images) entries.push({ name: `set/${name}`, data: await readFile(join(folder, name)) });
    entries.push({ name: "set/readme.txt", data: "text" }, { name: "set/.hidden/x.png", data: "no image" });
    await put("set.zip", madeUpZip(entries));
    const options = { name: "set", size: [6, 8], channels: 3 } as const;
    const fromFolder = await readImageFolder(folder, options);
    expect(await readImageFolder(join(folder, "set.zip"), options)).toEqual(fromFolder);
    expect(fromFolder.classes.map(({ count }) => count)).toEqual([3, 1]);
  });

  it("names what is wrong in an archive, and what is none", async () => {
    const png = await plain("white").png().toBuffer();
    const other = { name: "b/1.png", data: png };
    await put("a.zip", madeUpZip([{ name: "a/1.png", data: "no image" }, other]));
    await expect(readImageFolder(join(folder, "a.zip"))).rejects.toThrow(/^ILD51 .*a\.zip > a\/1\.png: the image/);
    await put("b.zip", madeUpZip([{ name: "../a/1.png", data: png }, other]));
    await expect(readImageFolder(join(folder, "b.zip"))).rejects.toThrow(/^ILD12 /);
    await put("c.zip", madeUpZip([{ name: "a/1.png", data: png, claimedCrc: 1 }, other]));
    await expect(readImageFolder(join(folder, "c.zip"))).rejects.toThrow(/^ILD11 .*CRC-32/);
    const neither = /^ILD11 .*one\.png: it is neither a folder nor a zip archive\. Give a folder or zip archive with/;
    await expect(readImageFolder(join(folder, "red/one.png"))).rejects.toThrow(neither);
    await put("d.zip", "no archive");
    await expect(readImageFolder(join(folder, "d.zip"))).rejects.toThrow(/^ILD11 /);
  });

  it("refuses more pixels than a data set may have before it decodes any", async () => {
    const classes = [{ name: "a", images: new Array<string[]>(1_000_000).fill(["a", "1.png"]) }];
    const tree = {
      where: () => "large",
      list: () => Promise.reject(),
      open: () => Promise.reject(),
      stamp: () => Promise.reject(),
    };
    await expect(readClassFolders(tree, classes, { size: [128, 128] })).rejects.toThrow(
      /^ILD52 large: 1000000 images of 16384 bytes are more than 4 GiB\. Choose a smaller size/,
    );
  });

  it("stops when asked to", async () => {
    const stop = new AbortController();
    const reading = readImageFolder(folder, { signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) });
    await expect(reading).rejects.toThrow("enough");
  });

  it("tells all that is wrong at once, and leaves it out when asked to", async () => {
    await put("dark/d.png", "no image");
    await put("dark/e.heic", "text");
    await put("red/f.png", Buffer.alloc(0));
    await put("empty/notes.txt", "text");
    await put("red/@eaDir/x.png", "no image");
    await put("__MACOSX/red/y.png", "no image");
    await put("red/.DS_Store", "junk");
    await put("red/Thumbs.db", "junk");
    const named = ["dark/d.png", "dark/e.heic", "red/f.png", "empty"].map((name) => `${join(folder, name)}: `);
    const error: Error = await readImageFolder(folder, { skipBad: false }).catch((thrown) => thrown);
    expect(error.message).toMatch(/^ILD51 .*there are 4 problems\. Replace or remove them, or leave .* --skip-bad/);
    for (const name of named) expect(error.message).toContain(name);
    const { classes, leftOut, warnings } = await read({ skipBad: true });
    expect(classes.map(({ name, count }) => [name, count])).toEqual([
      ["dark", 3],
      ["red", 1],
    ]);
    expect(leftOut.map(({ path }) => path)).toEqual(["dark/d.png", "red/f.png"]);
    for (const name of named) expect(warnings).toContain(name);
    // What is left keeps its place.
    expect([...classes[0]!.examples]).toEqual([...(await without("dark/d.png", "red/f.png")).classes[0]!.examples]);
  });

  it("refuses images of one colour where most are alike, and lists a few", async () => {
    const blank = await plain("white").png().toBuffer();
    for (const name of ["red/b.png", "red/c.png"]) await put(name, blank);
    expect((await read()).warnings).toMatch(/6 of 6 images are blank.*\n.*a\.png/);
    for (const name of ["red/d.png", "red/e.png", "red/f.png"]) await put(name, blank);
    await expect(readImageFolder(folder)).rejects.toThrow(/^ILD52 .*5 of 9 images are blank[\s\S]*c\.webp/);
  });

  it("draws white strokes on transparency on black, the same for all images", async () => {
    for (const name of ["a", "b"]) {
      for (let i = 0; i < 3; i++) {
        const strokes = Buffer.from(
          Array.from({ length: 64 }, (_, at) => (at % 4 < 3 ? 255 : (at * (i + 2) * 4) % 256)),
        );
        await put(
          `s/${name}/${i}.png`,
          await sharp(strokes, { raw: { width: 4, height: 4, channels: 4 } })
            .png()
            .toBuffer(),
        );
      }
    }
    const options = { size: [4, 4] } as const;
    const { classes, pixels, warnings } = await read(options, "s");
    expect(pixels.background).toBe("black");
    expect(warnings).toMatch(/would be blank on white, and lie on black instead/);
    const alphas = Array.from({ length: 16 }, (_, at) => ((at * 4 + 3) * 8) % 256);
    expect(Math.max(...alphas.map((alpha, at) => Math.abs(alpha - classes[0]!.examples[at]!)))).toBeLessThanOrEqual(1);
    // Black strokes stay on white, and an existing run's images as they were.
    const before = await read({ ...options, pixels: { background: "white", depth: 16 } }, "s");
    expect(before.classes[0]!.examples.every((value) => value === 255)).toBe(true);
    for (let i = 0; i < 4; i++) await put(`t/a/${i}.png`, await drawing(i, 4).toBuffer());
    for (let i = 0; i < 4; i++) await put(`t/b/${i}.png`, await drawing(i + 4, 4).toBuffer());
    expect((await read(options, "t")).pixels.background).toBe("white");
  });

  it("reads 12-bit greys in 16-bit files by the bits that they use", async () => {
    const of = (most: number) =>
      sharp(
        Uint16Array.from({ length: 16 }, (_, i) => Math.round((i * most) / 15)),
        {
          raw: { width: 4, height: 4, channels: 1 },
        },
      )
        .toColourspace("grey16")
        .png()
        .toBuffer();
    for (const [most, depth] of [
      [4095, 12],
      [1023, 10],
      [65_535, 16],
      [9000, 16],
    ] as const) {
      await put("g/a/1.png", await of(most));
      await put("g/b/1.png", await of(most >> 1));
      const { classes, pixels } = await read({ size: [4, 4] }, "g");
      expect(pixels.depth).toBe(depth);
      const expected = Array.from({ length: 16 }, (_, i) => (i * most * 255) / 15 / (2 ** depth - 1));
      const differences = expected.map((value, i) => Math.abs(value - classes[0]!.examples[i]!));
      expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    }
  });

  it("warns of exact duplicates", async () => {
    for (const name of ["a/1.png", "a/2.png", "b/1.png"]) await put(`d/${name}`, await drawing().toBuffer());
    await put("d/b/2.png", await drawing(1).toBuffer());
    const { warnings } = await read({ size: [4, 4] }, "d");
    expect(warnings).toMatch(/2 of 4 examples are exact duplicates of an earlier one, 1 of them of another class/);
    expect(warnings).toContain(`${join(folder, "d/b/1.png")} = ${join(folder, "d/a/1.png")}`);
  });

  it("warns of images of hardly any contrast, and of classes whose names differ in case alone", async () => {
    const grey = async (ink: number) => {
      const pixels = Uint8Array.from({ length: 64 }, (_, i) => (i % 7 === ink % 7 ? 255 - ink : 255));
      return sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } })
        .png()
        .toBuffer();
    };
    await put("pale/Cat/1.png", await grey(11));
    await put("pale/cat ears/1.png", await grey(12));
    await put("pale/dog/1.png", await grey(13));
    const { warnings } = await read({ size: [8, 8] }, "pale");
    expect(warnings).toMatch(/all pixels lie between 242 and 255 of 255, .*: stretch the contrast/);
    expect(warnings).not.toContain("upper case");
    await put("pale/Cat Ears/1.png", await grey(80));
    const more = await read({ size: [8, 8] }, "pale");
    expect(more.warnings).toMatch(/the classes "Cat Ears" and "cat ears" differ in upper case or blanks alone/);
    expect(more.warnings).not.toContain("contrast");
  });

  it("knows splits by their usual names, and refuses them beside other classes", async () => {
    for (const name of ["Training/a", "training/c", "dev/d", "TEST/b"])
      await put(`n/${name}/1.png`, await drawing().toBuffer());
    expect((await readImageFolder(join(folder, "n"))).classes.map(({ name, split }) => [name, split])).toEqual([
      ["a", "train"],
      ["c", "train"],
      ["d", "validation"],
      ["b", "test"],
    ]);
    await put("n/more/1.png", await drawing().toBuffer());
    await expect(readImageFolder(join(folder, "n"))).rejects.toThrow(
      /^ILD52 .*class folders in TEST, Training, dev, training, which are parts of a split.*others beside them: more/,
    );
  });
});

/** What is read, and what is told of it. */
async function read(options: ImageFolderOptions = {}, path = "") {
  const told: string[] = [];
  const images = await readImageFolder(join(folder, path), { ...options, onWarning: (text) => told.push(text) });
  return { ...images, warnings: told.join("\n") };
}

async function without(...files: readonly string[]) {
  for (const name of [...files, "dark/e.heic", "empty"]) await rm(join(folder, name), { recursive: true });
  return readImageFolder(folder);
}
