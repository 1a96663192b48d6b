import { add, div, exp, grad, leaves, paths, sub, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { madeUpRatings } from "../../domains/recommendation/ratings.fixture.js";
import { userTasks } from "../../domains/recommendation/user-tasks.js";
import { exportPrograms } from "../../export/index.js";
import { entityEmbedding } from "../../layers/entity-embedding.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { logisticResidual } from "../../losses/logistic-residual.js";
import type { Loss } from "../../losses/losses.js";
import { meanSquaredError } from "../../losses/losses.js";
import type { Metric } from "../../losses/metric.js";
import type { RatingTarget } from "../../losses/rating-target.js";
import { mlp } from "../../networks/models.js";
import { gradientError, noiseLike, valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import { type Task, withoutPadding } from "../../tasks/task.js";
import type { TaskSpec } from "../../tasks/task-spec.js";
import { ridgeRegression } from "../closed-form/ridge-regression.js";
import { maml } from "../gradient/maml.js";
import type { AnyAdapter, Learner } from "../learner.js";
import { generalParams, ofLearned } from "../model-based/model-based.fixture.js";
import { neuralProcess } from "../model-based/neural-process.js";
import { taskAdaptiveProcess } from "../model-based/task-adaptive-process.js";
import { metahin } from "./metahin.js";
import {
  type FeatureLearner,
  identityLinkWithoutLevel,
  logitLink,
  type ResidualParameters,
  residualLearner,
} from "./residual-learner.js";

const source = userTasks(madeUpRatings(), { shots: { from: 0, to: 5 }, queries: 2 });
const { ids, numbers } = source.spec.x;
const embedding = entityEmbedding({
  fields: [{ slots: 1, dropout: 0.3 }, { slots: 3 }, { slots: 1 }],
  entries: madeUpRatings().entries,
  numbers: numbers.shape[0]!,
  width: 2,
});
const features = embedding.outputShape![0]!;
const identity = functionLayer((x) => x) as unknown as Layer;
type Inner = readonly [name: string, learner: unknown];
const inners: readonly Inner[] = [
  ["ridge regression", ridgeRegression({ task: "regression", model: identity })],
  [
    "MAML",
    maml({
      model: mlp({ sizes: [features, 4, 1], activation: "tanh" }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.1 }),
      steps: 2,
    }),
  ],
  ["neural process", neuralProcess({ features, outputs: 1, hidden: 4, layers: 1 })],
  [
    "MetaHIN, which reads ids",
    metahin({
      features,
      paths: [
        [1, 4],
        [4, 5],
      ],
      inner: sgd({ learningRate: 0.1 }),
      units: 3,
    }),
  ],
  [
    "task-adaptive neural process",
    taskAdaptiveProcess({ features, outputs: 1, hidden: 4, layers: 1, decoderLayers: 1, clusters: 2 }),
  ],
];
const nearZero: Metric<never, never> = {
  name: "bias",
  title: "bias",
  better: "lower",
  compute: ((prediction: never, { rating }: RatingTarget) => meanSquaredError(prediction, rating)) as never,
};
const made = (inner: unknown) =>
  residualLearner(inner as FeatureLearner, { embedding: embedding as never, metrics: [nearZero as never] });
const parameters = (learner: ReturnType<typeof made>): ResidualParameters =>
  generalParams(learner as unknown as Learner) as ResidualParameters;

/** Tasks with some known ratings, with none, and with as many as there are. */
const tasks = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => source.sample(1, index));
const known = ({ support }: (typeof tasks)[number]): number =>
  Array.from(support.present!.data!, Number).reduce((sum, each) => sum + each, 0);

test("the tasks here are of none, one and several known ratings", () => {
  expect(ids.shape).toEqual([5]);
  expect([...new Set(tasks.map(known))].sort()).toEqual(expect.arrayContaining([0, 1]));
  expect(Math.max(...tasks.map(known))).toBeGreaterThan(2);
});

