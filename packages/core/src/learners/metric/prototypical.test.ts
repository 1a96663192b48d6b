import { readFileSync } from "node:fs";
import {
  add,
  leaves,
  matmul,
  mul,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
  unflatten,
} from "@innerloop/graph";
import { type ReferenceFile, referenceCases } from "@innerloop/graph/testing";
import { describe, expect, test } from "vitest";
import { episodes } from "../../domains/classification/episodes.js";
import { labelledExamples } from "../../domains/classification/labelled-examples.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, dropout, linear, sequential, tanh } from "../../layers/layers.js";
import { convEmbedding, convNet, mlp } from "../../networks/models.js";
import { classificationTask, flat, gradientError, namedValues, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { applyUpdates } from "../../optimizers/gradient-transformation.js";
import { adam } from "../../optimizers/optimizers.js";
import { key, random } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { type Learner, meanMetaGradient } from "../learner.js";
import { metricLearnerContract } from "./metric-learner.fixture.js";
import { type PrototypeDistance, type Prototypes, prototypicalNetwork } from "./prototypical.js";

const distances: readonly PrototypeDistance[] = ["squaredEuclidean", "euclidean", "cosine"];
const identity: Layer = functionLayer((x) => x) as Layer;
const labels = (...values: number[]): Tensor => tensor(values, [values.length], "int32");
const classify = (learner: Learner<Tree, Prototypes>, { support, query }: Task): Prototypes & { logits: number[] } => {
  const adapted = learner.adapt(learner.init(key(1)), support);
  return { ...adapted, logits: valuesIn(learner.predict(adapted, query.x)) };
};

describe("distances to prototypes", () => {
  // Two examples of each class around (2, 2, 2) and (4, 4, 4), in mixed order.
  const support = {
    x: tensor([
      [1, 2, 2],
      [5, 4, 4],
      [3, 2, 2],
      [3, 4, 4],
    ]),
    y: labels(0, 1, 0, 1),
  };
  const task: Task = { support, query: { x: tensor([[1, 2, 3]]), y: labels(0) } };

  test.each([
    ["squaredEuclidean", [2, 14]],
    ["euclidean", [Math.SQRT2, Math.sqrt(14)]],
    // 1 - 12 / (sqrt(14) sqrt(12)) for both: the prototypes are parallel.
    ["cosine", [0.0742, 0.0742]],
  ] as const)("%s: the worked example", (distance, expected) => {
    const { prototypes, logits } = classify(prototypicalNetwork({ model: identity, ways: 2, distance }), task);
    expect(valuesIn(prototypes)).toEqual([2, 2, 2, 4, 4, 4]);
    expected.forEach((value, i) => {
      expect(-logits[i]!).toBeCloseTo(value, 4);
    });
  });

  test.each(distances)("%s: an embedding that meets a prototype, and one at zero, have finite slopes", (distance) => {
    const learner = prototypicalNetwork({ model: linear({ inputs: 2, outputs: 2 }), ways: 2, distance });
    const x = tensor([
      [0, 0],
      [1, 2],
    ]);
    const at = { x, y: labels(0, 1) };
    const { gradient, loss } = learner.metaGradient(learner.init(key(1)), { support: at, query: at });
    expect([...numbersOf(gradient).flat(), valuesIn(loss)[0]!].every(Number.isFinite)).toBe(true);
  });
});

test("with squared Euclidean distance it is the linear classifier of weights 2 c_k and biases -|c_k|^2", () => {
  const task = classificationTask([3], 4, 2, 3);
  const learner = prototypicalNetwork({ model: mlp({ sizes: [3, 6, 5], activation: "tanh" }), ways: 4 });
  const params = learner.init(key(1));
  const { prototypes } = learner.adapt(params, task.support);
  const features = mlp({ sizes: [3, 6, 5], activation: "tanh" }).apply(params, task.query.x);
  const linearLogits = sub(matmul(features, mul(swapLast(prototypes), 2)), sum(mul(prototypes, prototypes), -1));
  // The classifier leaves out |f(x)|^2, which is the same for all classes.
  const own = sum(mul(features, features), -1, { keepAxes: true });
  const logits = valuesIn(add(learner.predict(learner.adapt(params, task.support), task.query.x), own));
  valuesIn(linearLogits).forEach((value, i) => {
    expect(logits[i]).toBeCloseTo(value, 12);
  });
});

const file = new URL("../../../../graph/src/testing/fixtures/meta-gradients.json", import.meta.url);
const published = referenceCases(JSON.parse(readFileSync(file, "utf8")) as ReferenceFile, "float64").filter(
  ({ name }) => name.startsWith("proto"),
);

describe("reproduces the published gradients of PyTorch to 1e-9", () => {
  test("both are here", () => expect(published.map(({ name }) => name)).toHaveLength(2));

  test.each(published)("$name", ({ name, given, expected }) => {
    const distance = name.slice("proto-".length) as PrototypeDistance;
    const learner = prototypicalNetwork({ model: mlp({ sizes: [6, 10, 4] }), ways: 3, distance });
    const { tasks } = given;
    const result = meanMetaGradient(learner, unflatten(learner.init(key(0)), [...given.params]), {
      support: { x: tasks.supportX, y: tasks.supportY },
      query: { x: tasks.queryX, y: tasks.queryY },
    });
    const values = numbersOf([result.loss, result.gradient]);
    expect(values).toHaveLength(5);
    expected.slice(0, values.length).forEach(({ what, values: wanted, scale }, i) => {
      expect(values[i], what).toHaveLength(wanted.length);
      const worst = wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - values[i]![at]!)), 0);
      expect(worst / scale, what).toBeLessThan(1e-9);
    });
  });
});

