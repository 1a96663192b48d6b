import { type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { classificationTask, flat, namedValues, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { type Learner, measured } from "../learner.js";
import { largestDifference, metricLearnerContract, padded, predictions } from "./metric-learner.fixture.js";
import { siameseNetwork, tripletLoss, tripletNetwork } from "./siamese.js";

const model: Layer = Object.assign(sequential([linear({ inputs: 4, outputs: 3 }), tanh()]), { outputShape: [3] });
const normalized: Layer = Object.assign(
  sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode: "support" }), tanh()]),
  { outputShape: [3] },
);
const identity = (features: number): Layer =>
  Object.assign(functionLayer((x) => x) as Layer, { outputShape: [features] });
const task = (index = 0): Task => classificationTask([4], 4, 2, 2, index);
const rowsOf = (x: Tensor): number[][] => {
  const size = x.size / x.shape[0]!;
  const values = valuesIn(x);
  return Array.from({ length: x.shape[0]! }, (_, i) => values.slice(i * size, i * size + size));
};

describe.each([
  ["Siamese", siameseNetwork({ model, ways: 4 })],
  ["Siamese, batch normalisation", siameseNetwork({ model: normalized, ways: 4 })],
  ["triplets, all", tripletNetwork({ model, ways: 4 })],
  ["triplets, hard", tripletNetwork({ model, ways: 4, mining: "hard", normalised: false })],
  ["triplets, class means", tripletNetwork({ model: normalized, ways: 4, classifyBy: "mean", margin: 1 })],
])("the learner's contract, %s", (_, learner) => {
  metricLearnerContract(learner as Learner, task);
});

describe("siameseNetwork", () => {
  const learner = siameseNetwork({ model: identity(4), ways: 4 }) as Learner;
  const params = { model: {}, weight: tensor([-1, 0.5, -2, 0.25]), bias: tensor(0.75) } as Tree;
  const logit = (a: number[], b: number[]): number =>
    a.reduce((total, value, i) => total + [-1, 0.5, -2, 0.25][i]! * Math.abs(value - b[i]!), 0.75);

  test("predicts by the most alike example of each class", () => {
    const { support, query } = task();
    const [supports, queries] = [rowsOf(support.x), rowsOf(query.x)];
    const expected = queries.flatMap((q) =>
      [0, 1, 2, 3].map((way) => Math.max(logit(q, supports[2 * way]!), logit(q, supports[2 * way + 1]!))),
    );
    expect(largestDifference(predictions(learner, params, task()), expected)).toBeLessThan(1e-12);
  });

  test("trains on the binary cross-entropy of all pairs of a query and a support example", () => {
    const [supports, queries] = [rowsOf(task().support.x), rowsOf(task().query.x)];
    const losses = queries.flatMap((q, i) =>
      supports.map((s, j) => {
        const p = 1 / (1 + Math.exp(-logit(q, s)));
        return Math.floor(i / 2) === Math.floor(j / 2) ? -Math.log(p) : -Math.log(1 - p);
      }),
    );
    const { loss } = learner.metaGradient(params, task());
    expect(valuesIn(loss)[0]).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / 64, 12);
  });

  test("is symmetric in the two examples of a pair", () => {
    const { support, query } = task();
    const there = predictions(learner, params, { support: classificationTask([4], 4, 1, 1).support, query });
    expect(there).toHaveLength(32);
    const swapped = learner.metaGradient(params, { support: query, query: support }).loss;
    expect(valuesIn(swapped)[0]).toBeCloseTo(valuesIn(learner.metaGradient(params, task()).loss)[0]!, 12);
  });

  test("starts with what is far apart not being alike", () => {
    const first = namedValues(siameseNetwork({ model, ways: 4 }).init(key(1)));
    expect(first.weight).toEqual([-1 / 3, -1 / 3, -1 / 3].map(Math.fround));
    expect(first.bias).toEqual([0]);
  });
});

test.each([
  siameseNetwork({ model, ways: 4 }),
  tripletNetwork({ model, ways: 4, margin: 0.7 }),
  tripletNetwork({ model, ways: 4, margin: 0.7, mining: "hard", classifyBy: "mean" }),
] as Learner[])("with one shot the loss of predictions is the training loss ($name)", (learner) => {
  const one = classificationTask([4], 4, 1, 2);
  const params = learner.init(key(3));
  const evaluated = learner.loss(learner.predict(learner.adapt(params, one.support), one.query.x), one.query.y);
  expect(valuesIn(evaluated)[0]).toBeCloseTo(valuesIn(learner.metaGradient(params, one).loss)[0]!, 10);
});

describe("tripletLoss", () => {
  const distances = flat([1, 2, 4, 8, 3, 1], [2, 3]);
  const positive = flat([1, 0, 0, 0, 1, 1], [2, 3]);
  const negative = flat([0, 1, 1, 1, 0, 0], [2, 3]);
  const value = (margin: number, mining: "all" | "hard", p = positive, n = negative): number =>
    valuesIn(tripletLoss(distances, p, n, margin, mining))[0]!;

  test("is the mean violation of the margin over all triplets, or the hardest of each anchor", () => {
    // Triplets: 1 - 2, 1 - 4, 3 - 8, 1 - 8.
    expect(value(4, "all")).toBeCloseTo((3 + 1 + 0 + 0) / 4, 12);
    expect(value(4, "hard")).toBeCloseTo((3 + 0) / 2, 12);
    expect(value(6, "hard")).toBeCloseTo((5 + 1) / 2, 12);
  });

  test("is 0 where the margin is kept, and where there is no triplet", () => {
    for (const mining of ["all", "hard"] as const) {
      expect(value(1, mining)).toBe(0);
      expect(value(1.5, mining)).toBeGreaterThan(0);
      const none = flat([0, 0, 0, 0, 0, 0], [2, 3]);
      expect(value(100, mining, none)).toBe(0);
      expect(value(100, mining, positive, none)).toBe(0);
    }
  });

  test("an anchor without a triplet does not count", () => {
    const first = flat([0, 1, 1, 0, 0, 0], [2, 3]);
    for (const mining of ["all", "hard"] as const)
      expect(value(4, mining, positive, first)).toBe(mining === "all" ? 2 : 3);
  });
});

