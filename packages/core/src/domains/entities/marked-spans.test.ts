import { expect, test } from "vitest";
import { foundSpans } from "./marked-spans.js";

const words = [
  [0, 3],
  [4, 7],
  [8, 12],
] as const;
// Three words, tags none, a and b.
const scores = [0.1, 0.8, 0.1, 0.3, 0.2, 0.5, 0.25, 0.25, 0.5].map(Math.log);
const types = ["a", "b"];

test("spans come with the geometric mean of their words' probabilities", () => {
  const found = foundSpans({ tags: [1, 2, 2], scores, words, types });
  expect(found.map(({ start, end, type }) => [start, end, type])).toEqual([
    [0, 3, "a"],
    [4, 12, "b"],
  ]);
  expect(found[0]!.probability).toBeCloseTo(0.8, 12);
  expect(found[1]!.probability).toBeCloseTo(0.5, 12);
  expect(foundSpans({ tags: [1, 1, 0], scores, words, types })[0]!.probability).toBeCloseTo(Math.sqrt(0.8 * 0.2), 12);
});

test("tags of padding are not looked at, and rounding makes no probability above 1", () => {
  const [only] = foundSpans({ tags: [1, 2], scores: [-50, 1e-7, -50, 0, 0, 0], words: [[0, 3]], types });
  expect(only).toEqual({ start: 0, end: 3, type: "a", probability: 1 });
});

test.each([
  ["fewer tags than words", { tags: [1, 2], scores: scores.slice(0, 6), words, types }],
  ["scores of no whole word", { tags: [1, 2, 2], scores: scores.slice(0, 8), words, types }],
  ["a tag without a name", { tags: [1, 2, 2], scores, words, types: ["a"] }],
  ["a tag without a score", { tags: [1, 3, 0], scores, words, types: ["a", "b", "c"] }],
])("%s are refused", (_, given) => {
  expect(() => foundSpans(given)).toThrow("ILT301");
});
