/** A table of results on a terminal: our figures, and under them the published ones. */
import type { RowResult } from "../reproduce/collected-results.js";
import type { Table } from "../reproduce/table.js";
import { isShortened, type LineCell, type RowResults, tableLines } from "../reproduce/table-lines.js";
import { figureNameOf } from "./results-document.js";
import { columns, count, type Paint, withInterval } from "./terminal.js";

export function reproducedTable(table: Table, results: RowResults, paint: Paint): string {
  const name = figureNameOf(table);
  const lines: { cells: string[]; style?: "dim" | "bold" }[] = [
    { cells: ["", ...table.columns.map(({ title }) => title), "updates"], style: "dim" },
  ];
  const cellText = (cell: LineCell | undefined, isBaseline: boolean): string => {
    if (!cell) return "";
    if (!cell.figure) return isBaseline ? "" : "not run";
    return withInterval(name, cell.figure) + (cell.shortened ? "†" : "");
  };
  for (const line of tableLines(table, results)) {
    const runs = line.cells.flatMap((cell) => (cell?.row ? (results[cell.row.name] ?? []) : []));
    lines.push({
      cells: [line.learner, ...line.cells.map((cell) => cellText(cell, line.isBaseline)), updatesText(runs)],
      ...(line.isBaseline ? {} : { style: "bold" as const }),
    });
    if (line.cells.some((cell) => cell?.published !== undefined)) {
      const published = line.cells.map((cell) => cell?.published ?? "");
      lines.push({ cells: ["  published", ...published, line.sources.join("; ")], style: "dim" });
    }
  }
  const marks = Object.values(results).some(isShortened) ? ["  † fewer updates than the full training"] : [];
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
