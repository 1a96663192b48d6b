import { afterEach, describe, expect, test, vi } from "vitest";
import { wordForm, wordsOf } from "./words.js";

const forms = (text: string): string[] => wordsOf(text).map(({ form }) => form);
/** What the offsets cut out of the text itself. */
const written = (text: string): string[] => wordsOf(text).map(({ start, end }) => text.slice(start, end));

afterEach(() => vi.unstubAllGlobals());

describe("words", () => {
  test("letters and digits with inner apostrophes are words, every mark is one of its own", () => {
    expect(forms("Don't pay $3.50 at 5 o’clock -- 'now'!")).toEqual([
      "don't",
      "pay",
      "$",
      "3",
      ".",
      "50",
      "at",
      "5",
      "o'clock",
      "-",
      "-",
      "'",
      "now",
      "'",
      "!",
    ]);
    const marks = wordsOf("So, it's 7%.").filter(({ isMark }) => isMark);
    expect(marks.map(({ form }) => form)).toEqual([",", "%", "."]);
    expect(forms("  \t\n\u00a0\u3000\ufeff ")).toEqual([]);
    expect(wordsOf("")).toEqual([]);
  });

  test("offsets are into the caller's string, whichever way accents are written", () => {
    const [composed, decomposed] = ["Un café très cher", "Un cafe\u0301 tre\u0300s cher"];
    expect(forms(decomposed)).toEqual(["un", "café", "très", "cher"]);
    expect(forms(decomposed)).toEqual(forms(composed));
    expect(written(decomposed)).toEqual(["Un", "cafe\u0301", "tre\u0300s", "cher"]);
    expect(wordsOf(decomposed)[1]).toEqual({ start: 3, end: 8, form: "café", isMark: false });
    expect(wordsOf("soft\u00adware now")[0]).toEqual({ start: 0, end: 9, form: "software", isMark: false });
  });

  test("lower case is Unicode's and no language's: a dotted capital I keeps its dot", () => {
    expect(forms("İstanbul DIYARBAKIR ΣΟΦΟΣ")).toEqual(["i\u0307stanbul", "diyarbakir", "σοφο\u03c2"]);
    expect(forms("İ")).toEqual(forms("I\u0307"));
  });

  test("scripts without blanks are split by Intl.Segmenter, others beside them by blanks", () => {
    expect(forms("ฉันรักเธอมาก and ok")).toEqual(["ฉัน", "รัก", "เธอ", "มาก", "and", "ok"]);
    expect(forms("我爱北京。ok")).toEqual(["我", "爱", "北京", "。", "ok"]);
    expect(forms("私は学生です")).toEqual(["私", "は", "学生", "です"]);
    expect(wordsOf("see 北京 now")[1]).toEqual({ start: 4, end: 6, form: "北京", isMark: false });
    expect(forms("안녕하세요 세계")).toEqual(["안녕하세요", "세계"]);
    expect(forms("नमस्ते दुनिया")).toEqual(["नमस्ते", "दुनिया"]);
    // The non-joiner is within a Persian word.
    expect(forms("سلام کتاب\u200cها؟")).toEqual(["سلام", "کتاب\u200cها", "؟"]);
  });

  test("without Intl.Segmenter such scripts are split by characters, each with what it carries", () => {
    vi.stubGlobal("Intl", { ...Intl, Segmenter: undefined });
    expect(forms("ที่นี่ ok")).toEqual(["ที่", "นี่", "ok"]);
    expect(written("我爱\u{20000}")).toEqual(["我", "爱", "\u{20000}"]);
  });

  test("emoji are marks with all that is drawn with them", () => {
    expect(forms("ok 👩‍👩‍👧👍🏽❤️!")).toEqual(["ok", "👩‍👩‍👧", "👍🏽", "❤️", "!"]);
  });

  test.each([
    ["a lone high surrogate", "a\ud800b", ["a", "\ud800", "b"]],
    ["a lone low surrogate", "\udc00a", ["\udc00", "a"]],
    ["a combining mark of nothing", "\u0301 a", ["\u0301", "a"]],
    ["joiners at edges", "\u200da\u200d b", ["a", "b"]],
    ["an apostrophe at the end", "dogs' x", ["dogs", "'", "x"]],
  ])("%s", (_, text, expected) => {
    expect(forms(text)).toEqual(expected);
  });

  test("more combining marks than a letter may carry begin words of their own, so that normalizing stays linear", () => {
    const text = `a${"\u0327\u0301".repeat(1_000_000)}`;
    const words = wordsOf(text);
    expect(words[0]!.end).toBe(31);
    expect(Math.max(...words.slice(0, 1000).map(({ start, end }) => end - start))).toBe(31);
    expect(words.at(-1)!.end).toBe(text.length);
  });

  test("hostile texts: ten million of one letter, marks only, a long run without blanks", () => {
    expect(wordsOf("a".repeat(10_000_000))).toHaveLength(1);
    expect(wordsOf("?!".repeat(100_000))).toHaveLength(200_000);
    const thai = wordsOf("ก".repeat(50_001));
    expect(thai.at(-1)!.end).toBe(50_001);
    expect(thai.every(({ start, end }, i) => end > start && start === (thai[i - 1]?.end ?? 0))).toBe(true);
  });

  test("words are in order, apart, and hold every character that is neither blank nor invisible", () => {
    const text = "Zürich\u200b, 北京カメラ! ฉันรัก don't \u{1f600}\u{10400}bc 1\u20e3";
    const words = wordsOf(text);
    words.forEach(({ start, end, form }, i) => {
      expect(start).toBeGreaterThanOrEqual(words[i - 1]?.end ?? 0);
      expect(form).toBe(wordForm(text.slice(start, end)));
    });
    expect(written(text).join("")).toBe(text.replace(/[\s\u200b]/g, ""));
  });
});
