import { add, grad, leaves, mapTree, mul, sub, sum, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { asFunction, gradientError, namedValues, numbersOf, valuesIn } from "../numerical.fixture.js";
import {
  adam,
  adamW,
  clipByGlobalNorm,
  clipByValue,
  cosineSchedule,
  linearSchedule,
  type Optimizer,
  rmsProp,
  type Schedule,
  sgd,
  stepSchedule,
} from "./optimizers.js";

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
    make: () => clipByValue(sgd({ learningRate: 0.1 }), 0.5),
    plain: clipped(plainSgd({ rate: () => 0.1 }), (g) => g.map((v) => Math.min(0.5, Math.max(-0.5, v)))),
  },
  {
    name: "adam, clipped by global norm",
    make: () => clipByGlobalNorm(adam({ learningRate: 0.1 }), 0.5),
    plain: clipped(plainAdam({ rate: () => 0.1 }), (g) => {
      const length = Math.sqrt(g.reduce((total, v) => total + v * v, 0));
      return g.map((v) => v * Math.min(1, 0.5 / length));
    }),
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
  for (let i = 0; i < count; i++) at = optimizer.update(grad(loss)(at.params), at.state, at.params);
  return at;
};

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
    const first = optimizer.update(gradient, state, params);
    const second = make().update(gradient, state, params);
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

  test("says what it is", () => expect(make().description).toMatch(/^(sgd|adam|adamW|rmsProp)\(/));
});

describe("learning rates", () => {
  const g = tensor([1, 2]);
  const stepWith = (optimizer: Optimizer, params: Tree): number[][] =>
    numbersOf(optimizer.update(params, optimizer.init(params), params).params);

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
  const received = (wrap: (inner: Optimizer) => Optimizer, gradient: number[][]): number[][] => {
    const params = gradient.map((values) => tensor(new Array<number>(values.length).fill(0)));
    const optimizer = wrap(sgd({ learningRate: 1 }));
    const result = optimizer.update(
      gradient.map((values) => tensor(values)),
      optimizer.init(params),
      params,
    );
    return numbersOf(result.params).map((values) => values.map((value) => 0 - value));
  };

  test("by value cuts each element", () => {
    expect(received((inner) => clipByValue(inner, 2), [[1, -5, 3], [2]])).toEqual([[1, -2, 2], [2]]);
  });

  test("by global norm keeps the direction over all parameters, and what is short enough as it is", () => {
    const [first, second] = received((inner) => clipByGlobalNorm(inner, 1), [[3, 0], [4]]);
    [0.6, 0, 0.8].forEach((value, i) => {
      expect([...first!, ...second!][i]).toBeCloseTo(value, 6);
    });
    expect(received((inner) => clipByGlobalNorm(inner, 5.1), [[3, 0], [4]])).toEqual([[3, 0], [4]]);
    expect(received((inner) => clipByGlobalNorm(inner, 1e6), [[0, 0], [0]])).toEqual([[0, 0], [0]]);
  });

  test("refuses limits that are none", () => {
    for (const limit of [0, -1, Number.NaN]) {
      expect(() => clipByValue(sgd({ learningRate: 1 }), limit)).toThrow(/^IL102/);
      expect(() => clipByGlobalNorm(sgd({ learningRate: 1 }), limit)).toThrow(/^IL102/);
    }
  });
});
