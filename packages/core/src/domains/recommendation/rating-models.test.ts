import { describe, expect, test } from "vitest";
import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import type { Interactions } from "./interactions.js";
import { preferencePosterior, preferences } from "./preferences.js";
import { fitRatingBase, trainingPlaces, userLevel } from "./rating-base.js";
import {
  alsFactors,
  attributeBias,
  attributeRidge,
  globalMean,
  itemMean,
  type KnownRatings,
  popularity,
  type RatingModel,
  type RatingTraining,
  ratingBias,
  ratingModels,
  userMean,
  userNeighbours,
} from "./rating-models.js";
import { neighbourModel } from "./residual-models.js";

/** Ratings of some users of training, the last items cold, and the tasks of the others. */
function setting(
  users: number,
  items: number,
): RatingTraining & { readonly truth: RatingModel; readonly first: number } {
  const { interactions, truth } = preferences({ users, items });
  const first = Math.floor(0.7 * users);
  const cold = Uint8Array.from({ length: items }, (_, i) => (i >= 0.9 * items ? 1 : 0));
  const places = trainingPlaces(
    interactions,
    interactions.users.ids.map((_, u) => (u < first ? 1 : 0)),
    cold,
  );
  return { interactions, places, base: fitRatingBase(interactions, places), truth: preferencePosterior(truth), first };
}

const small = setting(60, 40);
const { interactions, places } = small;
const { base } = small.base!;
const support: KnownRatings = { items: [3, 0, 38, 17, 25], ratings: [5, 1.5, 4, 2, 3.5] };
const asked = Array.from(interactions.items.ids.keys());
const known = Array.from(places, (place) => ({
  user: interactions.user[place]!,
  item: interactions.item[place]!,
  rating: interactions.rating[place]!,
}));
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const mu = meanOf(known.map(({ rating }) => rating));

const close = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((value, i) => {
    expect(found[i]).toBeCloseTo(value, 4);
  });
};

