import { random } from "../../random/random.js";
import { type DescribedTaskSource, TaskError, wholeNumber } from "../../tasks/task.js";
import { type Augmentation, ExampleRows, exampleSpec, requireFitting, usableClasses } from "./episodes.js";
import type { ExampleClass, LabelledExamples } from "./labelled-examples.js";

/** Options of `allClasses`. */
export interface AllClassesOptions {
  /** Examples of a batch. */
  readonly batch: number;
  /** Changes each example. For training: evaluate without it. */
  readonly augment?: Augmentation;
}

/**
 * Batches for training an ordinary classifier of all classes of a data set: the query set of a "task" is `batch`
 * distinct examples, each example of the data equally likely, and labels are the places of classes in the data, the
 * same in all tasks. Its support set, which every task has, is a single example, to be ignored.
 *
 * They are for `classifierPretraining` and `simpleShot`: a learner that adapts would adapt to nothing.
 *
 * Shapes: support x [1, ...exampleShape] float32, int32 of ids, and y [1] int32; query x [batch, ...exampleShape] and y [batch].
 *
 * @throws ILT201 where the batch is not a whole number of at least 1, or of more examples than there are
 * @throws ILT301 where a class's array is not count x exampleShape
 * @throws ILT306 where `augment` is of ids, and the examples are not, or the reverse
 * @example allClasses(omniglot, { batch: 256 })
 */
export function allClasses(data: LabelledExamples, options: AllClassesOptions): DescribedTaskSource {
  const { augment } = options;
  const batch = wholeNumber(options.batch, "allClasses", "batch");
  const classes = usableClasses(data, "allClasses", {
    count: 1,
    asked: "a class",
    needed: 1,
    taken: "a batch",
    skipSmallClasses: false,
  });
  if (augment) requireFitting("allClasses", data, augment);
  const ends = endsOf(classes);
  const total = ends.at(-1)!;
  if (batch > total) {
    const problem = `a batch of ${batch} from the ${total} examples of ${data.name}`;
    throw new TaskError("ILT201", "allClasses", problem, "Lower batch");
  }
  return {
    name: `${data.name}, all classes`,
    description: {
      data: data.name,
      classes: classes.length,
      batch,
      ...(augment ? { augmentation: augment.description ?? "given" } : {}),
    },
    spec: {
      x: exampleSpec(data, augment),
      // The same classes in all tasks: they have names.
      y: { shape: [], dtype: "int32", classes: { count: classes.length, names: classes.map(({ name }) => name) } },
      support: { rows: 1 },
      query: { rows: batch },
    },
    sample(seed, index) {
      const source = random(seed, index);
      // Numbers of its own: which examples a task has does not depend on how they are changed. Counter 1 is dropout's.
      const change = augment && { augment, random: random(seed, index, 2) };
      const support = new ExampleRows(data, 1, false);
      const query = new ExampleRows(data, batch, false);
      source.choose(total, batch).forEach((place, row) => {
        const label = classAt(ends, place);
        const example = place - (ends[label - 1] ?? 0);
        query.add(classes[label]!, example, label, change);
        if (row === 0) support.add(classes[label]!, example, label);
      });
      return { support: support.examples(), query: query.examples() };
    },
  };
}

/** @internal Where each class ends in the order of all examples. */
export function endsOf(classes: readonly Pick<ExampleClass, "count">[]): readonly number[] {
  let total = 0;
  return classes.map(({ count }) => {
    total += count;
    return total;
  });
}

/** @internal The first class that ends after a place, by halving. */
export function classAt(ends: readonly number[], place: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > place) high = middle;
    else low = middle + 1;
  }
  return low;
}
