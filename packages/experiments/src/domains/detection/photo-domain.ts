/** Pictures as users have them, seen by a frozen encoder: objects found from a few marked pictures. */
import {
  boxWays,
  cellNetwork,
  cellPrototypes,
  type DetectionMaps,
  type DetectionTargets,
  detectionLoss,
} from "@innerloop/core/detection";
import { cellNetworks } from "@innerloop/core/learners";
import type { Tensor } from "@innerloop/graph";
import type { RunFacts } from "../../config/index.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import { type Baseline, domain, type LearnerNeeds, type NextStep } from "../domain.js";
import { detectionAdaptation } from "./adaptation.js";
import { exportedPhotos } from "./exported-photos.js";
import { type PhotoValues, photoOptions } from "./photo-options.js";
import { photoPresets } from "./photo-presets.js";
import {
  loadOtherPhotos,
  loadPhotos,
  type PhotoParts,
  type PhotoSpec,
  parsePhotoSpec,
  photoDecoding,
  photoSight,
  photoTasks,
  untrainedPhotos,
} from "./photos.js";

/** Classes that a learner has names for: those of the data at hand where it takes any number, those of its run where not. */
const classesOf = (
  spec: PhotoSpec | undefined,
  { namedClasses }: PhotoValues,
  { learner, data }: LearnerNeeds & { readonly data?: PhotoParts | undefined },
): number => {
  const { classNames } = (learner.variableWays && data?.train) || spec || { classNames: [] };
  // Of a model without data nobody has said yet what it is to find.
  return namedClasses ?? Math.max(1, classNames.length);
};

/** @internal The domain of pictures seen by a frozen encoder. */
export const photos = domain<typeof photoOptions, PhotoParts, PhotoSpec, Tensor, DetectionTargets, DetectionMaps>({
  name: "photos",
  title: "objects in photos",
  kind: "detection",
  options: photoOptions,
  presets: photoPresets,
  networks: Object.keys(cellNetworks),
  ownNetworks: cellNetworks as never,
  shownAs: ({ data }) => `--data ${data}`,
  load: loadPhotos,
  loadOther: loadOtherPhotos,
  untrained: untrainedPhotos,
  parseSpec: parsePhotoSpec,
  tasks: photoTasks,
  shapes: (spec, options, needs) => ({
    inputShape: spec?.exampleShape ?? [],
    outputs: classesOf(spec, options, needs),
    supportRows: options.shots,
    trainClasses: 0,
  }),
  loss: (spec, _options, data) =>
    detectionLoss(photoDecoding(spec), { classNames: data?.test.classNames ?? spec?.classNames }),
  fromScratch: false,
  baselines: ({ spec, options, data, shapes, ...needs }) => {
    const untrained = (boxes: (typeof boxWays)[number]) =>
      cellPrototypes({
        network: cellNetwork({ cellsShape: shapes.inputShape as readonly [number, number, number] }),
        classes: classesOf(spec, options, { ...needs, data: data as PhotoParts }),
        loss: detectionLoss(photoDecoding(spec), { classNames: (data as PhotoParts).test.classNames }),
        boxes,
      });
    const names = { regression: "untrained", "sides of the class": "untrained, sides of the class" } as const;
    return boxWays.map(
      (boxes) =>
        ({
          adapter: { ...untrained(boxes), name: `cell prototypes, ${names[boxes]}` },
          steps: [0],
        }) as unknown as Baseline,
    );
  },
  describe: ({ options, data: { train, validation, test } }) => [
    [
      "data",
      `${train.pictures.length} pictures for training and support, ${validation.pictures.length} for validation, ${test.pictures.length} for evaluation; ${counted(train.classNames.length, "class", "classes")}: ${train.classNames.slice(0, 8).join(", ")}`,
    ],
    [
      "tasks",
      `${counted(options.shots, "support picture")}, more until every class is there; ${train.grid.join(" x ")} cells of ${train.stride} pixels`,
    ],
  ],
  taskText: ({ supportPictures, queryPictures }) =>
    `${counted(Number(supportPictures), "support picture")}, ${queryPictures} query pictures`,
  taskSizes: ["shots", "queries"],
  heldOut: ({ spec }, isOther) => ({
    "encoder (sha256)": spec?.backbone.sha256.slice(0, 16),
    ...(isOther ? {} : { "data set": spec?.name, "contents of the data set (sha256)": spec?.sha256.slice(0, 16) }),
  }),
  requireSizes: requireClassesOfModel,
  adaptation: detectionAdaptation(photoSight),
  exported: exportedPhotos,
  next: ({ options: { shots } }): readonly NextStep[] => [
    {
      command: "eval",
      flags: { shots: shots === 1 ? 5 : 1 },
      meaning: shots === 1 ? "from five pictures" : "from one picture",
    },
    {
      command: "adapt",
      flags: {},
      more: "--support FOLDER --query IMAGE...",
      meaning: "your own pictures: a few with marks, as COCO JSON, Pascal VOC or YOLO text",
    },
  ],
});

/** @throws UsageError where a run's model has names for another number of classes */
function requireClassesOfModel(
  { spec, command }: RunFacts<PhotoValues, PhotoSpec>,
  { namedClasses }: PhotoValues,
  { learner }: LearnerNeeds,
  asked = `--named-classes ${namedClasses}`,
): void {
  const own = spec?.classNames.length ?? 0;
  if (learner.variableWays || namedClasses === undefined || namedClasses === own) return;
  throw new UsageError(
    `${asked} for a model that names ${counted(own, "class", "classes")}`,
    `Train one that names any number: \`${command({ learner: "cell-prototypes" })}\``,
  );
}
