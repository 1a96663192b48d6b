import {
  add,
  concat,
  grad,
  leaves,
  mapTree,
  mean,
  mul,
  paths,
  sub,
  type Tensor,
  type Tree,
  tensor,
  unflatten,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../layers/layer.js";
import { batchNorm, conv2d, dropout, flatten, linear, maxPool, sequential, tanh } from "../layers/layers.js";
import { traitsOf } from "../layers/parameter-roles.js";
import { withRunningStatistics } from "../layers/running-statistics.js";
import { crossEntropy, type Loss, meanSquaredError } from "../losses/losses.js";
import { mlp } from "../networks/models.js";
import {
  classificationTask,
  gradientError,
  metricNames,
  namedValues,
  noiseLike,
  noiseTensor,
  numbersOf,
  regressionTask,
  valuesIn,
} from "../numerical.fixture.js";
import { applyUpdates } from "../optimizers/gradient-transformation.js";
import { adam, sgd } from "../optimizers/optimizers.js";
import { key } from "../random/random.js";
import type { Task } from "../tasks/task.js";
import { stackTasks } from "../training/task-batch.js";
import { fromScratch, jointTraining, nearestNeighbour } from "./baselines/baselines.js";
import type { AdaptedModel } from "./gradient/gradient-adaptation.js";
import { anil, boil, fomaml, maml, metaSgd } from "./gradient/maml.js";
import { reptile } from "./gradient/reptile.js";
import { type Learner, meanMetaGradient } from "./learner.js";
import { squaredDistances } from "./metric/distances.js";

const layers = (...list: readonly Layer[]): Layer => sequential(list);

const curve = mlp({ sizes: [2, 4, 3, 1], activation: "tanh" });
const images = layers(
  conv2d({ channelsIn: 1, channelsOut: 2 }),
  tanh(),
  maxPool(2),
  flatten(),
  linear({ inputs: 8, outputs: 3 }),
);
const normalized = (mode: "transductive" | "support") =>
  layers(
    linear({ inputs: 2, outputs: 4 }),
    batchNorm({ channels: 4, mode }),
    tanh(),
    linear({ inputs: 4, outputs: 1 }),
  );

const inner = sgd({ learningRate: 0.3 });
const regression = { loss: meanSquaredError, inner, steps: 2 };
const curves = (index = 0): Task => regressionTask(2, 1, 4, 5, index);
const pictures = (index = 0): Task => classificationTask([4, 4, 1], 3, 2, 2, index);

interface LearnerCase {
  readonly name: string;
  readonly learner: Learner;
  readonly model: Layer;
  readonly task: (index?: number) => Task;
}

/** Learners whose meta-gradient is the true gradient of the loss after adaptation. */
const secondOrder: readonly LearnerCase[] = [
  { name: "MAML", learner: maml({ model: curve, ...regression }), model: curve, task: curves },
  {
    name: "MAML, one step",
    learner: maml({ model: curve, loss: meanSquaredError, inner }),
    model: curve,
    task: curves,
  },
  {
    name: "MAML, inner momentum",
    learner: maml({ model: curve, ...regression, inner: sgd({ learningRate: 0.1, momentum: 0.9 }), steps: 3 }),
    model: curve,
    task: curves,
  },
  {
    name: "MAML, inner Adam",
    learner: maml({ model: curve, ...regression, inner: adam({ learningRate: 0.05 }) }),
    model: curve,
    task: curves,
  },
  {
    name: "MAML, convolutions",
    learner: maml({ model: images, loss: crossEntropy, inner, steps: 2 }),
    model: images,
    task: pictures,
  },
  {
    name: "MAML, transductive batch normalisation",
    learner: maml({ model: normalized("transductive"), ...regression }),
    model: normalized("transductive"),
    task: curves,
  },
  {
    name: "MAML, batch normalisation by the support set",
    learner: maml({ model: normalized("support"), ...regression }),
    model: normalized("support"),
    task: curves,
  },
  {
    name: "MAML, chosen parameters adapt",
    learner: maml({ model: curve, ...regression, adapts: (path) => path.endsWith("bias") }),
    model: curve,
    task: curves,
  },
  { name: "ANIL", learner: anil({ model: curve, ...regression }), model: curve, task: curves },
  {
    name: "ANIL, convolutions",
    learner: anil({ model: images, loss: crossEntropy, inner }),
    model: images,
    task: pictures,
  },
  { name: "BOIL", learner: boil({ model: curve, ...regression }), model: curve, task: curves },
  {
    name: "Meta-SGD",
    learner: metaSgd({ model: curve, loss: meanSquaredError, steps: 2, learningRate: 0.2 }),
    model: curve,
    task: curves,
  },
];

const firstOrder: readonly LearnerCase[] = [
  { name: "FOMAML", learner: fomaml({ model: curve, ...regression }), model: curve, task: curves },
  { name: "Reptile", learner: reptile({ model: curve, loss: meanSquaredError, inner }), model: curve, task: curves },
  {
    name: "joint pre-training",
    learner: jointTraining({ model: curve, loss: meanSquaredError, inner }),
    model: curve,
    task: curves,
  },
];

const startOf = (learner: Learner): Tree => learner.init(key(2));

/** The loss on the query set after adaptation, by what users call: adapt, then predict. */
const lossAfterAdapting =
  (learner: Learner, task: Task) =>
  (params: Tree): Tensor =>
    learner.loss(learner.predict(learner.adapt(params, task.support), task.query.x), task.query.y);

describe.each(secondOrder)("$name", ({ learner, task }) => {
  const params = startOf(learner);

  test("its meta-gradient is what central differences through the whole adaptation tell", () => {
    const { gradient, loss } = learner.metaGradient(params, task());
    const f = lossAfterAdapting(learner, task());
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(f(params))[0]!, 10);
    expect(gradientError(f, params, gradient, { h: 1e-4 })).toBeLessThan(1e-7);
  });

  test("adaptation matters to that test: the gradient without it is another", () => {
    // The slip of published code: the outer loss with parameters that have not adapted.
    const unadapted = (at: Tree): Tensor => {
      const still = learner.adapt(at, task().support, { steps: 0 });
      return learner.loss(learner.predict(still, task().query.x), task().query.y);
    };
    expect(gradientError(lossAfterAdapting(learner, task()), params, grad(unadapted)(params))).toBeGreaterThan(1e-3);
  });
});