describe("tripletNetwork", () => {
  const support = {
    x: tensor([
      [0, 0],
      [0, 1],
      [5, 0],
      [6, 0],
    ]),
    y: tensor([0, 0, 1, 1], [4], "int32"),
  };
  const query = {
    x: tensor([
      [0, 0.5],
      [4, 0],
    ]),
    y: tensor([0, 1], [2], "int32"),
  };

  test("compares with the nearest example or the mean of a class", () => {
    const of = (classifyBy: "nearest" | "mean"): number[] =>
      predictions(
        tripletNetwork({ model: identity(2), ways: 2, normalised: false, classifyBy }) as Learner,
        {},
        { support, query },
      );
    expect(of("nearest")).toEqual([-0.25, -25.25, -16, -1]);
    expect(of("mean").map((v) => v + 0)).toEqual([0, -30.5, -16.25, -2.25]);
  });

  test("embeddings are of length 1 unless told otherwise", () => {
    const learner = tripletNetwork({ model: identity(2), ways: 2 });
    const shifted = {
      ...support,
      x: flat(
        valuesIn(support.x).map((v) => v + 1),
        [4, 2],
      ),
    };
    const [embedded] = numbersOf(learner.adapt({}, shifted).embedded);
    for (let i = 0; i < 4; i++) expect(Math.hypot(embedded![2 * i]!, embedded![2 * i + 1]!)).toBeCloseTo(1, 12);
  });

  test("a satisfied task has no loss and no gradient", () => {
    const far = tripletNetwork({
      model: linear({ inputs: 2, outputs: 2 }) as Layer,
      ways: 2,
      normalised: false,
      margin: 1e-3,
    });
    const params = {
      weight: tensor([
        [1, 0],
        [0, 1],
      ]),
      bias: tensor([0, 0]),
    } as Tree;
    const { loss, gradient } = far.metaGradient(params, { support, query });
    expect(valuesIn(loss)).toEqual([0]);
    expect(
      numbersOf(gradient)
        .flat()
        .every((v) => v === 0),
    ).toBe(true);
  });
});

test("a class without support examples is never predicted, and is not in the loss", () => {
  for (const make of [
    (ways: number) => siameseNetwork({ model, ways }),
    (ways: number) => tripletNetwork({ model, ways }),
    (ways: number) => tripletNetwork({ model, ways, classifyBy: "mean", mining: "hard" }),
  ]) {
    const [narrow, wide] = [make(4) as Learner, make(6) as Learner];
    const params = narrow.init(key(1));
    const few = predictions(narrow, params, task());
    const many = predictions(wide, params, { support: padded(task().support), query: task().query });
    for (let row = 0; row < 8; row++) {
      expect(largestDifference(many.slice(6 * row, 6 * row + 4), few.slice(4 * row, 4 * row + 4))).toBeLessThan(1e-12);
      expect(Math.max(...many.slice(6 * row + 4, 6 * row + 6))).toBeLessThan(-1e8);
    }
    expect(valuesIn(wide.metaGradient(params, task()).loss)[0]).toBeCloseTo(
      valuesIn(narrow.metaGradient(params, task()).loss)[0]!,
      12,
    );
  }
});

test("say their options, and refuse those that are none", () => {
  expect(siameseNetwork({ model: normalized, ways: 2 }).description).toEqual({ batchNorm: "support" });
  expect(tripletNetwork({ model, ways: 2, mining: "hard" }).description).toEqual({
    margin: 0.2,
    mining: "hard",
    normalised: true,
    classifyBy: "nearest",
  });
  expect(() => siameseNetwork({ model, ways: 1 })).toThrow(/^IL102 siameseNetwork: 1 ways/);
  expect(() => siameseNetwork({ model: functionLayer((x) => x) as Layer, ways: 2 })).toThrow(
    /^IL102 siameseNetwork: the model does not say/,
  );
  expect(() => tripletNetwork({ model, ways: 1 })).toThrow(/^IL102 tripletNetwork: 1 ways/);
  expect(() => tripletNetwork({ model, ways: 2, margin: 0 })).toThrow(/^IL102 tripletNetwork: margin 0/);
});

test("the loss that evaluation reports is that of the classes that a task has", () => {
  const few = classificationTask([4], 3, 2, 2);
  const losses = [few, { support: few.support, query: padded(few.query) }].flatMap((one) =>
    [3, 12].map((ways) => {
      const learner = siameseNetwork({ model, ways });
      const prediction = learner.predict(learner.adapt(learner.init(key(3)), one.support), one.query.x);
      return valuesIn(measured(learner.loss, prediction, one.query).loss)[0]!;
    }),
  );
  // 1 / 6 is float32's in a mean of all rows.
  for (const loss of losses) expect(loss).toBeCloseTo(losses[0]!, 6);
  expect(losses[0]).toBeGreaterThan(0.1);
});
