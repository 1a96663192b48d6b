/** Spans with their probabilities, from what a learner predicts of the words of a sentence. */
import { TaskError } from "../../tasks/task.js";
import { type Words, wordSpans } from "./word-tags.js";

/** A span that was found: UTF-16 offsets, `end` not included, its type and how probable it is. */
export interface FoundSpan {
  readonly start: number;
  readonly end: number;
  readonly type: string;
  /** From 0 to 1: see `foundSpans`. */
  readonly probability: number;
}

/**
 * The spans of one sentence with their probabilities: of each the geometric mean over its words of the probability of its
 * type,
 *
 *   p = exp((1 / m) sum over its m words of log p(type | word))
 *
 * which is that of the learner's scores: marginals of the chain, for learners that have one. It does not fall with the
 * length of a span, and is above the probability that all its words are of the type and none beside it.
 *
 * @param tags of the words, 0 for none
 * @param scores log probabilities of tags, [words, tags] row by row
 * @param types names by tag: `types[0]` is that of tag 1
 * @throws TaskError ILT301 where there are fewer tags or scores than words, or a tag has no name
 * @example foundSpans({ tags: [1, 0], scores: [-3, -0.1, -0.2, -2], words: [[0, 3], [4, 8]], types: ["name"] })
 */
export function foundSpans({
  tags,
  scores,
  words,
  types,
}: {
  readonly tags: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
  readonly words: Words;
  readonly types: readonly string[];
}): FoundSpan[] {
  const count = scores.length / Math.max(tags.length, 1);
  if (tags.length < words.length || !Number.isInteger(count)) {
    const problem = `${tags.length} tags and ${scores.length} scores of ${words.length} words`;
    throw new TaskError("ILT301", "foundSpans", problem, "Give the tags of all words, and as many scores of each");
  }
  return wordSpans(tags, 0, words.length).map(({ start, end, tag }) => {
    const type = types[tag - 1];
    if (type === undefined || tag >= count) {
      const problem = `tag ${tag} of ${types.length} types and ${count} scores of a word`;
      throw new TaskError("ILT301", "foundSpans", problem, "Give the names and scores of all tags");
    }
    let sum = 0;
    for (let word = start; word < end; word++) sum += scores[word * count + tag]!;
    const probability = Math.min(1, Math.exp(sum / (end - start)));
    return { start: words[start]![0], end: words[end - 1]![1], type, probability };
  });
}