describe.each([...secondOrder, ...firstOrder])("$name", ({ learner, model, task }) => {
  const params = startOf(learner);

  test("its meta-gradient has the parameters' structure, its loss is a scalar", () => {
    const result = learner.metaGradient(params, task());
    expect(paths(result.gradient)).toEqual(paths(params));
    expect(leaves(result.gradient).map((leaf) => leaf.shape)).toEqual(leaves(params).map((leaf) => leaf.shape));
    expect(result.loss.shape).toEqual([]);
    expect(Object.keys(result.metrics)).toEqual(metricNames(learner.loss));
  });

  test("adapting is pure, and no step leaves the model as it is", () => {
    const before = namedValues(params);
    const once = namedValues(learner.adapt(params, task().support));
    expect(namedValues(learner.adapt(params, task().support))).toEqual(once);
    expect(namedValues(params)).toEqual(before);
    const still = learner.adapt(params, task().support, { steps: 0 });
    const predicted = valuesIn(learner.predict(still, task().query.x));
    if (learner.description.batchNorm !== "support") {
      const own = "model" in params ? (params as { model: Tree }).model : params;
      expect(predicted).toEqual(valuesIn(model.apply(own, task().query.x)));
    }
    expect(valuesIn(learner.predict(learner.adapt(params, task().support), task().query.x))).not.toEqual(predicted);
  });

  test("takes other numbers of steps, shots and queries at test, and more steps fit the support set better", () => {
    const other: Task = { support: task(5).query, query: task(6).support };
    const fit = (steps: number): number => {
      const adapted = learner.adapt(params, other.support, { steps });
      return valuesIn(learner.loss(learner.predict(adapted, other.support.x), other.support.y))[0]!;
    };
    // Momentum overshoots now and then; ten steps are below none in all of them.
    expect(fit(10)).toBeLessThan(fit(0));
    expect(learner.predict(learner.adapt(params, other.support), other.query.x).shape[0]).toBe(other.query.x.shape[0]);
  });

  test("its mean over tasks is the mean of single ones", () => {
    const tasks = [0, 1, 2].map((index) => task(index));
    const all = meanMetaGradient(learner, params, stackTasks(tasks));
    const each = tasks.map((one) => learner.metaGradient(params, one));
    const averaged = (pick: (result: (typeof each)[number]) => Tree): number[] => {
      const lists = each.map((result) => numbersOf(pick(result)).flat());
      return lists[0]!.map((_, i) => lists.reduce((total, list) => total + list[i]!, 0) / lists.length);
    };
    for (const pick of [
      (r: typeof all) => r.gradient,
      (r: typeof all) => r.loss,
      (r: typeof all) => r.metrics,
    ] as const) {
      const got = numbersOf(pick(all)).flat();
      const expected = averaged(pick);
      expect(got).toHaveLength(expected.length);
      // The mean multiplies by 1/3 as float32 has it.
      got.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-7 * Math.max(1, Math.abs(expected[i]!)));
      });
    }
  });

  test("refuses steps that are no number of steps", () => {
    for (const steps of [-1, 0.5, Number.NaN]) {
      expect(() => learner.adapt(params, task().support, { steps })).toThrow(/^IL102 adapt/);
    }
  });
});

