import { describe, expect, it } from "vitest";
import { topologicalOrder } from "../program/graph.js";
import { add, cast, exp, mul, sin, stopGradient, sub, tanh } from "../program/primitives/elementwise.js";
import { matmul } from "../program/primitives/linear-algebra.js";
import { mean, sum } from "../program/primitives/reduce.js";
import { primitives } from "../program/registry.js";
import type { Primitive } from "../program/tensor.js";
import { input, type Tensor, tensor } from "../program/tensor.js";
import { leaves } from "../program/tree.js";
import { interpret, valuesOf } from "../reference/interpreter.js";
import { floats } from "../testing/examples.js";
import { requireClose } from "../testing/laws.js";
import { grad, hessianVectorProduct, recomputed, valueAndGrad, vjp } from "./differentiate.js";
import { simplify } from "./simplify.js";
import { vmap } from "./vmap.js";

const f64 = (values: readonly number[]): Tensor => tensor(values, [values.length], "float64");
const numbers = (x: Tensor): number[] => [...valuesOf(x)];

describe("grad", () => {
  it("treats what the function refers to as constant, even where it is the argument itself", () => {
    const x0 = f64([2, 3]);
    expect(numbers(grad((w: Tensor) => sum(mul(w, x0)))(x0))).toEqual([2, 3]);
    expect(numbers(grad((w: Tensor) => sum(mul(w, w)))(x0))).toEqual([4, 6]);
  });

  it("does not mix up the variables of nested gradients", () => {
    // d/dx [ x d/dy (x + y) ] = 1: the inner gradient must not see the outer x.
    const outer = grad((x: Tensor) => mul(x, grad((y: Tensor) => add(x, y))(tensor(1, [], "float64"))));
    expect(numbers(outer(tensor(5, [], "float64")))).toEqual([1]);
    // d/dx [ x d/dy (x y) at y = x ] = d/dx [ x x ] = 2 x
    const same = grad((x: Tensor) => mul(x, grad((y: Tensor) => mul(x, y))(x)));
    expect(numbers(same(tensor(5, [], "float64")))).toEqual([10]);
  });

  it("of gradients goes to any order", () => {
    let f: (x: Tensor) => Tensor = (x) => sin(mul(x, 2));
    for (let order = 1; order <= 5; order++) {
      f = grad(f);
      const value = valuesOf(f(tensor(0.3, [], "float64")))[0]!;
      const expected =
        2 ** order * [Math.sin, Math.cos, (x: number) => -Math.sin(x), (x: number) => -Math.cos(x)][order % 4]!(0.6);
      expect(value).toBeCloseTo(expected, 10);
    }
  });

  it("keeps the structure of the argument; integers get zeros", () => {
    const params = { layer: [{ w: f64([1, 2]) }], index: tensor([3], [1], "int32") };
    const gradient = grad((p: typeof params) => sum(mul(p.layer[0]!.w, cast(p.index, "float64"))))(params);
    expect(numbers(gradient.layer[0]!.w)).toEqual([3, 3]);
    expect([gradient.index.dtype, numbers(gradient.index)]).toEqual(["int32", [0]]);
  });

  it("is zero where the value does not depend on the argument, and 1 where it is the argument", () => {
    expect(numbers(grad((_w: Tensor) => tensor(1, [], "float64"))(f64([1, 2])))).toEqual([0, 0]);
    expect(numbers(grad((w: Tensor) => w)(tensor(7, [], "float64")))).toEqual([1]);
  });

  it("counts an array that is passed twice at each of its places", () => {
    const w = f64([2]);
    const both = grad(({ a, b }: { a: Tensor; b: Tensor }) => sum(mul(mul(a, a), b)))({ a: w, b: w });
    expect([numbers(both.a), numbers(both.b)]).toEqual([[8], [4]]);
  });

  it("differentiates by the first argument only, and hands on the others", () => {
    const f = (w: Tensor, x: Tensor, factor: number): Tensor => sum(mul(mul(w, x), factor));
    expect(numbers(grad(f)(f64([1]), f64([5]), 3))).toEqual([15]);
  });

  it("stops at stopGradient, at every order", () => {
    const f = (x: Tensor): Tensor => sum(mul(stopGradient(mul(x, x)), x));
    expect(numbers(grad(f)(f64([3])))).toEqual([9]);
    expect(numbers(grad((x: Tensor) => sum(grad(f)(x)))(f64([3])))).toEqual([0]);
  });

  it("names an operation that has no gradient, with its reason", () => {
    const record = primitives.exp as { vjp: Primitive["vjp"] };
    const original = record.vjp;
    record.vjp = { gradient: "undefined", reason: "nobody has worked it out" };
    try {
      expect(() => grad((x: Tensor) => sum(exp(x)))(input([2]))).toThrow(
        /^IL302 exp: nobody has worked it out, at differentiate\.test\.ts:\d+\. Keep/,
      );
      expect(() => grad((x: Tensor) => sum(mul(x, stopGradient(exp(x)))))(input([2]))).not.toThrow();
    } finally {
      record.vjp = original;
    }
  });
});

