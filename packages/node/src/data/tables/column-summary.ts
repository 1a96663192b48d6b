/** The numbers of a column in a few, and what a table's report says of it. */
import type { ColumnCells } from "../formats/column-cells.js";
import type { UsedColumn } from "./table-columns.js";
import type { TableColumn } from "./table-report.js";

/** The numbers of a column in a few: its least and greatest, how often they are there, and those next to them. */
function summaryOf(column: Pick<UsedColumn, "each">) {
  let [least, nextLeast, most, nextMost] = [Infinity, Infinity, -Infinity, -Infinity];
  let [leastCount, mostCount, missing] = [0, 0, 0];
  let [leastRow, mostRow] = [0, 0];
  column.each((value, row, place) => {
    if (Number.isNaN(value)) {
      if (place === 0) missing++;
      return;
    }
    if (value < least) [nextLeast, least, leastCount, leastRow] = [least, value, 1, row];
    else if (value === least) leastCount++;
    else if (value < nextLeast) nextLeast = value;
    if (value > most) [nextMost, most, mostCount, mostRow] = [most, value, 1, row];
    else if (value === most) mostCount++;
    else if (value > nextMost) nextMost = value;
  });
  return { least, nextLeast, leastCount, leastRow, most, nextMost, mostCount, mostRow, missing };
}

/** Cells without a value, in the rows that are kept. */
export const missingOf = (column: UsedColumn): number => summaryOf(column).missing;

/** Whether a column is one of numbers: at least half of its values are, and the others are mistakes. */
export const holdsNumbers = ({ count, texts }: ColumnCells): boolean => count > 0 && count >= texts.count;

/** The report on a column that is used. */
export function reportOfUsed(
  column: UsedColumn,
  role: "input" | "target",
  lineOf: (row: number) => number,
): TableColumn {
  const { name, kind, cells, texts } = column;
  const base: TableColumn = {
    ...{ name, role, kind, missing: cells.missingOf(kind).count },
    holds: kind === "number" ? "numbers" : "text",
    ...(texts ? { values: texts.length } : {}),
  };
  if (column.width !== 1) return base;
  const summary = summaryOf(column);
  const constant = summary.least === summary.most ? { constant: true as const } : {};
  if (kind !== "number") return { ...base, ...constant };
  const sentinel = sentinelIn(summary);
  return {
    ...{ ...base, ...constant },
    ...(cells.commas.count > 0 ? { decimalCommas: true as const } : {}),
    ...(cells.points.count > 0 ? { decimalPoints: true as const } : {}),
    ...(sentinel ? { sentinel: { value: sentinel.value, cells: sentinel.cells, line: lineOf(sentinel.row) } } : {}),
  };
}

/** The report on a column that is left out. */
export function reportOfOther(cells: ColumnCells): TableColumn {
  const { name, texts } = cells;
  const holds = holdsNumbers(cells) ? "numbers" : texts.count > 0 ? "text" : "nothing";
  return { name, role: "left out", holds, missing: cells.missingOf("number").count };
}

/**
 * The least or greatest value of a column where it is so far from all others that it may stand for a missing one: a
 * thousand times as large as they are, or one of -1, -99, 999 and the like at five times their range or more.
 */
function sentinelIn(column: ReturnType<typeof summaryOf>) {
  const { least, nextLeast, leastCount, leastRow, most, nextMost, mostCount, mostRow } = column;
  if (least === most) return undefined;
  for (const [value, cells, row, low, high] of [
    // What is not missing may lie between two such values.
    [most, mostCount, mostRow, isCode(least) ? nextLeast : least, nextMost],
    [least, leastCount, leastRow, nextLeast, isCode(most) ? nextMost : most],
  ] as const) {
    if (low > high) continue;
    const isFar = Math.abs(value - (low + high) / 2) >= 5 * (high - low);
    const isMissing = isCode(value) || (value === -1 && low >= 0 && high > low);
    if (dwarfs(value, low, high) || (isMissing && isFar)) return { value, cells, row };
  }
  return undefined;
}

function dwarfs(value: number, low: number, high: number): boolean {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  return largest > 0 ? Math.abs(value) >= 1000 * largest : Math.abs(value) >= 1e6;
}

/** 99, -999, 9999: numbers that people write where they have none. */
const isCode = (value: number): boolean => Math.abs(value) >= 99 && /^9{2,15}$/.test(String(Math.abs(value)));
