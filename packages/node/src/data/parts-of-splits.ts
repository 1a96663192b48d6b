/** The parts of a split, as people call them. */
import type { Split } from "./labelled-examples.js";

const partOf: ReadonlyMap<string, Split> = new Map([
  ...["train", "training", "trainset"].map((name) => [name, "train"] as const),
  ...["val", "valid", "validation", "validate", "dev", "development"].map((name) => [name, "validation"] as const),
  ...["test", "testing", "testset", "eval", "evaluation"].map((name) => [name, "test"] as const),
]);

/** The part that a folder or cell of this name stands for; undefined for any other name. */
export const partNamed = (name: string): Split | undefined => partOf.get(name.trim().toLowerCase());
