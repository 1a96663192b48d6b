/** A table of results on a terminal: our figures, and under them the published ones. */
import type { FigureDescription } from "@innerloop/core";
import { adaptationWarningOf, beyondTitle, type Pool, poolText, type StepsCurve } from "@innerloop/experiments";
import {
  columnFigures,
  filesText,
  isShortened,
  type LineCell,
  lineTitle,
  type RowResult,
  type RowResults,
  type Table,
  type TableLine,
  tableLines,
} from "@innerloop/experiments/published";
import { columns, count, type Paint, plusMinus, withInterval } from "./terminal.js";

/** @param failed names of rows whose training failed */
export function reproducedTable(
  table: Table,
  results: RowResults,
  paint: Paint,
  failed: ReadonlySet<string> = new Set(),
): string {
  const shown = columnFigures(table);
  const lines: { cells: string[]; style?: "dim" | "bold" }[] = [
    { cells: ["", ...table.columns.map(({ title }) => title), "updates"], style: "dim" },
  ];
  const cellText = (cell: LineCell | undefined, column: number, kind: TableLine["kind"]): string => {
    if (!cell) return "";
    if (!cell.figure)
      return kind !== "learner" ? "" : cell.rows.some(({ name }) => failed.has(name)) ? "failed" : "not run";
    const text = withInterval(shown[column]!, cell.figure) + (cell.shortened ? "†" : "");
    return kind === "lead" ? signed(text, cell.figure) : text;
  };
  let heading: string | undefined;
  for (const line of tableLines(table, results)) {
    const runs = line.cells.flatMap((cell) => cell?.rows.flatMap(({ name }) => results[name] ?? []) ?? []);
    if (line.group !== undefined && line.group !== heading) {
      const pools = line.isMean ? [] : poolsOf(table, results, line.group);
      lines.push(
        { cells: [""] },
        { cells: [line.group, ...table.columns.map(() => ""), pools.join("; ")], style: "dim" },
      );
      heading = line.group;
    }
    const indent = (line.group === undefined ? 0 : 2) + (line.kind === "lead" ? 2 : 0);
    const title = " ".repeat(indent) + lineTitle(line);
    const updates = line.isMean || line.kind === "lead" ? "" : updatesText(runs);
    lines.push({
      cells: [title, ...line.cells.map((cell, column) => cellText(cell, column, line.kind)), updates],
      ...(line.kind === "learner" ? { style: "bold" as const } : {}),
    });
    if (line.kind === "lead") continue;
    const beyond = line.cells.map((cell, column) => plusMinus(shown[column]!, cell?.figure?.poolInterval));
    const inner = " ".repeat(indent + 2);
    const pool = runs.find((run) => run.pool)?.pool ?? poolOfGroup(table, results, line.group);
    // One domain alone says nothing of others: the heading tells that it is one.
    if (pool?.count !== 1 && beyond.some((text) => text !== ""))
      lines.push({ cells: [`${inner}${beyondTitle(pool ?? { of: "classes" })}`, ...beyond, ""], style: "dim" });
    if (line.cells.some((cell) => cell?.published !== undefined)) {
      const published = line.cells.map((cell) => cell?.published ?? "");
      lines.push({ cells: [`${inner}published`, ...published, line.sources.join("; ")], style: "dim" });
    }
  }
  const files = filesText(results);
  const marks = [
    ...(files === undefined ? [] : [`  ${files}`]),
    ...(Object.values(results).some(isShortened) ? ["  † fewer updates than the full training"] : []),
    ...poolsOf(table, results, undefined).map((text) => `  ${text}`),
    ...stepsCurves(table, results).flatMap(({ learner, curve }) => {
      const text = adaptationWarningOf(curve);
      return text === undefined ? [] : [`  ${learner}: ${text}`];
    }),
  ];
  // The last column is read from its left: sources are of any length.
  const drawn = columns(
    lines.map(({ cells }) => cells),
    [0, table.columns.length + 1],
  );
  return [
    ...drawn.map((text, i) => {
      const { style } = lines[i]!;
      return `  ${style ? paint(style, text) : text}`;
    }),
    ...marks,
  ].join("\n");
}

/** `+1.2% ± 0.4`: a difference with the sign that it has. */
export const signed = (text: string, { mean }: { readonly mean: number }): string => (mean >= 0 ? `+${text}` : text);

const poolOfGroup = ({ rows }: Table, results: RowResults, group: string | undefined): Pool | undefined =>
  rows.flatMap((row) => (row.group === group && results[row.name]?.pool) || []).at(0);

/** What the tasks of a group's trainings were drawn from. */
const poolsOf = ({ rows }: Table, results: RowResults, group: string | undefined): string[] => [
  ...new Set(
    rows.flatMap((row) => {
      const { pool } = (row.group === group && results[row.name]) || {};
      return pool ? [`from ${poolText(pool, true)}`] : [];
    }),
  ),
];

/** Of each training, the figures of columns that differ in nothing but their steps. */
function stepsCurves(table: Table, results: RowResults): { learner: string; curve: StepsCurve }[] {
  const shown = columnFigures(table);
  return table.rows.flatMap((row) => {
    const result = results[row.name];
    if (!result) return [];
    const settings = new Map<string, { figure: FigureDescription; points: { steps: number; mean: number }[] }>();
    for (const [column, { name, options }] of table.columns.entries()) {
      const cell = result.cells[name];
      if (!cell) continue;
      const figure = shown[column]!;
      const key = JSON.stringify([options, row.cells[name]?.options, figure.title]);
      const setting = settings.get(key) ?? { figure, points: [] };
      setting.points.push(cell);
      settings.set(key, setting);
    }
    return [...settings.values()].map(({ figure, points }) => ({
      learner: row.learner,
      curve: { figure, points, pool: result.pool },
    }));
  });
}

/** `60,000`, `8,000 to 10,000 of 60,000` */
function updatesText(runs: readonly RowResult[]): string {
  if (runs.length === 0) return "";
  const range = (list: readonly number[]): string => {
    const [least, most] = [Math.min(...list), Math.max(...list)];
    return least === most ? count(least) : `${count(least)} to ${count(most)}`;
  };
  const made = range(runs.map(({ updates }) => updates));
  return runs.some(isShortened) ? `${made} of ${range(runs.map(({ fullUpdates }) => fullUpdates))}` : made;
}
