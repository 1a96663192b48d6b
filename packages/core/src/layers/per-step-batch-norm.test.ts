import { grad, mapTree, mean, mul, namedLeaves, paths, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { fineTuning, fromScratch, jointTraining } from "../learners/baselines/baselines.js";
import { contextualConvNet, contextualMlp } from "../learners/gradient/cavia.js";
import { implicitMaml } from "../learners/gradient/imaml.js";
import { maml } from "../learners/gradient/maml.js";
import { reptile } from "../learners/gradient/reptile.js";
import { structureLearner } from "../learners/model-based/structure-learner.js";
import { meanSquaredError } from "../losses/losses.js";
import { convEmbedding, convNet, mlp } from "../networks/models.js";
import { namedValues, noiseLike, noiseTensor, regressionTask, valuesIn } from "../numerical.fixture.js";
import { sgd } from "../optimizers/optimizers.js";
import { key } from "../random/random.js";
import type { BatchNormMode, Statistics } from "./layer.js";
import { batchNorm, linear, sequential, tanh } from "./layers.js";
import { traitsOf } from "./parameter-roles.js";
import { perStepBatchNorm, withNormOfStep } from "./per-step-batch-norm.js";
import { withRunningStatistics } from "./running-statistics.js";

const modes: readonly BatchNormMode[] = ["transductive", "support", "running"];
const x = noiseTensor([5, 2], 1);
const task = regressionTask(2, 1, 4, 4);
const network = (norm: ReturnType<typeof batchNorm> | ReturnType<typeof perStepBatchNorm>) =>
  sequential([linear({ inputs: 2, outputs: 3 }), norm, tanh(), linear({ inputs: 3, outputs: 1 })]);
const options = { loss: meanSquaredError, inner: sgd({ learningRate: 0.2 }), steps: 2 };

/** Parameters of which each step's are others. */
const general = <P extends Tree>(params: P): P => {
  const names = paths(params);
  const others = noiseLike(params, 0.5, 3);
  let at = 0;
  return mapTree(
    (leaf, other) => (names[at++]!.endsWith("runningVariance") ? mapVariance(leaf, other) : other),
    params,
    others,
  );
};
const mapVariance = (leaf: Parameters<typeof valuesIn>[0], other: typeof leaf) =>
  tensor(
    valuesIn(other).map((value) => 1 + value * value),
    leaf.shape,
  );

describe.each(modes)("perStepBatchNorm, %s", (mode) => {
  const layer = perStepBatchNorm({ channels: 2, mode, steps: 3 });
  const single = batchNorm({ channels: 2, mode });
  const params = general(layer.init(key(0)));

  test.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 2],
    [40, 2],
    [undefined, 2],
  ])("at step %s it is the ordinary one of step %i", (step, own) => {
    for (const phase of ["train", "predict"] as const) {
      const context = { phase, ...(step === undefined ? {} : { step }) };
      expect(valuesIn(layer.apply(params, x, context))).toEqual(
        valuesIn(single.apply(params.steps[String(own)]!, x, { phase })),
      );
    }
  });

  test("has as many first parameters as ordinary ones", () => {
    expect(layer.batchNorm).toBe(mode);
    expect(layer.batchNormSteps).toBe(3);
    const own = Object.keys(single.init(key(0)));
    expect(paths(layer.init(key(0)))).toEqual(
      ["0", "1", "2"].flatMap((step) => own.map((name) => `steps/${step}/${name}`)),
    );
    expect(sequential([tanh(), sequential([layer])]).batchNormSteps).toBe(3);
  });

  test("with equal parameters for all steps that do not adapt, MAML is that of the ordinary one", () => {
    const adapts = (path: string) => !/(scale|shift)$/.test(path);
    const [per, plain] = [
      network(perStepBatchNorm({ channels: 3, mode, steps: 2 })),
      network(batchNorm({ channels: 3, mode })),
    ];
    const [of, ordinary] = [maml({ ...options, model: per, adapts }), maml({ ...options, model: plain, adapts })];
    const found = of.metaGradient(of.init(key(4)), task);
    const expected = ordinary.metaGradient(ordinary.init(key(4)), task);
    expect(valuesIn(found.loss)[0]).toBeCloseTo(valuesIn(expected.loss)[0]!, 12);
    const [slopes, wanted] = [namedValues(found.gradient), namedValues(expected.gradient)];
    for (const path of Object.keys(wanted)) {
      const [, name] = /^1\/(scale|shift)$/.exec(path) ?? [];
      if (path.includes("running")) continue;
      wanted[path]!.forEach((value, i) => {
        // All steps share the ordinary parameters: their gradient is the sum of those of each step's own.
        const sum = name ? slopes[`1/steps/0/${name}`]![i]! + slopes[`1/steps/1/${name}`]![i]! : slopes[path]![i]!;
        expect(sum, path).toBeCloseTo(value, 11);
      });
      if (name) expect(Math.max(...slopes[`1/steps/0/${name}`]!.map(Math.abs))).toBeGreaterThan(1e-4);
    }
    const adapted = (learner: typeof of): number[] =>
      valuesIn(learner.predict(learner.adapt(learner.init(key(4)), task.support), task.query.x));
    adapted(of).forEach((value, i) => {
      expect(value).toBeCloseTo(adapted(ordinary)[i]!, 12);
    });
  });

  test("predictions after so many steps are normalised as that step is", () => {
    const model = network(perStepBatchNorm({ channels: 3, mode, steps: 2 }));
    const learner = maml({ ...options, inner: sgd({ learningRate: 0 }), model });
    const start = general(model.init(key(4)));
    const predictions = (steps: number): number[] =>
      valuesIn(learner.predict(learner.adapt(start, task.support, { steps }), task.query.x));
    const statistics: Record<string, Statistics>[] = [0, 1].map((step) => {
      const found: Record<string, Statistics> = {};
      model.apply(start, task.support.x, { step, record: (path, one) => Object.assign(found, { [path]: one }) });
      return found;
    });
    const direct = (step: 0 | 1): number[] =>
      valuesIn(model.apply(start, task.query.x, { step, given: statistics[step]! }));
    expect(predictions(0)).toEqual(direct(0));
    for (const steps of [1, 2, 5]) expect(predictions(steps)).toEqual(direct(1));
    expect(direct(0)).not.toEqual(direct(1));
  });
});

