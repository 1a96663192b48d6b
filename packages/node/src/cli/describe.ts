/** What will run, in a few lines, before it runs. */
import { type Count, type LearnerEntry, learnerCatalogue, specOf } from "@innerloop/core";
import { sizeOf } from "@innerloop/graph";
import type { DataSplits } from "../presets/data-splits.js";
import type { Experiment } from "../presets/experiment.js";
import type { ExperimentOptions } from "../presets/option-table.js";
import type { RunPlan } from "../runs/training-session.js";
import type { Output } from "./output.js";
import { bytes, count, counted, hanging, roomIn } from "./terminal.js";

/** `model` and `batchNorm` of a learner, and its own options, in words. */
function learnerText({ learner }: Experiment): string {
  const { steps, inner, order } = learner.description;
  const parts = [learner.name];
  if (order === 2) parts.push("second order");
  if (steps !== undefined) parts.push(counted(Number(steps), "inner step"));
  if (inner !== undefined) parts.push(`${inner}`);
  return parts.join(", ");
}

function modelText(
  options: ExperimentOptions,
  parameters: number,
  splits: DataSplits | undefined,
  { train }: Experiment["tasks"],
): string {
  // Of networks that read the support set, only those of classes have an embedding that the options describe.
  if (!splits && learnerCatalogue[options.learner].family === "model")
    return `the learner's own network; ${count(parameters)} parameters`;
  const norm = options.batchNorm === "none" || options.model === "linear" ? "" : `, batch norm ${options.batchNorm}`;
  const { x, y } = specOf(train);
  const inputs = sizeOf(x.shape);
  const outputs = splits ? options.ways : sizeOf(y.shape);
  const shape =
    options.model === "conv"
      ? `${options.blocks} convolutions of ${options.filters}`
      : options.model === "mlp"
        ? `fully connected ${[inputs, ...options.hidden, outputs].join("-")}`
        : `linear ${inputs}-${outputs}`;
  return `${shape}${norm}; ${count(parameters)} parameters`;
}

function dataText(options: ExperimentOptions, splits: DataSplits | undefined, tasks: Experiment["tasks"]): string {
  if (!splits) {
    const { shots, trainShots } = options;
    const evaluated = trainShots && trainShots !== shots ? ` (evaluated ${shots})` : "";
    const points = `${inWords(trainShots || shots)} support${evaluated} and ${options.queries || shots} query points`;
    if (options.groupColumn === "") return `${options.data} family, ${points}`;
    const [train, validation, test] = [tasks.train, tasks.validation, tasks.test].map(({ description }) => description);
    const parts = `${train!.groups} to train on, ${validation!.groups} to validate, ${test!.groups} held out`;
    return `${train!.table}: groups of ${options.groupColumn}, ${parts}; ${train!.targets} from ${train!.inputs}, ${points}`;
  }
  const classes = (part: keyof DataSplits): string => count(splits[part].classes.length);
  const held =
    options.split === "examples"
      ? `${classes("train")} classes, with examples held out`
      : `${classes("train")} classes to train on, ${classes("validation")} to validate, ${classes("test")} held out`;
  return `${options.data}: ${held}`;
}

const inWords = (value: Count): string => (typeof value === "number" ? `${value}` : `${value.from} to ${value.to}`);

/** What a learner is trained on. */
const trainedOn = ({ learner }: ExperimentOptions): LearnerEntry["tasks"] =>
  (learnerCatalogue[learner] as LearnerEntry).tasks;

/** `5-way 1-shot`, `20-way 1-shot (evaluated 5-way)`, `5 to 20-way 1-shot (evaluated 5-way)` */
function sizesText({ ways, trainWays, shots, trainShots }: ExperimentOptions): string {
  const evaluated = [
    ...(trainWays && trainWays !== ways ? [`${ways}-way`] : []),
    ...(trainShots && trainShots !== shots ? [`${shots}-shot`] : []),
  ];
  const trained = `${inWords(trainWays || ways)}-way ${inWords(trainShots || shots)}-shot`;
  return evaluated.length > 0 ? `${trained} (evaluated ${evaluated.join(" ")})` : trained;
}

/** Sizes of the tasks, or of batches and of the tasks that the learner is evaluated on. */
function tasksText(options: ExperimentOptions, { train }: DataSplits): string {
  const { ways, shots, unlabelled, batch } = options;
  const perClass = [
    ...(trainedOn(options) === "episodes with unlabelled examples" ? [counted(unlabelled, "unlabelled example")] : []),
    counted(options.queries || shots, "query", "queries"),
  ].map((text) => `${text} per class`);
  if (trainedOn(options) !== "batches of all classes") return [sizesText(options), ...perClass].join(", ");
  const batches = `batches of ${counted(batch, "example")} of all ${counted(train.classes.length, "class", "classes")}`;
  return `${batches}; evaluated ${[`${ways}-way ${shots}-shot`, ...perClass].join(", ")}`;
}

/** Where the second column of the description begins. */
const secondColumn = 12;

export function describePlan(setting: {
  readonly output: Output;
  readonly options: ExperimentOptions;
  readonly experiment: Experiment;
  readonly plan: RunPlan;
  readonly workers: number;
  readonly splits?: DataSplits | undefined;
  readonly fromFile?: boolean;
  readonly folder: string;
}): void {
  const { output, options, experiment, plan, workers, splits } = setting;
  const { tasks, optimizer } = experiment;
  const label = (text: string): string => output.paint("dim", text);
  const { chunkSize, recompute, expectedBytes, budgetBytes } = plan.training;
  const chunks = Math.ceil(options.metaBatch / chunkSize);
  const rows: string[][] = [];
  rows.push(["data", setting.fromFile ? tasks.train.name : dataText(options, splits, tasks)]);
  if (splits) rows.push(["tasks", tasksText(options, splits)]);
  rows.push(["learner", learnerText(experiment)]);
  rows.push([
    "model",
    setting.fromFile ? `${count(plan.parameters)} parameters` : modelText(options, plan.parameters, splits, tasks),
  ]);
  const [one, many] =
    trainedOn(options) === "batches of all classes" ? (["batch", "batches"] as const) : (["task", "tasks"] as const);
  rows.push([
    "training",
    `${counted(options.iterations, "update")} of ${counted(options.metaBatch, one, many)}, ${optimizer.description}, seed ${options.seed}`,
  ]);
  rows.push([
    "machine",
    `${counted(chunks, "chunk")} of ${counted(chunkSize, one, many)} on ${options.device === "cpu" ? counted(workers, "worker") : options.device}${recompute > 0 ? ", inner steps recomputed" : ""}, ${operations(plan.operations)} per update`,
  ]);
  if (expectedBytes !== undefined && budgetBytes !== undefined)
    rows.push(["memory", `about ${bytes(expectedBytes)} while training, of ${bytes(budgetBytes)}`]);
  rows.push(["folder", setting.folder]);
  for (const [name = "", text = ""] of rows)
    output.say(`  ${label(name.padEnd(secondColumn - 3))} ${hanging(text, roomIn(), secondColumn)}`);
  output.say();
}

function operations(n: number): string {
  const units = ["", " thousand", " million", " billion", " trillion"];
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)));
  const scaled = n / 1000 ** at;
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)}${units[at]} operations`;
}
