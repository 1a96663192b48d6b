/** Spans in sentences by the tags that a learner gives to their words. */
import { type FoundSpan, foundSpans, type WordSetting } from "@innerloop/core/tasks";
import { rowsOf, type Sentence } from "./sentence-rows.js";

/** A span that was found: UTF-16 offsets into the text as it was given. */
export interface FoundEntity extends FoundSpan {
  /** The characters of the span. */
  readonly text: string;
}

/** Tags and scores of rows, as `TagPrediction` has them. */
export interface RowTags {
  /** [rows, length] */
  readonly tags: ArrayLike<number>;
  /** [rows, length, count] */
  readonly scores: ArrayLike<number>;
  /** Tags that are scored. */
  readonly count: number;
}

/**
 * The spans of sentences, whose rows are those of `rowsOf`. A tag beyond the types at hand is none.
 *
 * @param types names by tag: `types[0]` is that of tag 1
 */
export function foundEntities(
  sentences: readonly Sentence[],
  { tags, scores, count }: RowTags,
  types: readonly string[],
  setting: WordSetting,
): readonly (readonly FoundEntity[])[] {
  const { length } = setting;
  const found = sentences.map(({ words }) => ({
    tags: new Int32Array(words.length),
    scores: new Float32Array(words.length * count),
  }));
  rowsOf(sentences, setting).forEach(({ sentence, from, to }, row) => {
    const own = found[sentence]!;
    for (let word = from; word < to; word++) {
      const at = row * length + word - from;
      const tag = tags[at]!;
      own.tags[word] = tag > types.length ? 0 : tag;
      for (let i = 0; i < count; i++) own.scores[word * count + i] = scores[at * count + i]!;
    }
  });
  return sentences.map(({ text, words }, i) =>
    foundSpans({ ...found[i]!, words, types }).map(({ start, end, type, probability }) => ({
      ...{ start, end, text: text.slice(start, end), type, probability },
    })),
  );
}
