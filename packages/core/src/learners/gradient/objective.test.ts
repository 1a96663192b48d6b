/** Gradient-based learners of objectives of one's own: no layer, no loss, data of any structure. */
import {
  add,
  exp,
  grad,
  leaves,
  logSoftmax,
  lower,
  loweringProfiles,
  mapTree,
  mean,
  mul,
  namedLeaves,
  oneHot,
  reshape,
  sliceAxis,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
  trace,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { withTraits } from "../../layers/parameter-roles.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import { convNet } from "../../networks/models.js";
import {
  classificationTask,
  gradientError,
  namedValues,
  noiseLike,
  numbersOf,
  valuesIn,
} from "../../numerical.fixture.js";
import { chain } from "../../optimizers/gradient-transformation.js";
import { sgd } from "../../optimizers/optimizers.js";
import { clipByGlobalNorm, descend } from "../../optimizers/transformations.js";
import { key } from "../../random/random.js";
import { meanMetaGradient, type TaskLearner } from "../learner.js";
import { base, curve, curves, expectClose, normalized } from "./gradient-options.fixture.js";
import { implicitMaml } from "./imaml.js";
import { learnedRates } from "./learned-optimizers.js";
import { fomaml, maml, metaSgd } from "./maml.js";
import { type Objective, supervised } from "./objective.js";
import { reptile } from "./reptile.js";

/** A bowl around a place that is the task's own: L(theta; c) = 1/2 |theta - c|^2. */
type Bowl = { readonly centre: Tensor };
type Point = { readonly at: Tensor };
const bowl: Objective<Bowl> = (params, { centre }) => {
  const away = sub((params as Point).at, centre);
  return { loss: mul(sum(mul(away, away)), 0.5), metrics: { distance: sum(mul(away, away)) } };
};
const first = [1, -2, 0.5];
const init = (): Point => ({ at: tensor(first, [3], "float64") });
const [support, query] = [
  [0.3, 1, -1],
  [0.5, 0.9, -1.2],
];
const task = {
  support: { centre: tensor(support!, [3], "float64") },
  query: { centre: tensor(query!, [3], "float64") },
};
const rate = 0.3;
const inner = sgd({ learningRate: rate });
const objective = bowl;

/** theta_k: each step leaves 1 - rate of the way to the centre of the support set. */
const afterSteps = (k: number): number[] => first.map((w, i) => support![i]! + (1 - rate) ** k * (w - support![i]!));

function expectNumbers(found: Tensor, expected: readonly number[], digits = 12): void {
  const values = valuesIn(found);
  expect(values).toHaveLength(expected.length);
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, digits);
  });
}

type Gradient = { readonly at: Tensor };
const lossAt = (at: readonly number[]): number => 0.5 * at.reduce((total, w, i) => total + (w - query![i]!) ** 2, 0);

