/** Marked texts: types of spans from a few sentences that have them. */
import { type TagPrediction, taggingLoss } from "@innerloop/core";
import { entityNetworks, type OptionValues, transitionShares } from "@innerloop/core/learners";
import type { TokenInputs } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { RunFacts } from "../../config/index.js";
import { UsageError } from "../../options/usage-error.js";
import { mostOf } from "../../options/values.js";
import { counted } from "../../words.js";
import { domain, type LearnerNeeds, type NextStep } from "../domain.js";
import { areOfMarkedTexts } from "../task-options.js";
import { entityAdaptation } from "./adaptation.js";
import { wordBaselines } from "./baselines.js";
import { exportedSentences } from "./exported-sentences.js";
import { entityOptions } from "./options.js";
import { entityPresets } from "./presets.js";
import { type EntityData, loadEntities, loadOtherEntities, mostTypes } from "./reading.js";
import { type EntitySpec, parseEntitySpec } from "./spec.js";
import { entitySizes, entityTasks } from "./tasks.js";
import { entityTasksText, markedText } from "./words.js";

type EntityValues = OptionValues<typeof entityOptions>;

/**
 * Types that a run's learner tells apart. One whose parameters do not depend on them takes what the tasks at hand have, any
 * other those that it was trained with.
 */
const typesOf = (
  spec: EntitySpec | undefined,
  options: EntityValues,
  {
    learner,
    own,
    data,
  }: LearnerNeeds & { readonly own?: EntityValues | undefined; readonly data?: EntityData | undefined },
): number => {
  const trained = spec?.types ?? 1;
  if (!learner.variableWays) return (own ?? options).types ?? trained;
  return options.types ?? (data ? Math.max(trained, mostTypes(data)) : trained);
};

/** @internal The domain of marked texts. */
export const entities = domain<typeof entityOptions, EntityData, EntitySpec, TokenInputs, Tensor, TagPrediction>({
  name: "entities",
  title: "marked texts",
  kind: "tagging",
  options: entityOptions,
  presets: entityPresets,
  networks: Object.keys(entityNetworks),
  ownNetworks: entityNetworks as never,
  ofEpisodes: ["trainShots"],
  claims: (flags) => (areOfMarkedTexts(flags) ? "entities" : undefined),
  shownAs: ({ data }) => `--data ${data}`,
  load: loadEntities,
  loadOther: loadOtherEntities,
  parseSpec: parseEntitySpec,
  tasks: entityTasks,
  shapes: (spec, options, needs) => {
    const types = typesOf(spec, options, needs);
    const { shots, trainShots = shots } = needs.own ?? options;
    const { data } = needs;
    // Those of other data than the run's own are what its tasks ask for.
    const transitions = data && data.train !== data.test ? transitionShares(data.train) : undefined;
    return {
      inputShape: [],
      outputs: types + 1,
      supportRows: Math.max(shots, mostOf(trainShots)) * types,
      trainClasses: spec?.types ?? 0,
      ...(spec ? { words: { ...spec.words, ...(transitions ? { transitions } : {}) } } : {}),
    };
  },
  loss: () => taggingLoss,
  baselines: wordBaselines,
  describe: ({ options, data }) => [
    ["data", markedText(options, data)],
    ["tasks", entityTasksText(options)],
  ],
  taskText: ({ domains, types, shots, querySentences }) =>
    `${/^\d/.test(String(types)) ? `${types} types` : "all types"} of ${domains}, ${Number(shots) === 1 ? "1 span" : `${shots} spans`} of each, ${querySentences} query sentences`,
  taskSizes: entitySizes,
  heldOut: ({ spec, options }, isOther) => ({
    words: spec && JSON.stringify({ ...spec.words, length: undefined, backbone: spec.backbone?.sha256 }),
    ...(isOther
      ? {}
      : {
          "data set": spec?.name,
          "contents of the data set (sha256)": spec?.sha256.slice(0, 16),
          "what is held out": spec?.holdOut,
          "held out": spec?.held.test.join(", "),
          "--types": options.types,
        }),
  }),
  requireSizes: requireTypes,
  next: ({ options: { shots } }): readonly NextStep[] => [
    {
      command: "eval",
      flags: { shots: shots === 1 ? 5 : 1 },
      meaning: shots === 1 ? "more spans of each type" : "one span of each type",
    },
    {
      command: "adapt",
      flags: {},
      more: "--support marked.txt --query -",
      meaning: "your own types: sentences such as A flight to [Berlin](city); lines of standard input are answered",
    },
  ],
  adaptation: entityAdaptation,
  exported: exportedSentences,
});

/** @throws UsageError where a model has outputs for fewer types */
function requireTypes(
  { options: own, spec, command }: RunFacts<EntityValues, EntitySpec>,
  { types }: EntityValues,
  { learner }: LearnerNeeds,
  asked = `--types ${types}`,
): void {
  const trained = own.types ?? spec?.types ?? 1;
  if (types === undefined || types <= trained || learner.variableWays) return;
  throw new UsageError(
    `${asked} for a model whose last layer has ${counted(trained, "type")}`,
    `Train one that tells any number apart: \`${command({ learner: "struct-shot" })}\``,
  );
}
