/** Texts as users give them to exported learners. */
import { quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";

/** Characters of a text that a tokenizer is given, at most. */
export const longestText = 2 ** 20;

/**
 * The texts among inputs.
 *
 * @param most characters of one
 * @throws ExportError ILE206 for what is none, empty or longer
 */
export const givenTexts = (given: readonly unknown[], most: number = Number.POSITIVE_INFINITY): readonly string[] =>
  given.map((each, i) => {
    const isText = typeof each === "string" && each.trim() !== "";
    if (isText && each.length <= most) return each;
    const problem = isText
      ? `it has ${each.length} characters, and ${most} are read`
      : `it is ${each === "" ? "empty" : quoted(each)}`;
    throw new ExportError("ILE206", `input ${i + 1}`, problem, "Give a text, with a letter at least");
  });
