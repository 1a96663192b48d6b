import { type LabelledExamples, type Split, selectClasses, splitClasses } from "innerloop";
import type { ExperimentOptions } from "./option-table.js";
import { UsageError } from "./usage-error.js";

/**
 * The parts that a data set itself names for its classes; undefined where not every class has one, or where the
 * options ask for other numbers of classes. Where no class is for validation, a tenth of the training classes is.
 *
 * @throws UsageError where there are no classes for training or for test
 */
export function predefinedSplit(
  data: LabelledExamples,
  { validationClasses, testClasses, ways, classOrder }: SplitOptions,
  seed: number,
): Record<Split, LabelledExamples> | undefined {
  if (validationClasses !== 0 || testClasses !== 0 || data.classes.some(({ split }) => split === undefined)) {
    return undefined;
  }
  const part = (name: Split): LabelledExamples => ({
    ...selectClasses(data, (entry) => entry.split === name),
    name: `${data.name} ${name}`,
  });
  const [train, validation, test] = [part("train"), part("validation"), part("test")];
  for (const { name, classes } of [train, test]) {
    if (classes.length > 0) continue;
    throw new UsageError(
      `there are no classes in ${name}, though ${data.name} says of each class which part it belongs to`,
      "Split the classes anew with --validation-classes and --test-classes",
    );
  }
  if (validation.classes.length > 0) return { train, validation, test };
  const n = train.classes.length;
  const held = Math.max(ways, Math.round(n / 10));
  if (n - held < ways) {
    throw new UsageError(
      `${data.name} has no classes for validation, and its ${n} for training are too few to hold out ${held} of them`,
      "Lower --ways, or split the classes anew with --validation-classes and --test-classes",
    );
  }
  const parts = splitClasses(train, { train: n - held, validation: held, order: orderOf(classOrder) }, seed);
  return {
    train: { ...parts.train, name: train.name },
    validation: { ...parts.validation, name: validation.name },
    test,
  };
}

export type SplitOptions = Pick<ExperimentOptions, "validationClasses" | "testClasses" | "ways" | "classOrder">;

/** What `splitClasses` calls the order. */
export const orderOf = (order: ExperimentOptions["classOrder"]): "shuffled" | "given" =>
  order === "listed" ? "given" : "shuffled";