describe.each(distances)("the learner's contract, %s", (distance) => {
  const model = sequential([linear({ inputs: 4, outputs: 5 }), tanh(), linear({ inputs: 5, outputs: 3 })]);
  const learner = prototypicalNetwork({ model, ways: 3, distance });
  const task = (index = 0): Task => classificationTask([4], 3, 2, 2, index);
  const params = learner.init(key(2));

  test("its gradient is what central differences of adapt, then predict, tell", () => {
    const f = (at: Tree): Tensor =>
      learner.loss(learner.predict(learner.adapt(at, task().support), task().query.x), task().query.y);
    const { gradient, loss, metrics } = learner.metaGradient(params, task());
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(f(params))[0]!, 10);
    expect(gradientError(f, params, gradient, { h: 1e-4 })).toBeLessThan(1e-7);
    expect(Object.keys(metrics)).toEqual(["accuracy"]);
  });

  test("takes other shots and queries, and ignores a number of steps", () => {
    const other: Task = { support: classificationTask([4], 3, 5, 1, 8).support, query: task(9).support };
    const adapted = learner.adapt(params, other.support);
    expect(learner.predict(adapted, other.query.x).shape).toEqual([other.query.x.shape[0], 3]);
    expect(namedValues(learner.adapt(params, other.support, { steps: 7 }))).toEqual(namedValues(adapted));
  });

  test("a class without support examples gets no probability; the others are as without it", () => {
    const wide = prototypicalNetwork({ model, ways: 5, distance });
    const narrow = classify(learner, task()).logits;
    const { logits, counts } = classify(wide, task());
    expect(valuesIn(counts)).toEqual([2, 2, 2, 0, 0]);
    for (let row = 0; row < task().query.x.shape[0]!; row++) {
      expect(logits.slice(row * 5, row * 5 + 3)).toEqual(narrow.slice(row * 3, row * 3 + 3));
      expect(Math.max(...logits.slice(row * 5 + 3, row * 5 + 5))).toBeLessThan(-1e8);
    }
  });
});

