import { expect, it } from "vitest";
import { takenInteractions } from "./interactions.js";
import { priorsOfOthers, ratingUnits } from "./rated-users.js";
import { offsetByAttributes, ratingBaseFrom } from "./rating-base.js";
import { knownItems as known, madeUpTaken } from "./taken.fixture.js";
import { evenTakenBase, fitTakenBase } from "./taken-base.js";

const taken = madeUpTaken();
const places = Int32Array.from(taken.user.keys());
const counts = Array.from({ length: 12 }, (_, item) => taken.item.filter((each) => each === item).length);
const mean = counts.reduce((a, b) => a + b, 0) / 10;

it("is the log-odds that a row is of one taken: by count alone where nothing is known of items", () => {
  const { base, levels } = fitTakenBase(taken, places, { known, negatives: 3, attributes: false });
  expect(base.mean).toBeCloseTo(-Math.log(3), 6);
  expect(base.counts).toEqual(counts);
  for (const [item, count] of counts.entries()) {
    // The prior is the mean count: its logarithm above itself is 0.
    const expected = known[item] ? ((count + 0.5) * Math.log((count + 0.5) / mean)) / (count + 1.5) : 0;
    expect(base.offsets[item], `item ${item}`).toBeCloseTo(expected, 5);
  }
  expect(new Set(levels)).toEqual(new Set([0]));
  expect(ratingUnits(taken, places)).toEqual({ mean: 0, deviation: 1 });
});

it("leans on attributes the more, the less often an item was taken, and on them alone where it is new", () => {
  const { base } = fitTakenBase(taken, places, { known });
  const of = (item: number): number =>
    offsetByAttributes(base, { kind: item % 2 === 0 ? "even" : "odd", rank: Math.floor(item / 2) });
  for (const [item, count] of counts.entries()) {
    const expected = known[item]
      ? ((count + 0.5) * Math.log((count + 0.5) / mean) + of(item)) / (count + 1.5)
      : of(item);
    expect(base.offsets[item], `item ${item}`).toBeCloseTo(expected, 4);
  }
  // What attributes say of those known adds up to their counts.
  const said = Array.from({ length: 10 }, (_, item) => mean * Math.exp(of(item)));
  expect(said.reduce((a, b) => a + b, 0)).toBeCloseTo(10 * mean, 3);
  // Later ranks are taken less often, and new items are of the latest.
  expect(base.offsets[10]).toBeLessThan(base.offsets[0]!);
  expect(ratingBaseFrom(JSON.parse(JSON.stringify(base)))).toEqual(base);
});

it("knows one that nobody took to be rare, and one that is new only by its attributes", () => {
  const others = places.filter((place) => taken.item[place] !== 4);
  const rare = fitTakenBase(taken, others, { known }).base.offsets[4]!;
  const unknown = fitTakenBase(taken, others, { known: known.map((is, i) => (i === 4 ? 0 : is)) }).base.offsets[4]!;
  expect(rare).toBeLessThan(unknown - 0.5);
});

it("is told without what a user took, as of that item one less was taken", () => {
  const { base, withoutOwn } = fitTakenBase(taken, places, { known, attributes: false });
  const [own, other] = [0, 1];
  const [without, as] = withoutOwn(0, [own, other]);
  const count = counts[own]! - 1;
  expect(without).toBeCloseTo(((count + 0.5) * Math.log((count + 0.5) / mean)) / (count + 1.5), 5);
  expect(as).toBeCloseTo(base.offsets[other]!, 6);
});

it("says of items of other parts what it learned without them", () => {
  const fitted = fitTakenBase(taken, places, { known });
  const priors = priorsOfOthers(fitted);
  const fold = fitted.withoutItems((item) => item % 5 === 3)!;
  expect(fold.base.counts[3]).toBe(0);
  expect(priors[3]).toBeCloseTo(fold.base.mean + fold.base.offsets[3]!, 5);
  expect(fold.base.offsets[3]).toBeCloseTo(offsetByAttributes(fold.base, { kind: "odd", rank: 1 }), 5);
  expect(fitted.withoutItems(() => true)).toBeUndefined();
});

it("refuses options that are no numbers above 0, and nothing taken", () => {
  expect(() => fitTakenBase(taken, places, { known, negatives: 0 })).toThrow(/ILT201 fitTakenBase: negatives is 0/);
  expect(() => fitTakenBase(taken, places, { known, itemShrinkage: -1 })).toThrow(/ILT201 fitTakenBase: itemShrinkage/);
  expect(() => fitTakenBase(taken, new Int32Array(), { known })).toThrow("ILT312");
});

it("is of ratings where these are taken from one on", () => {
  const rated = {
    ...taken,
    rating: taken.rating.map((_, place) => place % 5),
    time: Float64Array.from(taken.user.keys()),
  };
  const { implicit: _, ...ratings } = { ...rated, scale: { least: 0, most: 4 } };
  const made = takenInteractions(ratings, 3);
  const kept = Array.from(places).filter((place) => place % 5 >= 3);
  expect(Array.from(made.time!)).toEqual(kept);
  expect(Array.from(made.item)).toEqual(kept.map((place) => taken.item[place]));
  expect(made).toMatchObject({ implicit: true, scale: { least: 0, most: 1 } });
  expect(new Set(made.rating)).toEqual(new Set([1]));
});

it("says the same of all items where they have no levels, whoever took them", () => {
  const fitted = evenTakenBase(taken, places, { negatives: 3 });
  expect(fitted.base.mean).toBeCloseTo(-Math.log(3), 6);
  expect(fitted.base).toMatchObject({ counts, offsets: counts.map(() => 0), itemLevels: false });
  expect(Array.from(fitted.withoutOwn(0, [0, 1, 2]))).toEqual([0, 0, 0]);
  const others = fitted.withoutItems((item) => item < 6)!;
  expect(others.base.counts).toEqual(counts.map((count, item) => (item < 6 ? 0 : count)));
  expect(fitted.withoutItems(() => true)).toBeUndefined();
  expect(ratingBaseFrom(JSON.parse(JSON.stringify(fitted.base)))).toEqual(fitted.base);
  expect(() => evenTakenBase(taken, places, { negatives: 0 })).toThrow(/ILT201 evenTakenBase: negatives is 0/);
  expect(() => evenTakenBase(taken, new Int32Array())).toThrow("ILT312");
});
