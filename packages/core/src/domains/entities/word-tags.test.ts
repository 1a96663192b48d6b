import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import { codedSentences, type WordCoding } from "./coded-sentences.js";
import { bioTags, spansOf, spansOfBio, wordSpans } from "./word-tags.js";

test("spans of IO tags are the longest runs, of part of the tags too", () => {
  expect(wordSpans([1, 1, 0, 2, 1, 1])).toEqual([
    { start: 0, end: 2, tag: 1 },
    { start: 3, end: 4, tag: 2 },
    { start: 4, end: 6, tag: 1 },
  ]);
  expect(wordSpans([1, 1, 0, 2, 2, 2], 1, 5)).toEqual([
    { start: 0, end: 1, tag: 1 },
    { start: 2, end: 4, tag: 2 },
  ]);
  expect(wordSpans([])).toEqual([]);
});

test("spans of a text are UTF-16 offsets, of words beyond the first plane too", () => {
  const text = "see 𝔹 rno now";
  const words = [
    [0, 3],
    [4, 6],
    [7, 10],
    [11, 14],
  ] as const;
  const [span] = spansOf([0, 1, 1, 0], words, ["place"]);
  expect(span).toEqual({ start: 4, end: 10, type: "place" });
  expect(text.slice(span!.start, span!.end)).toBe("𝔹 rno");
  expect(() => spansOf([0], words, ["place"])).toThrow("ILT301");
  expect(() => spansOf([0, 2, 0, 0], words, ["place"])).toThrow("ILT301");
});

test("BIO tags give back the spans that they were made of, those that touch as well", () => {
  const types = ["a", "b"];
  for (let seed = 0; seed < 200; seed++) {
    const source = random(17, seed);
    const spans: { start: number; end: number; tag: number }[] = [];
    let at = 0;
    while (at < 10) {
      const start = at + source.integer(3);
      const end = start + 1 + source.integer(3);
      if (end > 12) break;
      spans.push({ start, end, tag: 1 + source.integer(2) });
      at = end;
    }
    const read = spansOfBio(bioTags(spans, 12, types));
    expect(read.spans).toEqual(spans.map(({ tag, ...where }) => ({ ...where, type: types[tag - 1] })));
  }
});

test("an I- after another type begins a span, as the scorers of CoNLL have it; other tags are told", () => {
  expect(spansOfBio(["I-a", "I-a", "I-b", "O", "I-b"]).spans).toEqual([
    { start: 0, end: 2, type: "a" },
    { start: 2, end: 3, type: "b" },
    { start: 4, end: 5, type: "b" },
  ]);
  expect(spansOfBio(["O", "S-a"])).toEqual({ at: 1 });
  expect(spansOfBio(["B-"])).toEqual({ at: 0 });
});

describe("sentences as numbers", () => {
  const coding: WordCoding = {
    length: 3,
    slots: ["word", "length"],
    ids: 100,
    width: 1,
    wordsOf: (text) => [...text.matchAll(/\S+/g)].map(({ index, 0: word }) => [index, index + word.length] as const),
    lexicalOf: (words) => Int32Array.from(words.flatMap((word) => [word.charCodeAt(0) - 90, word.length])),
    statesOf: (_text, index, words) => Float32Array.from(words, (_, i) => index + i / 10),
  };
  const texts = [
    { text: "go to oslo", spans: [{ start: 6, end: 10, type: "place" }], domain: "x" },
    { text: "a b c d", spans: [{ start: 0, end: 1, type: "letter" }], domain: "x" },
    { text: "bob", spans: [{ start: 0, end: 3, type: "name" }], domain: "y" },
    {
      text: "new york ann",
      spans: [
        { start: 9, end: 12, type: "name" },
        { start: 1, end: 6, type: "place" },
      ],
      domain: "x",
    },
  ];

  test("words, tags by name and states lie one after another; sentences that are too long are left out", () => {
    const { domains, tooLong } = codedSentences({ name: "d", texts }, coding);
    expect(tooLong).toBe(1);
    expect(domains.map(({ name, types }) => [name, types])).toEqual([
      ["x", ["letter", "name", "place"]],
      ["y", ["name"]],
    ]);
    const [x] = domains;
    expect([...x!.starts]).toEqual([0, 3, 6]);
    // A span that ends within a word is the whole word.
    expect([...x!.tags]).toEqual([0, 0, 3, 3, 3, 2]);
    expect([...x!.lexical]).toEqual([13, 2, 26, 2, 21, 4, 20, 3, 31, 4, 7, 3]);
    expect([...x!.states!].map((value) => Math.round(10 * value))).toEqual([0, 1, 2, 30, 31, 32]);
  });

  test.each([
    ["a span beyond its text", { start: 0, end: 11, type: "t" }],
    ["an empty span", { start: 2, end: 2, type: "t" }],
    ["a span of a blank", { start: 2, end: 3, type: "t" }],
    ["a span on another's word", { start: 7, end: 8, type: "t" }],
  ])("%s is refused, with the sentence", (_, span) => {
    const bad = { ...texts[0]!, spans: [...texts[0]!.spans, span] };
    expect(() => codedSentences({ name: "d", texts: [texts[2]!, bad] }, coding)).toThrow(/ILT301.*sentence 2 of d/);
  });

  test("words out of their order, or one over another, are refused", () => {
    const words = [
      [3, 5],
      [0, 2],
    ] as const;
    const bad = { ...texts[0]!, words };
    expect(() => codedSentences({ name: "d", texts: [bad] }, coding)).toThrow(/ILT301.*word 2 is from 0 to 2/);
    const over = { ...bad, words: [[0, 3] as const, [2, 5] as const] };
    expect(() => codedSentences({ name: "d", texts: [over] }, coding)).toThrow(/ILT301.*word 2 is from 2 to 5/);
  });

  test("a coding of another size than it says is refused", () => {
    expect(() => codedSentences({ name: "d", texts }, { ...coding, slots: ["word"] })).toThrow("ILT301");
    expect(() => codedSentences({ name: "d", texts }, { ...coding, width: 2 })).toThrow("ILT301");
  });
});
