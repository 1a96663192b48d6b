import { describe, expect, it } from "vitest";
import { type DrawnPoint, symbolPicture, symbolSide } from "./symbol-picture.js";

/** A hook: down, and to the right. */
const hook: readonly DrawnPoint[] = [
  { x: 10, y: 5 },
  { x: 10, y: 45 },
  { x: 30, y: 45 },
];
const moved = (by: number, times: number): readonly DrawnPoint[] =>
  hook.map(({ x, y }) => ({ x: by + times * x, y: by + times * y }));
const boxOf = (picture: Uint8Array) => {
  const inked = [...picture.keys()].filter((i) => picture[i]! > 100);
  const columns = inked.map((i) => i % symbolSide);
  const rows = inked.map((i) => Math.floor(i / symbolSide));
  return [Math.min(...columns), Math.max(...columns), Math.min(...rows), Math.max(...rows)];
};

describe("symbolPicture", () => {
  it("is the same wherever and however large it was drawn", () => {
    const picture = symbolPicture([hook]);
    expect(picture).toHaveLength(symbolSide ** 2);
    for (const [by, times] of [
      [100, 1],
      [0, 8],
      [-3, 0.25],
    ] as const)
      expect(symbolPicture([moved(by, times)])).toEqual(picture);
  });

  it("puts ink into the middle, 20 pixels on its longer side, with a pen of 2 pixels", () => {
    const picture = symbolPicture([hook]);
    const [left, right, top, bottom] = boxOf(picture);
    expect([top, bottom]).toEqual([4, 23]);
    expect(left! + right!).toBe(symbolSide - 1);
    const across = picture.slice(14 * symbolSide, 15 * symbolSide);
    expect(across.reduce((sum, value) => sum + value, 0) / 255).toBeCloseTo(1.8, 1);
  });

  it("keeps a dot a dot, and nothing nothing", () => {
    const dot = symbolPicture([[{ x: 3, y: 3 }]]);
    expect(boxOf(dot)).toEqual([13, 14, 13, 14]);
    const short = [[...hook.map(({ x, y }) => ({ x: x / 100, y: y / 100 }))]];
    const [, , top, bottom] = boxOf(symbolPicture(short, { least: 10 }));
    expect(bottom! - top!).toBeLessThan(4);
    expect(symbolPicture([]).every((value) => value === 0)).toBe(true);
  });
});
