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
import { asFunction, gradientError, namedValues, numbersOf, valuesIn } from "../numerical.fixture.js";
import { key } from "../random/random.js";
import {
  applyUpdates,
  chain,
  type GradientTransformation,
  isLearned,
  masked,
  type Optimizer,
  stateless,
} from "./gradient-transformation.js";
import { adam, adamW, rmsProp, sgd } from "./optimizers.js";
import { cosineSchedule, linearSchedule, type Schedule, stepSchedule } from "./schedules.js";
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

/** The same optimizer in plain numbers: changes w in place, given the gradient and how many updates came before. */
type PlainOptimizer = (w: number[], g: number[], count: number, state: Record<string, number[]>) => void;

interface OptimizerCase {
  readonly name: string;
  readonly make: () => Optimizer;
  readonly plain: PlainOptimizer;
}

const zeros = (n: number): number[] => new Array<number>(n).fill(0);

const plainSgd =
  (options: {
    rate: (count: number) => number;
    momentum?: number;
    nesterov?: boolean;
    decay?: number;
  }): PlainOptimizer =>
  (w, g, count, state) => {
    const { rate, momentum = 0, nesterov = false, decay = 0 } = options;
    state.v ??= zeros(w.length);
    w.forEach((value, i) => {
      const slope = g[i]! + decay * value;
      state.v![i] = momentum * state.v![i]! + slope;
      const direction = nesterov ? slope + momentum * state.v![i]! : state.v![i]!;
      w[i]! -= rate(count) * direction;
    });
  };

const plainAdam =
  (options: { rate: (count: number) => number; beta1?: number; decay?: number }): PlainOptimizer =>
  (w, g, count, state) => {
    const { rate, beta1 = 0.9, decay = 0 } = options;
    state.m ??= zeros(w.length);
    state.v ??= zeros(w.length);
    const t = count + 1;
    w.forEach((value, i) => {
      state.m![i] = beta1 * state.m![i]! + (1 - beta1) * g[i]!;
      state.v![i] = 0.999 * state.v![i]! + 0.001 * g[i]! ** 2;
      const step = state.m![i]! / (1 - beta1 ** t) / Math.sqrt(state.v![i]! / (1 - 0.999 ** t) + 1e-16);
      w[i] = value - rate(count) * (step + decay * value);
    });
  };

const plainRmsProp =
  (rate: number): PlainOptimizer =>
  (w, g, _count, state) => {
    state.v ??= zeros(w.length);
    w.forEach((_, i) => {
      state.v![i] = 0.9 * state.v![i]! + 0.1 * g[i]! ** 2;
      w[i]! -= (rate * g[i]!) / Math.sqrt(state.v![i]! + 1e-16);
    });
  };

const clipped =
  (plain: PlainOptimizer, change: (g: number[]) => number[]): PlainOptimizer =>
  (w, g, count, state) =>
    plain(w, change(g), count, state);

const linear01 = (count: number): number => 0.1 + Math.min(count / 4, 1) * (0.02 - 0.1);
const cosine01 = (count: number): number => 0.02 + (0.08 * (1 + Math.cos(Math.PI * Math.min(count / 4, 1)))) / 2;

