import { tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { gaussianNegativeLogLikelihood, meanSquaredError } from "../losses/losses.js";
import { valuesIn } from "../numerical.fixture.js";
import { errorsInUnits } from "./errors-in-units.js";

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
const numbers = (figures: ReturnType<typeof errorsInUnits>) =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, valuesIn(value)[0]!]));

test("errors are in the units of each column", () => {
  const found = numbers(errorsInUnits(meanSquaredError, tensor(predicted), { x: y, y }, targets));
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) expect(found[name]).toBeCloseTo(value, 5);
});

test("padding is left out of the root, too, and a Gaussian stands for its mean", () => {
  const padded = { x: y, y: tensor([...[0, 1].map((i) => [i, 1]), [9, 9]]), present: tensor([1, 1, 0]) };
  const gaussians = tensor([...predicted.map((means) => [...means, 7, 8]), [50, 60, 1, 1]]);
  const found = numbers(errorsInUnits(gaussianNegativeLogLikelihood, gaussians, padded, targets));
  for (const [name, value] of Object.entries(expected)) expect(found[name]).toBeCloseTo(value, 5);
});

test("there are none where predictions are no values of the targets", () => {
  expect(errorsInUnits(meanSquaredError, tensor([[1, 2, 3]]), { x: y, y }, targets)).toEqual({});
});
