import { hasTag, tensor } from "@innerloop/graph";
import { type Random, random } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  describeCount,
  drawCount,
  type Examples,
  isRange,
  TaskError,
  type TaskPool,
} from "../../tasks/task.js";
import type { TensorSpec } from "../../tasks/task-spec.js";
import { requireObject } from "../../tasks/value-gate.js";
import { checkedSize, type ExampleClass, type LabelledExamples, readExample } from "./labelled-examples.js";

/**
 * Changes one example in place, at random: its values are those of `values` from `offset` on, in row-major order of
 * `shape`. It is a function of these arguments alone, so that a task stays a function of its address.
 */
export interface NumberAugmentation {
  (values: Float32Array, offset: number, shape: readonly number[], random: Random): void;
  /** What it does, as results should state it. */
  readonly description?: string;
  readonly of?: "numbers";
}

/** The same for examples of ids, which stay whole numbers below their count. */
export interface IdAugmentation {
  (ids: Int32Array, offset: number, shape: readonly number[], random: Random): void;
  readonly description?: string;
  readonly of: "ids";
}

/** Random changes of examples, of numbers (pixels, features) or of ids. */
export type Augmentation = NumberAugmentation | IdAugmentation;

/** Options of `episodes`. */
export interface EpisodeOptions {
  /** Classes of a task (N). */
  readonly ways: Count;
  /** Support examples of each class (K). */
  readonly shots: Count;
  /** Query examples of each class. */
  readonly queries: Count;
  /** False draws the shots of each class by itself, where they are a range: a task's classes then differ in them. */
  readonly balanced?: boolean;
  /** Leave out classes with too few examples, rather than refuse them. */
  readonly skipSmallClasses?: boolean;
  /** Changes each example, of support and query alike. For training: evaluate without it. */
  readonly augment?: Augmentation;
}

/**
 * N-way K-shot episodes: a task is `ways` classes in random order, whose places in that order are their labels, and of
 * each class `shots + queries` distinct examples, the first of which are the support set. Every class is equally
 * likely, whatever its size; so is every example within a class.
 *
 * Shapes: support x [ways shots, ...exampleShape] float32, int32 of ids, and y [ways shots] int32; query x [ways queries,
 * ...exampleShape] and y [ways queries]. Rows are grouped by class: all of class 0, then all of class 1, ...
 *
 * Where `ways`, `shots` or `queries` is a range, tasks vary: each draws its numbers uniformly, and a class with fewer
 * than `shots + queries` examples gives what it has, at least half of it (rounded up) or the shots, whichever is less,
 * as support, and at least one of each; a number that is no range it gives in full. All tasks have the shapes of the
 * largest one; the rows that a task has come first, `present` is 1 for them, and the others are zeros with label 0 and
 * `present` 0.
 *
 * Vinyals et al. 2016, "Matching networks for one shot learning". Tasks that vary follow Triantafillou et al. 2020,
 * "Meta-Dataset", with `balanced: false` for classes that differ in shots; there these are drawn in proportion to the
 * sizes of the classes, here uniformly from the range.
 *
 * @throws ILT201 where ways, shots or queries are not whole numbers of at least 1 or ranges of them, or `balanced` is
 * false and shots do not vary
 * @throws ILT301 where a class's array is not count x exampleShape
 * @throws ILT306 where `augment` is of ids, and the examples are not, or the reverse
 * @throws ILT401 where `skipSmallClasses` is not set and a class has fewer than shots + queries examples, where a range
 * counts as 1
 * @throws ILT402 where there are fewer classes than ways
 * @example const task = episodes(omniglot, { ways: 5, shots: 1, queries: 1 }).sample(splitSeed(1, "train"), 0);
 */
