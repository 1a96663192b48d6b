import { type OptionValues, optionGroup } from "@innerloop/core/learners";
import { heldClassOptions, scaleOption, sizeOptions } from "../task-options.js";
import { backboneOption, backboneOutputOption } from "../text-options.js";

/** The options of data sets of classes. */
export const classificationOptions = optionGroup({
  data: {
    kind: "text",
    placeholder: "NAME|DIR|ZIP",
    default: "",
    help: "data set: a name of `innerloop data list`; or a folder or zip archive with one folder of images per class",
    inEvaluation: true,
    onResume: true,
  },
  ways: { kind: "integer", default: 5, least: 2, most: 1000, help: "classes in a task", inEvaluation: true },
  trainWays: {
    kind: "count",
    absent: "as many as ways",
    least: 2,
    most: 1000,
    help: "classes of a training task, where they differ, or 5-20 for another number in each task: more than --ways for learners whose parameters do not depend on them",
  },
  ...sizeOptions,
  split: {
    kind: "variant",
    default: "classes",
    help: "what is held out: whole classes, or examples of the same classes under new labels",
    variants: {
      classes: {
        ...heldClassOptions,
        classOrder: {
          kind: "choice",
          choices: ["shuffled", "listed"],
          default: "shuffled",
          help: "which classes are held out: of a shuffle that is always the same; or as the data set lists them, the first for training, the next for validation, the last for evaluation",
        },
        rotations: {
          kind: "choice",
          choices: ["yes", "no"],
          default: "no",
          help: "turn training classes by 90, 180 and 270 degrees to make new ones",
        },
      },
      examples: {},
    },
  },
  augment: {
    kind: "choice",
    choices: ["none", "shift", "photo"],
    default: "none",
    help: "random changes of the images of training tasks: shift moves them by up to a tenth of their side; photo mirrors them and changes brightness, contrast and saturation as well",
  },
  imageSize: {
    kind: "integer",
    default: 28,
    least: 8,
    most: 256,
    help: "height and width to which images of a folder are brought",
  },
  channels: { kind: "choice", choices: ["1", "3"], default: "1", help: "of images of a folder: 1 grey, 3 colour" },
  invert: {
    kind: "choice",
    choices: ["auto", "yes", "no"],
    default: "auto",
    help: "turn dark ink on light paper into light on dark; auto: where the border of most grey images is light",
  },
  skipBad: {
    kind: "flag",
    default: false,
    help: "leave out images of a folder that cannot be read, and folders without images, and say which; without it they are errors",
  },
  backbone: backboneOption,
  backboneOutput: backboneOutputOption,
  ...scaleOption,
});

/** Values of `classificationOptions`. */
export type ClassificationValues = OptionValues<typeof classificationOptions>;