describe("valueAndGrad", () => {
  it("returns value, gradient and auxiliary results, all in terms of the argument", () => {
    const w = input([2], "float64");
    const { value, gradient, auxiliary } = valueAndGrad(
      (p: Tensor) => [sum(mul(p, p)), { doubled: mul(p, 2), free: f64([9]) }] as const,
    )(w);
    const found = interpret([value, gradient, auxiliary.doubled, auxiliary.free], new Map([[w, [1, 2]]]));
    expect(found.map((x) => [...x])).toEqual([[5], [2, 4], [2, 4], [9]]);
  });

  it("lets outer gradients through its value, gradient and auxiliary results", () => {
    const f = (p: Tensor): readonly [Tensor, Tensor] => [sum(mul(mul(p, p), p)), sum(mul(p, p))];
    const outer = (part: "value" | "gradient" | "auxiliary"): Tensor =>
      grad((p: Tensor) => sum(valueAndGrad(f)(p)[part]))(f64([2]));
    expect([numbers(outer("value")), numbers(outer("gradient")), numbers(outer("auxiliary"))]).toEqual([
      [12],
      [12],
      [4],
    ]);
  });
});

describe("vjp", () => {
  it("pulls a cotangent of a tree of results back to a tree of arguments", () => {
    const at = { a: f64([2, 3]), b: f64([5, 7]) };
    const { value, pullback } = vjp(({ a, b }: typeof at) => [mul(a, b), sum(a)] as const, at);
    expect(numbers(value[0])).toEqual([10, 21]);
    const back = pullback([f64([1, 10]), tensor(100, [], "float64")]);
    expect([numbers(back.a), numbers(back.b)]).toEqual([
      [105, 170],
      [2, 30],
    ]);
  });
});

describe("trees given beside the argument", () => {
  const at = { a: f64([2]), b: f64([3]) };

  it("are matched by name, whatever the order of their properties", () => {
    const { pullback } = vjp(({ a, b }: typeof at) => ({ first: mul(a, 10), second: mul(b, 10) }), at);
    const back = pullback({ second: f64([5]), first: f64([1]) });
    expect([numbers(back.a), numbers(back.b)]).toEqual([[10], [50]]);
    const product = hessianVectorProduct(({ a, b }: typeof at) => sum(add(mul(a, a), mul(mul(b, b), b))), at, {
      b: f64([100]),
      a: f64([1]),
    });
    expect([numbers(product.a), numbers(product.b)]).toEqual([[2], [1800]]);
  });

  it("must have the same names", () => {
    const wrong = { a: f64([1]), c: f64([1]) } as unknown as typeof at;
    expect(() => hessianVectorProduct(({ a, b }: typeof at) => sum(mul(a, b)), at, wrong)).toThrow(
      "IL303 tree: structures differ: no leaf b",
    );
    expect(() => vjp((x: typeof at) => x, at).pullback(wrong)).toThrow("IL303 tree: structures differ: no leaf b");
  });
});