describe("layers that know more than their input", () => {
  const normalized = (mode: "transductive" | "support" | "running"): Layer =>
    sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode })]);
  const first = (mode: "transductive" | "support" | "running", company: number): number[] => {
    const { support, query } = classificationTask([4], 3, 2, 2);
    const row = valuesIn(query.x).slice(0, 4);
    const beside = flat([...row, ...valuesIn(classificationTask([4], 3, 2, 2, company).query.x)], [7, 4]);
    return classify(prototypicalNetwork({ model: normalized(mode), ways: 3 }), {
      support,
      query: { x: beside, y: query.y },
    }).logits.slice(0, 3);
  };

  test("with the support set's or running statistics a prediction does not depend on other queries", () => {
    for (const mode of ["support", "running"] as const) expect(first(mode, 5)).toEqual(first(mode, 6));
    expect(first("transductive", 5)).not.toEqual(first("transductive", 6));
  });

  test("reports the statistics of a batch by the layer's path", () => {
    const learner = prototypicalNetwork({ model: normalized("running"), ways: 3 });
    const { statistics } = learner.metaGradient(learner.init(key(1)), classificationTask([4], 3, 2, 2));
    expect(Object.keys(statistics!)).toEqual(["1"]);
    expect(learner.description).toEqual({ distance: "squaredEuclidean", batchNorm: "running" });
  });

  test("dropout draws in training from the key it is given, and is off otherwise", () => {
    const model = sequential([linear({ inputs: 4, outputs: 32 }), dropout({ rate: 0.5 })]);
    const learner = prototypicalNetwork({ model, ways: 3 });
    const task = classificationTask([4], 3, 2, 2);
    const lossWith = (seed?: number): number =>
      valuesIn(
        learner.metaGradient(learner.init(key(1)), task, seed === undefined ? undefined : tensor(seed, [], "int32"))
          .loss,
      )[0]!;
    expect(lossWith(1)).toBe(lossWith(1));
    expect(lossWith(1)).not.toBe(lossWith(2));
    const adapted = learner.adapt(learner.init(key(1)), task.support);
    expect(valuesIn(learner.loss(learner.predict(adapted, task.query.x), task.query.y))[0]).toBe(lossWith());
  });

  test("convEmbedding is convNet without its head", () => {
    const options = { imageShape: [8, 8, 1] as const, filters: 3, blocks: 2, downsampling: "pool" as const };
    const embedding = convEmbedding(options);
    const full = convNet({ ...options, ways: 2 });
    const params = full.init(key(3)) as Record<string, Tree>;
    const own = embedding.init(key(3)) as Record<string, Tree>;
    expect(Object.keys(own).length).toBe(Object.keys(params).length - 1);
    const x = classificationTask([8, 8, 1], 2, 1, 1).support.x;
    const features = embedding.apply(params, x);
    expect(features.shape).toEqual([2, 12]);
    const head = params[full.head!] as { weight: Tensor; bias: Tensor };
    expect(valuesIn(full.apply(params, x))).toEqual(valuesIn(add(matmul(features, head.weight), head.bias)));
  });
});

test("training it makes classes that a plane hides tell apart, on classes it has not met", () => {
  // A class is a value of the first coordinate; the other three are loud noise.
  const source = random(4);
  const classesFrom = (count: number) =>
    Array.from({ length: count }, (_, c) => ({
      name: `class ${c}`,
      examples: Array.from({ length: 6 }, () => [
        source.uniform(-1, 1) * 0.05 + (4 * c) / count - 2,
        ...Array.from({ length: 3 }, () => source.normal(0, 3)),
      ]),
    }));
  const tasksOf = (count: number) =>
    episodes(labelledExamples({ name: "stripes", exampleShape: [4], classes: classesFrom(count) }), {
      ways: 4,
      shots: 1,
      queries: 2,
    });
  const learner = prototypicalNetwork({ model: linear({ inputs: 4, outputs: 2 }), ways: 4 });
  const optimizer = adam({ learningRate: 0.1 });
  const [train, held] = [tasksOf(12), tasksOf(9)];
  const accuracyOn = (params: Tree): number =>
    valuesIn(meanMetaGradient(learner, params, sampleTasks(held, 2, 0, 100)).metrics.accuracy!)[0]!;
  let params = learner.init(key(5));
  const before = accuracyOn(params);
  let state = optimizer.init(params);
  for (let i = 0; i < 60; i++) {
    const { gradient } = meanMetaGradient(learner, params, sampleTasks(train, 1, i * 4, 4));
    const next = optimizer.update(gradient, state, params);
    const values = numbersOf([applyUpdates(params, next.updates), next.state]);
    const shaped = unflatten(
      [params, state],
      leaves([params, state]).map((leaf, at) => tensor(values[at]!, leaf.shape, leaf.dtype)),
    ) as readonly [Tree, Tree];
    [params, state] = shaped;
  }
  // 100 tasks of 8 queries: a standard error of at most 0.02. Chance is 0.25.
  expect(before).toBeLessThan(0.5);
  expect(accuracyOn(params)).toBeGreaterThan(0.8);
});

