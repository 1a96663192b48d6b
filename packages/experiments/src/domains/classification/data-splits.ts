/** The parts of a data set that tasks are drawn from. */
import { type LabelledExamples, splitClasses } from "@innerloop/core";
import type { TrainingTasks } from "@innerloop/core/learners";
import { withRotations } from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { leastOf } from "../../options/values.js";
import { bySize, nthLargest, requireWaysOf, sizesText } from "./class-sizes.js";
import { duplicatesText } from "./duplicate-examples.js";
import type { ClassificationValues } from "./options.js";
import { type ClassSplitOptions, orderOf, predefinedSplit } from "./predefined-split.js";

/** The parts of a data set that tasks are drawn from. */
export type DataSplits = {
  readonly train: LabelledExamples;
  readonly validation: LabelledExamples;
  readonly test: LabelledExamples;
};

type SplitDataOptions = Pick<ClassificationValues, "split" | "ways"> & {
  /** What helps besides where there are too few classes, as a clause. */
  readonly instead?: string;
};

/** Splits do not depend on a run's seed: results of several seeds are then about the same held-out classes. */
const splitSeedOfData = 20170309;

/**
 * The parts of a data set that training, validation and evaluation draw from.
 *
 * @param least examples that a class needs to be held out, shots and queries: a class with fewer is for training. 0 for
 *   runs of before that mattered, whose split is what it was
 * @throws UsageError where there are too few classes or examples, with what would help
 */
export function splitData(data: LabelledExamples, options: SplitDataOptions, least = 0): DataSplits {
  const { ways, split, instead } = options;
  if (split.name === "examples") return splitExamples(data, options, least);
  const byClasses = { ways, ...split };
  const parts = predefinedSplit(data, byClasses, splitSeedOfData, least);
  if (parts && least > 0) requireHeldOut(parts, data, byClasses, least);
  const { train, ...held } = parts ?? splitByNumbers(data, byClasses, least, instead);
  return { ...held, train: split.rotations === "yes" ? withRotations(train) : train };
}

/** Of the parts that a data set names, those for validation and test have to hold a task. */
function requireHeldOut(
  { train, validation, test }: DataSplits,
  data: LabelledExamples,
  { ways, validationClasses }: ClassSplitOptions,
  least: number,
): void {
  const anew = "split all classes anew with --validation-classes and --test-classes";
  const others = bySize({ ...data, classes: [...train.classes, ...validation.classes] }, least).large.classes.length;
  const held = Math.max(ways, Math.round(others / 10));
  const fromTraining =
    validationClasses === undefined && others - held >= ways
      ? `Give --validation-classes ${held} to take them from those that are not for test`
      : `Lower --ways, or ${anew}`;
  const forTest = bySize(test, least).large.classes.length;
  const lower = forTest >= 2 ? `Lower --ways to ${forTest}` : "Lower --shots or --queries";
  for (const [part, of, remedy] of [
    [validation, " for validation", fromTraining],
    [test, " for test", `${lower}, or ${anew}`],
  ] as const) {
    requireWaysOf(part, { ways, least, of, takes: "a task takes of each", remedy });
  }
}

/** How many classes are held out where so many could be. */
function heldOut({ ways, validationClasses, testClasses }: ClassSplitOptions, n: number) {
  return {
    test: testClasses ?? Math.max(ways, Math.round(n / 5)),
    validation: validationClasses ?? Math.max(ways, Math.round(n / 10)),
  };
}

function splitByNumbers(
  data: LabelledExamples,
  options: ClassSplitOptions,
  least: number,
  instead: string | undefined,
): DataSplits {
  const { large, small } = bySize(data, least);
  const n = large.classes.length;
  const { validation, test } = heldOut(options, n);
  for (const [flag, held] of [
    ["--validation-classes", validation],
    ["--test-classes", test],
  ] as const) {
    if (held < options.ways)
      throw new UsageError(
        `${flag} ${held} of ${options.ways}-way tasks`,
        `Hold out ${options.ways} or more, or lower --ways`,
      );
  }
  if (n - test - validation < options.ways) {
    const few = small.classes.length;
    const which =
      few === 0
        ? `${n} classes`
        : `${n} classes with the ${least} examples that a task takes of each, and ${few} with fewer (${sizesText(small)})`;
    throw new UsageError(
      `${data.name} has ${which}, too few to hold out ${validation} for validation and ${test} for evaluation and train on ${options.ways}-way tasks`,
      `${remedyOf(data, options, least)}${instead === undefined ? "" : `, or ${instead}`}`,
    );
  }
  const order = orderOf(options.classOrder);
  const parts = splitClasses(large, { train: n - validation - test, validation, test, order }, splitSeedOfData);
  return { ...parts, train: withClassesOf(parts.train, small) };
}