describe("hessianVectorProduct", () => {
  const values = floats([3, 2]).values(1);
  const at = {
    w: tensor(values, [3, 2], "float64"),
    b: tensor([0.3, -0.2], [2], "float64"),
    count: tensor([1], [1], "int32"),
  };
  const x = tensor(floats([4, 3]).values(2), [4, 3], "float64");
  const loss = ({ w, b }: typeof at): Tensor => mean(mul(tanh(add(matmul(x, w), b)), exp(matmul(x, w))));
  const v = {
    w: tensor(floats([3, 2]).values(3), [3, 2], "float64"),
    b: tensor([1, -0.5], [2], "float64"),
    count: tensor([0], [1], "int32"),
  };

  it("is the difference of gradients along the vector", () => {
    const h = 1e-4;
    const product = hessianVectorProduct(loss, at, v);
    const gradientAt = (distance: number): Tensor[] =>
      leaves(grad(loss)({ w: add(at.w, mul(v.w, distance)), b: add(at.b, mul(v.b, distance)), count: at.count }));
    const [after, before] = [gradientAt(h), gradientAt(-h)];
    for (const i of [0, 1]) {
      const difference = [...valuesOf(sub(after[i]!, before[i]!))].map((d) => d / (2 * h));
      requireClose(`leaf ${i}`, valuesOf(leaves(product)[i]!), difference, 1e-6);
    }
    expect(numbers(product.count)).toEqual([0]);
  });

  it("is symmetric", () => {
    const u = { ...v, w: tensor(floats([3, 2]).values(9), [3, 2], "float64") };
    const inner = (a: typeof at, b: typeof at): number => valuesOf(add(sum(mul(a.w, b.w)), sum(mul(a.b, b.b))))[0]!;
    expect(inner(u, hessianVectorProduct(loss, at, v))).toBeCloseTo(inner(v, hessianVectorProduct(loss, at, u)), 10);
  });
});

describe("gradients of mapped gradients", () => {
  // One MAML step per task: theta' = theta - a grad support(theta), query loss at theta', mean over tasks.
  const tasks = {
    x: tensor(floats([3, 4, 2]).values(1), [3, 4, 2], "float64"),
    y: tensor(floats([3, 4]).values(2), [3, 4], "float64"),
  };
  const loss = (w: Tensor, { x, y }: typeof tasks): Tensor => {
    const error = sub(tanh(sum(mul(x, w), 1)), y);
    return mean(mul(error, error));
  };
  const adapted = (w: Tensor, task: typeof tasks): Tensor => sub(w, mul(grad(loss)(w, task), 0.3));
  const w0 = f64([0.4, -0.7]);
  const slice = (i: number): typeof tasks => {
    const part = (x: Tensor, size: number): number[] =>
      Array.from(x.data as Float64Array).slice(i * size, (i + 1) * size);
    return { x: tensor(part(tasks.x, 8), [4, 2], "float64"), y: tensor(part(tasks.y, 4), [4], "float64") };
  };

  it("grad of vmap of grad is the gradient of the mean over tasks, one by one", () => {
    const together = (w: Tensor): Tensor => mean(vmap((task: typeof tasks) => loss(adapted(w, task), task))(tasks));
    const apart = (w: Tensor): Tensor => {
      const losses = [0, 1, 2].map((i) => loss(adapted(w, slice(i)), slice(i)));
      return mul(
        losses.reduce((a, b) => add(a, b)),
        1 / 3,
      );
    };
    requireClose("gradient", valuesOf(grad(together)(w0)), valuesOf(grad(apart)(w0)), 1e-13);
    const h = 1e-5;
    const direction = f64([0.8, 0.6]);
    const at = (distance: number): number => valuesOf(together(add(w0, mul(direction, distance))))[0]!;
    expect(valuesOf(sum(mul(grad(together)(w0), direction)))[0]).toBeCloseTo((at(h) - at(-h)) / (2 * h), 8);
  });

  it("vmap of grad of grad is that of each task", () => {
    const bend = (task: typeof tasks): Tensor =>
      grad((w: Tensor) => sum(sin(grad((v: Tensor) => loss(adapted(v, task), task))(w))))(w0);
    const expected = [0, 1, 2].flatMap((i) => numbers(bend(slice(i))));
    requireClose("gradient", valuesOf(vmap(bend)(tasks)), expected, 1e-12);
  });

  it("vmap over parameters and tasks at once", () => {
    const many = tensor([0.4, -0.7, 0.1, 0.9], [2, 2], "float64");
    const all = vmap(
      vmap(
        grad((w: Tensor, task: typeof tasks) => loss(adapted(w, task), task)),
        [null, 0],
      ),
      [0, null],
    )(many, tasks);
    expect(all.shape).toEqual([2, 3, 2]);
    const one = grad((w: Tensor) => loss(adapted(w, slice(2)), slice(2)))(f64([0.1, 0.9]));
    requireClose("parameters 1, task 2", valuesOf(all).slice(10), valuesOf(one), 1e-13);
  });
});

