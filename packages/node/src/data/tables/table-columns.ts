/** The columns of a table, whose types are decided once all of it has been read. */

import {
  type ColumnKind,
  GrowingNumbers,
  isMissing,
  missingNames,
  numberIn,
  type TextBudget,
} from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { ColumnCells, Occurrences } from "../formats/column-cells.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { requireGoodColumns } from "./column-problems.js";
import { holdsNumbers, missingOf, reportOfOther, reportOfUsed } from "./column-summary.js";
import { similarNames } from "./similar-names.js";
import type { TableColumn, TableReport } from "./table-report.js";

/** The ways with missing cells: an error that lists them, or their rows left out, or the mean of the column in them. */
export type MissingCells = "refuse" | "drop" | "mean";

export interface TableColumnsOptions {
  /** The file, for messages. */
  readonly path: string;
  /** The column whose texts name groups or classes. */
  readonly key: { readonly name: string; readonly role: "group" | "label" };
  readonly targets: readonly string[];
  /** The columns to use; all others that hold numbers, or texts of use, unless given. */
  readonly inputs?: readonly string[];
  /** Whether inputs may be texts as well: categories, dates, times of day and truth values. */
  readonly texts: boolean;
  readonly missing: MissingCells;
  /** How a cell writes a number: CSV as text, in which a comma may be a decimal one; JSON as a number. */
  readonly cells: { readonly kind: "text"; readonly decimalCommas: boolean } | { readonly kind: "json" };
  /** Whether a cell may hold a list of numbers, as long in each row. */
  readonly lists: boolean;
  readonly precision: 32 | 64;
  /** Most numbers that are kept. */
  readonly most: number;
}

/** A column that is used. */
export interface UsedColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly cells: ColumnCells;
  /** The numbers of a cell. */
  readonly width: number;
  /** The texts of a category, which its numbers are the places of. */
  readonly texts?: readonly string[];
  /**
   * Hands over the number that stands for the cell of each row that is kept, and its place within the cell; NaN for a
   * missing one.
   */
  each(take: (value: number, row: number, place: number) => void): void;
}

export interface FinishedTable {
  readonly inputs: readonly UsedColumn[];
  readonly targets: readonly UsedColumn[];
  /** The group or label of each row that is kept, by its place among `names`. */
  readonly keys: Uint32Array;
  readonly names: readonly string[];
  readonly report: TableReport;
}

/** Numbers that are kept between looks at the memory that is left, at most. */
const numbersBetweenLooks = 2 ** 22;
const rowsBetweenLooks = 4096;

