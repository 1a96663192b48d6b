/** results.md: the collected results beside the published ones. A test keeps docs/results.md equal to this. */
import { type CollectedResults, type RowResult, withoutGone } from "../reproduce/collected-results.js";
import { type CurvePoint, fewestPoints, fitLearningCurve, furthest } from "../reproduce/extrapolation.js";
import type { Table } from "../reproduce/table.js";
import { isShortened, type LineCell, type RowResults, tableLines } from "../reproduce/table-lines.js";
import { bytes, count, duration, figure, plusMinus, withInterval, wrapped } from "./terminal.js";

/** Sentences over the tables. */
const introduction = `Every figure is the mean over held-out tasks with its 95% interval (1.96 s / sqrt(tasks)), in parentheses the
adaptation steps behind it, beside what the paper reports; in square brackets, where there is one, is the interval for
classes other than those held out. A dagger (†) marks a training of fewer updates than the
paper's: "Runs" below each table has the numbers, and no figure of a table is extrapolated. "From scratch" adapts the
untrained network, "joint pre-training" one that was trained on all tasks at once, whole or its head only: with the
inner optimizer of the gradient-based learners, or with Adam at 0.01, which suits plain training. "Nearest neighbour
(embedding)" looks among the support examples in the embedding that joint pre-training has trained.`;

export function resultsDocument(tables: readonly Table[], collected: CollectedResults): string {
  const known = withoutGone(collected, tables);
  const there = tables.filter(({ name }) => Object.keys(known.tables[name] ?? {}).length > 0);
  const missing = tables.filter((table) => !there.includes(table));
  const lines = [
    "# Results",
    "",
    "<!-- Written by `innerloop reproduce --report DIR` from the run folders and results.json; a test keeps it so. -->",
    "",
    introduction,
  ];
  for (const table of there) lines.push("", ...tableSection(table, known.tables[table.name]!));
  if (missing.length > 0) {
    lines.push("", "## Not run yet", "");
    for (const { name, title } of missing) lines.push(`- ${title}: \`innerloop reproduce ${name}\``);
  }
  return `${lines.join("\n")}\n`;
}

/** How the terminal's formats know the metric. */
export const figureNameOf = ({ metric }: Pick<Table, "metric">): string => (metric === "accuracy" ? metric : "loss");

