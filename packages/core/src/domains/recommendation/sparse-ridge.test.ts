import { describe, expect, test } from "vitest";
import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import { random } from "../../random/random.js";
import type { SparseRows } from "./attribute-coding.js";
import { linearValues, sparseRidge } from "./sparse-ridge.js";

const [count, width, penalty] = [60, 12, 3];
const source = random(11);
const table = Array.from({ length: count }, () =>
  Array.from({ length: width }, () => (source.uniform() < 0.3 ? source.normal(0, 2) : 0)),
);
const rows: SparseRows = (() => {
  const starts = [0];
  const features: number[] = [];
  for (const row of table) {
    row.forEach((value, f) => {
      if (value !== 0) features.push(f);
    });
    starts.push(features.length);
  }
  const values = table.flatMap((row) => row.filter((value) => value !== 0));
  return {
    starts: Int32Array.from(starts),
    features: Int32Array.from(features),
    values: Float64Array.from(values),
    width,
  };
})();
const targets = Array.from({ length: count }, () => source.normal(5));
const weights = Array.from({ length: count }, (_, i) => (i % 7 === 0 ? 0 : source.uniform(0.1, 50)));

/** By the normal equations, the constant as a last feature without penalty. */
function dense(): Float64Array {
  const n = width + 1;
  const matrix = new Float64Array(n * n);
  const right = new Float64Array(n);
  table.forEach((row, i) => {
    const all = [...row, 1];
    for (let a = 0; a < n; a++) {
      right[a]! += weights[i]! * all[a]! * targets[i]!;
      for (let b = 0; b < n; b++) matrix[a * n + b]! += weights[i]! * all[a]! * all[b]!;
    }
  });
  for (let a = 0; a < width; a++) matrix[a * n + a]! += penalty;
  return solveSymmetric(matrix, right);
}

describe("a ridge of sparse rows", () => {
  const wanted = dense();
  const close = (found: ArrayLike<number>): void => {
    Array.from(wanted).forEach((value, f) => {
      expect(found[f]).toBeCloseTo(value, 4);
    });
  };

  test("is that of the normal equations", () => {
    const found = sparseRidge(rows, targets, { weights, penalty });
    close([...found.weights, found.constant]);
  });

  test("is the same from another start", () => {
    const start = { constant: 100, weights: new Float64Array(width).fill(-3) };
    const found = sparseRidge(rows, targets, { weights, penalty, start });
    close([...found.weights, found.constant]);
  });

  test("does not see rows that weigh nothing", () => {
    const others = targets.map((value, i) => (weights[i] === 0 ? 1e6 : value));
    expect(sparseRidge(rows, others, { weights, penalty })).toEqual(sparseRidge(rows, targets, { weights, penalty }));
  });

  test("has a value for each row", () => {
    const found = sparseRidge(rows, targets, { weights, penalty });
    const values = linearValues(rows, found);
    expect(values).toHaveLength(count);
    table.forEach((row, i) => {
      expect(values[i]).toBeCloseTo(
        row.reduce((sum, value, f) => sum + value * found.weights[f]!, found.constant),
        9,
      );
    });
  });

  test("of no features is the weighted mean", () => {
    const none = { starts: new Int32Array(3), features: new Int32Array(), values: new Float64Array(), width: 0 };
    expect(sparseRidge(none, [1, 4], { weights: [2, 1], penalty }).constant).toBeCloseTo(2, 9);
  });
});

test("a small symmetric system is solved", () => {
  const n = 9;
  const factor = Array.from({ length: n }, () => Array.from({ length: n }, () => source.normal()));
  const a = (i: number, j: number): number =>
    factor[i]!.reduce((sum, value, k) => sum + value * factor[j]![k]!, i === j ? 0.5 : 0);
  const right = Float64Array.from({ length: n }, () => source.normal());
  const matrix = Float64Array.from({ length: n * n }, (_, at) => a(Math.floor(at / n), at % n));
  const x = solveSymmetric(matrix, right.slice());
  right.forEach((value, i) => {
    expect(x.reduce((sum, each, j) => sum + a(i, j) * each, 0)).toBeCloseTo(value, 9);
  });
});
