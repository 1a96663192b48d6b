/** Tokens of encoders: what is kept of long texts, and where words begin. */
import { expect, test } from "vitest";
import { ledWords, tokensOfText, tokensOfWords, wordLead } from "./encoder-tokens.js";

const around = { before: [101], behind: [102, 103] };

test("a text that is too long loses its end, and nothing of what stands around it", () => {
  expect(tokensOfText([1, 2], around, 6)).toEqual([101, 1, 2, 102, 103]);
  expect(tokensOfText([1, 2, 3, 4, 5], around, 6)).toEqual([101, 1, 2, 3, 102, 103]);
  expect(tokensOfText([1, 2], around, 2)).toEqual([101, 102, 103]);
});

test("words begin at their first pieces; one that does not fit whole is left out, with all behind it", () => {
  expect(tokensOfWords([[1], [2, 3], [4]], around, 9)).toEqual({
    ids: [101, 1, 2, 3, 4, 102, 103],
    positions: [1, 2, 4],
  });
  expect(tokensOfWords([[1], [2, 3], [4]], around, 5)).toEqual({ ids: [101, 1, 102, 103], positions: [1] });
  // One without pieces has the place of what stands before it.
  expect(tokensOfWords([[1], [], [4]], around, 9)).toEqual({ ids: [101, 1, 4, 102, 103], positions: [1, 1, 2] });
  expect(tokensOfWords([[], [4]], { before: [], behind: [] }, 9)).toEqual({ ids: [4], positions: [0, 0] });
  expect(tokensOfWords([], around, 9)).toEqual({ ids: [101, 102, 103], positions: [] });
});

test("words are led by a blank where pieces have blanks in them", () => {
  const characters = (text: string): readonly number[] => Array.from(text, (letter) => letter.charCodeAt(0));
  expect(wordLead((texts) => texts.map(characters))).toBe(" ");
  expect(wordLead((texts) => texts.map((text) => characters(text.replaceAll(" ", ""))))).toBe("");
  expect(ledWords(["a", "b", "c"], " ")).toEqual(["a", " b", " c"]);
  expect(ledWords(["a", "b"], "")).toEqual(["a", "b"]);
});
