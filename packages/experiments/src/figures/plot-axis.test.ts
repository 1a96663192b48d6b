import { describe, expect, it, test } from "vitest";
import { linearAxis, lossAxis, tickTexts } from "./plot-axis.js";

describe("an axis", () => {
  it("has round ticks that hold all values", () => {
    expect(linearAxis(0, 4.2).ticks).toEqual([0, 1, 2, 3, 4, 5]);
    expect(linearAxis(0.21, 0.97).ticks).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
    expect(linearAxis(0, 30_000).ticks).toEqual([0, 10_000, 20_000, 30_000]);
    expect(linearAxis(3, 3).ticks.length).toBeGreaterThan(1);
  });

  it("of losses that are far apart is logarithmic, from a round number to a round number", () => {
    expect(lossAxis([4.2, 0.31]).ticks).toEqual([0.2, 0.5, 1, 2, 5]);
    expect(lossAxis([2, 1.5]).ticks).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(lossAxis([3e5, 0.02]).ticks).toEqual([0.01, 1, 100, 1e4, 1e6]);
    expect(lossAxis([300, 0.2]).ticks).toEqual([0.1, 1, 10, 100, 1000]);
    const { at } = lossAxis([0.1, 10]);
    expect([at(0.1), at(1), at(10)].map((place) => Number(place.toFixed(9)))).toEqual([0, 0.5, 1]);
  });

  test.each([
    [[0.31, 0.32]],
    [[-3, 80]],
    [[1e-9, 2e9]],
    [[0, 5]],
    [[7, 7]],
    [Array.from({ length: 300_000 }, (_, i) => i + 1)],
  ])("holds %j", (values) => {
    const { at, ticks } = lossAxis(values);
    expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
    expect(new Set(ticks).size).toBe(ticks.length);
    for (const value of [values[0]!, values.at(-1)!]) {
      expect(at(value)).toBeGreaterThanOrEqual(-1e-9);
      expect(at(value)).toBeLessThanOrEqual(1 + 1e-9);
    }
  });
});

test("ticks are written with as many digits as tell them apart", () => {
  expect(tickTexts([0, 0.5, 1])).toEqual(["0.0", "0.5", "1.0"]);
  expect(tickTexts([0.05, 0.1])).toEqual(["0.05", "0.10"]);
  expect(tickTexts([0, 10_000, 20_000])).toEqual(["0", "10,000", "20,000"]);
  expect(tickTexts([1, 1e3, 1e6])).toEqual(["1e+0", "1e+3", "1e+6"]);
});