describe("temperature", () => {
  const model = mlp({ sizes: [4, 5, 3], activation: "tanh" });
  const task = classificationTask([4], 3, 2, 2);
  const logitsOf = (learner: Learner<Tree, Prototypes>, params: Tree): number[] =>
    valuesIn(learner.predict(learner.adapt(params, task.support), task.query.x));

  describe.each(["learned", 0.5] as const)("%s", (temperature) => {
    metricLearnerContract(
      prototypicalNetwork({ model, ways: 4, distance: "cosine", temperature }) as Learner,
      (index) => classificationTask([4], 4, 2, 2, index),
    );
  });

  test("logits are distances by the temperature; a learned one starts at 1 and is divided by", () => {
    const params = model.init(key(1));
    const plain = logitsOf(prototypicalNetwork({ model, ways: 3 }), params);
    const halved = logitsOf(prototypicalNetwork({ model, ways: 3, temperature: 4 }), params);
    halved.forEach((value, i) => {
      expect(value).toBeCloseTo(plain[i]! / 4, 12);
    });
    const learned = prototypicalNetwork({ model, ways: 3, temperature: "learned" });
    const start = learned.init(key(1)) as { model: Tree; logTemperature: Tensor };
    expect(namedValues(start)).toEqual({ ...namedValues({ model: params }), logTemperature: [0] });
    expect(logitsOf(learned, start)).toEqual(plain);
    logitsOf(learned, { ...start, logTemperature: tensor(Math.log(4)) }).forEach((value, i) => {
      expect(value).toBeCloseTo(plain[i]! / 4, 6);
    });
  });

  test("a learned one may start elsewhere, and says where", () => {
    const learner = prototypicalNetwork({ model, ways: 3, temperature: { learned: 0.25 } });
    const params = learner.init(key(1));
    expect(learner.description.temperature).toBe("learned from 0.25");
    const fixed = logitsOf(prototypicalNetwork({ model, ways: 3, temperature: 0.25 }), model.init(key(1)));
    logitsOf(learner, params).forEach((value, i) => {
      expect(value).toBeCloseTo(fixed[i]!, 5);
    });
    expect(() => prototypicalNetwork({ model, ways: 3, temperature: { learned: 0 } })).toThrow(
      /^IL102 prototypicalNetwork: temperature learned from 0,/,
    );
  });

  test("running statistics are found below the model", () => {
    const normalized = sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode: "running" })]);
    const learner = prototypicalNetwork({ model: normalized, ways: 3, temperature: "learned" });
    expect(Object.keys(learner.metaGradient(learner.init(key(1)), task).statistics!)).toEqual(["model/1"]);
  });

  test("is in the description where it is not the paper's; one that is none is refused", () => {
    expect(prototypicalNetwork({ model, ways: 3 }).description).toEqual({ distance: "squaredEuclidean" });
    expect(prototypicalNetwork({ model, ways: 3, temperature: "learned" }).description.temperature).toBe("learned");
    for (const temperature of [0, -1, Number.NaN])
      expect(() => prototypicalNetwork({ model, ways: 3, temperature })).toThrow(
        /^IL102 prototypicalNetwork: temperature/,
      );
  });
});

describe("padding, with batch normalisation", () => {
  const model = sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode: "support" }), tanh()]);
  metricLearnerContract(prototypicalNetwork({ model, ways: 4 }) as Learner, (index) =>
    classificationTask([4], 4, 2, 2, index),
  );
});

test("refuses fewer than two ways", () => {
  for (const ways of [1, 2.5])
    expect(() => prototypicalNetwork({ model: identity, ways })).toThrow(/^IL102 prototypicalNetwork/);
});
