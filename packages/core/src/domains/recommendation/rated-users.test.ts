/** Parts of ratings: nothing of those who are held out, and nothing of a rating itself, is among what training is shown. */
import { describe, expect, test } from "vitest";
import { entityCoding } from "./entity-coding.js";
import type { Interactions } from "./interactions.js";
import { preferences } from "./preferences.js";
import {
  placesOfTraining,
  priorsOfOthers,
  type RatedParts,
  ratedParts,
  ratingUnits,
  surenessOf,
} from "./rated-users.js";
import { type FittedRatingBase, fitRatingBase, meanRatingBase } from "./rating-base.js";
import { heldRatings, type RatingSplit, splitRatings } from "./rating-split.js";
import type { RatedUsers } from "./user-tasks.js";

interface Made {
  readonly split: RatingSplit;
  readonly places: Int32Array;
  readonly fitted: FittedRatingBase;
  readonly priors: Float32Array;
  readonly parts: RatedParts;
}

function madeOf(interactions: Interactions, heldOut = 0): Made {
  const byIds = splitRatings(interactions);
  const split = heldOut > 0 ? { ...byIds, held: heldRatings(interactions, byIds, heldOut) } : byIds;
  const places = placesOfTraining(interactions, split);
  const fitted = fitRatingBase(interactions, places);
  const priors = priorsOfOthers(interactions, places, fitted);
  const warm = Uint8Array.from(split.cold, (each) => 1 - each);
  const codings = { items: entityCoding(interactions.items, warm) };
  const units = ratingUnits(interactions, places);
  return {
    split,
    places,
    fitted,
    priors,
    parts: ratedParts(interactions, { split, codings, fitted, units, priors: () => priors }),
  };
}

const { interactions } = preferences({ users: 90, items: 50, ratings: 12 });
const made = madeOf(interactions);
const { split, places, fitted, parts } = made;
const { base } = fitted;
const { user, item, rating } = interactions;
const isTraining = (place: number): boolean => split.parts[user[place]!] === "train" && split.cold[item[place]!] === 0;
const allPlaces = Array.from(user.keys());
const changedWhere = (where: (place: number) => boolean): Interactions => ({
  ...interactions,
  rating: rating.map((value, place) => (where(place) ? 6 - value : value)),
});

test("the ratings here are of all parts, and of cold items among them", () => {
  for (const part of ["train", "validation", "test"] as const)
    for (const cold of [0, 1])
      expect(allPlaces.some((place) => split.parts[user[place]!] === part && split.cold[item[place]!] === cold)).toBe(
        true,
      );
});

describe("users of a part", () => {
  const rowsOf = ({ starts, item: of, rating: values }: RatedUsers): (readonly [item: number, rating: number])[][] =>
    Array.from({ length: starts.length - 1 }, (_, i) =>
      Array.from(
        { length: starts[i + 1]! - starts[i]! },
        (_, k) => [of[starts[i]! + k]!, values[starts[i]! + k]!] as const,
      ),
    );
  const expected = (part: string, keep: (place: number) => boolean) =>
    split.parts.flatMap((each, of) =>
      each === part
        ? [
            allPlaces
              .filter((place) => user[place] === of && keep(place))
              .map((place) => [item[place]!, rating[place]!]),
          ]
        : [],
    );

  test("have all of their ratings, but for those of cold items in training", () => {
    expect(rowsOf(parts.train)).toEqual(expected("train", (place) => split.cold[item[place]!] === 0));
    expect(rowsOf(parts.validation)).toEqual(expected("validation", () => true));
    expect(rowsOf(parts.test)).toEqual(expected("test", () => true));
    expect(Array.from(places)).toEqual(allPlaces.filter(isTraining));
  });

  test("have what is known of users, a row each", () => {
    const users = {
      ...interactions.users,
      attributes: [
        { kind: "number", name: "age", values: Float64Array.from(split.parts.keys(), (of) => of % 7) },
      ] as const,
    };
    const codings = {
      items: entityCoding(interactions.items, new Uint8Array(50).fill(1)),
      users: entityCoding(users, new Uint8Array(90).fill(1), { ids: false }),
    };
    const units = ratingUnits(interactions, places);
    const { test } = ratedParts({ ...interactions, users }, { ...made, priors: () => made.priors, codings, units });
    const { mean, deviation } = codings.users.numbers[0]!;
    const ages = split.parts.flatMap((part, of) => (part === "test" ? [((of % 7) - mean) / deviation] : []));
    expect(Array.from(test.users!.numbers)).toEqual(ages.map((age) => expect.closeTo(age, 5)));
    expect(test.users!.count).toBe(ages.length);
  });
});

