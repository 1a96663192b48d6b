/**
 * All learners by the name that the command line and FEATURES.md know them by: what each is for, and how to make it.
 */
import { GraphError } from "@innerloop/graph";
import type { Learner } from "../learners/learner.js";
import { defaultsOf, type OptionValues, type VariantValue } from "../options/option.js";
import { trainedBaselines } from "./baselines.js";
import { closedFormLearners } from "./closed-form.js";
import { detectionLearners } from "./detection.js";
import { entityLearners } from "./entities.js";
import { gradientLearners } from "./gradient.js";
import type { LearnerEntry, LearnerSetting } from "./learner-entry.js";
import { metricLearners } from "./metric.js";
import { modelBasedLearners } from "./model-based.js";

/** All learners by name, with what each is for: command line, FEATURES.md and tests over all of them come from it. */
export const learnerCatalogue = {
  ...gradientLearners,
  ...closedFormLearners,
  ...metricLearners,
  ...modelBasedLearners,
  ...entityLearners,
  ...detectionLearners,
  ...trainedBaselines,
};

/** Names of the learners of the catalogue, as `--learner` takes them. */
export type LearnerName = keyof typeof learnerCatalogue;
/** The names of the catalogue, in its order. */
export const learnerNames = Object.keys(learnerCatalogue) as readonly LearnerName[];

/** A learner of the catalogue by name, with values for its options: { name: "maml", steps: 5, ... }. */
export type LearnerChoice = VariantValue<{ readonly [K in LearnerName]: (typeof learnerCatalogue)[K]["options"] }>;

/** The record of a learner, with the types of its options left open. */
export const learnerEntry = (name: LearnerName): LearnerEntry => learnerCatalogue[name];

/**
 * A learner of the catalogue, made of the parts of a setting that it has use for.
 *
 * @param options values for its options, which have their defaults where nothing is said
 * @throws IL102 where the learner is not for this kind of task
 */
export function buildLearner<N extends LearnerName>(
  name: N,
  setting: LearnerSetting,
  options: Partial<OptionValues<(typeof learnerCatalogue)[N]["options"]>> = {},
): Learner {
  const entry = learnerEntry(name);
  if (!entry.kinds.includes(setting.kind)) {
    const others = learnerNames.filter((other) => learnerEntry(other).kinds.includes(setting.kind));
    throw new GraphError("IL102", name, `it is not for ${setting.kind}`, `Choose one of ${others.join(", ")}`);
  }
  return entry.build(setting, { ...defaultsOf(entry.options), ...options });
}
