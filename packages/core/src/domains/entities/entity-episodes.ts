/** Few-shot sequence labelling: episodes of whole sentences, greedily minimal, addressed. */
import { type Tensor, tensor } from "@innerloop/graph";
import { type Random, random } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  describeCount,
  drawCount,
  type Examples,
  TaskError,
  wholeNumber,
} from "../../tasks/task.js";
import { requireObject } from "../../tasks/value-gate.js";
import type { CodedSentences, SentenceDomain } from "./coded-sentences.js";
import { type TokenInputs, tokenSpec } from "./token-inputs.js";
import { wordSpans } from "./word-tags.js";

/** Options of `entityEpisodes`. */
export interface EntityEpisodeOptions {
  /** Types of a task (N), drawn of those of its domain; all of them unless given. */
  readonly types?: Count;
  /** Spans of each type in the support set (K), at least; at most about twice as many. */
  readonly shots: Count;
  /** Query sentences. */
  readonly queries: number;
  /**
   * Sentences of the support set, at most; draws that have more are drawn again. Unless given it is a quarter more than the
   * longest of 100 draws of each domain, and no more than types x shots, which none exceeds.
   */
  readonly longestSupport?: number;
  /**
   * How the types of a task are numbered: in random order, which tells a learner nothing of them (unless given), or in the
   * order of their names.
   */
  readonly numbering?: "shuffled" | "fixed";
  /** Leave out types with no more than K spans, and the sentences that have some, rather than refuse them. */
  readonly skipSmallTypes?: boolean;
}

/** Draws of a support set before its address is given up: with other sentences it may be shorter. */
const mostDraws = 64;

/**
 * Episodes of sequence labelling: a domain, each equally likely; N of its types or all of them; a support set of whole
 * sentences that is greedily minimal; and `queries` other sentences, drawn at random from all that are left, those
 * without any span too.
 *
 * The support set is made as by Hou et al. 2020: types by rising frequency, of each random sentences that have it until
 * there are K spans of it; then each sentence is dropped without which all types still have K. So dropping any sentence of
 * the support set leaves a type with fewer than K spans, and a type has from K to about 2 K. Where N is not all types, the
 * sentences that have spans of others are left out, of support and query, as in Few-NERD's N-way K~2K (Ding et al. 2021).
 *
 * Inputs are `TokenInputs`, targets IO tags int32 [n, length] (0: none, 1 to N: types of the task, 0 for padding). A task
 * has at most `longestSupport` support sentences; sets are padded to one size, and `present` tells the sentences that are there.
 *
 * @throws ILT201 where an option is out of range; ILT401 where a type has no more than K spans and `skipSmallTypes` is not
 * set, or a domain too few sentences; ILT402 where a domain has fewer types than N
 * @example entityEpisodes(selectDomains(data, ["music"]), { shots: 5, queries: 20 }).sample(splitSeed(1, "test"), 0)
 */
