import { type LabelledExamples, type Split, selectClasses, splitClasses } from "@innerloop/core";
import { UsageError } from "../../options/usage-error.js";
import { bySize } from "./class-sizes.js";
import type { ClassificationValues } from "./options.js";

/**
 * The parts that a data set itself names for its classes; undefined where not every class has one, or where the
 * options ask for both numbers of classes, which splits them anew. Where only the number of classes for validation is
 * given, they are taken from those that are not for test; where none is and no class is for validation, a tenth of the
 * training classes is.
 *
 * @param least examples that a class needs to be held out for validation
 * @throws UsageError where there are no classes for training or for test, or only the number of classes for test is given
 */
export function predefinedSplit(
  data: LabelledExamples,
  { ways, validationClasses, testClasses, classOrder }: ClassSplitOptions,
  seed: number,
  least = 0,
): Record<Split, LabelledExamples> | undefined {
  if (data.classes.some(({ split }) => split === undefined)) return undefined;
  if (testClasses !== undefined) {
    if (validationClasses !== undefined) return undefined;
    throw new UsageError(
      `--test-classes ${testClasses} of ${data.name}, which itself says which classes are for test`,
      "Give --validation-classes as well to split all of its classes anew, or leave it out",
    );
  }
  const part = (name: Split, ...splits: readonly Split[]): LabelledExamples => ({
    ...selectClasses(data, ({ split }) => split !== undefined && splits.includes(split)),
    name: `${data.name} ${name}`,
  });
  const [train, validation, test] = [part("train", "train"), part("validation", "validation"), part("test", "test")];
  for (const { name, classes } of [train, test]) {
    if (classes.length > 0) continue;
    throw new UsageError(
      `there are no classes in ${name}, though ${data.name} says of each class which part it belongs to`,
      "Split the classes anew with --validation-classes and --test-classes",
    );
  }
  if (validationClasses === undefined && validation.classes.length > 0) return { train, validation, test };
  const { large: others, small } = bySize(part("train", "train", "validation"), least);
  const n = others.classes.length;
  const held = validationClasses ?? Math.max(ways, Math.round(n / 10));
  if (n - held < ways) {
    throw new UsageError(
      validationClasses === undefined
        ? `${data.name} has no classes for validation, and its ${n} for training are too few to hold out ${held} of them`
        : `${data.name} has ${n} classes that are not for test, too few to hold out ${held} of them for validation`,
      "Lower --ways or --validation-classes, or split the classes anew with --validation-classes and --test-classes",
    );
  }
  const parts = splitClasses(others, { train: n - held, validation: held, order: orderOf(classOrder) }, seed);
  return {
    train: { ...parts.train, name: train.name, classes: [...parts.train.classes, ...small.classes] },
    validation: { ...parts.validation, name: validation.name },
    test,
  };
}

/** Options of a split by classes, with the ways that each part has to have classes for. */
export type ClassSplitOptions = Pick<ClassificationValues, "ways"> &
  Extract<ClassificationValues["split"], { readonly name: "classes" }>;

/** What `splitClasses` calls the order. */
export const orderOf = (order: ClassSplitOptions["classOrder"]): "shuffled" | "given" =>
  order === "listed" ? "given" : "shuffled";