describe("recomputed", () => {
  const width = 3;
  const w0 = tensor(floats([width, width]).values(1), [width, width], "float64");
  const x = tensor(floats([2, width]).values(2), [2, width], "float64");
  /** K layers of the same weights, each of them a step that may be computed again. */
  const chain =
    (steps: number, step: (f: () => Tensor) => Tensor) =>
    (w: Tensor): Tensor => {
      let h = x;
      for (let k = 0; k < steps; k++) {
        const from = h;
        h = step(() => tanh(matmul(from, w)));
      }
      return mean(mul(h, h));
    };
  const kept = chain(4, (f) => f());
  const again = chain(4, recomputed);
  const named = (outputs: readonly Tensor[], name: string): number =>
    topologicalOrder(simplify(outputs)).filter((one) => one.primitive?.name === name).length;

  it("changes no gradient, of any order, nor one through another", () => {
    const orders = (f: (w: Tensor) => Tensor): Tensor[] => {
      const first = grad(f);
      const second = grad((w: Tensor) => sum(sin(first(w))));
      return [f(w0), first(w0), second(w0), grad((w: Tensor) => sum(sin(second(w))))(w0)];
    };
    const expected = interpret(orders(kept));
    interpret(orders(again)).forEach((values, i) => {
      requireClose(`order ${i}`, values, expected[i]!, 1e-12);
    });
  });

  it("computes each step twice, the second time after the cotangent of its result", () => {
    const w = input([width, width], "float64");
    expect(named([grad(kept)(w)], "tanh")).toBe(4);
    expect(named([grad(again)(w)], "tanh")).toBe(8);
    expect(named([grad(kept)(w)], "after")).toBe(0);
    // What each step starts from: the weights, and but for the first a hidden layer.
    expect(named([grad(again)(w)], "after")).toBe(7);
    expect(named([again(w)], "after")).toBe(0);
  });

  it("within itself counts once", () => {
    const nested = chain(4, (f) => recomputed(() => recomputed(f)));
    const w = input([width, width], "float64");
    expect(named([grad(nested)(w)], "tanh")).toBe(8);
    requireClose("gradient", interpret([grad(nested)(w0)])[0]!, interpret([grad(kept)(w0)])[0]!, 1e-12);
  });

  it("takes what is not its result back to where it belongs", () => {
    // The hidden value leaves the step by another door, and is used after it.
    const leaking = (step: <T>(f: () => T) => T) => (w: Tensor) => {
      let inside: Tensor | undefined;
      const result = step(() => {
        inside = sin(matmul(x, w));
        return mul(inside, inside);
      });
      return sum(mul(result, exp(inside!)));
    };
    const expected = interpret([grad(leaking((f) => f()))(w0)])[0]!;
    requireClose("gradient", interpret([grad(leaking(recomputed))(w0)])[0]!, expected, 1e-12);
  });

  it("ends with the function, also where that throws", () => {
    const w = input([width, width], "float64");
    expect(() =>
      grad(() => {
        recomputed(() => {
          throw new Error("inside");
        });
        return sum(w);
      })(w),
    ).toThrow("inside");
    expect(named([grad(again)(w)], "tanh")).toBe(8);
  });

  it("over tasks: what they share stays shared", () => {
    const perTask = (w: Tensor, task: Tensor): Tensor =>
      grad((at: Tensor) =>
        mean(
          recomputed(() =>
            tanh(
              matmul(
                recomputed(() => tanh(matmul(task, at))),
                at,
              ),
            ),
          ),
        ),
      )(w);
    const tasks = tensor(floats([3, 2, width]).values(3), [3, 2, width], "float64");
    const all = vmap(perTask, [null, 0])(w0, tasks);
    const copies = topologicalOrder([all]).filter((one) => one.primitive?.name === "after");
    expect(copies.some((copy) => copy.rank === 2)).toBe(true);
    for (let i = 0; i < 3; i++) {
      const one = tensor(
        floats([3, 2, width])
          .values(3)
          .slice(i * 2 * width, (i + 1) * 2 * width),
        [2, width],
        "float64",
      );
      const size = width * width;
      requireClose(
        `task ${i}`,
        interpret([all])[0]!.subarray(i * size, (i + 1) * size),
        interpret([perTask(w0, one)])[0]!,
        1e-12,
      );
    }
  });
});