export function entityEpisodes(
  data: CodedSentences,
  options: EntityEpisodeOptions,
): DescribedTaskSource<TokenInputs, Tensor> {
  requireObject(options, operation, "the second argument", "Give { shots, queries }");
  const { types, shots, queries, numbering = "shuffled", skipSmallTypes = false } = options;
  const mostShots = countRange(shots, operation, "shots").to;
  wholeNumber(queries, operation, "queries");
  const range = types === undefined ? undefined : countRange(types, operation, "types");
  if (data.domains.length === 0)
    throw new TaskError("ILT402", operation, `${data.name} has no domain`, "Select at least one");
  const domains = data.domains.map((domain) => new Sentences(data, domain, { mostShots, skipSmallTypes }));
  for (const domain of domains) {
    const found = domain.types.length;
    if (found >= (range?.from ?? 1)) continue;
    const problem = `${describeCount(types ?? 1)} types of ${found} in the domain "${domain.name}" of ${data.name}`;
    throw new TaskError("ILT402", operation, problem, "Lower types or shots, or leave the domain out");
  }
  const mostTypes = Math.max(...domains.map((domain) => Math.min(domain.types.length, range?.to ?? Infinity)));
  const longestSupport = wholeNumber(
    options.longestSupport ?? usualLongest(domains, { types, mostShots, queries, mostTypes }),
    operation,
    "longestSupport",
  );
  const skipped = domains.reduce((sum, domain) => sum + domain.skipped, 0);

  return {
    name: `${data.name} ${types === undefined ? "all types" : `${describeCount(types)}-way`} ${describeCount(shots)}-shot`,
    description: {
      data: data.name,
      domains: data.domains.map(({ name }) => name).join(", "),
      types: types === undefined ? "all of a domain" : describeCount(types),
      shots: describeCount(shots),
      querySentences: queries,
      support: "greedily minimal, version 1",
      longestSupport,
      numbering,
      skippedTypes: skipped,
      tooLongSentences: data.tooLong,
    },
    spec: {
      x: tokenSpec(data),
      y: { shape: [data.length], dtype: "int32", classes: { count: mostTypes + 1 } },
      support: { rows: longestSupport, present: true },
      query: { rows: queries, present: true },
    },
    pool: {
      of: "domains",
      count: domains.length,
      examples: domains.reduce((sum, { rows }) => sum + rows.length, 0),
      drawn: (seed, index) => [random(seed, index).integer(domains.length)],
    },
    sample(seed, index) {
      const domain = domains[random(seed, index).integer(domains.length)]!;
      for (let attempt = 0; attempt < mostDraws; attempt++) {
        const source = random(seed, index, attempt);
        const chosen = drawnTypes(domain, types, source);
        if (numbering === "fixed") chosen.sort((a, b) => a - b);
        const drawn = domain.draw(chosen, drawCount(shots, source), queries, source);
        if (!drawn || drawn.support.length > longestSupport || drawn.query.length === 0) continue;
        return {
          support: examplesOf(data, domain, drawn.support, { rows: longestSupport, types: chosen }),
          query: examplesOf(data, domain, drawn.query, { rows: queries, types: chosen }),
        };
      }
      const problem = `the domain "${domain.name}" of ${data.name} gives no support set of at most ${longestSupport} sentences that leaves others to ask about, in ${mostDraws} draws`;
      const remedy = "Raise longestSupport, lower types or shots, or leave the domain out";
      throw new TaskError("ILT401", operation, problem, remedy);
    },
  };
}

const operation = "entityEpisodes";

/** Tags of the types of a task, in random order. */
function drawnTypes({ types: all }: Sentences, types: Count | undefined, source: Random): number[] {
  const count = types === undefined ? all.length : Math.min(drawCount(types, source), all.length);
  return source.choose(all.length, count).map((place) => all[place]!);
}

/** Draws by which the usual length of support sets is found. */
const trialDraws = 100;

/** Minimal support sets are far shorter than types x shots where sentences have spans of several types. */
function usualLongest(
  domains: readonly Sentences[],
  {
    types,
    mostShots,
    queries,
    mostTypes,
  }: {
    readonly types: Count | undefined;
    readonly mostShots: number;
    readonly queries: number;
    readonly mostTypes: number;
  },
): number {
  let longest = 1;
  for (const domain of domains) {
    for (let trial = 0; trial < trialDraws; trial++) {
      const source = random(trial);
      const drawn = domain.draw(drawnTypes(domain, types, source), mostShots, queries, source);
      longest = Math.max(longest, drawn?.support.length ?? 0);
    }
  }
  return Math.min(Math.ceil(1.25 * longest), mostTypes * mostShots);
}

/** The sentences of a domain, by the spans that they have. */
class Sentences {
  readonly name: string;
  /** Tags of the types that tasks are of, in the order of their names. */
  readonly types: readonly number[];
  /** Types that are left out. */
  readonly skipped: number;
  /** Sentences that tasks are of: those without a span of a type that is left out. */
  readonly rows: readonly number[];
  /** By sentence, [sentences, types + 1]: the number of spans of each tag. */
  private readonly counts: Uint16Array;
  private readonly width: number;

