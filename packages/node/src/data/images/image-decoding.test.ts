import { usualPixels } from "@innerloop/experiments";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { madeUpPng } from "../formats/made-up-png.fixture.js";
import { decodeImage, imageSize, recordedPixels } from "./image-decoding.js";

const decode = (image: Uint8Array, where = "a.png") =>
  decodeImage({ where, bytes: image.length, read: async () => image }, { size: [4, 4], channels: 3 });

const photo = (width = 24, height = 16) =>
  sharp(Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => (i * 7 + ((i * i) >> 5)) % 256)), {
    raw: { width, height, channels: 3 },
  });
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="4" height="9"/></svg>`;

/** A JPEG whose header says that it has these sides; its data are for fewer pixels. */
async function claiming(width: number, height: number, progressive: boolean): Promise<Buffer> {
  const jpeg = await photo().jpeg({ progressive, chromaSubsampling: "4:4:4" }).toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, progressive ? 0xc2 : 0xc0]));
  jpeg.writeUInt16BE(height, frame + 5);
  jpeg.writeUInt16BE(width, frame + 7);
  return jpeg;
}

describe("decodeImage", () => {
  it("reads each format by its bytes, whatever the name", async () => {
    const formats = ["png", "jpeg", "webp", "gif", "tiff", "avif"] as const;
    const means = await Promise.all(
      formats.map(async (format) => {
        const { pixels, width, height } = await decode(await photo().toFormat(format).toBuffer(), "picture");
        expect([width, height, pixels.length]).toEqual([24, 16, 48]);
        return pixels.reduce((sum, value) => sum + value, 0) / 48;
      }),
    );
    for (const mean of means) expect(Math.abs(mean - means[0]!)).toBeLessThan(6);
  });

  it("says of each file that fails its own reason, however many fail at once", async () => {
    const [jpeg, png] = [await photo(200, 200).jpeg().toBuffer(), await photo(200, 200).png().toBuffer()];
    const halves = [jpeg, png].map((bytes) => bytes.subarray(0, bytes.length / 2));
    const reason = (bytes: Uint8Array) => decode(bytes).then(String, (error: Error) => error.message);
    const alone: string[] = [];
    for (const half of halves) alone.push(await reason(half));
    expect(new Set(alone).size).toBe(2);
    expect(alone.join()).not.toMatch(/unknown error/i);
    const together = await Promise.all(Array.from({ length: 48 }, (_, i) => reason(halves[i % 2]!)));
    expect([...new Set(together)].sort()).toEqual([...alone].sort());
  });

  it("hands nothing else to a decoder", async () => {
    const heic = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1");
    for (const [bytes, what] of [
      [Buffer.from(svg), "an SVG drawing"],
      [Buffer.from(`  <?xml version="1.0"?>${" ".repeat(80)}${svg}`), "an XML or HTML file"],
      [Buffer.from("%PDF-1.4"), "a PDF"],
      [Buffer.from("BM______"), "a BMP image"],
      [heic, "a HEIC image"],
      [Buffer.from("P6 1 1 255 abc"), "of no known kind"],
      [Buffer.alloc(0), "the file is empty"],
    ] as const) {
      await expect(decode(bytes)).rejects.toMatchObject({ code: "ILD51", problem: expect.stringContaining(what) });
    }
    await expect(decode(Buffer.from(`GIF89a${svg}`))).rejects.toMatchObject({ code: "ILD51" });
    // A PNG's beginning before something else.
    const png = (await photo().png().toBuffer()).subarray(0, 8);
    await expect(decode(Buffer.concat([png, Buffer.from(svg)]))).rejects.toMatchObject({ code: "ILD51" });
  });

  it("refuses what would take too much memory, by its header, and shrinks large photos while they are decoded", async () => {
    const large =
      /^ILD51 a\.png: to decode its 12000 x 9000 pixels of JPEG, progressive .* takes 6\d\d MiB.*Scale it down/;
    await expect(decode(await claiming(12_000, 9000, true))).rejects.toThrow(large);
    expect(await decode(await claiming(12_000, 9000, false))).toMatchObject({ width: 12_000, height: 9000 });
    await expect(decode(await claiming(65_000, 65_000, false))).rejects.toThrow(/65000 x 65000 pixels.*million pixels/);
    const png = madeUpPng(
      { width: 30_000, height: 20_000, depth: 8, colourType: 2, interlaced: true },
      Buffer.alloc(9),
    );
    await expect(decode(png)).rejects.toThrow(/30000 x 20000 pixels of PNG, progressive or interlaced, takes/);
  });

  it("refuses small files that are long work: JPEGs of many scans, PNGs of many zeros", async () => {
    const jpeg = await photo().jpeg({ progressive: true }).toBuffer();
    const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
    const repeated = (times: number): Buffer =>
      Buffer.concat([jpeg.subarray(0, -2), ...new Array<Buffer>(times).fill(scan), jpeg.subarray(-2)]);
    await expect(decode(repeated(1200))).rejects.toThrow(/^ILD51 a\.png: its 24 x 16 .*more than 1000 scans.*plain/);
    // What lies behind the end of the image is none of it.
    const behind = Buffer.concat([jpeg, ...new Array<Buffer>(1200).fill(scan)]);
    expect(await decode(behind)).toMatchObject({ width: 24, height: 16 });
    const png = madeUpPng({ width: 11_000, height: 11_000, depth: 16, colourType: 6 }, Buffer.alloc(9));
    await expect(decode(png)).rejects.toThrow(/^ILD51 a\.png: its \d+ bytes inflate to 968000000/);
  });
});

it("takes from a record of how pixels are read what it knows", () => {
  expect(recordedPixels({ background: "black", depth: 12, more: 1 })).toEqual({ background: "black", depth: 12 });
  for (const record of [undefined, null, "black", { background: "url(x)", depth: 1e9 }])
    expect(recordedPixels(record)).toEqual(usualPixels);
});

describe("imageSize", () => {
  const sizeOf = (image: Uint8Array, take?: (bytes: Uint8Array) => void) =>
    imageSize({ where: "a.jpg", bytes: image.length, read: async () => image }, take);

  it("is that of the picture as it is shown", async () => {
    for (const orientation of [1, 3, 4]) {
      const turned = await photo().withMetadata({ orientation }).jpeg().toBuffer();
      expect(await sizeOf(turned)).toEqual({ width: 24, height: 16, orientation });
    }
    for (const orientation of [5, 6, 8]) {
      const turned = await photo().withMetadata({ orientation }).jpeg().toBuffer();
      expect(await sizeOf(turned)).toEqual({ width: 16, height: 24, orientation });
    }
  });

  it("hands over the bytes, and refuses what decoding refuses by its header", async () => {
    const png = await photo().png().toBuffer();
    let taken: Uint8Array | undefined;
    expect(await sizeOf(png, (bytes) => (taken = bytes))).toEqual({ width: 24, height: 16, orientation: 1 });
    expect(taken).toBe(png);
    await expect(sizeOf(Buffer.from(svg))).rejects.toThrow(
      "ILD51 a.jpg: the image cannot be read (it is an SVG drawing",
    );
    await expect(sizeOf(png.subarray(0, 20))).rejects.toThrow("ILD51 a.jpg: the image cannot be read");
    await expect(
      imageSize({ where: "a.jpg", bytes: 2 ** 29, read: () => Promise.reject(new Error("read")) }),
    ).rejects.toThrow("ILD51 a.jpg: the file has 536870912 bytes");
  });
});
