/** What the tests of all model-based learners check: one list of laws, run for each by its own test file. */
import { concat, leaves, paths, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { linear, sequential, tanh } from "../../layers/layers.js";
import { mapWithPaths, roleAt, traitsOf } from "../../layers/parameter-roles.js";
import {
  classificationTask,
  flat,
  gradientError,
  metricNames,
  noiseLike,
  noiseTensor,
  numbersOf,
  regressionTask,
  valuesIn,
} from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Examples, Task } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import type { ModelBasedOptions } from "./model-based-learner.js";

export interface ModelBasedCase {
  readonly name: string;
  readonly learner: Learner;
  readonly task: Task;
}

/** An embedding of [n, 3] with parameters of its own. */
export const smallEmbedding = sequential([linear({ inputs: 3, outputs: 4 }), tanh()]);

export const classificationOptions = { model: smallEmbedding, features: 4, ways: 4 } satisfies ModelBasedOptions;
export const regressionOptions = { model: smallEmbedding, features: 4, outputs: 2 } satisfies ModelBasedOptions;

/** A small learner for each kind of task. Rows are powers of 2 in number: means over them are exact, padded or not. */
export function bothKinds(build: (options: ModelBasedOptions) => Learner, name = ""): ModelBasedCase[] {
  return [
    {
      name: `classification${name}`,
      learner: build(classificationOptions),
      task: classificationTask([3], 4, 2, 1),
    },
    { name: `regression${name}`, learner: build(regressionOptions), task: regressionTask(3, 2, 4, 4) },
  ];
}

/**
 * Parameters away from the first ones, which may be zeros and ones: so that nothing is hidden by a factor of 0. Averages
 * stay, which are not any numbers.
 */
export const generalParams = (learner: Learner): Tree => {
  const first = learner.init(key(3));
  const noise = noiseLike(first, 0.4, 8);
  const values = numbersOf([first, noise]);
  const names = paths(first);
  const count = leaves(first).length;
  let at = 0;
  const moved = leaves(first).map((leaf, i) =>
    tensor(
      values[i]!.map((value, j) => value + (isLearned(learner, names[i]!) ? values[count + i]![j]! : 0)),
      leaf.shape,
      leaf.dtype,
    ),
  );
  return mapTreeInOrder(first, () => moved[at++]!);
};

const isLearned = (learner: Learner, path: string): boolean => roleAt(traitsOf(learner), path) !== "averaged";

/** A function of parameters as one of those alone that a gradient moves: averages are as in these. */
export const ofLearned =
  (learner: Learner, params: Tree, f: (at: Tree) => Tensor) =>
  (at: Tree): Tensor =>
    f(mapWithPaths((path, leaf, own) => (isLearned(learner, path) ? leaf : own!), at, params));

function mapTreeInOrder(tree: Tree, next: () => Tensor): Tree {
  if ("dtype" in tree) return next();
  if (Array.isArray(tree)) return tree.map((part: Tree) => mapTreeInOrder(part, next));
  return Object.fromEntries(Object.entries(tree).map(([name, part]) => [name, mapTreeInOrder(part as Tree, next)]));
}

/** The loss that evaluation reports. */
export const queryLoss = (learner: Learner, params: Tree, { support, query }: Task): Tensor =>
  learner.loss(learner.predict(learner.adapt(params, support), query.x, query.present), query.y);

/** Examples in another order. */
export function reordered({ x, y, present }: Examples, order: readonly number[]): Examples {
  const rows = (t: Tensor): Tensor => {
    const values = valuesIn(t);
    const width = t.size / t.shape[0]!;
    return flat(
      order.flatMap((row) => values.slice(row * width, (row + 1) * width)),
      [order.length, ...t.shape.slice(1)],
      t.dtype,
    );
  };
  return { x: rows(x), y: rows(y), ...(present ? { present: rows(present) } : {}) };
}

/** Examples with rows of padding put in: one first, one in the middle, two last. */
export function padded({ x, y }: Examples): Examples {
  const rows = x.shape[0]!;
  const garbage = {
    x: noiseTensor([4, ...x.shape.slice(1)], 77),
    y: y.dtype === "int32" ? tensor([0, 1, 0, 1], [4], "int32") : noiseTensor([4, ...y.shape.slice(1)], 78),
  };
  const real = Array.from({ length: rows }, (_, i) => i);
  const half = Math.floor(rows / 2);
  const order = [rows, ...real.slice(0, half), rows + 1, ...real.slice(half), rows + 2, rows + 3];
  const all = reordered({ x: concat([x, garbage.x]), y: concat([y, garbage.y]) }, order);
  return {
    ...all,
    present: flat(
      order.map((row) => (row < rows ? 1 : 0)),
      [order.length],
    ),
  };
}

