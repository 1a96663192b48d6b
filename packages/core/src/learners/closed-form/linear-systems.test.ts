import {
  add,
  concat,
  grad,
  matmul,
  mul,
  sliceAxis,
  sub,
  sum,
  swapLast,
  type Tensor,
  tensor,
  vmap,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, noise, valuesIn } from "../../numerical.fixture.js";
import { conjugateGradients, inversePositiveDefinite, solvePositiveDefinite } from "./linear-systems.js";

const matrix = (rows: readonly (readonly number[])[]): Tensor =>
  tensor(rows.flat(), [rows.length, rows[0]!.length], "float64");

/** A random symmetric matrix with eigenvalues from 1 down to 1 / condition: D reflected by random vectors. */
function positiveDefinite(n: number, condition: number, address: number): number[][] {
  let a = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (i === j ? condition ** (n === 1 ? 0 : -i / (n - 1)) : 0)),
  );
  for (let k = 0; k < 3; k++) {
    const v = noise(n, address, k);
    const square = v.reduce((total, x) => total + x * x, 0);
    const h = v.map((x, i) => v.map((y, j) => (i === j ? 1 : 0) - (2 * x * y) / square));
    a = product(product(h, a), h);
  }
  return a.map((row, i) => row.map((x, j) => (x + a[j]![i]!) / 2));
}

const product = (a: readonly number[][], b: readonly number[][]): number[][] =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((total, x, k) => total + x * b[k]![j]!, 0)));

/** Gaussian elimination with row exchanges, in float64. */
function eliminated(a: readonly number[][], b: readonly number[][]): number[][] {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...b[i]!]);
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let i = k; i < n; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[best]![k]!)) best = i;
    [rows[k], rows[best]] = [rows[best]!, rows[k]!];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j < rows[i]!.length; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  return rows.map((row, i) => row.slice(n).map((x) => x / row[i]!));
}

const rightSides = (n: number, m: number, address = 0): number[][] =>
  Array.from({ length: n }, (_, i) => noise(m, 5, address, i));

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

/** The largest difference relative to the largest expected number. */
function distance(found: Tensor, expected: readonly number[][]): number {
  const wanted = expected.flat();
  return largest(valuesIn(found).map((x, i) => x - wanted[i]!)) / largest(wanted);
}

describe.each([1, 2, 5, 8, 9, 25, 60])("n = %i", (n) => {
  const a = positiveDefinite(n, 1e4, n);
  const b = rightSides(n, 3);

  test("solves as elimination with row exchanges does, at condition 1e4", () => {
    const expected = eliminated(a, b);
    expect(distance(solvePositiveDefinite(matrix(a), matrix(b)), expected)).toBeLessThan(1e-11);
    // Without refinement it is elimination alone: what is refined is nothing but rounding.
    expect(distance(solvePositiveDefinite(matrix(a), matrix(b), { refinements: 0 }), expected)).toBeLessThan(1e-8);
  });

  test("matrices of any scale, row by row", () => {
    const scales = a.map((_, i) => 10 ** (((i * 7) % 5) - 2) * 1e3);
    const scaled = a.map((row, i) => row.map((x, j) => x * scales[i]! * scales[j]!));
    const inverse = valuesIn(inversePositiveDefinite(matrix(scaled)));
    const unit = eliminated(
      a,
      a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0))),
    ).flat();
    const size = largest(unit);
    inverse.forEach((x, at) => {
      const back = x * scales[Math.floor(at / n)]! * scales[at % n]!;
      expect(Math.abs(back - unit[at]!) / size).toBeLessThan(1e-8);
    });
  });

  test("first and second derivatives by both arguments are those of differences", () => {
    const at = { a: matrix(positiveDefinite(n, 20, n)), b: matrix(b) };
    type Arguments = typeof at;
    const weights = (rows: number, columns: number, address: number): Tensor =>
      tensor(noise(rows * columns, address), [rows, columns], "float64");
    // Not linear in the solution: its derivatives depend on its value.
    const f = (given: Arguments): Tensor => {
      const x = solvePositiveDefinite(given.a, given.b);
      return sum(mul(mul(x, x), weights(n, 3, 20)));
    };
    const slope = (given: Arguments): Tensor => {
      const slopes = grad(f)(given);
      return add(sum(mul(slopes.a, weights(n, n, 21))), sum(mul(slopes.b, weights(n, 3, 22))));
    };
    const options = { h: 1e-4, directions: 2 };
    expect(gradientError(f, at, grad(f)(at), options)).toBeLessThan(1e-7);
    expect(gradientError(slope, at, grad(slope)(at), options)).toBeLessThan(1e-7);
  });
});