describe("what training is shown", () => {
  test("does not move with ratings of users who are held out, nor with those of cold items", () => {
    const other = madeOf(changedWhere((place) => !isTraining(place)));
    expect(other.parts.train).toEqual(parts.train);
    expect(other.fitted.base).toEqual(base);
    expect(other.priors).toEqual(made.priors);
    for (const part of ["validation", "test"] as const) {
      const { rating: before, ...rest } = parts[part];
      const { rating: after, ...others } = other.parts[part];
      expect(others).toEqual(rest);
      expect(after).not.toEqual(before);
    }
  });

  test("of an item that one rates is without that rating: what attributes say", () => {
    const raters = (of: number) => Array.from(places).filter((place) => item[place] === of);
    const least = Array.from({ length: 50 }, (_, of) => of).find(
      (of) => split.cold[of] === 0 && raters(of).length > 2,
    )!;
    const [kept] = raters(least);
    // Of all of its ratings one is left.
    const left = allPlaces.filter((place) => item[place] !== least || place === kept);
    const few: Interactions = {
      ...interactions,
      items: { ...interactions.items, attributes: [] },
      user: Int32Array.from(left, (place) => user[place]!),
      item: Int32Array.from(left, (place) => item[place]!),
      rating: Float32Array.from(left, (place) => rating[place]!),
    };
    const { parts: of, fitted: ofFew } = madeOf(few);
    const row = of.train.item.indexOf(least);
    expect(of.train.base[row]).toBeCloseTo(ofFew.base.mean + ofFew.base.prior!.constant, 5);
    expect(of.train.sureness[row]).toBe(0);
    expect(Math.abs(ofFew.base.offsets[least]!)).toBeGreaterThan(1e-3);
  });

  test("of an item is what the others say, b_i = (sum of (r - mu - b_u) + 10 f) / (c - 1 + 10)", () => {
    const plain: Interactions = { ...interactions, items: { ...interactions.items, attributes: [] } };
    const { parts: of, fitted: ofPlain, places: known } = madeOf(plain);
    const training = split.parts.flatMap((part, u) => (part === "train" ? [u] : []));
    // Of items without attributes f is a constant.
    const { constant } = ofPlain.base.prior!;
    training.forEach((u, i) => {
      for (let at = of.train.starts[i]!; at < of.train.starts[i + 1]!; at++) {
        const others = Array.from(known).filter((place) => item[place] === of.train.item[at] && user[place] !== u);
        const sum = others.reduce(
          (all, place) => all + rating[place]! - ofPlain.base.mean - ofPlain.levels[user[place]!]!,
          0,
        );
        expect(of.train.base[at]).toBeCloseTo(ofPlain.base.mean + (sum + 10 * constant) / (others.length + 10), 4);
        expect(of.train.sureness[at]).toBeCloseTo(others.length / (others.length + 10), 6);
      }
    });
  });

  test("of those held out is the base of all of training", () => {
    const { item: of, base: values, sureness } = parts.test;
    of.forEach((place, row) => {
      expect(values[row]).toBeCloseTo(base.mean + base.offsets[place]!, 5);
      expect(sureness[row]).toBeCloseTo(surenessOf(base, base.counts[place]!), 6);
    });
    const cold = Array.from(of.keys()).filter((row) => split.cold[of[row]!] === 1);
    expect(cold.map((row) => sureness[row])).toEqual(cold.map(() => 0));
  });
});

