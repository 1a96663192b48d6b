import type { LabelledExamples, Split } from "@innerloop/core";
import { defaultsOf, type TrainingTasks } from "@innerloop/core/learners";
import { describe, expect, it } from "vitest";
import { type DataSplits, splitData, splitWarnings } from "./data-splits.js";
import { type ClassificationValues, classificationOptions } from "./options.js";

/** Classes of so many examples each, all different unless they have one name. */
function sized(counts: readonly number[], split?: (i: number) => Split, from = 0): LabelledExamples {
  const classes = counts.map((count, i) => ({
    name: `c${from + i}`,
    count,
    examples: Uint8Array.from({ length: 4 * count }, (_, at) => [from + i, at >> 2, 200, at >> 10][at & 3]!),
    ...(split ? { split: split(i) } : {}),
  }));
  return { name: "made up", exampleShape: [2, 2, 1], classes };
}
type Given = Partial<Omit<ClassificationValues, "split">> & {
  readonly split?: Partial<ClassificationValues["split"]>;
};
const options = ({ split, ...given }: Given = {}): ClassificationValues => {
  const defaults = defaultsOf(classificationOptions);
  const whole = { ...(split?.name === "examples" ? {} : defaults.split), ...split } as ClassificationValues["split"];
  return { ...defaults, ways: 2, shots: 1, queries: 3, ...given, split: whole };
};
const parts = (data: LabelledExamples, given: Given = {}, least = 4): DataSplits =>
  splitData(data, options(given), least);
const episodes: TrainingTasks = { kind: "episodes" };
const sizes = ({ classes }: LabelledExamples): number[] => classes.map(({ count }) => count);

describe("classes too small for a task", () => {
  it("go to training, and change nothing else", () => {
    const large = sized(new Array<number>(10).fill(6));
    const mixed = { ...large, classes: [...large.classes, ...sized([3, 2], undefined, 10).classes] };
    const [before, after] = [parts(large), parts(mixed)];
    expect(after.test).toEqual(before.test);
    expect(after.validation).toEqual(before.validation);
    expect(sizes(after.train)).toEqual([...sizes(before.train), 3, 2]);
    expect(splitWarnings(after, options(), episodes, 4)).toEqual([
      "made up: 2 classes have fewer than the 4 examples that a task takes, and are left out of training: c11 (2), c10 (3)",
    ]);
    // A run of before this has the split that it had.
    expect(parts(mixed, {}, 0).train.classes.length + 4).toBe(12);
  });

  it("are named with what would help where too few are left", () => {
    expect(() => parts(sized([6, 6, 6, 6, 6, 3, 3, 3]))).toThrow(
      /5 classes with the 4 examples .*, and 3 with fewer \(c5 \(3\), c6 \(3\), c7 \(3\)\).*Let --shots and --queries together take at most 3 examples of a class, or /,
    );
    expect(() => parts(sized(new Array<number>(10).fill(6)), { ways: 5 })).toThrow(/Lower --ways to 3, or add classes/);
    const split = (i: number): Split => (i < 6 ? "train" : i < 8 ? "validation" : "test");
    const fewToValidate = sized([6, 6, 6, 6, 6, 6, 6, 2, 6, 6], split);
    expect(() => parts(fewToValidate)).toThrow(
      /and of the 2 for validation 1 has the 4 examples that a task takes.*Give --validation-classes 2 to/,
    );
    expect(sizes(parts(fewToValidate, { split: { validationClasses: 2 } }).validation)).toEqual([6, 6]);
    expect(() => parts(sized([6, 6, 6, 6, 6, 6, 6, 6, 2, 2], split))).toThrow(
      /of the 2 for test none has.*c8 \(2\), c9 \(2\)/,
    );
  });

  it("of few examples are split among the parts by --split examples, or told what to change", () => {
    const small = parts(sized([12, 10]), { split: { name: "examples" }, queries: 2 }, 3);
    expect([small.train, small.validation, small.test].map(sizes)).toEqual([
      [6, 4],
      [3, 3],
      [3, 3],
    ]);
    expect(() => parts(sized([10, 10]), { split: { name: "examples" }, queries: 15 }, 16)).toThrow(
      /Let --shots and --queries together take at most 3 examples of a class, or give more/,
    );
    expect(() => parts(sized([10, 10]), { split: { name: "examples" }, ways: 5 }, 2)).toThrow(
      /5-way tasks .*Lower --ways to 2/,
    );
    const large = sized([100, 100]);
    expect(parts(large, { split: { name: "examples" } })).toEqual(parts(large, { split: { name: "examples" } }, 0));
  });
});

it("warns of examples on both sides of a split", () => {
  const data = sized(new Array<number>(10).fill(6));
  const { train, test } = parts(data);
  (test.classes[0]!.examples as Uint8Array).set(train.classes[0]!.examples.subarray(0, 8), 4);
  const [warning] = splitWarnings(parts(data), options(), episodes, 4);
  expect(warning).toMatch(/2 of 60 examples are exact duplicates.*\n.*\n.*\n.*flatters the results/);
});

describe("splits", () => {
  it("hold out whole classes, the same ones for every seed, and turn training classes only", () => {
    const data = sized(new Array<number>(40).fill(2));
    const found = parts(data, { ways: 5, split: { rotations: "yes" } }, 0);
    expect([found.train, found.validation, found.test].map(({ classes }) => classes.length)).toEqual([27 * 4, 5, 8]);
    expect(found.test.classes.every(({ rotation }) => rotation === undefined)).toBe(true);
    const names = (part: LabelledExamples): Set<string> => new Set(part.classes.map(({ name }) => name.split(" ")[0]!));
    expect(
      [...names(found.test)].some((name) => names(found.train).has(name) || names(found.validation).has(name)),
    ).toBe(false);
  });

  it("hold out examples of the same classes", () => {
    const found = parts(sized([100, 100, 100]), { ways: 3, split: { name: "examples" } }, 0);
    expect([found.train, found.validation, found.test].map(({ classes }) => classes[0]!.count)).toEqual([80, 5, 15]);
    expect(found.train.classes[0]!.examples.byteOffset + found.train.classes[0]!.examples.length).toBe(
      found.validation.classes[0]!.examples.byteOffset,
    );
  });

  it("refuse data with too few classes", () => {
    expect(() => parts(sized(new Array<number>(12).fill(2)), { ways: 5 }, 0)).toThrow(
      /made up has 12 classes, too few to hold out 5 for validation and 5 for evaluation and train on 5-way tasks\. Lower --ways/,
    );
  });

  it("recommend examples held out only with sizes that this split takes", () => {
    const data = sized(new Array<number>(12).fill(25));
    const refused = /--split examples, and let --shots and --queries together take at most 8 examples of a class$/;
    expect(() => parts(data, { ways: 5 }, 10)).toThrow(refused);
    expect(() => parts(data, { ways: 5, split: { name: "examples" } }, 8)).not.toThrow();
    expect(() => parts(data, { ways: 5 }, 8)).toThrow(/with --split examples$/);
  });

  it("refuse to hold out fewer classes than a task has", () => {
    const data = sized(new Array<number>(30).fill(6));
    for (const name of ["validationClasses", "testClasses"] as const)
      expect(() => parts(data, { ways: 5, split: { [name]: 4 } })).toThrow(
        / 4 of 5-way tasks\. Hold out 5 or more, or lower --ways$/,
      );
  });
});
