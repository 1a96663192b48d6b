import fc from "fast-check";
import { expect, test } from "vitest";
import { clippedBox, fromLetterbox, letterbox, toLetterbox } from "./letterbox.js";

test("a picture is scaled to its longer side and centred", () => {
  expect(letterbox(640, 480, 320)).toEqual({
    scale: 0.5,
    left: 0,
    top: 40,
    width: 320,
    height: 240,
    scales: [0.5, 0.5],
  });
  // Smaller ones grow; the odd column is to the right.
  expect(letterbox(3, 10, 20)).toMatchObject({ scale: 2, left: 7, top: 0, width: 6, height: 20 });
  expect(letterbox(2, 3, 10)).toMatchObject({ left: 1, width: 7, height: 10 });
  // As narrow as may be, and yet there.
  expect(letterbox(1, 60_000, 100)).toMatchObject({ left: 49, width: 1, height: 100 });
  expect(letterbox(5, 5, 5)).toMatchObject({ scale: 1, left: 0, top: 0, scales: [1, 1] });
});

test("the shorter side is off by half a pixel at most, and its scale is that of its pixels", () => {
  const side = fc.integer({ min: 1, max: 5000 });
  fc.assert(
    fc.property(side, side, fc.integer({ min: 32, max: 1500 }), (width, height, size) => {
      const found = letterbox(width, height, size);
      expect(Math.max(found.width, found.height)).toBe(size);
      expect(found.scales).toEqual([found.width / width, found.height / height]);
      for (const [length, drawn] of [
        [width, found.width],
        [height, found.height],
      ] as const)
        expect(drawn === 1 || Math.abs(length * found.scale - drawn) <= 0.5 + 1e-9).toBe(true);
      const right = size - found.left - found.width;
      const below = size - found.top - found.height;
      for (const odd of [right - found.left, below - found.top]) expect([0, 1]).toContain(odd);
    }),
  );
});

test("boxes go to the square and back; the whole picture to the whole of its pixels there", () => {
  const number = fc.double({ min: -100, max: 3000, noNaN: true });
  fc.assert(
    fc.property(number, number, number, number, (x, y, width, height) => {
      const place = letterbox(1234, 777, 416);
      const back = fromLetterbox(toLetterbox({ x, y, width, height }, place), place);
      expect(back.x).toBeCloseTo(x, 8);
      expect(back.y).toBeCloseTo(y, 8);
      expect(back.width).toBeCloseTo(width, 8);
      expect(back.height).toBeCloseTo(height, 8);
    }),
  );
  const place = letterbox(1234, 777, 416);
  const whole = toLetterbox({ x: 0, y: 0, width: 1234, height: 777 }, place);
  expect(whole).toEqual({ x: place.left, y: place.top, width: place.width, height: place.height });
});

test("sides that are no whole numbers are refused", () => {
  expect(() => letterbox(0, 10, 10)).toThrow("ILT201 letterbox: width is 0");
  expect(() => letterbox(10, 1.5, 10)).toThrow("height is 1.5");
  expect(() => letterbox(10, 10, Number.NaN)).toThrow("size is NaN");
});

test("a box is clipped to its picture, and stays as it was within it", () => {
  const picture = { width: 640, height: 8 };
  expect(clippedBox({ x: -2, y: 3, width: 5, height: 9 }, picture)).toEqual({ x: 0, y: 3, width: 3, height: 5 });
  // 0.1 + 0.2 - 0.1 is not 0.2.
  const within = { x: 0.1, y: 0.1, width: 0.2, height: 0.2 };
  expect(clippedBox(within, picture)).toEqual(within);
  expect(clippedBox({ x: 700, y: -9, width: 5, height: 4 }, picture)).toEqual({ x: 640, y: 0, width: 0, height: 0 });
  const endless = { x: 0, y: 0, width: Number.POSITIVE_INFINITY, height: 1 };
  expect(() => clippedBox(endless, picture)).toThrow("ILT313 clippedBox: the box is x 0, y 0, Infinity wide");
});