describe("users of training who are asked about ratings that are held out", () => {
  const withHeld = madeOf(interactions, 4);
  const held = withHeld.split.held!;
  const warm = withHeld.parts.warm!;
  const training = split.parts.flatMap((part, of) => (part === "train" ? [of] : []));
  const theirs = training.flatMap((of) => allPlaces.filter((place) => user[place] === of));

  test("have all of their ratings, four of each held out; training has the others", () => {
    expect(Array.from(warm.item)).toEqual(theirs.map((place) => item[place]!));
    expect(Array.from(warm.held!)).toEqual(theirs.map((place) => held[place]!));
    expect(held.reduce((sum, each) => sum + each, 0)).toBe(4 * training.length);
    const kept = allPlaces.filter((place) => isTraining(place) && !held[place]);
    expect(Array.from(withHeld.places)).toEqual(kept);
    expect(Array.from(withHeld.parts.train.rating)).toEqual(kept.map((place) => rating[place]!));
    expect(warm.item.some((of) => split.cold[of] === 1)).toBe(true);
  });

  test("are not there where nothing is held out", () => {
    expect(parts.warm).toBeUndefined();
  });

  test("are shown nothing of what is held out", () => {
    const other = madeOf(
      changedWhere((place) => held[place] === 1),
      4,
    );
    const { rating: before, ...rest } = warm;
    const { rating: after, ...others } = other.parts.warm!;
    expect(others).toEqual(rest);
    expect(after).not.toEqual(before);
    expect(other.parts.train).toEqual(withHeld.parts.train);
    expect(other.fitted.base).toEqual(withHeld.fitted.base);
  });

  test("have as base of what they have been trained on what the others say, and of what not that of all", () => {
    const { base: of, withoutOwn } = withHeld.fitted;
    theirs.forEach((place, row) => {
      const isKnown = isTraining(place) && !held[place];
      const offset = isKnown ? withoutOwn(user[place]!, [item[place]!])[0]! : of.offsets[item[place]!]!;
      expect(warm.base[row]).toBeCloseTo(of.mean + offset, 5);
      expect(warm.sureness[row]).toBeCloseTo(surenessOf(of, of.counts[item[place]!]! - Number(isKnown)), 6);
    });
  });
});

test("a base of the mean alone says the same of all items, and ratings of an item have no part in it", () => {
  const alike = meanRatingBase(interactions, places);
  const units = ratingUnits(interactions, places);
  const codings = { items: entityCoding(interactions.items, new Uint8Array(50).fill(1)) };
  const priors = () => priorsOfOthers(interactions, places, alike);
  const of = ratedParts(interactions, { split, codings, fitted: alike, units, priors });
  for (const { base: values, sureness, prior } of [of.train, of.validation, of.test]) {
    expect(new Set(values)).toEqual(new Set([Math.fround(alike.base.mean)]));
    expect(new Set(sureness)).toEqual(new Set([0]));
    expect(new Set(prior)).toEqual(new Set([Math.fround(alike.base.mean)]));
  }
  expect(alike.base.mean).toBeCloseTo(units.mean, 5);
  expect(alike.base.counts).toEqual(base.counts);
});

describe("what attributes say of an item", () => {
  test("does not move with the ratings of the item, and does with those of others", () => {
    for (const of of [7, 20, 33].filter((each) => split.cold[each] === 0)) {
      const other = madeOf(changedWhere((place) => item[place] === of));
      expect(other.priors[of]).toBe(made.priors[of]);
      expect(other.priors.filter((value, i) => value !== made.priors[i]).length).toBeGreaterThan(20);
    }
    expect([7, 20, 33].some((each) => split.cold[each] === 0)).toBe(true);
  });

  test("is the mean of items of other parts where nothing is known of items, and of ratings in a base without", () => {
    const plain = { ...interactions, items: { ...interactions.items, attributes: [] } };
    expect(new Set(madeOf(plain).priors).size).toBe(5);
    const without = fitRatingBase(plain, places, { attributes: false });
    expect(new Set(priorsOfOthers(plain, places, without))).toEqual(new Set([Math.fround(without.base.mean)]));
    expect(new Set(made.priors).size).toBeGreaterThan(40);
  });
});

test("units are mean and deviation of some ratings; of ratings that are all alike the deviation is 1", () => {
  const of = { rating: Float32Array.of(1, 9, 3, 9, 5) };
  expect(ratingUnits(of, Int32Array.of(0, 2, 4))).toEqual({ mean: 3, deviation: Math.sqrt(8 / 3) });
  expect(ratingUnits(of, Int32Array.of(1, 3))).toEqual({ mean: 9, deviation: 1 });
});
