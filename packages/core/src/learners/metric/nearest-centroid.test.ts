import { grad, leaves, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { allClasses } from "../../domains/classification/all-classes.js";
import { episodes } from "../../domains/classification/episodes.js";
import { labelledExamples, splitClasses } from "../../domains/classification/labelled-examples.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { traitsOf } from "../../layers/parameter-roles.js";
import { withRunningStatistics } from "../../layers/running-statistics.js";
import { crossEntropy } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import {
  classificationTask,
  gradientError,
  namedValues,
  noiseTensor,
  numbersOf,
  valuesIn,
} from "../../numerical.fixture.js";
import { adam } from "../../optimizers/optimizers.js";
import { key, random } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { outerUpdate } from "../../training/outer-update.js";
import { sampleTasks } from "../../training/task-batch.js";
import { meanMetaGradient, measured } from "../learner.js";
import { largestDifference, padded, predictions } from "./metric-learner.fixture.js";
import { classifierPretraining, nearestCentroid, simpleShot } from "./nearest-centroid.js";
import { prototypicalNetwork } from "./prototypical.js";

const model = mlp({ sizes: [4, 5, 3], activation: "tanh" });
const identity = Object.assign(functionLayer((x) => x) as Layer, { outputShape: [2] });
const task = (index = 0): Task => classificationTask([4], 4, 2, 2, index);
const labels = (...values: number[]): Tensor => tensor(values, [values.length], "int32");

describe("nearestCentroid", () => {
  const support = {
    x: tensor([
      [1, 0],
      [3, 4],
      [0, 2],
    ]),
    y: labels(0, 0, 1),
  };
  const query = { x: tensor([[2, 2]]), y: labels(0) };
  const squared = (a: number[], b: number[]): number => (a[0]! - b[0]!) ** 2 + (a[1]! - b[1]!) ** 2;
  const unit = ([x, y]: number[]): number[] => [x! / Math.hypot(x!, y!), y! / Math.hypot(x!, y!)];
  const mean = (a: number[], b: number[]): number[] => [(a[0]! + b[0]!) / 2, (a[1]! + b[1]!) / 2];

  test('"none" is the nearest class mean, the prototypical network', () => {
    const learner = nearestCentroid({ model, ways: 4, transform: "none" });
    const params = model.init(key(1));
    expect(predictions(learner, params, task())).toEqual(
      predictions(prototypicalNetwork({ model, ways: 4 }), params, task()),
    );
    expect(namedValues(learner.init(key(1)))).toEqual(namedValues(params));
  });

  test('"l2" compares directions, and means of directions', () => {
    const found = predictions(nearestCentroid({ model: identity, ways: 2, transform: "l2" }), {}, { support, query });
    const expected = [mean([1, 0], [0.6, 0.8]), [0, 1]].map((centroid) => -squared(unit([2, 2]), centroid));
    expect(largestDifference(found, expected)).toBeLessThan(1e-12);
  });

  test('"centred l2" takes the mean feature off first', () => {
    const params = { model: {}, centre: { runningMean: tensor([0.5, 1]) } };
    const found = predictions(nearestCentroid({ model: identity, ways: 2 }), params as Tree, { support, query });
    const off = ([x, y]: number[]): number[] => unit([x! - 0.5, y! - 1]);
    const expected = [mean(off([1, 0]), off([3, 4])), off([0, 2])].map((centroid) => -squared(off([2, 2]), centroid));
    expect(largestDifference(found, expected)).toBeLessThan(1e-12);
  });

  test.each(["none", "l2", "centred l2"] as const)("%s: rows that are not there change nothing", (transform) => {
    const normalized = sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode: "support" })]);
    const learner = nearestCentroid({ model: normalized, ways: 4, transform });
    const own = normalized.init(key(1));
    const params = transform === "centred l2" ? { model: own, centre: { runningMean: tensor([0.1, 0.2, 0.3]) } } : own;
    const { support: few, query: asked } = task();
    const plain = predictions(learner, params as Tree, task());
    const filled = predictions(learner, params as Tree, { support: padded(few), query: padded(asked) });
    expect(largestDifference(filled.slice(4, 36), plain)).toBeLessThan(1e-9);
  });

  test("a class without support examples gets no probability", () => {
    const found = predictions(nearestCentroid({ model: identity, ways: 3, transform: "l2" }), {}, { support, query });
    expect(found[2]).toBeLessThan(-1e8);
    expect(Math.min(...found.slice(0, 2))).toBeGreaterThan(-5);
  });

  test("says its options, and refuses parameters without a centre", () => {
    expect(nearestCentroid({ model, ways: 4 }).description).toEqual({ transform: "centred l2" });
    expect(() => nearestCentroid({ model, ways: 1 })).toThrow(/^IL102 nearestCentroid: 1 ways/);
    const learner = nearestCentroid({ model, ways: 4 });
    expect(() => learner.adapt({ model: model.init(key(1)) }, task().support)).toThrow(
      /^IL102 nearestCentroid: the parameters have no centre/,
    );
  });
});

