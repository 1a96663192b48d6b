/** results-runs.md: how each figure of results.md was made. A test keeps docs/results-runs.md equal to this. */
import { engineText } from "@innerloop/experiments";
import {
  type CollectedResults,
  type CurvePoint,
  fewestPoints,
  fitLearningCurve,
  furthest,
  isShortened,
  type RowResult,
  type Table,
  tableFigure,
} from "@innerloop/experiments/published";
import { markdownText } from "./markdown-text.js";
import { markdownRow as row, tablesOf } from "./results-document.js";
import { bytes, count, duration, figure, withInterval } from "./terminal.js";

export function runsDocument(tables: readonly Table[], collected: CollectedResults): string {
  const there = tablesOf(tables, collected);
  const machines = [...new Set(there.flatMap(({ runs }) => runs.map(({ result }) => machineOf(result))))];
  const lines = [
    "# The runs behind the results",
    "",
    "<!-- Written by `innerloop reproduce --report DIR` from the run folders and results.json; a test keeps it so. -->",
    "",
    "For each table of [results.md](results.md): the protocol, the runs with the commands that make them again, and the",
    "validations along trainings that were shorter than the paper's. What was extrapolated from these is no result, and",
    "in no table.",
    "",
    "Made with:",
    "",
    ...machines.map((machine, i) => `${i + 1}. ${machine}`),
  ];
  for (const { table, runs } of there) lines.push("", ...runsSection(table, runs, machines));
  return `${lines.join("\n")}\n`;
}

interface NamedResult {
  readonly name: string;
  readonly result: RowResult;
}

const machineOf = ({ versions, workers }: RowResult): string =>
  [
    `innerloop ${versions.innerloop ?? "unknown"} (${versions.commit ?? "commit not recorded"})`,
    engineText(versions),
    `Node ${versions.node ?? "unknown"}`,
    ...(versions.processor ? [versions.processor] : []),
    `${count(workers)} worker${workers === 1 ? "" : "s"}`,
  ].join(", ");

function runsSection(table: Table, runs: readonly NamedResult[], machines: readonly string[]): string[] {
  const lines = [`## ${markdownText(table.title)}`, "", ...protocolLines(table, runs), ""];
  lines.push(
    row(["run", "updates", "evaluated after", "training", "evaluation", "memory", "seed", "made on", "with"]),
    row(Array.from({ length: 9 }, () => "---")),
    ...runs.map(({ name, result }) => runLine(name, result, machines.indexOf(machineOf(result)) + 1)),
    "",
    ...runs.flatMap(({ result }) => `    ${result.command}`),
  );
  const curves = runs.flatMap(({ name, result }) => curveLines(table, name, result));
  if (curves.length > 0) lines.push("", "Curves so far, of the trainings that were shorter:", "", ...curves);
  return lines;
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

function runLine(name: string, result: RowResult, machine: number): string {
  const { updates, fullUpdates, checkpoint, iteration } = result;
  return row([
    `\`${name}\``,
    isShortened(result) ? `${count(updates)} of ${count(fullUpdates)}` : count(updates),
    iteration === undefined ? "" : `${count(iteration)} (${checkpoint})`,
    result.trainingSeconds === undefined ? "" : duration(result.trainingSeconds),
    result.evaluationSeconds === undefined ? "" : duration(result.evaluationSeconds),
    result.peakBytes === undefined ? "" : bytes(result.peakBytes),
    String(result.seed),
    result.created.slice(0, 10),
    String(machine),
  ]);
}

/** Points shown of a curve. */
const pointsShown = 6;

function curveLines(table: Table, name: string, result: RowResult): string[] {
  if (!isShortened(result) || result.curve.length === 0) return [];
  const metric = tableFigure(table);
  /** What is left of an accuracy to all; an error as it is. */
  const errorOf = (mean: number): number => (metric.better === "higher" ? 1 - mean : mean);
  const { curve, fullUpdates } = result;
  const shown = curve.filter((_, i) => i === 0 || (curve.length - 1 - i) % Math.ceil(curve.length / pointsShown) === 0);
  const points = shown.map((point) => `${withInterval(metric, point)} after ${count(point.updates)}`);
  const text = `- \`${name}\`: validation ${table.metric} ${points.join(", ")}.`;
  if (curve.length < fewestPoints) return [`${text} Too few points to extrapolate from.`];
  const errors = curve.map(({ updates, mean }): CurvePoint => ({ updates, error: errorOf(mean) }));
  if (fullUpdates > furthest * curve.at(-1)!.updates)
    return [`${text} Too short to extrapolate from: the full training has more than ${furthest} times the updates.`];
  const fit = fitLearningCurve(errors);
  if (!fit) return [`${text} The error does not fall: nothing to extrapolate.`];
  const end = fit.at(fullUpdates);
  const reached = errorOf(end);
  const fitted = `error = ${fit.a.toPrecision(3)} + ${fit.b.toPrecision(3)} n^-${fit.c.toPrecision(2)} through ${curve.length} validations, residual ${(100 * fit.residual).toFixed(0)}% of the error`;
  return [
    `${text} Extrapolation, not a result: ${figure(metric, reached)} after ${count(fullUpdates)} updates (${fitted}).`,
  ];
}
