import {
  key,
  type Layer,
  type Learner,
  leastSquaresSvm,
  logisticRegression,
  mlp,
  random,
  ridgeRegression,
  type Task,
} from "@innerloop/core";
import { functionLayer } from "@innerloop/core/layers";
import { conjugateGradients, solvePositiveDefinite } from "@innerloop/core/learners";
import {
  compile,
  concat,
  grad,
  interpret,
  leaves,
  mul,
  reshape,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
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

/** n rows of `features` numbers about 1, apart by `spread`: their kernel has one large eigenvalue. */
function nearlyEqual(n: number, features: number, spread: number): Tensor {
  const source = random(5, n, features);
  return tensor(
    Float32Array.from({ length: n * features }, () => 1 + source.normal(0, spread)),
    [n, features],
  );
}

const labels = (n: number, ways: number): Tensor => tensor(Int32Array.from({ length: n }, (_, i) => i % ways));
const identity = functionLayer((x) => x) as Layer;
const curve = (n: number): { readonly x: Tensor; readonly y: Tensor } => {
  const x = Float32Array.from({ length: n }, (_, i) => (10 * i) / n - 5);
  return { x: tensor(x, [n, 1]), y: tensor(x.map(Math.sin), [n, 1]) };
};
const alike: Task = {
  support: { x: nearlyEqual(25, 64, 1e-2), y: labels(25, 5) },
  query: { x: nearlyEqual(26, 64, 1e-2), y: labels(26, 5) },
};
const wide: Task = {
  support: { x: nearlyEqual(10, 800, 30), y: labels(10, 5) },
  query: { x: nearlyEqual(11, 800, 30), y: labels(11, 5) },
};

test.each([
  [
    "ridge regression of a curve",
    ridgeRegression({ model: mlp({ sizes: [1, 40, 40] }), task: "regression", lambda: 1e-3 }),
    { support: curve(10), query: curve(15) },
    // Here the features themselves are rounded.
    5e-3,
  ],
  [
    "ridge regression of rows that are nearly equal",
    ridgeRegression({ model: identity, ways: 5, lambda: 1e-3 }),
    alike,
    1e-3,
  ],
  ["a least-squares SVM of them", leastSquaresSvm({ model: identity, ways: 5, lambda: 1e-3 }), alike, 1e-3],
  ["logistic regression on large features", logisticRegression({ model: identity, ways: 5 }), wide, 1e-3],
] as const)(
  "%s: loss and gradient are float64's, though the condition is 1e6",
  async (_name, built, task, tolerance) => {
    const learner = built as unknown as Learner;
    const params = learner.init(key(1));
    // The loss, and the gradient as one list of numbers.
    const f = (at: Tree): Tensor[] => {
      const { loss, gradient } = learner.metaGradient(at, task);
      return [reshape(loss, [1]), concat(leaves(gradient).map((leaf) => reshape(leaf, [leaf.size])))];
    };
    const exact = interpret(f(params));
    const found = await compile(f, { executor })(params);
    for (const [i, values] of exact.entries()) {
      const size = Math.max(...Array.from(values, Math.abs));
      const errors = Array.from(values, (value, j) => Math.abs(Number(found[i]!.data![j]) - value));
      expect(Math.max(...errors)).toBeLessThan(tolerance * size);
    }
  },
);

test("conjugate gradients end on a long right side where the curvature is not positive", async () => {
  const b = tensor(Float32Array.of(3e4, -4e4));
  const solve = (at: Tensor): Tensor => conjugateGradients((v: Tensor) => mul(v, -1), at, 3);
  expect((await compile(solve, { executor })(b)).data).toEqual(b.data);
});
