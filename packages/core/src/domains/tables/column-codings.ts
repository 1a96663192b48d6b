/** The codings of a table's columns: how a cell becomes numbers about 1, for each kind of column. */

import type { TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import { type DateOrder, dateIn, timeIn, weekdayOf, withDayFirst } from "./calendar.js";
import { numberIn } from "./decimal-number.js";
import { isThousands, nearNumber, waysToNumbers } from "./near-numbers.js";
import { type ColumnKind, mostCategories, truthIn } from "./text-column.js";

/** A cell of a table: text, as files have it, a number, or a truth value; empty, null or not there where it is missing. */
export type TableCell = string | number | boolean | null | undefined;

/** Mean and deviation that a column was brought to 0 and 1 by: (value - mean) / deviation. */
export interface ColumnScale {
  readonly mean: number;
  readonly deviation: number;
}

/**
 * A column that tasks are predicted from, and its coding:
 *
 * - of numbers, and of truth values as 1 and 0: one number, (value - mean) / deviation
 * - a category: one number for each of its values, 1 for the one that the cell holds and 0 for the others; all are 0 for a
 *   value that training did not have
 * - a date: (days - mean) / deviation of the days since 1970-01-01; where training had several days of the week, sine and
 *   cosine of 2 pi weekday / 7 (0 for Monday); where it had a time of day, those of 2 pi time
 * - a time of day: sine and cosine of 2 pi time, of the time as a fraction of the day
 *
 * Where `filledWith` is there, cells may be missing: numbers, truth values and days are then this one, the mean of the
 * training groups; what has no mean is coded as zeros.
 */
export type InputColumn = { readonly name: string } & (
  | ({ readonly kind: "number" | "boolean"; readonly filledWith?: number } & ColumnScale)
  | { readonly kind: "category"; readonly values: readonly string[]; readonly filledWith?: "zeros" }
  | ({
      readonly kind: "date";
      readonly weekday: boolean;
      readonly timeOfDay: boolean;
      /** How dates such as 3/4/2024 are read, where the table had such. */
      readonly order?: DateOrder;
      readonly filledWith?: number;
    } & ColumnScale)
  | { readonly kind: "time"; readonly filledWith?: "zeros" }
);

type ColumnOf<Kind extends ColumnKind> = InputColumn & { readonly kind: Kind };

/** @internal A cell that cannot be read: what is wrong, behind the name of its column, and what helps. */
export interface CellProblem {
  readonly problem: string;
  readonly remedy: string;
}

/** The reading of texts: with a comma for a point in numbers, even where it may be a mark between thousands. */
export interface CellReading {
  readonly decimalCommas?: boolean;
}

/** @internal The values of a column that a coding is made by. */
export interface ColumnValues {
  readonly name: string;
  /**
   * A number for each row: a number, 0 or 1, the place of a text, days since 1970-01-01 or a fraction of a day; NaN where
   * it is missing.
   */
  readonly values: ArrayLike<number>;
  /** The texts of a category, by their places. */
  readonly texts?: readonly string[];
  readonly order?: DateOrder | undefined;
}

/** @internal What a coding is made for. */
export interface CodingSetting {
  /** The rows of the training groups: no others have a say. */
  readonly trainRows: readonly number[];
  readonly standardize: boolean;
  /** Whether cells may be missing. */
  readonly fills: boolean;
}

/** A kind of column. */
interface ColumnCoding<Kind extends ColumnKind> {
  /** What cells of it are called. */
  readonly title: string;
  /** The coding of a column, by the rows of the training groups. */
  readonly measured: (column: ColumnValues, setting: CodingSetting) => Omit<ColumnOf<Kind>, "name" | "kind">;
  /** The numbers that it gives an input. */
  readonly width: (column: ColumnOf<Kind>) => number;
  /** Writes them, of a value that is there or NaN. */
  readonly write: (column: ColumnOf<Kind>, value: number, to: Float32Array, at: number) => void;
  /** The value that a cell stands for, which is not missing: as `ColumnValues` has them, -1 for no category. */
  readonly read: (column: ColumnOf<Kind>, cell: TableCell, reading: CellReading) => number | CellProblem;
  /** What a file keeps of it. */
  readonly from: (fields: ColumnFields) => Omit<ColumnOf<Kind>, "name" | "kind">;
}

/** @internal The largest number that a table may hold: squares are summed for the deviation, in 64 bits. */
export const largestOfColumn = 1e30;

/** The number that a cell of numbers stands for. */
function numberOf(cell: TableCell, { decimalCommas = false }: CellReading): number | CellProblem {
  if (typeof cell === "number" || typeof cell === "string") {
    const isThousand = typeof cell === "string" && !decimalCommas && isThousands(cell.trim());
    const plain = typeof cell === "number" ? cell : numberIn(cell);
    const value = typeof cell === "string" && Number.isNaN(plain) && !isThousand ? numberIn(cell, ",") : plain;
    if (Math.abs(value) <= largestOfColumn) return value;
    if (!Number.isNaN(value))
      return { problem: `holds ${shownValue(cell)}`, remedy: "Numbers are up to 1e30: change the unit." };
  }
  const near = nearNumber(cell);
  const way = near ? `Write the number ${waysToNumbers[near]}.` : "Give a number.";
  return { problem: `holds ${shownValue(cell)}, where a number was expected`, remedy: way };
}

const writeScaled = (
  column: ColumnScale & { readonly filledWith?: number },
  value: number,
  to: Float32Array,
  at: number,
): void => {
  to[at] = ((Number.isNaN(value) ? column.filledWith! : value) - column.mean) / column.deviation;
};

/** A place on a circle, of which 0 and 1 are the same: so 23:59 is near 0:00. A missing one is in its middle. */
function writeTurn(turn: number, to: Float32Array, at: number): void {
  to[at] = Number.isNaN(turn) ? 0 : Math.sin(2 * Math.PI * turn);
  to[at + 1] = Number.isNaN(turn) ? 0 : Math.cos(2 * Math.PI * turn);
}

/** Scale and mean of what is scaled as numbers are. */
function measuredScale({ values }: ColumnValues, { trainRows, standardize, fills }: CodingSetting) {
  const scale = scaleOfRows(values, trainRows);
  return { ...(standardize ? scale : { mean: 0, deviation: 1 }), ...(fills ? { filledWith: scale.mean } : {}) };
}

const isThere = (value: number | undefined): value is number => value !== undefined && !Number.isNaN(value);

const expected = (cell: TableCell, what: string, remedy: string): CellProblem => ({
  problem: `holds ${shownValue(cell)}, where ${what} was expected`,
  remedy,
});

const codings: { readonly [Kind in ColumnKind]: ColumnCoding<Kind> } = {
  number: {
    title: "number",
    measured: measuredScale,
    width: () => 1,
    write: writeScaled,
    read: (_, cell, reading) => numberOf(cell, reading),
    from: (fields) => ({ ...fields.scale(), ...fields.filledWithNumber() }),
  },
  boolean: {
    title: "truth value",
    measured: measuredScale,
    width: () => 1,
    write: writeScaled,
    read: (_, cell) => {
      if (typeof cell === "boolean") return Number(cell);
      const text = String(cell).trim();
      const truth = text === "1" || text === "0" ? Number(text) : truthIn(text);
      return truth ?? expected(cell, "a truth value", "Give true or false, yes or no, or 1 or 0.");
    },
    from: (fields) => ({ ...fields.scale(), ...fields.filledWithNumber() }),
  },
  category: {
    title: "category",
    measured: ({ values, texts = [] }, { trainRows, fills }) => {
      const seen = new Set(trainRows.map((row) => values[row]).filter(isThere));
      // Neither the order of the rows nor the other groups change what an input looks like.
      const names = [...seen].map((place) => texts[place]!).sort((a, b) => (a < b ? -1 : 1));
      return { values: names, ...(fills ? { filledWith: "zeros" } : {}) };
    },
    width: ({ values }) => values.length,
    write: (column, value, to, at) => {
      to.fill(0, at, at + column.values.length);
      if (value >= 0) to[at + value] = 1;
    },
    read: ({ values }, cell) => values.indexOf(String(cell).trim()),
    from: (fields) => ({ values: fields.texts("values"), ...fields.filledWithZeros() }),
  },
  date: {
    title: "date",
    measured: (column, setting) => {
      const days = setting.trainRows.map((row) => column.values[row]).filter(isThere);
      const { mean, deviation, filledWith } = measuredScale(column, setting);
      // Days since 1970 are no numbers about 1, scaled or not: those that are not scaled count from the first.
      const first = days.reduce((a, b) => Math.min(a, b), days[0] ?? 0);
      return {
        ...(setting.standardize ? { mean, deviation } : { mean: first, deviation }),
        weekday: new Set(days.map(weekdayOf)).size > 1,
        timeOfDay: days.some((each) => !Number.isInteger(each)),
        ...(column.order ? { order: column.order } : {}),
        ...(filledWith === undefined ? {} : { filledWith }),
      };
    },
    width: ({ weekday, timeOfDay }) => 1 + (weekday ? 2 : 0) + (timeOfDay ? 2 : 0),
    write: (column, value, to, at) => {
      writeScaled(column, value, to, at);
      if (column.weekday) writeTurn(weekdayOf(value) / 7, to, at + 1);
      if (column.timeOfDay) writeTurn(value - Math.floor(value), to, at + (column.weekday ? 3 : 1));
    },
    read: ({ order }, cell) => {
      const date = typeof cell === "string" ? dateIn(cell) : undefined;
      if (!date) return expected(cell, "a date", "Write dates as 2024-01-31 or 2024-01-31 10:30.");
      if (date.order !== "either") return date.days;
      if (order) return order === "day first" ? withDayFirst(date.days) : date.days;
      return {
        problem: `holds ${shownValue(cell)}, in which nothing tells day and month apart`,
        remedy: "Write dates as 2024-01-31.",
      };
    },
    from: (fields) => {
      const order = fields.order();
      return {
        ...{ ...fields.scale(), weekday: fields.truth("weekday"), timeOfDay: fields.truth("timeOfDay") },
        ...(order ? { order } : {}),
        ...fields.filledWithNumber(),
      };
    },
  },
  time: {
    title: "time of day",
    measured: (_, { fills }) => (fills ? { filledWith: "zeros" } : {}),
    width: () => 2,
    write: (_, value, to, at) => writeTurn(value, to, at),
    read: (_, cell) => {
      const time = typeof cell === "string" ? timeIn(cell) : undefined;
      return time ?? expected(cell, "a time of day", "Write times as 9:30 or 21:05:59.");
    },
    from: (fields) => fields.filledWithZeros(),
  },
};

/** A coding for any column: that its kind is the coding's own is seen to by the look-up. */
const codingOf = (kind: ColumnKind): ColumnCoding<ColumnKind> => codings[kind] as unknown as ColumnCoding<ColumnKind>;

/** @internal Whether there are columns of this kind. */
const isColumnKind = (kind: string): kind is ColumnKind => Object.hasOwn(codings, kind);

/** @internal What cells of a kind are called: "truth value". */
export const titleOf = (kind: ColumnKind): string => codings[kind].title;

/** @internal The coding of a column of a kind. */
export const measuredColumn = (kind: ColumnKind, column: ColumnValues, setting: CodingSetting): InputColumn =>
  ({ name: column.name, kind, ...codingOf(kind).measured(column, setting) }) as InputColumn;

/** @internal The numbers that a column gives an input. */
export const widthOf = (column: InputColumn): number => codingOf(column.kind).width(column);

/** @internal Writes the numbers that a value is coded as; NaN for a missing one. */
export const writeFeatures = (column: InputColumn, value: number, to: Float32Array, at: number): void =>
  codingOf(column.kind).write(column, value, to, at);

/** @internal The value that a cell stands for, which is not missing; -1 for a text that is none of the categories. */
export const readCell = (column: InputColumn, cell: TableCell, reading: CellReading): number | CellProblem =>
  codingOf(column.kind).read(column, cell, reading);

/** @internal The number that a target's cell stands for, which is not missing. */
export const readTarget = numberOf;

/** @internal A column as a file keeps it. @throws TaskError ILT308 */
export function columnFrom(fields: ColumnFields): InputColumn {
  const [name, kind] = [fields.text("name"), fields.text("kind")];
  if (!isColumnKind(kind)) throw fields.wrong("kind");
  return { name, kind, ...codingOf(kind).from(fields) } as InputColumn;
}

/**
 * @internal Mean and deviation over these rows, those without a value apart; the deviation of a column that does not vary
 * is taken as 1.
 */
export function scaleOfRows(values: ArrayLike<number>, trainRows: readonly number[]): ColumnScale {
  const rows = trainRows.filter((row) => !Number.isNaN(values[row]));
  const first = values[rows[0] ?? -1];
  if (first === undefined) return { mean: 0, deviation: 1 };
  // JSON has no -0, and what it is taken from stays the same but for the sign of a 0.
  const plain = (mean: number): number => (mean === 0 ? 0 : mean);
  // Without this a mean that is rounded would leave them a deviation of 1e-17.
  if (rows.every((row) => values[row] === first)) return { mean: plain(first), deviation: 1 };
  const mean = rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;
  const variance = rows.reduce((sum, row) => sum + (values[row]! - mean) ** 2, 0) / rows.length;
  return { mean: plain(mean), deviation: Math.sqrt(variance) };
}

/** @internal The fields of a column that a file holds. */
export class ColumnFields {
  constructor(
    private readonly of: Readonly<Record<string, unknown>>,
    private readonly where: string,
    private readonly refusal: (problem: string) => TaskError,
  ) {}

  wrong(field: string): TaskError {
    return this.refusal(`${this.where}.${field} is ${shownValue(this.of[field])}`);
  }

  text(field: string): string {
    const value = this.of[field];
    if (typeof value !== "string") throw this.wrong(field);
    return value;
  }

  truth(field: string): boolean {
    const value = this.of[field];
    if (typeof value !== "boolean") throw this.wrong(field);
    return value;
  }

  texts(field: string): readonly string[] {
    const value = this.of[field];
    const isList = Array.isArray(value) && value.length <= mostCategories && new Set(value).size === value.length;
    if (!isList || !value.every((text) => typeof text === "string")) throw this.wrong(field);
    return [...value];
  }

  scale(): ColumnScale {
    const { mean, deviation } = this.of;
    if (!isFiniteNumber(mean)) throw this.wrong("mean");
    if (!isFiniteNumber(deviation) || deviation <= 0) throw this.wrong("deviation");
    return { mean, deviation };
  }

  order(): DateOrder | undefined {
    const { order } = this.of;
    if (order !== undefined && order !== "day first" && order !== "month first") throw this.wrong("order");
    return order;
  }

  filledWithNumber(): { readonly filledWith?: number } {
    const { filledWith } = this.of;
    if (filledWith === undefined) return {};
    if (!isFiniteNumber(filledWith)) throw this.wrong("filledWith");
    return { filledWith };
  }

  filledWithZeros(): { readonly filledWith?: "zeros" } {
    const { filledWith } = this.of;
    if (filledWith !== undefined && filledWith !== "zeros") throw this.wrong("filledWith");
    return filledWith === undefined ? {} : { filledWith };
  }
}

const isFiniteNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
