/** The cells of one column of a table, as far as they say what the column holds. */
import {
  type ColumnKind,
  isMissing,
  isThousands,
  missingNames,
  missingNumbers,
  type NearNumber,
  nearNumber,
  numberIn,
  RowNumbers,
  type TextBudget,
  TextColumn,
  waysToNumbers,
} from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";
import type { TableColumnsOptions } from "../tables/table-columns.js";

/** Texts of a column that are looked at for what they may be meant as: it takes a microsecond each. */
const mostLookedAt = 10_000;

/** Numbers without a text among them, after which a column is one of numbers: to look for texts takes time and memory. */
const numbersAlone = 10_000;

/** Cells that a message quotes of a column. */
const mostQuoted = 5;

/** One for all columns, of which there may be many. */
const none: readonly never[] = [];

/** How often something happened, and in which rows first. */
export class Occurrences {
  count = 0;
  first: readonly { readonly row: number; readonly shown: string }[] = none;

  add(row: number, cell: unknown): void {
    this.count++;
    if (this.first.length >= mostQuoted) return;
    const isEmpty = cell === undefined || (typeof cell === "string" && cell.trim() === "");
    this.first = [...this.first, { row, shown: isEmpty ? "nothing" : quoted(cell) }];
  }
}

/**
 * The cells of a column. What is kept is in proportion to the cells that are there: rows without a number are kept as
 * ranges.
 */
export class ColumnCells {
  readonly numbers: RowNumbers;
  readonly missing = new Occurrences();
  /** What is neither number nor missing. */
  readonly texts = new Occurrences();
  /** What the texts are of, as long as the column may be one of texts. */
  words: TextColumn | undefined;
  /** Cells that are missing among numbers, and may be names: `none`, `-` and `?`. */
  readonly missingNumbers = new Occurrences();
  /** Of texts behind the first date, those that are none. */
  readonly notDates = new Occurrences();
  /** What the first of such cells may be meant as, and in how many of them. */
  readonly near = new Map<NearNumber, number>();
  /** Numbers with a comma for a point, and those with a point. */
  readonly commas = new Occurrences();
  readonly points = new Occurrences();
  readonly otherWidths = new Occurrences();
  /** Cells that hold numbers, `width` of them each. */
  count = 0;
  private rows = 0;

  constructor(
    readonly name: string,
    readonly place: number,
    private readonly options: Pick<TableColumnsOptions, "cells" | "lists" | "precision"> & {
      readonly texts?: TextBudget | undefined;
    },
  ) {
    this.numbers = new RowNumbers(options.precision);
    if (options.texts) this.words = new TextColumn(options.texts);
  }

  get width(): number {
    return this.numbers.width;
  }

  /** Numbers that are kept, those that stand for texts too. */
  get kept(): number {
    return this.numbers.length + (this.words?.length ?? 0);
  }

  /**
   * Adds the cell of a row; rows that were left out in between have none.
   *
   * @param group the group or label that the row is of, by its place; -1 for none
   */
  add(cell: unknown, row: number, group = -1): void {
    this.upTo(row);
    this.rows++;
    const value = this.numberOf(cell, row);
    if (value !== undefined) this.keep([value], row);
    else if (this.options.lists && isList(cell)) this.keep(cell, row);
    else if (isMissing(cell, missingNames)) this.missing.add(row, cell);
    else if (isMissing(cell, missingNumbers)) this.missingNumbers.add(row, cell);
    else {
      const near = this.texts.count < mostLookedAt ? nearNumber(cell) : undefined;
      if (near) this.near.set(near, (this.near.get(near) ?? 0) + 1);
      this.texts.add(row, cell);
    }
    if (!this.words) return;
    if (this.texts.count > 0 || this.count < numbersAlone)
      this.addWord(this.words, cell, row, group, value !== undefined);
    else {
      this.words.forget();
      this.words = undefined;
    }
  }

  private addWord(words: TextColumn, cell: unknown, row: number, group: number, isNumber: boolean): void {
    if (isMissing(cell, missingNames)) return;
    if (typeof cell !== "string" && typeof cell !== "number" && typeof cell !== "boolean") {
      words.addOther();
      return;
    }
    const [dates, times] = [words.dates.length, words.times.length];
    words.add(String(cell), row, group, isNumber);
    const isMoment = words.dates.length > dates || words.times.length > times;
    if (!isMoment && dates + times > 0 && !isMissing(cell, missingNumbers)) this.notDates.add(row, cell);
  }