describe.each(inners)("what is left of ratings, by %s", (_name, inner) => {
  const learner = made(inner);
  const params = parameters(learner);
  const after = (task: (typeof tasks)[number], at = params) =>
    learner.predict(learner.adapt(at, task.support), task.query.x);

  test("has predictions that padding does not change", () => {
    for (const task of tasks.filter((each) => known(each) > 0)) {
      const plain = withoutPadding(task as unknown as Task) as unknown as typeof task;
      const [padded, expected] = [valuesIn(after(task)), valuesIn(after(plain))];
      for (const [i, value] of valuesIn(after(plain)).entries()) expect(padded[i]).toBeCloseTo(value, 5);
      expect(padded).toHaveLength(expected.length);
    }
  });

  test("says by its parts what it says whole: features are the items', and the taste is the user's", () => {
    const { embedding: table, ...own } = params;
    for (const { support, query } of tasks) {
      const known = { ...learner.features(table, support.x), rating: support.y.rating };
      const taste = learner.taste(own, { ...known, present: support.present! });
      const told = learner.told(taste, learner.features(table, query.x));
      expect(valuesIn(told)).toEqual(valuesIn(learner.predict(learner.adapt(params, support), query.x)));
      // The table is no part of a user's taste.
      expect(Object.keys(taste).sort()).toEqual(["adapted", "level"]);
    }
  });

  test("adapts step by step as at once, where the learner does", () => {
    const { stepped, steps } = learner;
    expect(stepped !== undefined).toBe((inner as FeatureLearner).stepped !== undefined);
    if (!stepped || steps === undefined) return;
    for (const { support } of tasks.slice(0, 4)) {
      let state = stepped.start(params, support);
      for (let taken = 0; taken < steps; taken++) state = stepped.step(params, support, state, taken);
      const found = stepped.adapted(params, support, state, steps);
      const expected = learner.adapt(params, support);
      expect(paths(found as Tree)).toEqual(paths(expected as Tree));
      expect(leaves(found as Tree).map(valuesIn)).toEqual(leaves(expected as Tree).map(valuesIn));
    }
  });

  test("is exported as programs of ratings", () => {
    const spec = source.spec as unknown as TaskSpec<Tree, Tree>;
    const { models } = exportPrograms({ learner: learner as unknown as AnyAdapter, params: params as Tree, spec });
    expect(models.predict.outputs[0]).toMatchObject({ name: "mean", shape: ["queries", 1] });
    expect(models.adapt.inputs.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["support_inputs.ids", "support_inputs.numbers", "support_targets.rating"]),
    );
  });

  test("has a meta-gradient that is the derivative of its loss, the table's and the shrinkage's with it", () => {
    for (const task of [tasks.find((each) => known(each) > 2)!, tasks.find((each) => known(each) === 0)!]) {
      const learned = ofLearned(learner as unknown as Learner, params, (at) => {
        const { objective, loss } = learner.metaGradient(at as ResidualParameters, task);
        return objective ?? loss;
      });
      const { gradient } = learner.metaGradient(params, task);
      // Steps so small that no relu turns within them.
      expect(gradientError(learned, params as Tree, gradient as Tree, { h: 1e-5 })).toBeLessThan(2e-4);
    }
  });

  test("is judged by its loss of ratings, and by metrics of the centre of its predictions", () => {
    const task = tasks.find((each) => known(each) > 2)!;
    const prediction = after(task);
    const { loss } = learner as unknown as Learner<never, never, never, RatingTarget>;
    const own = (inner as { loss: Loss }).loss;
    const there = task.query.present;
    expect(valuesIn(loss(prediction as never, task.query.y, there))[0]).toBeCloseTo(
      valuesIn(own(prediction, task.query.y.rating, there))[0]!,
      6,
    );
    const width = prediction.shape[1]!;
    const centre = valuesIn(prediction).filter((_, i) => i % width === 0);
    const rating = valuesIn(task.query.y.rating);
    const expected = centre.reduce((sum, value, i) => sum + (value - rating[i]!) ** 2, 0) / centre.length;
    expect(valuesIn(loss.metrics![0]!.compute!(prediction as never, task.query.y))[0]).toBeCloseTo(expected, 5);
    expect(valuesIn(loss.point!(prediction as never, task.query.y))).toEqual(centre);
  });
});

test("statistics of a network within are told by their places among all parameters", () => {
  const model = mlp({ sizes: [features, 4, 1], batchNorm: "running" });
  const learner = made(maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }), steps: 1 }));
  const { statistics } = learner.metaGradient(learner.init(key(1)), tasks.find((each) => known(each) > 2)!);
  const own = paths(learner.init(key(1)) as Tree);
  expect(Object.keys(statistics!)).not.toHaveLength(0);
  for (const place of Object.keys(statistics!)) expect(own.some((path) => path.startsWith(`${place}/`))).toBe(true);
});

