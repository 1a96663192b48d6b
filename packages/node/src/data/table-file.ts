/** Tables of numbers with a column of labels: CSV and JSON lines. */
import { type CsvOptions, type CsvRow, numberIn, readCsv } from "./csv.js";
import { DataError } from "./data-error.js";
import { GrowingClasses } from "./growing-classes.js";
import type { LabelledExamples } from "./labelled-examples.js";
import type { LongWork } from "./long-work.js";
import { textPieces } from "./text-file.js";

export interface TableOptions extends CsvOptions {
  /** Name of the data set; default "table". */
  readonly name?: string;
  /** The column that says which class a row belongs to. */
  readonly labelColumn: string;
  /** The columns of numbers that make an example, in this order; all others unless given. */
  readonly featureColumns?: readonly string[];
}

/** Whether `readTable` reads files of this name. */
export const isTableName = (path: string): boolean => /\.(csv|tsv|jsonl|ndjson)$/i.test(path);

const maximumLineLength = 64 * 2 ** 20;

/**
 * Reads labelled examples from a table: CSV (.csv, .tsv), or one JSON object a line (.jsonl, .ndjson). Each row is an
 * example of shape [features]; classes are named by the label column, in the order in which they first come up. In JSON
 * a feature may be a list of numbers, of the same length in each line; labels may be strings, numbers or booleans.
 *
 * @throws DataError ILD71 with the line, for anything that is not a finite number where one should be, or a column that
 * is not there; ILD06 for fewer than two classes or more than 4 GiB; ILD03
 */
export async function readTable(path: string, options: TableOptions): Promise<LabelledExamples> {
  const { name = "table" } = options;
  const read = /\.(jsonl|ndjson)$/i.test(path) ? readJsonLines : readCsvTable;
  const classes = await read(path, options);
  if (!classes) throw new DataError("ILD06", path, "there are no examples", "Give examples of at least two classes.");
  return { name, exampleShape: [classes.size], classes: classes.finish() };
}

async function readCsvTable(path: string, options: TableOptions): Promise<GrowingClasses | undefined> {
  let classes: GrowingClasses | undefined;
  const begin = (columns: readonly string[]): CsvRow => {
    const label = indexOf(columns, options.labelColumn, path);
    const named = options.featureColumns ?? columns.filter((_, i) => i !== label);
    const features = checkedFeatures(named, options, path).map((column) => indexOf(columns, column, path));
    const growing = new GrowingClasses(path, features.length);
    classes = growing;
    const example = new Float32Array(features.length);
    return (fields, line) => {
      features.forEach((column, i) => {
        const value = Math.fround(numberIn(fields[column]!));
        if (!Number.isFinite(value)) throw notNumber(path, line, columns[column]!, fields[column]);
        example[i] = value;
      });
      growing.add(checkedLabel(fields[label]!.trim(), path, line, options.labelColumn), example);
    };
  };
  await readCsv(path, begin, options);
  return classes;
}

async function readJsonLines(path: string, options: TableOptions): Promise<GrowingClasses | undefined> {
  const { labelColumn } = options;
  let features: readonly string[] | undefined;
  let lengths: readonly number[] = [];
  let classes: GrowingClasses | undefined;
  await eachJsonLine(path, options, (record, line) => {
    features ??= checkedFeatures(
      options.featureColumns ?? Object.keys(record).filter((key) => key !== labelColumn),
      options,
      path,
    );
    const parts = features.map((column) => {
      const value = Object.hasOwn(record, column) ? record[column] : undefined;
      const numbers: readonly unknown[] = Array.isArray(value) ? value : [value];
      for (const number of numbers) {
        if (typeof number !== "number" || !Number.isFinite(Math.fround(number)))
          throw notNumber(path, line, column, number);
      }
      return numbers as number[];
    });
    if (!classes) {
      lengths = parts.map(({ length }) => length);
      const size = lengths.reduce((sum, length) => sum + length, 0);
      if (size === 0) throw wrong(path, line, "an example of no numbers", "Name the columns of numbers.");
      classes = new GrowingClasses(path, size);
    }
    parts.forEach(({ length }, i) => {
      if (length === lengths[i]) return;
      const problem = `${JSON.stringify(features![i])} holds ${length} numbers, and held ${lengths[i]} before`;
      throw wrong(path, line, problem, "Give all examples the same shape.");
    });
    if (!options.featureColumns) {
      const more = Object.keys(record).find((key) => key !== labelColumn && !features!.includes(key));
      if (more !== undefined) {
        const problem = `${JSON.stringify(more)} is not in the first line`;
        throw wrong(path, line, problem, "Name the columns of numbers.");
      }
    }
    const label = Object.hasOwn(record, labelColumn) ? record[labelColumn] : undefined;
    if (typeof label !== "string" && typeof label !== "number" && typeof label !== "boolean") {
      const problem = `the label ${JSON.stringify(labelColumn)} is ${JSON.stringify(label)?.slice(0, 80)}`;
      throw wrong(path, line, problem, "Give each example a text, number or truth value for a label.");
    }
    classes.add(checkedLabel(String(label), path, line, labelColumn), parts.length === 1 ? parts[0]! : parts.flat());
  });
  return classes;
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
  let line = 0;
  const takeLine = (text: string): void => {
    line++;
    if (text.trim() === "") return;
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch {
      throw wrong(path, line, "the line is not JSON", 'Write one object a line, such as {"label": "a", "x": [1, 2]}.');
    }
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      throw wrong(path, line, "the line is not an object", 'Write one a line, such as {"label": "a", "x": [1, 2]}.');
    }
    take(record as Record<string, unknown>, line);
  };
  let rest = "";
  for await (const piece of textPieces(path, work)) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) takeLine(text);
    if (rest.length > maximumLineLength) {
      throw wrong(path, line + 1, `the line is longer than ${maximumLineLength}`, "Write one object a line.");
    }
  }
  takeLine(rest);
}

function checkedFeatures(columns: readonly string[], { labelColumn }: TableOptions, path: string): readonly string[] {
  const problem =
    columns.length === 0
      ? "there are no columns of numbers"
      : columns.includes(labelColumn)
        ? `the column of labels, ${JSON.stringify(labelColumn)}, is also one of the features`
        : new Set(columns).size < columns.length
          ? "a column is named twice among the features"
          : undefined;
  if (problem === undefined) return columns;
  throw new DataError("ILD71", path, problem, "Name columns of numbers besides that of the labels.");
}

function checkedLabel(label: string, path: string, line: number, column: string): string {
  if (label !== "" && label.length <= 512) return label;
  const problem = `the label in ${JSON.stringify(column)} is ${label === "" ? "empty" : "longer than 512 characters"}`;
  throw wrong(path, line, problem, "Give each example a label, or leave the row out.");
}

function indexOf(columns: readonly string[], column: string, path: string): number {
  const index = columns.indexOf(column);
  if (index >= 0) return index;
  const some = columns.slice(0, 12).join(", ");
  const problem = `there is no column ${JSON.stringify(column)}`;
  throw new DataError("ILD71", path, problem, `It has ${some}${columns.length > 12 ? ", ..." : ""}.`);
}

function notNumber(path: string, line: number, column: string, value: unknown): DataError {
  const shown = JSON.stringify(value)?.slice(0, 80) ?? "missing";
  const problem = `column ${JSON.stringify(column)} holds ${shown} where a number should be`;
  return wrong(path, line, problem, "Name the columns of numbers, or leave the row out.");
}

function wrong(path: string, line: number, problem: string, remedy: string): DataError {
  return new DataError("ILD71", `${path}:${line}`, problem, remedy);
}
