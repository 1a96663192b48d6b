/** What was made of a table, and how whoever gave it is told. */
import { cut, quoted } from "./data-error.js";

/** A column, as a table is read. */
export interface TableColumn {
  readonly name: string;
  readonly role: "group" | "label" | "input" | "target" | "left out";
  /** What its cells hold, those that are missing apart. */
  readonly holds: "numbers" | "text" | "nothing";
  /** Cells without a value, in the rows that were read. */
  readonly missing: number;
  /** Different values, of a column of groups or labels. */
  readonly values?: number;
  /** Groups or labels that all look like numbers: they are names all the same. */
  readonly looksNumeric?: true;
  /** All numbers are the same one. */
  readonly constant?: true;
  /** Numbers were written with a comma for a point. */
  readonly decimalCommas?: true;
  /** A value so far from all others that it may stand for missing ones, and in how many cells. */
  readonly sentinel?: { readonly value: number; readonly cells: number };
}

/** The columns and rows of a table as they were read, for whoever gave it. */
export interface TableReport {
  readonly columns: readonly TableColumn[];
  readonly rows: number;
  /** Rows that were left out since a cell that is needed is missing. */
  readonly droppedRows: number;
  /** Missing cells of inputs in the rows that are kept, which are NaN in the table. */
  readonly filledCells: number;
}

/** Columns of a role that are named in a line. */
const mostNamed = 12;

/** `driver = group (31 values), distance, hour = inputs, minutes = target, note = text (left out)` */
export function columnsText({ columns }: Pick<TableReport, "columns">): string {
  const keys = columns.filter(({ role }) => role === "group" || role === "label");
  const of = (role: TableColumn["role"], holds?: TableColumn["holds"]): TableColumn[] =>
    columns.filter((column) => column.role === role && (!holds || column.holds === holds));
  const parts: readonly (readonly [found: readonly TableColumn[], what: string])[] = [
    ...keys.map((column): [TableColumn[], string] => [[column], `${column.role} (${column.values} values)`]),
    [of("input"), of("input").length === 1 ? "input" : "inputs"],
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
export function tableNotes({ columns, rows, droppedRows, filledCells }: TableReport): string[] {
  const notes: string[] = [];
  const counted = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`;
  if (droppedRows > 0) {
    notes.push(`${droppedRows} of ${rows + droppedRows} rows left out, since a value is missing in them`);
  }
  if (filledCells > 0)
    notes.push(`${counted(filledCells, "missing cell")} of inputs filled with the mean of the column`);
  for (const { name, role } of columns.filter(({ looksNumeric }) => looksNumeric)) {
    notes.push(`the ${role}s in ${quoted(name)} look like numbers, and are taken as names`);
  }
  const note = (wanted: (column: TableColumn) => boolean, what: string): void => {
    const found = columns.filter(wanted);
    if (found.length > 0) notes.push(`${found.length === 1 ? "column" : "columns"} ${namesIn(found)}: ${what}`);
  };
  note(({ decimalCommas }) => decimalCommas === true, "1,5 is read as 1.5");
  note(({ constant }) => constant === true, "the same number in all rows, which tells nothing");
  const odd = columns.filter(({ sentinel }) => sentinel);
  for (const { name, sentinel } of odd.slice(0, mostNamed)) {
    const { value, cells } = sentinel!;
    notes.push(
      `column ${quoted(name)} holds ${Number(value.toPrecision(6))} in ${counted(cells, "cell")}, which dwarfs the others: if it stands for missing values, leave these cells empty`,
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
