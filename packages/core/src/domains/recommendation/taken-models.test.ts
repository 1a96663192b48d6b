import { expect, it } from "vitest";
import { knownItems as known, madeUpTaken } from "./taken.fixture.js";
import { fitTakenBase } from "./taken-base.js";
import { attributePopularity, chance, itemNeighbours, takenFactors, takenModels } from "./taken-models.js";

const taken = madeUpTaken();
const places = Int32Array.from(taken.user.keys());
const training = { interactions: taken, places, base: fitTakenBase(taken, places, { known }) };
const all = Array.from({ length: 12 }, (_, item) => item);
const given = (items: readonly number[]) => ({ items, ratings: items.map(() => 1) });
const usersOf = (item: number) =>
  new Set(places.filter((place) => taken.item[place] === item).map((at) => taken.user[at]!));

it("of neighbours is the sum of similarities of what both were taken by", () => {
  const scores = itemNeighbours.fit(training).predict(given([0, 2]), all);
  const most = Math.max(...all.map((item) => usersOf(item).size));
  for (const i of all) {
    const similarity = (j: number): number => {
      const both = [...usersOf(i)].filter((user) => usersOf(j).has(user)).length;
      if (both === 0 || i === j) return 0;
      return ((both / (both + 10)) * both) / (usersOf(i).size ** 0.25 * usersOf(j).size ** 0.75);
    };
    const expected = similarity(0) + similarity(2) + (1e-6 * usersOf(i).size) / most;
    expect(scores[i], `item ${i}`).toBeCloseTo(expected, 6);
  }
});

it("of factors has the least of its weighted squares, and tells tastes apart", () => {
  const model = takenFactors.fit(training);
  const even = model.predict(given([0, 2]), all);
  const odd = model.predict(given([1, 3]), all);
  const mean = (scores: Float32Array, part: number): number =>
    all.filter((item) => item < 10 && item % 2 === part).reduce((sum, item) => sum + scores[item]!, 0);
  expect(mean(even, 0)).toBeGreaterThan(2 * Math.abs(mean(even, 1)));
  expect(mean(odd, 1)).toBeGreaterThan(2 * Math.abs(mean(odd, 0)));
  expect(even[10]).toBe(0);
  // What is known of nobody is nothing.
  expect(new Set(model.predict(given([]), all))).toEqual(new Set([0]));
});

it("of popularity is the base's order, and chance tells none from another", () => {
  expect(Array.from(attributePopularity.fit(training).predict(given([0]), all))).toEqual(
    training.base.base.offsets.map((each) => Math.fround(each)),
  );
  const { base: _, ...alone } = training;
  expect(attributePopularity.fit(alone).predict(given([]), [0])[0]).toBeGreaterThan(0);
  expect(new Set(chance.fit(training).predict(given([3]), all))).toEqual(new Set([0]));
});

it("are orders, with names of their own, and refuse items that there are none of", () => {
  expect(takenModels.every(({ ranksOnly }) => ranksOnly)).toBe(true);
  expect(new Set(takenModels.map(({ name }) => name)).size).toBe(takenModels.length);
  for (const entry of takenModels)
    expect(() => entry.fit(training).predict(given([12]), [0]), entry.name).toThrow("ILT312");
});