/** The third derivative of the solution of a x = 1 by a, a number. */
const thirdDerivative = (refinements: number): number => {
  const solution = (a: Tensor): Tensor => sum(solvePositiveDefinite(a, matrix([[1]]), { refinements }));
  const once = (f: (a: Tensor) => Tensor) => (a: Tensor) => sum(grad(f)(a));
  return valuesIn(once(once(once(solution)))(matrix([[2]])))[0]!;
};

test("as many orders of derivative are exact as it takes refinements: 1 / a at 2 has -6 / 16 as its third", () => {
  expect(thirdDerivative(3)).toBeCloseTo(-0.375, 12);
  expect(thirdDerivative(4)).toBeCloseTo(-0.375, 12);
  expect(thirdDerivative(2)).toBe(0);
});

test("leading axes and tasks are systems of their own", () => {
  const systems = [1, 2, 3, 4].map((address) => positiveDefinite(10, 100, address));
  const sides = [1, 2, 3, 4].map((address) => rightSides(10, 2, address));
  const a = tensor(systems.flat(2), [4, 10, 10], "float64");
  const b = tensor(sides.flat(2), [4, 10, 2], "float64");
  const expected = systems.flatMap((system, i) => eliminated(system, sides[i]!));
  expect(distance(solvePositiveDefinite(a, b), expected)).toBeLessThan(1e-11);
  const mapped = vmap((one: Tensor, side: Tensor) => solvePositiveDefinite(one, side));
  expect(distance(mapped(a, b), expected)).toBeLessThan(1e-11);
  const slopes = (one: Tensor, side: Tensor): Tensor =>
    grad((at: Tensor) => {
      const x = solvePositiveDefinite(at, side);
      return sum(mul(x, x));
    })(one);
  const each = systems.flatMap((system, i) => valuesIn(slopes(matrix(system), matrix(sides[i]!))));
  const all = valuesIn(vmap(slopes)(a, b));
  each.forEach((value, i) => {
    expect(Math.abs(all[i]! - value)).toBeLessThan(1e-9 * largest(each));
  });
});

test("the inverse is symmetric and inverts, and no gradient goes through it", () => {
  const a = matrix(positiveDefinite(20, 50, 3));
  const inverse = inversePositiveDefinite(a);
  expect(largest(valuesIn(sub(inverse, swapLast(inverse))))).toBeLessThan(1e-11);
  valuesIn(matmul(a, inverse)).forEach((x, at) => {
    expect(x).toBeCloseTo(Math.floor(at / 20) === at % 20 ? 1 : 0, 11);
  });
  expect(largest(valuesIn(grad((at: Tensor) => sum(inversePositiveDefinite(at)))(a)))).toBe(0);
});

test("refuses matrices that are not square, and right sides of another length", () => {
  expect(() => solvePositiveDefinite(matrix([[1, 2]]), matrix([[1]]))).toThrow(
    /^IL202 solvePositiveDefinite: .*\[1, 2\]/,
  );
  expect(() => inversePositiveDefinite(tensor([1, 2]))).toThrow(/^IL202 inversePositiveDefinite/);
  expect(() => solvePositiveDefinite(matrix([[1]]), matrix([[1], [2]]))).toThrow(
    /^IL202 solvePositiveDefinite: .*\[2, 1\]/,
  );
});

describe("conjugate gradients", () => {
  const a = positiveDefinite(12, 50, 6);
  const b = rightSides(12, 1);
  const split = (x: Tensor) => ({ first: sliceAxis(x, 0, 0, 5), rest: [sliceAxis(x, 0, 5, 12)] });
  type Parts = ReturnType<typeof split>;
  const joined = ({ first, rest }: Parts): Tensor => concat([first, rest[0]!]);
  const solved = (steps: number, system = a): Tensor =>
    joined(conjugateGradients((v: Parts) => split(matmul(matrix(system), joined(v))), split(matrix(b)), steps));

  test("solve a system in as many steps as it has equations, whatever tree the numbers are in", () => {
    expect(distance(solved(12), eliminated(a, b))).toBeLessThan(1e-9);
    expect(distance(solved(40), eliminated(a, b))).toBeLessThan(1e-11);
    const errors = [2, 4, 6, 8].map((steps) => distance(solved(steps), eliminated(a, b)));
    for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeLessThan(0.7 * errors[i - 1]!);
  });

  test("end where the matrix is not positive: on b where that is at once, and stay finite after the solution", () => {
    const downwards = a.map((row) => row.map((x) => -x));
    expect(distance(solved(5, downwards), b)).toBe(0);
    const identity = a.map((_, i) => a.map((_, j) => (i === j ? 4 : 0)));
    expect(
      distance(
        solved(9, identity),
        b.map((row) => row.map((x) => x / 4)),
      ),
    ).toBeLessThan(1e-15);
  });

  test("refuse numbers of steps that are none", () => expect(() => solved(0)).toThrow(/^IL102 conjugateGradients: 0/));
});