describe("classifierPretraining", () => {
  const body = Object.assign(
    sequential([linear({ inputs: 4, outputs: 3 }), batchNorm({ channels: 3, mode: "running" }), tanh()]),
    { outputShape: [3] },
  );
  const learner = classifierPretraining({ model: body, classes: 8 });
  const params = learner.init(key(1)) as { model: Tree; head: Tree; centre: { runningMean: Tensor } };
  const batch: Task = {
    support: { x: noiseTensor([1, 4], 1), y: labels(5) },
    query: { x: noiseTensor([8, 4], 2), y: labels(7, 0, 3, 3, 1, 6, 2, 5) },
  };

  test("its gradient is that of the cross-entropy on the query set, the support set does not count", () => {
    const { gradient, metrics } = learner.metaGradient(params, batch);
    const f = (at: Tree): Tensor => learner.metaGradient(at, batch).loss;
    expect(gradientError(f, params as Tree, gradient)).toBeLessThan(1e-6);
    for (const [path, values] of Object.entries(namedValues(gradient)))
      expect(
        values.some((value) => value !== 0),
        path,
      ).toBe(!path.includes("running"));
    expect(Object.keys(metrics)).toEqual(["accuracy"]);
    const slopes = grad(
      (x: Tensor) => learner.metaGradient(params, { ...batch, support: { ...batch.support, x } }).loss,
    )(batch.support.x);
    expect(valuesIn(slopes)).toEqual([0, 0, 0, 0]);
  });

  test("is the model and a linear head of all classes", () => {
    const plain = classifierPretraining({ model, classes: 8 });
    const at = plain.init(key(1)) as typeof params;
    const logits = linear({ inputs: 3, outputs: 8 }).apply(
      at.head as { weight: Tensor; bias: Tensor },
      model.apply(at.model, batch.query.x),
    );
    expect(valuesIn(plain.predict(plain.adapt(at as Tree, batch.support), batch.query.x))).toEqual(valuesIn(logits));
    expect(numbersOf(plain.metaGradient(at as Tree, batch).loss)[0]![0]).toBeCloseTo(
      valuesIn(crossEntropy(logits, batch.query.y))[0]!,
      12,
    );
  });

  test("the centre moves towards the mean feature of a batch", () => {
    const plain = classifierPretraining({ model, classes: 8 });
    const at = plain.init(key(1)) as typeof params;
    const { statistics } = plain.metaGradient(at as Tree, batch);
    const after = namedValues(withRunningStatistics(at as Tree, statistics!, at as Tree, traitsOf(learner)))[
      "centre/runningMean"
    ]!;
    const features = valuesIn(model.apply(at.model, batch.query.x));
    for (let c = 0; c < 3; c++) {
      const mean = [0, 1, 2, 3, 4, 5, 6, 7].reduce((total, row) => total + features[3 * row + c]!, 0) / 8;
      expect(after[c]).toBeCloseTo(0.1 * mean, 7);
    }
    // Those of batch normalisation are found below the model.
    expect(Object.keys(learner.metaGradient(params as Tree, batch).statistics!).sort()).toEqual(["centre", "model/1"]);
  });

  test("rows that are not there change nothing", () => {
    const [plain, filled] = [batch, { support: batch.support, query: padded(batch.query) }].map((one) =>
      learner.metaGradient(params as Tree, one),
    );
    for (const pick of [
      (r: typeof plain) => r!.loss,
      (r: typeof plain) => r!.gradient,
      (r: typeof plain) => r!.statistics!,
    ])
      expect(
        largestDifference(numbersOf(pick(filled) as Tree).flat(), numbersOf(pick(plain) as Tree).flat()),
      ).toBeLessThan(1e-9);
    const shown = predictions(learner, params as Tree, { ...batch, query: padded(batch.query) });
    expect(largestDifference(shown.slice(8, 72), predictions(learner, params as Tree, batch))).toBeLessThan(1e-9);
  });

  test("says its options, and refuses those that are none", () => {
    expect(learner.description).toEqual({ trainClasses: 8, batchNorm: "running" });
    expect(() => classifierPretraining({ model, classes: 1 })).toThrow(/^IL102 classifierPretraining: 1 classes/);
    expect(() => classifierPretraining({ model: functionLayer((x) => x) as Layer, classes: 4 })).toThrow(
      /^IL102 classifierPretraining: the model does not say/,
    );
  });
});

