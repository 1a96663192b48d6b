import { defaultsOf, type LabelledExamples, type Split } from "@innerloop/core";
import { describe, expect, it } from "vitest";
import { splitData } from "./data-splits.js";
import { type ClassificationValues, classificationOptions } from "./options.js";

function madeUp(parts: Readonly<Partial<Record<Split | "none", number>>>): LabelledExamples {
  const classes = Object.entries(parts).flatMap(([part, count]) =>
    Array.from({ length: count }, (_, i) => ({
      name: `${part} ${i}`,
      count: 2,
      examples: Uint8Array.of(1, 2),
      ...(part === "none" ? {} : { split: part as Split }),
    })),
  );
  return { name: "made up", exampleShape: [1, 1, 1], classes };
}
type ByClasses = Extract<ClassificationValues["split"], { readonly name: "classes" }>;
const split = (data: LabelledExamples, options: Partial<ByClasses> = {}) => {
  const defaults = defaultsOf(classificationOptions);
  return splitData(data, { ways: 2, split: { ...(defaults.split as ByClasses), ...options } });
};
const names = ({ classes }: LabelledExamples): string[] => classes.map(({ name }) => name);
const sizes = (parts: ReturnType<typeof split>): number[] =>
  [parts.train, parts.validation, parts.test].map(({ classes }) => classes.length);

describe("splits that a data set names itself", () => {
  const data = madeUp({ test: 3, train: 5, validation: 2 });

  it("are used, each part in the order of the data set", () => {
    const parts = split(data);
    expect(names(parts.train)).toEqual(["train 0", "train 1", "train 2", "train 3", "train 4"]);
    expect(names(parts.validation)).toEqual(["validation 0", "validation 1"]);
    expect(names(parts.test)).toEqual(["test 0", "test 1", "test 2"]);
    expect(parts.test.name).toBe("made up test");
    expect(sizes(split(data, { rotations: "yes" }))).toEqual([20, 2, 3]);
  });

  it("give way to numbers of classes that are asked for, and are none where a class has no part", () => {
    expect(sizes(split(data, { testClasses: 4, validationClasses: 3 }))).toEqual([3, 3, 4]);
    expect(sizes(split(madeUp({ none: 1, train: 9, test: 10 })))).toEqual([14, 2, 4]);
  });

  it("keep their test classes, whatever is held out for validation", () => {
    const parts = split(data, { validationClasses: 4 });
    expect(names(parts.test)).toEqual(["test 0", "test 1", "test 2"]);
    expect(sizes(parts)).toEqual([3, 4, 3]);
    expect([...names(parts.train), ...names(parts.validation)].every((name) => !name.startsWith("test"))).toBe(true);
    expect(() => split(data, { validationClasses: 6 })).toThrow(
      /made up has 7 classes that are not for test, too few to hold out 6 of them for validation/,
    );
    expect(() => split(data, { testClasses: 4 })).toThrow(
      /^--test-classes 4 of made up, which itself says .*\. Give --validation-classes as well to split all/,
    );
  });

  it("take validation classes from those for training where there are none", () => {
    const parts = split(madeUp({ train: 30, test: 4 }));
    expect(sizes(parts)).toEqual([27, 3, 4]);
    expect(new Set([...names(parts.train), ...names(parts.validation)]).size).toBe(30);
    expect(names(split(madeUp({ train: 30, test: 4 }), { classOrder: "listed" }).validation)).toEqual([
      "train 27",
      "train 28",
      "train 29",
    ]);
    expect(() => split(madeUp({ train: 3, test: 4 }))).toThrow(
      /made up has no classes for validation, and its 3 for training are too few to hold out 2/,
    );
  });

  it("are refused without classes for training or for test", () => {
    expect(() => split(madeUp({ train: 9, validation: 3 }))).toThrow(
      /no classes in made up test.*--validation-classes and --test-classes/,
    );
    expect(() => split(madeUp({ test: 9 }))).toThrow(/no classes in made up train/);
  });
});

describe("--class-order listed", () => {
  it("trains on the first classes, validates on the next, and holds out the last", () => {
    const parts = split(madeUp({ none: 10 }), { classOrder: "listed", testClasses: 3, validationClasses: 2 });
    expect(names(parts.train)).toEqual(["none 0", "none 1", "none 2", "none 3", "none 4"]);
    expect(names(parts.validation)).toEqual(["none 5", "none 6"]);
    expect(names(parts.test)).toEqual(["none 7", "none 8", "none 9"]);
    expect(names(split(madeUp({ none: 10 })).test)).not.toEqual(["none 8", "none 9"]);
  });
});
