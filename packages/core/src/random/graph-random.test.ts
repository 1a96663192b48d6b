import { type Tensor, tensor, trace, vmap } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { valuesIn } from "../numerical.fixture.js";
import { bernoulliMask, normalInGraph, uniformInGraph } from "./graph-random.js";

const keyOf = (n: number): Tensor => tensor(n, [], "int32");
const draw = (key: number, count: number, name = ""): number[] => valuesIn(uniformInGraph(keyOf(key), name, [count]));

/** Sum of (observed - expected)^2 / expected over equally likely cells. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((total, n) => total + (n - expected) ** 2 / expected, 0);
}

/** 99.9999% of chi-square variables of so many degrees of freedom are below (Wilson and Hilferty 1931). */
const chiSquareLimit = (freedom: number): number =>
  freedom * (1 - 2 / (9 * freedom) + 4.75 * Math.sqrt(2 / (9 * freedom))) ** 3;

const histogram = (cells: readonly number[], count: number): number[] => {
  const counts = new Array<number>(count).fill(0);
  for (const cell of cells) counts[cell]!++;
  return counts;
};

describe("uniformInGraph", () => {
  test("fills 256 cells evenly, for keys as tasks have them and for small ones", () => {
    for (const key of [0, 1, 2, 1000, 2 ** 26 - 1, 2 ** 31 - 1]) {
      const values = draw(key, 20_000);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...values)).toBeLessThan(1);
      const counts = histogram(
        values.map((u) => Math.floor(u * 256)),
        256,
      );
      expect(chiSquare(counts), `key ${key}`).toBeLessThan(chiSquareLimit(255));
    }
  });

  test("its low bits are even too", () => {
    const counts = histogram(
      draw(3, 20_000).map((u) => Math.round(u * 2 ** 24) % 64),
      64,
    );
    expect(chiSquare(counts)).toBeLessThan(chiSquareLimit(63));
  });

  test("neighbours, neighbouring keys and other names are independent: pairs fill 16 x 16 cells evenly", () => {
    const n = 20_000;
    const base = draw(41, n);
    const partners: Record<string, number[]> = {
      "next element": [...base.slice(1), base[0]!],
      "next key": draw(42, n),
      "twice the key": draw(82, n),
      "other name": draw(41, n, "1/dropout"),
    };
    for (const [name, other] of Object.entries(partners)) {
      const counts = histogram(
        base.map((u, i) => 16 * Math.floor(u * 16) + Math.floor(other[i]! * 16)),
        256,
      );
      expect(chiSquare(counts), name).toBeLessThan(chiSquareLimit(255));
    }
  });

  test("across keys, one element is uniform as well", () => {
    const keys = tensor(Int32Array.from({ length: 5000 }, (_, i) => i));
    const values = valuesIn(vmap((key: Tensor) => uniformInGraph(key, "x", [2]))(keys));
    for (const at of [0, 1]) {
      const counts = histogram(
        values.filter((_, i) => i % 2 === at).map((u) => Math.floor(u * 64)),
        64,
      );
      expect(chiSquare(counts)).toBeLessThan(chiSquareLimit(63));
    }
  });

  test("these tests would see what is not uniform", () => {
    const skewed = draw(1, 20_000).map((u) => Math.floor(u ** 1.1 * 256));
    expect(chiSquare(histogram(skewed, 256))).toBeGreaterThan(chiSquareLimit(255));
  });

  test("vmap draws each task's own numbers", () => {
    const keys = tensor([7, 7, 8], [3], "int32");
    const all = valuesIn(vmap((key: Tensor) => uniformInGraph(key, "a", [2, 3]))(keys));
    expect(all).toEqual([...draw(7, 6, "a"), ...draw(7, 6, "a"), ...draw(8, 6, "a")]);
  });

  test("is a program of its key: no number is drawn while tracing", () => {
    const { graph } = trace((key: Tensor) => uniformInGraph(key, "a", [4]), [keyOf(1)]);
    expect(graph.order).toContain(graph.inputs[0]);
  });
});

test("bernoulliMask is 1 as often as it says", () => {
  for (const probability of [0, 0.1, 0.5, 0.99, 1]) {
    const values = valuesIn(bernoulliMask(keyOf(11), "m", probability, [10_000]));
    for (const value of values) expect([0, 1]).toContain(value);
    const share = values.reduce((a, b) => a + b, 0) / values.length;
    // Five standard errors.
    expect(Math.abs(share - probability)).toBeLessThanOrEqual(5 * Math.sqrt((probability * (1 - probability)) / 1e4));
  }
});

describe("normalInGraph", () => {
  const normals = (key: number, count: number, name = ""): number[] =>
    valuesIn(normalInGraph(keyOf(key), name, [count]));
  /** Abscissae that cut the standard normal distribution into eight equally likely parts. */
  const eighths = [-1.1503494, -0.6744898, -0.3186394, 0, 0.3186394, 0.6744898, 1.1503494];
  const partOf = (value: number): number => eighths.filter((cut) => value > cut).length;

  test("fills parts of the normal distribution evenly, for keys as tasks have them and for small ones", () => {
    for (const key of [0, 1, 2, 1000, 2 ** 31 - 1]) {
      const values = normals(key, 20_000);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(chiSquare(histogram(values.map(partOf), 8)), `key ${key}`).toBeLessThan(chiSquareLimit(7));
      // 0.27% of them are beyond three deviations: six standard errors around that.
      const beyond = values.filter((value) => Math.abs(value) > 3).length;
      expect(Math.abs(beyond - 54)).toBeLessThan(6 * Math.sqrt(54));
    }
  });

  test("other keys and names are independent, the same ones the same", () => {
    const n = 20_000;
    const base = normals(41, n);
    expect(normals(41, n)).toEqual(base);
    for (const other of [normals(42, n), normals(41, n, "z"), [...base.slice(1), base[0]!]]) {
      const counts = histogram(
        base.map((value, i) => 8 * partOf(value) + partOf(other[i]!)),
        64,
      );
      expect(chiSquare(counts)).toBeLessThan(chiSquareLimit(63));
    }
  });
});
