import { random } from "../../random/random.js";
import { type DescribedTaskSource, wholeNumber } from "../../tasks/task.js";
import { classSpec, ExampleRows, exampleSpec, poolOf, usableClasses } from "./episodes.js";
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
  /** Query examples of each of these; as many as queries unless given. */
  readonly unknownQueries?: number;
  /** Leave out classes with too few examples, rather than refuse them. */
  readonly skipSmallClasses?: boolean;
}

/** The label of queries whose class the support set has no example of. */
export const unknownLabel = -1;

/**
 * Open-set episodes: N-way K-shot episodes as `episodes` samples them, whose query set also holds examples of
 * `unknownClasses` other classes, under the label -1. They come last.
 *
 * Shapes: support x [ways shots, ...exampleShape] float32, int32 of ids, and y [ways shots] int32; query x [ways queries +
 * unknownClasses unknownQueries, ...exampleShape] and y, one label a row.
 *
 * They are for `evaluateOpenSet`: `evaluate` refuses them, since its accuracy would count every unknown query as wrong.
 * A cross-entropy on them is 0 for a query of no class.
 *
 * Liu et al. 2020, "Few-shot open-set recognition using meta-learning": 5 known classes, 5 unknown, 15 queries of each.
 *
 * @throws ILT201 where a number is not a whole number of at least 1
 * @throws ILT301 where a class's array is not count x exampleShape
 * @throws ILT401 where a class has too few examples, to be known or to be unknown, and `skipSmallClasses` is not set
 * @throws ILT402 where there are fewer classes than known and unknown ones of a task
 * @example openSetEpisodes(omniglot, { ways: 5, shots: 1, queries: 15 }).sample(splitSeed(1, "test"), 0)
 */
export function openSetEpisodes(data: LabelledExamples, options: OpenSetEpisodeOptions): DescribedTaskSource {
  const count = (name: Exclude<keyof OpenSetEpisodeOptions, "skipSmallClasses">, otherwise?: number): number =>
    wholeNumber(options[name] ?? otherwise ?? Number.NaN, "openSetEpisodes", name);
  const ways = count("ways");
  const shots = count("shots");
  const queries = count("queries");
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
