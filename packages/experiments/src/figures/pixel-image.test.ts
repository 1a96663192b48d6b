import { expect, test } from "vitest";
import { imageUrl, pngOf } from "./pixel-image.js";

test("an image of two pixels is the PNG by hand", () => {
  const png = pngOf({ width: 2, height: 1, channels: 1, pixels: Uint8Array.of(0, 255) });
  const hex = Array.from(png, (byte) => byte.toString(16).padStart(2, "0")).join("");
  // Signature; IHDR 2 x 1, 8 bits grey; IDAT: one stored block of a filter byte and two pixels; IEND, whose sum is known.
  expect(hex.startsWith("89504e470d0a1a0a0000000d49484452000000020000000108000000")).toBe(true);
  expect(hex).toContain("0000000e49444154780101" + "0300" + "fcff" + "0000ff");
  expect(hex.endsWith("0000000049454e44ae426082")).toBe(true);
});

test("a picture of more than a stored block has several, the last one marked", () => {
  const pixels = Uint8Array.from({ length: 300 * 100 * 3 }, (_, i) => i % 251);
  const png = pngOf({ width: 300, height: 100, channels: 3, pixels });
  const from = 8 + 25 + 8 + 2;
  expect(Array.from(png.subarray(from, from + 5))).toEqual([0, 255, 255, 0, 0]);
  const rest = 100 * 901 - 65_535;
  const second = from + 5 + 65_535;
  expect(Array.from(png.subarray(second, second + 3))).toEqual([1, rest & 255, rest >> 8]);
  expect(imageUrl({ width: 1, height: 1, channels: 1, pixels: Uint8Array.of(7) })).toMatch(
    /^data:image\/png;base64,iVBORw0KGgo/,
  );
});

test("bytes that are not as many as pixels are refused", () =>
  expect(() => pngOf({ width: 2, height: 2, channels: 1, pixels: new Uint8Array(3) })).toThrow(
    /3 bytes for 2 x 2 x 1/,
  ));
