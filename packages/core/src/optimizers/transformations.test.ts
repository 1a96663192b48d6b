/** Laws of gradient transformations: chains, states, parameters of their own. */
import {
  add,
  grad,
  leaves,
  mapTree,
  mul,
  paths,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
  unflatten,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { learnedOptions, learnedRates, metaCurvature } from "../learners/gradient/learned-optimizers.js";
import { lstmOptimizer } from "../learners/gradient/lstm-optimizer.js";
import { gradientError, namedValues, numbersOf, valuesIn } from "../numerical.fixture.js";
import { key } from "../random/random.js";
import { chain, type GradientTransformation, isLearned, masked, type Optimizer } from "./gradient-transformation.js";
import { bowl, cases, start, steps, updated } from "./optimizer-cases.fixture.js";
import { adam, adamW, rmsProp, sgd } from "./optimizers.js";
import { linearSchedule, stepSchedule } from "./schedules.js";
import {
  clipByGlobalNorm,
  clipByValue,
  descend,
  momentum,
  scale,
  scaleByAdam,
  scaleByRms,
  weightDecay,
} from "./transformations.js";

/** All transformations, learned ones too, of two steps or more: what follows holds of each. */
const transformations: readonly (readonly [name: string, make: () => GradientTransformation])[] = [
  ...cases.map(({ name, make }) => [name, make] as const),
  ["scale", () => scale(-0.1)],
  ["scale by a tensor", () => scale(tensor(-0.1, [], "float64"))],
  ["descend by a schedule", () => descend(linearSchedule(0.1, 0.02, 4))],
  ["momentum", () => momentum(0.9)],
  ["momentum, Nesterov's", () => momentum(0.9, { nesterov: true })],
  ["weight decay", () => weightDecay(0.1)],
  ["clipping by value", () => clipByValue(0.5)],
  ["clipping by norm", () => clipByGlobalNorm(0.5)],
  ["Adam's direction", () => scaleByAdam()],
  ["RMSprop's direction", () => scaleByRms()],
  ["a mask", () => masked(chain(momentum(0.9), descend(0.1)), (path) => path === "a")],
  ["learned rates per element", () => learnedRates({ per: "element", from: 0.1 })],
  ["learned rates per layer and step", () => learnedRates({ per: "layerAndStep", from: 0.1, steps: 2 })],
  ["learned options", () => learnedOptions((o) => sgd(o), { learningRate: 0.1, momentum: 0.5 })],
  ["meta-curvature", () => metaCurvature({ learningRate: 0.1 })],
  ["LSTM", () => lstmOptimizer({ hidden: 3, throughGradients: true })],
];

describe.each(transformations)("as a gradient transformation: %s", (_name, make) => {
  const flatStart = { a: start().a, "b/c": start().b.c };
  const ownOf = (transformation: GradientTransformation): { own?: Tree } =>
    isLearned(transformation)
      ? {
          own: mapTree(
            (leaf) => tensor(valuesIn(leaf), leaf.shape, "float64"),
            transformation.initMeta(key(3), flatStart),
          ),
        }
      : {};
  /** Three updates along the bowl's slopes, by path as inner loops hand parameters over, and all that they come by. */
  const walk = (transformation: GradientTransformation, own?: Tree, from: Tree = flatStart): number[][] => {
    let params = from;
    let state = transformation.init(params, own);
    const seen: Tree[] = [];
    for (let i = 0; i < 3; i++) {
      const slope = grad((at: Tree) =>
        bowl({ a: (at as typeof flatStart).a, b: { c: (at as typeof flatStart)["b/c"] } }),
      )(params);
      ({ params, state } = updated(transformation, slope, state, params, own));
      seen.push(params, state);
    }
    return numbersOf(seen);
  };

  test("chains are associative, in updates, states and parameters of their own", () => {
    const clipping = () => clipByValue(0.4);
    const other = () => momentum(0.5);
    const three = [
      chain(chain(clipping(), make()), other()),
      chain(clipping(), chain(make(), other())),
      chain(clipping(), make(), other()),
    ] as const;
    const walks = three.map((one) => walk(one, ownOf(one).own));
    expect(walks[1]).toEqual(walks[0]);
    expect(walks[2]).toEqual(walks[0]);
    const names = three.map((one) => paths([one.init(flatStart, ownOf(one).own), ownOf(one).own ?? {}]));
    expect(names[1]).toEqual(names[0]);
    expect(names[2]).toEqual(names[0]);
    expect(new Set(three.map(({ description }) => description)).size).toBe(1);
  });

  test("in a chain with what keeps nothing, its state and its own parameters have the paths that they have alone", () => {
    const alone = make();
    const within = chain(clipByGlobalNorm(1e6), make());
    const [own, ownWithin] = [ownOf(alone).own, ownOf(within).own];
    expect(paths(within.init(flatStart, ownWithin))).toEqual(paths(alone.init(flatStart, own)));
    expect(paths(ownWithin ?? {})).toEqual(paths(own ?? {}));
    const expected = walk(alone, own).flat();
    const found = walk(within, ownWithin).flat();
    expect(found).toHaveLength(expected.length);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
  });

  test("a state that was written down and read again goes on as it was", () => {
    const transformation = make();
    const { own } = ownOf(transformation);
    const slope = (at: Tree): Tree => mapTree((leaf) => sub(leaf, 0.3), at);
    const first = updated(transformation, slope(flatStart), transformation.init(flatStart, own), flatStart, own);
    const read = <T extends Tree>(tree: T): T =>
      unflatten(
        tree,
        leaves(tree).map((leaf) => tensor(valuesIn(leaf), leaf.shape, leaf.dtype)),
      );
    const straight = updated(transformation, slope(first.params), first.state, first.params, own);
    const [params, state] = [read(first.params), read(first.state)];
    const again = updated(make(), slope(params), state, params, own);
    expect(paths(again.state)).toEqual(paths(straight.state));
    expect(numbersOf([again.params, again.state])).toEqual(numbersOf([straight.params, straight.state]));
    // Training hands the state on from update to update; inner loops, for which learned ones are, are unrolled.
    if (!isLearned(transformation)) expect(paths(first.state)).toEqual(paths(transformation.init(flatStart, own)));
  });

  test("its updates can be differentiated, by parameters and by its own", () => {
    const transformation = make();
    const own = ownOf(transformation).own ?? {};
    const after = ({ at, by }: { at: Tree; by: Tree }): Tensor => {
      let params = at;
      let state = transformation.init(params, by);
      for (let i = 0; i < 2; i++) {
        const slope = mapTree((leaf) => mul(sub(leaf, 0.35), leaf), params);
        ({ params, state } = updated(transformation, slope, state, params, by));
      }
      return leaves(params)
        .map((leaf) => sum(mul(leaf, leaf)))
        .reduce((a, b) => add(a, b));
    };
    const at = { at: flatStart as Tree, by: own };
    expect(gradientError(after, at, grad(after)(at), { h: 1e-5 })).toBeLessThan(1e-6);
  });
});

describe("chain", () => {
  test("sgd, adam and adamW are chains by another name: the same numbers, other paths of state", () => {
    const schedule = linearSchedule(0.1, 0.02, 4);
    const pairs: readonly (readonly [Optimizer, Optimizer])[] = [
      [
        sgd({ learningRate: schedule, momentum: 0.8, nesterov: true, weightDecay: 0.1 }),
        chain(weightDecay(0.1), momentum(0.8, { nesterov: true }), descend(schedule)),
      ],
      [adam({ learningRate: 0.1 }), chain(scaleByAdam(), descend(0.1))],
      [adamW({ learningRate: schedule }), chain(scaleByAdam(), weightDecay(0.01), descend(schedule))],
      [rmsProp({ learningRate: 0.1 }), chain(scaleByRms(), descend(0.1))],
    ];
    for (const [named, chained] of pairs)
      expect(numbersOf(steps(named, bowl, start(), 5).params)).toEqual(
        numbersOf(steps(chained, bowl, start(), 5).params),
      );
  });

  test("states of before there were chains have the paths that they had", () => {
    const params = start();
    const stateOf = (optimizer: Optimizer): string[] => paths(optimizer.init(params));
    expect(stateOf(sgd({ learningRate: 0.1 }))).toEqual([]);
    expect(stateOf(sgd({ learningRate: stepSchedule(1, 0.5, 2), momentum: 0.9 }))).toEqual([
      "count",
      "velocity/a",
      "velocity/b/c",
    ]);
    const ofAdam = ["count", "first/a", "first/b/c", "second/a", "second/b/c"];
    expect(stateOf(adam({ learningRate: linearSchedule(1, 0, 5) }))).toEqual(ofAdam);
    expect(stateOf(chain(clipByGlobalNorm(1), adamW({ learningRate: 0.1 })))).toEqual(ofAdam);
    expect(stateOf(adam({ learningRate: 0.1, beta1: 0 }))).toEqual(["count", "second/a", "second/b/c"]);
    expect(stateOf(rmsProp({ learningRate: 0.1 }))).toEqual(["count", "second/a", "second/b/c"]);
    const next = steps(sgd({ learningRate: stepSchedule(1, 0.5, 2), momentum: 0.9 }), bowl, params, 1).state;
    expect(paths(next)).toEqual(["count", "velocity/a", "velocity/b/c"]);
  });

  test("describes itself in order, and refuses to be of nothing", () => {
    expect(chain(clipByGlobalNorm(1), momentum(0.9), weightDecay(1e-4), scale(-0.01)).description).toBe(
      "clip norm 1, momentum 0.9, weight decay 0.0001, scale -0.01",
    );
    expect(() => chain()).toThrow(/^IL102 chain: no transformation/);
  });

  test("learned parts among others: their parameters are those of the parts, in order", () => {
    const both = chain(
      learnedRates({ per: "layer", from: 0.5 }),
      learnedOptions(({ m }) => momentum(m), { m: 0.5 }),
    );
    const own = both.initMeta!(key(0), { a: start().a });
    expect(paths(own)).toEqual(["0/a", "1/m"]);
    const single = chain(clipByValue(1), learnedRates({ per: "layer", from: 0.5 }));
    expect(paths(single.initMeta!(key(0), { a: start().a }))).toEqual(["a"]);
    expect(isLearned(chain(momentum(0.5), descend(1)))).toBe(false);
    expect(chain(lstmOptimizer(), scale(1)).firstOrder).toBe(true);
    expect(() => single.update({ a: start().a }, {}, { a: start().a })).toThrow(/^IL102/);
    expect(() => learnedRates({ per: "layer" }).update({ a: start().a }, {}, { a: start().a })).toThrow(
      /^IL102 learnedRates: used without the parameters of its own/,
    );
  });
});

test("masked: what is not among the paths has no state, is not seen, and its updates are 0", () => {
  const optimizer = masked(chain(clipByGlobalNorm(1), adamW({ learningRate: 0.1 })), (path) => path !== "a");
  const params = start();
  const state = optimizer.init(params);
  expect(paths(state)).toEqual(["count", "first/b/c", "second/b/c"]);
  const gradient = { a: tensor([1e9, 1, 1], [3], "float64"), b: { c: tensor([0.3, 0, 0, 0.4], [2, 2], "float64") } };
  const { updates } = optimizer.update(gradient, state, params);
  const alone = chain(clipByGlobalNorm(1), adamW({ learningRate: 0.1 }));
  const expected = alone.update({ b: gradient.b }, alone.init({ b: params.b }), { b: params.b }).updates;
  expect(namedValues(updates)).toEqual({ a: [0, 0, 0], ...namedValues(expected) });
  // Within a chain it is masked still.
  expect(namedValues(chain(optimizer, scale(2)).update(gradient, state, params).updates).a).toEqual([0, 0, 0]);
});
