/** Tags of words, IO and BIO, and the spans that they stand for. */
import { TaskError } from "../../tasks/task.js";

/** A run of words with one tag: places of words, `end` not included, and the tag. */
export interface WordSpan {
  readonly start: number;
  readonly end: number;
  /** The number of the type, from 1 on. */
  readonly tag: number;
}

/**
 * The spans of IO tags: the longest runs of words with one tag, without those of tag 0, none. Two spans of one type that
 * touch are one in IO tags.
 *
 * @param tags of the words of one sentence: 0 for none, from 1 on for types
 * @param from the first of them, 0 unless given
 * @param to behind the last of them, all of them unless given
 * @example wordSpans([0, 2, 2, 1]) // [{ start: 1, end: 3, tag: 2 }, { start: 3, end: 4, tag: 1 }]
 */
export function wordSpans(tags: ArrayLike<number>, from = 0, to = tags.length): WordSpan[] {
  const spans: WordSpan[] = [];
  for (let start = from; start < to; ) {
    const tag = tags[start]!;
    let end = start + 1;
    while (end < to && tags[end] === tag) end++;
    if (tag > 0) spans.push({ start: start - from, end: end - from, tag });
    start = end;
  }
  return spans;
}

/** Words of a text, as UTF-16 offsets, `end` not included. */
export type Words = readonly (readonly [start: number, end: number])[];

/**
 * The spans of a text by the IO tags of its words: UTF-16 offsets, from the start of the first word of a run to the end of
 * its last.
 *
 * @param types names by tag: `types[0]` is that of tag 1
 * @throws TaskError ILT301 where there are fewer tags than words, or a tag has no name
 * @example spansOf([0, 1, 1], [[0, 2], [3, 6], [7, 11]], ["place"]) // [{ start: 3, end: 11, type: "place" }]
 */
export function spansOf(
  tags: ArrayLike<number>,
  words: Words,
  types: readonly string[],
): { readonly start: number; readonly end: number; readonly type: string }[] {
  if (tags.length < words.length) {
    const problem = `${tags.length} tags of ${words.length} words`;
    throw new TaskError("ILT301", "spansOf", problem, "Give the tags of all words");
  }
  return wordSpans(tags, 0, words.length).map(({ start, end, tag }) => {
    const type = types[tag - 1];
    if (type === undefined) {
      const problem = `tag ${tag} of ${types.length} types`;
      throw new TaskError("ILT301", "spansOf", problem, "Give the names of all types, that of tag 1 first");
    }
    return { start: words[start]![0], end: words[end - 1]![1], type };
  });
}

/**
 * BIO tags of spans, as CoNLL files have them: "B-type" for the first word of a span, "I-type" for the others, "O" for
 * none.
 *
 * @param count of words
 */
export function bioTags(spans: readonly WordSpan[], count: number, types: readonly string[]): string[] {
  const tags = Array.from({ length: count }, () => "O");
  for (const { start, end, tag } of spans)
    for (let word = start; word < end; word++) tags[word] = `${word === start ? "B" : "I"}-${types[tag - 1]}`;
  return tags;
}

/** A span of words by the name of its type. */
export interface NamedWordSpan {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

/**
 * The spans of BIO tags, read as CoNLL's scorer and seqeval read them: a span goes on where an "I-" of its type follows,
 * and an "I-" after anything else begins one. IO tags, which have no "B-", are read by the same rule.
 *
 * @returns undefined where a tag is neither "O" nor "B-type" nor "I-type", with the place of the first such tag as `at`
 */
export function spansOfBio(
  tags: readonly string[],
): { readonly spans: NamedWordSpan[] } | { readonly spans?: never; readonly at: number } {
  const spans: NamedWordSpan[] = [];
  let open: { start: number; type: string } | undefined;
  const close = (end: number): void => {
    if (open) spans.push({ start: open.start, end, type: open.type });
    open = undefined;
  };
  for (const [at, tag] of tags.entries()) {
    if (tag === "O") {
      close(at);
      continue;
    }
    const mark = tag.slice(0, 2);
    const type = tag.slice(2);
    if ((mark !== "B-" && mark !== "I-") || type === "") return { at };
    if (mark === "B-" || open?.type !== type) {
      close(at);
      open = { start: at, type };
    }
  }
  close(tags.length);
  return { spans };
}
