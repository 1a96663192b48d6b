import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";
import { hostilePickles } from "../formats/pickles.fixture.js";
import { imagenetCaches } from "./imagenet-caches.fixture.js";
import { type ImagenetOptions, type ImagenetSubset, imagenetSubsets, readImagenetSubset } from "./imagenet-subsets.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-imagenet-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), typeof bytes === "string" ? bytes : new Uint8Array(bytes));
}
async function putCaches(of: RegExp): Promise<void> {
  for (const [name, base64] of Object.entries(imagenetCaches)) {
    if (of.test(name)) await put(name, Buffer.from(base64, "base64"));
  }
}
const contents = { classes: { train: 2, validation: 1, test: 1 }, perClass: 2, side: 4 };
/** Of each class its name and part, and the first pixel of each image. */
async function read(set: ImagenetSubset, options: ImagenetOptions = {}, path = folder) {
  const { exampleShape, classes } = await readImagenetSubset(set, path, { contents, ...options });
  const size = exampleShape.reduce((a, b) => a * b, 1);
  const pixels = classes.map(({ name, split, count, examples }) => [
    name,
    split,
    ...Array.from({ length: count }, (_, i) => [...examples.subarray(i * size, i * size + 3)]),
  ]);
  return { exampleShape, pixels };
}
const image = (value: number, width = 6, height = 4) =>
  sharp({ create: { width, height, channels: 3, background: { r: value, g: 0, b: 9 } } })
    .png()
    .toBuffer();

const expected = [
  ["n01", "train", [10, 0, 7], [10, 1, 7]],
  ["n02", "train", [20, 0, 7], [20, 1, 7]],
  ["n03", "validation", [30, 0, 7], [30, 1, 7]],
  ["n04", "test", [40, 0, 7], [40, 1, 7]],
];

describe("mini-ImageNet", () => {
  it("is 64, 16 and 20 classes of 600 images", () => {
    expect(imagenetSubsets["mini-imagenet"]).toEqual({
      classes: { train: 64, validation: 16, test: 20 },
      perClass: 600,
      side: 84,
    });
  });

  it("is read from its caches, in the order of their indices", async () => {
    await putCaches(/^mini/);
    expect(await read("mini-imagenet")).toEqual({ exampleShape: [4, 4, 3], pixels: expected });
    await expect(read("mini-imagenet", { size: [8, 8] })).rejects.toThrow(/^ILD74 .*its images are 4 x 4, not 8 x 8/);
  });

  it("refuses caches with other contents, missing ones, and pickles that would run", async () => {
    await putCaches(/^mini/);
    await expect(read("mini-imagenet", { contents: imagenetSubsets["mini-imagenet"] })).rejects.toThrow(
      /^ILD74 .*it has 2 train classes, mini-imagenet has 64/,
    );
    await expect(read("mini-imagenet", { contents: { ...contents, perClass: 3 } })).rejects.toThrow(
      /a train class has 2 images, those of mini-imagenet have 3/,
    );
    // The second class has the first image of the first as well, by another index: K\x03K\x02 becomes K\x03K\0.
    const train = Buffer.from(imagenetCaches["mini-imagenet-cache-train.pkl"], "base64");
    const at = train.lastIndexOf(Buffer.from("K\x03K\x02", "latin1"));
    expect(at).toBeGreaterThan(0);
    train[at + 3] = 0;
    await put("mini-imagenet-cache-train.pkl", train);
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD74 .*train\.pkl: class_dict names the image 0 twice/);
    await putCaches(/^mini/);
    await put("mini-imagenet-cache-val.pkl", Buffer.from(hostilePickles["os.system"]!, "base64"));
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD73 .*cache-val\.pkl.*"posix\.system"/);
    await put("mini-imagenet-cache-val.pkl", Buffer.from("gAR9lC4=", "base64"));
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD74 .*cache-val\.pkl: it holds no image_data/);
    await rm(join(folder, "mini-imagenet-cache-val.pkl"));
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD03 .*cache-val\.pkl/);
  });

  it("is read from the lists and images, whole images squeezed to size, in a folder or an archive", async () => {
    const files: Record<string, Buffer> = {};
    for (const [name, value] of [
      ["a1", 11],
      ["a2", 12],
      ["b1", 21],
      ["b2", 22],
      ["c1", 31],
      ["c2", 32],
      ["d1", 41],
      ["d2", 42],
    ] as const)
      files[`${name}.png`] = await image(value);
    // Its left half is red: cut at the edges it would be, too.
    files["a1.png"] = await sharp(Buffer.from([255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), {
      raw: { width: 4, height: 1, channels: 3 },
    })
      .resize(64, 4, { kernel: "nearest", fit: "fill" })
      .png()
      .toBuffer();
    for (const [name, bytes] of Object.entries(files)) await put(`images/${name}`, bytes);
    await put("train.csv", "filename,label\na2.png,n01\nb1.png,n02\na1.png,n01\nb2.png,n02\n");
    await put("val.csv", "filename,label\nc1.png,n03\nc2.png,n03\n");
    await put("test.csv", "filename,label\r\nd1.png,n04\r\nd2.png,n04\r\n");
    const fromFolder = await read("mini-imagenet");
    expect(fromFolder.exampleShape).toEqual([4, 4, 3]);
    expect(fromFolder.pixels.slice(1)).toEqual([
      ["n02", "train", [21, 0, 9], [22, 0, 9]],
      ["n03", "validation", [31, 0, 9], [32, 0, 9]],
      ["n04", "test", [41, 0, 9], [42, 0, 9]],
    ]);
    expect(fromFolder.pixels[0]!.slice(0, 3)).toEqual(["n01", "train", [12, 0, 9]]);
    expect((fromFolder.pixels[0]![3] as number[])[0]).toBeGreaterThan(200);
    await put("images.zip", madeUpZip(Object.entries(files).map(([name, data]) => ({ name: `images/${name}`, data }))));
    await rm(join(folder, "images"), { recursive: true });
    expect(await read("mini-imagenet")).toEqual(fromFolder);
    await put("val.csv", "filename,label\nc1.png,n03\nc9.png,n03\n");
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD74 .*val\.csv:3: there is no image c9\.png/);
    await put("val.csv", "filename,label\nc1.png,n01\nc2.png,n01\n");
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD74 .*val\.csv: the class n01 is in another list too/);
  });

  it("says what it comes as where there is none of it", async () => {
    await put("readme.txt", "text");
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD74 .*none of the forms .*no class folders.*cache-\{train/);
  });

  it("is read from class folders in train, val and test", async () => {
    for (const [name, value] of Object.entries({ "train/n01": 1, "train/n02": 2, "val/n03": 3, "test/n04": 4 })) {
      for (const file of ["1.png", "2.png"]) await put(`${name}/${file}`, await image(value));
    }
    expect((await read("mini-imagenet")).pixels.map(([name, split]) => [name, split])).toEqual(
      expected.map(([name, split]) => [name, split]),
    );
    await rm(join(folder, "train/n02/2.png"));
    await expect(read("mini-imagenet")).rejects.toThrow(/^ILD74 .*a train class has 1 images/);
    await rename(join(folder, "test"), join(folder, "other"));
    await expect(read("mini-imagenet")).rejects.toThrow(
      /^ILD74 .*it holds none of the forms that mini-imagenet comes in/,
    );
  });
});

