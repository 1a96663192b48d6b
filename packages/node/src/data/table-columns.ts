/** The columns of a table, whose types are decided once all of it has been read. */
import { cut, DataError, quoted } from "./data-error.js";
import { numberIn } from "./decimal-number.js";
import { GrowingNumbers } from "./growing-numbers.js";
import { Problems } from "./problems.js";
import { readingLimits, requireRoom } from "./reading-limits.js";

/** The ways with missing cells: an error that lists them, or their rows left out, or the mean of the column in them. */
export type MissingCells = "refuse" | "drop" | "mean";

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

export interface TableColumnsOptions {
  /** The file, for messages. */
  readonly path: string;
  /** The column whose texts name groups or classes. */
  readonly key: { readonly name: string; readonly role: "group" | "label" };
  readonly targets: readonly string[];
  /** The columns of numbers to use; all others that hold numbers unless given. */
  readonly inputs?: readonly string[];
  readonly missing: MissingCells;
  /** How a cell writes a number: CSV as text, in which a comma may be a decimal one; JSON as a number. */
  readonly cells: { readonly kind: "text"; readonly decimalCommas: boolean } | { readonly kind: "json" };
  /** Whether a cell may hold a list of numbers, as long in each row. */
  readonly lists: boolean;
  readonly precision: 32 | 64;
  /** Most numbers that are kept. */
  readonly most: number;
}

/** A column that is used: its numbers, NaN where a cell is missing, `width` for each row. */
export interface NumberColumn {
  readonly name: string;
  readonly width: number;
  /** Hands over the number of each row that is kept, and its place within the cell. */
  each(take: (value: number, row: number, place: number) => void): void;
}

export interface FinishedTable {
  readonly inputs: readonly NumberColumn[];
  readonly targets: readonly NumberColumn[];
  /** The group or label of each row that is kept, by its place among `names`. */
  readonly keys: Uint32Array;
  readonly names: readonly string[];
  readonly report: TableReport;
}

/** What stands for no value among names, where `none`, `-` and `?` may be ones. */
const missingNames: ReadonlySet<string> = new Set(["", "na", "n/a", "#n/a", "nan", "null"]);
const missingNumbers: ReadonlySet<string> = new Set([...missingNames, "none", "-", "?"]);

/** Whether a cell says that there is no value in it: empty, NA, NaN, null. */
const isMissing = (cell: unknown, texts: ReadonlySet<string>): boolean =>
  cell === undefined ||
  cell === null ||
  (typeof cell === "string" && texts.has(cell.slice(0, 80).trim().toLowerCase()));

/** Cells that a message quotes of a column. */
const mostQuoted = 5;

/** How often something happened, and where first. */
class Occurrences {
  count = 0;
  readonly first: { readonly line: number; readonly shown: string }[] = [];

  add(line: number, cell: unknown): void {
    this.count++;
    if (this.first.length >= mostQuoted) return;
    const isEmpty = cell === undefined || (typeof cell === "string" && cell.trim() === "");
    this.first.push({ line, shown: isEmpty ? "nothing" : quoted(cell) });
  }

  /** `"x" in line 3, "y" in line 7, ...` */
  get examples(): string {
    if (this.first.length === 0) return "nothing in the first rows";
    const more = this.count > this.first.length ? ", ..." : "";
    return this.first.map(({ line, shown }) => `${shown} in line ${line}`).join(", ") + more;
  }

  /** `line 3`, `lines 3, 7, ...` */
  get lines(): string {
    const more = this.count > this.first.length ? ", ..." : "";
    return `${this.count === 1 ? "line" : "lines"} ${this.first.map(({ line }) => line).join(", ")}${more}`;
  }
}

/** The cells of a column that may hold numbers. */
class ColumnCells {
  readonly numbers: GrowingNumbers;
  readonly missing = new Occurrences();
  /** What is neither number nor missing. */
  readonly texts = new Occurrences();
  /** Numbers with a comma for a point, and those with a point. */
  readonly commas = new Occurrences();
  readonly points = new Occurrences();
  readonly otherWidths = new Occurrences();
  count = 0;
  width: number | undefined;
  /** Rows before the first with a number: how many numbers a cell has is not known in them. */
  private waiting = 0;

