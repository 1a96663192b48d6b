/** Data sets of classes: images, or rows of numbers, each with the class that it belongs to. */
import { crossEntropy } from "@innerloop/core";
import { defaultsOf } from "@innerloop/core/learners";
import { classesIn } from "@innerloop/core/tasks";
import { mostOf } from "../../options/values.js";
import { domain, type LearnerNeeds, type NextStep } from "../domain.js";
import { tensorTaskSpec } from "../program-tasks.js";
import { areOfMarkedTexts, areOfTexts, isTableFile } from "../task-options.js";
import { classificationAdaptation } from "./adaptation.js";
import { neighbours } from "./baselines.js";
import type { DataSplits } from "./data-splits.js";
import { exportedClasses } from "./exported-classes.js";
import { requireBackboneUse } from "./image-features.js";
import { openSetParts } from "./open-set-parts.js";
import { type ClassificationValues, classificationOptions } from "./options.js";
import { classificationPresets } from "./presets.js";
import { loadClasses, loadOtherClasses } from "./reading.js";
import { requireWays } from "./run-ways.js";
import { type ClassificationSpec, parseClassificationSpec } from "./spec.js";
import { classificationSizes, classificationTasks, requireTrainWays } from "./tasks.js";
import { classesText, tasksText } from "./words.js";

/**
 * Classes that a run's learner tells apart. One whose parameters do not depend on them takes what the tasks at hand
 * have, any other those that it was trained with.
 */
const outputsOf = (
  { ways, trainWays = ways }: ClassificationValues,
  { learner, own }: LearnerNeeds & { readonly own?: ClassificationValues | undefined },
): number => (learner.variableWays ? Math.max(ways, mostOf(trainWays)) : (own?.ways ?? ways));

/** @internal The domain of data sets of classes. */
export const classification = domain<typeof classificationOptions, DataSplits, ClassificationSpec>({
  name: "classification",
  title: "data sets of classes",
  kind: "classification",
  options: classificationOptions,
  presets: classificationPresets,
  networks: ["conv", "mlp", "linear", "projection"],
  uselessness: (name, { backbone }) =>
    backbone !== undefined && (name === "imageSize" || name === "channels")
      ? { beside: `--backbone ${backbone}`, is: "images without a backbone, which says itself what images it takes" }
      : undefined,
  ofEpisodes: ["trainWays", "trainShots"],
  claims: (flags) => {
    const { groupColumn, target, inputs, data } = flags;
    const isOfGroups = [groupColumn, target, inputs].some((given) => given !== undefined);
    return isOfGroups || areOfTexts(flags) || areOfMarkedTexts(flags) || data === undefined || isTableFile(data)
      ? undefined
      : "images";
  },
  shownAs: ({ data }) => `--data ${data}`,
  check: (options, needs) => {
    requireBackboneUse(options);
    requireTrainWays(options, needs);
  },
  load: loadClasses,
  loadOther: loadOtherClasses,
  parseSpec: parseClassificationSpec,
  tasks: classificationTasks,
  shapes: (spec, options, needs) => {
    const outputs = outputsOf(options, needs);
    const { shots, trainShots = shots } = needs.own ?? options;
    return {
      inputShape: spec?.exampleShape ?? [],
      outputs,
      supportRows: Math.max(shots, mostOf(trainShots)) * outputs,
      trainClasses: spec?.trainClasses ?? 0,
    };
  },
  outputs: (_, { ways }) => ways,
  loss: () => crossEntropy,
  baselines: neighbours,
  describe: ({ options, data, needs }) => [
    ["data", classesText(options, data)],
    ["tasks", tasksText(options, data, needs.training)],
  ],
  taskSizes: classificationSizes,
  sizeOf: (name, options, chosen) => {
    // Queries that are as many as shots are settled with them.
    if (name === "queries") return options.queries ?? (chosen.includes("shots") ? undefined : options.shots);
    return options[name as "ways" | "shots"];
  },
  heldOut: ({ options: { split }, spec, protocol }, isOther) => ({
    "shape of examples": spec?.exampleShape.join(" x "),
    "dark ink on light paper": spec?.darkOnLight,
    "backbone (sha256)": spec?.backbone?.sha256.slice(0, 16),
    ...(isOther
      ? {}
      : {
          "data set": spec?.name,
          "contents of the data set (sha256)": spec?.sha256.slice(0, 16),
          split: split.name,
          ...(split.name === "classes"
            ? {
                "class order": split.classOrder,
                "--validation-classes": split.validationClasses,
                "--test-classes": split.testClasses,
              }
            : {}),
          "held-out classes": spec ? Number(protocol.classes ?? 0) + Number(protocol.skippedClasses ?? 0) : undefined,
        }),
  }),
  requireSizes: requireWays,
  openSet: (data, { ways }) => openSetParts(data, ways),
  next: ({ options: { shots } }): readonly NextStep[] => [
    { command: "eval", flags: { shots: shots + 4 }, meaning: "more examples of each class" },
    {
      command: "adapt",
      flags: {},
      more: "--support DIR --query FILE...",
      meaning: "your own images: one folder of examples per class",
    },
  ],
  adaptation: classificationAdaptation,
  exported: exportedClasses,
  adopt: ({ test }) => {
    const spec = tensorTaskSpec({ test });
    const ways = spec && classesIn(spec);
    if (!spec || ways === undefined) return undefined;
    return {
      options: { ...defaultsOf(classificationOptions), ways },
      spec: { name: test.name, sha256: "", exampleShape: spec.x.shape },
    };
  },
});
