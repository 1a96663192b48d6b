/** Which classes have examples enough for the tasks that they are held out for. */
import type { LabelledExamples } from "@innerloop/core";
import type { TrainingTasks } from "@innerloop/core/learners";
import { UsageError } from "../../options/usage-error.js";
import type { ClassificationValues } from "./options.js";

/** Examples that a class gives to a task of validation or evaluation. */
export function examplesNeeded(
  { shots, queries = shots }: Pick<ClassificationValues, "shots" | "queries">,
  training: TrainingTasks,
): number {
  return shots + queries + (training.kind === "episodes with unlabelled examples" ? training.unlabelled : 0);
}

/** The classes with so many examples, and those with fewer. */
export function bySize(
  data: LabelledExamples,
  least: number,
): { readonly large: LabelledExamples; readonly small: LabelledExamples } {
  const of = (isLarge: boolean): LabelledExamples => ({
    ...data,
    classes: data.classes.filter(({ count }) => count >= least === isLarge),
  });
  return { large: of(true), small: of(false) };
}

/** `cat (4), dog (2)`: classes with their numbers of examples, the smallest first. */
export function sizesText({ classes }: LabelledExamples): string {
  const listed = [...classes].sort((a, b) => a.count - b.count).slice(0, 10);
  const more = classes.length > listed.length ? ` and ${classes.length - listed.length} more` : "";
  return `${listed.map(({ name, count }) => `${name} (${count})`).join(", ")}${more}`;
}

/** The n-th largest number of examples that a class has. */
export const nthLargest = ({ classes }: LabelledExamples, n: number): number =>
  classes.map(({ count }) => count).sort((a, b) => b - a)[n - 1] ?? 0;

/**
 * @param asked `of`: which classes these are, `takes`: what takes so many examples, in words
 * @throws UsageError where fewer classes than ways have examples enough
 */
export function requireWaysOf(
  data: LabelledExamples,
  asked: {
    readonly ways: number;
    readonly least: number;
    readonly of?: string;
    readonly takes: string;
    readonly remedy: string;
  },
): void {
  const { ways, least, of = "", takes, remedy } = asked;
  const { large, small } = bySize(data, least);
  const [n, total] = [large.classes.length, data.classes.length];
  if (n >= ways) return;
  const have =
    n === total
      ? `there ${n === 1 ? "is" : "are"} only ${n}${of}`
      : `of the ${total}${of} ${n === 0 ? "none has" : n === 1 ? "1 has" : `${n} have`} the ${least} examples that ${takes}; smaller are ${sizesText(small)}`;
  throw new UsageError(`${ways}-way tasks take ${ways} classes, and ${have}`, remedy);
}