  /** Takes the rows before this one, as far as they had no cell, for missing ones. */
  upTo(row: number): void {
    if (this.rows === row) return;
    for (; this.rows < row && this.missing.first.length < mostQuoted; this.rows++) {
      this.missing.add(this.rows, undefined);
    }
    this.missing.count += row - this.rows;
    this.rows = row;
  }

  private numberOf(cell: unknown, row: number): number | undefined {
    const { cells } = this.options;
    if (cells.kind === "json") return typeof cell === "number" && isNumber(cell) ? cell : undefined;
    if (typeof cell !== "string") return undefined;
    const value = numberIn(cell);
    if (isNumber(value)) {
      if (cell.includes(".")) this.points.add(row, cell);
      return value;
    }
    // Between commas a text such as "1,234" is as well one with a mark between thousands.
    const withComma = cells.decimalCommas || !isThousands(cell.trim()) ? numberIn(cell, ",") : Number.NaN;
    if (!isNumber(withComma)) return undefined;
    this.commas.add(row, cell);
    return withComma;
  }

  private keep(values: readonly number[], row: number): void {
    if (this.count === 0) this.numbers.width = values.length;
    if (values.length !== this.width) {
      this.otherWidths.add(row, values.length);
      return;
    }
    this.count++;
    if (values.length === 1) this.numbers.set(row, values[0]!);
    else this.numbers.setList(row, values);
  }

  /** How the cells that are no numbers are written as ones, where most of them are meant as such. */
  get wayToNumbers(): string | undefined {
    const near = this.nearest;
    return near === "date" && this.words ? "as dates such as 2024-01-31" : near && waysToNumbers[near];
  }

  /** What most of the cells that are no numbers may be meant as. */
  get nearest(): NearNumber | undefined {
    const [most] = [...this.near].sort(([, a], [, b]) => b - a);
    return most && 2 * most[1] > Math.min(this.texts.count, mostLookedAt) ? most[0] : undefined;
  }

  /** Cells without a value, of a column of this kind: names may be written as what is none among numbers. */
  missingOf(kind: ColumnKind): Pick<Occurrences, "count" | "first"> {
    if (kind === "category" || kind === "boolean") return this.missing;
    const first = [...this.missing.first, ...this.missingNumbers.first].sort((a, b) => a.row - b.row);
    return { count: this.missing.count + this.missingNumbers.count, first: first.slice(0, mostQuoted) };
  }

  /** Cells that are not of this kind, of those that have a value. */
  mistakesOf(kind: ColumnKind): Pick<Occurrences, "count" | "first"> {
    const { words, texts, notDates, missingNumbers: absent } = this;
    if (kind === "number") return texts;
    if (!words || (kind !== "date" && kind !== "time")) return { count: 0, first: none };
    const moments = kind === "date" ? words.dates : words.times;
    return {
      count: words.cells - moments.length - absent.count,
      first: notDates.count > 0 ? notDates.first : texts.first,
    };
  }

  /** Hands over each range of rows without a value of a kind. */
  eachGap(kind: ColumnKind, take: (from: number, to: number) => void): void {
    if (kind === "number") this.numbers.eachGap(this.rows, take);
    else this.words!.eachGap(kind, this.rows, take);
  }

  /** Hands over the number that stands for each cell of a kind, with its row and its place in the cell; NaN without one. */
  each(kind: ColumnKind, take: (value: number, row: number, place: number) => void): void {
    if (kind === "number") this.numbers.each(this.rows, take);
    else this.words!.each(kind, this.rows, (value, row) => take(value, row, 0));
  }
}

/** Whether a cell is a list of numbers. */
const isList = (cell: unknown): cell is readonly number[] =>
  Array.isArray(cell) && cell.length > 0 && cell.every((value) => typeof value === "number" && isNumber(value));

/** Whether a number is finite, in 32 bits too: that is how models take it. */
const isNumber = (value: number): boolean => Number.isFinite(Math.fround(value));
