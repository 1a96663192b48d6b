import { gather, leaves, mul, softmax, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { mlp } from "../../networks/models.js";
import { classificationTask, namedValues, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import { cosineSimilarities } from "./distances.js";
import { matchingNetwork } from "./matching.js";
import { largestDifference, metricLearnerContract, predictions } from "./metric-learner.fixture.js";

const model = mlp({ sizes: [4, 5, 3], activation: "tanh" });
const identity: Layer = Object.assign(functionLayer((x) => x) as Layer, { outputShape: [3] });
const task = (index = 0) => classificationTask([4], 4, 2, 2, index);
const probabilities = (learner: Learner, params: Tree, of = task()): number[] =>
  valuesIn(softmax(learner.predict(learner.adapt(params, of.support), of.query.x)));
/** The same examples in another order. */
const permuted = ({ x, y }: Examples): Examples => {
  const order = tensor([5, 2, 7, 0, 3, 6, 1, 4], [8], "int32");
  return { x: gather(x, order), y: gather(y, order) };
};

describe.each([
  ["plain", { model }],
  ["learned temperature", { model, temperature: "learned" }],
  ["full context", { model, fullContext: true, processingSteps: 2 }],
  ["full context, learned temperature", { model, fullContext: true, processingSteps: 2, temperature: "learned" }],
  [
    "batch normalisation",
    { model: sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode: "support" }), tanh()]) },
  ],
] as const)("the learner's contract, %s", (_, options) => {
  metricLearnerContract(matchingNetwork({ ...options, ways: 4 }) as Learner, task);
});

describe("without full context", () => {
  test("one shot is the softmax of the cosine similarities with the supports", () => {
    const one = classificationTask([3], 4, 1, 2);
    const learner = matchingNetwork({ model: identity, ways: 4 }) as Learner;
    const expected = valuesIn(softmax(cosineSimilarities(one.query.x, one.support.x)));
    expect(largestDifference(probabilities(learner, {}, one), expected)).toBeLessThan(1e-12);
  });

  test("the probability of a class is the attention that its examples get; the loss is its -log", () => {
    const learner = matchingNetwork({ model: identity, ways: 4, temperature: 0.25 }) as Learner;
    const three = classificationTask([3], 4, 2, 2);
    const attention = valuesIn(softmax(mul(cosineSimilarities(three.query.x, three.support.x), 4)));
    const expected = Array.from({ length: 8 * 4 }, (_, at) => {
      const [row, way] = [Math.floor(at / 4), at % 4];
      return attention[8 * row + 2 * way]! + attention[8 * row + 2 * way + 1]!;
    });
    const found = probabilities(learner, {}, three);
    expect(largestDifference(found, expected)).toBeLessThan(1e-12);
    const logs = Array.from({ length: 8 }, (_, row) => -Math.log(expected[4 * row + Math.floor(row / 2)]!));
    const loss = valuesIn(learner.metaGradient({ none: tensor(0) }, three).loss)[0]!;
    expect(loss).toBeCloseTo(logs.reduce((a, b) => a + b, 0) / 8, 10);
  });

  test("padding that is just like a query leaves nothing undefined, however low the temperature", () => {
    const learner = matchingNetwork({ model: identity, ways: 2, temperature: 1e-3 }) as Learner;
    const query = { x: tensor([[1, 0, 0]]), y: tensor([0], [1], "int32") };
    const support = {
      x: tensor([
        [-1, 0.001, 0],
        [-1, 0, 0],
        [1, 0, 0],
      ]),
      y: tensor([0, 1, 1], [3], "int32"),
      present: tensor([1, 1, 0]),
    };
    const [p, q] = predictions(learner, {}, { support, query });
    expect(p! - q!).toBeCloseTo(5e-4, 5);
  });

  test("a class far from a query has its loss and gradient, however low the temperature", () => {
    // The query of class 1 looks like class 0: at a temperature T the loss is (1 - cosine) / T.
    const far = {
      support: { x: noiseTensor([4, 3], 5), y: tensor([0, 0, 1, 1], [4], "int32") },
      query: { x: tensor([[1, 0, 0]]), y: tensor([1], [1], "int32") },
    };
    const scaled = (temperature: number) => {
      const learner = matchingNetwork({ model: linear({ inputs: 3, outputs: 3 }), ways: 2, temperature });
      const { loss, gradient } = learner.metaGradient(learner.init(key(2)), far);
      return [loss, ...leaves(gradient)].flatMap((leaf) => valuesIn(leaf).map((value) => value * temperature));
    };
    const [low, lower] = [scaled(1e-3), scaled(1e-4)];
    expect(Math.abs(low[0]! / 1e-3)).toBeGreaterThan(50);
    // Divided by T, both are those of the nearest examples of the two classes.
    expect(largestDifference(lower, low)).toBeLessThan(1e-3);
  });

  test("the energy of a query tells how near the support set is", () => {
    const learner = matchingNetwork({ model: identity, ways: 2 }) as Learner;
    const support = {
      x: tensor([
        [1, 0, 0],
        [0, 1, 0],
      ]),
      y: tensor([0, 1], [2], "int32"),
    };
    const query = {
      x: tensor([
        [1, 0, 0],
        [-1, 0, 0],
      ]),
      y: tensor([0, 1], [2], "int32"),
    };
    const [a, b, c, d] = predictions(learner, {}, { support, query });
    expect([a, b, c, d].map((value) => Math.round(value! * 1e6) / 1e6)).toEqual([1, 0, -1, 0]);
  });

  test("the order of the support set does not matter", () => {
    const learner = matchingNetwork({ model, ways: 4 }) as Learner;
    const params = learner.init(key(1));
    const { support, query } = task();
    const found = predictions(learner, params, { support: permuted(support), query });
    expect(largestDifference(found, predictions(learner, params, task()))).toBeLessThan(1e-12);
  });

  test("parameters are the model's own", () => {
    expect(namedValues(matchingNetwork({ model, ways: 4 }).init(key(1)))).toEqual(namedValues(model.init(key(1))));
  });
});

