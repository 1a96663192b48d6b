import { mul, sub, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { mlp } from "../../networks/models.js";
import { classificationTask, namedValues, regressionTask, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import { squaredDistances } from "../metric/distances.js";
import { type FilmNetworkOptions, filmNetwork } from "./film.js";
import { bothKinds, difference, generalParams, testModelBased, testRefusals } from "./model-based.fixture.js";
import type { ReadTask } from "./model-based-learner.js";

const build = (options: FilmNetworkOptions) => filmNetwork({ hidden: [5, 4], taskFeatures: 3, ...options });

testModelBased(bothKinds(build));
testRefusals("filmNetwork", build);

type Network = { readonly layers: readonly Tree[]; readonly head: Tree };
const networkOf = (params: Tree): Network => (params as { network: Tree }).network as Network;

describe("the first modulation is the identity", () => {
  test("regression is then the plain network, whatever the support set", () => {
    const { support, query } = regressionTask(3, 2, 4, 4);
    const learner = build({ features: 3, outputs: 2 });
    const params = learner.init(key(2));
    const { layers, head } = networkOf(params);
    const plain = mlp({ sizes: [3, 5, 4, 2] });
    // mlp numbers its layers from the flattening on, activations included.
    const weights = { "0": {}, "1": layers[0]!, "2": {}, "3": layers[1]!, "4": {}, "5": head };
    const expected = valuesIn(plain.apply(weights, query.x));
    expect(valuesIn(learner.predict(learner.adapt(params, support), query.x))).toEqual(expected);
    const other = regressionTask(3, 2, 4, 4, 5).support;
    expect(valuesIn(learner.predict(learner.adapt(params, other), query.x))).toEqual(expected);
    // And after training the support set matters.
    const moved = generalParams(learner);
    const predictions = (rows: typeof support): number[] =>
      valuesIn(learner.predict(learner.adapt(moved, rows), query.x));
    expect(difference(predictions(support), predictions(other))).toBeGreaterThan(1e-3);
  });

  test("training can leave it: the generators have gradients from the first update on", () => {
    const learner = build({ features: 3, outputs: 2 });
    const { gradient } = learner.metaGradient(learner.init(key(2)), regressionTask(3, 2, 4, 4));
    for (const layer of [0, 1]) {
      const last = namedValues(gradient)[`network/generators/${layer}/2/weight`]!;
      expect(last.some((value) => value !== 0)).toBe(true);
    }
  });
});

test("a modulation scales and shifts the units of its layer before the relu", () => {
  const learner = build({ features: 1, outputs: 1, hidden: [2] });
  const params = learner.init(key(1)) as { [name: string]: Tree };
  const task = {
    params: {
      ...params,
      network: {
        ...networkOf(params),
        layers: [{ weight: tensor([[1, 1]]), bias: tensor([0, 0]) }],
        head: { weight: tensor([[1], [10]]), bias: tensor([0]) },
      },
    },
    // Scales 1 + 1 and 1 - 2, shifts 0 and 5.
    memory: { modulations: [tensor([[1, -2, 0, 5]])] },
    statistics: {},
  } as unknown as ReadTask;
  // At 3: 2 x 3 and relu(-3 + 5); at 7: 2 x 7 and relu(-7 + 5).
  expect(valuesIn(learner.predict(task, tensor([[3], [7]])))).toEqual([6 + 20, 14]);
});

test("a classifier's logits are those of squared distances to class means, but for a number for each query", () => {
  const task = classificationTask([3], 4, 2, 2);
  const learner = build({ features: 3, ways: 4 });
  const params = learner.init(key(2));
  const adapted = learner.adapt(params, task.support);
  const { means } = adapted.memory as unknown as { means: Tensor };
  const body = mlp({ sizes: [3, 5, 4, 4] });
  const { layers } = networkOf(params);
  const identity = tensor(
    Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)),
    [4, 4],
  );
  const weights = { "0": {}, "1": layers[0]!, "2": {}, "3": layers[1]!, "4": {}, "5": { weight: identity } };
  const features = body.apply(weights, task.query.x);
  const own = sum(mul(features, features), -1, { keepAxes: true });
  const expected = valuesIn(sub(own, squaredDistances(features, means)));
  expect(difference(valuesIn(learner.predict(adapted, task.query.x)), expected)).toBeLessThan(1e-12);
});

test("says what its figures depend on", () => {
  expect(filmNetwork({ features: 1, outputs: 1 })).toMatchObject({
    name: "FiLM network",
    description: { hidden: "64, 64", taskFeatures: 64 },
  });
});

test("refuses sizes out of range", () => {
  const refused = (more: Partial<FilmNetworkOptions>) =>
    expect(() => filmNetwork({ features: 1, outputs: 1, ...more }));
  refused({ hidden: [] }).toThrow("IL102 filmNetwork: the number of hidden layers is 0");
  refused({ hidden: [4, -1] }).toThrow("IL102 filmNetwork: units of a hidden layer is -1");
  refused({ taskFeatures: 0 }).toThrow("IL102 filmNetwork: taskFeatures is 0");
});
