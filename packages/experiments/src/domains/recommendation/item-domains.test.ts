/** Domains of items by the words of an attribute. */
import type { Entities } from "@innerloop/core/tasks";
import { describe, expect, it } from "vitest";
import { domainsOfItems, itemsOfWords } from "./item-domains.js";

const wines: Entities = {
  ids: ["a", "b", "c", "d", "e"],
  attributes: [
    { kind: "number", name: "abv", values: Float64Array.of(12, 13, 14, 12, 11) },
    { kind: "category", name: "type", words: ["Rosé", "Red", "White"], of: Int32Array.of(1, 1, 2, -1, 0) },
    {
      kind: "bag",
      name: "grapes",
      words: ["Merlot", "red", "Syrah"],
      of: Int32Array.of(0, 2, 2, 1),
      starts: Int32Array.of(0, 2, 3, 3, 4, 4),
    },
  ],
};
const places = (mask: Uint8Array): number[] => [...mask].flatMap((has, place) => (has ? [place] : []));

describe("items of words", () => {
  it.each([
    [["White"], [2]],
    [
      ["White", "Rosé"],
      [2, 4],
    ],
    [["Syrah"], [0, 1]],
    // Without regard to case, and to how the letter is composed; the first attribute that has all of them.
    [
      ["white", "RED"],
      [0, 1, 2],
    ],
    [["rose\u0301"], [4]],
    // As it is written it is a grape.
    [["red"], [3]],
  ])("%j", (words, found) => {
    expect(places(itemsOfWords(wines, words))).toEqual(found);
  });

  it.each([
    [["Whit"], /^no attribute of the items has "Whit"\. Did you mean "White" \(type\)\?$/],
    [["Sparkling"], /has "Sparkling"\. There are type \(Red, Rosé, White\); grapes \(Syrah, Merlot, red\)$/],
    [
      ["White", "Merlot"],
      /^no attribute of the items has all of "White", "Merlot"\. Name words of one: there are type/,
    ],
  ])("are refused where no attribute has them: %j", (words, message) => {
    expect(() => itemsOfWords(wines, words)).toThrow(message);
  });

  it("are refused where items have no words", () => {
    const numbers = { ...wines, attributes: wines.attributes.slice(0, 1) };
    expect(() => itemsOfWords(numbers, ["White"])).toThrow(/^no attribute of the items has "White": none has words/);
  });
});

it("items of both domains are in neither", () => {
  const found = domainsOfItems(wines, { sourceDomain: ["Merlot"], targetDomain: ["Syrah"], sourceShots: 2 })!;
  expect([places(found.source), places(found.target), found.sourceShots]).toEqual([[], [1], 2]);
});
