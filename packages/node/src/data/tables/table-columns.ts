/** The columns of a table, whose types are decided once all of it has been read. */

import { numberIn, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { ColumnCells, isMissing, missingNames, Occurrences } from "../formats/column-cells.js";
import { GrowingNumbers } from "../formats/growing-numbers.js";
import { Problems } from "../problems.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { similarNames } from "./similar-names.js";
import { namesIn, type TableColumn, type TableReport } from "./table-report.js";

/** The ways with missing cells: an error that lists them, or their rows left out, or the mean of the column in them. */
export type MissingCells = "refuse" | "drop" | "mean";

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

/** Numbers that are kept between looks at the memory that is left, at most. */
const numbersBetweenLooks = 2 ** 22;
const rowsBetweenLooks = 4096;

/** Rows of larger tables are not compared: it would take more memory than it is worth. */
const mostCompared = 1_000_000;

/** A table that arrives row by row. What its columns are is settled in `finish`, by all of their cells. */
export class TableColumns {
  private readonly columns = new Map<string, ColumnCells>();
  private readonly keys = new GrowingNumbers(64);
  /** The place of each group or label, -1 for a missing one. */
  private readonly places = new Map<string, number>();
  private readonly missingKeys = new Occurrences();
  private readonly longKeys = new Occurrences();
  /** The line that each row begins in. */
  private readonly lines = new GrowingNumbers(64);
  private rows = 0;
  private nextLook = 1;
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
    this.columns.set(name, new ColumnCells(name, place, this.options));
  }

  /** Adds a row by what is in the cell of each column, by its place. */
  addRow(cells: readonly unknown[], line: number): void {
    this.lines.push(line);
    this.addKey(cells[this.keyPlace]);
    for (const column of this.columns.values()) column.add(cells[column.place], this.rows);
    this.endRow();
  }

  /** Adds a row by the names of its cells, of which it may have others than rows before it. */
  addRecord(record: Readonly<Record<string, unknown>>, line: number): void {
    const { name: key } = this.options.key;
    this.lines.push(line);
    this.addKey(Object.hasOwn(record, key) ? record[key] : undefined);
    for (const name of Object.keys(record)) {
      if (!this.columns.has(name)) this.addColumn(name, 0);
      this.columns.get(name)?.add(record[name], this.rows);
    }
    this.endRow();
  }

  private endRow(): void {
    const { path, most, precision } = this.options;
    if (++this.rows < this.nextLook) return;
    let numbers = 0;
    for (const column of this.columns.values()) numbers += column.numbers.length;
    // Columns that turn out to be text are kept until then.
    if (numbers > 4 * most) throw tooMany(path, most);
    // What is made of them takes as much again.
    requireRoom((numbers * precision) / 8, path);
    const atOnce = Math.floor((numbersBetweenLooks * this.rows) / Math.max(1, numbers));
    this.nextLook = this.rows + Math.max(1, Math.min(rowsBetweenLooks, atOnce));
  }

  private addKey(cell: unknown): void {
    const isValue = ["string", "number", "boolean"].includes(typeof cell);
    const text = isValue ? String(cell).trim() : "";
    if (!isValue || isMissing(text, missingNames)) {
      this.missingKeys.add(this.rows, cell);
      this.keys.push(-1);
      return;
    }
    if (text.length > readingLimits.labelLength) {
      this.longKeys.add(this.rows, text);
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
    for (const column of this.columns.values()) column.upTo(this.rows);
    const columnOf = (name: string): ColumnCells => this.columns.get(name)!;
    const others = [...this.columns.keys()].filter((name) => !targets.includes(name));
    const chosen = inputs ?? others.filter((name) => holdsNumbers(columnOf(name)));
    const isChosen = new Set(chosen);
    this.requireColumns(chosen);
    const used = [...chosen, ...targets].map(columnOf);
    this.requireGood(used);
    const [inputCells, targetCells] = [chosen.map(columnOf), targets.map(columnOf)];
    if (this.rows * used.length > 4 * most) throw tooMany(path, most);
    const isKept = this.keptRows(missing === "mean" ? targetCells : used);
    const kept = isKept.reduce((sum, keep) => sum + keep, 0);
    if (kept === 0) throw new DataError("ILD06", path, "no row has all of its cells", "Name other columns.");
    if (kept * used.reduce((sum, { width }) => sum + width, 0) > most) throw tooMany(path, most);
    const lineOf = (row: number): number => this.lineOf(row, isKept);
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
      ...tables.inputs.map((column) => reportOf(columnOf(column.name), "input", column, lineOf)),
      ...tables.targets.map((column) => reportOf(columnOf(column.name), "target", column, lineOf)),
      ...others
        .filter((name) => !isChosen.has(name))
        .map((name) => ({ ...reportOf(columnOf(name), "left out"), ...this.numbersMeant(columnOf(name)) })),
    ];
    const repeats = this.repeatedRows(keys, [...tables.inputs, ...tables.targets], isKept);
    return {
      ...tables,
      keys,
      names,
      report: {
        columns: reports,
        rows: kept,
        droppedRows: this.rows - kept,
        filledCells,
        similarNames: similarNames(names),
        ...(repeats ? { repeats } : {}),
      },
    };
  }

  /** That a column which is left out as text may be meant as one of numbers. */
  private numbersMeant({ texts, wayToNumbers, count }: ColumnCells): Pick<TableColumn, "meant"> {
    const first = texts.first[0];
    if (!first || (!wayToNumbers && 10 * count < texts.count)) return {};
    const way = wayToNumbers ? { way: wayToNumbers } : {};
    return {
      meant: { shown: first.shown, line: this.lines.at(first.row)!, cells: texts.count, numbers: count, ...way },
    };
  }

  /** The line that a row begins in, by its place among those that are kept. */
  private lineOf(row: number, isKept: Uint8Array): number {
    let kept = -1;
    return this.lines.at(isKept.findIndex((keep) => keep === 1 && ++kept === row))!;
  }

  /** Rows whose group or label and numbers are those of an earlier row, and the lines of the first two. */
  private repeatedRows(keys: Uint32Array, columns: readonly NumberColumn[], isKept: Uint8Array) {
    if (keys.length > mostCompared) return undefined;
    const [low, high] = [Uint32Array.from(keys), Uint32Array.from(keys, (key) => ~key)];
    const bits = new Uint32Array(2);
    const number = new Float64Array(bits.buffer);
    for (const { each } of columns) {
      each((value, row) => {
        number[0] = value;
        low[row] = Math.imul(low[row]! ^ bits[0]!, 0x85ebca6b) + Math.imul(bits[1]! ^ (low[row]! >>> 15), 0xc2b2ae35);
        high[row] =
          Math.imul(high[row]! ^ bits[1]!, 0x27d4eb2f) + Math.imul(bits[0]! ^ (high[row]! >>> 13), 0x165667b1);
      });
    }
    const seen = new Map<number, number>();
    let rows = 0;
    let first: readonly [earlier: number, row: number] | undefined;
    for (let row = 0; row < keys.length; row++) {
      // 53 bits: among a million rows two that differ share them but for one case in 10^4.
      const digest = low[row]! * 2 ** 21 + (high[row]! >>> 11);
      const earlier = seen.get(digest);
      if (earlier === undefined) seen.set(digest, row);
      else {
        rows++;
        first ??= [earlier, row];
      }
    }
    if (!first) return undefined;
    return { rows, lines: first.map((row) => this.lineOf(row, isKept)) };
  }

  private requireColumns(inputs: readonly string[]): void {
    const { path, targets, key } = this.options;
    const wants = key.role === "group";
    if (inputs.length > 0 && (!wants || targets.length > 0)) return;
    const problem = `there are no columns of numbers${wants ? " to predict" : ""}${wants && targets.length > 0 ? " from" : ""}`;
    const text = [...this.columns.values()].find(({ texts: { count } }) => count > 0);
    const shown = text?.texts.first.map((each) => each.shown).join(", ");
    const example = text ? `; column ${quoted(text.name)} holds ${shown}` : "";
    throw new DataError("ILD71", path, `${problem}${example}`, "Name columns of numbers.");
  }

  private requireGood(used: readonly ColumnCells[]): void {
    const { path, key, missing, targets } = this.options;
    const problems = new Problems();
    const remedies = new Set<string>();
    const refuse = (found: Occurrences | undefined, problem: string, remedy: string): void => {
      const row = found?.first[0]?.row;
      problems.add(row === undefined ? path : `${path}:${this.lines.at(row)}`, problem);
      remedies.add(remedy);
    };
    /** `"x" in line 3, "y" in line 7, ...` */
    const examples = ({ count, first }: Occurrences): string =>
      first.map(({ row, shown }) => `${shown} in line ${this.lines.at(row)}`).join(", ") +
      (count > first.length ? ", ..." : "");
    const good = used.filter(
      ({ name, texts, missing: absent }) =>
        texts.count === 0 && 2 * absent.count <= this.rows && !targets.includes(name),
    );
    const flag = key.role === "group" ? "--inputs" : "--feature-columns";
    const without = ` ${namesIn(good, ",")}`;
    /** What helps where a column holds what is no number. */
    const mendOf = (column: ColumnCells): string => {
      const way = column.wayToNumbers;
      const mend = way ? `Write the numbers of ${quoted(column.name)} ${way}` : "Mend these cells";
      return targets.includes(column.name)
        ? `${mend}, or predict another column (--target).`
        : good.length === 0
          ? `${mend}.`
          : `${mend}, or leave the column out by naming those to use (${flag}${without}).`;
    };
    const fill =
      key.role === "group"
        ? "For missing values, fill them in or say what to do: --missing drop leaves these rows out, --missing mean takes the mean of the training groups (of inputs alone)."
        : "For missing values, fill them in, or leave these rows out with --missing drop.";
    const { missingKeys, longKeys } = this;
    if (missingKeys.count > 0 && missing === "refuse") {
      const problem = `the ${key.role} in ${quoted(key.name)} is missing in ${missingKeys.count} of ${this.rows} rows: ${examples(missingKeys)}`;
      refuse(missingKeys, problem, fill);
      remedies.add("A name that reads as a missing value, such as NA, has to be written in another way.");
    }
    if (longKeys.count > 0) {
      const problem = `the ${key.role} in ${quoted(key.name)} is longer than ${readingLimits.labelLength} characters in ${longKeys.count} rows: ${examples(longKeys)}`;
      refuse(longKeys, problem, `Is it the column of the ${key.role}s?`);
    }
    for (const column of new Set(used)) {
      const name = `column ${quoted(column.name)}`;
      const { texts, commas, points, otherWidths, missing: absent } = column;
      if (texts.count > 0) {
        const problem = `${name} holds ${examples(texts)} where a number should be (in ${texts.count} of ${this.rows} rows)`;
        refuse(texts, problem, mendOf(column));
      }
      if (commas.count > 0 && points.count > 0) {
        const problem = `${name} writes numbers with a comma (${examples(commas)}) and with a point (${examples(points)})`;
        refuse(commas, problem, "Write numbers in one way, without marks between thousands.");
      }
      if (otherWidths.count > 0) {
        const { shown } = otherWidths.first[0]!;
        const problem = `${name} holds ${shown} numbers in a cell, and ${column.width} in the first`;
        refuse(otherWidths, problem, "Give all examples the same shape.");
      }
      if (column.count === 0 && texts.count === 0) refuse(undefined, `${name} holds nothing at all`, mendOf(column));
      else if (absent.count > 0 && missing === "refuse") {
        const problem = `${name} has no value in ${absent.count} of ${this.rows} rows: ${examples(absent)}`;
        refuse(absent, problem, fill);
        // What is mostly missing is better left out than filled in.
        if (2 * absent.count > this.rows) remedies.add(mendOf(column));
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
    for (const column of columns) column.eachGap((from, to) => isKept.fill(0, from, to));
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

function keptNumbers(column: ColumnCells, isKept: Uint8Array): NumberColumn {
  const { name, width } = column;
  return {
    name,
    width,
    each(take) {
      let kept = -1;
      column.each((value, row, place) => {
        if (isKept[row] === 0) return;
        if (place === 0) kept++;
        take(value, kept, place);
      });
    },
  };
}

/** The numbers of a column in a few: its least and greatest, how often they are there, and those next to them. */
function summaryOf(column: NumberColumn) {
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

function reportOf(
  cells: ColumnCells,
  role: TableColumn["role"],
  used?: NumberColumn,
  lineOf: (row: number) => number = () => 0,
): TableColumn {
  const { name, missing, texts, commas, points } = cells;
  const holds = holdsNumbers(cells) ? "numbers" : texts.count > 0 ? "text" : "nothing";
  const base: TableColumn = { name, role, holds, missing: missing.count };
  if (used?.width !== 1) return base;
  const summary = summaryOf(used);
  const sentinel = sentinelIn(summary);
  return {
    ...base,
    ...(summary.least === summary.most ? { constant: true as const } : {}),
    ...(commas.count > 0 ? { decimalCommas: true as const } : {}),
    ...(points.count > 0 ? { decimalPoints: true as const } : {}),
    ...(sentinel ? { sentinel: { value: sentinel.value, cells: sentinel.cells, line: lineOf(sentinel.row) } } : {}),
  };
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

function tooMany(path: string, most: number): DataError {
  return new DataError("ILD06", path, `it has more than ${most} numbers`, "Name fewer columns.");
}
