import { random } from "@innerloop/core";
import { expect, it } from "vitest";
import { areRows, areScales, columnScales, scalesWarning, splitsWithScales, withScales } from "./column-scales.js";

/** Examples [income, year, 7] of classes with middles of their own. */
function people(name: string, classes: number, seed: number) {
  const source = random(seed);
  return {
    name,
    exampleShape: [3],
    classes: Array.from({ length: classes }, (_, i) => {
      const [income, year] = [source.uniform(1e4, 9e4), source.uniform(1, 40)];
      const rows = Array.from({ length: 10 }, () => [income + source.normal(0, 1e3), year + source.normal(0, 1), 7]);
      return { name: `${name} ${i}`, count: 10, examples: Float32Array.from(rows.flat()) };
    }),
  };
}

it("brings each column of the training classes to mean 0 and deviation 1, and the other parts by the same scales", () => {
  const splits = { train: people("train", 12, 1), validation: people("validation", 4, 2), test: people("test", 4, 3) };
  const scales = columnScales(splits.train);
  const scaled = splitsWithScales(splits, scales);
  const column = (part: { classes: readonly { examples: ArrayLike<number> }[] }, j: number): number[] =>
    part.classes.flatMap(({ examples }) => Array.from(examples)).filter((_, i) => i % 3 === j);
  for (const j of [0, 1]) {
    const values = column(scaled.train, j);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean).toBeCloseTo(0, 4);
    expect(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length).toBeCloseTo(1, 4);
    // Those held out have no part in it.
    const back = column(scaled.test, j).map((value) => value * scales.deviation[j]! + scales.mean[j]!);
    column(splits.test, j).forEach((value, i) => {
      expect(back[i]! / value).toBeCloseTo(1, 4);
    });
  }
  expect(column(scaled.train, 2)).toEqual(new Array(120).fill(0));
  expect(scales.deviation[2]).toBe(1);
  const all = { train: splits.train, validation: splits.train, test: splits.train };
  expect(new Set(Object.values(splitsWithScales(all, scales))).size).toBe(1);
});

it("is for rows of numbers, and not for bytes or images", () => {
  const rows = people("rows", 2, 4);
  expect(areRows(rows)).toBe(true);
  expect(areRows({ ...rows, exampleShape: [1, 3] })).toBe(false);
  expect(areRows({ ...rows, classes: [{ name: "a", count: 1, examples: new Uint8Array(3) }] })).toBe(false);
  expect(withScales(rows, { mean: [0, 0, 0], deviation: [1, 1, 1] })).toEqual(rows);
});

it("takes from a file what are finite numbers for each column, and deviations above 0", () => {
  expect(areScales({ mean: [0, 1], deviation: [1, 2] }, [2])).toBe(true);
  for (const value of [
    ...[null, 7, {}, { mean: [0], deviation: [1] }, { mean: [0, 1], deviation: [1, 0] }],
    ...[
      { mean: [0, "1"], deviation: [1, 1] },
      { mean: [0, null], deviation: [1, 1] },
    ],
  ]) {
    expect(areScales(value, [2]), JSON.stringify(value)).toBe(false);
  }
  expect(areScales({ mean: [0, 1], deviation: [1, 2] }, [2, 1])).toBe(false);
});

it("says which columns of other data are of another size", () => {
  const scales = columnScales(people("train", 12, 1));
  expect(scalesWarning(people("other", 6, 5), "other", scales)).toBeUndefined();
  const inThousands = people("thousands", 6, 5);
  for (const { examples } of inThousands.classes) for (let i = 0; i < examples.length; i += 3) examples[i]! /= 1000;
  expect(scalesWarning(inThousands, "thousands", scales)).toMatch(
    /^the columns of thousands are of another size than those of training: number 1 is \S+ ± \S+ there, and was \S+ ± \S+ in training\. Give them in the same unit$/,
  );
});