const cases: readonly OptimizerCase[] = [
  { name: "sgd", make: () => sgd({ learningRate: 0.1 }), plain: plainSgd({ rate: () => 0.1 }) },
  {
    name: "sgd with momentum",
    make: () => sgd({ learningRate: 0.05, momentum: 0.8 }),
    plain: plainSgd({ rate: () => 0.05, momentum: 0.8 }),
  },
  {
    name: "sgd with Nesterov's momentum",
    make: () => sgd({ learningRate: 0.05, momentum: 0.8, nesterov: true }),
    plain: plainSgd({ rate: () => 0.05, momentum: 0.8, nesterov: true }),
  },
  {
    name: "sgd with weight decay",
    make: () => sgd({ learningRate: 0.1, weightDecay: 0.03 }),
    plain: plainSgd({ rate: () => 0.1, decay: 0.03 }),
  },
  {
    name: "sgd, linear schedule",
    make: () => sgd({ learningRate: linearSchedule(0.1, 0.02, 4) }),
    plain: plainSgd({ rate: linear01 }),
  },
  {
    name: "sgd with momentum, cosine schedule",
    make: () => sgd({ learningRate: cosineSchedule(0.1, 0.02, 4), momentum: 0.5 }),
    plain: plainSgd({ rate: cosine01, momentum: 0.5 }),
  },
  { name: "adam", make: () => adam({ learningRate: 0.1 }), plain: plainAdam({ rate: () => 0.1 }) },
  {
    name: "adam without first moment",
    make: () => adam({ learningRate: 0.1, beta1: 0 }),
    plain: plainAdam({ rate: () => 0.1, beta1: 0 }),
  },
  {
    name: "adam, step schedule",
    make: () => adam({ learningRate: stepSchedule(0.1, 0.5, 2) }),
    plain: plainAdam({ rate: (count) => 0.1 * 0.5 ** Math.floor(count / 2) }),
  },
  {
    name: "adamW",
    make: () => adamW({ learningRate: 0.1, weightDecay: 0.02 }),
    plain: plainAdam({ rate: () => 0.1, decay: 0.02 }),
  },
  { name: "rmsProp", make: () => rmsProp({ learningRate: 0.05 }), plain: plainRmsProp(0.05) },
  {
    name: "sgd, clipped by value",
    make: () => chain(clipByValue(0.5), sgd({ learningRate: 0.1 })),
    plain: clipped(plainSgd({ rate: () => 0.1 }), (g) => g.map((v) => Math.min(0.5, Math.max(-0.5, v)))),
  },
  {
    name: "adam, clipped by global norm",
    make: () => chain(clipByGlobalNorm(0.5), adam({ learningRate: 0.1 })),
    plain: clipped(plainAdam({ rate: () => 0.1 }), (g) => {
      const length = Math.sqrt(g.reduce((total, v) => total + v * v, 0));
      return g.map((v) => v * Math.min(1, 0.5 / length));
    }),
  },
  {
    name: "a chain of momentum, weight decay and a scale below 0",
    make: () => chain(momentum(0.8), weightDecay(0.03), scale(-0.05)),
    plain: (w, g, _count, state) => {
      state.v ??= zeros(w.length);
      w.forEach((value, i) => {
        state.v![i] = 0.8 * state.v![i]! + g[i]!;
        w[i]! -= 0.05 * (state.v![i]! + 0.03 * value);
      });
    },
  },
  {
    name: "a chain that is AdamW, with a schedule and clipping",
    make: () => chain(clipByGlobalNorm(0.5), scaleByAdam(), weightDecay(0.02), descend(linearSchedule(0.1, 0.02, 4))),
    plain: clipped(plainAdam({ rate: linear01, decay: 0.02 }), (g) => {
      const length = Math.sqrt(g.reduce((total, v) => total + v * v, 0));
      return g.map((v) => v * Math.min(1, 0.5 / length));
    }),
  },
  {
    name: "a chain of RMSprop's direction and a schedule of factors below 0",
    make: () =>
      chain(
        scaleByRms(),
        scale((count) => mul(linearSchedule(0.1, 0.02, 4)(count), -1)),
      ),
    plain: (w, g, count, state) => {
      state.v ??= zeros(w.length);
      w.forEach((_, i) => {
        state.v![i] = 0.9 * state.v![i]! + 0.1 * g[i]! ** 2;
        w[i]! -= (linear01(count) * g[i]!) / Math.sqrt(state.v![i]! + 1e-16);
      });
    },
  },
  {
    name: "a transformation of one's own in a chain",
    make: () =>
      chain(
        stateless("halved", (gradient) => mapTree((g) => mul(g, 0.5), gradient)),
        descend(0.2),
      ),
    plain: plainSgd({ rate: () => 0.1 }),
  },
  {
    name: "all of them, by a mask",
    make: () => masked(adam({ learningRate: 0.1 }), () => true),
    plain: plainAdam({ rate: () => 0.1 }),
  },
];

type Params = { readonly a: Tensor; readonly b: { readonly c: Tensor } };
const startValues = [
  [1.5, -0.7, 0.2],
  [0.9, -1.1, 0.4, 2.0],
];

const start = (dtype: Tensor["dtype"] = "float64"): Params => ({
  a: tensor(startValues[0]!, [3], dtype),
  b: { c: tensor(startValues[1]!, [2, 2], dtype) },
});

/** A quadratic bowl, steeper along some parameters than others, lowest at 0.3. */
function bowl(params: Params): Tensor {
  return leaves(params)
    .map((leaf, i) => {
      const offset = sub(leaf, 0.3);
      return mul(sum(mul(offset, offset)), 0.5 * (i + 1));
    })
    .reduce((a, b) => add(a, b));
}
const plainBowlSlope = (w: number[]): number[] => w.map((value, i) => (value - 0.3) * (i < 3 ? 1 : 2));

