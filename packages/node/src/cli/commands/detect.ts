import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";
import { checkpointOption } from "./shared-options.js";

export const detectTask = optionGroup({
  support: {
    kind: "text",
    placeholder: "DIR|ZIP|FILE",
    absent: "nothing",
    help: "a few pictures in which all objects are marked: a folder or archive with COCO JSON, Pascal VOC or YOLO text",
  },
  backbone: {
    kind: "text",
    placeholder: "NAME|DIR|URL",
    absent: "that of the run",
    help: "in place of a run: a frozen ONNX encoder of photos, whose cells tell objects apart without any training: efficientnet-cells, a name of `innerloop data list`, or a folder with model.onnx and backbone.json",
  },
  backboneOutput: {
    kind: "text",
    placeholder: "TENSOR",
    absent: "that of backbone.json, or the model's own",
    help: "a map within the graph of --backbone that is taken for its cells",
  },
  images: {
    kind: "texts",
    repeated: true,
    placeholder: "FILE",
    absent: "nothing",
    help: "pictures to look for objects in, where folders stand for their images; further files may follow",
  },
  out: {
    kind: "text",
    placeholder: "DIR",
    absent: "nothing is written",
    help: "a folder for copies of the pictures with the boxes drawn, and detections.json in the form of COCO",
  },
  leastScore: {
    kind: "number",
    absent: "0.3",
    least: 0,
    most: 1,
    help: "objects of this score or more are told, drawn and written, 0.3 unless given",
  },
});

export const detectLearner = optionGroup({
  steps: {
    kind: "integer",
    absent: "those that validation has chosen",
    least: 0,
    most: 1000,
    help: "adaptation steps; by default those that were best on the validation tasks",
  },
});

/** `innerloop detect` */
export const detect = command({
  name: "detect",
  args: "[RUN] --support DIR --images FILE...",
  takes: "[run] [more...]",
  summary: "finds objects of new classes in pictures, from a few marked ones",
  details:
    "The run is one of detection; or a frozen encoder takes its place (--backbone), which needs no training and is for photos. All objects of the classes are to be marked in the support pictures: what is not marked is taken for none of them. How well the classes are found in the support pictures themselves is said first: 0% there means that objects are of a size that the run does not know, or that marks do not fit their pictures.",
  examples: [
    [
      "innerloop detect --backbone efficientnet-cells --support marked/ --images photos/ --out found",
      "your own photos, without any training",
    ],
    ["innerloop detect RUN --support marked/ --images *.jpg", "by a run of detection, a line for each picture"],
    ["innerloop detect RUN --support marked/ --images photos/ --out found", "pictures with boxes, and detections.json"],
    ["innerloop detect RUN --support marked/ --images a.jpg --least-score 0.6", "only what is rather sure"],
  ],
  experiment: named("workers", "device", "engine"),
  own: { Task: detectTask, Learner: detectLearner, Run: optionGroup(checkpointOption), Output: outputOptions },
  run: async ({ args, chosen, invocation, output }) => {
    const { detectCommand } = await import("./detect-command.js");
    // An encoder stands in for the run: all that follows are pictures.
    const isOfRun = invocation.backbone === undefined;
    const folder = isOfRun ? args[0] : undefined;
    const images = [...(invocation.images ?? []), ...(isOfRun ? args.slice(1) : args)];
    return detectCommand({ folder, images, chosen, invocation }, output);
  },
});
