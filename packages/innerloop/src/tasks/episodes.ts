import { tensor } from "@innerloop/graph";
import { random } from "../random.js";
import { checkedSize, type LabelledExamples, readExample } from "./labelled-examples.js";
import { type Examples, TaskError, type TaskSource, wholeNumber } from "./task.js";

export interface EpisodeOptions {
  /** Classes of a task (N). */
  readonly ways: number;
  /** Support examples of each class (K). */
  readonly shots: number;
  /** Query examples of each class. */
  readonly queries: number;
  /** Leave out classes with fewer than shots + queries examples, rather than refuse them. */
  readonly skipSmallClasses?: boolean;
}

/**
 * N-way K-shot episodes: a task is `ways` classes in random order, whose places in that order are their labels, and of
 * each class `shots + queries` distinct examples, the first of which are the support set. Every class is equally
 * likely, whatever its size; so is every example within a class.
 *
 * Shapes: support x [ways shots, ...exampleShape] float32 and y [ways shots] int32; query x [ways queries,
 * ...exampleShape] and y [ways queries]. Rows are grouped by class: all of class 0, then all of class 1, ...
 *
 * Vinyals et al. 2016, "Matching networks for one shot learning".
 *
 * @throws ILT201 where ways, shots or queries are not whole numbers of at least 1
 * @throws ILT301 where a class's array is not count x exampleShape
 * @throws ILT401 where a class has fewer than shots + queries examples and `skipSmallClasses` is not set
 * @throws ILT402 where there are fewer classes than ways
 * @example const task = episodes(omniglot, { ways: 5, shots: 1, queries: 1 }).sample(splitSeed(1, "train"), 0);
 */
export function episodes(data: LabelledExamples, options: EpisodeOptions): TaskSource {
  const ways = wholeNumber(options.ways, "episodes", "ways");
  const shots = wholeNumber(options.shots, "episodes", "shots");
  const queries = wholeNumber(options.queries, "episodes", "queries");
  const { skipSmallClasses = false } = options;
  const needed = shots + queries;
  const size = checkedSize(data.exampleShape);
  for (const { name, count, examples } of data.classes) {
    if (examples.length === count * size) continue;
    const problem = `class "${name}" of ${data.name} has ${examples.length} values for ${count} examples of ${size}`;
    throw new TaskError("ILT301", "episodes", problem, "Make the data with labelledExamples(...), which checks it");
  }
  const small = data.classes.filter((entry) => entry.count < needed);
  if (small[0] && !skipSmallClasses) {
    const others = small.length > 1 ? `, as have ${small.length - 1} other classes too few` : "";
    const problem = `class "${small[0].name}" of ${data.name} has ${small[0].count} examples${others}; ${shots} shots and ${queries} queries take ${needed}`;
    const remedy = "Lower shots or queries, or set skipSmallClasses: true to leave such classes out";
    throw new TaskError("ILT401", "episodes", problem, remedy);
  }
  const classes = data.classes.filter((entry) => entry.count >= needed);
  if (classes.length < ways) {
    const skipped =
      small.length > 0 ? ` (${small.length} of ${data.classes.length} were too small and are left out)` : "";
    const problem = `${ways} ways of ${classes.length} classes in ${data.name}${skipped}`;
    const remedy =
      small.length > 0 ? "Lower ways, shots or queries, or add classes" : "Lower ways, or add classes or rotations";
    throw new TaskError("ILT402", "episodes", problem, remedy);
  }
  const perTask = (each: number): { x: Float32Array; y: Int32Array; each: number } => ({
    x: new Float32Array(ways * each * size),
    y: new Int32Array(ways * each),
    each,
  });
  const asExamples = ({ x, y, each }: ReturnType<typeof perTask>): Examples => ({
    x: tensor(x, [ways * each, ...data.exampleShape]),
    y: tensor(y, [ways * each]),
  });
  return {
    name: `${data.name} ${ways}-way ${shots}-shot`,
    description: { data: data.name, classes: classes.length, ways, shots, queries, skippedClasses: small.length },
    classes: ways,
    sample(seed, index) {
      const source = random(seed, index);
      const support = perTask(shots);
      const query = perTask(queries);
      source.choose(classes.length, ways).forEach((chosen, label) => {
        const entry = classes[chosen]!;
        source.choose(entry.count, needed).forEach((example, place) => {
          const set = place < shots ? support : query;
          const row = label * set.each + (place < shots ? place : place - shots);
          readExample(data, entry, example, set.x, row * size);
          set.y[row] = label;
        });
      });
      return { support: asExamples(support), query: asExamples(query) };
    },
  };
}
