/** Texts of classes: intents, topics, sentiment; of one data set, or across domains and languages. */
import { crossEntropy, type LabelledExamples } from "@innerloop/core";
import { idCount } from "@innerloop/core/tasks";
import { mostOf } from "../../options/values.js";
import { openSetParts } from "../classification/open-set-parts.js";
import { requireWays } from "../classification/run-ways.js";
import { classificationSizes } from "../classification/tasks.js";
import { domain, type LearnerNeeds, type NextStep, type OpenSetParts } from "../domain.js";
import { areOfTexts } from "../task-options.js";
import { textAdaptation } from "./adaptation.js";
import { textBaselines } from "./baselines.js";
import { textForm } from "./coding.js";
import { exportedTexts } from "./exported-texts.js";
import { type TextValues, textOptions } from "./options.js";
import { textPresets } from "./presets.js";
import { loadOtherTexts, loadTexts, type TextData } from "./reading.js";
import { parseTextSpec, type TextSpec } from "./spec.js";
import { answersFromNone, areFixed, requireTextOptions, textTasks } from "./tasks.js";
import { textsText, textTasksText } from "./words.js";

/** Classes that a run's learner tells apart. */
function outputsOf(
  spec: TextSpec | undefined,
  options: TextValues,
  { learner, own }: LearnerNeeds & { readonly own?: TextValues | undefined },
): number {
  if (areFixed(own ?? options)) return spec?.labels?.length ?? options.ways;
  const { ways, trainWays = ways } = options;
  return learner.variableWays ? Math.max(ways, mostOf(trainWays)) : (own?.ways ?? ways);
}

/** The coding, whatever its length; an encoder is the same wherever it lies. */
function codingText({ coding }: TextSpec): string {
  const encoder =
    coding.kind === "features"
      ? { backbone: coding.backbone.sha256 }
      : coding.kind === "pieces"
        ? { tokenizer: coding.tokenizer.sha256 }
        : {};
  return JSON.stringify({ ...coding, length: undefined, ...encoder });
}

/** @internal The domain of texts of classes. */
export const texts = domain<typeof textOptions, TextData, TextSpec>({
  name: "labelled-texts",
  title: "texts of classes",
  kind: "classification",
  options: textOptions,
  presets: textPresets,
  networks: ["bag", "text-conv", "text-transformer", "projection", "mlp", "linear"],
  usualNetwork: (flags) => {
    if (textForm(flags as TextValues) !== "features") return "bag";
    // A head that starts from what training domains know is one upon features as they are.
    return flags.split === "domains" && flags.taskLabels !== "shuffled" ? "linear" : "projection";
  },
  ofEpisodes: ["trainWays", "trainShots"],
  claims: (flags) => (areOfTexts(flags) ? "text" : undefined),
  shownAs: ({ data }) => `--data ${data}`,
  check: requireTextOptions,
  load: loadTexts,
  loadOther: loadOtherTexts,
  parseSpec: parseTextSpec,
  tasks: textTasks,
  shapes: (spec, options, needs) => {
    const outputs = outputsOf(spec, options, needs);
    const { shots, trainShots = shots } = needs.own ?? options;
    const coding = spec?.coding;
    const ids = coding && coding.kind !== "features" && idCount(coding);
    return {
      inputShape: spec?.exampleShape ?? [],
      outputs,
      supportRows: Math.max(1, shots, mostOf(trainShots)) * outputs,
      trainClasses: spec?.trainClasses ?? 0,
      ...(needs.data?.source ? { source: needs.data.source } : {}),
      ...(ids ? { ids: { count: ids, ...(needs.data?.weights ? { weights: needs.data.weights } : {}) } } : {}),
    };
  },
  outputs: (spec, options) => (areFixed(options) ? (spec?.labels?.length ?? options.ways) : options.ways),
  loss: () => crossEntropy,
  baselines: textBaselines,
  describe: ({ options, data, needs }) => [
    ["data", textsText(options, data)],
    ["tasks", textTasksText(options, data, needs)],
  ],
  taskSizes: classificationSizes,
  sizeOf: (name, options, chosen) => {
    // Queries that are as many as shots are settled with them.
    if (name === "queries") return options.queries ?? (chosen.includes("shots") ? undefined : options.shots);
    return options[name as "ways" | "shots"];
  },
  heldOut: ({ options: { split }, spec, protocol }, isOther) => ({
    "what texts are coded as": spec && codingText(spec),
    ...(isOther
      ? {}
      : {
          "data set": spec?.name,
          "contents of the data set (sha256)": spec?.sha256.slice(0, 16),
          split: split.name,
          ...(split.name === "classes"
            ? {
                "class order": split.classOrder,
                "--fold": split.fold,
                "--validation-classes": split.validationClasses,
                "--test-classes": split.testClasses,
              }
            : {}),
          ...(split.name === "domains"
            ? {
                "--test-domains": split.testDomains?.join(","),
                "--validation-domains": split.validationDomains?.join(","),
                "--task-labels": split.taskLabels,
              }
            : { "held-out classes": Number(protocol.classes ?? 0) + Number(protocol.skippedClasses ?? 0) }),
        }),
  }),
  requireSizes: (run, options, needs, asked) => {
    const { split } = run.options;
    if (areFixed(run.options)) return;
    const ofClasses = split.name === "classes" ? { ...split, rotations: "no" as const } : { name: "examples" as const };
    requireWays({ ...run, options: { ways: run.options.ways, split: ofClasses } }, options, needs, asked);
  },
  openSet: (data, { ways }) => openSetOf(data, ways),
  next: ({ options }): readonly NextStep[] => [
    { command: "eval", flags: { shots: options.shots + 4 }, meaning: "more examples of each class" },
    ...(areFixed(options) && options.shots > 0
      ? [{ command: "eval", flags: { shots: 0 }, meaning: "without any" } as const]
      : []),
    ...(answersFromNone(options)
      ? [
          {
            command: "adapt",
            flags: {},
            more: "--query -",
            meaning: "lines of standard input, by what it was trained on",
          } as const,
        ]
      : []),
    {
      command: "adapt",
      flags: {},
      more: "--support examples.csv --query -",
      meaning: "your own texts: a table with columns text and label; lines of standard input are answered",
    },
  ],
  adaptation: textAdaptation,
  exported: exportedTexts,
});

function openSetOf(data: TextData, ways: number): OpenSetParts | undefined {
  if (data.by !== "classes") return undefined;
  const { validation, test } = openSetParts(data.splits, ways);
  const withUnknown = (part: "validation" | "test", examples: LabelledExamples) => {
    const unknown = data.unknown?.[part];
    return unknown ? { ...examples, unknown } : examples;
  };
  return { validation: withUnknown("validation", validation), test: withUnknown("test", test) };
}