describe("tiered-ImageNet", () => {
  const tiered = { contents: { ...contents, perClass: 2 } };

  it("is 351, 97 and 160 classes", () => {
    expect(imagenetSubsets["tiered-imagenet"].classes).toEqual({ train: 351, validation: 97, test: 160 });
  });

  it("is read from its caches of PNG files and labels; classes of one name are told apart", async () => {
    await putCaches(/_(images_png|labels)\.pkl$/);
    expect(await read("tiered-imagenet", { ...tiered, size: [2, 2] })).toEqual({
      exampleShape: [2, 2, 3],
      pixels: [
        ["crane", "train", [0, 0, 9], [0, 1, 9]],
        ["maillot", "train", [40, 0, 9], [40, 1, 9]],
        ["crane (2)", "validation", [80, 0, 9], [80, 1, 9]],
        ['tench, "Tinca"', "test", [120, 0, 9], [120, 1, 9]],
      ],
    });
  });

  it("is read from the unpacked caches, blue first, and brought to size", async () => {
    await putCaches(/_(images\.npz|labels\.pkl)$/);
    expect(await read("tiered-imagenet", { ...tiered, size: [2, 2] })).toEqual({
      exampleShape: [2, 2, 3],
      pixels: [
        ["crane", "train", [0, 0, 9], [0, 1, 9]],
        ["maillot", "train", [40, 0, 9], [40, 1, 9]],
        ["crane (2)", "validation", [80, 0, 9], [80, 1, 9]],
        ['tench, "Tinca"', "test", [120, 0, 9], [120, 1, 9]],
      ],
    });
    await put("train_images.npz", Buffer.from(imagenetCaches["val_images.npz"], "base64"));
    await expect(read("tiered-imagenet", tiered)).rejects.toThrow(
      /^ILD74 .*train_images\.npz: images have the shape \(2, 8, 8, 3\) and type u1\. Expected are bytes of shape \(4,/,
    );
    await put("train_images.npz", Buffer.from(imagenetCaches["train_images.npz"], "base64").subarray(0, 200));
    await expect(read("tiered-imagenet", tiered)).rejects.toThrow(/^ILD11 /);
  });

  it("refuses labels of other images, images that are none, and too many pixels", async () => {
    await putCaches(/_(images_png|labels)\.pkl$/);
    await put("train_labels.pkl", Buffer.from(imagenetCaches["val_labels.pkl"], "base64"));
    await expect(read("tiered-imagenet", tiered)).rejects.toThrow(/^ILD74 .*train_images_png\.pkl: .*list of 2 images/);
    await put("train_labels.pkl", Buffer.from(imagenetCaches["train_labels.pkl"], "base64"));
    const broken = Buffer.from(imagenetCaches["train_images_png.pkl"], "base64");
    broken[broken.indexOf("IHDR") + 1]! ^= 255;
    await put("train_images_png.pkl", broken);
    await expect(read("tiered-imagenet", tiered)).rejects.toThrow(/^ILD(51|73) .*train_images_png\.pkl/);
  });
});
