import { tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { predictedClasses, probabilitiesOf } from "./predictions.js";

test("logits as probabilities and classes: sums of 1, however large they are, and the largest first", () => {
  const logits = tensor([
    [0, Math.log(3), 0],
    [1e4, -1e9, 1e4],
  ]);
  const [first, second] = probabilitiesOf(logits);
  expect(first!.map((p) => Math.round(1e6 * p) / 1e6)).toEqual([0.2, 0.6, 0.2]);
  expect(second).toEqual([0.5, 0, 0.5]);
  expect(predictedClasses(logits)).toEqual([1, 0]);
  expect(() => predictedClasses(tensor([1, 2]))).toThrow(/^ILR101 predictedClasses: float32\[2\]\. Give the logits/);
});
