/** Pictures with objects: new classes found and named, from a few marked pictures. */
import {
  type DetectionMaps,
  type DetectionTargets,
  detectionLoss,
  templateMatchingRow,
} from "@innerloop/core/detection";
import { detectorNetworks, type OptionValues } from "@innerloop/core/learners";
import { type DescribedTaskSource, sourceOf } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { RunFacts } from "../../config/index.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import type { DataSplits } from "../classification/data-splits.js";
import { type Baseline, domain, type LearnerNeeds, type NextStep } from "../domain.js";
import { detectionAdaptation } from "./adaptation.js";
import { exportedScenes } from "./exported-scenes.js";
import { type DetectionValues, detectionOptions } from "./options.js";
import { detectionPresets } from "./presets.js";
import { sceneReport } from "./scene-pictures.js";
import {
  loadOtherScenes,
  loadScenes,
  parseSceneSpec,
  requireCells,
  type SceneSpec,
  sceneShape,
  sceneSight,
  sceneSizes,
  sceneTasks,
  stride,
} from "./scenes.js";

/** Classes that a run's learner has names for: one of prototypes takes what the tasks at hand have. */
const waysOf = (
  { ways }: DetectionValues,
  { learner, own }: LearnerNeeds & { readonly own?: DetectionValues | undefined },
): number => (learner.variableWays ? ways : (own?.ways ?? ways));

/** @internal The domain of detection. */
export const detection = domain<
  typeof detectionOptions,
  DataSplits,
  SceneSpec,
  Tensor,
  DetectionTargets,
  DetectionMaps
>({
  name: "detection",
  title: "objects in pictures",
  kind: "detection",
  options: detectionOptions,
  presets: detectionPresets,
  networks: Object.keys(detectorNetworks),
  ownNetworks: detectorNetworks as never,
  shownAs: ({ data }) => `--data ${data}`,
  check: (options) => requireCells(options),
  load: loadScenes,
  loadOther: loadOtherScenes,
  parseSpec: parseSceneSpec,
  tasks: sceneTasks,
  shapes: (_spec, options, needs) => {
    const { own = options } = needs;
    return {
      inputShape: sceneShape(own),
      outputs: waysOf(options, needs),
      supportRows: own.shots,
      trainClasses: 0,
    };
  },
  loss: () => detectionLoss({ stride }),
  fromScratch: false,
  baselines: ({ options, tasks }) => {
    const row = templateMatchingRow(sourceOf(tasks.test) as DescribedTaskSource<Tensor, DetectionTargets>, {
      classes: options.ways,
    });
    return [{ adapter: row.adapter, steps: [0], tasks: () => row.tasks } as unknown as Baseline];
  },
  describe: ({ options, data }) => [
    ["data", charactersText(options, data)],
    ["tasks", scenesText(options)],
  ],
  taskText: ({ ways, supportScenes, queryScenes, queryDistractors }) =>
    `${ways}-way, ${counted(Number(supportScenes), "support scene")}, ${queryScenes} query scenes with ${queryDistractors} distractors`,
  taskSizes: sceneSizes,
  heldOut: ({ spec }, isOther) => ({
    "shape of scenes": spec?.exampleShape.join(" x "),
    ...(isOther
      ? {}
      : {
          "data set": spec?.name,
          "contents of the data set (sha256)": spec?.sha256.slice(0, 16),
        }),
  }),
  requireSizes: requireSizesOfModel,
  adaptation: detectionAdaptation(sceneSight),
  report: sceneReport,
  exported: exportedScenes,
  next: ({ options: { shots } }): readonly NextStep[] => [
    {
      command: "eval",
      flags: { shots: shots === 1 ? 5 : 1 },
      meaning: shots === 1 ? "from five scenes" : "from one scene",
    },
    { command: "eval", flags: { level: "clutter" }, meaning: "harder scenes" },
    {
      command: "adapt",
      flags: {},
      more: "--support FOLDER --query IMAGE...",
      meaning: "your own pictures: a few with marks, as COCO JSON, Pascal VOC or YOLO text",
    },
  ],
});

const charactersText = ({ data }: DetectionValues, { train, validation, test }: DataSplits): string =>
  `scenes of ${data}: ${train.classes.length} characters for training, ${validation.classes.length} for validation, ${test.classes.length} for evaluation`;

const scenesText = ({ ways, shots, queries, level, pictureSize, distractors }: OptionValues<typeof detectionOptions>) =>
  `${ways}-way, ${counted(shots, "support scene")} and ${queries} query scenes of ${pictureSize} x ${pictureSize}, ${counted(distractors, "distractor")} in each of these${level === "plain" ? "" : `, level ${level}`}`;

/** @throws UsageError where a run's model does not take such tasks */
function requireSizesOfModel(
  { options: own, command }: RunFacts<DetectionValues, SceneSpec>,
  options: DetectionValues,
  { learner }: LearnerNeeds,
  asked = `--ways ${options.ways}`,
): void {
  const [is, was] = [sceneShape(options), sceneShape(own)];
  if (is[2] !== was[2]) {
    const problem = `--level ${options.level} has pictures of ${counted(is[2]!, "channel")}, and the model takes ${was[2]}`;
    throw new UsageError(problem, "Train one on such scenes, or evaluate on another level");
  }
  if (options.ways === own.ways || learner.variableWays) return;
  throw new UsageError(
    `${asked} for a model that names ${counted(own.ways, "class", "classes")}`,
    `Train one that names any number: \`${command({ learner: "prototype-detector" })}\``,
  );
}
