/** The texts of a column, and what they are of: categories, dates, times of day or truth values. */
import { type DateOrder, dateIn, timeIn, type WrittenDate, withDayFirst } from "./calendar.js";
import { RowNumbers } from "./growing-numbers.js";

/** The kinds of columns that tasks are predicted from. */
export type ColumnKind = "number" | "boolean" | "category" | "date" | "time";

/** The different texts that a category may have: each is a number of every input. */
export const mostCategories = 256;

/** @internal Texts that stand for no value among names, where `none`, `-` and `?` may be ones; in lower case. */
export const missingNames: ReadonlySet<string> = new Set(["", "na", "n/a", "#n/a", "nan", "null"]);
/** @internal Texts that stand for no value among numbers, dates and times. */
export const missingNumbers: ReadonlySet<string> = new Set([...missingNames, "none", "-", "?"]);

/** @internal Whether a cell says that there is no value in it: empty, NA, NaN, null. */
export const isMissing = (cell: unknown, texts: ReadonlySet<string>): boolean =>
  cell === undefined ||
  cell === null ||
  (typeof cell === "number" && Number.isNaN(cell)) ||
  (typeof cell === "string" && texts.has(cell.slice(0, 80).trim().toLowerCase()));

/** @internal Pairs of words for truth values, the true one first. */
const truthPairs: readonly (readonly [yes: string, no: string])[] = [
  ["true", "false"],
  ["yes", "no"],
  ["y", "n"],
  ["t", "f"],
  ["on", "off"],
];

/** @internal The truth value that a text writes, in any of these words; undefined for others. */
export function truthIn(text: string): 0 | 1 | undefined {
  const word = text.trim().toLowerCase();
  const pair = truthPairs.find((each) => each.includes(word));
  return pair ? (pair[0] === word ? 1 : 0) : undefined;
}

/** @internal Different texts that may still be kept, of all columns of a table together. */
export interface TextBudget {
  left: number;
}

/** @internal What is known of one text of a column. */
export interface TextUse {
  /** Its place among the texts, in the order in which they first came. */
  readonly place: number;
  cells: number;
  /** The first group that has it, -1 once there are several. */
  group: number;
}

/** Cells of a column without a date or a time among them, after which no more are looked for. */
const mostWithout = 1000;

/** Texts are kept of a cell as long as this; longer ones are no names of categories. */
const longestName = 512;

/**
 * @internal The texts of one column, cell by cell, and what they turn out to be. Dates, times and texts are kept as
 * numbers, as long as the column may be one of them.
 */
export class TextColumn {
  /** Cells that are not missing, those of numbers too. */
  cells = 0;
  /** Dates by what tells the order of day and month, each with the first such text. */
  readonly orders = new Map<WrittenDate["order"], string>();
  // Most columns are of numbers, and there may be many: what they do not need is not made.
  private foundDates: RowNumbers | undefined;
  private foundTimes: RowNumbers | undefined;
  private codes: RowNumbers | undefined;
  private uses: Map<string, TextUse> | undefined;
  private isForgotten = false;

  constructor(private readonly budget: TextBudget = { left: Number.POSITIVE_INFINITY }) {}

  /** Days since 1970-01-01, of the month first where the order is told by nothing. */
  get dates(): RowNumbers {
    return this.foundDates ?? nothing;
  }

  /** Times of day, as fractions of one. */
  get times(): RowNumbers {
    return this.foundTimes ?? nothing;
  }

  /** Numbers that are kept. */
  get length(): number {
    return this.dates.length + this.times.length + (this.codes?.length ?? 0);
  }

  /** The texts of a column of few; undefined where there are more than a category may have, or one that is no name. */
  get texts(): ReadonlyMap<string, TextUse> | undefined {
    return this.isForgotten ? undefined : this.uses;
  }

  /**
   * Adds the cell of a row, which is not missing.
   *
   * @param group which of the groups the row belongs to, -1 for none
   * @param isNumber whether it is a number, so that it is neither date nor time
   */
  add(text: string, row: number, group: number, isNumber = false): void {
    this.cells++;
    if (!isNumber) this.addMoment(text, row);
    if (!this.isForgotten) this.addText(text.trim(), row, group);
  }

  /** Adds a cell that is no text at all, such as a list. */
  addOther(): void {
    this.cells++;
    this.forget();
  }

