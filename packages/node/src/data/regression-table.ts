/** Tables of measurements whose rows belong to groups: CSV and JSON lines. */
import type { Table } from "innerloop";
import { type CsvOptions, numberIn, readCsv } from "./csv.js";
import { DataError } from "./data-error.js";
import { eachJsonLine } from "./table-file.js";

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
  /** The columns of numbers to predict from; all others with a number in the first row unless given. */
  readonly inputs?: readonly string[];
}

/** A table for `groupedRegression`, and the columns that tasks are predicted from. */
export interface RegressionTable {
  readonly table: Table;
  readonly inputs: readonly string[];
}

/** Each is kept twice for a moment, and drawn from at random: they are to fit in memory many times over. */
const mostValues = 2 ** 25;

/**
 * Reads the columns of a table that `groupedRegression` takes: CSV (.csv, .tsv), or one JSON object a line (.jsonl,
 * .ndjson). Groups are text, numbers or, in JSON, truth values.
 *
 * @throws DataError ILD71 with the line, for anything that is not a finite number where one should be, an empty group,
 * or a column that is not there; ILD06 for no rows, or more than 2^25 values; ILD03
 * @example
 * const { table, inputs } = await readRegressionTable("sensors.csv", { groupColumn: "sensor", targets: ["degrees"] });
 * const { tasks } = groupedRegression(table, { groupColumn: "sensor", inputs, targets: ["degrees"], shots: 5 });
 */
export async function readRegressionTable(path: string, options: RegressionTableOptions): Promise<RegressionTable> {
  const reader = new ColumnReader(path, options);
  if (/\.(jsonl|ndjson)$/i.test(path)) {
    await eachJsonLine(path, options, (record, line) => {
      const fieldOf = (column: string): unknown => (Object.hasOwn(record, column) ? record[column] : undefined);
      const numberOf = (column: string): number => {
        const value = fieldOf(column);
        return typeof value === "number" ? value : Number.NaN;
      };
      reader.begin(Object.keys(record), numberOf);
      reader.add({ fieldOf, numberOf, line });
    });
  } else {
    const read = (columns: readonly string[]) => {
      const places = new Map(columns.map((column, i) => [column, i]));
      return (fields: readonly string[], line: number): void => {
        const fieldOf = (column: string): string => fields[places.get(column)!]!;
        const numberOf = (column: string): number => numberIn(fieldOf(column));
        reader.begin(columns, numberOf);
        reader.add({ fieldOf, numberOf, line });
      };
    };
    await readCsv(path, read, options);
  }
  return reader.end();
}

interface Row {
  readonly fieldOf: (column: string) => unknown;
  /** NaN for what is no number. */
  readonly numberOf: (column: string) => number;
  readonly line: number;
}

/** Columns of numbers and one of groups, row by row. */
class ColumnReader {
  private readonly groups: string[] = [];
  private numbers: readonly { readonly name: string; readonly values: number[] }[] | undefined;
  private inputs: readonly string[] = [];

  constructor(
    private readonly path: string,
    private readonly options: RegressionTableOptions,
  ) {}

  /** Settles the columns by the first row; later rows change nothing. */
  begin(columns: readonly string[], numberOf: Row["numberOf"]): void {
    if (this.numbers) return;
    const { groupColumn, targets, inputs } = this.options;
    const missing = [groupColumn, ...targets, ...(inputs ?? [])].find((name) => !columns.includes(name));
    if (missing !== undefined) {
      const some = `${columns.slice(0, 12).join(", ")}${columns.length > 12 ? ", ..." : ""}`;
      throw new DataError("ILD71", this.path, `there is no column ${JSON.stringify(missing)}`, `It has ${some}.`);
    }
    const others = columns.filter((name) => name !== groupColumn && !targets.includes(name));
    this.inputs = inputs ?? others.filter((name) => Number.isFinite(numberOf(name)));
    if (this.inputs.length === 0 || targets.length === 0) {
      const problem = `there are no columns of numbers to predict ${targets.length === 0 ? "" : "from"}`.trimEnd();
      throw new DataError("ILD71", this.path, problem, "Name columns whose first row holds a number.");
    }
    this.numbers = [...new Set([...this.inputs, ...targets])].map((name) => ({ name, values: [] }));
  }

  add({ fieldOf, numberOf, line }: Row): void {
    const { groupColumn, maximumValues = mostValues } = this.options;
    const value = fieldOf(groupColumn);
    const group = ["string", "number", "boolean"].includes(typeof value) ? String(value).trim() : "";
    if (group === "" || group.length > 512) {
      const problem = `the group in ${JSON.stringify(groupColumn)} is ${group === "" ? "missing" : "longer than 512 characters"}`;
      throw this.wrong(line, problem, "Give each row a group, or leave it out.");
    }
    this.groups.push(group);
    for (const { name, values } of this.numbers!) {
      const number = numberOf(name);
      if (!Number.isFinite(Math.fround(number))) {
        const shown = JSON.stringify(fieldOf(name))?.slice(0, 80) ?? "nothing";
        const problem = `column ${JSON.stringify(name)} holds ${shown} where a number should be`;
        throw this.wrong(line, problem, "Leave the row out, or name other columns.");
      }
      values.push(number);
    }
    if (this.groups.length * this.numbers!.length > maximumValues) {
      throw new DataError("ILD06", this.path, `it has more than ${maximumValues} numbers`, "Name fewer columns.");
    }
  }

  end(): RegressionTable {
    if (!this.numbers) throw new DataError("ILD06", this.path, "there are no rows", "Give rows of several groups.");
    const columns = this.numbers.map(({ name, values }): [string, Float64Array] => [name, Float64Array.from(values)]);
    const { name = "table", groupColumn } = this.options;
    return {
      table: { name, columns: Object.fromEntries([[groupColumn, this.groups], ...columns]) },
      inputs: this.inputs,
    };
  }

  private wrong(line: number, problem: string, remedy: string): DataError {
    return new DataError("ILD71", `${this.path}:${line}`, problem, remedy);
  }
}
