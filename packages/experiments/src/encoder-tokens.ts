/** Texts and words as the tokens that an encoder takes: one rule for runs and for exported folders. */
import type { PieceIds } from "./text-io.js";

/** Tokens of a text, and where its words begin among them. */
export interface WordTokens {
  readonly ids: readonly number[];
  /** Of each word the place of its first token; of the words alone that there is room for. */
  readonly positions: readonly number[];
}

/** The ids of a text by its pieces, `most` at most: pieces beyond are left out, what begins and ends a text never is. */
export const tokensOfText = (
  pieces: readonly number[],
  { before, behind }: Pick<PieceIds, "before" | "behind">,
  most: number,
): readonly number[] => [...before, ...pieces.slice(0, Math.max(0, most - before.length - behind.length)), ...behind];

/**
 * The ids of a sentence by the pieces of its words, `most` at most: words that do not fit whole are left out, with all behind
 * them.
 */
export function tokensOfWords(
  words: readonly (readonly number[])[],
  { before, behind }: Pick<PieceIds, "before" | "behind">,
  most: number,
): WordTokens {
  const ids = [...before];
  const positions: number[] = [];
  for (const word of words) {
    if (ids.length + word.length > most - behind.length) break;
    // A word without pieces, such as a control character, has the state of what stands before it.
    positions.push(word.length > 0 ? ids.length : Math.max(0, ids.length - 1));
    ids.push(...word);
  }
  return { ids: [...ids, ...behind], positions };
}

/** The lead of a word that is not the first: a blank, for tokenizers that have blanks in their pieces. */
export function wordLead(split: PieceIds["split"]): "" | " " {
  const [both = [], first = [], second = [], led = []] = split(["a b", "a", "b", " b"]);
  const isBoth = (rest: readonly number[]): boolean => String([...first, ...rest]) === String(both);
  return isBoth(led) && !isBoth(second) ? " " : "";
}

/** The words of a sentence as they are split into pieces. */
export const ledWords = (words: readonly string[], lead: "" | " "): readonly string[] =>
  words.map((word, i) => (i === 0 ? word : lead + word));
