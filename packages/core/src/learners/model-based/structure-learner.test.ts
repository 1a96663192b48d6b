import { add, mean, mul, sigmoid, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { linear, relu, sequential } from "../../layers/layers.js";
import {
  classificationTask,
  gradientError,
  namedValues,
  noiseTensor,
  regressionTask,
  valuesIn,
} from "../../numerical.fixture.js";
import { adam, sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { AdaptedModel } from "../gradient/gradient-adaptation.js";
import {
  bothKinds,
  classificationOptions,
  generalParams,
  queryLoss,
  regressionOptions,
  smallEmbedding,
  testModelBased,
  testRefusals,
} from "./model-based.fixture.js";
import { type StructureLearnerOptions, structureLearner } from "./structure-learner.js";

const inner = sgd({ learningRate: 0.5 });
const build = (more: Partial<StructureLearnerOptions>) => (options: Omit<StructureLearnerOptions, "inner">) =>
  structureLearner({ hidden: [5, 3], steps: 2, inner, ...more, ...options });

testModelBased([
  ...bothKinds(build({}), ", gates"),
  ...bothKinds(build({ structure: "widths" }), ", widths"),
  ...bothKinds(build({ headAdapts: true, inner: adam({ learningRate: 0.1 }) }), ", gates and head"),
]);
testRefusals("structureLearner", build({}));

describe.each(["gates", "widths"] as const)("%s", (structure) => {
  const learner = build({ structure })(regressionOptions);

  test("has the name of what adapts, by which results tell it from the other", () =>
    expect(learner.name).toBe(structure));
  const params = generalParams(learner) as { [name: string]: Tree };
  const task = regressionTask(3, 2, 4, 4);

  test("fixed open they are the plain network", () => {
    const open = (params.structure as Tensor[]).map(({ shape, size }) =>
      tensor(new Float32Array(size).fill(1e4), shape),
    );
    const plain = sequential([
      smallEmbedding,
      linear({ inputs: 4, outputs: 5 }),
      relu(),
      linear({ inputs: 5, outputs: 3 }),
      relu(),
      linear({ inputs: 3, outputs: 2 }),
    ]);
    const [first, second] = params.layers as Tree[];
    const weights = { "0": params.model!, "1": first!, "2": {}, "3": second!, "4": {}, "5": params.head! };
    const adapted = learner.adapt({ ...params, structure: open }, task.support, { steps: 0 });
    expect(valuesIn(learner.predict(adapted, task.query.x))).toEqual(valuesIn(plain.apply(weights, task.query.x)));
  });

  test("closed, no input reaches the head", () => {
    const closed = (params.structure as Tensor[]).map(({ shape, size }) =>
      tensor(new Float32Array(size).fill(-1e4), shape),
    );
    const adapted = learner.adapt({ ...params, structure: closed }, task.support, { steps: 0 });
    const bias = namedValues(params)["head/bias"]!;
    expect(valuesIn(learner.predict(adapted, task.query.x))).toEqual([...bias, ...bias, ...bias, ...bias]);
  });

  test("adapting moves the structure, and of the rest nothing unless the head is to", () => {
    const moved = (headAdapts: boolean): Set<string> => {
      const { adapt } = build({ structure, headAdapts })(regressionOptions);
      const before = namedValues(params);
      const after = namedValues((adapt(params, task.support) as AdaptedModel).params);
      const names = Object.keys(before).filter((name) => before[name]!.some((value, i) => value !== after[name]![i]));
      return new Set(names.map((name) => name.split("/")[0]!));
    };
    expect(moved(false)).toEqual(new Set(["structure"]));
    expect(moved(true)).toEqual(new Set(["structure", "head"]));
  });

  test("one step is against the gradient of the support loss and the penalty", () => {
    const penalty = 0.3;
    const once = build({ structure, penalty, steps: 1 })(regressionOptions);
    const parts = params.structure as Tensor[];
    const opening = (phi: Tensor, units: number): Tensor => {
      if (structure === "gates") return sigmoid(phi);
      const places = tensor(
        Array.from({ length: units }, (_, u) => (u + 0.5) / units),
        [units],
      );
      return sigmoid(mul(add(phi, mul(places, -1)), 10));
    };
    const objective = (phi: Tree): Tensor => {
      const [first, second] = phi as Tensor[];
      const open = add(mul(mean(opening(first!, 5)), 5 / 8), mul(mean(opening(second!, 3)), 3 / 8));
      const adapted = once.adapt({ ...params, structure: phi }, task.support, { steps: 0 });
      return add(once.loss(once.predict(adapted, task.support.x), task.support.y), mul(open, penalty));
    };
    const after = (once.adapt(params, task.support) as AdaptedModel).params as typeof params;
    // The rate is 0.5: what the step took away is half the gradient.
    const gradient = (after.structure as Tensor[]).map((phi, i) => mul(add(parts[i]!, mul(phi, -1)), 2));
    expect(gradientError(objective, parts as Tree, gradient as Tree, { h: 1e-4 })).toBeLessThan(1e-6);
  });

  test("the penalty closes units: in the task, and in the outer gradient", () => {
    const openAt = (penalty: number): number => {
      const { metaGradient } = build({ structure, penalty })(regressionOptions);
      return valuesIn(metaGradient(params, task).metrics.openShare!)[0]!;
    };
    expect(openAt(10)).toBeLessThan(openAt(0) - 0.01);
    const penalised = build({ structure, penalty: 3, steps: 1 })(regressionOptions);
    const objective = (at: Tree): Tensor =>
      add(queryLoss(penalised, at, task), mul(penalised.metaGradient(at, task).metrics.openShare!, 3));
    const { gradient, loss } = penalised.metaGradient(params, task);
    expect(gradientError(objective, params as Tree, gradient, { h: 1e-4 })).toBeLessThan(1e-6);
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(penalised, params, task))[0]!, 10);
  });
});

