/** What was made of a table, and how whoever gave it is told. */
import type { ColumnKind } from "@innerloop/core/tasks";
import { cut, quoted } from "@innerloop/experiments";
import { similarNamesText } from "./similar-names.js";

/** A column, as a table is read. */
export interface TableColumn {
  readonly name: string;
  readonly role: "group" | "label" | "input" | "target" | "left out";
  /** What it was taken for, where it is used to predict from, or predicted. */
  readonly kind?: ColumnKind;
  /** What its cells hold, those that are missing apart. */
  readonly holds: "numbers" | "text" | "nothing";
  /** Cells without a value, in the rows that were read. */
  readonly missing: number;
  /** Different values, of a column of groups, labels or categories. */
  readonly values?: number;
  /** Groups or labels that all look like numbers: they are names all the same. */
  readonly looksNumeric?: true;
  /** All numbers, or all texts, are the same one. */
  readonly constant?: true;
  /** Numbers were written with a comma for a point. */
  readonly decimalCommas?: true;
  /** Numbers were written with a point in a table that may have decimal commas. */
  readonly decimalPoints?: true;
  /** Of a column that is left out as text though it may be meant as one of numbers: its first text, and how often. */
  readonly meant?: {
    readonly shown: string;
    readonly line: number;
    readonly cells: number;
    readonly numbers: number;
    /** How such cells are written as numbers. */
    readonly way?: string;
  };
  /** Of a column that is left out: nearly each of its texts belongs to one group alone. */
  readonly ofOneGroupEach?: true;
  /** A value so far from all others that it may stand for missing ones, in how many cells, and in which line first. */
  readonly sentinel?: { readonly value: number; readonly cells: number; readonly line: number };
}

/** The columns and rows of a table as they were read, for whoever gave it. */
export interface TableReport {
  readonly columns: readonly TableColumn[];
  readonly rows: number;
  /** Rows that were left out since a cell that is needed is missing. */
  readonly droppedRows: number;
  /** Missing cells of inputs in the rows that are kept, which are NaN in the table. */
  readonly filledCells: number;
  /** Groups or labels that differ in upper case or blanks alone. */
  readonly similarNames: readonly (readonly [first: string, other: string])[];
  /** Values of categories that differ in upper case or blanks alone. */
  readonly similarValues: readonly {
    readonly column: string;
    readonly pair: readonly [first: string, other: string];
  }[];
  /** Rows that are as an earlier one, its group or label too, and the lines of the first pair. */
  readonly repeats?: { readonly rows: number; readonly lines: readonly number[] };
}

/** Columns of a role that are named in a line. */
const mostNamed = 12;

/** What columns of a kind are called that are inputs. */
const inputsOf: Readonly<Record<ColumnKind, (column: TableColumn) => string>> = {
  number: () => "input",
  boolean: () => "input (truth values)",
  category: ({ values }) => `input (category of ${values} values)`,
  date: () => "input (dates)",
  time: () => "input (times of day)",
};

/** `driver = group (31 values), distance, hour = inputs, weather = input (category of 4 values), minutes = target` */
export function columnsText({ columns }: Pick<TableReport, "columns">): string {
  const keys = columns.filter(({ role }) => role === "group" || role === "label");
  const of = (role: TableColumn["role"], holds?: TableColumn["holds"]): TableColumn[] =>
    columns.filter((column) => column.role === role && (!holds || column.holds === holds));
  const numbers = of("input").filter(({ kind }) => kind === "number");
  const parts: readonly (readonly [found: readonly TableColumn[], what: string])[] = [
    ...keys.map((column): [TableColumn[], string] => [[column], `${column.role} (${column.values} values)`]),
    [numbers, numbers.length === 1 ? "input" : "inputs"],
    ...of("input")
      .filter(({ kind }) => kind !== "number")
      .map((column): [TableColumn[], string] => [[column], inputsOf[column.kind!](column)]),
    [of("target"), of("target").length === 1 ? "target" : "targets"],
    [of("left out", "text"), "text (left out)"],
    [of("left out", "nothing"), "no values (left out)"],
    [of("left out", "numbers"), "numbers (left out)"],
  ];
  return parts
    .filter(([found]) => found.length > 0)
    .map(([found, what]) => `${namesIn(found)} = ${what}`)
    .join(", ");
}

