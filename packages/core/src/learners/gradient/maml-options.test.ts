import { add, gather, grad, mapTree, mul, sub, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { withMetrics } from "../../losses/figures.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { classificationTask, namedValues, noiseTensor, regressionTask, valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import type { Learner, MetaGradientOptions } from "../learner.js";
import {
  base,
  curve,
  curves,
  distance,
  expectClose,
  iteration,
  lossAfterAdapting,
  normalized,
  padded,
} from "./gradient-options.fixture.js";
import { learnedRates } from "./learned-optimizers.js";
import { lstmOptimizer } from "./lstm-optimizer.js";
import { anil, boil, fomaml, maml } from "./maml.js";
import { reptile } from "./reptile.js";

const task = curves();
const classifier = mlp({ sizes: [2, 4, 3], activation: "tanh" });
const params = curve.init(key(2));
const supportGradient = grad((at: Tree) => meanSquaredError(curve.apply(at, task.support.x), task.support.y));
const result = (learner: Learner, at = params, how: MetaGradientOptions = {}): Tree => {
  const { loss, gradient } = learner.metaGradient(at, task, undefined, how);
  return { loss, gradient };
};

describe("proximal", () => {
  test("0 is MAML, to the bit", () => {
    expect(namedValues(result(maml({ ...base, proximal: 0 })))).toEqual(namedValues(result(maml(base))));
  });

  test("its first step is MAML's, later ones are pulled back", () => {
    const steps = (proximal: number, count: number): Tree =>
      maml({ ...base, proximal }).adapt(params, task.support, { steps: count }).params;
    expectClose(steps(0.7, 1), steps(0, 1));
    // theta_2 = theta_1 - 0.3 (g(theta_1) + 0.7 (theta_1 - theta))
    const one = steps(0, 1);
    const expected = mapTree(
      (w, g, from) => sub(w, mul(add(g, mul(sub(w, from), 0.7)), 0.3)),
      one,
      supportGradient(one),
      params,
    );
    expectClose(steps(0.7, 2), expected, 1e-7);
  });

  test("where rate times lambda is 1, each step is one from the start", () => {
    const learner = maml({ ...base, inner: sgd({ learningRate: 0.25 }), proximal: 4 });
    const third = learner.adapt(params, task.support, { steps: 3 }).params;
    const second = learner.adapt(params, task.support, { steps: 2 }).params;
    expectClose(
      third,
      mapTree((from, g) => sub(from, mul(g, 0.25)), params, supportGradient(second)),
      1e-12,
    );
  });

  test("the larger, the nearer theta' stays", () => {
    const moved = (proximal: number): number =>
      distance(
        maml({ ...base, inner: sgd({ learningRate: 0.001 }), proximal }).adapt(params, task.support, { steps: 100 })
          .params,
        params,
      );
    expect(moved(100)).toBeLessThan(0.2 * moved(0));
    expect(moved(900)).toBeLessThan(0.2 * moved(100));
  });

  test("only parameters that adapt are counted", () => {
    const learner = anil({ ...base, proximal: 0.7 });
    const head = learner.adapt(params, task.support).params;
    const plain = anil(base).adapt(params, task.support).params;
    expect(namedValues(head)["1/weight"]).toEqual(namedValues(params)["1/weight"]);
    expect(distance(head, plain)).toBeGreaterThan(1e-3);
  });

  test("learned, it is that of its first value, and has a gradient", () => {
    const learner = maml({ ...base, proximal: { learned: 0.5 } });
    const start = learner.init(key(2)) as { model: Tree; proximal: Tree };
    const { loss, gradient } = learner.metaGradient(start, task);
    const expected = maml({ ...base, proximal: 0.5 }).metaGradient(params, task);
    const found = gradient as { model: Tree; proximal: Tree };
    expectClose({ loss, gradient: found.model }, { loss: expected.loss, gradient: expected.gradient }, 1e-7);
    expect(Object.keys(start)).toEqual(["model", "proximal"]);
    const quotient = (step: number): number =>
      valuesIn(result(maml({ ...base, proximal: 0.5 * Math.exp(step) })) as never)[0]!;
    expect(valuesIn(found.proximal as never)[0]).toBeCloseTo((quotient(1e-4) - quotient(-1e-4)) / 2e-4, 5);
  });
});

describe("minibatch", () => {
  test("as large as the support set, it is MAML", () => {
    for (const size of [4, 9]) {
      expect(namedValues(result(maml({ ...base, minibatch: { size } })))).toEqual(namedValues(result(maml(base))));
    }
  });

  test("its steps are Reptile's", () => {
    const grouped = classificationTask([2], 3, 4, 1).support;
    const support: Examples = { x: grouped.x, y: noiseTensor([12, 1], 4) };
    for (const size of [2, 3, 5]) {
      const steps = { steps: 4 };
      expect(namedValues(maml({ ...base, minibatch: { size } }).adapt(params, support, steps).params)).toEqual(
        namedValues(reptile({ ...base, innerBatchSize: size }).adapt(params, support, steps).params),
      );
    }
  });

  test.each([
    [1, 4],
    [2, 2],
    [2, 4],
  ])("mini-batches of %i, %i of them a step: all rows alike, as in MAML", (size, accumulate) => {
    expectClose(result(maml({ ...base, minibatch: { size, accumulate } })), result(maml(base)), 1e-7);
    expect(distance(result(maml({ ...base, minibatch: { size } })), result(maml(base)))).toBeGreaterThan(1e-3);
  });

  test("a step goes on with the mini-batches after those of the step before", () => {
    const { x, y } = task.support;
    const stepOn = (rows: readonly number[], at: Tree): Tree => {
      const index = tensor([...rows], [rows.length], "int32");
      const loss = (p: Tree) => meanSquaredError(curve.apply(p, gather(x, index, 0)), gather(y, index, 0));
      return mapTree((w, g) => sub(w, mul(g, 0.3)), at, grad(loss)(at));
    };
    expectClose(
      maml({ ...base, minibatch: { size: 1, accumulate: 2 } }).adapt(params, task.support).params,
      stepOn([2, 3], stepOn([0, 1], params)),
    );
  });

  test("of a padded support set are those of the rows that are there", () => {
    const support = classificationTask([2], 3, 3, 1).support;
    for (const size of [1, 2, 4, 9, 10]) {
      const learner = maml({ ...base, loss: crossEntropy, model: classifier, steps: 3, minibatch: { size } });
      const at = learner.init(key(3));
      const whole = learner.adapt(at, support);
      for (const rows of [1, 7]) {
        const { params: found } = learner.adapt(at, padded(support, rows));
        expectClose(found, whole.params, 1e-8);
      }
    }
  });

  test("with momentum, a step is an update", () => {
    const inner = sgd({ learningRate: 0.1, momentum: 0.9 });
    expectClose(
      result(maml({ ...base, steps: 3, inner, minibatch: { size: 2, accumulate: 2 } })),
      result(maml({ ...base, steps: 3, inner })),
      1e-7,
    );
  });
});

describe("multiStepLoss", () => {
  const steps = 3;
  const learner = maml({ ...base, steps, multiStepLoss: { annealOver: 8 } });
  const plain = maml({ ...base, steps });
  /** The loss of given weights, and its gradient. */
  const weighted = (weights: readonly number[], of: Learner = plain, at: Tree = params): Tree => {
    const f = (p: Tree) =>
      weights
        .map((weight, k) => mul(lossAfterAdapting(of, task, k + 1)(p), weight))
        .reduce((total, term) => add(total, term));
    return { loss: f(at), gradient: grad(f)(at) };
  };
  /** What training follows, and its gradient. */
  const outer = (of: Learner, at: Tree, options: MetaGradientOptions): Tree => {
    const { metrics, gradient } = of.metaGradient(at, task, undefined, options);
    return { loss: metrics.outerLoss!, gradient };
  };

  test.each([
    [0, [1 / 3, 1 / 3, 1 / 3]],
    [2, [1 / 4, 1 / 4, 1 / 2]],
    [6, [1 / 12, 1 / 12, 10 / 12]],
  ])("after %i of 8 iterations, the steps' losses count %j", (count, weights) => {
    expectClose(outer(learner, params, iteration(count)), weighted(weights), 1e-7);
    // Counted by whole numbers it is the same.
    const counted = { iteration: tensor(count, [], "int32") };
    expectClose(outer(learner, params, counted), weighted(weights), 1e-7);
  });

  test("from the end of the annealing on it is MAML, and outside training it is MAML to the bit", () => {
    for (const count of [8, 9, 1000]) expectClose(result(learner, params, iteration(count)), result(plain), 1e-12);
    expect(namedValues(result(learner))).toEqual(namedValues(result(plain)));
  });

  test("the loss and metrics are those after the last step", () => {
    const loss = withMetrics(meanSquaredError, [{ name: "error", title: "error", compute: meanSquaredError }]);
    const watched = maml({ ...base, loss, steps, multiStepLoss: { annealOver: 8 } });
    const found = watched.metaGradient(params, task, undefined, iteration(0));
    expectClose(found.metrics.error!, lossAfterAdapting(plain, task)(params));
    expect(namedValues(found.metrics.error!)).toEqual(namedValues(found.loss));
    expect(distance(found.metrics.outerLoss!, found.loss)).toBeGreaterThan(1e-3);
  });

  test("each step is judged with its own statistics of the support set", () => {
    const model = normalized("support");
    const of = maml({ ...base, model, steps });
    const all = maml({ ...base, model, steps, multiStepLoss: { annealOver: 8 } });
    const at = model.init(key(1));
    expectClose(outer(all, at, iteration(0)), weighted([1 / 3, 1 / 3, 1 / 3], of, at), 1e-7);
  });
});

describe("orderAnnealing", () => {
  const learner = maml({ ...base, orderAnnealing: { secondOrderFrom: 5 } });

  test("before, the gradient is FOMAML's; after, and outside training, it is MAML's", () => {
    for (const count of [0, 4]) expectClose(result(learner, params, iteration(count)), result(fomaml(base)));
    for (const count of [5, 6, 1000]) expectClose(result(learner, params, iteration(count)), result(maml(base)));
    expect(namedValues(result(learner))).toEqual(namedValues(result(maml(base))));
    expect(distance(result(fomaml(base)), result(maml(base)))).toBeGreaterThan(1e-3);
  });
});

describe("options", () => {
  test("are in the description, and those that are not given are not", () => {
    expect(maml(base).description).toEqual({ order: 2, steps: 2, inner: "sgd(0.3)", adapts: "all" });
    expect(
      maml({
        ...base,
        inner: learnedRates({ per: "layer" }),
        proximal: 0.5,
        minibatch: { size: 2 },
        multiStepLoss: { annealOver: 7 },
        orderAnnealing: { secondOrderFrom: 3 },
      }).description,
    ).toEqual({
      order: 2,
      steps: 2,
      inner: "sgd(learned per layer from 0.01)",
      adapts: "all",
      proximal: 0.5,
      minibatch: 2,
      accumulate: 1,
      multiStepLoss: 7,
      secondOrderFrom: 3,
    });
    expect(maml({ ...base, proximal: { learned: 2 } }).description.proximal).toBe("learned from 2");
    expect(boil({ ...base, minibatch: { size: 2, accumulate: 3 } }).description.accumulate).toBe(3);
  });

  test("out of range are refused", () => {
    const refused = (options: object, message: RegExp): void =>
      expect(() => maml({ ...base, ...options })).toThrow(message);
    refused({ proximal: -1 }, /^IL102 maml: proximal -1/);
    refused({ proximal: Number.NaN }, /^IL102 maml: proximal NaN/);
    refused({ proximal: { learned: 0 } }, /^IL102 maml: proximal learned from 0/);
    refused({ proximal: { learned: 1 }, order: 1 }, /^IL102 maml: proximal learned with first order/);
    refused({ proximal: { learned: 1 }, inner: lstmOptimizer() }, /^IL102 maml: proximal learned with first order/);
    refused({ orderAnnealing: { secondOrderFrom: 2 }, inner: lstmOptimizer() }, /^IL102 maml: orderAnnealing of what/);
    refused({ proximal: Number.POSITIVE_INFINITY }, /^IL102 maml: proximal Infinity/);
    refused({ steps: -1 }, /^IL102 maml: steps -1/);
    refused({ steps: 1.5 }, /^IL102 maml: steps 1.5/);
    const ofFive = mlp({ sizes: [2, 3, 1], batchNorm: "transductive", batchNormSteps: 5 });
    refused({ model: ofFive, steps: 2 }, /^IL102 maml: batch normalisation of 5 steps with steps 2/);
    refused({ proximal: { learned: 1 }, steps: 1 }, /^IL102 maml: proximal learned with steps 1/);
    refused({ minibatch: { size: 0 } }, /^IL102 maml: minibatch size 0/);
    refused({ minibatch: { size: 2, accumulate: 1.5 } }, /^IL102 maml: minibatch accumulate 1.5/);
    refused({ multiStepLoss: { annealOver: 0 } }, /^IL102 maml: multiStepLoss annealOver 0/);
    refused({ steps: 0, multiStepLoss: { annealOver: 5 } }, /^IL102 maml: multiStepLoss with steps 0/);
    refused({ orderAnnealing: { secondOrderFrom: -1 } }, /^IL102 maml: orderAnnealing secondOrderFrom -1/);
    refused(
      { order: 1, orderAnnealing: { secondOrderFrom: 5 } },
      /^IL102 maml: orderAnnealing of what is of first order/,
    );
  });

  test("a rate of 0 leaves the plain gradient of the query loss, whatever else is set", () => {
    const still = maml({
      ...base,
      inner: learnedRates({ per: "layerAndStep", from: 0, steps: 2 }),
      proximal: 0.3,
      minibatch: { size: 2, accumulate: 2 },
      multiStepLoss: { annealOver: 3 },
      orderAnnealing: { secondOrderFrom: 3 },
    });
    const other = regressionTask(2, 1, 4, 4, 3);
    const { gradient } = still.metaGradient(still.init(key(2)), other, undefined, iteration(1));
    const expected = grad((at: Tree) => meanSquaredError(curve.apply(at, other.query.x), other.query.y))(params);
    expectClose((gradient as { model: Tree }).model, expected, 1e-7);
  });
});