  constructor(
    readonly name: string,
    readonly place: number,
    rowsBefore: number,
    private readonly options: Pick<TableColumnsOptions, "cells" | "lists" | "precision">,
  ) {
    this.numbers = new GrowingNumbers(options.precision);
    this.waiting = rowsBefore;
    this.missing.count = rowsBefore;
  }

  add(cell: unknown, line: number): void {
    const value = this.numberOf(cell, line);
    if (value !== undefined) this.keepOne(value, line);
    else if (this.options.lists && Array.isArray(cell)) this.addList(cell, line);
    else if (isMissing(cell, missingNumbers)) {
      this.missing.add(line, cell);
      this.skip();
    } else {
      this.texts.add(line, cell);
      this.skip();
    }
  }

  private numberOf(cell: unknown, line: number): number | undefined {
    const { cells } = this.options;
    if (cells.kind === "json") return typeof cell === "number" && isNumber(cell) ? cell : undefined;
    if (typeof cell !== "string") return undefined;
    const value = numberIn(cell);
    if (isNumber(value)) {
      if (cells.decimalCommas && cell.includes(".")) this.points.add(line, cell);
      return value;
    }
    if (!cells.decimalCommas) return undefined;
    const withComma = numberIn(cell, ",");
    if (!isNumber(withComma)) return undefined;
    this.commas.add(line, cell);
    return withComma;
  }

  private addList(list: readonly unknown[], line: number): void {
    if (list.every((value) => typeof value === "number" && isNumber(value))) this.keep(list as readonly number[], line);
    else {
      this.texts.add(line, list);
      this.skip();
    }
  }

  private keepOne(value: number, line: number): void {
    if (this.width !== 1) this.keep([value], line);
    else {
      this.count++;
      this.numbers.push(value);
    }
  }

  private keep(values: readonly number[], line: number): void {
    if (this.width === undefined) {
      this.width = values.length;
      for (; this.waiting > 0; this.waiting--) this.skip();
    }
    if (values.length !== this.width) {
      this.otherWidths.add(line, values.length);
      this.skip();
      return;
    }
    this.count++;
    for (const value of values) this.numbers.push(value);
  }

  private skip(): void {
    if (this.width === undefined) this.waiting++;
    else for (let i = 0; i < this.width; i++) this.numbers.push(Number.NaN);
  }
}

/** Whether a number is finite, in 32 bits too: that is how models take it. */
const isNumber = (value: number): boolean => Number.isFinite(Math.fround(value));

/** Between looks at the memory that is left. */
const rowsBetweenLooks = 4096;

/** A table that arrives row by row. What its columns are is settled in `finish`, by all of their cells. */
export class TableColumns {
  private readonly columns = new Map<string, ColumnCells>();
  private readonly keys = new GrowingNumbers(64);
  /** The place of each group or label, -1 for a missing one. */
  private readonly places = new Map<string, number>();
  private readonly missingKeys = new Occurrences();
  private readonly longKeys = new Occurrences();
  private rows = 0;
  private keyPlace = 0;
  private readonly wanted: ReadonlySet<string> | undefined;

  constructor(private readonly options: TableColumnsOptions) {
    const { inputs, targets } = options;
    this.wanted = inputs && new Set([...inputs, ...targets]);
  }

  /**
   * Makes a column known; further ones may come with later rows.
   *
   * @param place where rows have its cells
   */
  addColumn(name: string, place: number): void {
    const { key, path } = this.options;
    if (name === key.name) this.keyPlace = place;
    if (name === key.name || this.columns.has(name) || (this.wanted && !this.wanted.has(name))) return;
    if (this.columns.size >= readingLimits.tableColumns) {
      const problem = `it has more than ${readingLimits.tableColumns} columns`;
      throw new DataError("ILD71", path, problem, "Name the columns to use.");
    }
    this.columns.set(name, new ColumnCells(name, place, this.rows, this.options));
  }

