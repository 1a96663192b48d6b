/** Tables of measurements whose rows belong to groups: CSV and JSON lines. */
import type { Table } from "@innerloop/core";
import type { ColumnKind, DateOrder, TableCell } from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { CsvOptions } from "../formats/csv.js";
import { bytesFor, readingLimits } from "../reading-limits.js";
import type { MissingCells, UsedColumn } from "./table-columns.js";
import { readColumns } from "./table-file.js";
import type { TableReport } from "./table-report.js";

/** Options of `readRegressionTable`. */
export interface RegressionTableOptions extends CsvOptions {
  /** @internal Most numbers that there may be. */
  readonly maximumValues?: number;
  /** Name of the table; default "table". */
  readonly name?: string;
  /** The column that says which group a row belongs to. */
  readonly groupColumn: string;
  /** The columns of numbers to predict. */
  readonly targets: readonly string[];
  /**
   * The columns to predict from: of numbers, dates, times of day, truth values or texts of which there are few. Unless
   * given, all others that are of use: columns of text are left out where nearly every row has another, or each group its
   * own, or most cells are missing.
   */
  readonly inputs?: readonly string[];
  /** Leave columns of text out, unless they are named, as runs of before there were categories have done. */
  readonly numbersOnly?: boolean;
  /**
   * What is done about missing cells. "refuse", the default, is an error that lists them. "drop" leaves their rows out.
   * "mean" leaves out rows without a group or target; missing inputs are NaN in the table, which `groupedRegression` with
   * `missing: "mean"` takes for the mean of the training groups, or null in columns of text.
   */
  readonly missing?: MissingCells;
}

/** A table for `groupedRegression`, and the columns that tasks are predicted from. */
export interface RegressionTable {
  readonly table: Table;
  readonly inputs: readonly string[];
  /** What each column was taken for, and what was left out. */
  readonly report: TableReport;
}

/**
 * Reads the columns of a table that `groupedRegression` takes: CSV (.csv, .tsv), or one JSON object a line (.jsonl,
 * .ndjson). Groups are text, numbers or, in JSON, truth values. What a column holds is decided by all of its cells:
 * numbers, with a point or a comma; else dates, times of day or truth values; else, where there are few texts, a category.
 * Targets hold numbers.
 *
 * @throws DataError ILD71 with all that is wrong, for text among numbers or dates, missing cells unless `missing` says what
 * to do about them, or a column that is not there; ILD06 for no rows, or more than 2^25 values; ILD07, ILD03
 * @example
 * const { table, inputs } = await readRegressionTable("sensors.csv", { groupColumn: "sensor", targets: ["degrees"] });
 * const { tasks } = groupedRegression(table, { groupColumn: "sensor", inputs, targets: ["degrees"], shots: 5 });
 */
export async function readRegressionTable(path: string, options: RegressionTableOptions): Promise<RegressionTable> {
  const { name = "table", groupColumn, targets, inputs, missing = "refuse" } = options;
  const twice = [groupColumn, ...targets, ...(inputs ?? [])].find((column, i, all) => all.indexOf(column) < i);
  if (twice !== undefined) {
    const problem = `column ${quoted(twice)} is named twice among group, inputs and targets`;
    throw new DataError("ILD71", path, problem, "Give each column one part to play.");
  }
  const columns = await readColumns(path, options, {
    path,
    key: { name: groupColumn, role: "group" },
    targets,
    ...(inputs ? { inputs } : {}),
    missing,
    texts: !options.numbersOnly || inputs !== undefined,
    lists: false,
    precision: 64,
    most: options.maximumValues ?? readingLimits.tableValues,
  });
  const found = columns.finish();
  const { keys, names, report } = found;
  const numbersOf = (column: UsedColumn): Float64Array => {
    const values = new Float64Array(bytesFor(8 * keys.length, path).buffer);
    column.each((value, row) => {
      values[row] = value;
    });
    return values;
  };
  const valuesOf = (column: UsedColumn): Float64Array | readonly TableCell[] => {
    const { texts } = column;
    return texts ? Array.from(numbersOf(column), (place) => texts[place] ?? null) : numbersOf(column);
  };
  const kinds = found.inputs.flatMap(({ name: column, kind }): [string, ColumnKind][] =>
    kind === "number" ? [] : [[column, kind]],
  );
  const orders = found.inputs.flatMap(({ name: column, kind, cells }): [string, DateOrder][] => {
    const order = kind === "date" ? cells.words?.order : undefined;
    return order ? [[column, order]] : [];
  });
  return {
    table: {
      name,
      columns: Object.fromEntries([
        [groupColumn, Array.from(keys, (key) => names[key]!)],
        ...[...found.inputs, ...found.targets].map((column): [string, Float64Array | readonly TableCell[]] => [
          column.name,
          valuesOf(column),
        ]),
      ]),
      ...(kinds.length > 0 ? { kinds: Object.fromEntries(kinds) } : {}),
      ...(orders.length > 0 ? { dateOrders: Object.fromEntries(orders) } : {}),
    },
    inputs: found.inputs.map((column) => column.name),
    report,
  };
}
