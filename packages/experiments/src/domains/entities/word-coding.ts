/** Sentences as numbers: lexical features of their words, and states where there is a backbone. */
import {
  type MarkedText,
  type WordCoding,
  type WordSetting,
  wordFeatureSlots,
  wordFeatures,
  wordsOf,
} from "@innerloop/core/tasks";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { EncoderRecord, TextBackbone } from "../../text-io.js";

/** Ids that features are hashed to. */
export const featureIds = 32_768;

/** Words of a text as offsets. */
export const wordPlaces = (text: string): readonly (readonly [number, number])[] =>
  wordsOf(text).map(({ start, end }) => [start, end] as const);

/** The words of marked text: its own, where it has some. */
export const wordsIn = ({ text, words }: Pick<MarkedText, "text" | "words">): readonly (readonly [number, number])[] =>
  words ?? wordPlaces(text);

const writtenWords = (text: Pick<MarkedText, "text" | "words">): readonly string[] =>
  wordsIn(text).map(([start, end]) => text.text.slice(start, end));

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
 * @param texts all that it is to be used for, as the same objects
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
    const used = texts.filter((text) => wordsIn(text).length <= setting.length);
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

/** The words that 99 of 100 sentences have at most. */
export function usualLength(texts: readonly MarkedText[], most: number): number {
  const lengths = texts.map((text) => wordsIn(text).length).sort((a, b) => a - b);
  const percentile = lengths[Math.max(0, Math.ceil(0.99 * lengths.length) - 1)] ?? 1;
  return Math.min(most, Math.max(1, percentile));
}

/**
 * The backbone of a run, as it was.
 *
 * @throws UsageError where there is another in its place
 */
export async function backboneOf(record: EncoderRecord, io: DataIo, work: LongWork): Promise<TextBackbone> {
  const found = await io.textBackbone(record.folder === "" ? record.name : record.folder, work);
  if (found.sha256 === record.sha256) return found;
  await found.close();
  throw new UsageError(
    `the backbone at ${io.shown(record.folder)} is another than that of the run (sha256 ${found.sha256.slice(0, 16)}, not ${record.sha256.slice(0, 16)})`,
    "Put the one of the run in its place",
  );
}
