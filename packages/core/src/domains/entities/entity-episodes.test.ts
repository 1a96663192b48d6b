import { toNumbers } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import { checkedTask, specOf } from "../../tasks/source-spec.js";
import { splitSeed, type Task, withoutPadding } from "../../tasks/task.js";
import { codedSentences, selectDomains, type WordCoding } from "./coded-sentences.js";
import { entityEpisodes } from "./entity-episodes.js";
import type { MarkedText } from "./marked-texts.js";
import type { TokenInputs } from "./token-inputs.js";
import { wordSpans } from "./word-tags.js";

const wordsOf = (text: string): (readonly [number, number])[] =>
  [...text.matchAll(/\S+/g)].map(({ index, 0: word }) => [index, index + word.length] as const);

/** A feature of its own for each word of the data. */
const vocabulary = new Map<string, number>();
const idOf = (word: string): number => {
  if (!vocabulary.has(word)) vocabulary.set(word, vocabulary.size + 1);
  return vocabulary.get(word)!;
};
const coding: WordCoding = {
  length: 12,
  slots: ["word"],
  ids: 10_000,
  width: 0,
  wordsOf,
  lexicalOf: (words) => Int32Array.from(words, idOf),
};

/** Sentences whose first word is their number; types are of very different frequency, many sentences have several. */
function sentence(domain: string, index: number, types: number): MarkedText {
  const source = random(5, domain.length, index);
  let text = `${domain}${index}`;
  const spans: { start: number; end: number; type: string }[] = [];
  for (let type = 0; type < types; type++) {
    for (let times = 0; times < 2; times++) {
      if (source.uniform() > 0.7 / (type + 1)) continue;
      text += " and ";
      const start = text.length;
      text += source.uniform() < 0.5 ? "big thing" : "thing";
      spans.push({ start, end: text.length, type: `type ${type}` });
    }
  }
  return { text, spans, domain };
}
const texts = [
  ...Array.from({ length: 150 }, (_, i) => sentence("a", i, 2)),
  ...Array.from({ length: 150 }, (_, i) => sentence("bb", i, 3)),
];
const data = codedSentences({ name: "things", texts }, { ...coding, length: 24 });

/** Spans of each tag in the sentences of a set, sentence by sentence. */
const spanCounts = (y: number[][], types: number): number[][] =>
  y.map((tags) => {
    const counts = Array.from({ length: types + 1 }, () => 0);
    for (const { tag } of wordSpans(tags)) counts[tag]!++;
    return counts;
  });
const rowsIn = (task: Task<TokenInputs>, set: "support" | "query"): number[][] =>
  (withoutPadding(task)[set].y.data ? nested(withoutPadding(task)[set].y) : []) as number[][];
const nested = (y: Task<TokenInputs>["support"]["y"]): number[][] => {
  const flat = toNumbers(y);
  const [n, length] = y.shape as [number, number];
  return Array.from({ length: n }, (_, i) => flat.slice(i * length, (i + 1) * length));
};
/** The first word of each sentence, which no other has. */
const namesIn = ({ x, y }: Task<TokenInputs>["support"]): number[] =>
  Array.from({ length: y.shape[0]! }, (_, i) => toNumbers(x.lexical)[i * 24]!);

describe.each([1, 5])("support sets of %d shots of all types", (shots) => {
  const source = entityEpisodes(data, { shots, queries: 20 });

  test("have at least K spans of each type, and no sentence that can go", () => {
    for (let index = 0; index < 60; index++) {
      const task = source.sample(3, index);
      const rows = rowsIn(task, "support");
      const types = Math.max(...rows.flat());
      const counts = spanCounts(rows, types);
      const total = (left: readonly number[][], tag: number): number => left.reduce((sum, row) => sum + row[tag]!, 0);
      for (let tag = 1; tag <= types; tag++) expect(total(counts, tag)).toBeGreaterThanOrEqual(shots);
      rows.forEach((_, row) => {
        const left = counts.filter((_row, i) => i !== row);
        const suffices = Array.from({ length: types }, (_tag, i) => total(left, i + 1) >= shots).every(Boolean);
        expect(suffices).toBe(false);
      });
      expect(rows.length).toBeLessThanOrEqual(types * shots);
    }
  });

  test("have about 2 K spans of a type at most, in the mean over the types of many tasks", () => {
    const all = Array.from({ length: 60 }, (_, index) => {
      const rows = rowsIn(source.sample(4, index), "support");
      const types = Math.max(...rows.flat());
      return spanCounts(rows, types).reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0) / types;
    });
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    expect(mean).toBeGreaterThanOrEqual(shots);
    expect(mean).toBeLessThanOrEqual(2 * shots + 1);
  });
});

