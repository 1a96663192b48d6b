import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import type { Interactions } from "./interactions.js";
import { preferences } from "./preferences.js";
import {
  fitRatingBase,
  meanRatingBase,
  offsetByAttributes,
  ratingBaseFrom,
  trainingPlaces,
  userLevel,
} from "./rating-base.js";

/** Ratings in which an item's kind says much of its level: kinds are 0, 1, 2, and so are levels. */
function ofKinds(users: number, items: number, seed: number): Interactions {
  const rows = Array.from({ length: users }, (_, u) => {
    const source = random(seed, u);
    const level = source.normal(0, 0.5);
    return source
      .choose(items, 8)
      .map((i) => ({ u, i, r: 3 + level + (i % 3) - 1 + 0.2 * Math.sin(i) + source.normal(0, 0.3) }));
  }).flat();
  return {
    name: "kinds",
    users: { ids: Array.from({ length: users }, (_, u) => `u${u}`), attributes: [] },
    items: {
      ids: Array.from({ length: items }, (_, i) => `i${i}`),
      attributes: [
        {
          kind: "category",
          name: "kind",
          words: ["x", "y", "z"],
          of: Int32Array.from({ length: items }, (_, i) => i % 3),
        },
      ],
    },
    user: Int32Array.from(rows, ({ u }) => u),
    item: Int32Array.from(rows, ({ i }) => i),
    rating: Float32Array.from(rows, ({ r }) => r),
    scale: { least: 0, most: 6 },
  };
}

const data = ofKinds(300, 60, 3);
/** The last users are no users of training, every fifth item is cold. */
const isTraining = Uint8Array.from(data.users.ids, (_, u) => (u < 220 ? 1 : 0));
const isCold = Uint8Array.from(data.items.ids, (_, i) => (i % 5 === 4 ? 1 : 0));
const places = trainingPlaces(data, isTraining, isCold);
const withRatings = (change: (place: number) => number): Interactions => ({
  ...data,
  rating: data.rating.map((value, place) => value + change(place)),
});

describe("the ratings of training", () => {
  test("are those of its users for warm items", () => {
    const wanted = Array.from(data.user.keys()).filter((p) => data.user[p]! < 220 && data.item[p]! % 5 !== 4);
    expect(Array.from(places)).toEqual(wanted);
    expect(wanted.length).toBeGreaterThan(1000);
  });

  test("are all that a base depends on", () => {
    const chosen = new Set(places);
    const others = withRatings((place) => (chosen.has(place) ? 0 : 100));
    expect(fitRatingBase(others, places).base).toEqual(fitRatingBase(data, places).base);
    expect(
      fitRatingBase(
        withRatings(() => 1),
        places,
      ).base.mean,
    ).toBeCloseTo(fitRatingBase(data, places).base.mean + 1, 4);
  });

  test("are refused where they are none", () => {
    for (const wrong of [[], [5, 5], [9, 3], [-1], [data.rating.length]])
      expect(() => fitRatingBase(data, Int32Array.from(wrong))).toThrow("ILT312");
    expect(() => fitRatingBase(data, places, { itemShrinkage: -1 })).toThrow("ILT201");
    expect(() => fitRatingBase(data, places, { userShrinkage: Number.NaN })).toThrow("ILT201");
  });
});

