import { leaves, mapTree, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { sinusoids } from "../../domains/curves/sinusoid.js";
import { meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { asFunction, gradientError, noise, numbersOf, regressionTask, valuesIn } from "../../numerical.fixture.js";
import { applyUpdates } from "../../optimizers/gradient-transformation.js";
import { adam, sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { meanMetaGradient } from "../learner.js";
import { difference, generalParams, padded, queryLoss } from "../model-based/model-based.fixture.js";
import { type LstmOptimizerOptions, lstmOptimizer } from "./lstm-optimizer.js";
import { maml } from "./maml.js";

const model = mlp({ sizes: [2, 4, 1], activation: "tanh" });
const task = regressionTask(2, 1, 4, 4);
const learnerWith = (options: LstmOptimizerOptions, order: 1 | 2 = 2, steps = 3) =>
  maml({
    model,
    loss: meanSquaredError,
    steps,
    order,
    inner: lstmOptimizer({ hidden: 4, outputScale: 1, ...options }),
  });

describe.each([1, 2])("%i layers", (layers) => {
  const learner = learnerWith({ layers, throughGradients: true });
  const params = generalParams(learner);

  test("through gradients: the meta-gradient is what central differences through the whole adaptation tell", () => {
    const { gradient, loss } = learner.metaGradient(params, task);
    // Features of small gradients are steep: a small step.
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, task))[0]!, 10);
    expect(gradientError((at: Tree) => queryLoss(learner, at, task), params, gradient, { h: 1e-7 })).toBeLessThan(1e-6);
    for (const values of numbersOf(gradient)) expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0);
  });

  test("by default gradients are constants, as in an inner loop of order 1", () => {
    const constant = numbersOf(learnerWith({ layers }).metaGradient(params, task).gradient).flat();
    const first = learnerWith({ layers, throughGradients: true }, 1).metaGradient(params, task);
    expect(difference(constant, numbersOf(first.gradient).flat())).toBe(0);
    expect(difference(constant, numbersOf(learner.metaGradient(params, task).gradient).flat())).toBeGreaterThan(1e-3);
  });

  test("of one step, which has no other gradient behind it, differences agree for the optimizer's own parameters", () => {
    const once = learnerWith({ layers }, 2, 1);
    const { inner, ...others } = params as { readonly inner: Tree; readonly model: Tree };
    const f = (own: Tree): Tensor => queryLoss(once, { ...others, inner: own }, task);
    const { gradient } = once.metaGradient(params, task);
    expect(gradientError(f, inner, (gradient as typeof params & { inner: Tree }).inner, { h: 1e-4 })).toBeLessThan(
      1e-6,
    );
  });

  test("rows of padding change nothing", () => {
    const numbers = ({ support, query }: Task): number[] => {
      const { loss, gradient } = learner.metaGradient(params, { support, query });
      return numbersOf([loss, gradient]).flat();
    };
    const filled = { support: padded(task.support), query: padded(task.query) };
    expect(difference(numbers(filled), numbers(task))).toBeLessThan(1e-9);
  });
});

describe("the same network for every coordinate", () => {
  const learned = lstmOptimizer({ hidden: 3, outputScale: 1 });
  const own = (generalParams(learnerWith({ hidden: 3 })) as { readonly inner: Tree }).inner;
  type Model = { readonly a: Tensor; readonly b: Tensor };
  const shaped = (values: readonly number[]): Model => ({
    a: tensor(values.slice(0, 4), [4], "float64"),
    b: tensor(values.slice(4), [2, 3], "float64"),
  });
  /** Where ten numbers are after four steps against gradients that are given. */
  const after = (start: readonly number[], gradients: readonly (readonly number[])[]): number[] => {
    const exact = mapTree((leaf) => tensor(valuesIn(leaf), leaf.shape, "float64"), own);
    let at = shaped(start);
    let state = learned.init(at, exact);
    for (const gradient of gradients) {
      // In another order of names than the parameters.
      const { a, b } = shaped(gradient);
      const next = learned.update({ b, a } as unknown as Model, state, at, exact);
      at = applyUpdates(at, next.updates);
      state = next.state;
    }
    return [...valuesIn(at.a), ...valuesIn(at.b)];
  };
  const start = noise(10, 1);
  // From large to so small that the features are linear in them.
  const gradients = [0, 1, 2, 3].map((step) => noise(10, 2, step).map((value, i) => value * 10 ** (2 - i)));

  test("coordinates in another order, of whichever parameter, move alike", () => {
    const order = [7, 2, 9, 0, 4, 1, 8, 3, 6, 5];
    const permuted = <T>(values: readonly T[]): T[] => order.map((i) => values[i]!);
    expect(after(permuted(start), gradients.map(permuted))).toEqual(permuted(after(start, gradients)));
  });

  test("each has a state of its own: what one has seen moves no other, but itself again later", () => {
    const moved = after(start, gradients);
    const other = gradients.map((values, step) => (step === 0 ? [-values[0]!, ...values.slice(1)] : values));
    const found = after(start, other);
    expect(found.slice(1)).toEqual(moved.slice(1));
    const direct = after(start, other.slice(0, 1))[0]! - after(start, gradients.slice(0, 1))[0]!;
    expect(Math.abs(found[0]! - moved[0]! - direct)).toBeGreaterThan(1e-4);
  });

  test("small gradients are told apart too, and zeros have finite slopes", () => {
    const once = (value: number): number => after(new Array(10).fill(0), [new Array(10).fill(value)])[0]!;
    const found = [1, 1e-2, 1e-4, 2e-5, 1e-5, 0, -1e-5, -1e-2].map(once);
    for (let i = 1; i < found.length; i++) expect(Math.abs(found[i]! - found[i - 1]!)).toBeGreaterThan(1e-5);
    const flat = {
      support: { x: tensor([[0, 0]]), y: tensor([[0]]) },
      query: { x: tensor([[1, 2]]), y: tensor([[1]]) },
    };
    const learner = learnerWith({ throughGradients: true });
    const { gradient, loss } = learner.metaGradient(learner.init(key(1)), flat);
    expect(numbersOf([loss, gradient]).flat().every(Number.isFinite)).toBe(true);
  });
});

