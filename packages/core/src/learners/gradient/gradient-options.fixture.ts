/** What the tests of the options of gradient-based learners share: a model and its tasks, padding, comparisons of trees. */
import { concat, leaves, ones, paths, type Tensor, type Tree, tensor, unflatten, zeros } from "@innerloop/graph";
import { expect } from "vitest";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { noise, noiseTensor, numbersOf, regressionTask } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Examples, Task } from "../../tasks/task.js";
import type { Learner } from "../learner.js";

export const curve = mlp({ sizes: [2, 4, 3, 1], activation: "tanh" });
/** Rows are powers of 2 in number, in this as in all tasks here: then means over them are exact, padded or not. */
export const curves = (index = 0): Task => regressionTask(2, 1, 4, 4, index);

export const normalized = (mode: "transductive" | "support" | "running") =>
  sequential([
    linear({ inputs: 2, outputs: 4 }),
    batchNorm({ channels: 4, mode }),
    tanh(),
    linear({ inputs: 4, outputs: 1 }),
  ]);

/** MAML on curves, of two steps at this rate. */
export const rate = 0.3;
export const base = { model: curve, loss: meanSquaredError, inner: sgd({ learningRate: rate }), steps: 2 };

/** First parameters, each number of them moved a little: so that what starts as equal rates or as an identity is not. */
export function movedParams(learner: Learner, scale = 0.05): Tree {
  const first = learner.init(key(2));
  const values = numbersOf(first);
  return unflatten(
    first,
    leaves(first).map((leaf, i) => {
      const by = noise(leaf.size, 11, i);
      return tensor(
        values[i]!.map((value, j) => value + scale * by[j]!),
        leaf.shape,
        leaf.dtype,
      );
    }),
  );
}

/** The same rows and some that are not there, with numbers in them. */
export function padded({ x, y }: Examples, rows = 3, garbage = 77): Examples {
  const more = (t: Tensor, index: number): Tensor =>
    t.dtype === "int32"
      ? zeros([rows, ...t.shape.slice(1)], "int32")
      : noiseTensor([rows, ...t.shape.slice(1)], garbage, index);
  return {
    x: concat([x, more(x, 0)]),
    y: concat([y, more(y, 1)]),
    present: concat([ones([x.shape[0]!]), zeros([rows])]),
  };
}

/** Trees of the same paths whose numbers differ by so little. */
export function expectClose(found: Tree, expected: Tree, tolerance = 1e-12): void {
  expect(paths(found)).toEqual(paths(expected));
  const wanted = numbersOf(expected);
  numbersOf(found).forEach((values, i) => {
    expect(values).toHaveLength(wanted[i]!.length);
    values.forEach((value, j) => {
      const size = Math.max(1, Math.abs(wanted[i]![j]!));
      expect(Math.abs(value - wanted[i]![j]!), paths(expected)[i]).toBeLessThanOrEqual(tolerance * size);
    });
  });
}

/** The largest absolute number of a tree. */
export const largest = (tree: Tree): number => Math.max(...numbersOf(tree).flat().map(Math.abs));

/** The largest absolute difference of two trees. */
export function distance(a: Tree, b: Tree): number {
  const other = numbersOf(b).flat();
  return Math.max(
    ...numbersOf(a)
      .flat()
      .map((value, i) => Math.abs(value - other[i]!)),
  );
}

/** The loss on the query set after adaptation, by what users call: adapt, then predict. */
export const lossAfterAdapting =
  (learner: Learner, { support, query }: Task, steps?: number) =>
  (params: Tree): Tensor =>
    learner.loss(
      learner.predict(learner.adapt(params, support, steps === undefined ? {} : { steps }), query.x, query.present),
      query.y,
    );

/** Updates done so far, as training tells learners. */
export const iteration = (count: number): { readonly iteration: Tensor } => ({
  iteration: tensor(count, [], "float32"),
});
