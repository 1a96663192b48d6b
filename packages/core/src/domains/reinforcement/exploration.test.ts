/** E-MAML's term against the gradient of what comes after adaptation, by enumeration of all that may be drawn before it. */
import {
  add,
  concat,
  exp,
  grad,
  matmul,
  mul,
  neg,
  reshape,
  stopGradient,
  sum,
  type Tensor,
  type Tree,
  tensor,
  vmap,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { maml } from "../../learners/gradient/maml.js";
import { asFunction, flat } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { actionDistribution } from "./distributions.js";
import { discrete } from "./environment.js";
import { exploring, exploringLearner } from "./exploration.js";
import type { PolicyLearner, PolicySet } from "./policy-learner.js";
import { policySurrogate } from "./policy-surrogate.js";
import { exactReturn, horizon, rewards, trajectories } from "./small-mdp.fixture.js";
import { trustRegion } from "./trust-region.js";

const action = discrete(2);
const { of } = actionDistribution(action);
const theta = [0.25, -0.5, 0.75, 0.125];

/** A policy by a table: parameters are logits [state, action], observations states as one-hot rows. */
const learnerOf = (steps: number): PolicyLearner =>
  exploringLearner(
    action,
    maml({
      model: { init: () => flat(theta, [2, 2]) as Tree, apply: (logits, x) => matmul(x, logits as Tensor) },
      loss: policySurrogate(action),
      inner: sgd({ learningRate: 1.5 }),
      steps,
      minibatch: { size: 1 },
    }) as unknown as PolicyLearner,
  );

/** All ways in which one episode for each of so many steps may come out, as stacked support sets. */
function drawn(steps: number): {
  readonly support: Omit<PolicySet["y"], "acted"> & { x: Tensor };
  readonly chances: Tensor;
} {
  const ways = Array.from({ length: trajectories.length ** steps }, (_, way) =>
    Array.from(
      { length: steps },
      (_, k) => trajectories[Math.floor(way / trajectories.length ** k) % trajectories.length]!,
    ),
  );
  const shape = [ways.length, steps, horizon];
  const each = <T>(f: (pairs: readonly number[], t: number) => T): T[] =>
    ways.flatMap((way) => way.flatMap(({ pairs }) => pairs.map((_, t) => f(pairs, t))));
  return {
    support: {
      x: flat(each((pairs, t) => (pairs[t]! < 2 ? [1, 0] : [0, 1])).flat(), [...shape, 2]),
      action: tensor(Int32Array.from(each((pairs, t) => pairs[t]! % 2)), shape, "int32"),
      advantage: flat(
        each((pairs, t) => pairs.slice(t).reduce((total, pair) => total + rewards[pair]!, 0)),
        shape,
      ),
      reward: flat(
        each((pairs, t) => rewards[pairs[t]!]!),
        shape,
      ),
      taken: flat(
        each(() => 1),
        shape,
      ),
    },
    chances: flat(
      ways.map((way) => way.reduce((product, { chance }) => product * chance, 1)),
      [ways.length],
    ),
  };
}

const size = (values: readonly number[]): number => Math.hypot(...values);

describe.each([1, 2])("of %d steps", (steps) => {
  const learner = learnerOf(steps);
  const { support, chances } = drawn(steps);
  /** What each way of drawing comes to: its probability, the return after it, and the loss with its term. */
  const ways = (logits: Tensor) =>
    vmap((own: Tree, chance: Tensor) => {
      const { x, ...y } = own as unknown as typeof support;
      const setWith = (acted: Tensor, credit: Tensor): PolicySet => ({ x, y: { ...y, acted, credit } });
      const nothing = flat(new Array(steps).fill(0), [steps]);
      let [acted, logProbability] = [stopGradient(matmul(x, logits)), flat([0], [])];
      for (let k = 0; k < steps; k++) {
        const output = learner.predict(learner.adapt(logits, setWith(acted, nothing), { steps: k }), x);
        // Row k is drawn by the policy of step k; those after it are no matter yet.
        const rows = Array.from({ length: steps }, (_, row) => flat([row === k ? 1 : 0], [1, 1]));
        const own = steps === 1 ? rows[0]! : concat(rows, 0);
        logProbability = add(logProbability, sum(mul(of(output).logProb(y.action), own)));
        const column = reshape(own, [steps, 1, 1]);
        acted = stopGradient(add(mul(output, column), mul(acted, add(1, neg(column)))));
      }
      const adapted = learner.adapt(logits, setWith(acted, nothing)) as { readonly params: Tensor };
      const after = exactReturn(adapted.params);
      const credit = add(nothing, stopGradient(mul(after, 1 / horizon)));
      const set = setWith(acted, credit);
      const exploration = learner.exploration!(logits, { support: set, query: set });
      return { probability: mul(chance, exp(logProbability)), after, exploration };
    })(support as unknown as Tree, chances) as { probability: Tensor; after: Tensor; exploration: Tensor };
  const gradientOf = (f: (logits: Tensor) => Tensor): number[] => asFunction(grad(f), flat(theta, [2, 2]))([theta])[0]!;
  const exact = gradientOf((logits) => {
    const { probability, after } = ways(logits);
    return mul(sum(mul(probability, after)), -1 / horizon);
  });
  const found = (withTerm: boolean): number[] =>
    gradientOf((logits) => {
      const { probability, after, exploration } = ways(logits);
      const loss = mul(after, -1 / horizon);
      return sum(mul(stopGradient(probability), withTerm ? add(loss, exploration) : loss));
    });
  const errorOf = (values: readonly number[]): number =>
    size(values.map((value, i) => value - exact[i]!)) / size(exact);

  test("the ways are all that there are", () => {
    const [probability] = asFunction((logits: Tensor) => sum(ways(logits).probability), flat(theta, [2, 2]))([theta]);
    expect(probability![0]).toBeCloseTo(1, 10);
  });

  test("the loss with the term has the gradient of the expected return after adaptation, what is drawn included", () => {
    expect(errorOf(found(true))).toBeLessThan(1e-10);
    expect(errorOf(found(false))).toBeGreaterThan(0.01);
  });
});

test("what counts for less than nothing is refused", () => {
  expect(() => exploring(trustRegion(action), { action, exploration: -1 })).toThrow(
    /^ILE101 exploring: exploration is -1/,
  );
});
