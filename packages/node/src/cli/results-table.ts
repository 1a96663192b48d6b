/** Results as people read them: one row per method, one column per number of steps, with 95% intervals. */
import type { Evaluation } from "innerloop";
import type { ExperimentOptions } from "../presets/option-table.js";
import { columns, count, counted, type Paint, withInterval } from "./terminal.js";

/** `accuracy` where there is one, else the loss. */
export const figureNameOf = (evaluation: Evaluation): string =>
  evaluation.rows[0] && "accuracy" in evaluation.rows[0].figures ? "accuracy" : "loss";

export const figureTitle = (name: string): string => (name === "loss" ? "mean squared error" : name);

const titles: Readonly<Record<string, string>> = { "nearest neighbour": "nearest neighbour (pixels)" };
const titleOf = (evaluation: Evaluation): string => titles[evaluation.learner] ?? evaluation.learner;

function cells(evaluations: readonly Evaluation[]): { header: string[]; rows: string[][] } {
  const steps = [
    ...new Set(evaluations.flatMap(({ rows }) => (rows.length > 1 ? rows.map((row) => row.steps) : []))),
  ].sort((a, b) => a - b);
  if (steps.length === 0) steps.push(0);
  const header = ["", ...steps.map((n) => (n === 0 ? "before" : counted(n, "step")))];
  const rows = evaluations.map((evaluation) => {
    const name = figureNameOf(evaluation);
    // A method without steps has one figure, which belongs to no column more than to another: it stands in the last.
    const single = evaluation.rows.length === 1 && evaluation.rows[0]!.steps === 0 && steps.length > 1;
    return [
      titleOf(evaluation),
      ...steps.map((n, column) => {
        const row = single
          ? column === steps.length - 1
            ? evaluation.rows[0]
            : undefined
          : evaluation.rows.find((each) => each.steps === n);
        return row ? withInterval(name, row.figures[name]!) : "";
      }),
    ];
  });
  return { header, rows };
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
  { protocol }: Evaluation,
  figure: string,
  options: Pick<ExperimentOptions, "seed" | "split">,
): string {
  const { family, ways, shots, queries, classes, batchNorm, tasks } = protocol;
  const task =
    shots === undefined
      ? String(family)
      : ways === undefined
        ? `${shots} support and ${queries} query points`
        : `${ways}-way ${shots}-shot, ${counted(Number(queries), "query", "queries")} per class`;
  const held =
    options.split === "examples"
      ? `held-out examples of ${counted(Number(classes), "class", "classes")}`
      : counted(Number(classes), "held-out class", "held-out classes");
  const pool = classes === undefined ? "" : ` from ${held}`;
  const norm = batchNorm === undefined ? "" : `, batch norm ${batchNorm}`;
  return `${figureTitle(figure)} on ${count(Number(tasks))} tasks${pool}: ${task}${norm}; mean ± 95% interval, seed ${options.seed}`;
}