describe("running statistics of each step", () => {
  const model = network(perStepBatchNorm({ channels: 3, mode: "running", steps: 2 }));
  const learner = maml({ ...options, model });
  const params = learner.init(key(4));

  test("are those that the step has seen in training, the last one's of the queries", () => {
    const { statistics = {} } = learner.metaGradient(params, task);
    expect(Object.keys(statistics).sort()).toEqual(["1/steps/0", "1/steps/1"]);
    const features = (at: Tree, input: typeof x) => {
      const [weight, bias] = ["0/weight", "0/bias"].map((path) => new Map(namedLeaves(at)).get(path)!);
      return valuesIn(mean(linear({ inputs: 2, outputs: 3 }).apply({ weight: weight!, bias: bias! }, input), 0));
    };
    expect(valuesIn(statistics["1/steps/0"]!.mean)).toEqual(features(params, task.support.x));
    // In training a step normalises by its batch, outside by the averages: the same steps with those of a batch.
    const batch = network(perStepBatchNorm({ channels: 3, mode: "transductive", steps: 2 }));
    const trained = maml({ ...options, model: batch }).adapt(batch.init(key(4)), task.support).params;
    valuesIn(statistics["1/steps/1"]!.mean).forEach((value, i) => {
      expect(value).toBeCloseTo(features(trained, task.query.x)[i]!, 6);
    });
  });

  test("move where training moves them, also where something else is learned beside the model", () => {
    const beside = maml({ ...options, model, proximal: { learned: 0.1 } });
    for (const [one, at] of [
      [learner, "1"],
      [beside, "model/1"],
    ] as const) {
      const start = one.init(key(4));
      const { statistics = {} } = one.metaGradient(start, task);
      expect(Object.keys(statistics).sort()).toEqual([`${at}/steps/0`, `${at}/steps/1`]);
      const [before, after] = [start, withRunningStatistics(start, statistics, start, traitsOf(one))].map(
        namedValues,
      ) as [Record<string, number[]>, Record<string, number[]>];
      for (const step of [0, 1]) {
        const path = `${at}/steps/${step}/runningMean`;
        valuesIn(statistics[`${at}/steps/${step}`]!.mean).forEach((value, i) => {
          expect(after[path]![i]).toBeCloseTo(0.9 * before[path]![i]! + 0.1 * value, 7);
        });
      }
    }
  });

  test("of steps beyond the last are its own, in the mean of mini-batches", () => {
    const many = maml({ ...options, model, steps: 3, minibatch: { size: 2, accumulate: 2 } });
    const { statistics = {} } = many.metaGradient(params, task);
    expect(Object.keys(statistics).sort()).toEqual(["1/steps/0", "1/steps/1"]);
    const whole = learner.metaGradient(params, task).statistics!;
    // The mean over all rows is that of the means of mini-batches that have as many.
    valuesIn(statistics["1/steps/0"]!.mean).forEach((value, i) => {
      expect(value).toBeCloseTo(valuesIn(whole["1/steps/0"]!.mean)[i]!, 10);
    });
  });
});