  /** Adds a row by what is in the cell of each column, by its name and place. */
  addRow(cellOf: (column: string, place: number) => unknown, line: number): void {
    const { key, path, most } = this.options;
    this.addKey(cellOf(key.name, this.keyPlace), line);
    for (const column of this.columns.values()) column.add(cellOf(column.name, column.place), line);
    this.rows++;
    if (this.rows % rowsBetweenLooks !== 0) return;
    let numbers = 0;
    for (const column of this.columns.values()) numbers += column.numbers.length;
    // Columns that turn out to be text are kept until then.
    if (numbers > 4 * most) throw tooMany(path, most);
    requireRoom(rowsBetweenLooks * (numbers / this.rows) * 8, path);
  }

  private addKey(cell: unknown, line: number): void {
    const isValue = ["string", "number", "boolean"].includes(typeof cell);
    const text = isValue ? String(cell).trim() : "";
    if (!isValue || isMissing(text, missingNames)) {
      this.missingKeys.add(line, cell);
      this.keys.push(-1);
      return;
    }
    if (text.length > readingLimits.labelLength) {
      this.longKeys.add(line, text);
      this.keys.push(-1);
      return;
    }
    let place = this.places.get(text);
    if (place === undefined) {
      place = this.places.size;
      if (place === readingLimits.classes) {
        const problem = `there are more than ${readingLimits.classes} different values in ${quoted(this.options.key.name)}`;
        throw new DataError("ILD06", this.options.path, problem, `Is it the column of the ${this.options.key.role}s?`);
      }
      // A copy: a part of the text that was read would keep all of it in memory.
      this.places.set(Buffer.from(text).toString(), place);
    }
    this.keys.push(place);
  }

  /** @throws DataError ILD71 with all that is wrong with the columns, ILD06 for no rows or too many numbers */
  finish(): FinishedTable {
    const { path, key, targets, inputs, missing, most } = this.options;
    if (this.rows === 0)
      throw new DataError("ILD06", path, "there are no rows", `Give rows of at least two ${key.role}s.`);
    const columnOf = (name: string): ColumnCells => this.columns.get(name)!;
    const others = [...this.columns.keys()].filter((name) => !targets.includes(name));
    const chosen = inputs ?? others.filter((name) => holdsNumbers(columnOf(name)));
    this.requireColumns(chosen);
    const used = [...chosen, ...targets].map(columnOf);
    this.requireGood(used);
    const [inputCells, targetCells] = [chosen.map(columnOf), targets.map(columnOf)];
    const isKept = this.keptRows(missing === "mean" ? targetCells : used);
    const kept = isKept.reduce((sum, keep) => sum + keep, 0);
    if (kept === 0) throw new DataError("ILD06", path, "no row has all of its cells", "Name other columns.");
    if (kept * used.reduce((sum, { width = 1 }) => sum + width, 0) > most) throw tooMany(path, most);
    const asNumbers = (column: ColumnCells): NumberColumn => keptNumbers(column, isKept);
    const tables = { inputs: inputCells.map(asNumbers), targets: targetCells.map(asNumbers) };
    const { keys, names, values } = this.keptKeys(isKept, kept);
    const looksNumeric = [...this.places.keys()].every((text) => !Number.isNaN(numberIn(text)));
    const filledCells =
      missing === "mean" ? tables.inputs.reduce((sum, column) => sum + summaryOf(column).missing, 0) : 0;
    const reports: TableColumn[] = [
      {
        name: key.name,
        role: key.role,
        holds: "text",
        missing: this.missingKeys.count,
        values,
        ...(looksNumeric ? { looksNumeric } : {}),
      },
      ...tables.inputs.map((column) => reportOf(columnOf(column.name), "input", column)),
      ...tables.targets.map((column) => reportOf(columnOf(column.name), "target", column)),
      ...others.filter((name) => !chosen.includes(name)).map((name) => reportOf(columnOf(name), "left out")),
    ];
    return {
      ...tables,
      keys,
      names,
      report: { columns: reports, rows: kept, droppedRows: this.rows - kept, filledCells },
    };
  }

  private requireColumns(inputs: readonly string[]): void {
    const { path, targets, key } = this.options;
    const wants = key.role === "group";
    if (inputs.length > 0 && (!wants || targets.length > 0)) return;
    const problem = `there are no columns of numbers${wants ? " to predict" : ""}${wants && targets.length > 0 ? " from" : ""}`;
    const texts = [...this.columns.values()].filter(({ texts: { count } }) => count > 0);
    const example = texts[0] ? `; column ${quoted(texts[0].name)} holds ${texts[0].texts.examples}` : "";
    throw new DataError("ILD71", path, `${problem}${example}`, "Name columns of numbers.");
  }