export function episodes(data: LabelledExamples, options: EpisodeOptions): DescribedTaskSource {
  requireObject(options, "episodes", "the second argument", "Give { ways, shots, queries }");
  const { ways, shots, queries, balanced = true, skipSmallClasses = false, augment } = options;
  const [mostWays, mostShots, mostQueries] = [
    countRange(ways, "episodes", "ways").to,
    countRange(shots, "episodes", "shots").to,
    countRange(queries, "episodes", "queries").to,
  ];
  if (!balanced && !isRange(shots)) {
    const problem = `balanced is false, and shots are ${shots} for every class`;
    throw new TaskError("ILT201", "episodes", problem, "Give shots as a range, { from: 1, to: 10 }");
  }
  if (augment) requireFitting("episodes", data, augment);
  const varies = [ways, shots, queries].some(isRange);
  const least = leastOf(shots, queries);
  const needed = least.shots + least.queries;
  const classes = usableClasses(data, "episodes", {
    count: mostWays,
    asked: `${mostWays} ways`,
    needed,
    taken: shareText(least),
    skipSmallClasses,
  });
  requireWholeShare(
    "episodes",
    { shots, queries },
    classes.map(({ count }) => count),
    `class of ${data.name}`,
  );
  const areSmall = classes.some(({ count }) => count < mostShots + mostQueries);
  const set = (each: number): ExampleRows => new ExampleRows(data, mostWays * each, varies);
  /** What a task is of, and the random numbers that go on to choose its examples. */
  const drawnAt = (seed: number, index: number) => {
    const source = random(seed, index);
    const taskWays = drawCount(ways, source);
    const taskShots = balanced ? drawCount(shots, source) : undefined;
    const taskQueries = drawCount(queries, source);
    return { source, taskShots, taskQueries, chosen: source.choose(classes.length, taskWays) };
  };
  return {
    name: `${data.name} ${describeCount(ways)}-way ${describeCount(shots)}-shot`,
    description: {
      data: data.name,
      classes: classes.length,
      ways: describeCount(ways),
      shots: describeGiven(shots, areSmall),
      queries: describeGiven(queries, areSmall),
      skippedClasses: data.classes.length - classes.length,
      ...(balanced ? {} : { balanced }),
      ...(augment ? { augmentation: augment.description ?? "given" } : {}),
    },
    spec: {
      x: exampleSpec(data, augment),
      y: classSpec(mostWays),
      support: { rows: mostWays * mostShots, ...(varies ? { present: true } : {}) },
      query: { rows: mostWays * mostQueries, ...(varies ? { present: true } : {}) },
    },
    pool: poolOf(classes, (seed, index) => drawnAt(seed, index).chosen),
    sample(seed, index) {
      const { source, taskShots, taskQueries, chosen } = drawnAt(seed, index);
      // Numbers of its own: which examples a task has does not depend on how they are changed. Counter 1 is dropout's.
      const change = augment && { augment, random: random(seed, index, 2) };
      const support = set(mostShots);
      const query = set(mostQueries);
      chosen.forEach((place, label) => {
        const entry = classes[place]!;
        const given = sharesOf(
          entry.count,
          { shots: taskShots ?? drawCount(shots, source), queries: taskQueries },
          least,
        );
        source.choose(entry.count, given.shots + given.queries).forEach((example, i) => {
          (i < given.shots ? support : query).add(entry, example, label, change);
        });
      });
      return { support: support.examples(), query: query.examples() };
    },
  };
}

/** @internal Examples of a class, or rows of a group, for the two sets of a task. */
export interface Share {
  readonly shots: number;
  readonly queries: number;
}

/** @internal What a class gives at least: one of what is a range, all of what is not. */
export const leastOf = (shots: Count, queries: Count): Share => {
  const least = (value: Count): number => (isRange(value) ? 1 : value);
  return { shots: least(shots), queries: least(queries) };
};

/** @internal A count as descriptions state it, where some of the classes may be too small for it. */
export const describeGiven = (value: Count, areSmall: boolean): number | string =>
  isRange(value) && areSmall ? `${describeCount(value)}, fewer of small classes` : describeCount(value);

/**
 * @internal Where ranges begin with more than any class has, no task would be what was asked for.
 *
 * @throws ILT402
 */
export function requireWholeShare(
  operation: string,
  asked: { readonly shots: Count; readonly queries: Count },
  sizes: readonly number[],
  what: string,
): void {
  const from = (value: Count): number => (isRange(value) ? value.from : value);
  const share = { shots: from(asked.shots), queries: from(asked.queries) };
  const most = sizes.reduce((a, b) => Math.max(a, b), 0);
  if (most >= share.shots + share.queries) return;
  const problem = `tasks of ${shareText(share)} at least, and no ${what} has more than ${most} examples`;
  throw new TaskError("ILT402", operation, problem, "Let the range begin lower, or lower the other number");
}

/** @internal `5 shots and 15 queries` */
export const shareText = ({ shots, queries }: Share): string => {
  const counted = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
  return `${counted(shots, "shot", "shots")} and ${counted(queries, "query", "queries")}`;
};

/**
 * @internal What so many examples give: all that is asked, or a fair share of what there is, but no less than `least`,
 * for which they are enough.
 */
export function sharesOf(count: number, asked: Share, least: Share): Share {
  const fair = Math.max(Math.floor(count / 2), count - asked.shots, least.queries);
  const queries = Math.min(asked.queries, fair, count - least.shots);
  return { shots: Math.min(asked.shots, count - queries), queries };
}

/**
 * @internal The classes with at least `needed` examples, checked.
 *
 * @throws ILT301, ILT401 and ILT402 as `episodes`
 */
