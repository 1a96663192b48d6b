import {
  add,
  compile,
  compileInStages,
  exp,
  grad,
  hessianVectorProduct,
  matmul,
  mul,
  sum,
  type Tensor,
  tanh,
  tensor,
  toNumbers,
} from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { countingLoads } from "./counting-loads.fixture.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

const noise = (rows: number, columns: number, seed: number): Tensor =>
  tensor(
    Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(1.7 * i + seed)),
    [rows, columns],
  );

type Fixed = { readonly weights: Tensor; readonly x: Tensor };
const loss = (weights: Tensor, x: Tensor): Tensor => sum(exp(mul(tanh(matmul(x, weights)), 0.5)));
const product = ({ weights, x }: Fixed, vector: Tensor) => ({
  along: hessianVectorProduct((at: Tensor) => loss(at, x), weights, vector),
  slope: grad((at: Tensor) => loss(at, x))(weights),
});

// The second one has values of 300 KB, which are computed again.
test.each([8, 9600])("products with a Hessian of %d rows are those of one program", async (rows) => {
  const fixed = { weights: noise(3, 8, 1), x: noise(rows, 3, 2) };
  const whole = compile(product, { executor });
  const staged = compileInStages(product, { executor });
  const at = staged(fixed);
  for (const seed of [3, 4]) {
    const vector = noise(3, 8, seed);
    const [expected, found] = [await whole(fixed, vector), await at(vector)];
    for (const name of ["along", "slope"] as const) {
      const wanted = toNumbers(expected[name]);
      toNumbers(found[name]).forEach((value, i) => {
        expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5 * (Math.abs(wanted[i]!) + rows));
      });
    }
  }
  const other = { ...fixed, x: noise(rows, 3, 5) };
  expect((await staged(other)(noise(3, 8, 3))).along.data).not.toEqual((await at(noise(3, 8, 3))).along.data);
  const operations = async () => (await staged.estimate(fixed, noise(3, 8, 3))).operations;
  expect(await operations()).toBeLessThan((await whole.estimate(fixed, noise(3, 8, 3))).operations);
});

test("what stays is computed once for all that changes, and models are given back", async () => {
  const { executor: counting, loads, open } = countingLoads(executor);
  let runs = 0;
  const watched = {
    ...counting,
    load: async (...given: Parameters<typeof counting.load>) => {
      const session = await counting.load(...given);
      return {
        ...session,
        run: (feeds: Parameters<typeof session.run>[0]) => {
          runs++;
          return session.run(feeds);
        },
      };
    },
  };
  const staged = compileInStages((a: Tensor, b: Tensor) => mul(exp(a), b), { executor: watched });
  const at = staged(tensor([0, 0]));
  expect((await at(tensor([1, 2]))).data).toEqual(Float32Array.of(1, 2));
  expect((await at(tensor([3, 4]))).data).toEqual(Float32Array.of(3, 4));
  expect([loads(), runs]).toEqual([2, 3]);
  await staged.release();
  expect(open()).toBe(0);
  expect((await at(tensor([5, 6]))).data).toEqual(Float32Array.of(5, 6));
  await staged.release();
});

test("what the second stage takes of the first is kept where it runs, until it is given back", async () => {
  const kept: number[] = [];
  let givenBack = 0;
  const watched = {
    ...executor,
    lasting: (arrays: readonly unknown[]) => {
      kept.push(arrays.length);
      return () => {
        givenBack++;
      };
    },
  };
  const staged = compileInStages(({ a, c }: { a: Tensor; c: Tensor }, b: Tensor) => add(mul(exp(a), b), c), {
    executor: watched,
  });
  const at = staged({ a: tensor([0, 0]), c: tensor([1, 1]) });
  await at(tensor([1, 2]));
  await at(tensor([3, 4]));
  // exp(a), and c itself.
  expect([kept, givenBack]).toEqual([[2], 0]);
  at.release();
  await expect.poll(() => givenBack).toBe(1);
  expect((await at(tensor([5, 6]))).data).toEqual(Float32Array.of(6, 7));
  expect(kept).toEqual([2, 2]);
});

test("a function of which nothing is known beforehand is one program", async () => {
  const staged = compileInStages((a: Tensor, b: Tensor) => add(a, b), { executor });
  expect((await staged(tensor([1, 2]))(tensor([3, 4]))).data).toEqual(Float32Array.of(4, 6));
});