describe("over a bowl, whose learners have closed forms", () => {
  const K = 3;
  const arrived = afterSteps(K);
  const slope = arrived.map((w, i) => w - query![i]!);
  const cases: readonly (readonly [string, TaskLearner<Tree, Tree, Bowl>, readonly number[]])[] = [
    ["MAML", maml({ objective, init, inner, steps: K }), slope.map((g) => (1 - rate) ** K * g)],
    ["FOMAML", fomaml({ objective, init, inner, steps: K }), slope],
    ["Reptile", reptile({ objective, init, inner, steps: K }), first.map((w, i) => w - arrived[i]!)],
    [
      "MAML with clipping that does not clip",
      maml({ objective, init, inner: chain(clipByGlobalNorm(1e9), descend(rate)), steps: K }),
      slope.map((g) => (1 - rate) ** K * g),
    ],
    [
      "MAML that has annealed to the loss of the last step",
      maml({ objective, init, inner, steps: K, multiStepLoss: { annealOver: 5 } }),
      slope.map((g) => (1 - rate) ** K * g),
    ],
  ];

  test.each(cases)("%s", (_name, learner, expected) => {
    const { loss, gradient, metrics } = learner.metaGradient(learner.init(key(0)), task);
    expectNumbers((gradient as Gradient).at, expected);
    expect(valuesIn(loss)[0]).toBeCloseTo(lossAt(arrived), 12);
    expect(valuesIn(metrics.distance!)[0]).toBeCloseTo(2 * lossAt(arrived), 12);
    expectNumbers((learner.adapt(learner.init(key(0)), task.support) as Point).at, arrived);
    expectNumbers((learner.adapt(learner.init(key(0)), task.support, { steps: 1 }) as Point).at, afterSteps(1));
    expect(learner).not.toHaveProperty("loss");
  });

  test("the loss of all steps is the weighted sum, with its gradient", () => {
    const learner = maml({ objective, init, inner, steps: K, multiStepLoss: { annealOver: 10 } });
    const { gradient, metrics } = learner.metaGradient(init(), task, undefined, { iteration: tensor(5) });
    const weights = [1 / 6, 1 / 6, 2 / 3];
    const expected = first.map((_, i) =>
      weights.reduce((total, w, k) => total + w * (1 - rate) ** (k + 1) * (afterSteps(k + 1)[i]! - query![i]!), 0),
    );
    expectNumbers((gradient as Gradient).at, expected, 7);
    const losses = weights.reduce((total, w, k) => total + w * lossAt(afterSteps(k + 1)), 0);
    expect(valuesIn(metrics.outerLoss!)[0]).toBeCloseTo(losses, 6);
  });

  test("iMAML: (1 + 1 / lambda)^-1 of the slope at the end of its inner loop", () => {
    const lambda = 2;
    const learner = implicitMaml({ objective, init, inner, lambda, steps: 60, conjugateGradientSteps: 3 });
    const { gradient } = learner.metaGradient(init(), task);
    const end = first.map((w, i) => (support![i]! + lambda * w) / (1 + lambda));
    expectNumbers(
      (gradient as Gradient).at,
      end.map((w, i) => (w - query![i]!) / (1 + 1 / lambda)),
      9,
    );
  });

  test("Meta-SGD: the gradient by a rate goes against the product of the slopes", () => {
    const learner = metaSgd({ objective, init, steps: 1, learningRate: 0.25 });
    const start = learner.init(key(0)) as { readonly model: Point; readonly inner: { readonly at: Tensor } };
    const exact = { model: start.model, inner: { at: tensor(valuesIn(start.inner.at), [3], "float64") } };
    const { gradient } = learner.metaGradient(exact, task);
    const moved = first.map((w, i) => w - 0.25 * (w - support![i]!));
    const { model, inner: rates } = gradient as typeof start;
    expectNumbers(
      model.at,
      moved.map((w, i) => 0.75 * (w - query![i]!)),
    );
    expectNumbers(
      rates.at,
      moved.map((w, i) => -(first[i]! - support![i]!) * (w - query![i]!)),
    );
    expect(learner.name).toBe("Meta-SGD");
  });

  test("tasks are mapped over, whatever their data are", () => {
    const learner = maml({ objective, init, inner, steps: 2 });
    const stacked = mapTree(
      (a, b) => reshape(tensor([...valuesIn(a), ...valuesIn(b!)], [6], "float64"), [2, 3]),
      task,
      {
        support: task.query,
        query: task.support,
      },
    );
    const [one, other] = [task, { support: task.query, query: task.support }].map((each) =>
      valuesIn((learner.metaGradient(init(), each).gradient as Gradient).at),
    );
    const { gradient } = meanMetaGradient(learner, init() as Tree, stacked);
    expectNumbers(
      (gradient as Gradient).at,
      one!.map((value, i) => (value + other![i]!) / 2),
    );
  });
});

describe("a model with a loss is an objective like another", () => {
  /** Nodes that a meta-gradient is written as: operator and shapes. */
  const nodesOf = (learner: TaskLearner, example: typeof pictures): string[] => {
    const program = (params: Tree, at: typeof example): Tree => {
      const { loss, gradient } = learner.metaGradient(params, at);
      return { loss, gradient };
    };
    const { graph } = trace(program, [learner.init(key(0)), example]);
    // Not by order and name: those tell what was traced before.
    const nodes = lower(graph, loweringProfiles.cpu).nodes.map(
      ({ operator, inputs, output }) =>
        `${operator}(${inputs.map((value) => (value ? value.shape.join("x") : "-")).join()}) ${output.shape.join("x")}`,
    );
    return nodes.sort();
  };
  const pictures = classificationTask([8, 8, 1], 3, 2, 2);
  const model = convNet({ imageShape: [8, 8, 1], ways: 3, filters: 2, blocks: 2 });

  test.each([
    ["maml", (of: object) => maml({ ...(of as typeof given), inner, steps: 2 })],
    ["fomaml", (of: object) => fomaml({ ...(of as typeof given), inner, steps: 2 })],
    ["implicitMaml", (of: object) => implicitMaml({ ...(of as typeof given), inner, steps: 2 })],
  ] as const)("%s writes the same graph for its own objective, written by hand", (_name, make) => {
    const byHand: Objective = (params, { x, y }) => {
      const logits = model.apply(params as never, x);
      return { loss: crossEntropy(logits, y) };
    };
    const nodes = nodesOf(make({ objective: byHand, init: model.init }), pictures);
    expect(nodes.length).toBeGreaterThan(50);
    expect(nodes).toEqual(nodesOf(make(given), pictures));
  });
  const given = { model, loss: crossEntropy };

  test("supervised(model, loss) by its parts is maml of the model, statistics and step norms included", () => {
    for (const mode of ["transductive", "support", "running"] as const) {
      const normed = normalized(mode);
      const { inner: ofModel, adapted, outer } = supervised(normed, meanSquaredError);
      const learner = maml({
        objective: {
          inner: ofModel,
          outer: (params, examples, context) => outer(adapted(params, context.support, context), examples, context),
        },
        init: normed.init,
        inner: base.inner,
        steps: 2,
      });
      const expected = maml({ ...base, model: normed });
      const start = noiseLike(normed.init(key(1)), 0.5, 3);
      const [found, wanted] = [learner, expected].map((one) => one.metaGradient(start, curves()));
      expectClose(found!.gradient, wanted!.gradient);
      expect(namedValues(found!.statistics as unknown as Tree)).toEqual(
        namedValues(wanted!.statistics as unknown as Tree),
      );
    }
  });
});