describe("the first step to a rating", () => {
  const [alone] = tasks.filter((each) => known(each) === 1);
  const model = mlp({ sizes: [features, 4, 1], activation: "tanh" });
  const stepping = (learningRate: number, steps: number) =>
    made(maml({ model, loss: meanSquaredError, inner: sgd({ learningRate }), steps }));
  const lengthBy = (learner: ReturnType<typeof made>, rating = 0): number => {
    const { embedding: table, ...own } = parameters(learner);
    const { support } = withoutPadding(alone as unknown as Task) as unknown as NonNullable<typeof alone>;
    const rows = learner.features(table, support.x);
    const given = { ...rows, rating: add(support.y.rating, rating) };
    return valuesIn(learner.firstStep(own, given))[0]!;
  };

  test("is the rate times the norm of the gradient of its loss, however many steps the learner takes", () => {
    const learner = stepping(0.1, 3);
    const { embedding: table, logShrinkage, learner: network } = parameters(learner);
    const { support } = withoutPadding(alone as unknown as Task) as unknown as NonNullable<typeof alone>;
    const { base, features: z } = learner.features(table, support.x);
    const left = sub(support.y.rating, base);
    // The level of one rating is what is left over 1 + lambda.
    const target = sub(left, div(left, add(exp(logShrinkage!), 1)));
    const gradient = grad((at: Tree) => meanSquaredError(model.apply(at as never, z as never), target))(network);
    const norm = Math.hypot(...leaves(gradient).flatMap((leaf) => valuesIn(leaf)));
    expect(norm).toBeGreaterThan(1e-3);
    expect(lengthBy(learner)).toBeCloseTo(0.1 * norm, 5);
    expect(lengthBy(stepping(0.1, 1))).toBeCloseTo(0.1 * norm, 5);
    expect(lengthBy(stepping(0.3, 1))).toBeCloseTo(0.3 * norm, 5);
    expect(lengthBy(learner, 3)).not.toBeCloseTo(0.1 * norm, 3);
  });

  test("is refused where the learner takes none", () => {
    const learner = made(ridgeRegression({ task: "regression", model: identity }));
    expect(() => lengthBy(learner)).toThrow(/^IL102 firstStep: ridge regression takes no steps/);
  });
});

describe("the level of a user", () => {
  test("is the sum of what is left over n + lambda, and 0 without ratings", () => {
    const learner = made(ridgeRegression({ task: "regression", model: identity }));
    const params = learner.init(key(1));
    for (const task of tasks) {
      const { level } = learner.adapt(params, task.support);
      const width = numbers.shape[0]!;
      const left = Array.from(task.support.present!.data!, Number).flatMap((there, row) =>
        there ? [Number(task.support.y.rating.data![row]) - Number(task.support.x.numbers.data![row * width])] : [],
      );
      expect(valuesIn(level)[0]).toBeCloseTo(left.reduce((a, b) => a + b, 0) / (left.length + 3), 5);
    }
  });

  test("and the base are all that there is where the learner says nothing", () => {
    const learner = made(ridgeRegression({ task: "regression", model: identity, lambda: 1e9 }));
    const params = learner.init(key(1));
    const width = numbers.shape[0]!;
    for (const task of tasks) {
      const user = learner.adapt(params, task.support);
      const level = valuesIn(user.level)[0]!;
      valuesIn(learner.predict(user, task.query.x)).forEach((value, row) => {
        expect(value).toBeCloseTo(Number(task.query.x.numbers.data![row * width]) + level, 5);
      });
    }
  });

  test("is 0 where there is none, and what is left is what is learned: MeLU, of which all but the embedding adapts", () => {
    const inner = inners[1]![1] as FeatureLearner;
    const learner = residualLearner(inner, { embedding: embedding as never, link: identityLinkWithoutLevel });
    const first = learner.init(key(1));
    expect(Object.keys(first).sort()).toEqual(["embedding", "learner"]);
    const params = noiseLike(first as Tree, 0.4, 5) as ResidualParameters;
    const task = tasks.find((each) => known(each) > 2)!;
    const width = numbers.shape[0]!;
    const user = learner.adapt(params, task.support);
    expect(valuesIn(user.level)).toEqual([0]);
    const { features: z, base } = learner.features(params.embedding, task.query.x);
    const left = valuesIn(learner.features(params.embedding, task.support.x).base).map(
      (value, row) => Number(task.support.y.rating.data![row]) - value,
    );
    const knownZ = learner.features(params.embedding, task.support.x).features;
    const y = tensor(Float32Array.from(left), [left.length, 1]);
    const adapted = inner.adapt(params.learner, { x: knownZ, y, present: task.support.present! });
    const expected = valuesIn(inner.predict(adapted, z));
    valuesIn(learner.predict(user, task.query.x)).forEach((value, row) => {
      expect(value).toBeCloseTo(Number(task.query.x.numbers.data![row * width]) + expected[row]!, 5);
      expect(valuesIn(base)[row]).toBeCloseTo(Number(task.query.x.numbers.data![row * width]), 6);
    });
    const loss = (at: ResidualParameters) => learner.metaGradient(at, task).loss;
    const { gradient } = learner.metaGradient(params, task);
    expect(gradientError(loss, params, gradient as ResidualParameters)).toBeLessThan(2e-4);
  });
});

