import type { MarkedText } from "@innerloop/core/tasks";
import { expect, it } from "vitest";
import { usualLength, withWords, wordsIn } from "./word-coding.js";

const shown = (text: MarkedText): readonly string[] => wordsIn(text).map(([start, end]) => text.text.slice(start, end));

it("a word that two spans share is cut between them", () => {
  const text = "at seven a.mnot far";
  const spans = [
    { start: 3, end: 12, type: "time" },
    { start: 12, end: 19, type: "relation" },
  ];
  expect(shown({ text, spans })).toEqual(["at", "seven", "a", ".", "m", "not", "far"]);
  const apart = [
    { start: 0, end: 2, type: "a" },
    { start: 3, end: 5, type: "b" },
  ];
  expect(shown({ text: "xx-yyzz w", spans: [apart[0]!, { start: 3, end: 5, type: "b" }] })).toEqual([
    "xx",
    "-",
    "yyzz",
    "w",
  ]);
});

it("a span that has a word to itself cuts none, nor do spans in words beside each other", () => {
  const text = "unhappy people";
  expect(shown({ text, spans: [{ start: 2, end: 7, type: "a" }] })).toEqual(["unhappy", "people"]);
  const two = [
    { start: 2, end: 7, type: "a" },
    { start: 8, end: 10, type: "b" },
  ];
  expect(shown({ text, spans: two })).toEqual(["unhappy", "people"]);
});

it("three spans in one word make three, with what is between", () => {
  const spans = [
    { start: 0, end: 1, type: "a" },
    { start: 1, end: 2, type: "b" },
    { start: 3, end: 4, type: "c" },
  ];
  expect(shown({ text: "abcd", spans })).toEqual(["a", "b", "c", "d"]);
});

it("own words stand for those of the text", () => {
  expect(wordsIn({ text: "New York", spans: [], words: [[0, 8]] })).toEqual([[0, 8]]);
});

it("the usual length is what 99 of 100 sentences have at most", () => {
  const of = (words: number): MarkedText => withWords({ text: "w ".repeat(words), spans: [] });
  const texts = [...Array.from({ length: 99 }, () => of(5)), of(40)];
  expect(usualLength(texts, 128)).toBe(5);
  expect(usualLength([...texts, of(41)], 128)).toBe(40);
  expect(usualLength([of(300)], 128)).toBe(128);
});
