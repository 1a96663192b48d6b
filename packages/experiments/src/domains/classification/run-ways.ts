/** How many classes a trained model can be asked to tell apart. */
import type { RunFacts } from "../../config/index.js";
import { UsageError } from "../../options/usage-error.js";
import type { LearnerNeeds } from "../domain.js";
import type { ClassificationValues } from "./options.js";
import type { ClassificationSpec } from "./spec.js";

type ClassificationRun = RunFacts<Pick<ClassificationValues, "ways" | "split">, ClassificationSpec>;

/**
 * Fewer ways than in training leave outputs without a class; more need a learner whose parameters do not depend on them.
 *
 * @param asked where they come from
 * @throws UsageError
 */
export function requireWays(
  run: ClassificationRun,
  { ways }: Pick<ClassificationValues, "ways">,
  { learner }: LearnerNeeds,
  asked = `--ways ${ways}`,
): void {
  const trained = run.options.ways;
  if (ways <= trained || learner.variableWays) return;
  const remedy = hasClassesFor(run, ways)
    ? `Train one with \`${run.command({ ways })}\``
    : `The data of the run are too few to hold out ${ways} classes twice; a learner that tells any number apart needs no more: \`${run.command({ learner: "prototypical" })}\``;
  throw new UsageError(`${asked} for a model whose last layer has ${trained} classes`, remedy);
}

/** Whether a run like this one, of more ways, would have classes enough for training, validation and test. */
function hasClassesFor({ options, spec, protocol }: ClassificationRun, ways: number): boolean {
  const { split } = options;
  if (split.name === "examples") return (spec?.trainClasses ?? 0) >= ways;
  const { rotations, validationClasses, testClasses } = split;
  const trained = (spec?.trainClasses ?? 0) / (rotations === "yes" ? 4 : 1);
  const test = Number(protocol.classes ?? 0) + Number(protocol.skippedClasses ?? 0);
  // Of validation it is only known that there were as many as a task takes, where no number was given.
  const validation = Math.max(options.ways, validationClasses ?? 0);
  if (validationClasses === undefined && testClasses === undefined) return trained + test + validation >= 3 * ways;
  return Math.min(trained, test, validation) >= ways;
}
