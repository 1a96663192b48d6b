import { type Tensor, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import type { Targets } from "../learners/learner.js";
import { gaussianNegativeLogLikelihood, type Loss, meanSquaredError } from "../losses/losses.js";
import { valuesIn } from "../numerical.fixture.js";
import { errorsInUnits, standForTargets } from "./errors-in-units.js";

const targets = [
  { name: "km/h", mean: 80, deviation: 10 },
  { name: "share of fuel", mean: 0, deviation: 0.5 },
];
const y = tensor([
  [0, 1],
  [1, 1],
]);
/** Errors of 3 and 4 in the first column, of 0 and 2 in the second. */
const predicted = [
  [3, 1],
  [5, -1],
];
const expected = {
  "rootMeanSquaredError of km/h": 10 * Math.sqrt(12.5),
  "meanAbsoluteError of km/h": 35,
  "rootMeanSquaredError of share of fuel": 0.5 * Math.sqrt(2),
  "meanAbsoluteError of share of fuel": 0.5,
};
const numbers = (loss: Loss, prediction: Tensor, { y: wanted, present }: Targets) =>
  Object.fromEntries(
    errorsInUnits(loss, targets).map(({ name, compute }) => [name, valuesIn(compute(prediction, wanted, present))[0]!]),
  );

test("errors are in the units of each column", () => {
  const found = numbers(meanSquaredError, tensor(predicted), { y });
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) expect(found[name]).toBeCloseTo(value, 5);
});

test("padding is left out of the root, too, and a Gaussian stands for its mean", () => {
  const padded = { y: tensor([...[0, 1].map((i) => [i, 1]), [9, 9]]), present: tensor([1, 1, 0]) };
  const gaussians = tensor([...predicted.map((means) => [...means, 7, 8]), [50, 60, 1, 1]]);
  const found = numbers(gaussianNegativeLogLikelihood, gaussians, padded);
  for (const [name, value] of Object.entries(expected)) expect(found[name]).toBeCloseTo(value, 5);
});

test("predictions may be no values of the targets", () => {
  expect(standForTargets(meanSquaredError, tensor([[1, 2, 3]]), y)).toBe(false);
  expect(standForTargets(meanSquaredError, tensor(predicted), y)).toBe(true);
  const gaussians = tensor(predicted.map((means) => [...means, 1, 1]));
  expect(standForTargets(gaussianNegativeLogLikelihood, gaussians, y)).toBe(true);
});

test("they say what they are: less is better, by the column's name", () => {
  expect(errorsInUnits(meanSquaredError, targets).map(({ title, better }) => [title, better])).toEqual([
    ["root mean squared error of km/h", "lower"],
    ["mean absolute error of km/h", "lower"],
    ["root mean squared error of share of fuel", "lower"],
    ["mean absolute error of share of fuel", "lower"],
  ]);
});