describe("with full context", () => {
  const learner = matchingNetwork({ model, ways: 4, fullContext: true }) as Learner;
  const params = learner.init(key(1)) as { readonly [name: string]: Tree };

  test("the support set is read as a sequence: its order matters", () => {
    const { support, query } = task();
    const found = predictions(learner, params, { support: permuted(support), query });
    expect(largestDifference(found, predictions(learner, params, task()))).toBeGreaterThan(1e-4);
  });

  test("is the paper's equations", () => {
    const [rows, dim] = [3, 2];
    const small = Object.assign(functionLayer((x) => x) as Layer, { outputShape: [dim] });
    const two = matchingNetwork({ model: small, ways: 3, fullContext: true, processingSteps: 2 }) as Learner;
    const at = two.init(key(4)) as { readonly [name: string]: Tree };
    const one = {
      support: classificationTask([dim], rows, 1, 1).support,
      query: { x: noiseTensor([1, dim], 3), y: tensor([0], [1], "int32") },
    };
    // Plain numbers from here on.
    const logistic = (v: number): number => 1 / (1 + Math.exp(-v));
    const lstm = (name: string, x: number[], h: number[], c: number[]): [number[], number[]] => {
      const { inputWeight, hiddenWeight, bias } = namedValues(at[name]!) as Record<string, number[]>;
      const pre = (column: number): number =>
        bias![column]! +
        x.reduce((total, v, i) => total + v * inputWeight![i * 4 * dim + column]!, 0) +
        h.reduce((total, v, i) => total + v * hiddenWeight![i * 4 * dim + column]!, 0);
      const cell = c.map((v, u) => logistic(pre(dim + u)) * v + logistic(pre(u)) * Math.tanh(pre(3 * dim + u)));
      return [cell.map((v, u) => logistic(pre(2 * dim + u)) * Math.tanh(v)), cell];
    };
    const x = Array.from({ length: rows }, (_, i) => valuesIn(one.support.x).slice(dim * i, dim * i + dim));
    const zero = [0, 0];
    const readThrough = (name: string, list: number[][]): number[][] => {
      let [h, c] = [zero, zero];
      return list.map((row) => {
        [h, c] = lstm(name, row, h, c);
        return h;
      });
    };
    const [ahead, back] = [readThrough("forwards", x), readThrough("backwards", [...x].reverse()).reverse()];
    const g = x.map((row, i) => row.map((v, u) => v + ahead[i]![u]! + back[i]![u]!));
    const query = valuesIn(one.query.x);
    const dot = (a: number[], b: number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);
    let [h, c] = [zero, zero];
    for (let k = 0; k < 2; k++) {
      const weights = g.map((row) => Math.exp(dot(h, row)));
      const total = weights.reduce((a, b) => a + b, 0);
      const read = zero.map((_, u) => g.reduce((sum, row, i) => sum + (weights[i]! / total) * row[u]!, 0));
      const [next, cell] = lstm("attention", [...query, ...read], h, c);
      [h, c] = [next.map((v, u) => v + query[u]!), cell];
    }
    const cosines = g.map((row) => dot(h, row) / Math.sqrt(dot(h, h) * dot(row, row)));
    const expected = cosines.map(Math.exp);
    const sum = expected.reduce((a, b) => a + b, 0);
    expect(
      largestDifference(
        probabilities(two, at, one),
        expected.map((v) => v / sum),
      ),
    ).toBeLessThan(1e-12);
  });

  test("parameters are those of the model and of three LSTMs", () => {
    expect(Object.keys(params)).toEqual(["model", "forwards", "backwards", "attention"]);
    const learned = matchingNetwork({ model, ways: 4, fullContext: true, temperature: "learned" });
    expect(Object.keys(learned.init(key(1)))).toEqual([
      "model",
      "logTemperature",
      "forwards",
      "backwards",
      "attention",
    ]);
  });
});

