import { describe, expect, it } from "vitest";
import { codeEntities, entityCoding, idsIn, slotsIn } from "./entity-coding.js";
import { films } from "./ratings.fixture.js";

/** The last two films are cold. */
const known = Uint8Array.from([1, 1, 1, 1, 1, 1, 0, 0]);

describe("the coding of items", () => {
  const coding = entityCoding(films, known);

  it("has the ids and words of training alone, those of one item not among them, and numbers that differ", () => {
    expect(coding.fields).toEqual([
      { name: "id", kind: "id", words: ["001", "002", "003", "004", "005", "006"], slots: 1 },
      // Comedy is of one film that training knows.
      { name: "genres", kind: "bag", words: ["crime", "drama"], slots: 3 },
      { name: "country", kind: "category", words: ["no", "fr"], slots: 1 },
    ]);
    // 1990, 2000, 2010, 2000 and 1990 are of training.
    expect(coding.numbers).toEqual([{ name: "year", mean: 1998, deviation: Math.sqrt(56) }]);
    expect([slotsIn(coding), idsIn(coding)]).toEqual([5, 11]);
    expect(JSON.parse(JSON.stringify(coding))).toEqual(coding);
  });

  it("gives each field ids of its own, and 0 to what is not known", () => {
    const { ids, numbers, count, slots, width } = codeEntities(films, coding);
    expect([count, slots, width]).toEqual([8, 5, 1]);
    const row = (item: number) => Array.from(ids.subarray(5 * item, 5 * item + 5));
    expect(row(0)).toEqual([1, 7, 8, 0, 9]);
    expect(row(2)).toEqual([3, 0, 0, 0, 10]);
    // A comedy is not known; what comes after it is.
    expect(row(3)).toEqual([4, 8, 7, 0, 9]);
    expect(row(4)).toEqual([5, 7, 0, 0, 0]);
    // A cold film has no id, and the words that it shares with others.
    expect(row(7)).toEqual([0, 7, 0, 0, 9]);
    expect(numbers[0]).toBeCloseTo(-8 / Math.sqrt(56), 6);
    // A year that is not known is the mean; one that is a mistake is far away, and no further.
    expect([numbers[3], numbers[7]]).toEqual([0, 5]);
  });

  it("reads items of another file by what they are called", () => {
    const other = {
      ids: ["005", "100"],
      attributes: [
        { kind: "category", name: "country", words: ["de", "fr"], of: Int32Array.from([1, 0]) },
        { kind: "number", name: "genres", values: Float64Array.from([1, 2]) },
      ] as const,
    };
    const { ids, numbers } = codeEntities(other, coding, 101);
    expect(Array.from(ids)).toEqual([105, 0, 0, 0, 110, 0, 0, 0, 0, 0]);
    expect(Array.from(numbers)).toEqual([0, 0]);
  });

  it("keeps bags as short as is asked, words of as many items, and ids or none", () => {
    const other = entityCoding(films, known, { ids: false, longestBag: 1, leastCount: 1 });
    expect(other.fields.map(({ name, words, slots }) => [name, words.length, slots])).toEqual([
      ["genres", 3, 1],
      ["country", 2, 1],
    ]);
    expect(Array.from(codeEntities(films, other).ids.subarray(0, 2))).toEqual([1, 4]);
    expect(() => entityCoding(films, known, { longestBag: 0 })).toThrow(/ILT201 entityCoding: longestBag is 0/);
  });
});
