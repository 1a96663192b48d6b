import { tensor } from "@innerloop/graph";
import { random } from "../../random/random.js";
import { specOf } from "../../tasks/source-spec.js";
import { type DescribedTaskSource, type Examples, type TaskSource, wholeNumber } from "../../tasks/task.js";
import { classSpec, ExampleRows, exampleSpec, poolOf, usableClasses } from "./episodes.js";
import type { LabelledExamples } from "./labelled-examples.js";

/** Options of `semiSupervisedEpisodes`. */
export interface SemiSupervisedEpisodeOptions {
  /** Classes of a task (N). */
  readonly ways: number;
  /** Labelled support examples of each class (K). */
  readonly shots: number;
  /** Query examples of each class. */
  readonly queries: number;
  /** Support examples without a label of each class, and of each distractor class (M). */
  readonly unlabelled: number;
  /** Further classes that only unlabelled examples are of; 0 unless given. */
  readonly distractorClasses?: number;
  /** Leave out classes with too few examples, rather than refuse them. */
  readonly skipSmallClasses?: boolean;
}

/** The label of support examples whose class is not told. */
export const unlabelledLabel = -1;

/**
 * Semi-supervised episodes: N-way K-shot episodes as `episodes` samples them, whose support set also holds `unlabelled`
 * examples of each class, and of each of `distractorClasses` other classes, under the label -1. They come last.
 *
 * Shapes: support x [ways shots + (ways + distractorClasses) unlabelled, ...exampleShape] float32, int32 of ids, and y int32, one
 * label a row; query x [ways queries, ...exampleShape] and y [ways queries].
 *
 * They are for `semiSupervisedPrototypes`. Other learners see examples of no class, which add nothing to a
 * cross-entropy but count in its mean: give them the same tasks by `withoutUnlabelled`.
 *
 * Ren et al. 2018, "Meta-learning for semi-supervised few-shot classification": 5 unlabelled examples of each class,
 * and of as many distractor classes. There a part of each class's examples is set aside to have no label in any task;
 * here each task draws them anew.
 *
 * @throws ILT201 where a number is not a whole number of at least 1, `distractorClasses` of at least 0
 * @throws ILT301 where a class's array is not count x exampleShape
 * @throws ILT401 where a class has too few examples and `skipSmallClasses` is not set
 * @throws ILT402 where there are fewer classes than a task takes
 * @example semiSupervisedEpisodes(omniglot, { ways: 5, shots: 1, queries: 5, unlabelled: 5, distractorClasses: 5 })
 */
export function semiSupervisedEpisodes(
  data: LabelledExamples,
  options: SemiSupervisedEpisodeOptions,
): DescribedTaskSource {
  const operation = "semiSupervisedEpisodes";
  const ways = wholeNumber(options.ways, operation, "ways");
  const shots = wholeNumber(options.shots, operation, "shots");
  const queries = wholeNumber(options.queries, operation, "queries");
  const unlabelled = wholeNumber(options.unlabelled, operation, "unlabelled");
  const distractorClasses = wholeNumber(options.distractorClasses ?? 0, operation, "distractorClasses", 0);
  const needed = shots + unlabelled + queries;
  const classes = usableClasses(data, operation, {
    count: ways + distractorClasses,
    asked: `${ways} ways and ${distractorClasses} distractor classes`,
    needed,
    taken: `${shots} shots, ${unlabelled} unlabelled examples and ${queries} queries`,
    skipSmallClasses: options.skipSmallClasses ?? false,
  });
  return {
    name: `${data.name} ${ways}-way ${shots}-shot, ${unlabelled} unlabelled`,
    description: {
      data: data.name,
      classes: classes.length,
      ways,
      shots,
      queries,
      unlabelled,
      distractorClasses,
      skippedClasses: data.classes.length - classes.length,
    },
    spec: {
      x: exampleSpec(data),
      y: classSpec(ways),
      support: { rows: ways * shots + (ways + distractorClasses) * unlabelled },
      query: { rows: ways * queries },
      unlabelled: true,
    },
    pool: poolOf(classes, (seed, index) =>
      random(seed, index)
        .choose(classes.length, ways + distractorClasses)
        .slice(0, ways),
    ),
    sample(seed, index) {
      const source = random(seed, index);
      const support = new ExampleRows(data, ways * shots + (ways + distractorClasses) * unlabelled, false);
      const query = new ExampleRows(data, ways * queries, false);
      const chosen = source.choose(classes.length, ways + distractorClasses).map((place, label) => {
        const entry = classes[place]!;
        return { entry, label, examples: source.choose(entry.count, label < ways ? needed : unlabelled) };
      });
      for (const { entry, label, examples } of chosen.slice(0, ways)) {
        for (const example of examples.slice(0, shots)) support.add(entry, example, label);
        for (const example of examples.slice(shots + unlabelled)) query.add(entry, example, label);
      }
      for (const { entry, label, examples } of chosen) {
        const hidden = label < ways ? examples.slice(shots, shots + unlabelled) : examples;
        for (const example of hidden) support.add(entry, example, unlabelledLabel);
      }
      return { support: support.examples(), query: query.examples() };
    },
  };
}

/**
 * The same tasks for learners that do not learn from unlabelled examples: those of the support set become padding,
 * which no loss, class or normalisation counts. Shapes stay, labels are 0 or above, and `present` says which rows are
 * there.
 *
 * @throws TypeError where a task has no values
 * @example evaluate({ learner: fromScratch({ model, loss, inner }), params, tasks: withoutUnlabelled(tasks) })
 */
export function withoutUnlabelled(source: TaskSource): DescribedTaskSource {
  const { unlabelled: _, ...spec } = specOf(source);
  return {
    ...source,
    description: { ...source.description, unlabelledUsed: false },
    spec: { ...spec, support: { ...spec.support, present: true } },
    sample(seed, index) {
      const { support, query } = source.sample(seed, index);
      return { support: labelledRows(support), query };
    },
  };
}

function labelledRows({ x, y, present }: Examples): Examples {
  if (!y.data || (present && !present.data))
    throw new TypeError("withoutUnlabelled: the task has no values. Give it a source that samples them");
  const labels = y.data as Int32Array;
  const there = present?.data as Float32Array | undefined;
  return {
    x,
    y: tensor(
      labels.map((label) => Math.max(label, 0)),
      y.shape,
      y.dtype,
    ),
    present: tensor(
      Float32Array.from(labels, (label, row) => (label === unlabelledLabel ? 0 : (there?.[row] ?? 1))),
      y.shape,
    ),
  };
}