describe("models of ratings", () => {
  const predictions = (entry: (typeof ratingModels)[number], of: KnownRatings = support): Float32Array =>
    entry.fit(small).predict(of, asked);

  test("by means", () => {
    close(predictions(globalMean), Array<number>(40).fill(mu));
    close(predictions(userMean), Array<number>(40).fill(mu + (16 - 5 * mu) / 8));
    const ofItem = (i: number): number[] => known.filter(({ item }) => item === i).map(({ rating }) => rating);
    close(
      predictions(itemMean),
      asked.map((i) => (ofItem(i).length === 0 ? mu : meanOf(ofItem(i)))),
    );
    expect(Array.from(predictions(popularity))).toEqual(asked.map((i) => ofItem(i).length));
  });

  test("by levels of items and the user's", () => {
    const plain = fitRatingBase(interactions, places, { attributes: false }).base;
    for (const [entry, of] of [
      [attributeBias, base],
      [ratingBias, plain],
    ] as const) {
      const offsets = Array.from(support.items, (i) => of.offsets[i]!);
      const level = offsets.reduce((sum, b, j) => sum + support.ratings[j]! - of.mean - b, 0) / 8;
      expect(level).toBeCloseTo(userLevel(of, offsets, support.ratings), 9);
      close(
        predictions(entry),
        asked.map((i) => of.mean + of.offsets[i]! + level),
      );
    }
  });

  test("by a ridge of the user's residuals, which its dual solves", () => {
    // By the normal equations of level and taste, with rows of attributes of length 1.
    const rows = asked.map((i) => {
      const row = base.prior!.coding.map((column) => {
        const found = interactions.items.attributes.find(({ name }) => name === column.name)!;
        if (found.kind !== "number" || column.kind !== "number") throw new Error("traits are numbers");
        return (found.values[i]! - column.mean) / column.deviation;
      });
      const length = Math.hypot(...row);
      return [1, ...row.map((value) => value / length)];
    });
    const n = rows[0]!.length;
    const matrix = new Float64Array(n * n);
    const right = new Float64Array(n);
    Array.from(support.items).forEach((i, j) => {
      for (let a = 0; a < n; a++) {
        right[a]! += rows[i]![a]! * (support.ratings[j]! - base.mean - base.offsets[i]!);
        for (let b = 0; b < n; b++) matrix[a * n + b]! += rows[i]![a]! * rows[i]![b]!;
      }
    });
    for (let a = 0; a < n; a++) matrix[a * n + a]! += a === 0 ? 3 : 8;
    const w = solveSymmetric(matrix, right);
    close(
      predictions(attributeRidge),
      asked.map((i) => base.mean + base.offsets[i]! + rows[i]!.reduce((sum, value, a) => sum + value * w[a]!, 0)),
    );
  });

  test("by neighbours, as they are found one by one", () => {
    const residualsOf = (items: readonly number[], ratings: readonly number[]): number[] => {
      const offsets = items.map((i) => base.offsets[i]!);
      const level = userLevel(base, offsets, ratings);
      return ratings.map((rating, j) => rating - base.mean - offsets[j]! - level);
    };
    const mine = residualsOf(Array.from(support.items), Array.from(support.ratings));
    const own = new Map(mine.map((e, j) => [support.items[j]!, e]));
    const others = Array.from({ length: small.first }, (_, u) => {
      const rated = known.filter(({ user }) => user === u);
      const e = residualsOf(
        rated.map(({ item }) => item),
        rated.map(({ rating }) => rating),
      );
      const of = new Map(rated.map(({ item }, j) => [item, e[j]!]));
      const common = [...own.keys()].filter((item) => of.has(item));
      const sum = (f: (item: number) => number): number => common.reduce((total, item) => total + f(item), 0);
      const product = sum((i) => own.get(i)! * of.get(i)!);
      const size = Math.sqrt(sum((i) => own.get(i)! ** 2) * sum((i) => of.get(i)! ** 2));
      return { of, similarity: common.length === 0 ? 0 : ((common.length / (common.length + 10)) * product) / size };
    });
    const offsets = Array.from(support.items, (i) => base.offsets[i]!);
    const level = userLevel(base, offsets, support.ratings);
    const wanted = (count: number): number[] =>
      asked.map((i) => {
        const near = others
          .filter(({ of, similarity }) => of.has(i) && similarity > 0)
          .sort((a, b) => b.similarity - a.similarity)
          .slice(0, count);
        const weighted = near.reduce((sum, { of, similarity }) => sum + similarity * of.get(i)!, 0);
        const total = near.reduce((sum, { similarity }) => sum + similarity, 3);
        return base.mean + base.offsets[i]! + level + weighted / total;
      });
    close(predictions(userNeighbours), wanted(80));
    close(neighbourModel(interactions, places, base, { neighbours: 2 })(support, asked), wanted(2));
    expect(wanted(2)).not.toEqual(wanted(80));
  });

  test("know of a user without ratings what the items have, and of one with any nothing that is no number", () => {
    const nothing: KnownRatings = { items: [], ratings: [] };
    for (const entry of ratingModels) {
      const found = predictions(entry, nothing);
      const wanted: Readonly<Record<string, RatingModel>> = {
        attributeRidge: attributeBias.fit(small),
        als: attributeBias.fit(small),
        userKnn: attributeBias.fit(small),
      };
      if (wanted[entry.name]) close(found, Array.from(wanted[entry.name]!.predict(nothing, asked)));
      // All ratings alike, far off, of one item and of all: no variance to divide by.
      for (const items of [[0], asked]) {
        const values = predictions(entry, { items, ratings: items.map(() => base.mean + base.offsets[0]!) });
        expect(values.every(Number.isFinite), entry.name).toBe(true);
      }
    }
  });

  test("are a list of different names, in which what ranks alone says so", () => {
    expect(new Set(ratingModels.map(({ name }) => name)).size).toBe(ratingModels.length);
    expect(ratingModels.filter(({ ranksOnly }) => ranksOnly)).toEqual([popularity]);
    for (const entry of ratingModels) {
      const { name, title, ranksOnly } = entry.fit(small);
      expect({ name, title, ranksOnly }).toEqual({ name: entry.name, title: entry.title, ranksOnly: entry.ranksOnly });
    }
  });

  test("refuse places that are none", () => {
    for (const entry of ratingModels) {
      const model = entry.fit(small);
      expect(() => model.predict(support, [40])).toThrow("ILT312");
      expect(() => model.predict({ items: [-1], ratings: [3] }, [0])).toThrow("ILT312");
      expect(() => model.predict({ items: [1.5], ratings: [3] }, [0])).toThrow("ILT312");
      expect(() => model.predict({ items: [1, 2], ratings: [3] }, [0])).toThrow("ILT312");
      expect(() => entry.fit({ interactions, places: new Int32Array() })).toThrow("ILT312");
    }
  });

  test("do not see ratings that are not of training", () => {
    const chosen = new Set(places);
    const others: Interactions = {
      ...interactions,
      rating: interactions.rating.map((value, place) => (chosen.has(place) ? value : 1)),
    };
    for (const entry of ratingModels)
      expect(entry.fit({ interactions: others, places }).predict(support, asked), entry.name).toEqual(
        entry.fit({ interactions, places }).predict(support, asked),
      );
  });
});

describe("factors, of users whose taste lies in few numbers", () => {
  const large = setting(1200, 120);
  const tasks = Array.from({ length: 1200 - large.first }, (_, k) => {
    const own = Array.from(large.interactions.user.keys()).slice(
      large.interactions.user.indexOf(large.first + k),
      large.interactions.user.lastIndexOf(large.first + k) + 1,
    );
    const read = (of: readonly number[]): KnownRatings => ({
      items: of.map((place) => large.interactions.item[place]!),
      ratings: of.map((place) => large.interactions.rating[place]!),
    });
    return { support: read(own.slice(10)), query: read(own.slice(0, 10)) };
  });
  const errorOf = (model: RatingModel): number =>
    meanOf(
      tasks.map(({ support: rated, query }) => {
        const said = model.predict(rated, query.items);
        return meanOf(Array.from(said, (value, j) => Math.abs(value - query.ratings[j]!)));
      }),
    );
  const als = alsFactors.fit(large);

  test("find it: closer than levels, and not as close as the truth", () => {
    const [levels, factors, best] = [attributeBias.fit(large), als, large.truth].map(errorOf) as [
      number,
      number,
      number,
    ];
    expect(factors).toBeLessThan(0.85 * levels);
    expect(factors).toBeGreaterThan(best);
  });

  test("are none of items without ratings, and the same for the same seed", () => {
    const { base: of } = large.base!;
    const { support: rated } = tasks[0]!;
    const offsets = Array.from(rated.items, (i) => of.offsets[i]!);
    const level = userLevel(of, offsets, rated.ratings);
    expect(als.predict(rated, [110, 119])[1]).toBeCloseTo(of.mean + of.offsets[119]! + level, 5);
    expect(alsFactors.fit(large).predict(rated, [1, 2, 3])).toEqual(als.predict(rated, [1, 2, 3]));
  });
});
