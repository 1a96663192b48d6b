/** A table of results on a terminal: our figures, and under them the published ones. */
import { adaptationWarningOf, beyondTitle, poolText, type StepsCurve } from "@innerloop/experiments";
import {
  isShortened,
  type LineCell,
  type RowResult,
  type RowResults,
  type Table,
  tableFigures,
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
  const shown = tableFigures[table.metric];
  const lines: { cells: string[]; style?: "dim" | "bold" }[] = [
    { cells: ["", ...table.columns.map(({ title }) => title), "updates"], style: "dim" },
  ];
  const cellText = (cell: LineCell | undefined, isBaseline: boolean): string => {
    if (!cell) return "";
    if (!cell.figure) return isBaseline ? "" : cell.row && failed.has(cell.row.name) ? "failed" : "not run";
    return withInterval(shown, cell.figure) + (cell.shortened ? "†" : "");
  };
  for (const line of tableLines(table, results)) {
    const runs = line.cells.flatMap((cell) => (cell?.row ? (results[cell.row.name] ?? []) : []));
    lines.push({
      cells: [line.learner, ...line.cells.map((cell) => cellText(cell, line.isBaseline)), updatesText(runs)],
      ...(line.isBaseline ? {} : { style: "bold" as const }),
    });
    const beyond = line.cells.map((cell) => plusMinus(shown, cell?.figure?.poolInterval));
    if (beyond.some((text) => text !== "")) {
      const { pool } = runs.find((run) => run.pool) ?? {};
      lines.push({ cells: [`  ${beyondTitle(pool ?? { of: "classes" })}`, ...beyond, ""], style: "dim" });
    }
    if (line.cells.some((cell) => cell?.published !== undefined)) {
      const published = line.cells.map((cell) => cell?.published ?? "");
      lines.push({ cells: ["  published", ...published, line.sources.join("; ")], style: "dim" });
    }
  }
  const marks = [
    ...(Object.values(results).some(isShortened) ? ["  † fewer updates than the full training"] : []),
    ...new Set(Object.values(results).flatMap(({ pool }) => (pool ? [`  from ${poolText(pool, true)}`] : []))),
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

/** Of each training, the figures of columns that differ in nothing but their steps. */
function stepsCurves(table: Table, results: RowResults): { learner: string; curve: StepsCurve }[] {
  return table.rows.flatMap((row) => {
    const result = results[row.name];
    if (!result) return [];
    const settings = new Map<string, { steps: number; mean: number }[]>();
    for (const { name, options } of table.columns) {
      const cell = result.cells[name];
      if (!cell) continue;
      const setting = JSON.stringify([options, row.cells[name]?.options]);
      settings.set(setting, [...(settings.get(setting) ?? []), cell]);
    }
    return [...settings.values()].map((points) => ({
      learner: row.learner,
      curve: { figure: tableFigures[table.metric], points, pool: result.pool },
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