describe("identities", () => {
  const params = curve.init(key(2));
  const task = curves();
  const queryGradient = (at: Tree): Tree =>
    grad((p: Tree) => meanSquaredError(curve.apply(p, task.query.x), task.query.y))(at);
  const sameTree = (a: Tree, b: Tree): void => expect(namedValues(a)).toEqual(namedValues(b));
  const closeTree = (a: Tree, b: Tree, digits = 12): void => {
    expect(paths(a)).toEqual(paths(b));
    const expected = numbersOf(b).flat();
    numbersOf(a)
      .flat()
      .forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, digits);
      });
  };

  test("MAML takes gradient steps on the support set", () => {
    const step = (at: Tree): Tree =>
      mapTree(
        (w, g) => sub(w, mul(g, 0.3)),
        at,
        grad((p: Tree) => meanSquaredError(curve.apply(p, task.support.x), task.support.y))(at),
      );
    closeTree(maml({ model: curve, ...regression }).adapt(params, task.support).params, step(step(params)));
  });

  test("FOMAML is the gradient of the query loss at the adapted parameters", () => {
    for (const steps of [1, 3]) {
      const learner = fomaml({ model: curve, ...regression, steps });
      const adapted = unflatten(
        params,
        numbersOf(learner.adapt(params, task.support).params).map((v, i) =>
          tensor(v, leaves(params)[i]!.shape, "float64"),
        ),
      );
      const wide = widened(task);
      const at = grad((p: Tree) => meanSquaredError(curve.apply(p, wide.query.x), wide.query.y))(adapted);
      closeTree(learner.metaGradient(params, task).gradient, at, 7);
    }
  });

  test("with an inner rate of 0, MAML is the plain gradient of the query loss; so is FOMAML", () => {
    for (const make of [maml, fomaml]) {
      const learner = make({ model: curve, loss: meanSquaredError, inner: sgd({ learningRate: 0 }), steps: 2 });
      closeTree(learner.metaGradient(params, task).gradient, queryGradient(params));
    }
  });

  test("MAML and FOMAML adapt alike, and their gradients differ", () => {
    const [second, first] = [maml({ model: curve, ...regression }), fomaml({ model: curve, ...regression })];
    sameTree(second.adapt(params, task.support), first.adapt(params, task.support));
    const [a, b] = [second, first].map((l) => numbersOf(l.metaGradient(params, task).gradient).flat());
    expect(Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))).toBeGreaterThan(1e-3);
  });

  test("ANIL moves the head and nothing else, BOIL all but the head; the rest is equal bit for bit", () => {
    const before = namedValues(params);
    for (const [make, moves] of [
      [anil, (path: string) => path.startsWith("5/")],
      [boil, (path: string) => !path.startsWith("5/")],
    ] as const) {
      const after = namedValues(make({ model: curve, ...regression }).adapt(params, task.support).params);
      for (const path of Object.keys(before)) {
        if (moves(path)) expect(after[path], path).not.toEqual(before[path]);
        else expect(after[path], path).toEqual(before[path]);
      }
    }
    const chosen = maml({ model: curve, ...regression, adapts: (path) => path.startsWith("5/") });
    sameTree(
      chosen.metaGradient(params, task).gradient,
      anil({ model: curve, ...regression }).metaGradient(params, task).gradient,
    );
    // The body is trained through the adapted head, though it does not adapt.
    const body = namedValues(anil({ model: curve, ...regression }).metaGradient(params, task).gradient)["1/weight"]!;
    expect(Math.max(...body.map(Math.abs))).toBeGreaterThan(1e-3);
  });

  test("Meta-SGD with constant rates is MAML in its model's part, and has a gradient by the rates", () => {
    const learner = metaSgd({ model: curve, loss: meanSquaredError, steps: 2, learningRate: 0.3 });
    const start = learner.init(key(2)) as { model: Tree; inner: Tree };
    sameTree(start.model, params);
    const { gradient } = learner.metaGradient(start, task);
    const parts = gradient as { model: Tree; inner: Tree };
    closeTree(parts.model, maml({ model: curve, ...regression }).metaGradient(params, task).gradient);
    expect(Math.max(...numbersOf(parts.inner).flat().map(Math.abs))).toBeGreaterThan(1e-3);
    sameTree(learner.adapt(start, task.support), maml({ model: curve, ...regression }).adapt(params, task.support));
  });

  test("Reptile with one step on all of the support is the inner rate times the gradient on it", () => {
    const learner = reptile({ model: curve, loss: meanSquaredError, inner, steps: 1 });
    const joint = grad((p: Tree) => meanSquaredError(curve.apply(p, task.support.x), task.support.y))(params);
    closeTree(
      learner.metaGradient(params, task).gradient,
      mapTree((g) => mul(g, 0.3), joint),
    );
  });

  test("Reptile's gradient is where it was minus where it arrives, on mini-batches that go through all rows", () => {
    const grouped = classificationTask([2], 3, 4, 1);
    const model = mlp({ sizes: [2, 3], activation: "tanh" });
    const seen: number[][] = [];
    const watching: Loss = (prediction, y) => {
      seen.push(valuesIn(y));
      return crossEntropy(prediction, y);
    };
    const learner = reptile({ model, loss: watching, inner, steps: 4, innerBatchSize: 3 });
    const start = model.init(key(1));
    const arrived = learner.adapt(start, grouped.support).params;
    // Rows come grouped by class: a mini-batch of three holds one of each of the three.
    expect(seen.map((labels) => [...labels].sort())).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2],
    ]);
    closeTree(
      learner.metaGradient(start, grouped).gradient,
      mapTree((from, to) => sub(from, to), start, arrived),
    );
  });

  test("joint training is the gradient on support and query sets together, without adapting", () => {
    const learner = jointTraining({ model: curve, loss: meanSquaredError, inner });
    const x = concat([task.support.x, task.query.x]);
    const y = concat([task.support.y, task.query.y]);
    sameTree(
      learner.metaGradient(params, task).gradient,
      grad((p: Tree) => meanSquaredError(curve.apply(p, x), y))(params),
    );
    sameTree(
      learner.adapt(params, task.support, { steps: 3 }),
      maml({ model: curve, ...regression }).adapt(params, task.support, { steps: 3 }),
    );
  });

  test("from scratch is the inner loop from the first parameters", () => {
    const learner = fromScratch({ model: curve, loss: meanSquaredError, inner, steps: 3 });
    sameTree(learner.init(key(2)), params);
    sameTree(
      learner.adapt(params, task.support),
      maml({ model: curve, ...regression }).adapt(params, task.support, { steps: 3 }),
    );
  });

  test("a model of one's own without a head cannot be ANIL's, and says so", () => {
    const model: Layer = {
      init: () => ({ w: tensor([1]) }),
      apply: (params, x) => mul(x, (params as { w: Tensor }).w),
    };
    expect(() => anil({ model, ...regression })).toThrow(/^IL102 anil: .*head/);
    expect(() => boil({ model, ...regression })).toThrow(/^IL102 boil: .*head/);
    expect(() => maml({ model, ...regression, adapts: () => false }).adapt(model.init(key(0)), task.support)).toThrow(
      /^IL102 adapt: none/,
    );
    expect(() => reptile({ model, ...regression, innerBatchSize: 0 })).toThrow(/^IL102 reptile/);
  });
});