function tableSection(table: Table, results: RowResults): string[] {
  const runs = table.rows.flatMap((row) => {
    const result = results[row.name];
    return result ? [{ name: row.name, result }] : [];
  });
  const command = `innerloop reproduce ${table.name}`;
  const lines = [`## ${table.title}`, "", `    ${command}`, ""];
  if (table.about !== "") lines.push(wrapped(table.about, 120), "");
  lines.push(...figuresTable(table, results), "", ...protocolLines(table, runs), "", "Runs:", "");
  lines.push(
    row(["run", "updates", "evaluated after", "training", "evaluation", "memory", "seed", "made on", "with"]),
    row(Array.from({ length: 9 }, () => "---")),
    ...runs.map(({ name, result }) => runLine(name, result)),
    "",
    ...runs.flatMap(({ result }) => `    ${result.command}`),
  );
  const curves = runs.flatMap(({ name, result }) => curveLines(table, name, result));
  if (curves.length > 0) lines.push("", "Curves so far, of the trainings that were shorter:", "", ...curves);
  return lines;
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function figuresTable(table: Table, results: RowResults): string[] {
  const name = figureNameOf(table);
  const lines = tableLines(table, results);
  const isPublished = lines.some(({ cells }) => cells.some((cell) => cell?.published !== undefined));
  const showsSteps = table.columns.every(({ steps }) => steps === undefined);
  const unit = name === "accuracy" ? " (%)" : "";
  const header = [
    "",
    ...table.columns.flatMap(({ title }) => (isPublished ? [title, `published${unit}`] : [title])),
    ...(isPublished ? ["source"] : []),
  ];
  const cellText = (cell: LineCell | undefined, isBaseline: boolean): string => {
    if (!cell) return "";
    if (!cell.figure) return isBaseline ? "" : "not run";
    const { poolInterval } = cell.figure;
    const beyond = poolInterval === undefined ? "" : ` [${plusMinus(name, poolInterval)}]`;
    const text = withInterval(name, cell.figure) + beyond + (cell.shortened ? "†" : "");
    const steps = showsSteps && cell.figure.steps > 0 ? ` (${count(cell.figure.steps)})` : "";
    return isBaseline ? text + steps : `**${text}**${steps}`;
  };
  return [
    row(header),
    row(header.map(() => "---")),
    ...lines.map(({ learner, cells, sources, isBaseline }) =>
      row([
        learner,
        ...cells.flatMap((cell) =>
          isPublished ? [cellText(cell, isBaseline), cell?.published ?? ""] : [cellText(cell, isBaseline)],
        ),
        ...(isPublished ? [sources.join("; ")] : []),
      ]),
    ),
  ];
}

/** Each protocol once, with the columns that it is that of; those of single runs that differ, with their names. */
function protocolLines(table: Table, runs: readonly { name: string; result: RowResult }[]): string[] {
  const uses = new Map<string, { columns: Set<string>; runs: Set<string> }>();
  for (const { name, result } of runs) {
    for (const { name: column, title } of table.columns) {
      const text = result.protocols[column];
      if (text === undefined) continue;
      const use = uses.get(text) ?? { columns: new Set(), runs: new Set() };
      use.columns.add(title);
      use.runs.add(name);
      uses.set(text, use);
    }
  }
  return [...uses].map(([text, use]) => `- ${[...use.columns].join(", ")} (${[...use.runs].join(", ")}): ${text}.`);
}

function runLine(name: string, result: RowResult): string {
  const { updates, fullUpdates, checkpoint, iteration, versions } = result;
  const share = isShortened(result) ? `${count(updates)} of ${count(fullUpdates)}` : count(updates);
  const engines = [
    `innerloop ${versions.innerloop ?? "unknown"} (${versions.commit ?? "commit not recorded"})`,
    `onnxruntime ${versions.onnxruntime ?? "unknown"}`,
    `Node ${versions.node ?? "unknown"}`,
    ...(versions.processor ? [versions.processor] : []),
    `${count(result.workers)} worker${result.workers === 1 ? "" : "s"}`,
  ];
  return row([
    `\`${name}\``,
    `${share}${isShortened(result) ? "†" : ""}`,
    iteration === undefined ? "" : `${count(iteration)} (${checkpoint})`,
    result.trainingSeconds === undefined ? "" : duration(result.trainingSeconds),
    result.evaluationSeconds === undefined ? "" : duration(result.evaluationSeconds),
    result.peakBytes === undefined ? "" : bytes(result.peakBytes),
    String(result.seed),
    result.created.slice(0, 10),
    engines.join(", "),
  ]);
}

/** Points shown of a curve. */
const pointsShown = 6;

function curveLines(table: Table, name: string, result: RowResult): string[] {
  if (!isShortened(result) || result.curve.length === 0) return [];
  const metric = figureNameOf(table);
  const { curve, fullUpdates } = result;
  const shown = curve.filter((_, i) => i === 0 || (curve.length - 1 - i) % Math.ceil(curve.length / pointsShown) === 0);
  const points = shown.map((point) => `${withInterval(metric, point)} after ${count(point.updates)}`);
  const text = `- \`${name}\`: validation ${table.metric} ${points.join(", ")}.`;
  if (curve.length < fewestPoints) return [`${text} Too few points to extrapolate from.`];
  const errors = curve.map(
    ({ updates, mean }): CurvePoint => ({ updates, error: table.metric === "accuracy" ? 1 - mean : mean }),
  );
  if (fullUpdates > furthest * curve.at(-1)!.updates)
    return [`${text} Too short to extrapolate from: the full training has more than ${furthest} times the updates.`];
  const fit = fitLearningCurve(errors);
  if (!fit) return [`${text} The error does not fall: nothing to extrapolate.`];
  const end = fit.at(fullUpdates);
  const reached = table.metric === "accuracy" ? 1 - end : end;
  const fitted = `error = ${fit.a.toPrecision(3)} + ${fit.b.toPrecision(3)} n^-${fit.c.toPrecision(2)} through ${curve.length} validations, residual ${(100 * fit.residual).toFixed(0)}% of the error`;
  return [
    `${text} Extrapolation, not a result: ${figure(metric, reached)} after ${count(fullUpdates)} updates (${fitted}).`,
  ];
}