/** Largest difference of two lists of numbers. */
export const difference = (a: readonly number[], b: readonly number[]): number => {
  expect(a).toHaveLength(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
};

/**
 * The laws of a learner whose query loss, or an objective that it says, is differentiated through all that it does.
 */
export function testModelBased(
  cases: readonly ModelBasedCase[],
  laws: { readonly setLike?: boolean; readonly emptyClasses?: boolean } = {},
): void {
  describe.each(cases)("$name", ({ learner, task }) => {
    const params = generalParams(learner);

    test("its gradient is what central differences of adapt, then predict, tell", () => {
      const { gradient, loss, metrics, objective } = learner.metaGradient(params, task);
      expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, task))[0]!, 10);
      const f = ofLearned(learner, params, (at) =>
        objective ? learner.metaGradient(at, task).objective! : queryLoss(learner, at, task),
      );
      // Steps so small that no relu turns within them.
      expect(gradientError(f, params, gradient, { h: 1e-5 })).toBeLessThan(1e-6);
      expect(Object.keys(metrics)).toEqual(expect.arrayContaining(metricNames(learner.loss)));
    });

    test("every parameter has a part in it, and so have support and query", () => {
      const { gradient } = learner.metaGradient(params, task);
      const names = paths(gradient);
      const still = numbersOf(gradient).flatMap((values, i) =>
        values.some((v) => v !== 0) || !isLearned(learner, names[i]!) ? [] : [names[i]!],
      );
      // A bias that is added to all of the keys changes no softmax.
      expect(still.filter((name) => !name.endsWith("key/bias"))).toEqual([]);
      const before = valuesIn(queryLoss(learner, params, task))[0];
      const shift = (examples: Examples): Examples => ({ ...examples, x: noiseTensor(examples.x.shape, 55) });
      for (const other of [
        { ...task, support: shift(task.support) },
        { ...task, query: shift(task.query) },
      ])
        expect(valuesIn(queryLoss(learner, params, other))[0]).not.toBeCloseTo(before!, 6);
    });

    test("rows of padding change nothing", () => {
      const own = learner.metaGradient(params, task);
      const other = learner.metaGradient(params, { support: padded(task.support), query: padded(task.query) });
      const numbers = (result: typeof own): number[] =>
        numbersOf([result.loss, { ...result.metrics }, result.gradient, result.objective ?? []]).flat();
      expect(difference(numbers(other), numbers(own))).toBeLessThan(1e-9);
      const predictions = (support: Examples): number[] =>
        valuesIn(learner.predict(learner.adapt(params, support), task.query.x));
      expect(difference(predictions(padded(task.support)), predictions(task.support))).toBeLessThan(1e-9);
    });

    test("a support set that is all padding leaves finite numbers", () => {
      const support = {
        ...task.support,
        present: flat(new Array(task.support.x.shape[0]!).fill(0), [task.support.x.shape[0]!]),
      };
      const { loss, gradient } = learner.metaGradient(params, { ...task, support });
      expect(numbersOf([loss, gradient]).flat().every(Number.isFinite)).toBe(true);
    });

    test("a prediction does not depend on the other queries", () => {
      const adapted = learner.adapt(params, task.support);
      const all = learner.predict(adapted, task.query.x);
      const width = all.size / all.shape[0]!;
      const first = reordered(task.query, [0]);
      expect(difference(valuesIn(learner.predict(adapted, first.x)), valuesIn(all).slice(0, width))).toBeLessThan(
        1e-12,
      );
    });

    if (laws.setLike ?? true) {
      test("the order of the support set does not matter", () => {
        const rows = task.support.x.shape[0]!;
        const other = reordered(
          task.support,
          Array.from({ length: rows }, (_, i) => (i * (rows - 1) + 1) % rows),
        );
        expect(valuesIn(other.x)).not.toEqual(valuesIn(task.support.x));
        const predictions = (support: Examples): number[] =>
          valuesIn(learner.predict(learner.adapt(params, support), task.query.x));
        expect(difference(predictions(other), predictions(task.support))).toBeLessThan(1e-12);
      });
    }
  });

  const classifier = cases.find(({ task }) => task.query.y.dtype === "int32");
  if (classifier && (laws.emptyClasses ?? true)) {
    test("classes without support examples get no probability", () => {
      const { learner, task } = classifier;
      const params = generalParams(learner);
      const support = reordered(task.support, [0, 1, 4, 5, 6, 7]);
      const logits = valuesIn(learner.predict(learner.adapt(params, support), task.query.x));
      for (let row = 0; row < task.query.x.shape[0]!; row++) {
        const [first, missing, ...others] = logits.slice(4 * row, 4 * row + 4);
        expect(missing).toBeLessThan(-1e8);
        for (const logit of [first!, ...others]) expect(Math.abs(logit)).toBeLessThan(1e3);
      }
    });
  }
}

/** What all of these learners refuse. */
export function testRefusals(name: string, build: (options: ModelBasedOptions) => Learner): void {
  test("refuses options that say too little, too much, or nonsense", () => {
    const refused = (options: ModelBasedOptions) => expect(() => build(options));
    refused({ outputs: 1 }).toThrow(`IL102 ${name}: neither a model nor features`);
    refused({ model: smallEmbedding, outputs: 1 }).toThrow(`IL102 ${name}: the model does not say`);
    expect(build({ model: { ...smallEmbedding, outputShape: [4] }, outputs: 1 }).name).not.toBe("");
    refused({ features: 3 }).toThrow(`IL102 ${name}: neither ways nor outputs`);
    refused({ features: 3, ways: 5, outputs: 1 }).toThrow(`IL102 ${name}: both 5 ways and 1 outputs`);
    refused({ features: 3, ways: 1 }).toThrow(`IL102 ${name}: ways is 1`);
    refused({ features: 3, outputs: 0 }).toThrow(`IL102 ${name}: outputs is 0`);
    refused({ features: 0, outputs: 1 }).toThrow(`IL102 ${name}: features is 0`);
  });

  test("refuses an embedding of another size, and targets of another kind", () => {
    const learner = build({ ...classificationOptions, features: 5 });
    const { support } = classificationTask([3], 4, 1, 1);
    expect(() => learner.adapt(learner.init(key(1)), support)).toThrow(
      /^IL202 .*has 4 numbers, not 5.*Set features to 4/,
    );
    const regression = build({ features: 3, outputs: 1 });
    expect(() => regression.adapt(regression.init(key(1)), support)).toThrow(/^IL103 /);
    const wide = regressionTask(3, 2, 4, 1).support;
    expect(() => regression.adapt(regression.init(key(1)), wide)).toThrow(
      /^IL202 .*\[4, 2\] for 4 inputs and 1 outputs/,
    );
  });
}
