import {
  add,
  batchNormOfBatch,
  compile,
  conv2d,
  type Executor,
  grad,
  greater,
  loweringProfiles,
  maxPool2d,
  mod,
  mul,
  reduceMax,
  relu,
  reshape,
  sub,
  sum,
  type Tensor,
  tensor,
  toNumbers,
  valuesOf,
  where,
} from "@innerloop/graph";
import { requireClose } from "@innerloop/graph/testing";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

const native = onnxruntimeExecutor();
const inParts: Executor = { ...native, profile: { ...loweringProfiles.cpu, cacheBytes: 64 } };
afterAll(() => native.close());

const values = (shape: readonly number[], seed: number): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * (seed + 1.3) + seed)),
    [...shape],
  );

const images = values([5, 8, 8, 2], 1);
const filters = values([3, 3, 2, 4], 2);
const other = values([5, 8, 8, 4], 3);
const perImage = values([5, 1, 1, 1], 4);
const number = values([1, 1, 1], 5);
const convolved = (x: Tensor, w: Tensor): Tensor => conv2d(x, w, { padding: 1 });

/** What may follow a convolution that is made in parts: of the convolution and of arrays that are not in parts. */
const programs: Readonly<Record<string, (y: Tensor, given: readonly Tensor[]) => Tensor>> = {
  "an array of one number with more axes than a part": (y, [, , one]) => mul(y, one!),
  "an array that is not in parts": (y, [whole]) => sub(whole!, y),
  "a number for each image": (y, [, each]) => mul(y, each!),
  "an operation written by hand, with one number": (y, [, , one]) => mod(y, add(mul(one!, one!), 1)),
  "a choice": (y, [whole]) => where(greater(y, 0), y, whole!),
  "a sum over images and pixels": (y) => sum(y, [0, 1, 2]),
  "a sum over channels": (y) => sum(y, 3),
  "a sum over few pixels": (y) => sum(reshape(y, [160, 2, 4]), 1),
  "a maximum over all": (y) => reduceMax(y),
  pooling: (y, [, , one]) => maxPool2d(relu(add(y, reshape(one!, [1]))), 2),
  "a second convolution": (y) => conv2d(relu(y), values([3, 3, 4, 3], 6), { stride: 2, padding: 1 }),
  "batch norm": (y) => batchNormOfBatch(y, { scale: values([4], 7), shift: values([4], 8) }).output,
};

describe("what follows a convolution in parts is what follows a whole one", () => {
  test.each(Object.entries(programs))("%s", async (_name, program) => {
    const f = (x: Tensor, w: Tensor, ...given: Tensor[]): Tensor => program(convolved(x, w), given);
    const slopes = (x: Tensor, w: Tensor, ...given: Tensor[]): readonly Tensor[] =>
      grad((at: readonly Tensor[]) => {
        const y = f(at[0]!, at[1]!, ...given);
        return sum(mul(mul(y, y), values(y.shape, 9)));
      })([x, w]);
    const both = (...args: readonly Tensor[]): readonly Tensor[] => {
      const [x, w, ...given] = args as [Tensor, Tensor, ...Tensor[]];
      return [f(x, w, ...given), ...slopes(x, w, ...given)];
    };
    const args = [images, filters, other, perImage, number];
    const expected = both(...args).map(valuesOf);
    const found = await compile((...given: Tensor[]) => both(...given), { executor: inParts })(...args);
    found.forEach((result, i) => {
      requireClose(`output ${i}`, toNumbers(result), expected[i]!, 1e-5);
    });
  });

  test("the sum over an axis of no elements is zero", async () => {
    const run = compile((x: Tensor) => sum(x, 1), { executor: native });
    expect(toNumbers(await run(tensor(new Float32Array(0), [2000, 0])))).toEqual(new Array(2000).fill(0));
  });

  test("a batch of images that are all alike has a variance of zero, and a finite result", async () => {
    const run = compile(
      (x: Tensor, w: Tensor) =>
        batchNormOfBatch(conv2d(x, w, { padding: "valid" }), { scale: values([20], 1), shift: values([20], 2) }),
      { executor: native },
    );
    for (const level of [1, 77, 255]) {
      const { output, variance } = await run(
        tensor(new Float32Array(7 * 25 * 2).fill(level), [7, 5, 5, 2]),
        values([3, 3, 2, 20], 3),
      );
      expect(toNumbers(output).every(Number.isFinite)).toBe(true);
      expect(Math.min(...toNumbers(variance))).toBeGreaterThanOrEqual(0);
    }
  });
});
