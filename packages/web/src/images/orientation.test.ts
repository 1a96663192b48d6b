import { describe, expect, it } from "vitest";
import { type Orientation, orientationOf, oriented, unoriented } from "./orientation.js";

const all: readonly Orientation[] = [1, 2, 3, 4, 5, 6, 7, 8];

/** A JPEG's beginning with Exif data of one entry. */
function head(value: number, isLittle: boolean, tag = 0x0112): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + 4 + 6 + 8 + 2 + 12 + 4));
  view.setUint32(0, 0xffd8ffe1);
  view.setUint16(4, view.byteLength - 4 - 2);
  new Uint8Array(view.buffer).set(new TextEncoder().encode("Exif\0\0"), 6);
  view.setUint16(12, isLittle ? 0x4949 : 0x4d4d);
  view.setUint16(14, 42, isLittle);
  view.setUint32(16, 8, isLittle);
  view.setUint16(20, 1, isLittle);
  view.setUint16(22, tag, isLittle);
  view.setUint16(24, 3, isLittle);
  view.setUint32(26, 1, isLittle);
  view.setUint16(30, value, isLittle);
  return new Uint8Array(view.buffer);
}

describe("orientationOf", () => {
  it("reads both orders of bytes, and nothing but 1 to 8", () => {
    for (const isLittle of [true, false]) {
      for (const value of all) expect(orientationOf(head(value, isLittle))).toBe(value);
      for (const value of [0, 9, 65_535]) expect(orientationOf(head(value, isLittle))).toBe(1);
      expect(orientationOf(head(6, isLittle, 0x0100))).toBe(1);
    }
  });

  it("survives every cut and every changed byte", () => {
    const whole = head(6, true);
    for (let length = 0; length < whole.length; length++)
      expect([1, 6]).toContain(orientationOf(whole.slice(0, length)));
    for (let at = 0; at < whole.length; at++)
      for (const value of [0, 1, 0x7f, 0xff]) expect(all).toContain(orientationOf(whole.with(at, value)));
  });
});

it("turns pictures as Exif says, and back", () => {
  const picture = { width: 3, height: 2, channels: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  const seen = all.map((orientation) => [...oriented(picture, orientation).data].join(""));
  expect(seen).toEqual(["123456", "321654", "654321", "456123", "142536", "415263", "635241", "362514"]);
  for (const orientation of all) expect(unoriented(oriented(picture, orientation), orientation)).toEqual(picture);
});
