import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { labelledArrays, readArrays } from "../images/array-examples.js";
import { madeUpZip } from "./made-up-archive.fixture.js";
import { parseNpy, readNpy, withStreamedArray } from "./npy-file.js";
import { npyFiles, npyOfType } from "./numpy-files.fixture.js";

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));
const parse = (name: keyof typeof npyFiles) => parseNpy(bytesOf(npyFiles[name]), name);

describe("parseNpy", () => {
  it.each(Object.entries(npyOfType))("reads %s", (type, file) => {
    const { shape, values } = parseNpy(bytesOf(file), "file");
    const expected =
      type === "|b1" ? [0, 1, 1, 1, 1, 1] : [0, 1, 2, 3, 4, 5].map((n) => (/[if]\d/.test(type) ? n - 2 : n));
    expect([shape, [...values]]).toEqual([[2, 3], expected]);
  });

  it("reads every place in memory alike: an odd start, a copy", () => {
    for (const file of Object.values(npyOfType)) {
      const odd = new Uint8Array(bytesOf(file).length + 1);
      odd.set(bytesOf(file), 1);
      expect(parseNpy(odd.subarray(1), "odd")).toEqual(parseNpy(bytesOf(file), "even"));
    }
  });

  it("brings Fortran's order to ours", () => {
    const { shape, values } = parse("fortran");
    expect([shape, [...values]]).toEqual([[2, 3, 4], Array.from({ length: 24 }, (_, i) => i)]);
  });

  it("reads vectors, scalars, empty arrays, format 2 and the edges of half precision", () => {
    expect([parse("vector").shape, [...parse("vector").values]]).toEqual([[3], [0, 1, 2]]);
    expect([parse("scalar").shape, [...parse("scalar").values]]).toEqual([[], [1.5]]);
    expect(parse("empty")).toEqual({ shape: [0, 3], values: new Float32Array(0) });
    expect([...parse("version2").values]).toEqual([0, 1, 2, 3]);
    expect([...parse("halves").values]).toEqual([
      0.0999755859375,
      -65504,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      -0,
      Number.NaN,
    ]);
  });

  it("refuses what is no array of numbers, and says so of Python objects", () => {
    expect(() => parse("objects")).toThrow(/^ILD72 objects: .*"\|O"\. Arrays of Python objects are never read/);
    expect(() => parse("text")).toThrow(/^ILD72 text: it holds values of type "<U2"\. Convert it to numbers/);
    expect(() => parse("structured")).toThrow(/^ILD72 structured: it holds values of type "\[\('a', '<f4'\)/);
    expect(() => parse("complex")).toThrow(/^ILD72 complex: .*"<c16"/);
  });

  it("refuses any cut or changed file, or reads numbers of the same shape", () => {
    const file = bytesOf(npyOfType["<f4"]!);
    for (let length = 0; length < file.length; length++) {
      expect(() => parseNpy(file.subarray(0, length), "cut"), `cut at ${length}`).toThrow(/^ILD72 cut/);
    }
    for (let i = 0; i < 128; i++) {
      for (const bit of [1, 4, 64]) {
        const changed = Buffer.from(file);
        changed[i]! ^= bit;
        try {
          expect(parseNpy(changed, "changed").values).toHaveLength(6);
        } catch (error) {
          expect(String(error)).toMatch(/ILD72 changed/);
        }
      }
    }
  });

  it("refuses shapes whose size wraps around", () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
    const file = Buffer.concat([
      Buffer.from("\x93NUMPY\x01\x00", "latin1"),
      Buffer.of(header.length, 0),
      Buffer.from(header),
    ]);
    expect(() => parseNpy(file, "wide")).toThrow(/^ILD72 wide: shape \(4294967296, 4294967296\)/);
  });
});