/** Different texts that are kept of all columns together, besides those of groups or labels. */
const mostTexts = 2 ** 20;

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
  private readonly texts: TextBudget = { left: mostTexts };

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
    const texts = this.options.texts && !this.options.targets.includes(name) ? { texts: this.texts } : {};
    this.columns.set(name, new ColumnCells(name, place, { ...this.options, texts: undefined, ...texts }));
  }

  /** Adds a row by what is in the cell of each column, by its place. */
  addRow(cells: readonly unknown[], line: number): void {
    this.lines.push(line);
    const key = this.addKey(cells[this.keyPlace]);
    for (const column of this.columns.values()) column.add(cells[column.place], this.rows, key);
    this.endRow();
  }

  /** Adds a row by the names of its cells, of which it may have others than rows before it. */
  addRecord(record: Readonly<Record<string, unknown>>, line: number): void {
    const { name: key } = this.options.key;
    this.lines.push(line);
    const place = this.addKey(Object.hasOwn(record, key) ? record[key] : undefined);
    for (const name of Object.keys(record)) {
      if (!this.columns.has(name)) this.addColumn(name, 0);
      this.columns.get(name)?.add(record[name], this.rows, place);
    }
    this.endRow();
  }

  private endRow(): void {
    const { path, most, precision } = this.options;
    if (++this.rows < this.nextLook) return;
    let numbers = 0;
    for (const column of this.columns.values()) numbers += column.kept;
    // Columns that turn out to be text are kept until then.
    if (numbers > 4 * most) throw tooMany(path, most);
    // What is made of them takes as much again.
    requireRoom((numbers * precision) / 8, path);
    const atOnce = Math.floor((numbersBetweenLooks * this.rows) / Math.max(1, numbers));
    this.nextLook = this.rows + Math.max(1, Math.min(rowsBetweenLooks, atOnce));
  }

  /** @returns the place of the group or label, -1 for a missing one */
  private addKey(cell: unknown): number {
    const isValue = ["string", "number", "boolean"].includes(typeof cell);
    const text = isValue ? String(cell).trim() : "";
    if (!isValue || isMissing(text, missingNames)) {
      this.missingKeys.add(this.rows, cell);
      this.keys.push(-1);
      return -1;
    }
    if (text.length > readingLimits.labelLength) {
      this.longKeys.add(this.rows, text);
      this.keys.push(-1);
      return -1;
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
    return place;
  }

  /** @throws DataError ILD71 with all that is wrong with the columns, ILD06 for no rows or too many numbers */
  finish(): FinishedTable {
    const { path, key, targets, inputs, missing, most } = this.options;
    if (this.rows === 0)
      throw new DataError("ILD06", path, "there are no rows", `Give rows of at least two ${key.role}s.`);
    for (const column of this.columns.values()) column.upTo(this.rows);
    const columnOf = (name: string): ColumnCells => this.columns.get(name)!;
    const others = [...this.columns.keys()].filter((name) => !targets.includes(name));
    const chosen = inputs ?? others.filter((name) => this.isOfUse(columnOf(name)));
    const isChosen = new Set(chosen);
    this.requireColumns(chosen);
    const [inputCells, targetCells] = [
      chosen.map((name) => ({ column: columnOf(name), kind: this.kindOf(columnOf(name)) ?? ("number" as const) })),
      targets.map((name) => ({ column: columnOf(name), kind: "number" as const })),
    ];
    const used = [...inputCells, ...targetCells];
    const { lines, missingKeys, longKeys } = this;
    requireGoodColumns(used, {
      ...{ path, key, targets, missing, missingKeys, longKeys },
      rows: this.rows,
      lineOf: (row) => lines.at(row)!,
    });
    if (this.rows * used.length > 4 * most) throw tooMany(path, most);
    const isKept = this.keptRows(missing === "mean" ? targetCells : used);
    const kept = isKept.reduce((sum, keep) => sum + keep, 0);
    if (kept === 0) throw new DataError("ILD06", path, "no row has all of its cells", "Name other columns.");
    if (kept * used.reduce((sum, { column }) => sum + column.width, 0) > most) throw tooMany(path, most);
    const lineOf = (row: number): number => this.lineOf(row, isKept);
    const asUsed = ({ column, kind }: (typeof used)[number]): UsedColumn => keptColumn(column, kind, isKept);
    const tables = { inputs: inputCells.map(asUsed), targets: targetCells.map(asUsed) };
    const { keys, names, values } = this.keptKeys(isKept, kept);
    const looksNumeric = [...this.places.keys()].every((text) => !Number.isNaN(numberIn(text)));
    const filledCells = missing === "mean" ? tables.inputs.reduce((sum, column) => sum + missingOf(column), 0) : 0;
    const reports: TableColumn[] = [
      {
        name: key.name,
        role: key.role,
        holds: "text",
        missing: this.missingKeys.count,
        values,
        ...(looksNumeric ? { looksNumeric } : {}),
      },
      ...tables.inputs.map((column) => reportOfUsed(column, "input", lineOf)),
      ...tables.targets.map((column) => reportOfUsed(column, "target", lineOf)),
      ...others
        .filter((name) => !isChosen.has(name))
        .map((name) => ({ ...reportOfOther(columnOf(name)), ...this.whyLeftOut(columnOf(name)) })),
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
        similarValues: tables.inputs.flatMap(({ name, texts }) =>
          similarNames(texts ?? []).map((pair) => ({ column: name, pair })),
        ),
        ...(repeats ? { repeats } : {}),
      },
    };
  }

  /** What a column of inputs is one of; undefined for texts that cannot be used. */
  private kindOf(column: ColumnCells): ColumnKind | undefined {
    if (holdsNumbers(column) || !column.words) return column.count > 0 ? "number" : undefined;
    const { kind } = column.words;
    // What is meant as a number is none of many categories: it is to be mended.
    const isMeant = column.nearest !== undefined && column.nearest !== "truth";
    return kind === "category" && isMeant ? undefined : kind;
  }

  /** Whether a column that nobody has named is one to predict from. */
  private isOfUse(column: ColumnCells): boolean {
    if (!column.words) return holdsNumbers(column);
    const kind = this.kindOf(column);
    if (kind === undefined || kind === "number") return kind === "number" && holdsNumbers(column);
    if (2 * column.missingOf(kind).count > this.rows) return false;
    if (kind !== "category" && kind !== "boolean") return true;
    return !isPartlyNumbers(column) && isTelling(column) && !isOfOneGroupEach(column);
  }

  /** Why a column is left out, where it may have been meant to be one of the inputs. */
  private whyLeftOut(column: ColumnCells): Pick<TableColumn, "meant" | "ofOneGroupEach"> {
    const { texts, wayToNumbers, count } = column;
    const first = texts.first[0];
    if (!first || holdsNumbers(column)) return {};
    const kind = column.words && this.kindOf(column);
    if (kind && !isPartlyNumbers(column))
      return isTelling(column) && isOfOneGroupEach(column) ? { ofOneGroupEach: true } : {};
    if (!wayToNumbers && !isPartlyNumbers(column)) return {};
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
  private repeatedRows(keys: Uint32Array, columns: readonly UsedColumn[], isKept: Uint8Array) {
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
    const remedy = wants || !text ? "Name columns of numbers." : "Name columns of numbers, or the --text-column.";
    throw new DataError("ILD71", path, `${problem}${example}`, remedy);
  }

  /** 1 for each row in which the key and all of these columns have a value. */
  private keptRows(columns: readonly { readonly column: ColumnCells; readonly kind: ColumnKind }[]): Uint8Array {
    const isKept = new Uint8Array(this.rows).fill(1);
    this.keys.each((place, row) => {
      if (place < 0) isKept[row] = 0;
    });
    for (const { column, kind } of columns) column.eachGap(kind, (from, to) => isKept.fill(0, from, to));
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

/** Whether a column of texts may well be one of numbers that went wrong. */
const isPartlyNumbers = ({ count, texts }: ColumnCells): boolean => 10 * count >= texts.count;

/** Whether texts come up more than once, and are not all the same: no free text, and no names of single rows. */
function isTelling({ words }: ColumnCells): boolean {
  const { texts, cells } = words!;
  return texts !== undefined && texts.size > 1 && cells >= 2 * texts.size;
}

/** Whether most cells hold texts of one group alone: nothing that is learned of these holds for another group. */
function isOfOneGroupEach({ words }: ColumnCells): boolean {
  const { texts, cells } = words!;
  const shared = [...(texts?.values() ?? [])].reduce((sum, use) => sum + (use.group < 0 ? use.cells : 0), 0);
  return 2 * shared < cells;
}

function keptColumn(cells: ColumnCells, kind: ColumnKind, isKept: Uint8Array): UsedColumn {
  const { name, width } = cells;
  return {
    ...{ name, kind, cells, width },
    ...(kind === "category" ? { texts: [...cells.words!.texts!.keys()] } : {}),
    each(take) {
      let kept = -1;
      cells.each(kind, (value, row, place) => {
        if (isKept[row] === 0) return;
        if (place === 0) kept++;
        take(value, kept, place);
      });
    },
  };
}

function tooMany(path: string, most: number): DataError {
  return new DataError("ILD06", path, `it has more than ${most} numbers`, "Name fewer columns.");
}
