import { expect, it } from "vitest";
import { listIn, wordsIn } from "./listed-words.js";

it.each([
  ["['Pork', 'Rich Fish']", ["Pork", "Rich Fish"]],
  ["[\"Pork\", 'Fish']", ["Pork", "Fish"]],
  ["['d\\'Or', \"l'Ile\"]", ["d'Or", "l'Ile"]],
  ["['a, b', 'c']", ["a, b", "c"]],
  ["[2020, 2019, 'N.V.']", ["2020", "2019", "N.V."]],
  ['["caf\\u00e9", "a]b"]', ["café", "a]b"]],
  ["[Muscat, None, Syrah, ]", ["Muscat", "Syrah"]],
  [" [] ", []],
])("%s is a list", (text, words) => {
  expect(listIn(text)).toEqual(words);
});

it.each(["Pork", "", "[", "['a' 'b']", "['a", "['a]", "[[1], [2]]", "a]", "('a', 'b')"])("%j is none", (text) => {
  expect(listIn(text)).toBeUndefined();
});

it("words of a cell stand between bars or in a list, each once", () => {
  expect(wordsIn("Crime| Drama ||Crime")).toEqual(["Crime", "Drama"]);
  expect(wordsIn("['Drama', 'cafe\u0301', 'Drama']")).toEqual(["Drama", "café"]);
  expect(wordsIn("['Drama'")).toEqual(["['Drama'"]);
});
