/** What holds for every learner that compares embeddings, as tests to run for each. */
import { grad, leaves, paths, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { gradientError, noiseTensor, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Examples, Task } from "../../tasks/task.js";
import { stackTasks } from "../../training/task-batch.js";
import { type Learner, meanMetaGradient } from "../learner.js";

/**
 * Examples with rows that are not there, one before the others and two behind, of loud values and a class of their own
 * choice.
 */
export function padded({ x, y }: Examples, rows: { readonly label?: number } = {}): Required<Examples> {
  const size = x.size / x.shape[0]!;
  const loud = (address: number): number[] => valuesIn(noiseTensor([size], address)).map((value) => 50 * value + 20);
  const n = x.shape[0]! + 3;
  const label = rows.label ?? 1;
  return {
    x: tensor([...loud(1), ...valuesIn(x), ...loud(2), ...loud(3)], [n, ...x.shape.slice(1)], "float32"),
    y: tensor([label, ...valuesIn(y), label, label], [n], "int32"),
    present: tensor([0, ...new Array<number>(n - 3).fill(1), 0, 0], [n], "float32"),
  };
}

export const largestDifference = (a: readonly number[], b: readonly number[]): number => {
  expect(a).toHaveLength(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
};

/** Queries' predictions after adapting to the support set. */
export const predictions = (learner: Omit<Learner, "metaGradient">, params: Tree, { support, query }: Task): number[] =>
  valuesIn(learner.predict(learner.adapt(params, support), query.x, query.present));

/**
 * @param task with numbers of rows that are powers of two: a mean over all n rows multiplies by 1/n as float32 has it,
 * a mean over those that are present divides
 */
export function metricLearnerContract(learner: Learner, task: (index?: number) => Task, seed = 2): void {
  const params = learner.init(key(seed));
  const lossOf = (at: Tree, { support, query }: Task = task()): Tensor =>
    learner.metaGradient(at, { support, query }).loss;

  test("its meta-gradient is what central differences tell, for all parameters", () => {
    const { gradient, metrics } = learner.metaGradient(params, task());
    expect(paths(gradient)).toEqual(paths(params));
    // So short a way that it meets no kink of relu or of max pooling.
    expect(gradientError((at: Tree) => lossOf(at), params, gradient, { h: 1e-5 })).toBeLessThan(1e-6);
    expect(Object.keys(metrics)).toEqual(["accuracy"]);
    // No parameter is there for nothing, and both sets count.
    for (const [i, values] of numbersOf(gradient).entries()) {
      const running = /running(Mean|Variance)$/.test(paths(params)[i]!);
      expect(
        values.some((value) => value !== 0),
        paths(params)[i],
      ).toBe(!running);
    }
    const { support, query } = task();
    const byInputs = grad((x: { support: Tensor; query: Tensor }) =>
      lossOf(params, { support: { ...support, x: x.support }, query: { ...query, x: x.query } }),
    )({ support: support.x, query: query.x });
    for (const slopes of numbersOf(byInputs)) expect(Math.max(...slopes.map(Math.abs))).toBeGreaterThan(1e-6);
  });

  test("rows that are not there change nothing", () => {
    const { support, query } = task();
    const [plain, filled] = [
      { support, query },
      { support: padded(support), query: padded(query) },
    ].map((one) => learner.metaGradient(params, one));
    for (const pick of [
      (r: typeof plain) => r!.loss,
      (r: typeof plain) => r!.gradient,
      (r: typeof plain) => r!.metrics,
    ])
      expect(largestDifference(numbersOf(pick(filled)).flat(), numbersOf(pick(plain)).flat())).toBeLessThan(1e-9);
    const expected = predictions(learner, params, { support, query });
    const perRow = expected.length / query.x.shape[0]!;
    const found = predictions(learner, params, { support: padded(support), query: padded(query) });
    expect(largestDifference(found.slice(perRow, perRow + expected.length), expected)).toBeLessThan(1e-9);
  });

  test("its mean over tasks is the mean of single ones", () => {
    const tasks = [task(0), task(1)];
    const all = numbersOf(meanMetaGradient(learner, params, stackTasks(tasks)).gradient).flat();
    const [a, b] = tasks.map((one) => numbersOf(learner.metaGradient(params, one).gradient).flat());
    expect(
      largestDifference(
        all,
        a!.map((value, i) => (value + b![i]!) / 2),
      ),
    ).toBeLessThan(1e-9);
  });

  test("adapting is pure, and ignores a number of steps", () => {
    const before = numbersOf(params);
    const once = predictions(learner, params, task());
    expect(valuesIn(learner.predict(learner.adapt(params, task().support, { steps: 3 }), task().query.x))).toEqual(
      once,
    );
    expect(numbersOf(params)).toEqual(before);
    expect(leaves(learner.adapt(params, task().support)).every((leaf) => leaf.size > 0)).toBe(true);
  });
}
