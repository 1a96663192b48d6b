import { describe, expect, test } from "vitest";
import { wordFeatureSlots, wordFeatures } from "./word-features.js";
import { wordsOf } from "./words.js";

type Slot = (typeof wordFeatureSlots)[number];
const width = wordFeatureSlots.length;
/** The id of one slot of one word. */
const id = (words: readonly string[], i: number, slot: Slot): number =>
  wordFeatures(words)[i * width + wordFeatureSlots.indexOf(slot)]!;
/** Whether two words by themselves have the same feature, and have it. */
const alike = (slot: Slot, a: string, b: string): boolean =>
  id([a], 0, slot) === id([b], 0, slot) && id([a], 0, slot) > 0;

describe("lexical features of words", () => {
  test("ids are in the range of the buckets, one row for each word, the same each time", () => {
    const words = ["Fly", "to", "São", "Paulo", "on", "12/5", "!"];
    const ids = wordFeatures(words, { buckets: 100 });
    expect(ids).toHaveLength(words.length * width);
    expect(Math.min(...ids)).toBe(0);
    expect(Math.max(...ids)).toBeLessThan(100);
    expect(Math.max(...ids)).toBeGreaterThan(80);
    expect(wordFeatures(words, { buckets: 100 })).toEqual(ids);
    expect(wordFeatures([])).toHaveLength(0);
    // Kept runs hold these ids: another hash would be another coding.
    expect([...wordFeatures(["Paris"]).slice(0, 4)]).toMatchInlineSnapshot(`
      [
        24868,
        339,
        23083,
        9540,
      ]
    `);
  });

  test.each<[Slot, string, string, string]>([
    ["form", "London", "LONDON", "Londons"],
    ["form", "cafe\u0301", "Café", "cafe"],
    ["shape", "London", "Paris", "paris"],
    ["shape", "10-12", "3-45", "10:12"],
    ["shape", "北京", "สวย", "Beijing"],
    ["capitals", "NATO", "EU", "Nato"],
    ["capitals", "iPhone", "McDonald", "Phone"],
    ["capitals", "I", "Paris", "PARIS"],
    ["prefix2", "unreal", "under", "real"],
    ["prefix4", "Interest", "interval", "intrepid"],
    ["suffix3", "Running", "sing", "runner"],
    ["suffix1", "\u{10400}\u{10401}", "a\u{10401}", "a\u{10400}"],
    ["digits", "1999", "2024", "199"],
    ["digits", "7pm", "x9", "7"],
  ])("%s: %s as %s, not as %s", (slot, a, same, other) => {
    expect(alike(slot, a, same)).toBe(true);
    expect(alike(slot, a, other)).toBe(false);
  });

  test("what a word does not have is 0", () => {
    expect(id(["to"], 0, "prefix2")).toBe(0);
    expect(id(["to"], 0, "prefix1")).toBeGreaterThan(0);
    expect(id(["to"], 0, "digits")).toBe(0);
    expect(id(["12"], 0, "capitals")).toBe(0);
    expect(id(["a", "b", "c"], 1, "position")).toBe(0);
    for (const slot of ["before2", "before1", "after1", "after2", "shapeBefore", "shapeAfter"] as const)
      expect(id(["alone"], 0, slot)).toBe(0);
  });

  test("neighbours are known by their position, and what a word is by its slot", () => {
    const [left, right] = [
      ["from", "Paris", "to", "Rome"],
      ["to", "Rome", "from", "Paris"],
    ];
    expect(id(left, 1, "before1")).toBe(id(right, 3, "before1"));
    expect(id(left, 1, "after1")).not.toBe(id(left, 3, "before1"));
    expect(id(left, 1, "after1")).not.toBe(id(left, 2, "form"));
    expect(id(left, 3, "before2")).toBe(id(["Paris", "and", "Lyon"], 2, "before2"));
    expect(id(left, 1, "shapeBefore")).toBe(id(right, 1, "shapeBefore"));
  });

  test("the first, the last and the only word are told apart", () => {
    const ids = [id(["a", "b"], 0, "position"), id(["a", "b"], 1, "position"), id(["a"], 0, "position")];
    expect(new Set(ids).size).toBe(3);
    expect(ids.every((each) => each > 0)).toBe(true);
  });

  test("hostile words take linear time: ten million letters, lone surrogates", () => {
    expect(id(["a".repeat(10_000_000)], 0, "suffix4")).toBe(id(["aaaaa"], 0, "suffix4"));
    expect(wordFeatures(["\ud800", "\udc00\ud800\udc00"])).toHaveLength(2 * width);
  });

  test("words of any script, as wordsOf gives them", () => {
    const text = "ฉันรัก北京 नमस्ते مرحبا İzmir";
    const words = wordsOf(text).map(({ start, end }) => text.slice(start, end));
    const ids = wordFeatures(words);
    for (let i = 0; i < words.length; i++) expect(ids[i * width]).toBeGreaterThan(0);
  });

  test.each([1, 0, 2.5, Number.NaN, 2 ** 23, "many" as unknown as number])("%s buckets are refused", (buckets) => {
    expect(() => wordFeatures(["a"], { buckets })).toThrow(/ILT201 wordFeatures: buckets is/);
  });
});
