import { expect, it } from "vitest";
import { random } from "../../random/random.js";
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

/** The solution of A x = b by elimination with pivots. */
function solved(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]!]);
  for (let i = 0; i < rows.length; i++) {
    const best = rows
      .slice(i)
      .reduce((most, row, k) => (Math.abs(row[i]!) > Math.abs(rows[most]![i]!) ? i + k : most), i);
    [rows[i], rows[best]] = [rows[best]!, rows[i]!];
    for (let k = 0; k < rows.length; k++) {
      const factor = k === i ? 0 : rows[k]![i]! / rows[i]![i]!;
      if (factor !== 0) rows[k] = rows[k]!.map((value, j) => value - factor * rows[i]![j]!);
    }
  }
  return rows.map((row, i) => row.at(-1)! / row[i]!);
}

it("of factors is what weighted least squares of all pairs give, side by side", () => {
  const [count, weight, penalty] = [16, 8, 100];
  const many = madeUpTaken({ users: 300 });
  const pairs = Int32Array.from(many.user.keys());
  const took = Array.from({ length: 300 }, (_, user) =>
    all.map((item) => pairs.some((at) => many.user[at] === user && many.item[at] === item)),
  );
  const fold = (taken: readonly boolean[], others: readonly (readonly number[])[]): number[] => {
    if (!taken.includes(true)) return new Array<number>(count).fill(0);
    const weights = taken.map((is) => (is ? 1 + weight : 1));
    const a = Array.from({ length: count }, (_, i) =>
      Array.from({ length: count }, (_, j) =>
        others.reduce((sum, other, k) => sum + weights[k]! * other[i]! * other[j]!, i === j ? penalty : 0),
      ),
    );
    return solved(
      a,
      a.map((_, i) => others.reduce((sum, other, k) => sum + (taken[k] ? weights[k]! * other[i]! : 0), 0)),
    );
  };
  const source = random(0, count);
  let y = all.map(() => Array.from({ length: count }, () => 0.1 * source.normal()));
  for (let round = 0; round < 10; round++) {
    const x = took.map((row) => fold(row, y));
    y = all.map((item) =>
      fold(
        took.map((row) => row[item]!),
        x,
      ),
    );
  }
  const model = takenFactors.fit({ interactions: many, places: pairs });
  for (const known of [[0, 2], [3], [1, 4, 6]]) {
    const x = fold(
      all.map((item) => known.includes(item)),
      y,
    );
    const scores = model.predict(given(known), all);
    y.forEach((row, item) => {
      expect(scores[item]).toBeCloseTo(
        row.reduce((sum, value, i) => sum + value * x[i]!, 0),
        5,
      );
    });
  }
  const [even, odd] = [model.predict(given([0, 2]), all), model.predict(given([1, 3]), all)];
  expect(even[4]).toBeGreaterThan(2 * Math.abs(even[5]!));
  expect(odd[5]).toBeGreaterThan(2 * Math.abs(odd[4]!));
  // What nobody took, and who took nothing, is nothing.
  expect(even[10]).toBe(0);
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
