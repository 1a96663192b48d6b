import { leaves, paths, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import {
  classificationTask,
  flat,
  gradientError,
  noiseTensor,
  regressionTask,
  valuesIn,
} from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { allExamples } from "../gradient/reptile.js";
import { divergence, type Gaussian, latentPath, sampled } from "./latent-path.js";
import { bothKinds, difference, generalParams, padded, testModelBased, testRefusals } from "./model-based.fixture.js";
import type { ReadTask } from "./model-based-learner.js";
import { type NeuralProcessOptions, neuralProcess } from "./neural-process.js";

const small = { hidden: 4, layers: 1, heads: 2 };
const build = (more: Partial<NeuralProcessOptions>) => (options: NeuralProcessOptions) =>
  neuralProcess({ ...small, ...more, ...options });

testModelBased([
  ...bothKinds(build({})),
  ...bothKinds(build({ attention: true }), ", attentive"),
  ...bothKinds(build({ latent: true }), ", latent"),
  ...bothKinds(build({ latent: true, attention: true }), ", attentive and latent"),
]);
testRefusals("neuralProcess", build({}));

describe("predictions of regression", () => {
  const task = regressionTask(2, 4, 5, 4);
  const learner = neuralProcess({ ...small, features: 2, outputs: 4 });

  test("are means beside deviations of at least 0.1", () => {
    const params = generalParams(learner);
    const prediction = learner.predict(
      learner.adapt(params, task.support),
      tensor(
        valuesIn(noiseTensor([50, 2], 3)).map((v) => 100 * v),
        [50, 2],
      ),
    );
    expect(prediction.shape).toEqual([50, 8]);
    const deviations = valuesIn(prediction).filter((_, i) => i % 8 >= 4);
    expect(Math.min(...deviations)).toBeGreaterThanOrEqual(0.1);
    expect(Math.max(...deviations)).toBeGreaterThan(0.2);
  });

  test("report the squared error of the means", () => {
    const params = generalParams(learner);
    const { metrics } = learner.metaGradient(params, task);
    const prediction = valuesIn(learner.predict(learner.adapt(params, task.support), task.query.x));
    const y = valuesIn(task.query.y);
    const errors = y.map((value, i) => (prediction[8 * Math.floor(i / 4) + (i % 4)]! - value) ** 2);
    expect(valuesIn(metrics.meanSquaredError!)[0]).toBeCloseTo(errors.reduce((a, b) => a + b, 0) / errors.length, 10);
  });
});

test("the representation is the mean of the encoder's over support rows, each class's mean for classification", () => {
  const regression = neuralProcess({ ...small, features: 2, outputs: 1 });
  const params = generalParams(regression);
  const { support } = regressionTask(2, 1, 3, 1);
  const memoryOf = (learner: ReturnType<typeof neuralProcess>, at: Tree, rows: typeof support): number[] =>
    valuesIn((learner.adapt(at, rows) as ReadTask).memory as Tensor);
  const alone = [0, 1, 2].map((row) =>
    memoryOf(regression, params, {
      x: flat(valuesIn(support.x).slice(2 * row, 2 * row + 2), [1, 2]),
      y: flat(valuesIn(support.y).slice(row, row + 1), [1, 1]),
    }),
  );
  const average = alone[0]!.map((_, i) => alone.reduce((total, values) => total + values[i]! / 3, 0));
  expect(difference(memoryOf(regression, params, support), average)).toBeLessThan(1e-12);

  const classifier = neuralProcess({ ...small, features: 2, ways: 3 });
  const classes = classificationTask([2], 3, 2, 1).support;
  const at = generalParams(classifier);
  const all = memoryOf(classifier, at, classes);
  // Without the rows of class 1 its place is zeros, and the others are as they were.
  const without = memoryOf(classifier, at, { ...classes, present: flat([1, 1, 0, 0, 1, 1], [6]) });
  expect(without).toEqual(all.map((value, i) => (i >= 4 && i < 8 ? 0 : value)));
});

test("with attention, keys and values of each support row are kept for queries to read, not their mean", () => {
  const { support, query } = regressionTask(1, 1, 4, 2);
  const learner = neuralProcess({ ...small, features: 1, outputs: 1, attention: true });
  const names = paths(learner.init({ seed: 0, path: "" }));
  expect(names.some((name) => name.startsWith("network/reader/across"))).toBe(true);
  const params = generalParams(learner);
  const recalled = (learner.adapt(params, support) as ReadTask).memory;
  // Keys and values of each of the four rows, in two heads of two.
  expect(leaves(recalled).map(({ shape }) => shape)).toEqual([
    [2, 4, 2],
    [2, 4, 2],
  ]);
  expect(learner.predict(learner.adapt(params, support), query.x).shape).toEqual([2, 2]);
});

test.each([false, true])(
  "without any support row it predicts what is likely of all tasks, attention %s",
  (attention) => {
    const empty = flat([0, 0, 0, 0], [4]);
    const learner = neuralProcess({ ...small, features: 2, ways: 2, attention });
    const params = generalParams(learner);
    const logitsAfter = (index: number): number[] => {
      const { support, query } = classificationTask([2], 2, 2, 1, index);
      const adapted = learner.adapt(params, { ...support, present: empty });
      return valuesIn(learner.predict(adapted, index === 0 ? query.x : classificationTask([2], 2, 2, 1).query.x));
    };
    // No class is out of the question then, and what is in the padding does not matter.
    expect(Math.max(...logitsAfter(0).map(Math.abs))).toBeLessThan(1e3);
    expect(logitsAfter(1)).toEqual(logitsAfter(0));
  },
);

describe("with a latent path", () => {
  const task = regressionTask(2, 1, 4, 3);
  const learner = neuralProcess({ ...small, features: 2, outputs: 1, latent: true });
  const params = generalParams(learner) as { readonly network: { readonly latent: Tree } };
  const path = latentPath({ features: 2, targets: 1, hidden: 4, layers: 1, width: 4 });
  const told = ({ x, y }: Task["query"]): Gaussian => path.given(params.network.latent, { features: x, targets: y });
  const [prior, posterior] = [told(task.support), told(allExamples(task.support, task.query))];
  type Memory = { readonly rows: Tensor; readonly z: Tensor };
  /** The loss of the queries from z and what is read of the support set. */
  const lossFrom = (z: Tensor): number => {
    const read = learner.adapt(params, task.support);
    const given = { ...read, memory: { ...(read.memory as Memory), z } };
    return valuesIn(learner.loss(learner.predict(given, task.query.x), task.query.y))[0]!;
  };

  test("a task keeps the mean of z by its support set, beside what is read of it", () => {
    const { z, rows } = learner.adapt(params, task.support).memory as Memory;
    expect(valuesIn(z)).toEqual(valuesIn(prior.mean));
    expect(valuesIn(rows)).toHaveLength(4);
  });

  test("training raises the bound: the likelihood from z by all rows, less the divergence for each target", () => {
    const drawn = tensor(41, [], "int32");
    const shared = valuesIn(divergence(posterior, prior))[0]! / 3;
    for (const key of [undefined, drawn]) {
      const { objective, loss } = learner.metaGradient(params, task, key);
      expect(valuesIn(objective!)[0]).toBeCloseTo(lossFrom(sampled(posterior, key)) + shared, 10);
      expect(valuesIn(loss)[0]).toBeCloseTo(lossFrom(prior.mean), 10);
    }
    expect(valuesIn(sampled(posterior, drawn))).not.toEqual(valuesIn(posterior.mean));
  });

  test("scoring the support rows too shares the divergence among all", () => {
    const scoring = neuralProcess({ ...small, features: 2, outputs: 1, latent: true, trainsOn: "support and query" });
    const { objective } = scoring.metaGradient(params, task);
    const all = allExamples(task.support, task.query);
    const read = learner.adapt(params, task.support);
    const from = learner.predict({ ...read, memory: { ...(read.memory as Memory), z: posterior.mean } }, all.x);
    const expected = valuesIn(learner.loss(from, all.y))[0]! + valuesIn(divergence(posterior, prior))[0]! / 7;
    expect(valuesIn(objective!)[0]).toBeCloseTo(expected, 10);
  });

  test("says so, and without it nothing of it is there", () => {
    expect(learner).toMatchObject({ name: "latent neural process", description: { latent: true } });
    const plain = neuralProcess({ ...small, features: 2, outputs: 1 });
    expect(paths(plain.init(key(1))).some((name) => name.includes("latent"))).toBe(false);
    expect(plain.description).not.toHaveProperty("latent");
    expect(plain.metaGradient(generalParams(plain), task)).not.toHaveProperty("objective");
  });
});

describe.each([false, true])("training on support and query, padding %s", (pad) => {
  const learner = neuralProcess({ ...small, features: 2, outputs: 1, trainsOn: "support and query" });
  const task = regressionTask(2, 1, 4, 4);
  const given = pad ? { support: padded(task.support), query: padded(task.query) } : task;

  test("takes the gradient of the likelihood of all rows, and reports the query's", () => {
    const params = generalParams(learner);
    const { loss, gradient } = learner.metaGradient(params, given);
    const lossOn = (at: Tree, x: Tensor, y: Tensor): Tensor =>
      learner.loss(learner.predict(learner.adapt(at, task.support), x), y);
    const all = allExamples(task.support, task.query);
    expect(gradientError((at: Tree) => lossOn(at, all.x, all.y), params, gradient, { h: 1e-4 })).toBeLessThan(1e-6);
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(lossOn(params, task.query.x, task.query.y))[0]!, 10);
  });
});

test("says what its figures depend on", () => {
  expect(neuralProcess({ features: 1, outputs: 1 })).toMatchObject({
    name: "conditional neural process",
    description: { hidden: 128, layers: 3, trainsOn: "query" },
  });
  expect(neuralProcess({ features: 1, outputs: 1, attention: true })).toMatchObject({
    name: "attentive neural process",
    description: { heads: 4 },
  });
});

test("refuses sizes out of range", () => {
  expect(() => neuralProcess({ features: 1, outputs: 1, hidden: 0 })).toThrow("IL102 neuralProcess: hidden is 0");
  expect(() => neuralProcess({ features: 1, outputs: 1, layers: 1.5 })).toThrow("IL102 neuralProcess: layers is 1.5");
  expect(() => neuralProcess({ features: 1, outputs: 1, hidden: 10, attention: true, heads: 3 })).toThrow(
    "IL102 multiHeadAttention: 3 heads of a width of 10",
  );
});
