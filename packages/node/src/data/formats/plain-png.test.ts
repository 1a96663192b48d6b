import { random } from "@innerloop/core";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { madeUpPng, pngChunk } from "./made-up-png.fixture.js";
import { plainGreyPng } from "./plain-png.js";

const seed = 20261128;

/** Rows of any bytes under any filters are pixels of some image. */
function madeUpRows(height: number, rowBytes: number, index: number): Buffer {
  const source = random(seed, index);
  const rows = Buffer.alloc(height * (rowBytes + 1));
  for (let at = 0; at < rows.length; at++) rows[at] = source.integer(at % (rowBytes + 1) === 0 ? 5 : 256);
  return rows;
}

describe("plainGreyPng", () => {
  it("gives the pixels that the image library gives, of every depth and filter", async () => {
    for (const [index, depth] of [1, 2, 4, 8].entries()) {
      for (const [width, height] of [
        [1, 1],
        [9, 30],
        [105, 40],
      ] as const) {
        const rows = madeUpRows(height, Math.ceil((width * depth) / 8), 8 * index + height);
        const png = madeUpPng({ width, height, depth }, rows, [pngChunk("tEXt", Buffer.from("a\0b"))]);
        const found = plainGreyPng(png);
        expect(found).toMatchObject({ width, height });
        const expected = await sharp(png).greyscale().removeAlpha().raw().toBuffer();
        expect(Buffer.compare(found!.pixels, expected), `${depth} bits, ${width} x ${height}, seed ${seed}`).toBe(0);
      }
    }
  });

  it("leaves all else to the library", () => {
    const header = { width: 9, height: 5, depth: 8 };
    const rows = madeUpRows(5, 9, 1);
    const png = madeUpPng(header, rows);
    expect(plainGreyPng(png)).toBeDefined();
    for (let length = 0; length < png.length; length++) expect(plainGreyPng(png.subarray(0, length))).toBeUndefined();
    const unfiltered = Buffer.from(rows);
    unfiltered[10] = 5;
    for (const other of [
      madeUpPng({ ...header, interlaced: true }, rows),
      madeUpPng({ ...header, colourType: 2 }, rows),
      madeUpPng({ ...header, depth: 16 }, rows),
      madeUpPng({ ...header, height: 4 }, rows),
      madeUpPng({ ...header, height: 6 }, rows),
      madeUpPng({ ...header, width: 2 ** 31 }, rows),
      madeUpPng(header, unfiltered),
      madeUpPng(header, rows, [pngChunk("tRNS", Buffer.from([0, 7]))]),
      Buffer.from("\x89PNG no image", "latin1"),
    ]) {
      expect(plainGreyPng(other)).toBeUndefined();
    }
  });
});
