/** Marked texts as numbers: features and tags of their words, by domain. */
import { TaskError } from "../../tasks/task.js";
import type { MarkedText, MarkedTexts } from "./marked-texts.js";
import type { WordSetting } from "./token-inputs.js";
import type { Words } from "./word-tags.js";

/** Sentences of one domain, whose types are told apart. Plain data: words of all sentences one after another. */
export interface SentenceDomain {
  readonly name: string;
  /** Names of types: `types[0]` is that of tag 1. */
  readonly types: readonly string[];
  /** [sentences + 1]: sentence i has the words from `starts[i]` to `starts[i + 1]`. */
  readonly starts: Int32Array;
  /** [words, slots] */
  readonly lexical: Int32Array;
  /** [words, width], where there are states. */
  readonly states?: Float32Array;
  /** [words]: 0 for none, t for `types[t - 1]`. */
  readonly tags: Int32Array;
}

/** Sentences that episodes are drawn from. */
export interface CodedSentences extends WordSetting {
  readonly name: string;
  readonly domains: readonly SentenceDomain[];
  /** Sentences with more words than `length`, which are left out. */
  readonly tooLong: number;
}

/** The coding of sentences as numbers. */
export interface WordCoding extends WordSetting {
  /** The words of a text, where it does not come with its own. */
  wordsOf(text: string): Words;
  /** Ids of the features of a sentence's words, [words, slots]. */
  lexicalOf(words: readonly string[]): Int32Array;
  /** States of the words of the text at a place, [words, width], where there are any. */
  readonly statesOf?: (text: MarkedText, index: number, words: Words) => Float32Array;
}

/** The name of the domain of texts that name none. */
export const onlyDomain = "all";

/**
 * Marked texts as numbers. A word is of a type where a span touches it: a span that ends within a word is the whole word.
 * Sentences of more than `coding.length` words, and those without any, are left out.
 *
 * @throws TaskError ILT301 where a span lies outside of its text, is empty or holds no word, where two touch one word, where words are not in their order, or
 * where a coding gives another number of features than it says
 * @example codedSentences(marked, { length: 32, ...lexicalCoding, wordsOf })
 */
export function codedSentences(texts: MarkedTexts, coding: WordCoding): CodedSentences {
  const { length, slots, ids, width } = coding;
  const byDomain = new Map<string, DomainInTheMaking>();
  let tooLong = 0;
  texts.texts.forEach((text, index) => {
    const where = `sentence ${index + 1} of ${texts.name}`;
    const words = text.words ?? coding.wordsOf(text.text);
    if (words.length === 0) return;
    const name = text.domain ?? onlyDomain;
    let domain = byDomain.get(name);
    if (!domain) {
      domain = new DomainInTheMaking();
      byDomain.set(name, domain);
    }
    const tags = tagsOf(text, words, (type) => domain.tagOf(type), where);
    if (words.length > length) {
      tooLong++;
      return;
    }
    const lexical = coding.lexicalOf(words.map(([start, end]) => text.text.slice(start, end)));
    requireNumbers(lexical.length, words.length * slots.length, `${where} has lexical features`);
    const states = coding.statesOf?.(text, index, words);
    if (width > 0) requireNumbers(states?.length ?? 0, words.length * width, `${where} has states`);
    domain.add(tags, lexical, width > 0 ? states : undefined);
  });
  return {
    ...{ name: texts.name, length, slots, ids, width, tooLong },
    domains: [...byDomain].map(([name, domain]) => domain.made(name, slots.length, width)),
  };
}

function requireNumbers(found: number, expected: number, what: string): void {
  if (found === expected) return;
  const problem = `${what} of ${found} numbers, not ${expected}`;
  throw new TaskError("ILT301", "codedSentences", problem, "A coding gives as many of each word as it says");
}

/**
 * IO tags of the words of a text by its spans.
 *
 * @param words in their order, none over another
 * @throws TaskError ILT301 as `codedSentences`
 */