describe("a base", () => {
  const { base, levels } = fitRatingBase(data, places);

  test("fulfils the equations of offsets and levels", () => {
    const [sums, counts] = [new Map<number, number>(), new Map<number, number>()];
    for (const place of places) {
      const i = data.item[place]!;
      sums.set(i, (sums.get(i) ?? 0) + data.rating[place]! - base.mean - levels[data.user[place]!]!);
      counts.set(i, (counts.get(i) ?? 0) + 1);
    }
    const said = (i: number): number => offsetByAttributes(base, { kind: ["x", "y", "z"][i % 3]! });
    base.offsets.forEach((offset, i) => {
      const c = counts.get(i) ?? 0;
      expect(base.counts[i]).toBe(c);
      expect(offset).toBeCloseTo(((sums.get(i) ?? 0) + 10 * said(i)) / (c + 10), 4);
    });
    levels.forEach((level, u) => {
      const own = places.filter((place) => data.user[place] === u);
      const items = Array.from(own, (place) => base.offsets[data.item[place]!]!);
      const ratings = Array.from(own, (place) => data.rating[place]!);
      expect(level).toBeCloseTo(userLevel(base, items, ratings), 3);
      expect(level === 0).toBe(own.length === 0);
    });
  });

  test("knows of a cold item what its attributes say", () => {
    expect(base.counts[4]).toBe(0);
    for (const i of [4, 9, 14]) {
      expect(base.offsets[i]).toBeCloseTo(offsetByAttributes(base, { kind: ["x", "y", "z"][i % 3]! }), 5);
      expect(base.offsets[i]).toBeCloseTo((i % 3) - 1, 0);
    }
    expect(offsetByAttributes(base, { kind: "z" }) - offsetByAttributes(base, { kind: "x" })).toBeGreaterThan(1.4);
    const plain = fitRatingBase(data, places, { attributes: false }).base;
    expect(plain.prior).toBeUndefined();
    expect(plain.offsets[4]).toBe(0);
    expect(offsetByAttributes(plain, { kind: "z" })).toBe(0);
  });

  test("without shrinkage, of users who rate every item, has the items' means", () => {
    const full: Interactions = {
      ...data,
      users: { ids: ["a", "b", "c"], attributes: [] },
      items: { ids: ["x", "y"], attributes: [] },
      user: Int32Array.of(0, 0, 1, 1, 2, 2),
      item: Int32Array.of(0, 1, 0, 1, 0, 1),
      rating: Float32Array.of(1, 2, 3, 5, 5, 5),
    };
    const all = Int32Array.of(0, 1, 2, 3, 4, 5);
    const found = fitRatingBase(full, all, { userShrinkage: 0, itemShrinkage: 0, attributes: false });
    expect(found.base.mean).toBeCloseTo(3.5, 6);
    expect(found.base.offsets[0]).toBeCloseTo(-0.5, 6);
    expect(found.base.offsets[1]).toBeCloseTo(0.5, 6);
    expect(Array.from(found.levels, (level) => Number(level.toFixed(6)))).toEqual([-2, 0.5, 1.5]);
  });

  test("gives a user of no ratings the level 0", () => {
    expect(userLevel(base, [], [])).toBe(0);
    expect(userLevel({ mean: 3, shrinkage: { user: 3, item: 10 } }, [0.5], [5.5])).toBeCloseTo(0.5, 12);
  });
});

describe("a base without a user's own ratings", () => {
  const fitted = fitRatingBase(data, places);
  const own = (u: number): number[] => Array.from(places).filter((place) => data.user[place] === u);

  test("is nearly that of a fit without them", () => {
    let [left, naive] = [0, 0];
    for (const u of [0, 17, 39, 64, 101, 140, 180, 219]) {
      const refitted = fitRatingBase(
        data,
        places.filter((place) => data.user[place] !== u),
      ).base;
      const items = own(u).map((place) => data.item[place]!);
      fitted.withoutOwn(u, items).forEach((offset, k) => {
        left += Math.abs(offset - refitted.offsets[items[k]!]!);
        naive += Math.abs(fitted.base.offsets[items[k]!]! - refitted.offsets[items[k]!]!);
      });
    }
    // What is left are the mean and the levels of others, which one user of 220 moves too.
    expect(left).toBeLessThan(naive / 3);
    expect(naive).toBeGreaterThan(0.1);
  });

  test("hardly moves with the rating that is to be predicted", () => {
    const place = own(17)[2]!;
    const item = data.item[place]!;
    const moved = fitRatingBase(
      withRatings((p) => (p === place ? 2 : 0)),
      places,
    );
    const shift = moved.withoutOwn(17, [item])[0]! - fitted.withoutOwn(17, [item])[0]!;
    const naive = moved.base.offsets[item]! - fitted.base.offsets[item]!;
    expect(naive).toBeGreaterThan(0.03);
    expect(Math.abs(shift)).toBeLessThan(0.15 * naive);
  });

  test("is the base for items that the user has not rated in training, cold ones too", () => {
    const rated = new Set(own(17).map((place) => data.item[place]));
    const others = Array.from(data.items.ids.keys()).filter((i) => !rated.has(i));
    const wanted = Float32Array.from(others, (i) => fitted.base.offsets[i]!);
    expect(fitted.withoutOwn(17, others)).toEqual(wanted);
    expect(fitted.withoutOwn(299, [0, 4])).toEqual(Float32Array.of(fitted.base.offsets[0]!, fitted.base.offsets[4]!));
  });

  test("of an item that nobody else has rated is what its attributes say", () => {
    const single = { ...data, item: data.item.slice(), items: { ...data.items, ids: [...data.items.ids, "new"] } };
    const attribute = data.items.attributes[0]!;
    if (attribute.kind !== "category") throw new Error("the fixture has one category");
    const items = { ids: single.items.ids, attributes: [{ ...attribute, of: Int32Array.of(...attribute.of, 2) }] };
    const at = own(17)[0]!;
    single.item[at] = 60;
    for (const itemShrinkage of [10, 0]) {
      const found = fitRatingBase({ ...single, items }, places, { itemShrinkage });
      expect(found.base.counts[60]).toBe(1);
      expect(found.withoutOwn(17, [60])[0]).toBeCloseTo(offsetByAttributes(found.base, { kind: "z" }), 5);
    }
  });
});