const steps = <P extends Tree>(
  optimizer: Optimizer,
  loss: (params: P) => Tensor,
  params: P,
  count: number,
): { params: P; state: Tree } => {
  let at: { params: P; state: Tree } = { params, state: optimizer.init(params) };
  for (let i = 0; i < count; i++) at = updated(optimizer, grad(loss)(at.params), at.state, at.params);
  return at;
};

/** Parameters and state after an update. */
function updated<P extends Tree>(
  transformation: GradientTransformation,
  gradient: P,
  state: Tree,
  params: P,
  own?: Tree,
): { params: P; state: Tree } {
  const next = transformation.update(gradient, state, params, own);
  return { params: applyUpdates(params, next.updates), state: next.state };
}

describe.each(cases)("$name", ({ make, plain }) => {
  test("equals the plain implementation over ten steps, in float64", () => {
    const w = startValues.flat();
    const state = {};
    for (let count = 0; count < 10; count++) plain(w, plainBowlSlope(w), count, state);
    const got = numbersOf(steps(make(), bowl, start(), 10).params).flat();
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(w[i]!, 11);
    });
  });

  test("computes the same in float32, and keeps the parameters' type throughout", () => {
    for (const dtype of ["float32", "float64"] as const) {
      const { params, state } = steps(make(), bowl, start(dtype), 3);
      for (const leaf of [...leaves(params), ...leaves(state)]) expect(leaf.dtype).toBe(dtype);
    }
    const single = numbersOf(steps(make(), bowl, start("float32"), 5).params).flat();
    const double = numbersOf(steps(make(), bowl, start(), 5).params).flat();
    single.forEach((value, i) => {
      expect(value).toBeCloseTo(double[i]!, 4);
    });
  });

  test("goes downhill", () => {
    const before = valuesIn(bowl(start()))[0]!;
    const after = valuesIn(bowl(steps(make(), bowl, start(), 25).params))[0]!;
    expect(after).toBeLessThan(0.7 * before);
  });

  test("is pure: the same update twice gives the same, and leaves what it was given alone", () => {
    const optimizer = make();
    const params = start();
    const state = optimizer.init(params);
    for (const leaf of leaves(state)) expect(leaf.data, "first states have values").toBeDefined();
    const gradient = grad(bowl)(params);
    const before = [namedValues(params), namedValues(state), namedValues(gradient)];
    const first = updated(optimizer, gradient, state, params);
    const second = updated(make(), gradient, state, params);
    expect(numbersOf(first.params)).toEqual(numbersOf(second.params));
    expect(numbersOf(first.state)).toEqual(numbersOf(second.state));
    expect([namedValues(params), namedValues(state), namedValues(gradient)]).toEqual(before);
    expect(namedValues(first.params)).not.toEqual(before[0]);
    expect(Object.keys(namedValues(first.state))).toEqual(Object.keys(before[1]!));
    expect(Object.keys(first.params)).toEqual(["a", "b"]);
  });

  test("can be differentiated through two steps", () => {
    const afterTwo = (params: Params): Tensor => {
      const { a, b } = steps(make(), bowl, params, 2).params;
      return add(sum(mul(a, a)), sum(mul(mul(b.c, b.c), b.c)));
    };
    expect(gradientError(afterTwo, start(), grad(afterTwo)(start()), { h: 1e-4 })).toBeLessThan(1e-7);
  });

  test("has finite values and derivatives where the gradient is 0, as unused parameters' is", () => {
    const used = (params: Params): Tensor => sum(mul(params.a, params.a));
    const afterTwo = (params: Params): Tensor => {
      const { a, b } = steps(make(), used, params, 2).params;
      return add(sum(a), sum(b.c));
    };
    // At 0 all gradients are 0, at the start only b's.
    for (const dtype of ["float32", "float64"] as const) {
      for (const at of [start(dtype), mapTree((leaf) => mul(leaf, 0), start(dtype))]) {
        const constants = unflatten(
          at,
          numbersOf(at).map((values, i) => tensor(values, leaves(at)[i]!.shape, dtype)),
        );
        const slope = numbersOf(grad(afterTwo)(constants)).flat();
        for (const value of [...slope, ...numbersOf(steps(make(), used, constants, 2).params).flat()]) {
          expect(Math.abs(value)).toBeLessThan(Math.fround(3.4e38));
        }
      }
    }
  });

  test("says what it is", () => expect(make().description).toMatch(/^[\w., ()-]{6,}$/));
});

