import { formatShape, sameShape } from "@innerloop/graph";
import { type Random, random } from "../../random/random.js";
import { type DescribedTaskSource, TaskError, wholeNumber } from "../../tasks/task.js";
import { classAt, endsOf } from "./all-classes.js";
import { classSpec, ExampleRows, exampleSpec, poolOf, requireWhole, usableClasses } from "./episodes.js";
import type { LabelledExamples } from "./labelled-examples.js";

/** Options of `openSetEpisodes`. */
export interface OpenSetEpisodeOptions {
  /** Classes of the support set (N). */
  readonly ways: number;
  /** Support examples of each class (K). */
  readonly shots: number;
  /** Query examples of each class. */
  readonly queries: number;
  /** Further classes that only queries are of; as many as ways unless given. */
  readonly unknownClasses?: number;
  /** Query examples of each of these; as many as queries unless given. Of a pool of unknown examples: in all. */
  readonly unknownQueries?: number;
  /**
   * Examples that are of none of the classes, such as requests that are out of scope: unknown queries are drawn from all of
   * these together, in place of further classes, ways x queries of them unless `unknownQueries` says how many.
   */
  readonly unknown?: LabelledExamples;
  /** Leave out classes with too few examples, rather than refuse them. */
  readonly skipSmallClasses?: boolean;
}

/** The label of queries whose class the support set has no example of. */
export const unknownLabel = -1;

/**
 * Open-set episodes: N-way K-shot episodes as `episodes` samples them, whose query set also holds examples of
 * `unknownClasses` other classes, or of the pool `unknown` of examples that are of no class, under the label -1. They come
 * last.
 *
 * Shapes: support x [ways shots, ...exampleShape] float32, int32 of ids, and y [ways shots] int32; query x [ways queries +
 * unknownClasses unknownQueries, ...exampleShape] and y, one label a row; of a pool there are [ways queries +
 * unknownQueries] rows.
 *
 * They are for `evaluateOpenSet`: `evaluate` refuses them, since its accuracy would count every unknown query as wrong.
 * A cross-entropy on them is 0 for a query of no class.
 *
 * Liu et al. 2020, "Few-shot open-set recognition using meta-learning": 5 known classes, 5 unknown, 15 queries of each.
 * Larson et al. 2019, "An evaluation dataset for intent classification and out-of-scope prediction", for pools.
 *
 * @throws ILT201 where a number is not a whole number of at least 1, or `unknownClasses` are given beside a pool
 * @throws ILT301 where a class's array is not count x exampleShape, or examples of the pool are of another kind
 * @throws ILT401 where a class has too few examples, to be known or to be unknown, and `skipSmallClasses` is not set; where
 * the pool has fewer than a task takes
 * @throws ILT402 where there are fewer classes than known and unknown ones of a task
 * @example openSetEpisodes(omniglot, { ways: 5, shots: 1, queries: 15 }).sample(splitSeed(1, "test"), 0)
 * @example openSetEpisodes(intents, { ways: 5, shots: 5, queries: 10, unknown: outOfScope })
 */
export function openSetEpisodes(data: LabelledExamples, options: OpenSetEpisodeOptions): DescribedTaskSource {
  type Counts = Exclude<keyof OpenSetEpisodeOptions, "skipSmallClasses" | "unknown">;
  const count = (name: Counts, otherwise?: number): number =>
    wholeNumber(options[name] ?? otherwise ?? Number.NaN, "openSetEpisodes", name);
  const ways = count("ways");
  const shots = count("shots");
  const queries = count("queries");
  if (options.unknown) return withPool(data, options, options.unknown, { ways, shots, queries });
  const unknownClasses = count("unknownClasses", ways);
  const unknownQueries = count("unknownQueries", queries);
  const needed = Math.max(shots + queries, unknownQueries);
  const known = needed === shots + queries;
  const classes = usableClasses(data, "openSetEpisodes", {
    count: ways + unknownClasses,
    asked: `${ways} ways and ${unknownClasses} unknown classes`,
    needed,
    taken: known ? `${shots} shots and ${queries} queries` : `${unknownQueries} queries of an unknown class`,
    skipSmallClasses: options.skipSmallClasses ?? false,
  });
  return {
    name: `${data.name} ${ways}-way ${shots}-shot, open set`,
    description: {
      data: data.name,
      classes: classes.length,
      ways,
      shots,
      queries,
      unknownClasses,
      unknownQueries,
      skippedClasses: data.classes.length - classes.length,
    },
    spec: {
      x: exampleSpec(data),
      y: classSpec(ways),
      support: { rows: ways * shots },
      query: { rows: ways * queries + unknownClasses * unknownQueries },
      openSet: true,
    },
    pool: poolOf(classes, (seed, index) => random(seed, index).choose(classes.length, ways + unknownClasses)),
    sample(seed, index) {
      const source = random(seed, index);
      const support = new ExampleRows(data, ways * shots, false);
      const query = new ExampleRows(data, ways * queries + unknownClasses * unknownQueries, false);
      source.choose(classes.length, ways + unknownClasses).forEach((chosen, place) => {
        const entry = classes[chosen]!;
        if (place >= ways) {
          for (const example of source.choose(entry.count, unknownQueries)) query.add(entry, example, unknownLabel);
          return;
        }
        source.choose(entry.count, shots + queries).forEach((example, i) => {
          (i < shots ? support : query).add(entry, example, place);
        });
      });
      return { support: support.examples(), query: query.examples() };
    },
  };
}

