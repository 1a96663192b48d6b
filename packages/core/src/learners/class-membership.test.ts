import { tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { valuesIn } from "../numerical.fixture.js";
import {
  classMeans,
  classSums,
  largestPerClass,
  memberships,
  requireWays,
  withoutEmptyClasses,
} from "./class-membership.js";

const y = tensor([1, 0, -1, 1, 0], [5], "int32");
const present = tensor([1, 1, 1, 1, 0], [5], "float32");
const members = memberships({ y, present }, 3);
const features = tensor([
  [1, 2],
  [3, 4],
  [50, 60],
  [5, 6],
  [70, 80],
]);

test("padding and examples of no class are members of none", () => {
  expect(valuesIn(members)).toEqual([0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  expect(valuesIn(memberships({ y }, 2))).toEqual([0, 1, 1, 0, 0, 0, 0, 1, 1, 0]);
});

test("sums, means and largest scores are of each class's own examples", () => {
  expect(valuesIn(classSums(features, members))).toEqual([3, 4, 6, 8, 0, 0]);
  expect(valuesIn(classMeans(features, members))).toEqual([3, 4, 3, 4, 0, 0]);
  const scores = tensor([
    [1, -5, 9, 2, 9],
    [4, 7, 9, -2, 9],
  ]);
  const largest = valuesIn(largestPerClass(scores, members));
  expect([largest[0], largest[1], largest[3], largest[4]]).toEqual([-5, 2, 7, 4]);
  expect(Math.max(largest[2]!, largest[5]!)).toBeLessThan(-1e8);
});

test("classes of no example get a logit of no probability", () => {
  const logits = valuesIn(withoutEmptyClasses(tensor([[1, 2, 3]]), tensor([1, 0, 4])));
  expect([logits[0], logits[2]]).toEqual([1, 3]);
  expect(logits[1]).toBe(2 - 1e9);
});

test("ways are whole numbers of 2 or more", () => {
  requireWays("learner", 2);
  for (const ways of [1, 2.5, Number.NaN])
    expect(() => requireWays("learner", ways)).toThrow(/^IL102 learner: .* ways/);
});