describe("learning rates", () => {
  const g = tensor([1, 2]);
  const stepWith = (optimizer: Optimizer, params: Tree): number[][] =>
    numbersOf(updated(optimizer, params, optimizer.init(params), params).params);

  test("may be a tensor, or a tree with a rate for each parameter or element", () => {
    expect(stepWith(sgd({ learningRate: tensor(0.5) }), { w: g })).toEqual([[0.5, 1]]);
    expect(stepWith(sgd({ learningRate: { w: tensor([0.5, 0]) } }), { w: g })).toEqual([[0.5, 2]]);
    expect(stepWith(sgd({ learningRate: { v: tensor(1), w: tensor(0) } }), { w: g, v: g })).toEqual([
      [1, 2],
      [0, 0],
    ]);
  });

  test("can be learned: the loss after a step has a gradient by the rate", () => {
    const loss = (rate: Tensor): Tensor => {
      const optimizer = sgd({ learningRate: rate });
      return bowl(steps(optimizer, bowl, start(), 2).params);
    };
    const at = tensor(0.1, [], "float64");
    expect(gradientError(loss, at, grad(loss)(at), { h: 1e-4 })).toBeLessThan(1e-8);
  });

  test("a tree of other names is refused", () => {
    expect(() => stepWith(sgd({ learningRate: { v: tensor(1) } }), { w: g })).toThrow(/^IL303/);
  });
});

describe("schedules", () => {
  const at = (schedule: Schedule, counts: number[]): number[] => {
    const f = asFunction((count: Tensor) => schedule(count), tensor(0, [], "float64"));
    return counts.map((count) => f([[count]])[0]![0]!);
  };
  const close = (got: number[], expected: number[]): void => {
    expect(got).toHaveLength(expected.length);
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
  };

  test("linear goes straight, then stays", () =>
    close(at(linearSchedule(1, 0, 4), [0, 1, 2, 4, 9]), [1, 0.75, 0.5, 0, 0]));
  test("cosine goes half a wave, then stays", () =>
    close(at(cosineSchedule(1, 0.2, 4), [0, 1, 2, 4, 9]), [1, 0.6 + 0.4 * Math.SQRT1_2, 0.6, 0.2, 0.2]));
  test("step falls every so often", () =>
    close(at(stepSchedule(0.8, 0.5, 3), [0, 2, 3, 5, 6, 30]), [0.8, 0.8, 0.4, 0.4, 0.2, 0.8 / 1024]));
  test("one's own schedule is a function of the count", () => {
    const optimizer = sgd({ learningRate: (count) => mul(add(count, 1), 0.5) });
    const flatSlope = (params: { w: Tensor }): Tensor => sum(params.w);
    expect(numbersOf(steps(optimizer, flatSlope, { w: tensor([0]) }, 3).params)).toEqual([[-3]]);
  });
});

describe("clipping", () => {
  const received = (clipping: Optimizer, gradient: number[][]): number[][] => {
    const params = gradient.map((values) => tensor(new Array<number>(values.length).fill(0)));
    return numbersOf(
      clipping.update(
        gradient.map((values) => tensor(values)),
        clipping.init(params),
        params,
      ).updates,
    );
  };

  test("by value cuts each element", () => {
    expect(received(clipByValue(2), [[1, -5, 3], [2]])).toEqual([[1, -2, 2], [2]]);
  });

  test("by global norm keeps the direction over all parameters, and what is short enough as it is", () => {
    const [first, second] = received(clipByGlobalNorm(1), [[3, 0], [4]]);
    [0.6, 0, 0.8].forEach((value, i) => {
      expect([...first!, ...second!][i]).toBeCloseTo(value, 6);
    });
    expect(received(clipByGlobalNorm(5.1), [[3, 0], [4]])).toEqual([[3, 0], [4]]);
    expect(received(clipByGlobalNorm(1e6), [[0, 0], [0]])).toEqual([[0, 0], [0]]);
  });

  test("refuses limits that are none", () => {
    for (const limit of [0, -1, Number.NaN]) {
      expect(() => clipByValue(limit)).toThrow(/^IL102/);
      expect(() => clipByGlobalNorm(limit)).toThrow(/^IL102/);
    }
  });
});

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
