import { describe, expect, test } from "vitest";
import { textNgrams, textTokens } from "./ngrams.js";

const idsOfText = (text: string): number[] => [...textNgrams(text, { length: 1000 }).ids];

describe("hashed words and n-grams", () => {
  test("a text is its distinct words and the n-grams of 3 to 5 within each, with where it begins and ends", () => {
    // cats: 1 word, and of _cats_ (6) 4 of three, 3 of four, 2 of five.
    expect(idsOfText("cats")).toHaveLength(10);
    expect(idsOfText("a")).toHaveLength(2);
    expect(idsOfText("cats cats")).toEqual(idsOfText("cats"));
    // A mark is a word without n-grams.
    expect(idsOfText("!")).toHaveLength(1);
    const shared = idsOfText("cats").filter((id) => idsOfText("scat").includes(id));
    // cat alone: the word, _cat and cats_ are others.
    expect(shared).toHaveLength(1);
  });

  test("ids are distinct, from 1 to buckets - 1, and spread over them", () => {
    const text = Array.from({ length: 2000 }, (_, i) => `word${i}x`).join(" ");
    const { ids, cut } = textNgrams(text, { buckets: 512, length: 1000 });
    expect(new Set(ids).size).toBe(ids.length);
    // All of 511 buckets are found by so many n-grams.
    expect(ids.length).toBe(511);
    expect(cut).toBe(0);
    expect([Math.min(...ids), Math.max(...ids)]).toEqual([1, 511]);
    const wide = textTokens(text, { buckets: 65_536 }).ids;
    // 2,000 words in 65,535 buckets: about 30 pairs share one.
    expect(new Set(wide).size).toBeGreaterThan(1940);
  });

  test("where ids are cut, n-grams of the last words go first and words last", () => {
    const text = "please transfer money now";
    const whole = textNgrams(text, { length: 1000 });
    const words = [...textTokens(text).ids];
    expect([...whole.ids.slice(0, 4)]).toEqual(words);
    const { ids, cut } = textNgrams(text, { length: 20 });
    expect([...ids]).toEqual([...whole.ids.slice(0, 20)]);
    expect(cut).toBe(whole.ids.length - 20);
    expect(textNgrams(text, { length: 2 }).ids).toEqual(Int32Array.from(words.slice(0, 2)));
  });

  test("tokens are the words in their order, repeated where they are", () => {
    const { ids, cut } = textTokens("to be or not to be!");
    expect(ids).toHaveLength(7);
    expect([ids[0], ids[1]]).toEqual([ids[4], ids[5]]);
    expect(cut).toBe(0);
    expect(textTokens("to be or not", { length: 3 })).toEqual({ ids: ids.slice(0, 3), cut: 1 });
    expect(textTokens("TO Be", {}).ids).toEqual(ids.slice(0, 2));
  });

  test("ids stay what they are: runs are kept with them", () => {
    expect([...textTokens("pay İstanbul café 北").ids]).toMatchInlineSnapshot(`
      [
        3112,
        61629,
        3528,
        21955,
      ]
    `);
    expect(idsOfText("café").slice(0, 4)).toMatchInlineSnapshot(`
      [
        3528,
        18956,
        5304,
        52163,
      ]
    `);
  });

  test.each([
    ["Thai", "ฉันรักเธอมาก"],
    ["Chinese", "我爱北京天安门"],
    ["Arabic", "مرحبا بالعالم"],
    ["Devanagari", "नमस्ते दुनिया"],
    ["Turkish", "İstanbul'da ılık"],
    ["letters beyond 16 bits", "\u{10428}\u{10429}\u{1042a} \u{20000}\u{20001}"],
  ])("%s: composed and decomposed texts have the same ids, letters are whole characters", (_, text) => {
    expect(idsOfText(text.normalize("NFD"))).toEqual(idsOfText(text.normalize("NFC")));
    expect(textTokens(text.normalize("NFD")).ids).toEqual(textTokens(text.normalize("NFC")).ids);
    expect(idsOfText(text).length).toBeGreaterThan(textTokens(text).ids.length);
  });

  test("letters beyond 16 bits are one character of an n-gram each", () => {
    // Three letters: a word, and of _abc_ three of three, two of four, one of five.
    expect(idsOfText("\u{10428}\u{10429}\u{1042a}")).toHaveLength(7);
  });

  test("hostile texts: none, marks only, lone surrogates, ten million letters", () => {
    expect(textNgrams("").ids).toHaveLength(0);
    expect(textTokens(" \n").ids).toHaveLength(0);
    expect(textNgrams("?!?!").ids).toHaveLength(2);
    expect(textNgrams("\ud800\udfff\ud800").ids.length).toBeGreaterThan(0);
    // One letter has 10 n-grams, however long: the word, and three each at its start, within and at its end.
    expect(idsOfText("a".repeat(10_000_000))).toHaveLength(10);
  });

  test("one text does not depend on what was coded before, nor on other numbers of buckets between", () => {
    const before = textNgrams("the same text").ids;
    for (const buckets of [3, 100, 4096, 65_536]) textNgrams("the same text and more", { buckets });
    expect(textNgrams("the same text").ids).toEqual(before);
  });

  test.each([
    [{ buckets: 1 }, /buckets is 1/],
    [{ buckets: 1e9 }, /buckets is 1000000000/],
    [{ length: 0 }, /length is 0/],
    [{ length: 1.5 }, /length is 1.5/],
    [{ length: 1e6 }, /length is 1000000/],
  ])("options %j are refused", (options, message) => {
    expect(() => textNgrams("a", options)).toThrow(message);
    expect(() => textTokens("a", options)).toThrow(/ILT201 textTokens/);
  });
});
