import { describe, expect, test } from "vitest";
import { textNgrams, textTokens } from "./ngrams.js";
import { idCount, idsOf, type PieceCoding, type TextCoding, textCodingFrom } from "./text-coding.js";

const encoder = { name: "minilm", sha256: "0".repeat(64), folder: "minilm" };
const pieces: PieceCoding = { kind: "pieces", length: 3, count: 100, tokenizer: encoder };
const codings: readonly TextCoding[] = [
  { kind: "ngrams", buckets: 65_536, length: 160 },
  { kind: "tokens", buckets: 1000, length: 20 },
  pieces,
  { kind: "features", features: 384, backbone: encoder },
];

describe("codings of texts as records", () => {
  test.each(codings)("$kind comes out of JSON as it went in, without what is no part of it", (coding) => {
    expect(textCodingFrom(JSON.parse(JSON.stringify({ ...coding, more: 1 })))).toEqual(coding);
  });

  test.each<[unknown, RegExp]>([
    [undefined, /ILT201 textCodingFrom: the coding of texts is undefined/],
    [[], /ILT201/],
    [{}, /ILT310 textCodingFrom: kind is undefined/],
    [{ kind: "constructor" }, /kind is "constructor"/],
    [{ kind: "ngrams", buckets: 65_536 }, /length is undefined/],
    [{ kind: "ngrams", buckets: 1, length: 5 }, /buckets is 1/],
    [{ kind: "tokens", buckets: 2 ** 30, length: 5 }, /buckets is 1073741824/],
    [{ kind: "tokens", buckets: 10, length: 1e9 }, /length is 1000000000/],
    [{ kind: "tokens", buckets: "10", length: 5 }, /buckets is "10"/],
    [{ ...pieces, count: Number.NaN }, /count is NaN/],
    [{ ...pieces, tokenizer: [] }, /tokenizer is/],
    [{ ...pieces, tokenizer: { ...encoder, sha256: "0".repeat(63) } }, /tokenizer\.sha256 is "0/],
    [{ ...pieces, tokenizer: { ...encoder, name: "" } }, /tokenizer\.name is ""/],
    [{ kind: "features", features: 0, backbone: encoder }, /features is 0/],
    [{ kind: "features", features: 3, backbone: { ...encoder, folder: "x".repeat(5000) } }, /backbone\.folder is "x/],
  ])("%j is refused", (value, message) => {
    expect(() => textCodingFrom(value)).toThrow(message);
  });
});

describe("texts as ids", () => {
  const texts = ["pay my bill", "", "call the bank about my card please"];

  test("rows are padded with 0 and cut to the length, and the texts that were cut are counted", () => {
    const tokens = idsOf({ kind: "tokens", buckets: 1000, length: 4 }, texts);
    const [first, , last] = texts.map((text) => [...textTokens(text, { buckets: 1000 }).ids]);
    expect([...tokens.ids]).toEqual([...first!, 0, 0, 0, 0, 0, ...last!.slice(0, 4)]);
    expect(tokens.cutTexts).toBe(1);
    const ngrams = idsOf({ kind: "ngrams", buckets: 65_536, length: 160 }, texts);
    expect(ngrams.ids).toHaveLength(3 * 160);
    expect(ngrams.cutTexts).toBe(0);
    const own = textNgrams(texts[2]!).ids;
    expect(ngrams.ids.subarray(320, 320 + own.length)).toEqual(own);
    expect(ngrams.ids[320 + own.length]).toBe(0);
  });

  test("pieces are those of the tokenizer", () => {
    const encode = (text: string): number[] => [...text].map((character) => character.charCodeAt(0) - 96);
    const { ids, cutTexts } = idsOf(pieces, ["ab", "abcd"], encode);
    expect([...ids]).toEqual([1, 2, 0, 1, 2, 3]);
    expect(cutTexts).toBe(1);
    expect(idCount(pieces)).toBe(100);
  });

  test("a tokenizer that is missing, or another one, is refused", () => {
    expect(() => idsOf(pieces, ["a"])).toThrow(/ILT201 idsOf: the pieces of "minilm"/);
    expect(() => idsOf(pieces, ["a"], () => [5, 100])).toThrow(/ILT309 idsOf: the tokenizer gave the piece 100/);
    expect(() => idsOf(pieces, ["a"], () => [0])).toThrow(/ILT309/);
    expect(() => idsOf(pieces, ["a"], () => [1, undefined as unknown as number])).toThrow(/ILT309 .*undefined/);
  });
});