export function tagsOf(
  { text, spans }: Pick<MarkedText, "text" | "spans">,
  words: Words,
  tagOf: (type: string) => number,
  where: string,
): Int32Array {
  const tags = new Int32Array(words.length);
  const owner = new Map<number, MarkedText["spans"][number]>();
  const shown = ({ start, end, type }: MarkedText["spans"][number]): string => `${type} at ${start} to ${end}`;
  const refuse = (problem: string, remedy: string): never => {
    throw new TaskError("ILT301", "codedSentences", `${where}: ${problem}`, remedy);
  };
  const turned = words.findIndex(([from, to], word) => from >= to || (word > 0 && from < words[word - 1]![1]));
  if (turned >= 0)
    refuse(`word ${turned + 1} is from ${words[turned]!.join(" to ")}`, "Give words in their order, none over another");
  for (const span of spans) {
    const { start, end } = span;
    if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start < end && end <= text.length))
      refuse(
        `${shown(span)} in a text of ${text.length}`,
        "Spans are UTF-16 offsets within the text, the end not included",
      );
    const first = firstBehind(words, start);
    for (let word = first; word < words.length && words[word]![0] < end; word++) {
      const other = owner.get(word);
      if (other)
        refuse(
          `${shown(other)} and ${shown(span)} share the word "${text.slice(...words[word]!)}"`,
          "Mark a word once: spans do not overlap",
        );
      owner.set(word, span);
      tags[word] = tagOf(span.type);
    }
    if (owner.get(first) !== span) refuse(`${shown(span)} holds no word`, "Mark words");
  }
  return tags;
}

/** The first of the words, which are in their order, that ends behind a place; their number where none does. */
function firstBehind(words: Words, place: number): number {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle]![1] > place) high = middle;
    else low = middle + 1;
  }
  return low;
}

class DomainInTheMaking {
  /** Tags by type, in the order in which types first come up. */
  private readonly types = new Map<string, number>();
  private readonly lengths: number[] = [];
  private readonly tags: Int32Array[] = [];
  private readonly lexical: Int32Array[] = [];
  private readonly states: Float32Array[] = [];

  tagOf(type: string): number {
    const tag = this.types.get(type) ?? this.types.size + 1;
    this.types.set(type, tag);
    return tag;
  }

  add(tags: Int32Array, lexical: Int32Array, states: Float32Array | undefined): void {
    this.lengths.push(tags.length);
    this.tags.push(tags);
    this.lexical.push(lexical);
    if (states) this.states.push(states);
  }

  /** With types in the order of their names: it does not depend on the order of the sentences. */
  made(name: string, slots: number, width: number): SentenceDomain {
    const found = [...this.types.keys()];
    const types = [...found].sort((a, b) => (a < b ? -1 : 1));
    const tagOf = new Map(types.map((type, i) => [type, i + 1]));
    const place = [0, ...found.map((type) => tagOf.get(type)!)];
    const starts = new Int32Array(this.lengths.length + 1);
    this.lengths.forEach((length, i) => {
      starts[i + 1] = starts[i]! + length;
    });
    const words = starts.at(-1)!;
    const tags = new Int32Array(words);
    const lexical = new Int32Array(words * slots);
    const states = width > 0 ? new Float32Array(words * width) : undefined;
    this.tags.forEach((own, i) => {
      const start = starts[i]!;
      tags.set(
        own.map((tag) => place[tag]!),
        start,
      );
      lexical.set(this.lexical[i]!, start * slots);
      states?.set(this.states[i]!, start * width);
    });
    return { name, types, starts, lexical, tags, ...(states ? { states } : {}) };
  }
}

/**
 * The same data with some of its domains alone, in the order given.
 *
 * @throws TaskError ILT304 where there is no such domain
 */
export function selectDomains(data: CodedSentences, names: readonly string[]): CodedSentences {
  const domains = names.map((name) => {
    const found = data.domains.find((domain) => domain.name === name);
    if (found) return found;
    const problem = `there is no domain "${name}" in ${data.name}`;
    const remedy = `Choose of ${data.domains.map((domain) => domain.name).join(", ")}`;
    throw new TaskError("ILT304", "selectDomains", problem, remedy);
  });
  return { ...data, domains };
}