test("widths order the units: the first are the most open, and at first all are", () => {
  const learner = structureLearner({ features: 3, outputs: 1, hidden: [16], structure: "widths", inner });
  const { metrics } = structureLearner({
    features: 3,
    outputs: 1,
    hidden: [16],
    structure: "widths",
    steps: 0,
    inner,
  }).metaGradient(learner.init(key(1)), regressionTask(3, 1, 2, 2));
  expect(valuesIn(metrics.openShare!)[0]).toBeGreaterThan(0.97);
  // Outputs through one unit alone, with phi at the middle of the layer: they fall with the unit's place.
  const params = learner.init(key(1)) as { [name: string]: Tree };
  const through = (unit: number): number => {
    const only = tensor(Array.from({ length: 16 }, (_, i) => [i === unit ? 1 : 0]).flat(), [16, 1]);
    const given = {
      ...params,
      layers: [{ weight: tensor(new Float32Array(48), [3, 16]), bias: tensor(new Float32Array(16).fill(1)) }],
      structure: [tensor([0.5])],
      head: { weight: only, bias: tensor([0]) },
    };
    return valuesIn(
      learner.predict(learner.adapt(given, regressionTask(3, 1, 2, 2).support, { steps: 0 }), noiseTensor([1, 3], 1)),
    )[0]!;
  };
  const outputs = Array.from({ length: 16 }, (_, unit) => through(unit));
  expect(outputs).toEqual([...outputs].sort((a, b) => b - a));
  expect(outputs[0]).toBeGreaterThan(0.98);
  expect(outputs[15]).toBeLessThan(0.02);
});

test("first order: the gradient does not go through the inner gradients, nor the penalty's", () => {
  const first = build({ order: 1, penalty: 0.5 })(regressionOptions);
  const second = build({ order: 2, penalty: 0.5 })(regressionOptions);
  const params = generalParams(first);
  const task = regressionTask(3, 2, 4, 4);
  const gradientOf = (learner: typeof first) => namedValues(learner.metaGradient(params, task).gradient);
  expect(gradientOf(first)["structure/0"]).not.toEqual(gradientOf(second)["structure/0"]);
  // With inner gradients held constant, the start has the gradient of where it arrives.
  const arrived = (first.adapt(params, task.support) as AdaptedModel).params;
  const there = build({ steps: 0, penalty: 0.5 })(regressionOptions).metaGradient(arrived, task);
  namedValues(there.gradient)["structure/0"]!.forEach((value, i) => {
    expect(gradientOf(first)["structure/0"]![i]).toBeCloseTo(value, 10);
  });
});

test("adapting takes the steps it is asked for", () => {
  const learner = build({ steps: 3 })(classificationOptions);
  const params = generalParams(learner);
  const { support } = classificationTask([3], 4, 2, 1);
  const after = (steps?: number) => namedValues(learner.adapt(params, support, steps === undefined ? {} : { steps }));
  expect(after()).toEqual(after(3));
  expect(after(3)).not.toEqual(after(2));
  expect(learner.steps).toBe(3);
});

test("says what its figures depend on", () => {
  expect(
    structureLearner({ features: 1, outputs: 1, inner, structure: "widths", headAdapts: true }).description,
  ).toEqual({
    structure: "widths",
    hidden: "64, 64",
    adapts: "structure and head",
    order: 2,
    steps: 5,
    inner: "sgd(0.5)",
    penalty: 0,
    fade: 0.1,
  });
});

test("refuses options out of range", () => {
  const refused = (more: Partial<StructureLearnerOptions>) =>
    expect(() => structureLearner({ features: 1, outputs: 1, inner, ...more }));
  refused({ steps: -1 }).toThrow("IL102 structureLearner: steps is -1");
  refused({ hidden: [] }).toThrow("IL102 structureLearner: the number of hidden layers is 0");
  refused({ hidden: [4, 0] }).toThrow("IL102 structureLearner: units of a hidden layer is 0");
  refused({ penalty: -1 }).toThrow("IL102 structureLearner: penalty -1");
  refused({ fade: 0 }).toThrow("IL102 structureLearner: fade 0");
});