describe("log-odds of what was taken", () => {
  const width = numbers.shape[0]!;
  const data = madeUpRatings();
  const taken = userTasks(
    {
      ...data,
      rating: data.rating.map(() => 1),
      base: data.rating.map((_, at) => (at % 5) - 2),
      units: { mean: 0, deviation: 1 },
      candidates: {
        pool: Int32Array.from([0, 1, 2, 3, 4, 5, 6, 7]),
        base: Float32Array.from({ length: 8 }, (_, item) => item / 4 - 1),
        sureness: new Float32Array(8),
      },
    },
    { shots: { from: 0, to: 3 }, queries: 2, untaken: { forEach: 2 } },
  );
  const logitTasks = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => taken.sample(1, index));
  const mlpOf = () => mlp({ sizes: [features, 4, 1], activation: "tanh" });
  const inner: readonly Inner[] = [
    ["ridge regression", ridgeRegression({ task: "regression", model: identity, loss: logisticResidual })],
    ["MAML", maml({ model: mlpOf(), loss: logisticResidual, inner: sgd({ learningRate: 0.1 }), steps: 2 })],
    ["neural process", neuralProcess({ features, outputs: 1, hidden: 4, layers: 1, loss: logisticResidual })],
  ];
  // What these draw in training is no part of a prediction.
  const drawing: readonly Inner[] = [
    [
      "latent neural process",
      neuralProcess({ features, outputs: 1, hidden: 4, layers: 1, latent: true, loss: logisticResidual }),
    ],
    [
      "task-adaptive process",
      taskAdaptiveProcess({ features, outputs: 1, hidden: 4, layers: 1, clusters: 2, loss: logisticResidual }),
    ],
  ];
  const logit = (within: unknown) =>
    residualLearner(within as FeatureLearner, { embedding: embedding as never, link: logitLink });

  test.each([...inner, ...drawing])(
    "are base and prediction, without a level, and have the likelihood as their loss, by %s",
    (_, of) => {
      const learner = logit(of);
      const params = noiseLike(learner.init(key(1)) as Tree, 0.4, 5) as ResidualParameters;
      for (const task of logitTasks) {
        const user = learner.adapt(params, task.support);
        expect(valuesIn(user.level)).toEqual([0]);
        const prediction = learner.predict(user, task.query.x, task.query.present);
        expect(prediction.shape[1]).toBe(1);
        const loss = valuesIn(learner.loss(prediction, task.query.y, task.query.present))[0]!;
        const rows = valuesIn(prediction).map((value, row) => {
          const y = Number(task.query.y.rating.data![row]);
          return Number(task.query.present!.data![row]) ? [Math.log1p(Math.exp(value)) - y * value] : [];
        });
        const mean = rows.flat().reduce((a, b) => a + b, 0) / rows.flat().length;
        expect(loss).toBeCloseTo(mean, 5);
      }
    },
  );

  test.each(inner)("have a meta-gradient that is the derivative of their loss, by %s", (_, of) => {
    const learner = logit(of);
    const params = noiseLike(learner.init(key(1)) as Tree, 0.4, 6) as ResidualParameters;
    const task = logitTasks.find((each) => known(each as never) > 1)!;
    const loss = (at: ResidualParameters) => learner.metaGradient(at, task).loss;
    const { gradient } = learner.metaGradient(params, task);
    expect(gradientError(loss, params, gradient as ResidualParameters)).toBeLessThan(2e-4);
    // Without a key no id is dropped, so that training and judgement have one loss.
    const said = learner.predict(learner.adapt(params, task.support), task.query.x, task.query.present);
    expect(valuesIn(loss(params))[0]).toBeCloseTo(
      valuesIn(learner.loss(said, task.query.y, task.query.present))[0]!,
      4,
    );
  });

  test("begin at the base where the learner says nothing", () => {
    const learner = logit(
      ridgeRegression({ task: "regression", model: identity, lambda: 1e9, loss: logisticResidual }),
    );
    const user = learner.adapt(learner.init(key(1)), logitTasks[0]!.support);
    const { x } = logitTasks[0]!.query;
    valuesIn(learner.predict(user, x)).forEach((value, row) => {
      expect(value).toBeCloseTo(Number(x.numbers.data![row * width]), 5);
    });
  });
});
