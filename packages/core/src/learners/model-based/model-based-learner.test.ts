import { oneHot, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { BatchNormMode, Layer } from "../../layers/layer.js";
import { batchNorm, dropout, linear, sequential } from "../../layers/layers.js";
import { traitsOf } from "../../layers/parameter-roles.js";
import { withRunningStatistics } from "../../layers/running-statistics.js";
import { crossEntropy, type Loss, meanSquaredError } from "../../losses/losses.js";
import { classificationTask, namedValues, noiseTensor, regressionTask, valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import { maml } from "../gradient/maml.js";
import type { Learner } from "../learner.js";
import { filmNetwork } from "./film.js";
import { inContextTransformer } from "./in-context-transformer.js";
import { difference, generalParams, padded, queryLoss } from "./model-based.fixture.js";
import { type ModelBasedOptions, meanOfPresent } from "./model-based-learner.js";
import { structureLearner } from "./structure-learner.js";

const normalized = (mode: BatchNormMode): Layer =>
  sequential([linear({ inputs: 3, outputs: 4 }), batchNorm({ channels: 4, mode })]);

/** One learner that reads the support set, and one that takes steps: both embed by a layer of their options. */
const builders = {
  film: (options: ModelBasedOptions) => filmNetwork({ hidden: [4], taskFeatures: 3, ...options }),
  structure: (options: ModelBasedOptions) =>
    structureLearner({ hidden: [4], steps: 1, inner: sgd({ learningRate: 0.5 }), ...options }),
};

describe("a loss of one's own on a task that lacks a class", () => {
  const { support, query } = classificationTask([3], 2, 2, 2);
  const onOneHot: Loss = (prediction, y, present) => meanSquaredError(prediction, oneHot(y, 3), present);
  const learners = (loss?: Loss): Record<string, Learner> => ({
    maml: maml({
      model: linear({ inputs: 3, outputs: 3 }),
      loss: loss ?? crossEntropy,
      inner: sgd({ learningRate: 0.1 }),
    }),
    film: builders.film({ features: 3, ways: 3, ...(loss ? { loss } : {}) }) as unknown as Learner,
    structure: builders.structure({ features: 3, ways: 3, ...(loss ? { loss } : {}) }) as unknown as Learner,
  });

  test.each(["maml", "film", "structure"])("%s: is of the outputs as they are; the cross-entropy is not", (name) => {
    const [own, plain] = [learners(onOneHot)[name]!, learners()[name]!];
    const params = own.init(key(1));
    const filled = { support: padded(support), query: padded(query) };
    for (const task of [{ support, query }, filled]) {
      const { loss } = own.metaGradient(params, task);
      expect(valuesIn(loss)[0]).toBeLessThan(100);
      expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(own.metaGradient(params, { support, query }).loss)[0]!, 6);
      // Padded or not, a class without examples is out of the question.
      const logits = valuesIn(plain.predict(plain.adapt(params, task.support), query.x));
      for (const [i, value] of logits.entries()) expect(value < -1e8).toBe(i % 3 === 2);
    }
  });
});

describe.each([
  ["film", "embedding/1"],
  ["structure", "model/1"],
] as const)("%s, an embedding with batch normalisation", (name, path) => {
  const build = builders[name];
  const task = classificationTask([3], 4, 2, 1);

  test("predictions of mode support and running do not depend on other queries", () => {
    const first = (mode: BatchNormMode, company: number): number[] => {
      const learner = build({ model: normalized(mode), features: 4, ways: 4 });
      const adapted = learner.adapt(generalParams(learner), task.support);
      const row = valuesIn(noiseTensor([1, 3], 1));
      const beside = tensor([...row, ...valuesIn(noiseTensor([2, 3], company))], [3, 3]);
      return valuesIn(learner.predict(adapted, beside)).slice(0, 4);
    };
    for (const mode of ["support", "running"] as const) expect(first(mode, 5)).toEqual(first(mode, 6));
    expect(first("transductive", 5)).not.toEqual(first("transductive", 6));
  });

  test("reports statistics by the path of its parameters, so that running ones move", () => {
    const learner = build({ model: normalized("running"), features: 4, ways: 4 });
    expect(learner.description.batchNorm).toBe("running");
    const params = learner.init(key(1));
    const { statistics } = learner.metaGradient(params, task);
    expect(Object.keys(statistics!)).toEqual([path]);
    const moved = namedValues(withRunningStatistics(params, statistics!, params, traitsOf(learner)));
    const before = namedValues(params);
    const changed = Object.keys(before).filter((at) => difference(before[at]!, moved[at]!) > 0);
    expect(changed.sort()).toEqual([`${path}/runningMean`, `${path}/runningVariance`]);
  });

  test("training judges queries as predicting does, by the statistics of the support set", () => {
    const learner = build({ model: normalized("support"), features: 4, ways: 4 });
    const params = generalParams(learner);
    const { loss } = learner.metaGradient(params, task);
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, task))[0]!, 12);
  });

  test("padding is not among what it normalises by", () => {
    for (const mode of ["support", "transductive"] as const) {
      const learner = build({ model: normalized(mode), features: 4, ways: 4 });
      const params = generalParams(learner);
      const given = { support: padded(task.support), query: padded(task.query) };
      const loss = (of: typeof task): number[] => valuesIn(learner.metaGradient(params, of).loss);
      expect(difference(loss(given), loss(task))).toBeLessThan(1e-9);
      const predicted = (of: typeof task): number[] =>
        valuesIn(queryLoss(learner, params, { ...of, query: task.query }));
      expect(difference(predicted(given), predicted(task))).toBeLessThan(1e-9);
    }
  });

  test("dropout draws in training from the key it is given, and is off otherwise", () => {
    const model = sequential([linear({ inputs: 3, outputs: 16 }), dropout({ rate: 0.5 })]);
    const learner = build({ model, features: 16, ways: 4 });
    const params = generalParams(learner);
    const lossWith = (seed?: number): number =>
      valuesIn(learner.metaGradient(params, task, seed === undefined ? undefined : tensor(seed, [], "int32")).loss)[0]!;
    expect(lossWith(1)).toBe(lossWith(1));
    expect(lossWith(1)).not.toBe(lossWith(2));
    expect(valuesIn(queryLoss(learner, params, task))[0]).toBeCloseTo(lossWith(), 12);
  });
});

