/** Results as people read them: one row per method, one column per number of steps, with 95% intervals. */
import type { Evaluation } from "innerloop";
import type { Experiment } from "../presets/experiment.js";
import type { ExperimentOptions } from "../presets/option-table.js";
import { figureNameOf, figureNamesOf, figureTitle, resultsCells } from "../runs/results-cells.js";
import { columns, count, counted, type Paint, withInterval } from "./terminal.js";

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One figure of all methods. */
function figureTable(evaluations: readonly Evaluation[], title: string, name?: string): Table {
  const { header, rows } = resultsCells(evaluations, name);
  return {
    header: [title, ...header],
    rows: rows.map(({ method, name: figure, figures }) => [
      method,
      ...figures.map((each) => (each ? withInterval(figure, each) : "")),
    ]),
  };
}

const tableOf = (evaluations: readonly Evaluation[], name: string): Table =>
  figureTable(evaluations, figureTitle(name, evaluations[0]), name);

/** What there is to say of the first method beside its leading figure: one row per figure. */
function otherFigures(first: Evaluation): Table | undefined {
  const [leading, ...others] = figureNamesOf(first);
  if (others.length === 0) return undefined;
  const { header, rows } = resultsCells([first], leading);
  return {
    header: [rows[0]!.method, ...header],
    rows: others.map((name) => {
      const [row] = resultsCells([first], name).rows;
      return [figureTitle(name, first), ...row!.figures.map((each) => (each ? withInterval(name, each) : ""))];
    }),
  };
}

/**
 * The tables for a terminal; the first evaluation is the one that they are about. Without names of figures: the leading
 * one of all methods, and the others of the first.
 */
export function resultsTable(evaluations: readonly Evaluation[], paint: Paint, names?: readonly string[]): string {
  const draw = ({ header, rows }: Table, bold: number): string =>
    columns([header, ...rows])
      .map((line, i) => `  ${i === 0 ? paint("dim", line) : i === bold ? paint("bold", line) : line}`)
      .join("\n");
  if (names) return names.map((name) => draw(tableOf(evaluations, name), 1)).join("\n\n");
  const others = otherFigures(evaluations[0]!);
  return [draw(figureTable(evaluations, ""), 1), ...(others ? [draw(others, -1)] : [])].join("\n\n");
}

/** Every figure of every method, the leading one first. */
export function resultsMarkdown(title: string, evaluations: readonly Evaluation[], notes: readonly string[]): string {
  const [, ...others] = figureNamesOf(evaluations[0]);
  const tables = [figureTable(evaluations, ""), ...others.map((name) => tableOf(evaluations, name))];
  return [
    `# ${title}`,
    "",
    ...tables.flatMap((table) => [...markdownTable(table), ""]),
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

export function markdownTable({ header, rows }: Table): string[] {
  const row = (list: readonly string[]): string => `| ${list.join(" | ")} |`;
  return [row(header), row(header.map(() => "---")), ...rows.map(row)];
}

/** What the figures are about: tasks, steps, batch normalisation, intervals and seed, in one or two sentences. */
export function protocolText(
  evaluation: Evaluation,
  { tasks: sources }: Pick<Experiment, "tasks">,
  options: Pick<ExperimentOptions, "seed" | "split">,
  { domains, otherNorms = false }: { readonly domains?: Domains | undefined; readonly otherNorms?: boolean } = {},
): string {
  const { family, ways, shots, queries, classes, batchNorm, tasks } = evaluation.protocol;
  const task =
    shots === undefined
      ? String(family)
      : ways === undefined
        ? `${shots} support and ${queries} query points`
        : `${ways}-way ${shots}-shot, ${counted(Number(queries), "query", "queries")} per class`;
  const pool = classes === undefined ? "" : ` from ${poolText(Number(classes), sources, options)}`;
  const norm = batchNorm === undefined ? "no batch norm" : `batch norm ${batchNorm}`;
  const setting = [task, ...stepsText(evaluation), otherNorms ? `${norm} unless a row says otherwise` : norm].join(
    ", ",
  );
  const domain = domains ? `; trained on ${domains.trainedOn}, tested on ${domains.testedOn}` : "";
  const calibration =
    "calibrationError" in (evaluation.rows[0]?.figures ?? {})
      ? "; calibration error in 15 bins over the queries of all tasks, its interval by bootstrap over tasks"
      : "";
  const title = figureTitle(figureNameOf(evaluation), evaluation);
  return `${title} on ${count(Number(tasks))} tasks${pool}: ${setting}${domain}; mean ± 95% interval${calibration}; seed ${options.seed}`;
}

/** Where a run is tested on another data set than it was trained on. */
export interface Domains {
  readonly trainedOn: string;
  readonly testedOn: string;
}

/** `0, 1 and 5 steps (trained with 1)`; nothing for learners that take none. */
function stepsText({ rows, protocol }: Evaluation): string[] {
  if (protocol.steps === undefined) return [];
  const list = rows.map(({ steps }) => count(steps));
  const last = list.pop();
  const text = list.length > 0 ? `${list.join(", ")} and ${last} steps` : counted(Number(last), "step");
  return [`${text} (trained with ${protocol.steps})`];
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
