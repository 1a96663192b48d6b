import { leaves } from "@innerloop/graph";
import { expect, test } from "vitest";
import { valuesIn } from "../../numerical.fixture.js";
import { type InContextTransformerOptions, inContextTransformer } from "./in-context-transformer.js";
import {
  bothKinds,
  classificationOptions,
  difference,
  generalParams,
  reordered,
  testModelBased,
  testRefusals,
} from "./model-based.fixture.js";

const build = (options: InContextTransformerOptions) =>
  inContextTransformer({ hidden: 4, layers: 2, heads: 2, feedForward: 3, ...options });
const cases = bothKinds(build);

testModelBased(cases);
testRefusals("inContextTransformer", build);

test("reads the support set once: predicting takes keys and values, not support tokens", () => {
  const { learner, task } = cases[0]!;
  const { memory } = learner.adapt(learner.init({ seed: 1, path: "" }), task.support) as { memory: never };
  // Two blocks, keys and values each, for two heads and eight support rows.
  expect(leaves(memory).map(({ shape }) => shape)).toEqual([
    [2, 8, 2],
    [2, 8, 2],
    [2, 8, 2],
    [2, 8, 2],
  ]);
});

test("which support row has which label matters", () => {
  const { learner, task } = cases[0]!;
  const params = generalParams(learner);
  const logits = (labels: readonly number[]): number[] => {
    const y = reordered({ x: task.support.y, y: task.support.y }, labels).y;
    return valuesIn(learner.predict(learner.adapt(params, { ...task.support, y }), task.query.x));
  };
  expect(difference(logits([0, 1, 2, 3, 4, 5, 6, 7]), logits([2, 3, 0, 1, 4, 5, 6, 7]))).toBeGreaterThan(1e-3);
});

test("says what its figures depend on", () => {
  expect(inContextTransformer({ features: 64, ways: 5 })).toMatchObject({
    name: "in-context transformer",
    description: { hidden: 64, layers: 3, heads: 4, feedForward: 128 },
  });
});

test("refuses sizes out of range", () => {
  const refused = (more: Partial<InContextTransformerOptions>) =>
    expect(() => inContextTransformer({ ...classificationOptions, ...more }));
  refused({ layers: 0 }).toThrow("IL102 inContextTransformer: layers is 0");
  refused({ hidden: 6 }).toThrow("IL102 multiHeadAttention: 4 heads of a width of 6");
});
