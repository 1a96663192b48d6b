/** What will run, in a few lines, before it runs. */
import {
  domainOf,
  type Experiment,
  type ExperimentConfig,
  type ExperimentSettings,
  learnerOf,
  needsOf,
  networkOf,
  type Prepared,
  type RunPlan,
} from "@innerloop/experiments";
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

/** `4 convolutions of 64, batch norm transductive; 111,936 parameters` */
function modelText(config: ExperimentConfig, parameters: number, { spec }: Prepared): string {
  const domain = domainOf(config);
  const entry = learnerOf(config);
  if (entry.ownNetwork?.includes(domain.kind)) return `the learner's own network; ${count(parameters)} parameters`;
  const { batchNorm = "none" } = config.network as { readonly batchNorm?: string };
  const norm = batchNorm === "none" ? "" : `, batch norm ${batchNorm}`;
  const shapes = domain.shapes(spec, config.domain, needsOf(config));
  const outputs = domain.outputs?.(spec, config.domain) ?? shapes.outputs;
  const shape = networkOf(config).describe({ ...shapes, outputs }, config.network);
  return `${shape}${norm}; ${count(parameters)} parameters`;
}

/** Where the second column of the description begins. */
const secondColumn = 12;

export function describePlan(setting: {
  readonly output: Output;
  readonly settings: ExperimentSettings;
  readonly prepared: Prepared;
  readonly plan: RunPlan;
  readonly workers: number;
  readonly folder: string;
}): void {
  const { output, settings, prepared, plan, workers } = setting;
  const { experiment, config, data } = prepared;
  const { training } = settings;
  const { tasks, optimizer } = experiment;
  const label = (text: string): string => output.paint("dim", text);
  const { chunkSize, recompute, expectedBytes, budgetBytes } = plan.training;
  const chunks = Math.ceil(training.metaBatch / chunkSize);
  const needs = config && needsOf(config);
  const rows: (readonly [label: string, text: string])[] = [];
  if (config && needs) rows.push(...domainOf(config).describe({ options: config.domain, data, tasks, needs }));
  else rows.push(["data", tasks.train.name]);
  rows.push(["learner", learnerText(experiment)]);
  rows.push(["model", config ? modelText(config, plan.parameters, prepared) : `${count(plan.parameters)} parameters`]);
  const [one, many] =
    needs?.training.kind === "batches of all classes" ? (["batch", "batches"] as const) : (["task", "tasks"] as const);
  rows.push([
    "training",
    `${counted(training.iterations, "update")} of ${counted(training.metaBatch, one, many)}, ${optimizer.description}, seed ${training.seed}`,
  ]);
  rows.push([
    "machine",
    `${counted(chunks, "chunk")} of ${counted(chunkSize, one, many)} on ${training.device === "cpu" ? counted(workers, "worker") : training.device}${training.engine === "onnxruntime" ? "" : `, engine ${training.engine}`}${recompute > 0 ? ", inner steps recomputed" : ""}, ${operations(plan.operations)} per update`,
  ]);
  if (expectedBytes !== undefined && budgetBytes !== undefined)
    rows.push(["memory", `about ${bytes(expectedBytes)} while training, of ${bytes(budgetBytes)}`]);
  rows.push(["folder", setting.folder]);
  for (const [name, text] of rows)
    output.say(`  ${label(name.padEnd(secondColumn - 3))} ${hanging(text, roomIn(), secondColumn)}`);
  output.say();
}

function operations(n: number): string {
  const units = ["", " thousand", " million", " billion", " trillion"];
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)));
  const scaled = n / 1000 ** at;
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)}${units[at]} operations`;
}
