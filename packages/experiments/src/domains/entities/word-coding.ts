/** Sentences as numbers: lexical features of their words, and states where there is a backbone. */
import {
  lengthFor,
  type MarkedText,
  type WordCoding,
  type WordSetting,
  wordFeatureSlots,
  wordFeatures,
  wordsOf,
} from "@innerloop/core/tasks";
import type { LongWork } from "../../io.js";
import type { TextBackbone } from "../../text-io.js";

/** Ids that features are hashed to. */
export const featureIds = 32_768;

/** Words of a text as offsets. */
export const wordPlaces = (text: string): readonly (readonly [number, number])[] =>
  wordsOf(text).map(({ start, end }) => [start, end] as const);

/** A word as offsets, `end` not included. */
type Place = readonly [start: number, end: number];

/**
 * The words of marked text: its own, where it has some. A word that two spans share is cut between them, as scripts that
 * write no blanks have it.
 */
export function wordsIn({ text, words, spans }: Pick<MarkedText, "text" | "words" | "spans">): readonly Place[] {
  const found = words ?? wordPlaces(text);
  let pair = 0;
  return found.flatMap(([start, end]): readonly Place[] => {
    // Pairs of neighbours of which the second begins before this word are of no later word either.
    while (pair + 1 < spans.length && spans[pair + 1]!.start <= start) pair++;
    const cuts = [start];
    for (let i = pair; i + 1 < spans.length && spans[i + 1]!.start < end; i++)
      if (spans[i]!.end > start) cuts.push(...new Set([spans[i]!.end, spans[i + 1]!.start]));
    const places = [...cuts, end];
    return cuts.map((from, i) => [from, places[i + 1]!] as const);
  });
}

/** The same text with its words. */
export const withWords = (text: MarkedText): MarkedText => ({ ...text, words: wordsIn(text) });

const writtenWords = (text: MarkedText): readonly string[] =>
  (text.words ?? wordPlaces(text.text)).map(([start, end]) => text.text.slice(start, end));

/** The setting of words: lexical features, of a length, with states of a width. */
export const wordSetting = (length: number, width: number): WordSetting => ({
  length,
  slots: wordFeatureSlots,
  ids: featureIds,
  width,
});

/** Lexical features of words, [words, slots]. */
export const lexicalOf = (words: readonly string[], { ids }: WordSetting): Int32Array =>
  wordFeatures(words, { buckets: ids });

/**
 * The coding of marked texts, of which states are made at once.
 *
 * @param texts all that it is to be used for, as the same objects, with their words
 */
export async function wordCoding(
  texts: readonly MarkedText[],
  setting: WordSetting,
  backbone: TextBackbone | undefined,
  work: LongWork,
): Promise<WordCoding> {
  const states = new Map<MarkedText, Float32Array>();
  if (backbone) {
    // What is longer than a task takes is in none.
    const used = texts.filter((text) => (text.words ?? []).length <= setting.length);
    const made = await backbone.states(used.map(writtenWords), work);
    used.forEach((text, i) => {
      states.set(text, made[i]!);
    });
  }
  return {
    ...setting,
    wordsOf: wordPlaces,
    lexicalOf: (words) => lexicalOf(words, setting),
    ...(backbone ? { statesOf: (text: MarkedText) => states.get(text)! } : {}),
  };
}

/** The words that 99 of 100 sentences, which have their words, have at most. */
export const usualLength = (texts: readonly MarkedText[], most: number): number =>
  Math.min(most, lengthFor(texts.map(({ words = [] }) => words)).length);
