import { concat, gather, sigmoid, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, conv2d, flatten, linear, maxPool, relu, sequential } from "../../layers/layers.js";
import { convMaps, mlp } from "../../networks/models.js";
import { classificationTask, flat, namedValues, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import { largestDifference, metricLearnerContract, padded, predictions } from "./metric-learner.fixture.js";
import { relationNetwork } from "./relation.js";

const vectors = mlp({ sizes: [4, 5, 3], activation: "tanh" });
const maps = (mode: "transductive" | "support" | "running") =>
  convMaps({ imageShape: [4, 4, 1], filters: 2, blocks: 2, pooledBlocks: 0, batchNorm: mode });
const identity = (...outputShape: number[]): Layer => Object.assign(functionLayer((x) => x) as Layer, { outputShape });
const vectorTask = (index = 0): Task => classificationTask([4], 4, 2, 2, index);
const imageTask = (index = 0): Task => classificationTask([4, 4, 1], 4, 2, 2, index);

describe.each([
  ["vectors", { model: vectors }, vectorTask, 2],
  ["vectors, cross-entropy", { model: vectors, hidden: 4, loss: "crossEntropy" }, vectorTask, 2],
  ["maps, transductive", { model: maps("transductive"), hidden: 4 }, imageTask, 3],
  ["maps, support", { model: maps("support"), hidden: 4 }, imageTask, 3],
] as const)("the learner's contract, %s", (_, options, task, seed) => {
  metricLearnerContract(relationNetwork({ ...options, ways: 4 }) as Learner, task, seed);
});

type Module = { relation: { first: { weight: Tensor; bias: Tensor }; rest: { [at: string]: Tree } } };
const module = (learner: Learner, seed = 3): Module => learner.init(key(seed)) as unknown as Module;
/** Pairs of class sums and queries joined along the last axis, query by query. */
const joined = ({ support, query }: Task, ways: number): Tensor => {
  const [shots, size] = [support.x.shape[0]! / ways, support.x.size / support.x.shape[0]!];
  const rows = valuesIn(support.x);
  const sums = flat(
    Array.from({ length: ways * size }, (_, at) =>
      Array.from(
        { length: shots },
        (_, shot) => rows[(Math.floor(at / size) * shots + shot) * size + (at % size)]!,
      ).reduce((a, b) => a + b, 0),
    ),
    [ways, ...support.x.shape.slice(1)],
  );
  const queries = query.x.shape[0]!;
  const each = (f: (pair: number) => number): Tensor =>
    tensor(
      Array.from({ length: queries * ways }, (_, pair) => f(pair)),
      [queries * ways],
      "int32",
    );
  const parts = [
    gather(
      sums,
      each((pair) => pair % ways),
    ),
    gather(
      query.x,
      each((pair) => Math.floor(pair / ways)),
    ),
  ];
  return concat(parts, -1);
};

describe("the module", () => {
  test("of vectors is two fully connected layers of the joined pair, then a sigmoid", () => {
    const learner = relationNetwork({ model: identity(4), ways: 4, hidden: 3 }) as Learner;
    const { relation } = module(learner);
    const plain = sequential([linear({ inputs: 8, outputs: 3 }), relu(), linear({ inputs: 3, outputs: 1 })] as Layer[]);
    const scores = plain.apply({ "0": relation.first, "2": relation.rest["1"]! }, joined(vectorTask(), 4));
    const found = predictions(learner, learner.init(key(3)), vectorTask());
    // The sums are rounded to float32 here.
    expect(largestDifference(found, valuesIn(sigmoid(scores)))).toBeLessThan(1e-6);
  });

  test("of maps is the paper's layers on maps joined by channel", () => {
    const learner = relationNetwork({ model: identity(4, 4, 2), ways: 2, filters: 3, hidden: 4 }) as Learner;
    const task = classificationTask([4, 4, 2], 2, 2, 2);
    const { relation } = module(learner);
    const norm = () => batchNorm({ channels: 3, mode: "transductive" });
    const plain = sequential([
      ...[conv2d({ channelsIn: 4, channelsOut: 3 }), norm(), relu(), maxPool(2)],
      ...[conv2d({ channelsIn: 3, channelsOut: 3 }), norm(), relu(), maxPool(2)],
      ...[flatten(), linear({ inputs: 3, outputs: 4 }), relu(), linear({ inputs: 4, outputs: 1 })],
    ] as Layer[]);
    const moved = Object.entries(relation.rest).map(([at, value]) => [String(Number(at) + 1), value]);
    const scores = plain.apply(
      Object.fromEntries([["0", relation.first], ...moved]) as { [at: string]: Tree },
      joined(task, 2),
    );
    const found = predictions(learner, learner.init(key(3)), task);
    expect(largestDifference(found, valuesIn(sigmoid(scores)))).toBeLessThan(1e-6);
  });

  test("maps that are smaller than a pooling window are not pooled", () => {
    const learner = relationNetwork({ model: identity(2, 2, 1), ways: 2, filters: 3, hidden: 4 });
    const { relation } = module(learner as Learner);
    expect(numbersOf(relation.rest["7"]!)[0]).toHaveLength(12);
  });

  test("the paper's sizes on Omniglot: 64 features, 8 hidden units", () => {
    const learner = relationNetwork({ model: convMaps({ imageShape: [28, 28, 1] }), ways: 5 });
    const { relation } = module(learner as Learner);
    expect(relation.first.weight.shape).toEqual([3, 3, 128, 64]);
    expect(
      Object.values(relation.rest).flatMap((part) => ("weight" in part ? [(part.weight as Tensor).shape] : [])),
    ).toEqual([
      [3, 3, 64, 64],
      [64, 8],
      [8, 1],
    ]);
  });
});

test("scores depend on the sums of the classes alone", () => {
  const learner = relationNetwork({ model: identity(2), ways: 2, hidden: 4 }) as Learner;
  const params = learner.init(key(1));
  const support = (rows: number[][], y: number[]): Task["support"] => ({
    x: tensor(rows),
    y: tensor(y, [y.length], "int32"),
  });
  const query = vectorTask().query;
  const pairs = { x: flat(valuesIn(query.x), [16, 2]), y: tensor(new Array<number>(16).fill(0), [16], "int32") };
  const scores = (of: Task["support"]): number[] => predictions(learner, params, { support: of, query: pairs });
  const sums = scores(
    support(
      [
        [1, 2],
        [4, -1],
      ],
      [0, 1],
    ),
  );
  const split = scores(
    support(
      [
        [5, -1],
        [0.5, 1],
        [-1, 0],
        [0.5, 1],
        [0, 0],
      ],
      [1, 0, 1, 0, 0],
    ),
  );
  expect(largestDifference(split, sums)).toBeLessThan(1e-12);
  expect(
    largestDifference(
      scores(
        support(
          [
            [1, 2],
            [4, 0],
          ],
          [0, 1],
        ),
      ),
      sums,
    ),
  ).toBeGreaterThan(1e-3);
});

test("the loss is the mean square of scores against 1 and 0", () => {
  const learner = relationNetwork({ model: vectors, ways: 4 }) as Learner;
  const params = learner.init(key(1));
  const scores = predictions(learner, params, vectorTask());
  expect(Math.min(...scores)).toBeGreaterThan(0);
  expect(Math.max(...scores)).toBeLessThan(1);
  const errors = scores.map((r, at) => (r - (Math.floor(at / 8) === at % 4 ? 1 : 0)) ** 2);
  const { loss, metrics } = learner.metaGradient(params, vectorTask());
  expect(valuesIn(loss)[0]).toBeCloseTo(errors.reduce((a, b) => a + b, 0) / 32, 12);
  const right = Array.from({ length: 8 }, (_, row) => {
    const own = scores.slice(4 * row, 4 * row + 4);
    return own.indexOf(Math.max(...own)) === Math.floor(row / 2) ? 1 : 0;
  });
  expect(valuesIn(metrics.accuracy!)[0]).toBeCloseTo(right.reduce((a: number, b) => a + b, 0) / 8, 12);
});

test.each([
  ["meanSquaredError", "transductive"],
  ["meanSquaredError", "support"],
  ["crossEntropy", "transductive"],
] as const)("%s, %s: a class without support examples gets no score, and has no part in statistics", (loss, mode) => {
  const [narrow, wide] = [4, 6].map((ways) => relationNetwork({ model: maps(mode), ways, hidden: 4, loss }) as Learner);
  const params = narrow!.init(key(1));
  const { support, query } = imageTask();
  const few = predictions(narrow!, params, imageTask());
  for (const given of [support, padded(support)]) {
    const many = predictions(wide!, params, { support: given, query });
    for (let row = 0; row < 8; row++) {
      expect(largestDifference(many.slice(6 * row, 6 * row + 4), few.slice(4 * row, 4 * row + 4))).toBeLessThan(1e-7);
      for (const absent of many.slice(6 * row + 4, 6 * row + 6))
        expect(absent).toBeLessThan(loss === "crossEntropy" ? -1e8 : 1e-12);
    }
  }
});

describe("batch normalisation of pairs", () => {
  const first = (mode: "transductive" | "support", company: number): number[] => {
    const learner = relationNetwork({ model: maps(mode), ways: 4, hidden: 4 }) as Learner;
    const row = valuesIn(imageTask().query.x).slice(0, 16);
    const x = flat([...row, ...valuesIn(imageTask(company).query.x)], [9, 4, 4, 1]);
    return predictions(learner, learner.init(key(1)), {
      support: imageTask().support,
      query: { x, y: tensor(new Array<number>(9).fill(0), [9], "int32") },
    }).slice(0, 4);
  };

  test("of mode support: a prediction does not depend on other queries", () => {
    expect(first("support", 5)).toEqual(first("support", 6));
    expect(first("transductive", 5)).not.toEqual(first("transductive", 6));
  });

  test("of mode running: averages of the embedding and of the module are reported by their paths", () => {
    const learner = relationNetwork({ model: maps("running"), ways: 4, hidden: 4 }) as Learner;
    const params = learner.init(key(1));
    const { statistics } = learner.metaGradient(params, imageTask());
    const paths = Object.keys(namedValues(params)).filter((path) => path.endsWith("/runningMean"));
    expect(Object.keys(statistics!).map((path) => `${path}/runningMean`)).toEqual(paths);
    expect(paths).toHaveLength(4);
  });
});

test("says its options, and refuses those that are none", () => {
  expect(relationNetwork({ model: maps("support"), ways: 4 }).description).toEqual({
    loss: "meanSquaredError",
    hidden: 8,
    filters: 2,
    batchNorm: "support",
  });
  expect(relationNetwork({ model: vectors, ways: 4, loss: "crossEntropy" }).description).toEqual({
    loss: "crossEntropy",
    hidden: 3,
  });
  const shapeless: Layer = functionLayer((x) => x) as Layer;
  expect(() => relationNetwork({ model: vectors, ways: 1 })).toThrow(/^IL102 relationNetwork: 1 ways/);
  expect(() => relationNetwork({ model: vectors, ways: 4, hidden: 0 })).toThrow(/^IL102 relationNetwork: hidden 0/);
  expect(() => relationNetwork({ model: shapeless, ways: 4 })).toThrow(
    /^IL102 relationNetwork: the model does not say/,
  );
  expect(() => relationNetwork({ model: identity(3, 4), ways: 4 })).toThrow(/^IL102 relationNetwork: outputs of shape/);
  expect(() => convMaps({ imageShape: [8, 8, 1], pooledBlocks: 5 })).toThrow(/^IL102 convMaps: pooledBlocks 5 of 4/);
});

test("a learner of more ways than the task has classes has the loss of one with as many", () => {
  const few = classificationTask([4], 3, 2, 2);
  const losses = [few, { support: few.support, query: padded(few.query) }].flatMap((one) =>
    [3, 12].map((ways) => {
      const learner = relationNetwork({ model: vectors, ways });
      const { loss } = learner.metaGradient(learner.init(key(3)), one);
      return valuesIn(loss)[0]!;
    }),
  );
  // 1 / 6 is float32's in a mean of all rows.
  for (const loss of losses) expect(loss).toBeCloseTo(losses[0]!, 6);
  expect(losses[0]).toBeGreaterThan(0.1);
});
