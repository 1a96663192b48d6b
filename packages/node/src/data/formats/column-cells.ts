/** The cells of one column of a table, as far as they say what the column holds. */
import { numberIn, quoted } from "@innerloop/experiments";
import type { TableColumnsOptions } from "../tables/table-columns.js";
import { GrowingNumbers } from "./growing-numbers.js";
import { type NearNumber, nearNumber, waysToNumbers } from "./near-numbers.js";

/** What stands for no value among names, where `none`, `-` and `?` may be ones. */
export const missingNames: ReadonlySet<string> = new Set(["", "na", "n/a", "#n/a", "nan", "null"]);
const missingNumbers: ReadonlySet<string> = new Set([...missingNames, "none", "-", "?"]);

/** Whether a cell says that there is no value in it: empty, NA, NaN, null. */
export const isMissing = (cell: unknown, texts: ReadonlySet<string>): boolean =>
  cell === undefined ||
  cell === null ||
  (typeof cell === "string" && texts.has(cell.slice(0, 80).trim().toLowerCase()));

/** Texts of a column that are looked at for what they may be meant as: it takes a microsecond each. */
const mostLookedAt = 10_000;

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
 * The cells of a column that may hold numbers. What is kept is in proportion to the cells that are there: rows without a
 * number are kept as ranges.
 */
export class ColumnCells {
  readonly numbers: GrowingNumbers;
  readonly missing = new Occurrences();
  /** What is neither number nor missing. */
  readonly texts = new Occurrences();
  /** What the first of such cells may be meant as, and in how many of them. */
  readonly near = new Map<NearNumber, number>();
  /** Numbers with a comma for a point, and those with a point. */
  readonly commas = new Occurrences();
  readonly points = new Occurrences();
  readonly otherWidths = new Occurrences();
  /** Cells that hold numbers, `width` of them each. */
  count = 0;
  width = 1;
  /** Rows without a number: where each range of them begins and ends, in turn. */
  private readonly gaps = new GrowingNumbers(64);
  private gapFrom = -1;
  private rows = 0;

  constructor(
    readonly name: string,
    readonly place: number,
    private readonly options: Pick<TableColumnsOptions, "cells" | "lists" | "precision">,
  ) {
    this.numbers = new GrowingNumbers(options.precision);
  }

  /** Adds the cell of a row; rows that were left out in between have none. */
  add(cell: unknown, row: number): void {
    this.upTo(row);
    this.rows++;
    const value = this.numberOf(cell, row);
    if (value !== undefined) this.keepOne(value, row);
    else if (this.options.lists && isList(cell)) this.keep(cell, row);
    else if (isMissing(cell, missingNumbers)) this.leaveOut(this.missing, cell, row);
    else {
      const near = this.texts.count < mostLookedAt ? nearNumber(cell) : undefined;
      if (near) this.near.set(near, (this.near.get(near) ?? 0) + 1);
      this.leaveOut(this.texts, cell, row);
    }
  }

  /** Takes the rows before this one, as far as they had no cell, for missing ones. */
  upTo(row: number): void {
    if (this.rows === row) return;
    this.openGap(this.rows);
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
      if (cells.decimalCommas && cell.includes(".")) this.points.add(row, cell);
      return value;
    }
    if (!cells.decimalCommas) return undefined;
    const withComma = numberIn(cell, ",");
    if (!isNumber(withComma)) return undefined;
    this.commas.add(row, cell);
    return withComma;
  }

  private keepOne(value: number, row: number): void {
    if (this.width !== 1) this.keep([value], row);
    else {
      if (this.gapFrom >= 0) this.closeGap(row);
      this.count++;
      this.numbers.push(value);
    }
  }

  private keep(values: readonly number[], row: number): void {
    if (this.count === 0) this.width = values.length;
    if (values.length !== this.width) {
      this.leaveOut(this.otherWidths, values.length, row);
      return;
    }
    if (this.gapFrom >= 0) this.closeGap(row);
    this.count++;
    for (const value of values) this.numbers.push(value);
  }

  private leaveOut(as: Occurrences, cell: unknown, row: number): void {
    as.add(row, cell);
    this.openGap(row);
  }

  /** How the cells that are no numbers are written as ones, where most of them are meant as such. */
  get wayToNumbers(): string | undefined {
    const [most] = [...this.near].sort(([, a], [, b]) => b - a);
    return most && 2 * most[1] > Math.min(this.texts.count, mostLookedAt) ? waysToNumbers[most[0]] : undefined;
  }

  private openGap(row: number): void {
    if (this.gapFrom < 0) this.gapFrom = row;
  }

  private closeGap(row: number): void {
    this.gaps.push(this.gapFrom);
    this.gaps.push(row);
    this.gapFrom = -1;
  }

  /** Hands over each range of rows without a number. */
  eachGap(take: (from: number, to: number) => void): void {
    let from = 0;
    this.gaps.each((row, i) => {
      if (i % 2 === 0) from = row;
      else take(from, row);
    });
    if (this.gapFrom >= 0) take(this.gapFrom, this.rows);
  }

  /** Hands over each number with its row and its place in the cell; for a row without one NaN. */
  each(take: (value: number, row: number, place: number) => void): void {
    const bounds: number[] = [];
    this.eachGap((from, to) => bounds.push(from, to));
    let [row, place, next] = [0, 0, 0];
    const passGap = (): void => {
      if (bounds[next] !== row) return;
      for (const to = bounds[next + 1]!; row < to; row++) take(Number.NaN, row, 0);
      next += 2;
    };
    passGap();
    this.numbers.each((value) => {
      take(value, row, place);
      if (++place < this.width) return;
      place = 0;
      row++;
      passGap();
    });
  }
}

/** Whether a cell is a list of numbers. */
const isList = (cell: unknown): cell is readonly number[] =>
  Array.isArray(cell) && cell.length > 0 && cell.every((value) => typeof value === "number" && isNumber(value));

/** Whether a number is finite, in 32 bits too: that is how models take it. */
const isNumber = (value: number): boolean => Number.isFinite(Math.fround(value));
