/** Results as people read them: one row per method, one column per number of steps, with 95% intervals. */
import { type Evaluation, type Loss, meanSquaredError } from "innerloop";
import type { Experiment } from "../presets/experiment.js";
import type { ExperimentOptions } from "../presets/option-table.js";
import { figureNameOf, resultsCells } from "../runs/results-cells.js";
import { columns, count, counted, type Paint, withInterval } from "./terminal.js";

/** What the figures are: of the losses, the one that has a name of its own. */
const figureTitle = (name: string, loss: Loss): string =>
  name === "loss" && loss === meanSquaredError ? "mean squared error" : name;

function cells(evaluations: readonly Evaluation[]): { header: string[]; rows: string[][] } {
  const { header, rows } = resultsCells(evaluations);
  return {
    header: ["", ...header],
    rows: rows.map(({ method, name, figures }) => [
      method,
      ...figures.map((figure) => (figure ? withInterval(name, figure) : "")),
    ]),
  };
}

/** The table for a terminal; the first evaluation is the one that it is about. */
export function resultsTable(evaluations: readonly Evaluation[], paint: Paint): string {
  const { header, rows } = cells(evaluations);
  const lines = columns([header, ...rows]);
  return lines.map((line, i) => `  ${i === 0 ? paint("dim", line) : i === 1 ? paint("bold", line) : line}`).join("\n");
}

export function resultsMarkdown(title: string, evaluations: readonly Evaluation[], notes: readonly string[]): string {
  const { header, rows } = cells(evaluations);
  const row = (list: readonly string[]): string => `| ${list.join(" | ")} |`;
  return [
    `# ${title}`,
    "",
    row(header),
    row(header.map(() => "---")),
    ...rows.map(row),
    "",
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

/** What the figures are about, in one or two sentences. */
export function protocolText(
  evaluation: Evaluation,
  { learner, tasks: sources }: Pick<Experiment, "learner" | "tasks">,
  options: Pick<ExperimentOptions, "seed" | "split">,
): string {
  const { family, ways, shots, queries, classes, batchNorm, tasks } = evaluation.protocol;
  const task =
    shots === undefined
      ? String(family)
      : ways === undefined
        ? `${shots} support and ${queries} query points`
        : `${ways}-way ${shots}-shot, ${counted(Number(queries), "query", "queries")} per class`;
  const pool = classes === undefined ? "" : ` from ${poolText(Number(classes), sources, options)}`;
  const norm = batchNorm === undefined ? "" : `, batch norm ${batchNorm}`;
  const title = figureTitle(figureNameOf(evaluation), learner.loss);
  return `${title} on ${count(Number(tasks))} tasks${pool}: ${task}${norm}; mean ± 95% interval, seed ${options.seed}`;
}

/** The classes of the tasks; they are held out only where training has data of its own. */
function poolText(
  classes: number,
  { train, test }: Experiment["tasks"],
  { split }: Pick<ExperimentOptions, "split">,
): string {
  const isSplit = train !== test && (train.description.data ?? train) !== (test.description.data ?? test);
  if (!isSplit) return counted(classes, "class", "classes");
  return split === "examples"
    ? `held-out examples of ${counted(classes, "class", "classes")}`
    : counted(classes, "held-out class", "held-out classes");
}