test("a class without support examples gets no probability; the others are as without it", () => {
  for (const fullContext of [false, true]) {
    const [narrow, wide] = [4, 6].map((ways) => matchingNetwork({ model, ways, fullContext }) as Learner);
    const params = narrow!.init(key(1));
    const [few, many] = [probabilities(narrow!, params), probabilities(wide!, params)];
    for (let row = 0; row < 8; row++) {
      expect(largestDifference(many.slice(6 * row, 6 * row + 4), few.slice(4 * row, 4 * row + 4))).toBeLessThan(1e-12);
      expect(many.slice(6 * row + 4, 6 * row + 6)).toEqual([0, 0]);
    }
  }
});

const plainLayer: Layer = functionLayer((x: Tensor) => x) as Layer;

test("says its options, and refuses those that are none", () => {
  expect(matchingNetwork({ model, ways: 4 }).description).toEqual({ fullContext: false });
  expect(matchingNetwork({ model, ways: 4, fullContext: true, temperature: 0.1 }).description).toEqual({
    fullContext: true,
    processingSteps: 5,
    temperature: 0.1,
  });
  expect(() => matchingNetwork({ model, ways: 1 })).toThrow(/^IL102 matchingNetwork: 1 ways/);
  expect(() => matchingNetwork({ model, ways: 2, processingSteps: 0 })).toThrow(/^IL102 matchingNetwork: 0 processing/);
  expect(() => matchingNetwork({ model, ways: 2, temperature: 0 })).toThrow(/^IL102 matchingNetwork: temperature 0/);
  expect(() => matchingNetwork({ model: plainLayer, ways: 2, fullContext: true })).toThrow(
    /^IL102 matchingNetwork: the model does not say/,
  );
});

test("refuses full context of features so many that its networks would not fit in memory", () => {
  const wide = (features: number) => ({ ...plainLayer, outputShape: [features] });
  expect(() => matchingNetwork({ model: wide(8256), ways: 2, fullContext: true })).toThrow(
    /^IL102 matchingNetwork: the recurrent networks over embeddings of 8256 features would be 1,908,523,008 weights, 7\.1 GiB.*\. Use a narrower embedding, or no full context$/,
  );
  matchingNetwork({ model: wide(8256), ways: 2 });
  matchingNetwork({ model: wide(2189), ways: 2, fullContext: true });
  expect(() => matchingNetwork({ model: wide(2190), ways: 2, fullContext: true })).toThrow(/^IL102 /);
});