describe("simpleShot", () => {
  test("trains as classifierPretraining does and adapts as nearestCentroid", () => {
    const learner = simpleShot({ model, classes: 8, ways: 4, transform: "l2" });
    const pretraining = classifierPretraining({ model, classes: 8 });
    const params = learner.init(key(1));
    expect(namedValues(params)).toEqual(namedValues(pretraining.init(key(1))));
    expect(namedValues(learner.metaGradient(params, task()).gradient)).toEqual(
      namedValues(pretraining.metaGradient(params, task()).gradient),
    );
    const nearest = nearestCentroid({ model, ways: 4, transform: "l2" });
    expect(predictions(learner, params, task())).toEqual(
      predictions(nearest, (params as { model: Tree }).model, task()),
    );
    expect(learner.description).toEqual({ transform: "l2", trainClasses: 8 });
  });

  test("does not take a training batch for a task, and says what to do", () => {
    const learner = simpleShot({ model, classes: 8, ways: 4 });
    const support = { x: noiseTensor([1, 4], 1), y: labels(5) };
    expect(() => learner.adapt(learner.init(key(1)), support)).toThrow(
      /^IL102 simpleShot: a support set of one example.*\{ train: allClasses\(\.\.\.\), validation: episodes\(\.\.\.\) \}/,
    );
  });

  test("trained on all classes at once, its features tell apart classes that it has not met", () => {
    // A class is a value of the first two coordinates; the other three are loud noise.
    const source = random(6);
    const data = labelledExamples({
      name: "places",
      exampleShape: [5],
      classes: Array.from({ length: 16 }, (_, c) => {
        const centre = [source.uniform(-2, 2), source.uniform(-2, 2)];
        return {
          name: `class ${c}`,
          examples: Array.from({ length: 12 }, () => [
            ...centre.map((value) => value + source.normal(0, 0.1)),
            ...[0, 0, 0].map(() => source.normal(0, 2)),
          ]),
        };
      }),
    });
    const { train, test: held } = splitClasses(data, { train: 10 }, 1);
    const learner = simpleShot({ model: mlp({ sizes: [5, 16, 6], activation: "tanh" }), classes: 10, ways: 4 });
    const tasks = sampleTasks(episodes(held, { ways: 4, shots: 1, queries: 4 }), 1, 0, 100);
    const accuracy = (params: Tree): number => {
      const one = { support: sliceOf(tasks.support, 0), query: sliceOf(tasks.query, 0) };
      expect(one.support.x.shape).toEqual([4, 5]);
      const values = Array.from({ length: 100 }, (_, i) => {
        const [support, query] = [sliceOf(tasks.support, i), sliceOf(tasks.query, i)];
        const output = learner.predict(learner.adapt(params, support), query.x);
        return valuesIn(measured(learner.loss, output, query).metrics.accuracy!)[0]!;
      });
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    const batches = allClasses(train, { batch: 64 });
    const optimizer = adam({ learningRate: 0.03 });
    let params = learner.init(key(5));
    const before = accuracy(params);
    let state = optimizer.init(params);
    for (let i = 0; i < 80; i++) {
      const { gradient, statistics = {} } = meanMetaGradient(learner, params, sampleTasks(batches, 1, i, 1));
      const next = outerUpdate(traitsOf(learner), optimizer, { params, state, gradient, statistics });
      const both = [next.params, next.state] as const;
      const values = numbersOf(both as unknown as Tree);
      [params, state] = unflatten(
        both as unknown as Tree,
        leaves(both as unknown as Tree).map((leaf, at) => tensor(values[at]!, leaf.shape, leaf.dtype)),
      ) as unknown as [Tree, Tree];
    }
    expect(before).toBeLessThan(0.6);
    expect(accuracy(params)).toBeGreaterThan(before + 0.2);
    expect(Math.max(...namedValues(params)["centre/runningMean"]!.map(Math.abs))).toBeGreaterThan(0.01);
  });
});

const sliceOf = ({ x, y }: Task["support"], i: number): Task["support"] => {
  const cut = (t: Tensor): Tensor => {
    const size = t.size / t.shape[0]!;
    return tensor(Array.from((t.data as Float32Array).subarray(i * size, (i + 1) * size)), t.shape.slice(1), t.dtype);
  };
  return { x: cut(x), y: cut(y) };
};