/** Notes on a table beside its columns, a sentence each: what was left out or filled, and what looks odd. */
export function tableNotes(report: TableReport): string[] {
  const { columns, rows, droppedRows, filledCells, repeats } = report;
  const notes: string[] = [];
  const counted = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`;
  if (droppedRows > 0) {
    notes.push(`${droppedRows} of ${rows + droppedRows} rows left out, since a value is missing in them`);
  }
  if (filledCells > 0) {
    const isAnyName = columns.some(({ kind, missing }) => (kind === "category" || kind === "time") && missing > 0);
    const how = isAnyName ? ", of categories and times of day with none" : "";
    notes.push(`${counted(filledCells, "missing cell")} of inputs filled with the mean of the column${how}`);
  }
  for (const { name, role } of columns.filter(({ looksNumeric }) => looksNumeric)) {
    notes.push(`the ${role}s in ${quoted(name)} look like numbers, and are taken as names`);
  }
  const note = (wanted: (column: TableColumn) => boolean, what: string): void => {
    const found = columns.filter(wanted);
    if (found.length > 0) notes.push(`${found.length === 1 ? "column" : "columns"} ${namesIn(found)}: ${what}`);
  };
  note(({ decimalCommas }) => decimalCommas === true, "1,5 is read as 1.5");
  if (columns.some(({ decimalCommas }) => decimalCommas)) {
    note(
      ({ decimalPoints, decimalCommas }) => decimalPoints === true && !decimalCommas,
      "1.234 is read as a number between 1 and 2; if the point is a mark between thousands, write numbers without it",
    );
  }
  note(
    ({ constant, role }) => constant === true && role === "target",
    "the same number in all rows: there is nothing to predict; name another --target",
  );
  note(
    ({ constant, role, holds }) => constant === true && role !== "target" && holds === "numbers",
    "the same number in all rows, which tells nothing; name the others to do without",
  );
  note(
    ({ constant, holds }) => constant === true && holds === "text",
    "the same text in all rows, which tells nothing; name the others to do without",
  );
  note(
    ({ ofOneGroupEach }) => ofOneGroupEach === true,
    "nearly each text belongs to one group alone, so that nothing is learned of it for another: left out (--inputs takes it all the same)",
  );
  const meant = columns.filter((column) => column.meant);
  for (const { name, meant: found } of meant.slice(0, mostNamed)) {
    const { shown, line, cells, numbers, way } = found!;
    const beside = numbers > 0 ? ` beside ${counted(numbers, "number")}` : "";
    const use = way ? `write them ${way}` : "mend these cells";
    notes.push(
      `column ${quoted(name)} is left out, since it holds ${shown} in line ${line} and the like (${counted(cells, "cell")}${beside}): to use it, ${use}`,
    );
  }
  if (meant.length > mostNamed) notes.push(`${meant.length - mostNamed} other columns are left out for such cells`);
  const key = columns.find(({ role }) => role === "group" || role === "label");
  const similar = similarNamesText(`${key?.role ?? "name"}s`, report.similarNames);
  if (similar) notes.push(similar);
  for (const { column, pair } of report.similarValues.slice(0, mostNamed)) {
    const what = `values ${quoted(pair[0])} and ${quoted(pair[1])} of column ${cut(column, 40)}`;
    notes.push(`the ${what} differ in upper case or blanks alone: if they are the same, write them alike`);
  }
  if (repeats) {
    const [first, second] = repeats.lines;
    notes.push(
      `${repeats.rows} of ${counted(rows, "row")} ${repeats.rows === 1 ? "is" : "are"} as an earlier one, ${key?.role ?? "name"} and numbers alike (line ${second} as line ${first}): copies that stand on both sides of a task or a split flatter results; remove them if they are no measurements of their own`,
    );
  }
  const odd = columns.filter(({ sentinel }) => sentinel);
  for (const { name, sentinel } of odd.slice(0, mostNamed)) {
    const { value, cells, line } = sentinel!;
    notes.push(
      `column ${quoted(name)} holds ${Number(value.toPrecision(6))} in ${counted(cells, "cell")}, first in line ${line}, far from the others: if it stands for missing values, leave these cells empty`,
    );
  }
  if (odd.length > mostNamed) notes.push(`${odd.length - mostNamed} other columns hold such values`);
  return notes;
}

/** The names of columns, as many as a line has room for. */
export function namesIn(columns: readonly Pick<TableColumn, "name">[], separator = ", "): string {
  const others = columns.length > mostNamed ? ` and ${columns.length - mostNamed} others` : "";
  const names = columns.slice(0, mostNamed).map(({ name }) => cut(name, 40));
  return `${names.join(separator)}${others}`;
}