/** A task in float64: what is compared with it is not rounded to float32. */
const widened = (task: Task): Task => {
  const wide = (x: Tensor): Tensor => tensor(valuesIn(x), x.shape, "float64");
  return {
    support: { x: wide(task.support.x), y: wide(task.support.y) },
    query: { x: wide(task.query.x), y: wide(task.query.y) },
  };
};

describe("batch normalisation in learners", () => {
  const predictions = (mode: "transductive" | "support" | "running", query: Tensor): number[] => {
    const model = layers(
      linear({ inputs: 2, outputs: 4 }),
      batchNorm({ channels: 4, mode }),
      linear({ inputs: 4, outputs: 1 }),
    );
    const learner = maml({ model, ...regression });
    return valuesIn(learner.predict(learner.adapt(model.init(key(1)), curves().support), query));
  };
  const query = noiseTensor([1, 2], 50);
  const beside = (company: Tensor) => concat([query, company]);

  test("transductive: a prediction depends on the other queries", () => {
    const [a] = predictions("transductive", beside(noiseTensor([3, 2], 51)));
    const [b] = predictions("transductive", beside(noiseTensor([3, 2], 52)));
    expect(Math.abs(a! - b!)).toBeGreaterThan(1e-3);
  });

  test.each(["support", "running"] as const)("%s: it does not, bit for bit", (mode) => {
    const alone = predictions(mode, query)[0];
    expect(predictions(mode, beside(noiseTensor([3, 2], 51)))[0]).toBe(alone);
    expect(predictions(mode, beside(mul(noiseTensor([7, 2], 52), 100)))[0]).toBe(alone);
  });

  test("support: it does depend on the support set", () => {
    const model = normalized("support");
    const learner = maml({ model, ...regression });
    const at = (index: number) =>
      valuesIn(learner.predict(learner.adapt(model.init(key(1)), curves(index).support, { steps: 0 }), query))[0]!;
    expect(Math.abs(at(0) - at(1))).toBeGreaterThan(1e-4);
  });

  const running = layers(
    linear({ inputs: 2, outputs: 3 }),
    batchNorm({ channels: 3, mode: "running" }),
    tanh(),
    linear({ inputs: 3, outputs: 1 }),
  );
  const runningCases: readonly (readonly [string, Learner, string])[] = [
    ["MAML", maml({ model: running, ...regression }), ""],
    ["Meta-SGD", metaSgd({ model: running, loss: meanSquaredError, steps: 2, learningRate: 0.3 }), "model/"],
    ["Reptile", reptile({ model: running, ...regression }), ""],
    ["joint pre-training", jointTraining({ model: running, ...regression }), ""],
  ];

  test.each(runningCases)(
    "running: %s moves the averages towards the batch's, whatever the optimizer does",
    (_, learner, prefix) => {
      const params = learner.init(key(1));
      const { gradient, statistics } = learner.metaGradient(params, curves());
      for (const name of ["runningMean", "runningVariance"]) {
        expect(namedValues(gradient)[`${prefix}1/${name}`]).toEqual([0, 0, 0]);
      }
      const found = statistics![`${prefix}1`]!;
      // An optimizer with weight decay would shrink the averages.
      const optimizer = sgd({ learningRate: 0.5, weightDecay: 0.5, momentum: 0.9 });
      const updated = applyUpdates(params, optimizer.update(gradient, optimizer.init(params), params).updates);
      const after = namedValues(withRunningStatistics(updated, statistics!, params, traitsOf(learner)));
      valuesIn(found.mean).forEach((value, c) => {
        expect(after[`${prefix}1/runningMean`]![c]).toBeCloseTo(0.1 * value, 7);
        expect(after[`${prefix}1/runningVariance`]![c]).toBeCloseTo(0.9 + 0.1 * valuesIn(found.variance)[c]!, 7);
      });
      expect(after[`${prefix}0/weight`]).toEqual(namedValues(updated)[`${prefix}0/weight`]);
      expect(after[`${prefix}0/weight`]).not.toEqual(namedValues(params)[`${prefix}0/weight`]);
      // The inner loop leaves them alone as well.
      const adapted = namedValues((learner.adapt(params, curves().support) as AdaptedModel).params);
      expect(adapted["1/runningMean"]).toEqual([0, 0, 0]);
      expect(adapted["1/runningVariance"]).toEqual([1, 1, 1]);
    },
  );
});