describe("objectives of support and query that differ", () => {
  /** Bandits of three arms: a softmax policy, pulls with their advantages. */
  type Pulls = { readonly actions: Tensor; readonly advantages: Tensor };
  const logits = (params: Tree): Tensor => (params as { readonly preferences: Tensor }).preferences;
  const logProbability = (params: Tree, { actions }: Pulls): Tensor =>
    sum(mul(oneHot(actions, 3, "float64"), logSoftmax(reshape(logits(params), [1, 3]))), -1);
  const pulls = (...given: readonly (readonly [arm: number, advantage: number])[]): Pulls => ({
    actions: tensor(
      given.map(([arm]) => arm),
      [given.length],
      "int32",
    ),
    advantages: tensor(
      given.map(([, advantage]) => advantage),
      [given.length],
      "float64",
    ),
  });
  const policy = (): Tree => ({ preferences: tensor([0.2, -0.1, 0.4], [3], "float64") });
  const surrogate: Objective<Pulls> = (params, data) => ({
    loss: mul(mean(mul(logProbability(params, data), data.advantages)), -1),
  });
  /** Ratios to the probabilities at hand, less a pull towards what was seen before. */
  const judged = {
    inner: surrogate,
    outer: (params: Tree, data: Pulls, { support: before }: { readonly support: Pulls }) => {
      const log = logProbability(params, data);
      const ratios = exp(sub(log, stopGradient(log)));
      const kept = mean(logProbability(params, before));
      return { loss: add(mul(mean(mul(ratios, data.advantages)), -1), mul(kept, -0.1)), metrics: { kept } };
    },
    predict: (params: Tree) => logits(params),
  };
  const bandit = { support: pulls([0, 1], [1, -1], [2, 0.5]), query: pulls([0, 2], [2, -1]) };
  const learner = maml({ objective: judged, init: policy, inner: sgd({ learningRate: 0.5 }), steps: 2 });

  test("the outer one sees adapted parameters, query and support data: its gradient is that of differences", () => {
    const ratiosAsValue = (params: Tree): Tensor => {
      const adapted = learner.adapt(params, bandit.support);
      // The score function's gradient is that of log pi A.
      const score = mul(mean(mul(logProbability(adapted, bandit.query), bandit.query.advantages)), -1);
      return add(score, mul(mean(logProbability(adapted, bandit.support)), -0.1));
    };
    const { gradient, metrics } = learner.metaGradient(policy(), bandit);
    expect(gradientError(ratiosAsValue, policy(), gradient, { h: 1e-4 })).toBeLessThan(1e-9);
    expect(Object.keys(metrics)).toEqual(["kept"]);
  });

  test("adapted parameters predict as the objective says, and say where it does not", () => {
    const adapted = learner.adapt(policy(), bandit.support);
    expect(valuesIn(learner.predict(adapted, tensor([0])))).toEqual(valuesIn(logits(adapted)));
    const mute = maml({ objective: surrogate, init: policy, inner });
    expect(() => mute.predict(policy(), tensor([0]))).toThrow(/^IL102 maml: predictions of an objective/);
  });

  test("each step may see data of its own, those gathered by its parameters", () => {
    type Rounds = { readonly actions: Tensor; readonly advantages: Tensor };
    const rounds: Rounds = {
      actions: tensor(
        [
          [0, 1],
          [2, 2],
        ],
        [2, 2],
        "int32",
      ),
      advantages: tensor(
        [
          [1, -1],
          [0.5, 2],
        ],
        [2, 2],
        "float64",
      ),
    };
    const ofRound = (data: Rounds, step: number): Rounds =>
      mapTree((leaf) => reshape(sliceAxis(leaf, 0, Math.min(step, 1), Math.min(step, 1) + 1), [2]), data);
    const stepping = maml({ objective: surrogate, init: policy, inner, steps: 2, batches: ofRound });
    let expected = policy();
    for (const step of [0, 1]) {
      const slope = grad((at: Tree) => surrogate(at, ofRound(rounds, step), {}).loss)(expected);
      expected = mapTree((w, g) => sub(w, mul(g!, rate)), expected, slope);
    }
    expectClose(stepping.adapt(policy(), rounds), expected);
    const reptiles = reptile({ objective: surrogate, init: policy, inner, steps: 2, batches: ofRound });
    expectClose(reptiles.adapt(policy(), rounds), expected);
  });
});

