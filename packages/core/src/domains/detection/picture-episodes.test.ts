import { describe, expect, test } from "vitest";
import type { MarkedObject } from "./marked-pictures.js";
import { pictureEpisodes, type SeenPicture, type SeenPictures } from "./picture-episodes.js";
import { splitPictures } from "./picture-split.js";
import { boxesOf, boxRows } from "./scene-episodes.js";

const [side, features] = [4, 2];
const object = (label: number, x: number, more: Partial<MarkedObject> = {}): MarkedObject => ({
  box: { x, y: 4, width: 10, height: 8 },
  label,
  ...more,
});
/** Cells of a picture all have its number. */
const picture = (number: number, labels: readonly number[]): SeenPicture => ({
  objects: labels.map((label, i) => object(label, 2 + 9 * i)),
  cells: new Float32Array(side * side * features).fill(number),
});
const set = (name: string, pictures: readonly SeenPicture[]): SeenPictures => ({
  ...{ name, classNames: ["cup", "plate", "spoon"], grid: [side, side], features, stride: 8, pictures },
});
// Spoons are in one picture of ten.
const known = set(
  "known",
  Array.from({ length: 10 }, (_, i) => picture(i, i === 7 ? [2] : i % 2 === 0 ? [0] : [1, 0])),
);
const asked = set(
  "asked",
  Array.from({ length: 4 }, (_, i) => picture(100 + i, [i % 3])),
);
const numbersOf = ({ data, shape }: { readonly data: unknown; readonly shape: readonly number[] }): number[] =>
  Array.from({ length: shape[0]! }, (_, i) => (data as Float32Array)[i * side * side * features]!);

describe("support sets", () => {
  const source = pictureEpisodes(known, { shots: 2, asked });

  test("have K pictures, and more until every class is there", () => {
    const counts = new Set<number>();
    for (let index = 0; index < 40; index++) {
      const { support } = source.sample(3, index);
      const count = (support.present!.data as Float32Array).reduce((sum, value) => sum + value, 0);
      counts.add(count);
      const labels = new Set(
        Array.from({ length: count }, (_, i) => boxesOf(support.y, i).map(({ label }) => label)).flat(),
      );
      expect([...labels].sort()).toEqual([0, 1, 2]);
      const numbers = numbersOf(support.x).slice(0, count);
      expect(new Set(numbers).size).toBe(count);
      // Without the last picture a class would be missing, or they would be fewer than K.
      const before = new Set(
        Array.from({ length: count - 1 }, (_, i) => boxesOf(support.y, i).map(({ label }) => label)).flat(),
      );
      expect(count === 2 || before.size < 3).toBe(true);
      expect(numbersOf(support.x).slice(count)).toEqual(new Array(4 - count).fill(0));
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
    expect(counts.size).toBeGreaterThan(1);
  });

  test("are functions of the address", () => {
    const [a, b, c] = [source.sample(3, 1), source.sample(3, 1), source.sample(3, 2)];
    expect(numbersOf(a.support.x)).toEqual(numbersOf(b.support.x));
    expect(numbersOf(a.support.x)).not.toEqual(numbersOf(c.support.x));
  });
});

describe("query sets", () => {
  test("are all pictures that are asked about, in their order", () =>
    expect(numbersOf(pictureEpisodes(known, { shots: 2, asked }).sample(1, 0).query.x)).toEqual([100, 101, 102, 103]));

  test("or some of them", () => {
    const numbers = numbersOf(pictureEpisodes(known, { shots: 2, asked, queries: 2 }).sample(1, 0).query.x);
    expect(numbers).toHaveLength(2);
    expect(numbers.every((number) => number >= 100)).toBe(true);
  });

  test("or pictures that the support set has not", () => {
    const source = pictureEpisodes(known, { shots: 2, queries: 4 });
    for (let index = 0; index < 20; index++) {
      const { support, query } = source.sample(5, index);
      const count = (support.present!.data as Float32Array).reduce((sum, value) => sum + value, 0);
      const all = [...numbersOf(support.x).slice(0, count), ...numbersOf(query.x)];
      expect(new Set(all).size).toBe(count + 4);
    }
  });
});

test("crowds and difficult objects keep what they are, and no support set rests on them", () => {
  const objects = [object(0, 2), object(1, 12, { crowd: true }), object(2, 20, { difficult: true })];
  const boxes = { data: Float32Array.from(boxRows(objects)), shape: [1, 3, 6] };
  expect(boxesOf({ boxes: boxes as never }, 0)).toEqual(objects);
  const crowds = { ...picture(0, [0, 1]), objects: [object(0, 2), object(1, 12), object(2, 20, { crowd: true })] };
  expect(() => pictureEpisodes(set("crowds", [crowds]), { shots: 1, asked })).toThrow(
    /ILT402 pictureEpisodes: no object of spoon is marked in the 1 pictures of crowds/,
  );
});

describe("what makes no tasks is refused", () => {
  test.each([
    [
      "too few pictures",
      () => pictureEpisodes(known, { shots: 6, queries: 4 }),
      /ILT402 .* known has 10 pictures, for 6/,
    ],
    ["no number of queries", () => pictureEpisodes(known, { shots: 2 }), /ILT201 pictureEpisodes: queries/],
    [
      "more queries than there are",
      () => pictureEpisodes(known, { shots: 2, asked, queries: 5 }),
      /ILT402 .* 5 queries/,
    ],
    [
      "cells of another size",
      () => pictureEpisodes({ ...known, features: 3 }, { shots: 2, asked }),
      /ILT314 .* a picture of known has 32 numbers, and not 4 x 4 cells of 3/,
    ],
    [
      "other classes",
      () => pictureEpisodes(known, { shots: 2, asked: { ...asked, classNames: ["cup", "plate", "fork"] } }),
      /ILT314 .* classes of asked are others/,
    ],
  ] as const)("%s", (_, make, problem) => expect(make).toThrow(problem));
});

describe("parts of pictures", () => {
  const file = (path: string, part?: "train" | "validation" | "test") => ({
    ...{ name: path, path, width: 8, height: 8, objects: [] },
    ...(part ? { part } : {}),
  });
  const many = Array.from({ length: 200 }, (_, i) => file(`photo ${i}.jpg`));

  test("are those that the set names", () => {
    const {
      train,
      validation,
      test: held,
    } = splitPictures([file("a", "train"), file("b", "validation"), file("c", "test")]);
    expect([train, validation, held].map((part) => part.map(({ path }) => path))).toEqual([["a"], ["b"], ["c"]]);
  });

  test("or a fifth for evaluation and a fifth of the rest, the same whatever stands beside a picture", () => {
    const parts = splitPictures(many);
    expect(parts.test.length).toBeGreaterThan(25);
    expect(parts.test.length).toBeLessThan(55);
    expect(parts.validation.length).toBeGreaterThan(15);
    expect(parts.train.length + parts.validation.length + parts.test.length).toBe(200);
    const fewer = splitPictures(many.slice(0, 120));
    expect(fewer.test).toEqual(parts.test.filter((picture) => fewer.test.includes(picture)));
    expect(fewer.test.length).toBeGreaterThan(0);
  });

  test("with a test part of the set's own, for validation a fifth of the others", () => {
    const parts = splitPictures([...many, file("held", "test")]);
    expect(parts.test.map(({ path }) => path)).toEqual(["held"]);
    expect(parts.validation.length).toBeGreaterThan(20);
    expect(parts.validation.length).toBeLessThan(60);
  });
});