/** Episodes whose unknown queries are of a pool of examples of no class. */
function withPool(
  data: LabelledExamples,
  options: OpenSetEpisodeOptions,
  unknown: LabelledExamples,
  { ways, shots, queries }: Readonly<Record<"ways" | "shots" | "queries", number>>,
): DescribedTaskSource {
  const unknownQueries = wholeNumber(options.unknownQueries ?? ways * queries, "openSetEpisodes", "unknownQueries");
  if (options.unknownClasses !== undefined) {
    const problem = `${options.unknownClasses} unknown classes beside ${unknown.name}, the pool of unknown examples`;
    throw new TaskError("ILT201", "openSetEpisodes", problem, "Give one of the two: unknownClasses, or unknown");
  }
  requirePool(data, unknown, unknownQueries);
  const classes = usableClasses(data, "openSetEpisodes", {
    count: ways,
    asked: `${ways} ways`,
    needed: shots + queries,
    taken: `${shots} shots and ${queries} queries`,
    skipSmallClasses: options.skipSmallClasses ?? false,
  });
  const ends = endsOf(unknown.classes);
  const unknownExamples = ends.at(-1)!;
  const knownOf = (source: Random): number[] => source.choose(classes.length, ways);
  return {
    name: `${data.name} ${ways}-way ${shots}-shot, open set by ${unknown.name}`,
    description: {
      data: data.name,
      classes: classes.length,
      ways,
      shots,
      queries,
      unknownPool: unknown.name,
      unknownExamples,
      unknownQueries,
      skippedClasses: data.classes.length - classes.length,
    },
    spec: {
      x: exampleSpec({ ...data, classes: [...data.classes, ...unknown.classes] }),
      y: classSpec(ways),
      support: { rows: ways * shots },
      query: { rows: ways * queries + unknownQueries },
      openSet: true,
    },
    pool: poolOf(classes, (seed, index) => knownOf(random(seed, index))),
    sample(seed, index) {
      const source = random(seed, index);
      const support = new ExampleRows(data, ways * shots, false);
      const query = new ExampleRows(data, ways * queries + unknownQueries, false);
      knownOf(source).forEach((chosen, label) => {
        const entry = classes[chosen]!;
        source.choose(entry.count, shots + queries).forEach((example, i) => {
          (i < shots ? support : query).add(entry, example, label);
        });
      });
      for (const place of source.choose(unknownExamples, unknownQueries)) {
        const from = classAt(ends, place);
        query.add(unknown.classes[from]!, place - (ends[from - 1] ?? 0), unknownLabel);
      }
      return { support: support.examples(), query: query.examples() };
    },
  };
}

/** @throws ILT301 where a pool's examples are not like those of the data; ILT401 where there are too few */
function requirePool(data: LabelledExamples, unknown: LabelledExamples, unknownQueries: number): void {
  requireWhole(unknown, "openSetEpisodes");
  const kindOf = ({ exampleShape, ids }: LabelledExamples): string =>
    `${formatShape(exampleShape)}${ids ? ` of ${ids.count} ids` : ""}`;
  if (!sameShape(data.exampleShape, unknown.exampleShape) || data.ids?.count !== unknown.ids?.count) {
    const problem = `examples of ${unknown.name} are ${kindOf(unknown)}, those of ${data.name} ${kindOf(data)}`;
    throw new TaskError("ILT301", "openSetEpisodes", problem, "Make both in one way: the same shape, the same coding");
  }
  const there = unknown.classes.reduce((sum, { count }) => sum + count, 0);
  if (there >= unknownQueries) return;
  const problem = `${unknownQueries} unknown queries of the ${there} examples of ${unknown.name}`;
  throw new TaskError("ILT401", "openSetEpisodes", problem, "Lower unknownQueries, or give more examples of no class");
}