describe("readArrays", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "innerloop-npy-"));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const put = async (name: string, base64: string): Promise<string> => {
    await writeFile(join(folder, name), bytesOf(base64));
    return join(folder, name);
  };

  it("groups the examples of an archive by their labels, in ascending order; bytes stay bytes", async () => {
    const examples = await readArrays([await put("a.npz", npyFiles.npz)], { name: "small" });
    expect(examples).toEqual({
      name: "small",
      exampleShape: [3],
      classes: [
        { name: "-1", count: 1, examples: Uint8Array.of(9, 10, 11) },
        { name: "3", count: 1, examples: Uint8Array.of(3, 4, 5) },
        { name: "7", count: 2, examples: Uint8Array.of(0, 1, 2, 6, 7, 8) },
      ],
    });
    const unnamed = await readArrays([await put("b.npz", npyFiles.npzUnnamed)]);
    expect(unnamed.classes[1]).toEqual({ name: "1", count: 2, examples: Float32Array.of(1, 3) });
    await expect(readArrays([await put("c.npz", npyFiles.npzOther)])).rejects.toThrow(
      /^ILD72 .*c\.npz: it holds no arrays x and y, but a, b\. Write it with numpy\.savez/,
    );
  });

  it("streams an array row by row, however the archive cuts it, and checks it at the end", async () => {
    const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (70000, 7), }";
    const numbers = Buffer.from(Uint8Array.from({ length: 490_000 }, (_, i) => (i * i) >> 3));
    const head = Buffer.concat([
      Buffer.from("\x93NUMPY\x01\0", "latin1"),
      Buffer.of(header.length, 0),
      Buffer.from(header),
    ]);
    const path = join(folder, "rows.npz");
    const collect = () =>
      withStreamedArray(path, "images", async ({ head: { shape }, rows }) => {
        const pieces: Uint8Array[] = [];
        for await (const piece of rows()) pieces.push(Uint8Array.from(piece));
        return { shape, pieces };
      });
    for (const stored of [true, false]) {
      await writeFile(path, madeUpZip([{ name: "images.npy", data: Buffer.concat([head, numbers]), stored }]));
      const { shape, pieces } = await collect();
      expect(shape).toEqual([70_000, 7]);
      expect(pieces.length).toBeGreaterThan(1);
      expect(pieces.every(({ length }) => length % 7 === 0)).toBe(true);
      expect(Buffer.compare(Buffer.concat(pieces), numbers)).toBe(0);
    }
    await writeFile(path, madeUpZip([{ name: "images.npy", data: Buffer.concat([head, numbers]), claimedCrc: 7 }]));
    await expect(collect()).rejects.toThrow(/^ILD11 .*CRC-32/);
    // Who leaves off early is not kept waiting, and the archive is closed.
    expect(await withStreamedArray(path, "images", async ({ rows }) => (await rows().next()).done)).toBe(false);
    await expect(withStreamedArray(path, "other", async () => 0)).rejects.toThrow(/^ILD72 .*no array other/);
  });

  it("takes examples and labels from two files", async () => {
    const [x, y] = [await put("x.npy", npyOfType["<i2"]!), await put("y.npy", npyFiles.vector)];
    await expect(readArrays([x, y])).rejects.toThrow(/^ILD72 .*x\.npy: 2 examples have 3 labels/);
    await expect(readArrays([y, x])).rejects.toThrow(/labels have the shape \(2, 3\)\. Give examples first/);
    await expect(readArrays([x])).rejects.toThrow(/there are no labels for it/);
    expect((await readArrays([y, y])).classes.map(({ examples }) => [...examples])).toEqual([[0], [1], [2]]);
    expect((await readNpy(x)).shape).toEqual([2, 3]);
    await expect(readNpy(join(folder, "none.npy"))).rejects.toThrow(/^ILD03/);
  });

  it("turns channels to the back where asked", async () => {
    const x = { shape: [2, 2, 1, 3], values: Uint8Array.from({ length: 12 }, (_, i) => i) };
    const y = { shape: [2], values: Uint8Array.of(0, 1) };
    const { exampleShape, classes } = await labelledArrays(x, y, "x", { channelsFirst: true });
    expect([exampleShape, [...classes[0]!.examples]]).toEqual([
      [1, 3, 2],
      [0, 3, 1, 4, 2, 5],
    ]);
    await expect(labelledArrays({ ...x, shape: [2, 6] }, y, "x", { channelsFirst: true })).rejects.toThrow(
      /no channels that could come first\. Leave out --channels-first/,
    );
  });

  it("refuses labels that are no whole numbers, one class, and values that are not finite", async () => {
    const x = { shape: [2, 1], values: Float64Array.of(1, 1e39) };
    const labels = (...values: number[]) => ({ shape: [2], values: Float64Array.from(values) });
    await expect(labelledArrays(x, labels(0, 0.5), "x")).rejects.toThrow(/^ILD72 x: label 1 is 0.5/);
    await expect(labelledArrays(x, labels(2, 2), "x")).rejects.toThrow(/^ILD06 x: .*fewer than two classes/);
    await expect(labelledArrays(x, labels(0, 1), "x")).rejects.toThrow(/^ILD06 x: .*class 1 holds Infinity/);
    await expect(labelledArrays({ shape: [2, 0], values: x.values }, labels(0, 1), "x")).rejects.toThrow(
      /at least one/,
    );
  });
});
