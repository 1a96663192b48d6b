import { inspect } from "node:util";
import { expect, test } from "vitest";
import { exp } from "./primitives/elementwise.js";
import { input, tensor } from "./tensor.js";

test("tensors give their values as nested numbers, and show them in JSON and consoles without their internals", () => {
  const x = tensor([
    [0.1, 2],
    [3, -4],
  ]);
  expect(tensor([[1, 2]], undefined, "int64").toArray()).toEqual([[1, 2]]);
  expect(tensor(7, [], "float64").toArray()).toBe(7);
  expect(tensor(new Float32Array(0), [2, 0]).toArray()).toEqual([[], []]);
  expect(tensor(new Float32Array(24), [2, 3, 4]).toArray()).toEqual(new Array(2).fill(new Array(3).fill([0, 0, 0, 0])));
  expect(JSON.parse(JSON.stringify({ x }))).toEqual({
    x: { dtype: "float32", shape: [2, 2], values: [Math.fround(0.1), 2, 3, -4] },
  });
  expect(inspect(x)).toBe("float32[2, 2] 0.1, 2, 3, -4");
  expect(inspect({ x: tensor(new Float32Array(20)) })).toBe(`{ x: float32[20] ${"0, ".repeat(12)}... }`);
  expect(inspect(input([3]))).toBe("float32[3], an input");
  expect(inspect(exp(input([3])))).toBe("float32[3] of exp, without values");
  expect(JSON.stringify(exp(input([3])))).toBe('{"dtype":"float32","shape":[3]}');
  expect(() => input([3]).toArray()).toThrow(/^IL402 toNumbers: float32\[3\] has no values/);
});
