/** Tables of measurements whose rows belong to groups: CSV and JSON lines. */
import type { Table } from "@innerloop/core";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { CsvOptions } from "../formats/csv.js";
import { bytesFor, readingLimits } from "../reading-limits.js";
import type { MissingCells, NumberColumn } from "./table-columns.js";
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
  /** The columns of numbers to predict from; all others that hold numbers unless given. */
  readonly inputs?: readonly string[];
  /**
   * What is done about missing cells. "refuse", the default, is an error that lists them. "drop" leaves their rows out.
   * "mean" leaves out rows without a group or target; missing inputs are NaN in the table, which `groupedRegression` with
   * `missing: "mean"` takes for the mean of the training groups.
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
 * .ndjson). Groups are text, numbers or, in JSON, truth values. Which columns hold numbers is decided by all of their
 * cells: those of text are left out, unless they are named.
 *
 * @throws DataError ILD71 with all that is wrong, for text among numbers, missing cells unless `missing` says what to do
 * about them, or a column that is not there; ILD06 for no rows, or more than 2^25 values; ILD07, ILD03
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
    lists: false,
    precision: 64,
    most: options.maximumValues ?? readingLimits.tableValues,
  });
  const found = columns.finish();
  const { keys, names, report } = found;
  const valuesOf = (column: NumberColumn): Float64Array => {
    const values = new Float64Array(bytesFor(8 * keys.length, path).buffer);
    column.each((value, row) => {
      values[row] = value;
    });
    return values;
  };
  return {
    table: {
      name,
      columns: Object.fromEntries([
        [groupColumn, Array.from(keys, (key) => names[key]!)],
        ...[...found.inputs, ...found.targets].map((column): [string, Float64Array] => [column.name, valuesOf(column)]),
      ]),
    },
    inputs: found.inputs.map((column) => column.name),
    report,
  };
}
