/** The options of few-shot detection. */
import { sceneLevels } from "@innerloop/core/detection";
import { type OptionValues, optionGroup } from "@innerloop/core/learners";
import { heldClassOptions, sizeOptions } from "../task-options.js";

/** The names of levels of made scenes. */
export const levelNames = Object.keys(sceneLevels) as readonly (keyof typeof sceneLevels)[];

const { shots } = sizeOptions;

/** Options of scenes that are made of the characters of a data set. */
export const detectionOptions = optionGroup({
  data: {
    kind: "text",
    placeholder: "NAME|DIR|ZIP",
    default: "",
    help: "data set of characters that scenes are made of: a name of `innerloop data list`, or a folder or zip archive with one folder of images per class",
    inEvaluation: true,
    onResume: true,
  },
  ways: { kind: "integer", default: 3, least: 1, most: 1000, help: "classes in a task", inEvaluation: true },
  shots,
  queries: {
    kind: "integer",
    default: 4,
    least: 1,
    most: 1000,
    help: "query scenes of a task",
    inEvaluation: true,
  },
  pictureSize: {
    kind: "integer",
    default: 112,
    least: 32,
    most: 1024,
    help: "height and width of scenes in pixels, a multiple of 4",
  },
  level: {
    kind: "choice",
    choices: levelNames,
    default: "plain",
    help: `what makes scenes harder: ${levelNames.join(", ")}`,
    inEvaluation: true,
  },
  distractors: {
    kind: "integer",
    default: 2,
    least: 0,
    most: 100,
    help: "objects of other classes in a query scene, each of its own class; support scenes have one, where there are any",
    inEvaluation: true,
  },
  ...heldClassOptions,
});

/** Values of `detectionOptions`. */
export type DetectionValues = OptionValues<typeof detectionOptions>;
