import { grad, leaves, mapTree, mul, namedLeaves, paths, sub, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { Layer } from "../../layers/layer.js";
import { conv2d, flatten, linear, sequential } from "../../layers/layers.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import {
  classificationTask,
  gradientError,
  namedValues,
  noiseLike,
  numbersOf,
  valuesIn,
} from "../../numerical.fixture.js";
import { chain, type LearnedOptimizer, type Optimizer } from "../../optimizers/gradient-transformation.js";
import { adam, adamW, rmsProp, sgd } from "../../optimizers/optimizers.js";
import { clipByGlobalNorm } from "../../optimizers/transformations.js";
import { key } from "../../random/random.js";
import { base, curve, curves, distance, expectClose, largest, movedParams, rate } from "./gradient-options.fixture.js";
import { learnedOptions, learnedRates, metaCurvature } from "./learned-optimizers.js";
import { fomaml, maml, metaSgd } from "./maml.js";

type Both = { readonly model: Tree; readonly inner: Tree };

const task = curves();
const params = curve.init(key(2));
const supportGradient = grad((at: Tree) => meanSquaredError(curve.apply(at, task.support.x), task.support.y));

describe.each<readonly [string, LearnedOptimizer]>([
  ["rates per element", learnedRates({ per: "element", from: rate })],
  ["rates per layer", learnedRates({ per: "layer", from: rate })],
  ["rates per layer and step", learnedRates({ per: "layerAndStep", from: rate, steps: 2 })],
  ["rates per layer and step, of which there are fewer", learnedRates({ per: "layerAndStep", from: rate, steps: 1 })],
  ["a learned rate", learnedOptions((o) => sgd(o), { learningRate: rate })],
  [
    "a learned rate that is kept positive",
    learnedOptions((o) => sgd(o), { learningRate: rate }, { learningRate: "positive" }),
  ],
  ["meta-curvature", metaCurvature({ learningRate: rate })],
])("%s at first", (_name, inner) => {
  test.each([1, 2] as const)("is gradient descent at that rate: value and gradient of order %i", (order) => {
    const learner = maml({ ...base, order, inner });
    const fixed = maml({ ...base, order });
    const start = learner.init(key(2)) as Both;
    // Not as float32 has the rate, where that is learned as its logarithm.
    expectClose(learner.adapt(start, task.support).params, fixed.adapt(params, task.support).params, 1e-7);
    const { loss, gradient } = learner.metaGradient(start, task);
    const expected = fixed.metaGradient(params, task);
    expectClose(loss, expected.loss, 1e-7);
    expectClose((gradient as Both).model, expected.gradient, 1e-6);
    expect(largest((gradient as Both).inner)).toBeGreaterThan(1e-3);
  });

  test("has its parameters beside the model's, one for each that adapts", () => {
    const learner = maml({ ...base, inner });
    const start = learner.init(key(2)) as Both;
    expect(namedValues(start.model)).toEqual(namedValues(params));
    expect(paths(start).every((path) => /^(model|inner)\//.test(path))).toBe(true);
    const head = maml({ ...base, inner, adapts: "head" }).init(key(2)) as Both;
    for (const path of paths(head.inner)) if (path.includes("/")) expect(path).toMatch(/^5\//);
  });
});

describe("learnedRates", () => {
  test("element, layer, layer and step: shapes by the model's paths", () => {
    const shapes = (inner: LearnedOptimizer): Record<string, readonly number[]> =>
      Object.fromEntries(namedLeaves(inner.initMeta(key(0), params)).map(([path, leaf]) => [path, leaf.shape]));
    expect(shapes(learnedRates({ per: "element" }))).toEqual(
      Object.fromEntries(namedLeaves(params).map(([path, leaf]) => [path, leaf.shape])),
    );
    expect(shapes(learnedRates({ per: "layer" }))).toEqual(Object.fromEntries(paths(params).map((path) => [path, []])));
    expect(shapes(learnedRates({ per: "layerAndStep", steps: 3 }))).toEqual(
      Object.fromEntries(paths(params).map((path) => [path, [3]])),
    );
    expect(numbersOf(learnedRates({ per: "layer" }).initMeta(key(0), params)).flat()).toEqual(
      paths(params).map(() => Math.fround(0.01)),
    );
  });

  test("a step takes its own rates, and the last ones where it has none", () => {
    const learner = maml({ ...base, inner: learnedRates({ per: "layerAndStep", steps: 2 }) });
    const start = movedParams(learner, 0.4) as Both;
    const rates = start.inner as { [path: string]: Tensor };
    const names = paths(params);
    let expected = start.model;
    for (const step of [0, 1, 1, 1]) {
      let at = 0;
      expected = mapTree(
        (w, g) => sub(w, mul(g, tensor(valuesIn(rates[names[at++]!]!)[step]!))),
        expected,
        supportGradient(expected),
      );
    }
    expectClose(learner.adapt(start, task.support, { steps: 4 }).params, expected);
    expect(distance(expected, learner.adapt(start, task.support, { steps: 3 }).params)).toBeGreaterThan(1e-3);
  });

  test("Meta-SGD is MAML with rates per element", () => {
    const meta = metaSgd({ model: curve, loss: meanSquaredError, steps: 2, learningRate: 0.2 });
    const start = movedParams(meta);
    const other = maml({ ...base, inner: learnedRates({ per: "element", from: 0.2 }) });
    expect(meta.name).toBe("Meta-SGD");
    expect(meta.description).toEqual(other.description);
    expect(meta.description.inner).toBe("sgd(learned per element from 0.2)");
    expect(namedValues(meta.metaGradient(start, task).gradient)).toEqual(
      namedValues(other.metaGradient(start, task).gradient),
    );
  });

  test("describes itself, and refuses steps that say nothing", () => {
    expect(learnedRates({ per: "layer" }).description).toBe("sgd(learned per layer from 0.01)");
    expect(learnedRates({ per: "layerAndStep", from: 0.1, steps: 5 }).description).toBe(
      "sgd(learned per layer and step over 5 steps from 0.1)",
    );
    expect(() => learnedRates({ per: "layerAndStep" })).toThrow(/^IL102 learnedRates: steps NaN/);
    expect(() => learnedRates({ per: "layerAndStep", steps: 0.5 })).toThrow(/^IL102 learnedRates: steps 0.5/);
    expect(() => learnedRates({ per: "layer", steps: 2 })).toThrow(/^IL102 learnedRates: steps for rates per layer/);
  });
});

describe("learnedOptions", () => {
  const first = { learningRate: 0.125, momentum: 0.5, weightDecay: 0.25 };
  const adamFirst = { learningRate: 0.0625, beta1: 0.75, beta2: 0.875, epsilon: 0.125 };
  const rmsFirst = { learningRate: 0.0625, decay: 0.75, epsilon: 0.125 };

  test.each<readonly [string, LearnedOptimizer, Optimizer]>([
    ["sgd", learnedOptions((o) => sgd(o), first), sgd(first)],
    ["sgd, Nesterov", learnedOptions((o) => sgd({ ...o, nesterov: true }), first), sgd({ ...first, nesterov: true })],
    ["adam", learnedOptions((o) => adam(o), adamFirst), adam(adamFirst)],
    [
      "adamW",
      learnedOptions((o) => adamW(o), { ...adamFirst, weightDecay: 0.25 }),
      adamW({ ...adamFirst, weightDecay: 0.25 }),
    ],
    ["rmsProp", learnedOptions((o) => rmsProp(o), rmsFirst), rmsProp(rmsFirst)],
  ])("%s with learned options is the one with these numbers", (_name, inner, fixed) => {
    const [learned, given] = [maml({ ...base, steps: 3, inner }), maml({ ...base, steps: 3, inner: fixed })];
    const start = learned.init(key(2)) as Both;
    const { loss, gradient } = learned.metaGradient(start, task);
    const expected = given.metaGradient(params, task);
    expectClose(loss, expected.loss, 1e-12);
    expectClose((gradient as Both).model, expected.gradient, 1e-12);
    for (const [path, slope] of namedLeaves((gradient as Both).inner)) {
      expect(Math.abs(valuesIn(slope)[0]!), path).toBeGreaterThan(1e-6);
    }
  });

  test.each([1, 2] as const)("its gradient is the difference quotient by the options, order %i", (order) => {
    const learner = maml({ ...base, steps: 3, order, inner: learnedOptions((o) => sgd(o), first) });
    const start = learner.init(key(2)) as Both;
    const { gradient } = learner.metaGradient(start, task);
    const byInner = (inner: Tree): Tensor => learner.metaGradient({ model: start.model, inner }, task).loss;
    const error = gradientError(byInner, start.inner, (gradient as Both).inner, { h: 1e-4 });
    // Where inner gradients are held constant, what options of one step do to those of the next is not seen.
    if (order === 2) expect(error).toBeLessThan(1e-8);
    else expect(error).toBeGreaterThan(1e-3);
  });

  test("ranges: the logarithm of what is positive, the logit of a fraction", () => {
    const ranged = learnedOptions((o) => sgd(o), first, { learningRate: "positive", momentum: "fraction" });
    const own = ranged.initMeta(key(0), params) as Record<string, Tensor>;
    expect(valuesIn(own.learningRate!)[0]).toBeCloseTo(Math.log(0.125), 6);
    expect(valuesIn(own.momentum!)[0]).toBe(0);
    expect(valuesIn(own.weightDecay!)[0]).toBe(0.25);
    // However far the outer optimizer goes, they stay within.
    const far = { learningRate: tensor(-8), momentum: tensor(9), weightDecay: tensor(-1) };
    let seen: readonly number[] = [];
    learnedOptions(
      (o) => {
        seen = [o.learningRate, o.momentum, o.weightDecay].map((value) => valuesIn(value)[0]!);
        return sgd(o);
      },
      first,
      { learningRate: "positive", momentum: "fraction" },
    ).update(params, { velocity: params }, params, far);
    expect(seen[0]).toBeCloseTo(Math.exp(-8), 12);
    expect(seen[1]).toBeCloseTo(1 / (1 + Math.exp(-9)), 12);
    expect(seen[2]).toBe(-1);
    expect(() => learnedOptions((o) => sgd(o), { learningRate: 0 }, { learningRate: "positive" })).toThrow(
      /^IL102 learnedOptions: learningRate from 0, positive/,
    );
    expect(() =>
      learnedOptions((o) => sgd({ learningRate: 1, momentum: o.momentum }), { momentum: 1 }, { momentum: "fraction" }),
    ).toThrow(/^IL102 learnedOptions: momentum from 1, fraction/);
    expect(() => learnedOptions((o) => sgd(o), { learningRate: Number.NaN })).toThrow(/^IL102 learnedOptions/);
  });

  test("describes itself", () => {
    const ranged = learnedOptions((o) => sgd({ ...o, nesterov: true }), first, { momentum: "fraction" });
    expect(ranged.description).toBe(
      "sgd(learned, momentum learned, nesterov, weight decay learned): " +
        "learningRate from 0.125; momentum from 0.5, fraction; weightDecay from 0.25",
    );
    expect(maml({ ...base, inner: ranged }).description.inner).toBe(ranged.description);
  });
});

test("in a chain, with what is not learned: parameters by the same paths, and the same numbers", () => {
  const [alone, clipped] = [
    learnedRates({ per: "element", from: 0.2 }),
    chain(clipByGlobalNorm(1e6), learnedRates({ per: "element", from: 0.2 })),
  ].map((inner) => maml({ ...base, inner }));
  const start = movedParams(alone!);
  expect(paths(clipped!.init(key(2)))).toEqual(paths(alone!.init(key(2))));
  const [expected, found] = [alone!, clipped!].map((learner) => learner.metaGradient(start, task).gradient);
  expectClose(found!, expected!, 1e-9);
  // Where it does clip, it is learned through the clipping.
  const short = maml({ ...base, inner: chain(clipByGlobalNorm(0.05), learnedRates({ per: "element", from: 0.2 })) });
  const { gradient } = short.metaGradient(start, task);
  const lossOf = (at: Tree): Tensor => short.metaGradient(at, task).loss;
  expect(gradientError(lossOf, start, gradient, { h: 1e-4 })).toBeLessThan(1e-7);
  expect(distance(gradient, expected!)).toBeGreaterThan(1e-3);
});

describe("metaCurvature", () => {
  test("matrices along the axes of weights, numbers along vectors", () => {
    const model = sequential([
      conv2d({ channelsIn: 2, channelsOut: 3, window: [3, 2] }),
      conv2d({ channelsIn: 3, channelsOut: 2, window: 1, padding: 0 }),
    ]);
    const own = metaCurvature({ learningRate: 1 }).initMeta(key(0), model.init(key(0)));
    expect(Object.fromEntries(namedLeaves(own).map(([path, leaf]) => [path, leaf.shape]))).toEqual({
      "0/weight/out": [3, 3],
      "0/weight/in": [2, 2],
      "0/weight/window": [6, 6],
      "0/bias/scale": [3],
      "1/weight/out": [2, 2],
      "1/weight/in": [3, 3],
      "1/bias/scale": [2],
    });
  });

  test("matrices that would not fit in memory are refused before any is made", () => {
    const table = { "0": { weight: tensor(new Float32Array(65_536), [65_536, 1]) } };
    expect(() => metaCurvature({ learningRate: 1 }).initMeta(key(0), table)).toThrow(
      /^IL102 metaCurvature: matrices for the axes of weights, up to the 65536 x 65536 of 0\/weight, would be 4,294,967,297 weights, 16\.0 GiB.*\. Use a narrower network/,
    );
  });

  test("a step is along the gradient, multiplied by its matrices axis by axis", () => {
    const model: Layer = sequential([
      conv2d({ channelsIn: 2, channelsOut: 3, window: 2, padding: 0 }),
      flatten(),
      linear({ inputs: 27, outputs: 3 }),
    ]);
    const { support } = classificationTask([4, 4, 2], 3, 2, 1);
    const learner = maml({ model, loss: crossEntropy, inner: metaCurvature({ learningRate: 0.5 }) });
    const first = learner.init(key(1)) as Both;
    const start = { model: first.model, inner: noiseLike(first.inner, 1, 3) };
    const slopes = namedValues(grad((at: Tree) => crossEntropy(model.apply(at, support.x), support.y))(start.model));
    const before = namedValues(start.model);
    const after = namedValues(learner.adapt(start, support).params);
    const own = namedValues(start.inner);
    const [windows, inputs, outputs] = [4, 2, 3];
    const at = (matrix: string, size: number, row: number, column: number): number =>
      own[matrix]![row * size + column]!;
    for (let f = 0; f < windows; f++) {
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          let moved = 0;
          for (let f2 = 0; f2 < windows; f2++)
            for (let i2 = 0; i2 < inputs; i2++)
              for (let o2 = 0; o2 < outputs; o2++)
                moved +=
                  at("0/weight/window", windows, f, f2) *
                  at("0/weight/in", inputs, i, i2) *
                  at("0/weight/out", outputs, o, o2) *
                  slopes["0/weight"]![(f2 * inputs + i2) * outputs + o2]!;
          const place = (f * inputs + i) * outputs + o;
          expect(after["0/weight"]![place]).toBeCloseTo(before["0/weight"]![place]! - 0.5 * moved, 10);
        }
      }
    }
    after["2/bias"]!.forEach((value, i) => {
      expect(value).toBeCloseTo(before["2/bias"]![i]! - 0.5 * own["2/bias/scale"]![i]! * slopes["2/bias"]![i]!, 12);
    });
    let product = 0;
    for (let i = 0; i < 27; i++)
      for (let o = 0; o < 3; o++)
        product += at("2/weight/in", 27, 5, i) * at("2/weight/out", 3, 1, o) * slopes["2/weight"]![i * 3 + o]!;
    expect(after["2/weight"]![16]).toBeCloseTo(before["2/weight"]![16]! - 0.5 * product, 10);
  });

  test("describes itself and refuses a rate of 0", () => {
    expect(metaCurvature({ learningRate: 0.1 }).description).toBe("metaCurvature(0.1)");
    expect(() => metaCurvature({ learningRate: 0 })).toThrow(/^IL102 metaCurvature: learningRate 0/);
  });
});

test("first-order learners learn their optimizer, too: the step's own derivative by its rate is kept", () => {
  const learner = fomaml({ ...base, steps: 1, inner: learnedRates({ per: "layer", from: rate }) });
  const start = learner.init(key(2)) as Both;
  const { gradient } = learner.metaGradient(start, task);
  // theta_1 = theta - a g: d loss / d a = -g . grad loss(theta_1), of any order.
  const { params: adapted } = learner.adapt(start, task.support);
  const judged = grad((at: Tree) => meanSquaredError(curve.apply(at, task.query.x), task.query.y))(adapted);
  const products = numbersOf(supportGradient(params)).map((g, i) => {
    const slope = numbersOf(judged)[i]!;
    return -g.reduce((total, value, j) => total + value * slope[j]!, 0);
  });
  expect(leaves((gradient as Both).inner)).toHaveLength(products.length);
  numbersOf((gradient as Both).inner).forEach(([value], i) => {
    expect(value).toBeCloseTo(products[i]!, 10);
  });
});
