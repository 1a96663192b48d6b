import { add, grad, leaves, mapTree, mul, sum, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { asFunction, gradientError, namedValues, numbersOf, valuesIn } from "../numerical.fixture.js";
import type { Optimizer } from "./gradient-transformation.js";
import {
  bowl,
  cases,
  type Params,
  plainBowlSlope,
  start,
  startValues,
  steps,
  updated,
} from "./optimizer-cases.fixture.js";
import { sgd } from "./optimizers.js";
import { cosineSchedule, linearSchedule, type Schedule, stepSchedule } from "./schedules.js";
import { clipByGlobalNorm, clipByValue } from "./transformations.js";

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
