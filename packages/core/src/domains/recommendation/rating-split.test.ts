import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { splitRatings } from "./rating-split.js";

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