test("withNormOfStep leaves parameters without steps as they are, and gives all steps those of one", () => {
  const ordinary = network(batchNorm({ channels: 3, mode: "transductive" }));
  const plain = ordinary.init(key(0));
  expect(withNormOfStep(plain, traitsOf(ordinary), 1)).toBe(plain);
  const model = network(perStepBatchNorm({ channels: 3, mode: "running", steps: 3 }));
  const params = general(model.init(key(0)));
  const before = namedValues(params);
  for (const [step, own] of [
    [0, 0],
    [1, 1],
    [2, 2],
    [7, 2],
  ] as const) {
    const after = namedValues(withNormOfStep(params, traitsOf(model), step));
    for (const path of Object.keys(before)) {
      expect(after[path]).toEqual(before[path.replace(/steps\/\d+/, `steps/${own}`)]);
    }
  }
});

test("models take batchNormSteps", () => {
  const image = { imageShape: [4, 4, 1], filters: 2, blocks: 1 } as const;
  const models = [
    mlp({ sizes: [2, 3, 1], batchNorm: "support", batchNormSteps: 2 }),
    convNet({ ...image, ways: 2, batchNormSteps: 2 }),
    convEmbedding({ ...image, batchNormSteps: 2 }),
  ];
  for (const model of models) {
    expect(model.batchNormSteps).toBe(2);
    expect(paths(model.init(key(0))).filter((path) => /steps\/[01]\/scale$/.test(path))).toHaveLength(2);
  }
  expect(models.map((model) => model.head)).toEqual(["4", "3", "1/1"]);
  expect("batchNormSteps" in convNet({ ...image, ways: 2 })).toBe(false);
});

test("the gradient at a step is that of its own parameters alone", () => {
  const layer = perStepBatchNorm({ channels: 2, mode: "transductive", steps: 2 });
  const slopes = namedValues(
    grad((p: ReturnType<typeof layer.init>) => mean(mul(layer.apply(p, x, { step: 0 }), x)))(layer.init(key(0))),
  );
  expect(slopes["steps/1/scale"]).toEqual([0, 0]);
  expect(Math.min(...slopes["steps/0/scale"]!.map(Math.abs))).toBeGreaterThan(1e-3);
});

test("refuses numbers of steps that are none, and mlp steps without batch normalisation", () => {
  for (const steps of [0, 1.5, -1]) {
    expect(() => perStepBatchNorm({ channels: 2, mode: "running", steps })).toThrow(/^IL102 perStepBatchNorm/);
  }
  expect(() => mlp({ sizes: [1, 2, 1], batchNormSteps: 2 })).toThrow(/^IL102 mlp: batchNormSteps without batchNorm/);
});

test("learners that report no statistics of steps refuse models that tell them apart", () => {
  const model = mlp({ sizes: [2, 3, 1], batchNorm: "running", batchNormSteps: 2 });
  const given = { model, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }) };
  const perStep = { sizes: [2, 3, 1], batchNorm: "running", batchNormSteps: 2, contextSize: 2 } as const;
  const image = { imageShape: [4, 4, 1], ways: 2, filters: 2, blocks: 1, batchNormSteps: 2, contextSize: 2 } as const;
  const makers: Readonly<Record<string, () => unknown>> = {
    reptile: () => reptile(given),
    implicitMaml: () => implicitMaml(given),
    fromScratch: () => fromScratch(given),
    fineTuning: () => fineTuning(given),
    jointTraining: () => jointTraining(given),
    structureLearner: () => structureLearner({ model, features: 1, outputs: 1, inner: given.inner }),
    contextualMlp: () => contextualMlp(perStep),
    contextualConvNet: () => contextualConvNet(image),
  };
  for (const [name, make] of Object.entries(makers)) {
    expect(make, name).toThrow(`IL102 ${name}: the model's batch normalisation tells 2 inner steps apart`);
  }
});