test("support and query share no sentence, and tasks are whole as the spec says", () => {
  const source = entityEpisodes(data, { shots: 2, queries: 30 });
  for (let index = 0; index < 40; index++) {
    const task = checkedTask(source, 1, index, { operation: "test", spec: specOf(source), declared: true });
    const { support, query } = withoutPadding(task);
    const [ofSupport, ofQuery] = [namesIn(support), namesIn(query)];
    expect(ofQuery).toHaveLength(30);
    expect(new Set([...ofSupport, ...ofQuery]).size).toBe(ofSupport.length + ofQuery.length);
  }
});

test("the same address is the same task, another address another", () => {
  const source = entityEpisodes(data, { shots: 1, queries: 5 });
  const text = (index: number): string => JSON.stringify(source.sample(splitSeed(1, "train"), index), replacer);
  expect(text(7)).toBe(text(7));
  expect(text(7)).not.toBe(text(8));
});
const replacer = (key: string, value: unknown): unknown => (key === "data" ? [...(value as number[])] : value);

test("tasks are of one domain, which the pool tells", () => {
  const source = entityEpisodes(data, { shots: 1, queries: 5 });
  const seen = new Set<number>();
  for (let index = 0; index < 20; index++) {
    const [place] = source.pool!.drawn(1, index) as [number];
    seen.add(place);
    const names = namesIn(source.sample(1, index).support).filter((id) => id > 0);
    const own = texts
      .filter(({ domain }) => domain === ["a", "bb"][place])
      .map(({ text }) => idOf(text.split(" ")[0]!));
    for (const name of names) expect(own).toContain(name);
  }
  expect(seen.size).toBe(2);
});

test("types are numbered anew by each task, or in the order of their names", () => {
  const orders = (numbering: "fixed" | "shuffled"): number => {
    const source = entityEpisodes(selectDomains(data, ["bb"]), { shots: 1, queries: 1, numbering });
    const one = data.domains[1]!;
    const numbers = new Set<string>();
    for (let index = 0; index < 60; index++) {
      const { support } = withoutPadding(source.sample(2, index));
      const tags = toNumbers(support.y);
      // What each tag of the data is called in this task.
      const found = new Map<number, number>();
      namesIn(support).forEach((name, i) => {
        const row = texts
          .filter(({ domain }) => domain === "bb")
          .findIndex(({ text }) => idOf(text.split(" ")[0]!) === name);
        const [from, to] = [one.starts[row]!, one.starts[row + 1]!];
        for (let word = from; word < to; word++)
          if (one.tags[word]! > 0) found.set(one.tags[word]!, tags[i * 24 + word - from]!);
      });
      numbers.add([1, 2, 3].map((tag) => found.get(tag)).join());
    }
    return numbers.size;
  };
  expect(orders("fixed")).toBe(1);
  expect(orders("shuffled")).toBe(6);
});

test("of N types of a domain, sentences with spans of others are left out", () => {
  const source = entityEpisodes(selectDomains(data, ["bb"]), { types: 2, shots: 2, queries: 10 });
  const one = data.domains[1]!;
  const own = texts.filter(({ domain }) => domain === "bb");
  for (let index = 0; index < 30; index++) {
    const task = withoutPadding(source.sample(6, index));
    const types = new Set<number>();
    for (const set of [task.support, task.query]) {
      const tags = nested(set.y);
      namesIn(set).forEach((name, i) => {
        const row = own.findIndex(({ text }) => idOf(text.split(" ")[0]!) === name);
        const given = Array.from(one.tags.subarray(one.starts[row]!, one.starts[row + 1]!));
        for (const tag of given) if (tag > 0) types.add(tag);
        // All that is marked in the data is marked in the task.
        expect(tags[i]!.slice(0, given.length).map((tag) => tag > 0)).toEqual(given.map((tag) => tag > 0));
      });
    }
    expect(types.size).toBe(2);
  }
});

describe("what cannot be drawn is refused", () => {
  test.each([
    ["more types than a domain has", { types: 3, shots: 1, queries: 1 }, "ILT402"],
    ["types with too few spans", { shots: 200, queries: 1 }, "ILT401"],
    ["no shots", { shots: 0, queries: 1 }, "ILT201"],
    ["no queries", { shots: 1, queries: 0 }, "ILT201"],
  ] as const)("%s", (_, options, code) => {
    expect(() => entityEpisodes(data, options)).toThrow(code);
  });

  test("a support set that is to be shorter than any", () => {
    const source = entityEpisodes(selectDomains(data, ["bb"]), { shots: 5, queries: 1, longestSupport: 2 });
    expect(() => source.sample(1, 0)).toThrow("ILT401");
  });

  test("types with too few spans are left out where that is asked for, with their sentences", () => {
    const rare = { text: "a rare thing", spans: [{ start: 2, end: 6, type: "rare" }], domain: "a" };
    const more = codedSentences({ name: "things", texts: [...texts, rare] }, { ...coding, length: 24 });
    expect(() => entityEpisodes(more, { shots: 1, queries: 1 })).toThrow('type "rare"');
    const source = entityEpisodes(more, { shots: 1, queries: 1, skipSmallTypes: true });
    expect(source.description.skippedTypes).toBe(1);
    expect(source.pool!.examples).toBe(300);
  });
});