  constructor(
    data: CodedSentences,
    readonly domain: SentenceDomain,
    { mostShots, skipSmallTypes }: { readonly mostShots: number; readonly skipSmallTypes: boolean },
  ) {
    const { name, types, starts, tags } = domain;
    this.name = name;
    this.width = types.length + 1;
    const sentences = starts.length - 1;
    this.counts = new Uint16Array(sentences * this.width);
    const totals = new Float64Array(this.width);
    for (let row = 0; row < sentences; row++) {
      for (const { tag } of wordSpans(tags, starts[row]!, starts[row + 1]!)) {
        this.counts[row * this.width + tag]!++;
        totals[tag]!++;
      }
    }
    const all = types.map((_, i) => i + 1);
    const small = all.filter((tag) => totals[tag]! <= mostShots);
    if (small[0] !== undefined && !skipSmallTypes) {
      const others = small.length > 1 ? `, as have ${small.length - 1} other types too few` : "";
      const problem = `type "${types[small[0] - 1]}" of the domain "${name}" of ${data.name} has ${totals[small[0]]} spans${others}; ${mostShots} shots take more`;
      throw new TaskError("ILT401", operation, problem, "Lower shots, or set skipSmallTypes: true to leave them out");
    }
    this.skipped = small.length;
    this.types = all.filter((tag) => !small.includes(tag));
    this.rows = Array.from({ length: sentences }, (_, row) => row).filter((row) =>
      small.every((tag) => this.countOf(row, tag) === 0),
    );
  }

  private countOf(row: number, tag: number): number {
    return this.counts[row * this.width + tag]!;
  }

  /** Support and query sentences of a task of these types; undefined where sentences run out. */
  draw(
    types: readonly number[],
    shots: number,
    queries: number,
    source: Random,
  ): { readonly support: readonly number[]; readonly query: readonly number[] } | undefined {
    const others = this.types.filter((tag) => !types.includes(tag));
    const rows =
      others.length === 0 ? [...this.rows] : this.rows.filter((row) => others.every((tag) => !this.countOf(row, tag)));
    source.shuffle(rows);
    const total = (tag: number): number => rows.reduce((sum, row) => sum + this.countOf(row, tag), 0);
    const totals = new Map(types.map((tag) => [tag, total(tag)]));
    // Types of one frequency in the order of their names, whatever their numbers in the task.
    const rising = [...types].sort((a, b) => totals.get(a)! - totals.get(b)! || a - b);
    const had = new Map(types.map((tag) => [tag, 0]));
    const take = (row: number, times: 1 | -1): void => {
      for (const tag of types) had.set(tag, had.get(tag)! + times * this.countOf(row, tag));
    };
    const support: number[] = [];
    const taken = new Set<number>();
    for (const tag of rising) {
      for (const row of rows) {
        if (had.get(tag)! >= shots) break;
        if (taken.has(row) || this.countOf(row, tag) === 0) continue;
        taken.add(row);
        support.push(row);
        take(row, 1);
      }
      if (had.get(tag)! < shots) return undefined;
    }
    const needed = support.filter((row) => {
      take(row, -1);
      if (types.every((tag) => had.get(tag)! >= shots)) {
        taken.delete(row);
        return false;
      }
      take(row, 1);
      return true;
    });
    // Anew: of the first rows, those with rare types are in the support set.
    const query = source.shuffle(rows.filter((row) => !taken.has(row))).slice(0, queries);
    return { support: needed, query };
  }
}

/** Sentences of a domain as padded examples, with tags that number the task's types from 1. */
function examplesOf(
  { length, slots, width }: CodedSentences,
  { domain }: Sentences,
  chosen: readonly number[],
  { rows, types }: { readonly rows: number; readonly types: readonly number[] },
): Examples<TokenInputs, Tensor> {
  const numbers = new Int32Array(domain.types.length + 1);
  types.forEach((tag, i) => {
    numbers[tag] = i + 1;
  });
  const lexical = new Int32Array(rows * length * slots.length);
  const states = domain.states && new Float32Array(rows * length * width);
  const mask = new Float32Array(rows * length);
  const y = new Int32Array(rows * length);
  chosen.forEach((row, i) => {
    const [from, to] = [domain.starts[row]!, domain.starts[row + 1]!];
    const at = i * length;
    lexical.set(domain.lexical.subarray(from * slots.length, to * slots.length), at * slots.length);
    states?.set(domain.states!.subarray(from * width, to * width), at * width);
    mask.fill(1, at, at + to - from);
    for (let word = from; word < to; word++) y[at + word - from] = numbers[domain.tags[word]!]!;
  });
  return {
    x: {
      lexical: tensor(lexical, [rows, length, slots.length], "int32"),
      ...(states ? { states: tensor(states, [rows, length, width]) } : {}),
      mask: tensor(mask, [rows, length]),
    },
    y: tensor(y, [rows, length], "int32"),
    present: tensor(new Float32Array(rows).fill(1, 0, chosen.length), [rows]),
  };
}
