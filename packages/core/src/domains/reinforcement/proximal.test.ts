import { leaves, type Tensor, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { valuesIn } from "../../numerical.fixture.js";
import { discrete } from "./environment.js";
import { clippedObjective, proximal } from "./proximal.js";

describe("the clipped objective", () => {
  const rows = (values: readonly number[]): Tensor => tensor([...values], [2, 3], "float32");
  const logs = (values: readonly number[]): Tensor => rows(values.map(Math.log));
  const inputs = {
    //          cut above, w A; below, a loss not cut;      padding
    logProb: logs([0.5, 0.1, 0.4, 0.3, 0.6, 0.9]),
    old: logs([0.25, 0.25, 0.5, 0.3, 0.2, 1e-30]),
    advantage: rows([2, 1, -1, 3, -2, 5]),
    taken: rows([1, 1, 1, 1, 1, 0]),
  };

  test("is that by hand: gains count up to a ratio of 1 + c, losses in full", () => {
    const { objective, clipped } = clippedObjective(inputs, 0.3);
    // Ratios 2, 0.4, 0.8, 1, 3: min(4, 2.6), min(0.4, 0.7), min(-0.8, -0.8), 3, min(-6, -2.6).
    expect(valuesIn(objective)[0]).toBeCloseTo((2.6 + 0.4 - 0.8 + 3 - 6) / 5, 6);
    expect(valuesIn(clipped)[0]).toBeCloseTo(3 / 5, 6);
    // Of a narrower one the third ratio is cut too: min(-0.8, -0.9).
    const narrow = clippedObjective(inputs, 0.1);
    expect(valuesIn(narrow.objective)[0]).toBeCloseTo((2.2 + 0.4 - 0.9 + 3 - 6) / 5, 6);
    expect(valuesIn(narrow.clipped)[0]).toBeCloseTo(4 / 5, 6);
  });
});

test("what is kept from update to update is Adam's state and the coefficient of the KL", () => {
  const state = proximal(discrete(2), { kl: 0.125 }).init({ w: tensor([1, 2]) });
  expect(valuesIn((state as unknown as { klCoefficient: Tensor }).klCoefficient)).toEqual([0.125]);
  expect(leaves(state).length).toBeGreaterThan(2);
});

test.each([
  [{ clip: 0 }, /clip is 0/],
  [{ epochs: 0 }, /epochs is 0/],
  [{ parts: 1.5 }, /parts is 1.5/],
  [{ learningRate: 0 }, /learningRate is 0/],
  [{ kl: -1 }, /kl is -1/],
  [{ klTarget: 0 }, /klTarget is 0/],
  [{ entropy: Number.NaN }, /entropy is NaN/],
])("proximal policy optimisation refuses %o", (options, problem) => {
  expect(() => proximal(discrete(2), options)).toThrow(problem);
});