/** What the user should know of a split: classes that are too small for its tasks, and examples on both sides of it. */
export function splitWarnings(
  splits: DataSplits,
  { shots, trainShots = shots, queries = shots }: Pick<ClassificationValues, "shots" | "trainShots" | "queries">,
  training: TrainingTasks,
  least = 0,
): string[] {
  const warnings: string[] = [];
  const { train, validation, test } = splits;
  const whole = train.name.replace(/ train$/, "");
  const isOfAll = training.kind === "batches of all classes";
  const inTraining = leastOf(trainShots) + queries;
  for (const [part, needed, where] of [
    [train, isOfAll ? 0 : inTraining, "training"],
    [validation, least, "validation"],
    [test, least, "evaluation"],
  ] as const) {
    const { small } = bySize({ ...part, classes: part.classes.filter(({ rotation }) => !rotation) }, needed);
    const n = small.classes.length;
    if (n === 0) continue;
    warnings.push(
      `${whole}: ${n === 1 ? "1 class has" : `${n} classes have`} fewer than the ${needed} examples that a task takes, and ${n === 1 ? "is" : "are"} left out of ${where}: ${sizesText(small)}`,
    );
  }
  const shared = duplicatesText(
    [train.classes, [...validation.classes, ...test.classes]],
    (name, row) => `${name} (${row + 1})`,
  );
  if (shared) warnings.push(`${whole}: ${shared}`);
  return warnings;
}

const withClassesOf = (data: LabelledExamples, { classes }: LabelledExamples): LabelledExamples =>
  classes.length === 0 ? data : { ...data, classes: [...data.classes, ...classes] };

const lowerTo = (examples: number): string =>
  `let --shots and --queries together take at most ${Math.max(2, examples)} examples of a class`;

const sentence = (text: string): string => text.replace(/^./, (letter) => letter.toUpperCase());

/** What makes a split possible, of the options that were given. */
function remedyOf(data: LabelledExamples, options: ClassSplitOptions, least: number): string {
  const { ways } = options;
  const isEnough = (n: number, asked: ClassSplitOptions): boolean => {
    const { validation, test } = heldOut(asked, n);
    return n - validation - test >= asked.ways;
  };
  const remedies: string[] = [];
  const total = data.classes.length;
  if (isEnough(total, options) && least > 0) {
    // As many classes have so many examples as the split takes.
    const { validation, test } = heldOut(options, total);
    remedies.push(lowerTo(nthLargest(data, ways + validation + test)));
  }
  const n = bySize(data, least).large.classes.length;
  const fewer = Array.from({ length: Math.max(0, ways - 2) }, (_, i) => ways - 1 - i);
  const possible = fewer.find((asked) => isEnough(n, { ...options, ways: asked }));
  if (possible !== undefined) remedies.push(`lower --ways to ${possible}`);
  if (options.validationClasses !== undefined || options.testClasses !== undefined) {
    remedies.push("lower --validation-classes or --test-classes");
  }
  const most = Math.floor(nthLargest(data, Math.min(ways, total)) / 3);
  const smaller = least > 0 && most < least ? `, and ${lowerTo(most)}` : "";
  remedies.push("add classes", `hold out examples instead of classes with --split examples${smaller}`);
  return sentence(remedies.join(", or "));
}

/**
 * 80, 5 and 15 percent of each class, in the order of the examples; of small classes more for validation and test, so that
 * each part holds a task. Classes that are too small for that are for training.
 */
function splitExamples(data: LabelledExamples, { ways }: SplitDataOptions, least: number): DataSplits {
  const size = data.exampleShape.reduce((a, b) => a * b, 1);
  const sizes = data.classes.map(({ count }): { train: number; validation: number } => {
    const [train, validated] = [Math.floor(count * 0.8), Math.floor(count * 0.85)];
    if (validated - train >= least && count - validated >= least) return { train, validation: validated - train };
    if (count < 3 * least) return { train: count, validation: 0 };
    const [validation, test] = [validated - train, count - validated].map((part) => Math.max(part, least));
    return { train: count - validation! - test!, validation: validation! };
  });
  if (least > 0) {
    const fewer = Math.max(2, Math.min(ways, data.classes.length));
    const most = Math.floor(nthLargest(data, fewer) / 3);
    const remedies = [
      ...(fewer < ways ? [`lower --ways to ${fewer}`] : []),
      ...(most < least ? [`${lowerTo(most)}, or give more examples`] : []),
    ];
    requireWaysOf(data, {
      ways,
      least: 3 * least,
      takes: `training, validation and evaluation take of each, ${least} for a task`,
      remedy: sentence(remedies.join(", and ")),
    });
  }
  const part = (name: string, range: (i: number, count: number) => readonly [from: number, to: number]) => ({
    ...data,
    name: `${data.name} ${name}`,
    classes: data.classes.flatMap((entry, i) => {
      const [start, stop] = range(i, entry.count);
      if (least > 0 && start === stop) return [];
      return [{ ...entry, count: stop - start, examples: entry.examples.subarray(start * size, stop * size) }];
    }),
  });
  return {
    train: part("train", (i) => [0, sizes[i]!.train]),
    validation: part("validation", (i) => [sizes[i]!.train, sizes[i]!.train + sizes[i]!.validation]),
    test: part("test", (i, count) => [sizes[i]!.train + sizes[i]!.validation, count]),
  };
}