  private requireGood(used: readonly ColumnCells[]): void {
    const { path, key, missing } = this.options;
    const problems = new Problems();
    const remedies = new Set<string>();
    const refuse = (line: number | undefined, problem: string, remedy: string): void => {
      problems.add(line ? `${path}:${line}` : path, problem);
      remedies.add(remedy);
    };
    const good = used.filter(
      ({ name, texts, missing: absent }) =>
        texts.count === 0 && 2 * absent.count <= this.rows && !this.options.targets.includes(name),
    );
    const flag = key.role === "group" ? "--inputs" : "--feature-columns";
    const without = good.length > 0 ? ` ${good.slice(0, mostNamed).map(({ name }) => cut(name, 40))}` : "";
    const mend = `Mend these cells, or leave the column out by naming those to use (${flag}${without}).`;
    const fill =
      key.role === "group"
        ? "For missing values, fill them in or say what to do: --missing drop leaves these rows out, --missing mean takes the mean of the training groups (of inputs alone)."
        : "For missing values, fill them in, or leave these rows out with --missing drop.";
    const { missingKeys, longKeys } = this;
    if (missingKeys.count > 0 && missing === "refuse") {
      const problem = `the ${key.role} in ${quoted(key.name)} is missing in ${missingKeys.count} of ${this.rows} rows: ${missingKeys.examples}`;
      refuse(missingKeys.first[0]?.line, problem, fill);
      remedies.add("A name that reads as a missing value, such as NA, has to be written in another way.");
    }
    if (longKeys.count > 0) {
      const problem = `the ${key.role} in ${quoted(key.name)} is longer than ${readingLimits.labelLength} characters in ${longKeys.lines}`;
      refuse(longKeys.first[0]?.line, problem, `Is it the column of the ${key.role}s?`);
    }
    for (const column of new Set(used)) {
      const name = `column ${quoted(column.name)}`;
      const { texts, commas, points, otherWidths, missing: absent } = column;
      if (texts.count > 0) {
        const problem = `${name} holds ${texts.examples} where a number should be (in ${texts.count} of ${this.rows} rows)`;
        refuse(texts.first[0]?.line, problem, mend);
      }
      if (commas.count > 0 && points.count > 0) {
        const problem = `${name} writes numbers with a comma (${commas.examples}) and with a point (${points.examples})`;
        refuse(commas.first[0]?.line, problem, "Write numbers in one way, without marks between thousands.");
      }
      if (otherWidths.count > 0) {
        const { line, shown } = otherWidths.first[0]!;
        const problem = `${name} holds ${shown} numbers in a cell, and ${column.width} in the first`;
        refuse(line, problem, "Give all examples the same shape.");
      }
      if (column.count === 0 && texts.count === 0) refuse(undefined, `${name} holds nothing at all`, mend);
      else if (absent.count > 0 && missing === "refuse") {
        const problem = `${name} has no value in ${absent.count} of ${this.rows} rows: ${absent.examples}`;
        refuse(absent.first[0]?.line, problem, fill);
        // What is mostly missing is better left out than filled in.
        if (2 * absent.count > this.rows) remedies.add(mend);
      }
    }
    problems.throwAny("ILD71", path, [...remedies].join(" "));
  }

  /** 1 for each row in which the key and all of these columns have a value. */
  private keptRows(columns: readonly ColumnCells[]): Uint8Array {
    const isKept = new Uint8Array(this.rows).fill(1);
    this.keys.each((place, row) => {
      if (place < 0) isKept[row] = 0;
    });
    for (const { numbers, width = 1 } of columns) {
      numbers.each((value, i) => {
        if (Number.isNaN(value)) isKept[width === 1 ? i : Math.floor(i / width)] = 0;
      });
    }
    return isKept;
  }

