import { describe, expect, it } from "vitest";
import { invertInPlace, isDarkOnLight } from "./dark-on-light.js";

describe("isDarkOnLight", () => {
  const of = (exampleShape: readonly number[], examples: Uint8Array | Float32Array): boolean =>
    isDarkOnLight({ name: "made up", exampleShape, classes: [{ name: "a", count: 1, examples }] });
  const paper = [255, 255, 255, 255, 0, 255, 255, 255, 255];

  it("is about grey images of bytes", () => {
    expect(of([3, 3, 1], Uint8Array.from(paper))).toBe(true);
    expect(
      of(
        [3, 3, 1],
        Uint8Array.from(paper, (value) => 255 - value),
      ),
    ).toBe(false);
  });

  it("takes neither rows of a table nor numbers for images", () => {
    expect(of([9], Uint8Array.from(paper))).toBe(false);
    expect(of([3, 3], Uint8Array.from(paper))).toBe(false);
    expect(of([9], Float32Array.from(paper))).toBe(false);
    expect(
      of(
        [3, 3, 1],
        Float32Array.from(paper, (value) => value / 255),
      ),
    ).toBe(false);
    expect(of([1, 3, 3], Uint8Array.from(paper))).toBe(false);
  });

  it("knows no black and white of ids", () => {
    const ids = Int32Array.from(paper);
    const classes = [{ name: "a", count: 1, examples: ids }];
    expect(isDarkOnLight({ name: "made up", exampleShape: [3, 3, 1], ids: { count: 256 }, classes })).toBe(false);
    expect(() => invertInPlace(ids)).toThrow(/ids of words or tokens, and have no black and white/);
    expect(Array.from(ids)).toEqual(paper);
  });
});
