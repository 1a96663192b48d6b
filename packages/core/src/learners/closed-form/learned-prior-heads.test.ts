import { concat, mapTree, type Tensor, type Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { labelledExamples } from "../../domains/classification/labelled-examples.js";
import { domainTasks } from "../../domains/text/domain-tasks.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential } from "../../layers/layers.js";
import { classificationTask, flat, noiseTensor, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { applyUpdates } from "../../optimizers/gradient-transformation.js";
import { adam } from "../../optimizers/optimizers.js";
import { key, random } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import { difference, padded, smallEmbedding, testModelBased } from "../model-based/model-based.fixture.js";
import {
  type LearnedPriorHead,
  type LearnedPriorOptions,
  priorLogisticRegression,
  priorRidgeRegression,
} from "./learned-prior-heads.js";
import type { FittedHead, LinearHeadParameters } from "./linear-head-learner.js";
import { logisticRegression } from "./logistic-regression.js";
import { ridgeRegression } from "./ridge-regression.js";

type PriorLearner = Learner<LinearHeadParameters<LearnedPriorHead>, FittedHead<LearnedPriorHead>>;

const embedding: Layer = { ...smallEmbedding, outputShape: [4] };
/** Inputs of so many numbers are features. */
const identity = (features: number): Layer => ({ ...functionLayer((x) => x), outputShape: [features] }) as Layer;

const builders = [
  ["priorRidgeRegression", priorRidgeRegression, ridgeRegression],
  ["priorLogisticRegression", priorLogisticRegression, logisticRegression],
] as const satisfies readonly (readonly [string, (options: LearnedPriorOptions) => PriorLearner, unknown])[];

testModelBased(
  builders.flatMap(([name, build]) =>
    (["one", "each"] as const).flatMap((prior) =>
      // 8 examples of 5 columns and 4 of them: the primal form and the dual.
      [2, 1].map((shots) => ({
        name: `${name}, prior of ${prior}, ${shots} shots`,
        learner: build({ model: embedding, ways: 4, lambda: 0.4, scale: 3, prior }) as unknown as Learner,
        task: classificationTask([3], 4, shots, 1),
      })),
    ),
  ),
  { emptyClasses: false },
);

const rowsOf = (x: Tensor): number[][] => {
  const [n, d] = x.shape as [number, number];
  const values = valuesIn(x);
  return Array.from({ length: n }, (_, i) => values.slice(i * d, (i + 1) * d));
};
const [features, ways, lambda] = [5, 3, 0.7];

/** Parameters with a prior of one's own: weights of noise, and precisions [features] and of the bias. */
function withPrior(
  learner: PriorLearner,
  { precision, bias = precision[0]!, size = 0.5 }: { precision: readonly number[]; bias?: number; size?: number },
): LinearHeadParameters<LearnedPriorHead> {
  const { model, head } = learner.init(key(1));
  const log = precision.map(Math.log);
  const scaled = (x: Tensor): Tensor =>
    flat(
      valuesIn(x).map((value) => size * value),
      x.shape,
    );
  return {
    model,
    head: {
      ...head,
      weight: scaled(noiseTensor([features, ways], 41)),
      bias: scaled(noiseTensor([ways], 42)),
      logLambda: head.logLambda.rank === 0 ? flat([log[0]!], []) : flat(log, [features]),
      logBiasLambda: flat([Math.log(bias)], []),
    },
  };
}
/** [features + 1][ways], the bias last. */
const fit = (learner: PriorLearner, params: LinearHeadParameters<LearnedPriorHead>, support: Examples): number[][] => {
  const { weight, bias } = learner.adapt(params, support);
  return [...rowsOf(weight), valuesIn(bias)];
};
const priorOf = ({ head }: LinearHeadParameters<LearnedPriorHead>): number[][] => [
  ...rowsOf(head.weight),
  valuesIn(head.bias),
];
const column = (matrix: readonly number[][], c: number): number[] => matrix.map((row) => row[c]!);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

describe("the slope of the penalised loss is 0 at the fit, by a plain loop", () => {
  const precision = [0.3, 0.5, 0.9, 1.7, 2.6];
  test.each([
    ["priorRidgeRegression, primal", priorRidgeRegression, 4, (z: number) => z],
    ["priorRidgeRegression, dual", priorRidgeRegression, 1, (z: number) => z],
    [
      "priorLogisticRegression",
      (options: LearnedPriorOptions) => priorLogisticRegression({ ...options, newtonSteps: 9 }),
      2,
      (z: number) => 1 / (1 + Math.exp(-z)),
    ],
  ] as const)("%s", (_, build, shots, predicted) => {
    const { support } = classificationTask([features], ways, shots, 1);
    const learner = build({ model: identity(features), ways, prior: "each" });
    const params = withPrior(learner, { precision, bias: 0.2 });
    const found = fit(learner, params, support);
    const [x, y, start] = [rowsOf(support.x).map((row) => [...row, 1]), valuesIn(support.y), priorOf(params)];
    for (let c = 0; c < ways; c++) {
      const w = column(found, c);
      const errors = x.map((row, i) => predicted(dot(row, w)) - (y[i] === c ? 1 : 0));
      const slopes = w.map((value, j) => dot(column(x, j), errors) + [...precision, 0.2][j]! * (value - start[j]![c]!));
      for (const slope of slopes) expect(Math.abs(slope)).toBeLessThan(1e-6);
      // And it is not at the prior.
      expect(difference(w, column(start, c))).toBeGreaterThan(0.01);
    }
  });
});

describe.each(builders)("%s", (name, build, plain) => {
  const learner: PriorLearner = build({ model: identity(features), ways, lambda, scale: 2 });
  const { support, query } = classificationTask([features], ways, 3, 2);

  test("of no support examples it is the prior's classifier, number for number", () => {
    const params = withPrior(learner, { precision: [lambda] });
    const none: Examples = { ...support, present: flat(new Array(9).fill(0), [9]) };
    const adapted = learner.adapt(params, none);
    expect([...rowsOf(adapted.weight), valuesIn(adapted.bias)]).toEqual(priorOf(params));
    const logits = rowsOf(learner.predict(adapted, query.x));
    rowsOf(query.x).forEach((x, row) => {
      for (let c = 0; c < ways; c++)
        expect(logits[row]![c]).toBeCloseTo(2 * dot([...x, 1], column(priorOf(params), c)), 6);
    });
  });

  test("of a precision without bound it is the prior's classifier, of a small one it is not", () => {
    const moved = (precision: number): number => {
      const params = withPrior(learner, { precision: [precision] });
      return difference(fit(learner, params, support).flat(), priorOf(params).flat());
    };
    expect(moved(1e9)).toBeLessThan(1e-7);
    expect(moved(1e5)).toBeLessThan(moved(1e2) / 100);
    expect(moved(0.1)).toBeGreaterThan(0.1);
  });

  test("of a prior around zeros it is the head without one", () => {
    const other = plain({ model: identity(features), ways, lambda, scale: 2 });
    const expected = other.adapt(other.init(key(1)), support);
    const params = learner.init(key(1));
    expect(
      difference(fit(learner, params, support).flat(), [...valuesIn(expected.weight), ...valuesIn(expected.bias)]),
    ).toBeLessThan(1e-7);
    expect(
      difference(
        valuesIn(learner.predict(learner.adapt(params, support), query.x)),
        valuesIn(other.predict(expected, query.x)),
      ),
    ).toBeLessThan(1e-6);
    // Each feature's precision the same: one for all.
    const each: PriorLearner = build({ model: identity(features), ways, lambda, scale: 2, prior: "each" });
    expect(difference(fit(each, each.init(key(1)), support).flat(), fit(learner, params, support).flat())).toBeLessThan(
      1e-12,
    );
  });

  test("a class without support examples keeps a probability, and one without precision to move is the prior's", () => {
    const firstTwo = {
      x: flat(valuesIn(support.x).slice(0, 6 * features), [6, features]),
      y: flat(valuesIn(support.y).slice(0, 6), [6], "int32"),
    };
    const logits = (precision: number): number[][] =>
      rowsOf(learner.predict(learner.adapt(withPrior(learner, { precision: [precision] }), firstTwo), query.x));
    for (const row of logits(lambda)) expect(row.every((z) => Math.abs(z) < 100)).toBe(true);
    const own = rowsOf(query.x).map(
      (x) => 2 * dot([...x, 1], column(priorOf(withPrior(learner, { precision: [1] })), 2)),
    );
    expect(difference(column(logits(1e9), 2), own)).toBeLessThan(1e-5);
  });

  test("more examples leave less of the prior: far from it, the fit goes to the head without one", () => {
    const plainFit = (given: Examples): number[] => {
      const other = plain({ model: identity(features), ways, lambda: 1e-6, scale: 2 });
      const { weight, bias } = other.adapt(other.init(key(1)), given);
      return [...valuesIn(weight), ...valuesIn(bias)];
    };
    const apart = (shots: number): number => {
      // Labels that no line tells apart: the fit without a penalty is finite.
      const x = noiseTensor([shots * ways, features], 5);
      const source = random(9);
      const given = {
        x,
        y: flat(
          Array.from({ length: shots * ways }, () => source.integer(ways)),
          [shots * ways],
          "int32",
        ),
      };
      const params = withPrior(learner, { precision: [1], size: 0.3 });
      return difference(fit(learner, params, given).flat(), plainFit(given));
    };
    expect(apart(40)).toBeLessThan(apart(5) / 3);
  });

  test("rows of padding and rows without a label count for nothing", () => {
    const params = withPrior(learner, { precision: [lambda] });
    const own = fit(learner, params, support).flat();
    expect(difference(fit(learner, params, padded(support)).flat(), own)).toBeLessThan(1e-12);
    const more = {
      x: concat([support.x, noiseTensor([2, features], 9)]),
      y: concat([support.y, flat([-1, -1], [2], "int32")]),
    };
    expect(difference(fit(learner, params, more).flat(), own)).toBeLessThan(1e-12);
  });

  test("refuses what is none, and says its options", () => {
    const refused = (options: Partial<LearnedPriorOptions>) =>
      expect(() => build({ model: identity(2), ways: 3, ...options }));
    refused({ ways: 1 }).toThrow(`IL102 ${name}: 1 ways`);
    refused({ lambda: 0 }).toThrow(`IL102 ${name}: lambda 0`);
    refused({ scale: Number.NaN }).toThrow(`IL102 ${name}: scale NaN`);
    refused({ prior: "some" as never }).toThrow(`IL102 ${name}: prior "some"`);
    const { outputShape: _, ...unsaid } = identity(2);
    refused({ model: unsaid }).toThrow(`IL102 ${name}: the model does not say`);
    const model = Object.assign(
      sequential([linear({ inputs: 3, outputs: 4 }), batchNorm({ channels: 4, mode: "support" })]),
      { outputShape: [4] },
    );
    const made = build({ model, ways: 2, lambda: 2, scale: 7, prior: "each" });
    expect(made.description).toMatchObject({ lambda: 2, scale: 7, prior: "each", batchNorm: "support" });
    expect(made.init(key(1)).head.logLambda.shape).toEqual([4]);
    expect(build({ model, ways: 2 }).init(key(1)).head.logLambda.shape).toEqual([]);
  });
});

test("priorLogisticRegression refuses Newton steps that are none", () => {
  expect(() => priorLogisticRegression({ model: identity(2), ways: 2, newtonSteps: 0 })).toThrow(
    "IL102 priorLogisticRegression: 0 Newton steps",
  );
});

// Of twelve features the first tells classes apart in all domains, the second in one way or the other, the rest in none: a
// learner that keeps what it has seen is right without an example, and better with some.
describe("what training domains know", () => {
  const wide = 12;
  const domain = (d: number) => {
    const source = random(77, d);
    const own = [0.8, source.uniform() < 0.5 ? -0.8 : 0.8];
    return {
      name: `domain ${d}`,
      data: labelledExamples({
        name: `${d}`,
        exampleShape: [wide],
        classes: [-1, 1].map((sign) => ({
          name: sign < 0 ? "negative" : "positive",
          examples: Array.from({ length: 40 }, () =>
            Array.from({ length: wide }, (_, i) => sign * (own[i] ?? 0) + source.normal()),
          ),
        })),
      }),
    };
  };
  const train = domainTasks(
    Array.from({ length: 12 }, (_, d) => domain(d)),
    { shots: { from: 0, to: 5 }, queries: 10 },
  );
  const held = Array.from({ length: 6 }, (_, d) => domain(100 + d));
  const accuracy = (learner: Learner, params: Tree, shots: number): number => {
    const source = domainTasks(held, { shots, queries: 20 });
    let right = 0;
    for (let index = 0; index < 15; index++) {
      const { support, query } = source.sample(3, index);
      const labels = valuesIn(query.y);
      const logits = rowsOf(learner.predict(learner.adapt(params, support), query.x));
      right += logits.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length / labels.length;
    }
    return right / 15;
  };

  test.each([
    [...builders[0], { lambda: 30, scale: 5, learningRate: 0.02, updates: 150 }],
    [...builders[1], { lambda: 8, scale: 3, learningRate: 0.1, updates: 60 }],
  ] as const)("%s is better than chance without examples, and better yet with five", (_, build, plain, schedule) => {
    const { lambda, scale, learningRate, updates } = schedule;
    const learner = build({ model: identity(wide), ways: 2, lambda, scale, prior: "each" }) as unknown as Learner;
    const optimizer = adam({ learningRate });
    // Values, and not what they are made of, go on to the next update.
    const valued = <T extends Tree>(tree: T): T => {
      const values = numbersOf(tree);
      let at = 0;
      return mapTree((leaf) => flat(values[at++]!, leaf.shape, leaf.dtype), tree);
    };
    let params = learner.init(key(1));
    let state = optimizer.init(params);
    for (let index = 0; index < updates; index++) {
      const { gradient } = learner.metaGradient(params, train.sample(1, index));
      const next = optimizer.update(valued(gradient), state, params);
      params = valued(applyUpdates(params, next.updates));
      state = valued(next.state);
    }
    const [none, five] = [accuracy(learner, params, 0), accuracy(learner, params, 5)];
    expect(none).toBeGreaterThan(0.65);
    expect(five).toBeGreaterThan(none + 0.01);
    // Better than five examples alone.
    const other = plain({ model: identity(wide), ways: 2 }) as unknown as Learner;
    expect(five).toBeGreaterThan(accuracy(other, other.init(key(1)), 5) + 0.01);
  });
});