describe("dropout in learners", () => {
  const model = layers(linear({ inputs: 2, outputs: 64 }), dropout({ rate: 0.5 }), linear({ inputs: 64, outputs: 1 }));
  const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.05 }) });
  const params = model.init(key(1));
  const lossWith = (seed?: number) =>
    valuesIn(
      learner.metaGradient(params, curves(), seed === undefined ? undefined : tensor(seed, [], "int32")).loss,
    )[0]!;

  test("draws in training from the key it is given", () => {
    expect(lossWith(1)).toBe(lossWith(1));
    expect(lossWith(1)).not.toBe(lossWith(2));
    expect(lossWith(1)).not.toBe(lossWith());
  });

  test("is off in adapting and predicting", () => {
    expect(valuesIn(lossAfterAdapting(learner, curves())(params))[0]).toBe(lossWith());
  });

  test("each task of a batch draws from its own key", () => {
    const tasks = stackTasks([curves(), curves()]);
    const { loss } = meanMetaGradient(learner, params, tasks, tensor([1, 2], [2], "int32"));
    expect(valuesIn(loss)[0]).toBeCloseTo((lossWith(1) + lossWith(2)) / 2, 7);
  });
});

describe("nearestNeighbour", () => {
  const task = classificationTask([2, 3], 4, 3, 5);
  const learner = nearestNeighbour({ ways: 4 });
  const logits = valuesIn(learner.predict(learner.adapt(learner.init(key(0)), task.support), task.query.x));

  test("equals brute force", () => {
    const [queries, support, labels] = [task.query.x, task.support.x, task.support.y].map(valuesIn) as [
      number[],
      number[],
      number[],
    ];
    for (let q = 0; q < 20; q++) {
      const distance = labels.map((_, s) =>
        [0, 1, 2, 3, 4, 5].reduce((total, i) => total + (queries[q * 6 + i]! - support[s * 6 + i]!) ** 2, 0),
      );
      for (let way = 0; way < 4; way++) {
        const nearest = Math.min(...distance.filter((_, s) => labels[s] === way));
        expect(-logits[q * 4 + way]!).toBeCloseTo(nearest, 10);
      }
    }
  });

  test("works in an embedding, for labels in any order, and finds an example of its own", () => {
    const doubled = nearestNeighbour({ ways: 2, embed: (x) => mul(x, 2) });
    const support = { x: tensor([[0], [1], [5]]), y: tensor([1, 1, 0], [3], "int32") };
    const y = valuesIn(doubled.predict(doubled.adapt(doubled.init(key(0)), support), tensor([[1], [4]])));
    expect(y.map((value) => value + 0)).toEqual([-64, 0, -4, -36]);
  });

  test("a class without examples is never the nearest", () => {
    const wide = nearestNeighbour({ ways: 3 });
    const support = { x: tensor([[0], [1]]), y: tensor([0, 2], [2], "int32") };
    const y = valuesIn(wide.predict(wide.adapt(wide.init(key(0)), support), tensor([[1000]])));
    expect(y[1]).toBeLessThan(Math.min(y[0]!, y[2]!));
  });

  test("squaredDistances are those of pairs of rows", () => {
    expect(
      valuesIn(
        squaredDistances(
          tensor([
            [0, 0],
            [3, 4],
          ]),
          tensor([
            [3, 4],
            [1, 0],
            [0, 0],
          ]),
        ),
      ),
    ).toEqual([25, 1, 0, 0, 20, 25]);
  });

  test("refuses fewer than two ways", () =>
    expect(() => nearestNeighbour({ ways: 1 })).toThrow(/^IL102 nearestNeighbour/));
});

test("a loss of one's own is any function of two tensors", () => {
  const cubic: Loss = (prediction, y) => {
    const error = sub(prediction, y);
    return mean(mul(mul(error, error), add(mul(error, 0.1), 1)));
  };
  const model = layers(
    functionLayer((x) => mul(x, 1)),
    linear({ inputs: 2, outputs: 1 }),
  );
  const learner = maml({ model, loss: cubic, inner });
  const params = noiseLike(model.init(key(0)), 0.5, 3);
  const f = lossAfterAdapting(learner, curves());
  expect(gradientError(f, params, learner.metaGradient(params, curves()).gradient, { h: 1e-4 })).toBeLessThan(1e-8);
});
