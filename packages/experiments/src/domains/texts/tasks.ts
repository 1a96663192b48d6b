/** The tasks of texts: episodes of classes, or of one domain each. */
import { type Count, type DescribedTaskSource, domainTasks, type ExampleDomain } from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { leastOf, mostOf, optionText } from "../../options/values.js";
import { classificationSizes, classificationTasks, requireTrainWays } from "../classification/tasks.js";
import type { LearnerNeeds, SourceTasks } from "../domain.js";
import { areOwnSizes } from "../task-options.js";
import { requireCoding } from "./coding.js";
import type { TextValues } from "./options.js";
import type { TextData } from "./reading.js";
import type { TextsByDomain } from "./text-splits.js";

/** @param needs.own options of an existing run, whose tasks these are to be or to differ from */
export function textTasks(
  data: TextData,
  options: TextValues,
  needs: LearnerNeeds & { readonly own?: TextValues | undefined },
): SourceTasks {
  return data.by === "classes"
    ? classificationTasks(data.splits, options, needs)
    : tasksOfDomains(data, options, needs.own);
}

/** Classes of a task, where they are the same everywhere: all of them. */
export const areFixed = ({ split }: Pick<TextValues, "split">): boolean =>
  split.name === "domains" && split.taskLabels === "fixed";

/** Whether a run answers without examples: classes mean the same in every task, and some of training had none. */
export const answersFromNone = ({ shots, trainShots = shots, split }: TextValues): boolean =>
  areFixed({ split }) && leastOf(trainShots) === 0;

function tasksOfDomains({ parts }: TextsByDomain, options: TextValues, own: TextValues | undefined): SourceTasks {
  const { ways, shots, queries = Math.max(1, shots), trainWays = ways, trainShots = shots } = options;
  const fixed = areFixed(options);
  const of = (part: readonly ExampleDomain[], asked: { ways: number; shots: Count }): DescribedTaskSource =>
    domainTasks(part, {
      shots: asked.shots,
      queries,
      skipSmallDomains: true,
      ...(fixed ? { labels: "fixed" } : { labels: "shuffled", ways: asked.ways }),
    });
  const { train, validation } = parts;
  const sizes = { ways, shots };
  const test = of(parts.test, sizes);
  return {
    train: train === parts.test ? of(train, sizes) : of(train, { ways: mostOf(trainWays), shots: trainShots }),
    validation: areOwnSizes(classificationSizes, options, own) ? of(validation, sizes) : test,
    test,
  };
}

/** @throws UsageError for options that do not go together */
export function requireTextOptions(options: TextValues, needs: LearnerNeeds & { readonly learnerName: string }): void {
  requireCoding(options);
  const { shots, trainShots = shots, split, trainWays, ways } = options;
  const { training, learnerName } = needs;
  if (split.name !== "domains") {
    const none = shots === 0 ? "--shots 0" : leastOf(trainShots) === 0 ? `--train-shots ${optionText(trainShots)}` : "";
    if (none !== "")
      throw new UsageError(
        `${none} with --split ${split.name}`,
        "Give 1 or more: without an example, nothing says which class is which. With --split domains and fixed labels training does",
      );
    requireTrainWays(options, needs);
    return;
  }
  if (training.kind !== "episodes")
    throw new UsageError(
      `--learner ${learnerName} with --split domains, which is trained on ${training.kind}`,
      "Choose one that is trained on episodes, such as ridge-prior or maml",
    );
  if (trainWays !== undefined && typeof trainWays !== "number")
    throw new UsageError(`--train-ways ${optionText(trainWays)} with --split domains`, "Give one number");
  if (split.taskLabels === "shuffled") {
    if (shots === 0)
      throw new UsageError("--shots 0 with --task-labels shuffled", "Give 1 or more, or --task-labels fixed");
    requireTrainWays(options, needs);
    return;
  }
  if (trainWays !== undefined && mostOf(trainWays) !== ways)
    throw new UsageError(
      `--train-ways ${optionText(trainWays)} with --task-labels fixed`,
      "Leave it out: all classes take part in every task",
    );
}