test("evaluates tasks with other numbers of support rows and of queries than it was trained with", () => {
  const learner = inContextTransformer({ features: 3, outputs: 2, hidden: 4, heads: 2, layers: 1 });
  const params: Tree = learner.init(key(1));
  for (const [shots, queries] of [
    [1, 7],
    [9, 2],
  ] as const) {
    const { support, query } = regressionTask(3, 2, shots, queries);
    expect(learner.predict(learner.adapt(params, support), query.x).shape).toEqual([queries, 2]);
  }
});

test("a loss of one's own is what is trained and reported", () => {
  const constant = Object.assign(() => tensor(3), {
    metrics: [{ name: "four", title: "four", compute: () => tensor(4) }],
  });
  const learner = inContextTransformer({ features: 3, outputs: 2, loss: constant });
  const { loss, metrics } = learner.metaGradient(learner.init(key(1)), regressionTask(3, 2, 2, 2));
  expect([valuesIn(loss), valuesIn(metrics.four!)]).toEqual([[3], [4]]);
});

test("the mean of rows that are present; zeros where none is", () => {
  const x = tensor([
    [1, 2],
    [3, 6],
    [100, 200],
  ]);
  expect(valuesIn(meanOfPresent(x, tensor([1, 1, 0])))).toEqual([2, 4]);
  expect(valuesIn(meanOfPresent(x, tensor([0, 0, 0])))).toEqual([0, 0]);
});
