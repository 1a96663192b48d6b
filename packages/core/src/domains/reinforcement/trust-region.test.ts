import {
  add,
  grad,
  hessianVectorProduct,
  leaves,
  mapTree,
  mul,
  stopGradient,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { maml } from "../../learners/gradient/maml.js";
import { conjugateGradients } from "../../linear-algebra/conjugate-gradients.js";
import { noiseLike, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { actionDistribution } from "./distributions.js";
import { box, discrete, type Space } from "./environment.js";
import { policyNetwork } from "./policy-network.js";
import { meanOfTaken, type PolicyTargets, policySurrogate } from "./policy-surrogate.js";
import { fisherProduct, trustRegion } from "./trust-region.js";

const observation = box({ shape: 3 });
const [episodes, horizon] = [4, 3];

/** Made-up episodes, the last of which ends early. */
function episodesOf(action: Space, seed: number): Examples<Tensor, PolicyTargets> {
  const { outputs } = actionDistribution(action);
  const isDiscrete = action.kind === "discrete";
  return {
    x: noiseTensor([episodes, horizon, 3], seed),
    y: {
      action: isDiscrete
        ? tensor(
            Int32Array.from({ length: episodes * horizon }, (_, i) => (i * 7 + seed) % action.n),
            [episodes, horizon],
            "int32",
          )
        : noiseTensor([episodes, horizon, action.shape[0]], seed + 1),
      advantage: noiseTensor([episodes, horizon], seed + 2),
      reward: noiseTensor([episodes, horizon], seed + 3),
      taken: tensor(
        Float32Array.from({ length: episodes * horizon }, (_, i) => (i === episodes * horizon - 1 ? 0 : 1)),
        [episodes, horizon],
      ),
      acted: noiseTensor([episodes, horizon, outputs], seed + 4),
    },
  };
}

describe.each([
  ["a box", box({ shape: 2, low: -1, high: 1 })],
  ["a discrete space", discrete(3)],
] as const)("the product with the Fisher matrix after adaptation, of actions of %s", (_name, action) => {
  const learner = maml({
    model: policyNetwork({ observation, action, hidden: [4] }),
    loss: policySurrogate(action),
    inner: sgd({ learningRate: 0.3 }),
    steps: 1,
  });
  const params = noiseLike(learner.init(key(1)) as Tree, 0.4, 3);
  const [support, query] = [episodesOf(action, 1), episodesOf(action, 11)];
  const { of } = actionDistribution(action);
  const output = (at: Tree): Tensor => learner.predict(learner.adapt(at, support), query.x);
  const distance = (from: Tensor, to: Tensor): Tensor => meanOfTaken(of(from).kl(of(to)), query.y);
  const vector = noiseLike(params, 1, 9);

  test("is that with the Hessian of the KL, which needs third derivatives", () => {
    const from = stopGradient(output(params));
    const exact = hessianVectorProduct((at: Tree) => distance(from, output(at)), params, vector);
    const product = fisherProduct(output, distance, params, vector);
    leaves(product).forEach((leaf, i) => {
      const expected = valuesIn(leaves(exact)[i]!);
      valuesIn(leaf).forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at]!, 10);
      });
    });
    expect(Math.hypot(...leaves(product).flatMap((leaf) => valuesIn(leaf)))).toBeGreaterThan(1e-2);
  });

  test("is what KL grows by: KL(theta, theta + e v) = e^2 v' F v / 2", () => {
    const step = 0.01;
    const moved = mapTree((leaf: Tensor, along: Tensor) => add(leaf, mul(along, step)), params, vector);
    const grown = valuesIn(distance(output(params), output(moved)))[0]!;
    const product = leaves(fisherProduct(output, distance, params, vector)).flatMap((leaf) => valuesIn(leaf));
    const along = leaves(vector).flatMap((leaf) => valuesIn(leaf));
    const expected = (step ** 2 / 2) * along.reduce((sum, value, i) => sum + value * product[i]!, 0);
    expect(grown / expected).toBeGreaterThan(0.9);
    expect(grown / expected).toBeLessThan(1.1);
  });

  test("the surrogate's gradient at the policy that acted is that of log pi A, of any weight of the past", () => {
    const own = {
      ...query,
      y: { ...query.y, acted: tensor(Float32Array.from(valuesIn(output(params))), output(params).shape) },
    };
    const slope = (options: Parameters<typeof policySurrogate>[1]) =>
      leaves(grad((at: Tree) => policySurrogate(action, options)(output(at), own.y))(params) as Tree).flatMap((leaf) =>
        valuesIn(leaf),
      );
    const expected = slope({ logLikelihood: true });
    for (const pastDecay of [0, 0.5, 1])
      slope({ pastDecay }).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4);
      });
  });
});

describe("conjugate gradients", () => {
  const matrix = [
    [4, 1, 0],
    [1, 3, -1],
    [0, -1, 2],
  ];
  const times = (of: readonly (readonly number[])[]) => async (v: Float64Array) =>
    Float64Array.from(of, (row) => row.reduce((sum, value, i) => sum + value * v[i]!, 0));

  test("solve a system in as many products as it has unknowns", async () => {
    const { x, products, curvature } = await conjugateGradients(times(matrix), Float64Array.of(1, 2, 3), 10);
    const back = await times(matrix)(x);
    expect(curvature).toBeCloseTo(
      x.reduce((sum, value, i) => sum + value * back[i]!, 0),
      8,
    );
    [1, 2, 3].forEach((value, i) => {
      expect(back[i]).toBeCloseTo(value, 8);
    });
    expect(products).toBe(3);
  });

  test("end where a matrix is not positive, with what they have", async () => {
    const indefinite = [
      [1, 0],
      [0, -1],
    ];
    const { x, products, curvature } = await conjugateGradients(times(indefinite), Float64Array.of(2, 1), 10);
    // x' A x where it ends early too: (10 / 3)^2 - (5 / 3)^2.
    expect(curvature).toBeCloseTo(75 / 9, 8);
    expect(products).toBeLessThanOrEqual(2);
    expect(Array.from(x).every(Number.isFinite)).toBe(true);
    // (2, 1)' A (2, 1) = 3 > 0: the first step goes along it, the second has no positive curvature.
    expect(Array.from(x)).toEqual([10 / 3, 5 / 3]);
  });

  test("of a right side of zeros take no product", async () => {
    expect(await conjugateGradients(times(matrix), new Float64Array(3), 10)).toEqual({
      x: new Float64Array(3),
      products: 0,
      residual: 0,
      curvature: 0,
    });
  });
});

test.each([
  [{ kl: 0 }, /kl is 0/],
  [{ damping: -1 }, /damping is -1/],
  [{ products: 1.5 }, /products is 1.5/],
  [{ backtracks: 0 }, /backtracks is 0/],
  [{ backtrack: 1 }, /backtrack is 1/],
  [{ fisherShare: 0 }, /fisherShare is 0/],
  [{ fisherTasks: 1.5 }, /fisherTasks is 1.5/],
])("a trust region refuses %o", (options, problem) => {
  expect(() => trustRegion(discrete(2), options)).toThrow(problem);
});
