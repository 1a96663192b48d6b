/** The tasks of a data set of classes. */
import {
  type Augmentation,
  allClasses,
  type Count,
  episodes,
  type LabelledExamples,
  semiSupervisedEpisodes,
  type TaskSource,
} from "@innerloop/core";
import { UsageError } from "../../options/usage-error.js";
import { flagOf, mostOf, optionText } from "../../options/values.js";
import type { LearnerNeeds, SourceTasks } from "../domain.js";
import { areOwnSizes } from "../task-options.js";
import { augmentationOf } from "./augmentation.js";
import type { DataSplits } from "./data-splits.js";
import type { ClassificationValues } from "./options.js";

/** The options that are sizes of a task of classes. */
export const classificationSizes = ["ways", "shots", "queries"] as const;

/** The options that tasks of classes are made by. */
export interface TaskOptions
  extends Pick<ClassificationValues, "ways" | "trainWays" | "shots" | "trainShots" | "queries"> {
  readonly split: { readonly name: string };
  readonly augment?: ClassificationValues["augment"];
}

/**
 * @param needs.own options of an existing run, whose tasks these are to be or to differ from
 * @throws UsageError for options that do not go with what the learner is trained on
 */
export function classificationTasks(
  data: DataSplits,
  options: TaskOptions,
  { training, own }: LearnerNeeds & { readonly own?: TaskOptions | undefined },
): SourceTasks {
  const { ways, shots, queries = shots, augment: chosen = "none" } = options;
  // There is no training on other data than a run's own: what only its tasks are made of is not asked of these.
  const { trainWays = ways, trainShots = shots } = data.train === data.test ? {} : options;
  const augmentation = augmentationOf(chosen, data.train.exampleShape);
  const augment = augmentation ? { augment: augmentation } : {};
  const withUnlabelled = training.kind === "episodes with unlabelled examples";
  const fixed = (name: string, count: Count): number => {
    if (typeof count === "number") return count;
    throw new UsageError(
      `${flagOf(name)} ${optionText(count)} for a learner of ${training.kind}`,
      "Give one number: its tasks are all of a size",
    );
  };
  if (withUnlabelled && augmentation)
    throw new UsageError(`--augment ${chosen} for a learner of ${training.kind}`, "Its tasks are not augmented");
  const sampled = (part: LabelledExamples, asked: { ways: Count; shots: Count; augment?: Augmentation }) =>
    withUnlabelled
      ? semiSupervisedEpisodes(part, {
          ways: fixed("trainWays", asked.ways),
          shots: fixed("trainShots", asked.shots),
          queries,
          unlabelled: training.unlabelled,
          skipSmallClasses: true,
        })
      : episodes(part, { ...asked, queries, skipSmallClasses: true });
  const train =
    training.kind === "batches of all classes"
      ? allClasses(data.train, { batch: training.batch, ...augment })
      : sampled(data.train, { ways: trainWays, shots: trainShots, ...augment });
  const held = (part: LabelledExamples): TaskSource => {
    const source = sampled(part, { ways, shots });
    return options.split.name === "examples" && source.pool
      ? { ...source, pool: { ...source.pool, seen: true } }
      : source;
  };
  const validation = areOwnSizes(classificationSizes, options, own) ? data.validation : data.test;
  return { train, validation: held(validation), test: held(data.test) };
}

/** Labels beyond the outputs of a model would be none. @throws UsageError */
export function requireTrainWays(
  { ways, trainWays = ways }: Pick<ClassificationValues, "ways" | "trainWays">,
  { learner, learnerName }: LearnerNeeds & { readonly learnerName: string },
): void {
  if (mostOf(trainWays) <= ways || learner.variableWays) return;
  throw new UsageError(
    `--train-ways ${optionText(trainWays)} of ${learnerName}, whose model has an output for each of --ways ${ways} classes`,
    "Leave it out or raise --ways; it is for learners whose parameters do not depend on the classes",
  );
}
