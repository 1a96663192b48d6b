/** Tables of numbers with a column of labels: CSV and JSON lines. */

import { numberIn } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { cut, isRecord, nearestName, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { type CsvOptions, readCsv } from "../formats/csv.js";
import { eachJsonValue } from "../formats/text-lines.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { bytesFor, readingLimits } from "../reading-limits.js";
import { TableColumns, type TableColumnsOptions } from "./table-columns.js";
import type { TableReport } from "./table-report.js";

export interface TableOptions extends CsvOptions {
  /** Name of the data set; default "table". */
  readonly name?: string;
  /** The column that says which class a row belongs to. */
  readonly labelColumn: string;
  /** The columns of numbers that make an example, in this order; all others that hold numbers unless given. */
  readonly featureColumns?: readonly string[];
  /** Whether rows with missing cells are refused, all at once, or left out; default refused. */
  readonly missing?: "refuse" | "drop";
}

/** The examples of a table, and what its columns were taken for. */
export interface LabelledTable extends LabelledExamples {
  readonly report: TableReport;
}

/** Whether `readTable` reads files of this name. */
export const isTableName = (path: string): boolean => /\.(csv|tsv|jsonl|ndjson)$/i.test(path);

/** Whether a table is of JSON lines, by its name. */
export const isJsonLines = (path: string): boolean => /\.(jsonl|ndjson)$/i.test(path);

/**
 * Reads labelled examples from a table: CSV (.csv, .tsv), or one JSON object a line (.jsonl, .ndjson). Each row is an
 * example of shape [features]; classes are named by the label column, in the order in which they first come up. In JSON
 * a feature may be a list of numbers, of the same length in each line; labels may be strings, numbers or booleans.
 *
 * Which columns hold numbers is decided by all of their cells: those of text are left out, unless they are named.
 *
 * @throws DataError ILD71 with all that is wrong, for text among numbers, missing cells unless they are to be dropped, or a
 * column that is not there; ILD06 for fewer than two classes or more than 4 GiB; ILD07, ILD03
 */
export async function readTable(path: string, options: TableOptions): Promise<LabelledTable> {
  const { name = "table", labelColumn, featureColumns, missing = "refuse" } = options;
  const columns = await readColumns(path, options, {
    path,
    key: { name: labelColumn, role: "label" },
    targets: [],
    ...(featureColumns ? { inputs: checkedFeatures(featureColumns, options, path) } : {}),
    missing,
    texts: false,
    lists: isJsonLines(path),
    precision: 32,
    most: readingLimits.arrayBytes / 4,
  });
  const { inputs, keys, names, report } = columns.finish();
  const size = inputs.reduce((sum, { width }) => sum + width, 0);
  if (size === 0) throw new DataError("ILD71", path, "an example of no numbers", "Name the columns of numbers.");
  const counts = new Uint32Array(names.length);
  for (const key of keys) counts[key]!++;
  const classes = names.flatMap((className, key) => {
    const count = counts[key]!;
    if (count === 0) return [];
    const values = new Float32Array(bytesFor(4 * count * size, path).buffer);
    return [{ name: className, key, count, examples: values }];
  });
  if (classes.length < 2) {
    throw new DataError("ILD06", path, "all examples are of one class", "Give examples of at least two classes.");
  }
  const examplesOf = new Array<Float32Array>(names.length);
  for (const { key, examples } of classes) examplesOf[key] = examples;
  // Where each row goes, in order: filled column by column.
  const used = new Uint32Array(names.length);
  const places = keys.map((key) => used[key]!++);
  let offset = 0;
  for (const { width, each } of inputs) {
    each((value, row, place) => {
      examplesOf[keys[row]!]![places[row]! * size + offset + place] = value;
    });
    offset += width;
  }
  return {
    name,
    exampleShape: [size],
    classes: classes.map(({ name: className, count, examples }) => ({ name: className, count, examples })),
    report,
  };
}

/** The columns of a table, CSV or JSON lines. @throws DataError ILD71 for one that is not there, ILD03 */
export async function readColumns(
  path: string,
  work: CsvOptions,
  options: Omit<TableColumnsOptions, "cells">,
): Promise<TableColumns> {
  const wanted = [options.key.name, ...options.targets, ...(options.inputs ?? [])];
  if (isJsonLines(path)) {
    const table = new TableColumns({ ...options, cells: { kind: "json" } });
    const seen = new Set<string>();
    await eachJsonLine(path, work, (record, line) => {
      for (const name of Object.keys(record)) seen.add(name);
      table.addRecord(record, line);
    });
    if (seen.size > 0) requireColumns(path, wanted, [...seen]);
    return table;
  }
  let table: TableColumns | undefined;
  await readCsv(
    path,
    (columns, separator) => {
      requireColumns(path, wanted, columns);
      // A comma between fields cannot be a decimal one as well.
      const growing = new TableColumns({ ...options, cells: { kind: "text", decimalCommas: separator !== "," } });
      columns.forEach((column, place) => {
        growing.addColumn(column, place);
      });
      table = growing;
      return (fields, line) => growing.addRow(fields, line);
    },
    work,
  );
  return table!;
}

function requireColumns(path: string, wanted: readonly string[], columns: readonly string[]): void {
  const there = new Set(columns);
  const absent = wanted.filter((name) => !there.has(name));
  if (absent.length === 0) return;
  const some = `${cut(columns.slice(0, 12).join(", "), 300)}${columns.length > 12 ? ", ..." : ""}`;
  const problem =
    absent.length === 1
      ? `there is no column ${quoted(absent[0])}`
      : `there are no columns ${absent.map((name) => quoted(name)).join(", ")}`;
  throw new DataError("ILD71", path, problem, `It has ${some}.${headerHelp(columns, absent)}`);
}

/** What else may be wrong with the first line of a table, where columns are not there. */
export function headerHelp(columns: readonly string[], absent: readonly string[]): string {
  const [only = ""] = columns;
  if (columns.length === 1 && absent.every((name) => only.includes(name)))
    return " Save it with , or ; or tabs between fields.";
  if (columns.some((name) => !Number.isNaN(numberIn(name))))
    return " If these are values, add a line with the names of the columns before them.";
  // Names of one or two letters are all near each other.
  const [wrong = ""] = absent;
  const near = absent.length === 1 && wrong.length > 2 ? nearestName(wrong, columns) : undefined;
  return near === undefined ? "" : ` Did you mean ${cut(near, 40)}?`;
}

/**
 * Hands over the objects of a file of JSON lines.
 *
 * @throws DataError ILD71 with the line, for one that is no object; ILD03
 */
export async function eachJsonLine(
  path: string,
  work: LongWork,
  take: (record: Readonly<Record<string, unknown>>, line: number) => void,
): Promise<void> {
  const remedy = 'Write one object a line, such as {"label": "a", "x": [1, 2]}.';
  await eachJsonValue(path, { ...work, remedy }, (record, line) => {
    if (!isRecord(record)) {
      const problem = "the line is not an object";
      throw new DataError(
        "ILD71",
        `${path}:${line}`,
        problem,
        'Write one a line, such as {"label": "a", "x": [1, 2]}.',
      );
    }
    take(record, line);
  });
}

function checkedFeatures(columns: readonly string[], { labelColumn }: TableOptions, path: string): readonly string[] {
  const problem =
    columns.length === 0
      ? "there are no columns of numbers"
      : columns.includes(labelColumn)
        ? `the column of labels, ${quoted(labelColumn)}, is also one of the features`
        : new Set(columns).size < columns.length
          ? "a column is named twice among the features"
          : undefined;
  if (problem === undefined) return columns;
  throw new DataError("ILD71", path, problem, "Name columns of numbers besides that of the labels.");
}