test("a base of the mean alone has no levels, and what is said without a user's own rating is the same", () => {
  const { base, levels, withoutOwn } = meanRatingBase(data, places);
  const all = Array.from(places, (place) => data.rating[place]!);
  expect(base.mean).toBeCloseTo(all.reduce((sum, each) => sum + each, 0) / all.length, 5);
  expect(new Set([...base.offsets, ...levels, ...withoutOwn(17, [0, 1, 2])])).toEqual(new Set([0]));
  expect(base.counts).toEqual(fitRatingBase(data, places).base.counts);
  expect(offsetByAttributes(base, { kind: "z" })).toBe(0);
  expect(() => meanRatingBase(data, new Int32Array(0))).toThrow(/ILT312 meanRatingBase: there are no ratings/);
});

describe("a base from a file", () => {
  const { base } = fitRatingBase(data, places);
  const plain = fitRatingBase(data, places, { attributes: false }).base;
  const alike = meanRatingBase(data, places).base;

  test("is the one that was kept, number for number", () => {
    for (const kept of [base, plain, alike]) expect(ratingBaseFrom(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
    const { interactions } = preferences({ users: 40, items: 30, ratings: 10 });
    const traits = fitRatingBase(interactions, Int32Array.from(interactions.user.keys())).base;
    expect(traits.prior!.coding).toHaveLength(6);
    expect(ratingBaseFrom(JSON.parse(JSON.stringify(traits)))).toEqual(traits);
  });

  test("is refused where it is none", () => {
    const prior = base.prior!;
    const hostile: readonly unknown[] = [
      undefined,
      null,
      [],
      "base",
      {},
      { ...base, mean: "3" },
      { ...base, mean: Number.NaN },
      { ...base, shrinkage: undefined },
      { ...base, shrinkage: { user: -1, item: 10 } },
      { ...base, shrinkage: { user: 3 } },
      { ...base, offsets: {} },
      { ...base, offsets: { length: 60 } },
      { ...base, offsets: Array(60) },
      { ...base, offsets: base.offsets.slice(1) },
      { ...base, offsets: base.offsets.map(() => null) },
      { ...base, counts: base.counts.map(() => 0.5) },
      { ...base, counts: base.counts.map(() => -1) },
      { ...alike, itemLevels: true },
      { ...alike, itemLevels: null },
      { ...base, prior: null },
      { ...base, prior: { ...prior, coding: {} } },
      { ...base, prior: { ...prior, weights: prior.weights.slice(1) } },
      { ...base, prior: { ...prior, weights: prior.weights.map(() => Number.POSITIVE_INFINITY) } },
      { ...base, prior: { ...prior, constant: undefined } },
    ];
    for (const value of hostile) expect(() => ratingBaseFrom(value)).toThrow("ILT311");
  });
});
