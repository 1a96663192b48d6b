import { grad, sum, type Tensor, tensor, vmap } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { valuesIn } from "../numerical.fixture.js";
import { dropout, sequential } from "./layers.js";

describe("dropout", () => {
  const layer = dropout({ rate: 0.25 });
  const ones = tensor(new Float32Array(4000).fill(1), [40, 100]);
  const drawn = (seed: number, path = "1") => valuesIn(layer.apply({}, ones, { key: tensor(seed, [], "int32"), path }));

  test("keeps the rate's share and the mean; what is kept is scaled up", () => {
    const values = drawn(1);
    for (const value of new Set(values)) expect([0, 1 / 0.75].some((v) => Math.abs(v - value) < 1e-6)).toBe(true);
    // The mean of 4,000 has a standard error of 0.009.
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / 4000 - 1)).toBeLessThan(0.04);
  });

  test("is a function of key and place: equal for equal ones, independent for others", () => {
    expect(drawn(1)).toEqual(drawn(1));
    const agreement = (a: number[], b: number[]) => a.filter((value, i) => value === b[i]).length / a.length;
    // Independent masks agree in 0.25^2 + 0.75^2 of places; the standard error is 0.008.
    for (const other of [drawn(2), drawn(3), drawn(12345), drawn(1, "2"), drawn(1, "")]) {
      expect(Math.abs(agreement(drawn(1), other) - 0.625)).toBeLessThan(0.04);
    }
  });

  test("is the identity without a key and at rate 0", () => {
    expect(layer.apply({}, ones)).toBe(ones);
    expect(layer.apply({}, ones, { phase: "train" })).toBe(ones);
    expect(dropout({ rate: 0 }).apply({}, ones, { key: tensor(1, [], "int32") })).toBe(ones);
  });

  test("under vmap, each task's mask is that of its own key", () => {
    const keys = tensor([5, 9], [2], "int32");
    const batch = tensor(new Float32Array(8000).fill(1), [2, 40, 100]);
    const all = valuesIn(vmap((x: Tensor, key: Tensor) => layer.apply({}, x, { key, path: "1" }))(batch, keys));
    expect(all).toEqual([...drawn(5), ...drawn(9)]);
  });

  test("passes gradients where it passes values, in float64 too", () => {
    for (const dtype of ["float32", "float64"] as const) {
      const x = tensor([1, 2, 3, 4, 5, 6, 7, 8], [8], dtype);
      const context = { key: tensor(4, [], "int32"), path: "1" };
      const y = valuesIn(layer.apply({}, x, context));
      const slope = valuesIn(grad((at: Tensor) => sum(layer.apply({}, at, context)))(x));
      slope.forEach((value, i) => {
        expect(value).toBeCloseTo(y[i]! / (i + 1), 6);
      });
    }
  });

  test("composes with other layers by its place in the model", () => {
    const model = sequential([dropout({ rate: 0.5 }), dropout({ rate: 0.5 })]);
    const y = valuesIn(model.apply({}, ones, { key: tensor(1, [], "int32") }));
    // Equal masks would keep half; independent ones keep a quarter.
    expect(Math.abs(y.filter((value) => value > 0).length / 4000 - 0.25)).toBeLessThan(0.04);
  });
});