describe("parameters of an objective's own roles", () => {
  const anchored: Objective<Bowl> = (params, data) => {
    const { at, pull, centre, seen } = params as { at: Tensor; pull: Tensor; centre: Tensor; seen: { mean: Tensor } };
    const away = sub(at, add(data.centre, mul(pull, centre)));
    return {
      loss: add(mul(sum(mul(away, away)), 0.5), mul(sum(seen.mean), 0)),
      statistics: { seen: { mean: at, variance: mul(at, 0) } },
    };
  };
  const parameters = () => ({
    ...init(),
    pull: withTraits(tensor(0.5, [], "float64"), { role: "shared" }),
    centre: withTraits(tensor([1, 1, 1], [3], "float64"), { role: "fixed" }),
    seen: { mean: withTraits(tensor([0, 0, 0], [3], "float64"), { role: "averaged", statistic: "mean" }) },
  });

  test("the inner loop moves those alone that are trained, and hands on what the objective reports", () => {
    const learner = maml({ objective: anchored, init: parameters, inner: learnedRates({ per: "layer", from: 0.5 }) });
    const start = learner.init(key(0)) as { readonly model: Tree; readonly inner: Tree };
    expect(namedLeaves(start.inner).map(([path]) => path)).toEqual(["at"]);
    const exact = { ...start, inner: { at: tensor(0.5, [], "float64") } };
    const adapted = namedValues(learner.adapt(exact, task.support));
    expect(adapted.pull).toEqual([0.5]);
    expect(adapted.centre).toEqual([1, 1, 1]);
    expect(adapted["seen/mean"]).toEqual([0, 0, 0]);
    adapted.at!.forEach((value, i) => {
      expect(value).toBeCloseTo(first[i]! - 0.5 * (first[i]! - support![i]! - 0.5), 12);
    });
    const { gradient, statistics } = learner.metaGradient(exact, task);
    expect(Object.keys(statistics!)).toEqual(["model/seen"]);
    expectNumbers(statistics!["model/seen"]!.mean, adapted.at!);
    const slopes = namedValues(gradient);
    expect(Math.abs(slopes["model/pull"]![0]!)).toBeGreaterThan(1e-3);
    expect(leaves(gradient)).toHaveLength(5);
  });

  test("the choice of what adapts knows the roles that are told, and Reptile refuses what is shared", () => {
    const asked: (readonly [string, string | undefined])[] = [];
    const learner = maml({
      objective: anchored,
      init: parameters,
      inner,
      adapts: (path, traits) => {
        asked.push([path, traits?.role]);
        return true;
      },
    });
    learner.adapt(parameters(), task.support);
    expect(asked).toEqual([["at", undefined]]);
    expect(() => reptile({ objective: anchored, init: parameters, inner })).toThrow(/^IL102 reptile: pull is shared/);
  });
});

test("numbers are those of the supervised learner on curves: MAML of a hand-written mean squared error", () => {
  const byHand: Objective = (params, { x, y }) => {
    const away = sub(curve.apply(params, x), y);
    return { loss: mean(mul(away, away)) };
  };
  const [own, model] = [maml({ ...base, objective: byHand, init: curve.init } as never), maml(base)];
  const params = curve.init(key(3));
  expect(numbersOf(own.metaGradient(params, curves()).gradient)).toEqual(
    numbersOf(model.metaGradient(params, curves()).gradient),
  );
});