  private addMoment(text: string, row: number): void {
    if (this.foundDates || this.cells <= mostWithout) {
      const date = dateIn(text);
      if (date) {
        this.foundDates ??= new RowNumbers(64);
        this.foundDates.set(row, date.days);
        if (!this.orders.has(date.order)) this.orders.set(date.order, ownCopy(text));
        return;
      }
    }
    if (!this.foundTimes && this.cells > mostWithout) return;
    const time = timeIn(text);
    if (time === undefined) return;
    this.foundTimes ??= new RowNumbers(64);
    this.foundTimes.set(row, time);
  }

  private addText(text: string, row: number, group: number): void {
    this.uses ??= new Map();
    this.codes ??= new RowNumbers(32);
    let use = this.uses.get(text);
    if (!use) {
      if (this.uses.size === mostCategories || this.budget.left === 0 || text.length > longestName) {
        this.forget();
        return;
      }
      this.budget.left--;
      use = { place: this.uses.size, cells: 0, group };
      this.uses.set(ownCopy(text), use);
    }
    use.cells++;
    if (use.group !== group) use.group = -1;
    this.codes.set(row, use.place);
  }

  /** Gives up its texts. */
  forget(): void {
    this.budget.left += this.uses?.size ?? 0;
    this.uses = undefined;
    this.codes = undefined;
    this.isForgotten = true;
  }

  /**
   * What the column is one of, if it is none of numbers: of dates or times where at least half of its cells are, and the
   * others are mistakes; undefined for more texts than a category may have.
   */
  get kind(): Exclude<ColumnKind, "number"> | undefined {
    for (const [kind, moments] of [
      ["date", this.dates],
      ["time", this.times],
    ] as const)
      if (moments.length > 0 && 2 * moments.length >= this.cells) return kind;
    if (!this.texts) return undefined;
    const words = new Set([...this.texts.keys()].map((text) => text.toLowerCase()));
    const isTruth = words.size > 0 && truthPairs.some((pair) => [...words].every((word) => pair.includes(word)));
    return isTruth ? "boolean" : "category";
  }

  /** The order of day and month in its dates, where their notation does not tell it; undefined where nothing does. */
  get order(): DateOrder | undefined {
    return this.orders.has("day first") ? "day first" : this.orders.has("month first") ? "month first" : undefined;
  }

  /** Why its dates cannot be read as they are written; undefined where they can. */
  get unclearDates(): string | undefined {
    const shown = (order: WrittenDate["order"]): string => JSON.stringify(this.orders.get(order));
    const has = (order: WrittenDate["order"]): boolean => this.orders.has(order);
    if (has("day first") && has("month first"))
      return `writes dates with the day first (${shown("day first")}) and with the month first (${shown("month first")})`;
    const other = (["either", "day first", "month first"] as const).find(has);
    if (has("told") && other) return `writes dates in two ways (${shown("told")} and ${shown(other)})`;
    if (has("either") && !this.order)
      return `writes dates such as ${shown("either")}, of which nothing tells day and month apart`;
    return undefined;
  }

  /**
   * Hands over the numbers that stand for the cells of a kind, NaN for cells without: days since 1970-01-01, fractions of
   * a day, 0 and 1, or the places of texts.
   *
   * @param rows of all of the column
   */
  each(kind: Exclude<ColumnKind, "number">, rows: number, take: (value: number, row: number) => void): void {
    if (kind === "time") this.times.each(rows, take);
    else if (kind === "date" && this.order === "day first")
      this.dates.each(rows, (days, row) => take(Number.isNaN(days) ? days : withDayFirst(days), row));
    else if (kind === "date") this.dates.each(rows, take);
    else if (kind === "category") this.codes!.each(rows, take);
    else {
      const truths = [...this.uses!.keys()].map((text) => truthIn(text)!);
      this.codes!.each(rows, (place, row) => take(Number.isNaN(place) ? place : truths[place]!, row));
    }
  }

  /** Hands over the ranges of rows without a value of a kind. */
  eachGap(kind: Exclude<ColumnKind, "number">, rows: number, take: (from: number, to: number) => void): void {
    (kind === "date" ? this.dates : kind === "time" ? this.times : this.codes!).eachGap(rows, take);
  }
}

/** Numbers of no row. */
const nothing = new RowNumbers(64);

/** A text that keeps no longer one in memory that it was cut out of. */
const ownCopy = (text: string): string => Array.from(text).join("");
