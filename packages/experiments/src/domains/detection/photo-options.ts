/** The options of few-shot detection in given pictures. */
import { type OptionValues, optionGroup } from "@innerloop/core/learners";
import { backboneOutputOption } from "../text-options.js";

/** The encoder that pictures are seen by, unless another is asked for. */
export const usualEncoder = "efficientnet-cells";

/** Query pictures while training, and in evaluation at most, unless their number is given. */
export const [trainQueries, mostQueries] = [4, 100] as const;

/** Options of pictures in which objects are marked, seen by a frozen encoder. */
export const photoOptions = optionGroup({
  data: {
    kind: "text",
    placeholder: "DIR|ZIP|FILE",
    default: "",
    help: "pictures in which all objects are marked: a folder or archive with COCO JSON, Pascal VOC or YOLO text",
    inEvaluation: true,
    onResume: true,
  },
  backbone: {
    kind: "text",
    placeholder: "NAME|DIR|URL",
    default: usualEncoder,
    help: `a frozen ONNX encoder that makes a map of cells of each picture: a name of \`innerloop data list\` (${usualEncoder}), or a folder with model.onnx and backbone.json`,
  },
  backboneOutput: backboneOutputOption,
  namedClasses: {
    kind: "integer",
    absent: "those of the data",
    least: 1,
    most: 1000,
    help: "classes that a model has names for",
  },
  shots: {
    kind: "integer",
    default: 5,
    least: 1,
    most: 1000,
    help: "support pictures of a task; more are added until every class is there",
    inEvaluation: true,
  },
  queries: {
    kind: "integer",
    absent: `${trainQueries} while training; in evaluation all of the part, ${mostQueries} at most`,
    least: 1,
    most: 10_000,
    help: "query pictures of a task, over which average precision is pooled",
    inEvaluation: true,
  },
});

/** Values of `photoOptions`. */
export type PhotoValues = OptionValues<typeof photoOptions>;
