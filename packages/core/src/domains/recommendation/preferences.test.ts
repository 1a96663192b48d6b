import { describe, expect, test } from "vitest";
import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import { preferencePosterior, preferences } from "./preferences.js";
import { fitRatingBase } from "./rating-base.js";
import { type RatingModel, ratingBias } from "./rating-models.js";

describe("simulated preferences", () => {
  const { interactions, truth } = preferences({ users: 50, items: 40 });

  test("are ratings on the steps of the scale, of different items, by users in order", () => {
    const { user, item, rating } = interactions;
    const seen = new Set<string>();
    const counts = new Int32Array(50);
    user.forEach((u, place) => {
      seen.add(`${u} ${item[place]}`);
      counts[u]!++;
      if (place > 0) expect(u).toBeGreaterThanOrEqual(user[place - 1]!);
      expect(rating[place]! * 2).toBe(Math.round(rating[place]! * 2));
      expect(rating[place]).toBeGreaterThanOrEqual(1);
      expect(rating[place]).toBeLessThanOrEqual(5);
    });
    expect(seen.size).toBe(rating.length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...counts)).toBeLessThanOrEqual(40);
    expect(new Set(counts).size).toBeGreaterThan(5);
  });

  test("are of the seed, and first users do not change with later ones", () => {
    expect(preferences({ users: 50, items: 40 }).interactions).toEqual(interactions);
    const fewer = preferences({ users: 20, items: 40 }).interactions;
    expect(interactions.rating.slice(0, fewer.rating.length)).toEqual(fewer.rating);
    expect(interactions.item.slice(0, fewer.rating.length)).toEqual(fewer.item);
    expect(preferences({ users: 50, items: 40, seed: 1 }).interactions.rating).not.toEqual(interactions.rating);
  });

  test("are made of the truth that comes with them, which items show as traits", () => {
    const exact = preferences({ users: 50, items: 40, noise: 0, step: 0.001, scale: { least: -50, most: 50 } });
    const { user, item, rating, items } = exact.interactions;
    rating.forEach((value, place) => {
      const [u, i] = [user[place]!, item[place]!];
      let wanted = 3.5 + exact.truth.userLevels[u]! + exact.truth.itemLevels[i]!;
      for (let f = 0; f < 6; f++) wanted += exact.truth.userFactors[u * 6 + f]! * exact.truth.itemFactors[i * 6 + f]!;
      expect(Math.abs(value - wanted)).toBeLessThan(0.00051);
    });
    const trait = items.attributes[2]!;
    if (trait.kind !== "number") throw new Error("traits are numbers");
    expect(trait.values[7]! * (0.8 / Math.sqrt(6))).toBeCloseTo(exact.truth.itemFactors[7 * 6 + 2]!, 12);
  });

  test("refuse what makes none", () => {
    for (const wrong of [
      { users: 0 },
      { items: 2.5 },
      { factors: 0 },
      { items: 10 },
      { ratings: { from: 5, to: 4 } },
      { noise: -1 },
      { taste: Number.NaN },
      { step: 0 },
      { scale: { least: 5, most: 1 } },
    ])
      expect(() => preferences(wrong), JSON.stringify(wrong)).toThrow("ILT201");
  });

  test("have the posterior mean that weights of tastes have", () => {
    // In the other form of the same: (Z^T Z / s^2 + I)^-1 Z^T e / s^2 by level and factors.
    const known = { items: [1, 5, 9, 30], ratings: [4, 2.5, 5, 1] };
    const z = (i: number): number[] => [0.4, ...truth.itemFactors.slice(i * 6, i * 6 + 6)];
    const variance = 0.4 ** 2 + 0.5 ** 2 / 12;
    const matrix = new Float64Array(49);
    const right = new Float64Array(7);
    known.items.forEach((i, j) => {
      for (let a = 0; a < 7; a++) {
        right[a]! += (z(i)[a]! * (known.ratings[j]! - 3.5 - truth.itemLevels[i]!)) / variance;
        for (let b = 0; b < 7; b++) matrix[a * 7 + b]! += (z(i)[a]! * z(i)[b]!) / variance;
      }
    });
    for (let a = 0; a < 7; a++) matrix[a * 8]! += 1;
    const w = solveSymmetric(matrix, right);
    preferencePosterior(truth)
      .predict(known, [0, 1, 2])
      .forEach((value, i) => {
        expect(value).toBeCloseTo(
          z(i).reduce((sum, each, a) => sum + each * w[a]!, 3.5 + truth.itemLevels[i]!),
          5,
        );
      });
  });
});

test("the levels of users and items, and the best there is, have the errors of another implementation", () => {
  // By another program with other random numbers: bias 0.703 and 0.690 at 5 and 10 ratings, posterior 0.568 and 0.471.
  const users = 2400;
  const { interactions, truth } = preferences({ users, items: 200, factors: 6 });
  const first = 0.6 * users;
  const { user, item, rating } = interactions;
  const places = Int32Array.from(user.keys()).filter((place) => user[place]! < first);
  const models = [
    ratingBias.fit({ interactions, places, base: fitRatingBase(interactions, places) }),
    preferencePosterior(truth),
  ];
  const errors = (model: RatingModel, shots: number): number => {
    let [sum, count] = [0, 0];
    for (let u = first, from = places.length; u < users; u++) {
      const known = {
        items: item.slice(from + 10, from + 10 + shots),
        ratings: rating.slice(from + 10, from + 10 + shots),
      };
      model.predict(known, item.slice(from, from + 10)).forEach((value, j) => {
        sum += Math.abs(Math.min(5, Math.max(1, value)) - rating[from + j]!);
        count++;
      });
      while (user[from] === u) from++;
    }
    return sum / count;
  };
  const [bias, posterior] = models.map((model) => [errors(model, 5), errors(model, 10)]) as [number[], number[]];
  expect(Math.abs(bias[0]! - 0.703)).toBeLessThan(0.025);
  expect(Math.abs(bias[1]! - 0.69)).toBeLessThan(0.025);
  expect(Math.abs(posterior[0]! - 0.568)).toBeLessThan(0.025);
  expect(Math.abs(posterior[1]! - 0.471)).toBeLessThan(0.025);
});