export function usableClasses(
  data: LabelledExamples,
  operation: string,
  options: {
    /** Classes of a task, */
    readonly count: number;
    /** as the message says it: "5 ways". */
    readonly asked: string;
    readonly needed: number;
    /** What takes so many: "5 shots and 15 queries". */
    readonly taken: string;
    readonly skipSmallClasses: boolean;
  },
): readonly ExampleClass[] {
  const { count, asked, needed, taken, skipSmallClasses } = options;
  requireWhole(data, operation);
  const small = data.classes.filter((entry) => entry.count < needed);
  if (small[0] && !skipSmallClasses) {
    const others = small.length > 1 ? `, as have ${small.length - 1} other classes too few` : "";
    const problem = `class "${small[0].name}" of ${data.name} has ${small[0].count} examples${others}; ${taken} take ${needed}`;
    const remedy = "Lower shots or queries, or set skipSmallClasses: true to leave such classes out";
    throw new TaskError("ILT401", operation, problem, remedy);
  }
  const classes = data.classes.filter((entry) => entry.count >= needed);
  if (classes.length < count) {
    const skipped =
      small.length > 0 ? ` (${small.length} of ${data.classes.length} were too small and are left out)` : "";
    const problem = `${asked} of ${classes.length} classes in ${data.name}${skipped}`;
    const remedy =
      small.length > 0 ? "Lower ways, shots or queries, or add classes" : "Lower ways, or add classes or rotations";
    throw new TaskError("ILT402", operation, problem, remedy);
  }
  return classes;
}

/**
 * @internal The check of data that were not made by `labelledExamples`.
 *
 * @throws ILT301 where a class's array is not count x exampleShape, or not of ids where the data are, or the reverse
 */
export function requireWhole(data: LabelledExamples, operation: string): void {
  const size = checkedSize(data.exampleShape);
  for (const { name, count, examples } of data.classes) {
    const areIds = hasTag(examples, "Int32Array");
    const fits = examples.length === count * size;
    if (fits && areIds === (data.ids !== undefined)) continue;
    const found = fits
      ? `${areIds ? "ids" : "no ids"} in data ${data.ids ? "of ids" : "that do not say how many ids there are"}`
      : `${examples.length} values for ${count} examples of ${size}`;
    const problem = `class "${name}" of ${data.name} has ${found}`;
    throw new TaskError("ILT301", operation, problem, "Make the data with labelledExamples(...), which checks it");
  }
}

/** @internal @throws ILT306 where an augmentation is of ids, and the examples are not, or the reverse */
export function requireFitting(operation: string, data: LabelledExamples, augment: Augmentation): void {
  const [wanted, found] = [augment.of ?? "numbers", data.ids ? "ids" : "numbers"];
  if (wanted === found) return;
  const problem = `the augmentation ${augment.description ?? "that is given"} is of ${wanted}, and examples of ${data.name} are ${found}`;
  const remedy = found === "ids" ? "Leave it out, or use wordDropout" : "Leave it out: wordDropout is for ids";
  throw new TaskError("ILT306", operation, problem, remedy);
}

/** @internal Classes as the pool of the tasks that are drawn from them. */
export const poolOf = (classes: readonly ExampleClass[], drawn: TaskPool["drawn"]): TaskPool => ({
  of: "classes",
  count: classes.length,
  examples: classes.reduce((sum, { count }) => sum + count, 0),
  drawn,
});

/** @internal An example of the data: ids below their number; pixels of bytes are from 0 to 1, where nothing changes them. */
export const exampleSpec = (
  { exampleShape, ids, classes }: LabelledExamples,
  augment?: Augmentation | undefined,
): TensorSpec => {
  if (ids) return { shape: exampleShape, dtype: "int32", range: { least: 0, most: ids.count - 1 } };
  const arePixels = !augment && classes.every(({ examples }) => hasTag(examples, "Uint8Array"));
  return { shape: exampleShape, dtype: "float32", ...(arePixels ? { range: { least: 0, most: 1 } } : {}) };
};

/** @internal The label of an example: one of the classes of its task, which each task numbers anew. */
export const classSpec = (count: number): TensorSpec => ({ shape: [], dtype: "int32", classes: { count } });

/** @internal The rows of a support or query set in the making. What is not added is padding. */
export class ExampleRows {
  private readonly x: Float32Array | Int32Array;
  private readonly y: Int32Array;
  private added = 0;

  constructor(
    private readonly data: LabelledExamples,
    private readonly rows: number,
    private readonly padded: boolean,
  ) {
    const size = rows * checkedSize(data.exampleShape);
    this.x = data.ids ? new Int32Array(size) : new Float32Array(size);
    this.y = new Int32Array(rows);
  }

  add(
    entry: ExampleClass,
    example: number,
    label: number,
    change?: { readonly augment: Augmentation; readonly random: Random } | undefined,
  ): void {
    const offset = this.added * (this.x.length / this.rows);
    readExample(this.data, entry, example, this.x, offset);
    if (change) this.augmented(change, offset);
    this.y[this.added++] = label;
  }

  private augmented({ augment, random }: { readonly augment: Augmentation; readonly random: Random }, offset: number) {
    const { exampleShape } = this.data;
    if (augment.of === "ids") augment(this.x as Int32Array, offset, exampleShape, random);
    else augment(this.x as Float32Array, offset, exampleShape, random);
  }

  examples(): Examples {
    const { rows, data, padded } = this;
    const present = padded ? { present: tensor(new Float32Array(rows).fill(1, 0, this.added), [rows]) } : {};
    return { x: tensor(this.x, [rows, ...data.exampleShape]), y: tensor(this.y, [rows]), ...present };
  }
}
