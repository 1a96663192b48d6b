import { compile, grad, interpret, mul, sum, type Tensor, tensor } from "@innerloop/graph";
import { random, solvePositiveDefinite } from "innerloop";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

/** G G^T + shift I of random G [n, n / 2]: half of its eigenvalues are the shift. */
function system(n: number, shift: number): Tensor {
  const source = random(3, n);
  const g = Array.from({ length: n }, () => Array.from({ length: n / 2 }, () => source.normal(0, 1)));
  const values = g.flatMap((a, i) =>
    g.map((b, j) => a.reduce((total, x, k) => total + x * b[k]!, 0) + (i === j ? shift : 0)),
  );
  return tensor(Float32Array.from(values), [n, n]);
}

const sides = (n: number): Tensor => {
  const source = random(4, n);
  return tensor(
    Float32Array.from({ length: n * 5 }, () => source.normal(0, 1)),
    [n, 5],
  );
};

// The largest eigenvalue is about 3 n: conditions of 1e2 and 1e4. Float32 has 6e-8 of a number.
describe.each([
  [26, 1, 1e-5],
  [60, 0.02, 1e-3],
  [124, 0.04, 1e-3],
] as const)("a system of %i equations, shifted by %f, in float32", (n, shift, tolerance) => {
  const [a, b] = [system(n, shift), sides(n)];
  const largest = (values: ArrayLike<number>): number => Math.max(...Array.from(values, Math.abs));
  const distance = (found: Tensor, exact: ArrayLike<number>): number =>
    largest(Array.from(exact, (x, i) => x - Number(found.data![i]!))) / largest(exact);

  test("the solution, its residual, and the gradient are as close to float64's as the condition lets them", async () => {
    const f = (at: Tensor): Tensor => {
      const x = solvePositiveDefinite(at, b);
      return sum(mul(x, x));
    };
    const solution = (at: Tensor): Tensor => solvePositiveDefinite(at, b);
    const [x, slope] = interpret([solution(a), grad(f)(a)]);
    const found = await compile(solution, { executor })(a);
    expect(distance(found, x!)).toBeLessThan(tolerance);
    // Backward stable: it solves a system that differs from the given one by roundings.
    const scale = largest(a.data as Float32Array) * largest(x!) * n;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < 5; j++) {
        let rest = Number(b.data![i * 5 + j]);
        for (let k = 0; k < n; k++) rest -= Number(a.data![i * n + k]) * Number(found.data![k * 5 + j]);
        expect(Math.abs(rest)).toBeLessThan(1e-7 * scale);
      }
    }
    expect(distance(await compile(grad(f), { executor })(a), slope!)).toBeLessThan(3 * tolerance);
  });
});
