/** The classes that an open-set threshold is chosen on, and those that are reported. */
import { type LabelledExamples, selectClasses } from "@innerloop/core";
import { UsageError } from "../../options/usage-error.js";
import type { DataSplits } from "./data-splits.js";

/** Classes to choose the threshold on and classes to report, which share none. */
export function openSetParts(
  { validation, test }: DataSplits,
  ways: number,
): Readonly<Record<"validation" | "test", LabelledExamples>> {
  if (validation !== test) return { validation, test };
  // Another data set than that of training, all of whose classes serve: every second one for each.
  const parts = {
    validation: selectClasses(test, (_, index) => index % 2 === 0),
    test: selectClasses(test, (_, index) => index % 2 === 1),
  };
  const [all, left] = [test, parts.test].map(({ classes }) => classes.length) as [number, number];
  if (left >= 2 * ways) return parts;
  throw new UsageError(
    `${ways}-way tasks of --open-set take ${2 * ways} classes, ${ways} of them unknown; of the ${all} classes of ${test.name}, ${all - left} are kept for choosing the threshold, and ${left} are left`,
    left < 4
      ? "Give data of more classes"
      : `Lower --ways to at most ${Math.floor(left / 2)}, or give data of more classes`,
  );
}
