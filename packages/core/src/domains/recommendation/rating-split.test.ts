import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { preferences } from "./preferences.js";
import { heldRatings, splitRatings } from "./rating-split.js";

const named = (ids: readonly string[]) => ({ ids, attributes: [] });
const ids = Array.from({ length: 4000 }, (_, i) => `${i}`.padStart(7, "0"));
const placeOf = (text: string): number =>
  Number.parseInt(createHash("md5").update(text).digest("hex").slice(0, 8), 16) / 2 ** 32;

describe("the split of ratings", () => {
  it("follows from the first 32 bits of MD5 of each id", () => {
    const { parts, cold } = splitRatings({ users: named(ids), items: named(ids) });
    ids.forEach((id, i) => {
      const place = placeOf(`u${id}`);
      expect(parts[i]).toBe(place < 0.7 ? "train" : place < 0.8 ? "validation" : "test");
      expect(cold[i]).toBe(placeOf(`i${id}`) < 0.2 ? 1 : 0);
    });
  });

  it("has the shares that are asked for, and a user's part does not depend on the others", () => {
    const all = splitRatings({ users: named(ids), items: named(ids) }, { validation: 0.3, test: 0.4, coldItems: 0.05 });
    const share = (part: string): number => all.parts.filter((each) => each === part).length / ids.length;
    expect(share("validation")).toBeCloseTo(0.3, 1);
    expect(share("test")).toBeCloseTo(0.4, 1);
    expect(all.cold.reduce((sum, each) => sum + each, 0) / ids.length).toBeCloseTo(0.05, 1);
    const one = splitRatings({ users: named(["0000017"]), items: named([]) }, { validation: 0.3, test: 0.4 });
    expect(one.parts).toEqual([all.parts[17]]);
  });

  it.each([
    [{ test: 1.2 }, /ILT201 splitRatings: test is 1.2/],
    [{ validation: Number.NaN }, /validation is NaN/],
    [{ coldItems: -0.1 }, /coldItems is -0.1/],
    [{ test: 0.5, validation: 0.5 }, /leave no user to train on/],
  ])("refuses %j", (shares, expected) => {
    expect(() => splitRatings({ users: named(ids), items: named(ids) }, shares)).toThrow(expected);
  });
});

describe("ratings that are held out of training", () => {
  const { interactions } = preferences({ users: 200, items: 60, ratings: { from: 4, to: 12 } });
  const split = splitRatings(interactions);
  const held = heldRatings(interactions, split, 5);
  const { user, item, users, items } = interactions;
  const heldOf = (of: number, flags = held): readonly number[] =>
    Array.from(user.keys()).flatMap((place) => (user[place] === of && flags[place] ? [item[place]!] : []));
  const countOf = (of: number): number => user.filter((each) => each === of).length;

  it("are as many of each user of training as are asked for, of those who have more", () => {
    users.ids.forEach((_, of) => {
      const isLarge = split.parts[of] === "train" && countOf(of) > 5;
      expect(heldOf(of)).toHaveLength(isLarge ? 5 : 0);
    });
    const all = held.reduce((sum, each) => sum + each, 0);
    expect(all).toBeGreaterThan(300);
    // Any of the user's: of cold items as well, which are a fifth.
    const cold = Array.from(held.keys()).filter((place) => held[place] && split.cold[item[place]!]).length;
    expect(cold / all).toBeGreaterThan(0.1);
    expect(cold / all).toBeLessThan(0.3);
    const places = Array.from(held.keys()).filter((place) => held[place]);
    const ranks = places.map((place) => (place - user.indexOf(user[place]!)) / countOf(user[place]!));
    expect(ranks.reduce((sum, each) => sum + each, 0) / ranks.length).toBeCloseTo(0.43, 1);
  });

  it("depend on the ids of user and item alone", () => {
    const of = users.ids.findIndex((_, each) => split.parts[each] === "train" && countOf(each) > 8);
    const places = Array.from(user.keys()).filter((place) => user[place] === of);
    // Alone, and in the reverse order.
    const alone = {
      users: { ids: [users.ids[of]!], attributes: [] },
      items,
      user: new Int32Array(places.length),
      item: Int32Array.from([...places].reverse(), (place) => item[place]!),
    };
    const flags = heldRatings(alone, { parts: ["train"] }, 5);
    const found = Array.from(alone.item).filter((_, place) => flags[place]);
    expect(found.sort((a, b) => a - b)).toEqual([...heldOf(of)].sort((a, b) => a - b));
    const others = heldRatings({ ...alone, users: { ids: ["another"], attributes: [] } }, { parts: ["train"] }, 5);
    expect(others).not.toEqual(flags);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses %d of them", (count) => {
    expect(() => heldRatings(interactions, split, count)).toThrow(/ILT201 heldRatings: /);
  });
});