test("it starts as gradient descent, for any model and number of steps", () => {
  const learner = learnerWith({ learningRate: 0.25 });
  const plain = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.25 }), steps: 3 });
  const params = learner.init(key(3)) as { readonly model: Tree };
  for (const steps of [1, 5]) {
    const found = numbersOf(learner.adapt(params, task.support, { steps }).params).flat();
    const expected = numbersOf(plain.adapt(params.model, task.support, { steps }).params).flat();
    // The rate goes through its logarithm in float32.
    expect(difference(found, expected)).toBeLessThan(1e-6);
  }
  // The LSTM's output has no weight yet, but its weights have a slope.
  const { gradient } = learner.metaGradient(params, task);
  const { output } = (gradient as unknown as { inner: { output: { weight: Tensor } } }).inner;
  expect(Math.max(...valuesIn(output.weight).map(Math.abs))).toBeGreaterThan(1e-4);
});

test("refuses numbers out of range, and says its options where results are described", () => {
  expect(() => lstmOptimizer({ hidden: 0 })).toThrow(/^IL102 lstmOptimizer: hidden 0/);
  expect(() => lstmOptimizer({ layers: 1.5 })).toThrow(/^IL102 lstmOptimizer: layers 1.5/);
  for (const name of ["learningRate", "outputScale", "p"])
    expect(() => lstmOptimizer({ [name]: 0 })).toThrow(`IL102 lstmOptimizer: ${name} 0`);
  const inner = lstmOptimizer({ hidden: 7, throughGradients: true });
  expect(inner.description).toBe("lstm(hidden 7, layers 2, rate from 0.01, output scale 0.1, p 10, through gradients)");
  expect(lstmOptimizer().description).toBe("lstm(hidden 20, layers 2, rate from 0.01, output scale 0.1, p 10)");
  expect(maml({ model, loss: meanSquaredError, inner }).description.inner).toBe(inner.description);
});

test("training the optimizer alone lowers the loss after adapting, on curves it has not met", () => {
  const curve = mlp({ sizes: [1, 16, 1], activation: "tanh" });
  const source = sinusoids({ shots: 10, queries: 10, x: [-2, 2] });
  const inner = lstmOptimizer({ hidden: 6, layers: 1 });
  const learner = maml({ model: curve, loss: meanSquaredError, steps: 4, inner });
  const optimizer = adam({ learningRate: 0.03 });
  type Trained = { readonly model: Tree; readonly inner: { readonly output: { readonly weight: Tensor } } };
  const first = learner.init(key(5)) as Trained;
  const state0 = optimizer.init(first.inner);
  const tasks = (index: number): Task => sampleTasks(source, 1, index * 6, 6);
  // Traced once; the model's parameters stay what they are.
  const update = asFunction(
    ({ own, state, batch }: { own: Trained["inner"]; state: Tree; batch: Task }) => {
      const { gradient } = meanMetaGradient(learner, { ...first, inner: own } as Tree, batch);
      const next = optimizer.update((gradient as unknown as Trained).inner, state, own);
      return [applyUpdates(own, next.updates), next.state];
    },
    { own: first.inner, state: state0, batch: tasks(0) },
  );
  const held = sampleTasks(source, 9, 0, 40);
  const lossOf = (own: Trained["inner"]): number =>
    valuesIn(meanMetaGradient(learner, { ...first, inner: own } as Tree, held).loss)[0]!;
  let values = numbersOf([first.inner, state0]);
  for (let i = 0; i < 25; i++) values = update([...values, ...numbersOf(tasks(i))]);
  const own = unflatten(
    first.inner,
    leaves(first.inner).map((leaf, i) => tensor(values[i]!, leaf.shape, leaf.dtype)),
  );
  const [before, after] = [lossOf(first.inner), lossOf(own)];
  expect(after).toBeLessThan(0.6 * before);
  // It is the network that does it, and not the rate that is learned beside it.
  const silent = { ...own, output: first.inner.output };
  expect(lossOf(silent)).toBeGreaterThan(1.2 * after);
});