  /** The keys of the rows that are kept, and the names of all: those that no row has are in none. */
  private keptKeys(isKept: Uint8Array, kept: number) {
    const keys = new Uint32Array(kept);
    const seen = new Uint8Array(this.places.size);
    let used = 0;
    this.keys.each((place, row) => {
      if (isKept[row] === 0) return;
      keys[used++] = place;
      seen[place] = 1;
    });
    return { keys, names: [...this.places.keys()], values: seen.reduce((sum, one) => sum + one, 0) };
  }
}

/** Whether a column is one of numbers: at least half of its values are, and the others are mistakes. */
const holdsNumbers = ({ count, texts }: ColumnCells): boolean => count > 0 && count >= texts.count;

function keptNumbers({ name, numbers, width = 1 }: ColumnCells, isKept: Uint8Array): NumberColumn {
  return {
    name,
    width,
    each(take) {
      if (width === 1) {
        let row = 0;
        numbers.each((value, i) => {
          if (isKept[i] === 1) take(value, row++, 0);
        });
        return;
      }
      let row = -1;
      numbers.each((value, i) => {
        const place = i % width;
        if (isKept[(i - place) / width] === 0) return;
        if (place === 0) row++;
        take(value, row, place);
      });
    },
  };
}

/** The numbers of a column in a few: its least and greatest, how often they are there, and those next to them. */
function summaryOf(column: NumberColumn) {
  let [least, nextLeast, most, nextMost] = [Infinity, Infinity, -Infinity, -Infinity];
  let [leastCount, mostCount, missing] = [0, 0, 0];
  column.each((value, _, place) => {
    if (Number.isNaN(value)) {
      if (place === 0) missing++;
      return;
    }
    if (value < least) [nextLeast, least, leastCount] = [least, value, 1];
    else if (value === least) leastCount++;
    else if (value < nextLeast) nextLeast = value;
    if (value > most) [nextMost, most, mostCount] = [most, value, 1];
    else if (value === most) mostCount++;
    else if (value > nextMost) nextMost = value;
  });
  return { least, nextLeast, leastCount, most, nextMost, mostCount, missing };
}

function reportOf(cells: ColumnCells, role: TableColumn["role"], used?: NumberColumn): TableColumn {
  const { name, missing, texts, commas } = cells;
  const holds = holdsNumbers(cells) ? "numbers" : texts.count > 0 ? "text" : "nothing";
  const base: TableColumn = { name, role, holds, missing: missing.count };
  if (used?.width !== 1) return base;
  const summary = summaryOf(used);
  const sentinel = sentinelIn(summary);
  return {
    ...base,
    ...(summary.least === summary.most ? { constant: true as const } : {}),
    ...(commas.count > 0 ? { decimalCommas: true as const } : {}),
    ...(sentinel ? { sentinel } : {}),
  };
}

/**
 * The least or greatest value of a column where it is so far from all others that it may stand for a missing one: a
 * thousand times as large as they are, or one of -99, 999 and the like at five times their range or more.
 */
function sentinelIn(column: ReturnType<typeof summaryOf>): TableColumn["sentinel"] {
  const { least, nextLeast, leastCount, most, nextMost, mostCount } = column;
  if (least === most) return undefined;
  for (const [suspect, cells, low, high] of [
    [most, mostCount, least, nextMost],
    [least, leastCount, nextLeast, most],
  ] as const) {
    const largest = Math.max(Math.abs(low), Math.abs(high));
    const dwarfs = largest > 0 ? Math.abs(suspect) >= 1000 * largest : Math.abs(suspect) >= 1e6;
    const isCode = isAllNines(suspect) && Math.abs(suspect - (low + high) / 2) >= 5 * (high - low);
    if (dwarfs || isCode) return { value: suspect, cells };
  }
  return undefined;
}

/** 99, -999, 9999: numbers that people write where they have none. */
const isAllNines = (value: number): boolean => Math.abs(value) >= 99 && /^9{2,15}$/.test(String(Math.abs(value)));

function tooMany(path: string, most: number): DataError {
  return new DataError("ILD06", path, `it has more than ${most} numbers`, "Name fewer columns.");
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
function namesIn(columns: readonly Pick<TableColumn, "name">[]): string {
  const others = columns.length > mostNamed ? ` and ${columns.length - mostNamed} others` : "";
  const names = columns.slice(0, mostNamed).map(({ name }) => cut(name, 40));
  return `${names.join(", ")}${others}`;
}
