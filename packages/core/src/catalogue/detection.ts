/** The learners of detection of the catalogue, and the network that they look at pictures by. */
import type { Tree } from "@innerloop/graph";
import type { DetectionTargets } from "../domains/detection/scene-episodes.js";
import type { Layer } from "../layers/layer.js";
import { boxWays, cellPrototypes } from "../learners/detection/cell-prototypes.js";
import { detectorModel } from "../learners/detection/detector-model.js";
import { cellNetwork, type DetectorNetwork, detectorNetwork } from "../learners/detection/detector-network.js";
import { prototypeDetector, tunedParts } from "../learners/detection/prototype-detector.js";
import type { Learner } from "../learners/learner.js";
import type { DetectionMaps } from "../losses/detection.js";
import type { Loss } from "../losses/losses.js";
import { optionGroup } from "../options/option.js";
import { detecting, entry, type LearnerSetting, stepOptions } from "./learner-entry.js";
import { type NetworkSetting, type Networks, takesNoContext } from "./network-forms.js";
import { network } from "./networks.js";

/** The network of a detector among those of a setting: its embedding is of cells. */
const cellsOf = ({ networks }: LearnerSetting): DetectorNetwork => networks.embedding() as unknown as DetectorNetwork;

/** The parts that all detectors take of a setting. */
const partsOf = (setting: LearnerSetting) => ({
  network: cellsOf(setting),
  classes: setting.outputs,
  loss: setting.loss as unknown as Loss<DetectionMaps, DetectionTargets>,
});

/** A learner of maps among those of one tensor: settings of the kind "detection" have the loss of maps. */
const asLearner = (learner: unknown): Learner => learner as Learner;

const named = {
  family: "metric",
  kinds: detecting,
  variableWays: true,
  embedding: () => null,
} as const;

/** @internal */
export const detectionLearners = {
  "prototype-detector": entry({
    ...named,
    takesSteps: false,
    summary: "objects are found by what training knows, and named by prototypes of the cells that support objects own",
    source: "this project; prototypes as in Snell et al. 2017, boxes without anchors as in Zhou et al. 2019",
    options: optionGroup({}),
    build: (setting) => asLearner(prototypeDetector(partsOf(setting))),
  }),
  "two-stage": entry({
    ...named,
    family: "gradient",
    takesSteps: true,
    summary: "trained as the prototype detector; then steps on the support set change names, and boxes where asked for",
    source: "Wang et al. 2020, from prototypes",
    options: optionGroup({
      ...stepOptions,
      tuned: {
        kind: "choice",
        choices: tunedParts,
        default: "names",
        help: "what its steps change: what names the classes, or the head of boxes as well",
      },
    }),
    build: (setting, { steps, innerRate, tuned }) =>
      asLearner(prototypeDetector({ ...partsOf(setting), steps, innerRate, tuned })),
  }),
  "cell-prototypes": entry({
    ...named,
    takesSteps: false,
    summary:
      "objects are found and named by prototypes of cells, of classes and of what is no object, boxes by ridge regression: for frozen features, which need no training",
    source: "this project; prototypes as in Snell et al. 2017, boxes by ridge regression as in Bertinetto et al. 2019",
    options: optionGroup({
      background: {
        kind: "integer",
        default: 12,
        least: 1,
        most: 1000,
        help: "prototypes of what is no object, found by k-means",
      },
      boxes: {
        kind: "choice",
        choices: boxWays,
        default: "regression",
        help: "what says how large boxes are: what is seen in a cell, or the sides of the class alone",
      },
    }),
    build: (setting, { background, boxes }) => asLearner(cellPrototypes({ ...partsOf(setting), background, boxes })),
  }),
};

/** The forms of a network of detectors: its embedding, and a whole detector for learners of gradient steps. */
const formsOf = (name: string, embedding: () => DetectorNetwork, { outputs: classes }: NetworkSetting): Networks => {
  // Its output is a tree: maps.
  const model = (): Layer => detectorModel({ network: embedding(), classes }) as unknown as Layer;
  return {
    model,
    perStepModel: model,
    embedding: embedding as unknown as () => Layer<Tree>,
    maps: embedding as unknown as () => Layer<Tree>,
    contextual: takesNoContext(name),
  };
};

type Shape = readonly [number, number, number];

/** Networks of detectors, by name: those of domains of their own. */
export const detectorNetworks = {
  detector: network({
    summary: "detector on a grid of a quarter of the picture's size",
    options: optionGroup({
      filters: { kind: "integer", default: 40, least: 1, most: 1024, help: "channels of its convolutions" },
    }),
    networks: (setting, { filters }) => {
      const imageShape = setting.inputShape as Shape;
      return formsOf("detector", () => detectorNetwork({ imageShape, filters }), setting);
    },
    describe: ({ inputShape }, { filters }) => `detector ${inputShape.join(" x ")}, ${filters} channels`,
  }),
} as const;

/** Networks of detectors over cells that a frozen encoder has seen. */
export const cellNetworks = {
  cells: network({
    summary: "heads over the cells that a frozen encoder gives",
    options: optionGroup({
      headWidth: {
        kind: "integer",
        default: 64,
        least: 1,
        most: 4096,
        help: "numbers by which its heads tell cells apart",
      },
    }),
    networks: (setting, { headWidth: width }) => {
      const cellsShape = setting.inputShape as Shape;
      return formsOf("cells", () => cellNetwork({ cellsShape, width }), setting);
    },
    describe: ({ inputShape }, { headWidth: width }) => `cells ${inputShape.join(" x ")}, embeddings of ${width}`,
  }),
} as const;
