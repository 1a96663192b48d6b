import { describe, expect, test } from "vitest";
import { inverseDocumentFrequency, lengthFor, rowsOfIds } from "./id-rows.js";

describe("the length of rows", () => {
  test("is the least that so many rows fit into, with those that do not", () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ length: i + 1 }));
    expect(lengthFor(rows)).toEqual({ length: 198, cut: 2 });
    expect(lengthFor(rows, 1)).toEqual({ length: 200, cut: 0 });
    expect(lengthFor(rows, 0.5)).toEqual({ length: 100, cut: 100 });
    expect(lengthFor([[1, 2, 3], [1], []], 0.34)).toEqual({ length: 1, cut: 1 });
  });

  test("is at least 1 and bounded", () => {
    expect(lengthFor([])).toEqual({ length: 1, cut: 0 });
    expect(lengthFor([[], []])).toEqual({ length: 1, cut: 0 });
    expect(lengthFor([{ length: 1e7 }])).toEqual({ length: 16_384, cut: 1 });
  });

  test.each([0, -1, 1.5, Number.NaN, "all" as unknown as number])("a share of %s is refused", (share) => {
    expect(() => lengthFor([], share)).toThrow(/ILT201 lengthFor: share is/);
  });
});

describe("inverse document frequency", () => {
  test("log((1 + n) / (1 + df)) + 1, an id counted once for a text, padding 0", () => {
    const weights = inverseDocumentFrequency([[1, 2, 2, 0, 0], Int32Array.from([1, 3]), [1]], 6);
    const expected = [0, 1, Math.log(4 / 2) + 1, Math.log(4 / 2) + 1, Math.log(4) + 1, Math.log(4) + 1];
    expect(weights).toEqual(Float32Array.from(expected));
  });

  test.each([
    [[[4]], 4, /ILT309 .*text 0 has the id 4.*0 to 3/],
    [[[1], [-1]], 4, /text 1 has the id -1/],
    [[[0.5]], 4, /ILT309/],
    [[], 1, /ILT201 .*count is 1/],
  ])("rows %j of %i ids are refused", (rows, count, message) => {
    expect(() => inverseDocumentFrequency(rows, count)).toThrow(message);
  });

  test("rows of one array are views, one after another", () => {
    const rows = [...rowsOfIds(Int32Array.from([1, 2, 3, 4, 5, 6]), 3)];
    expect(rows.map((row) => [...row])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });
});
