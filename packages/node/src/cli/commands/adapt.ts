import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";
import { checkpointOption } from "./shared-options.js";

export const adaptData = optionGroup({
  support: {
    kind: "text",
    placeholder: "DIR|FILE|JSON",
    absent: "nothing",
    help: "labelled examples: one folder of images per class; a table of texts and labels; marked texts; a table with the columns of the run's own; a table of points with x and y, for curves; or what a kind of task of your own takes",
  },
  query: {
    kind: "texts",
    repeated: true,
    placeholder: "FILE",
    absent: "nothing",
    help: "images to classify, where folders stand for their images; files of texts; tables of rows, or of points x, to predict; further files may follow; - for texts from standard input, a line each",
  },
  task: {
    kind: "text",
    placeholder: "JSON|FILE",
    absent: "none",
    of: "policies",
    help: "an environment for a policy to adapt to, in the terms of its own: a goal, a direction, the means of arms; or a .json file of one",
  },
  seed: {
    kind: "integer",
    absent: "0",
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    of: "policies",
    help: "where the chance of the episodes comes from, 0 unless given",
  },
  output: {
    kind: "text",
    placeholder: "FILE.svg",
    absent: "nothing is written",
    of: "policies",
    help: "a picture of the episodes: paths, velocities or choices, before adaptation and after each step",
  },
  reject: {
    kind: "flag",
    default: false,
    of: "data sets of classes and texts",
    help: "say where an image or text is of none of the classes, by the threshold that eval --open-set has chosen",
  },
});

export const adaptLearner = optionGroup({
  steps: {
    kind: "integer",
    absent: "those that validation has chosen",
    least: 0,
    most: 1000,
    help: "adaptation steps; by default those that were best on the validation tasks, which training and eval choose; of policies all are shown, by default those that the run was evaluated with",
  },
});

/** `innerloop adapt` */
export const adapt = command({
  name: "adapt",
  args: "<RUN> [--support DIR] --query FILE|--task JSON",
  takes: "<run> [more...]",
  summary: "adapts a trained run to your labelled examples, and answers for others",
  details:
    "Of a run of images, DIR has one folder of images per class, at most as many classes as the run has ways, or any number for learners whose parameters do not depend on them; images are brought to the size and channels of the run's data. Of a run of texts, FILE is a table with columns of texts and labels, and the texts asked about are lines of a .txt file, a column of a table, or lines of standard input, each of which is answered as it comes; without --support a run whose classes mean the same everywhere answers by what it was trained on. Of a run of marked texts, FILE has sentences with their spans. Of a run of a table, FILE has rows with the columns of the run's own: the support rows with their targets, and the answers come in the targets' units. Of a run of curves, FILE is a table with columns x and y, and the queries' has x. Of a run of a kind of task of your own, both are what its record takes: files, or JSON. Of a run of a policy, JSON is one environment: the policy acts in it, adapts by its episodes, and both are shown, before adaptation and after each step.",
  examples: [
    ["innerloop adapt RUN --support examples/ --query a.png b.png", "predictions with probabilities"],
    ["innerloop adapt RUN --support examples/ --query a.png --reject", "or none of these, after eval --open-set"],
    ["innerloop adapt RUN --support intents.csv --query -", "a class for each line of standard input"],
    ["innerloop adapt RUN --support five-rows.csv --query rows.csv", "values in the table's units"],
    ["innerloop adapt RUN --support points.csv --query xs.csv", "y at each x of a curve"],
    [`innerloop adapt RUN --task '{"goal":[0.3,-0.1]}'`, "of navigation-2d: episodes on the way to that goal"],
    [`innerloop adapt RUN --task '{"velocity":1.5}' --steps 3 --output run.svg`, "of half-cheetahs: and a picture"],
  ],
  experiment: named(
    ...["batchNorm", "invert", "textColumn", "labelColumn", "episodes", "laterShare", "physicsWorkers"],
    ...["workers", "device", "engine"],
  ),
  own: { Task: adaptData, Learner: adaptLearner, Run: optionGroup(checkpointOption), Output: outputOptions },
  run: async ({ args: [folder, ...more], chosen, invocation, output }) => {
    const { adaptCommand } = await import("./adapt-command.js");
    const queries = [...(invocation.query ?? []), ...more];
    return adaptCommand({ folder: folder!, queries, chosen, invocation }, output);
  },
});
