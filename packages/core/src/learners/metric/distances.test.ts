import { grad, sum, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { noiseTensor, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { cosineSimilarities, type Distance, distances, squaredDistances, unitRows } from "./distances.js";

const [a, b] = [noiseTensor([3, 4], 1), noiseTensor([2, 4], 2)];
const row = (values: number[], i: number): number[] => values.slice(4 * i, 4 * i + 4);
const dot = (u: number[], v: number[]): number => u.reduce((total, value, i) => total + value * v[i]!, 0);

const pairwise: Readonly<Record<Distance, (u: number[], v: number[]) => number>> = {
  squaredEuclidean: (u, v) => u.reduce((total, value, i) => total + (value - v[i]!) ** 2, 0),
  euclidean: (u, v) => Math.sqrt(pairwise.squaredEuclidean(u, v)),
  cosine: (u, v) => 1 - dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v)),
};

describe.each(Object.keys(pairwise) as Distance[])("%s", (name) => {
  test("is that of each pair of rows", () => {
    const found = valuesIn(distances[name](a, b));
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 2; j++)
        expect(found[2 * i + j]).toBeCloseTo(pairwise[name](row(valuesIn(a), i), row(valuesIn(b), j)), 12);
  });

  test("has finite slopes at equal rows and at zeros", () => {
    const rows = tensor([
      [0, 0],
      [1, 2],
    ]);
    const slopes = numbersOf(grad((x: typeof rows) => sum(distances[name](x, rows)))(rows)).flat();
    expect(slopes.every(Number.isFinite)).toBe(true);
  });
});

test("the worked example: prototypes that are parallel have the same cosine distance", () => {
  const prototypes = tensor([
    [2, 2, 2],
    [4, 4, 4],
  ]);
  const from = (name: Distance): number[] => valuesIn(distances[name](tensor([[1, 2, 3]]), prototypes));
  from("cosine").forEach((value) => {
    expect(value).toBeCloseTo(0.0742, 4);
  });
  expect(from("squaredEuclidean")).toEqual([2, 14]);
  expect(from("euclidean")[0]).toBeCloseTo(Math.SQRT2, 4);
  expect(from("euclidean")[1]).toBeCloseTo(3.7417, 4);
});

test("unit rows have length 1, and cosine similarities are their products", () => {
  const unit = valuesIn(unitRows(a));
  for (let i = 0; i < 3; i++) expect(dot(row(unit, i), row(unit, i))).toBeCloseTo(1, 12);
  expect(valuesIn(unitRows(tensor([[0, 0]])))).toEqual([0, 0]);
  expect(valuesIn(cosineSimilarities(a, a))[4]).toBeCloseTo(1, 12);
  expect(valuesIn(squaredDistances(a, a))[4]).toBeCloseTo(0, 12);
});
