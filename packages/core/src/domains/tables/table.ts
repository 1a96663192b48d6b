/** A table as plain data, and the values of its columns. */
import { TaskError } from "../../tasks/task.js";
import { isNumericArray, shownValue } from "../../tasks/value-gate.js";
import type { DateOrder } from "./calendar.js";
import { type ColumnValues, largestOfColumn, type TableCell } from "./column-codings.js";
import { type ColumnKind, isMissing, missingNames, missingNumbers, mostCategories, TextColumn } from "./text-column.js";

/** A table as plain data: columns by name, all of one length. */
export interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, ArrayLike<number> | readonly TableCell[]>>;
  /**
   * The kinds of columns, where they are to be others than their cells say. In a column of a kind numbers are taken for
   * what the kind makes of its texts: for days since 1970-01-01, fractions of a day, or 0 and 1.
   */
  readonly kinds?: Readonly<Record<string, ColumnKind>>;
  /** How dates such as 3/4/2024 were read, of columns that are given as days. */
  readonly dateOrders?: Readonly<Record<string, DateOrder>>;
}

/** @internal A column with what its cells stand for. */
export interface TableColumnValues extends ColumnValues {
  readonly kind: ColumnKind;
}

const operation = "groupedRegression";

/** @throws ILT301 where the columns are none, ILT304 where this one is not there */
export function columnOf(table: Table, name: string): ArrayLike<number> | readonly TableCell[] {
  const columns: unknown = table?.columns;
  if (typeof columns !== "object" || columns === null) {
    const problem = `the columns of the table are ${shownValue(columns)}`;
    throw new TaskError("ILT301", operation, problem, "Give a table as { name, columns: { name: values } }");
  }
  const found: unknown = Object.hasOwn(columns, name) ? table.columns[name] : undefined;
  if (Array.isArray(found) || isNumericArray(found)) return found as ArrayLike<number>;
  if (found !== undefined) {
    const problem = `column "${name}" of ${table.name} is ${shownValue(found)}`;
    throw new TaskError("ILT301", operation, problem, "Give a list with a value for each row");
  }
  const some = Object.keys(table.columns).slice(0, 12).join(", ");
  throw new TaskError("ILT304", operation, `no column "${name}" in ${table.name}`, `It has ${some}`);
}

/**
 * @internal The values of a column of targets, or of inputs, whose kind is decided by all of its cells.
 *
 * @param setting.fills whether cells may be missing
 * @throws ILT301 where it is of another length; ILT302 for a cell that is not of its kind, or missing
 */
export function valuesOf(
  table: Table,
  name: string,
  setting: {
    readonly role: "input" | "target";
    readonly groupColumn: string;
    readonly length: number;
    readonly fills: boolean;
  },
): TableColumnValues {
  const cells = columnOf(table, name);
  const { role, groupColumn, length, fills } = setting;
  if (cells.length !== length) {
    const problem = `column "${name}" of ${table.name} has ${cells.length} rows, "${groupColumn}" has ${length}`;
    throw new TaskError("ILT301", operation, problem, "Give all columns the same length");
  }
  const told = table.kinds && Object.hasOwn(table.kinds, name) ? table.kinds[name]! : undefined;
  if (role === "target" || (told ?? "number") === "number") {
    const areTexts = role === "input" && told === undefined && mostlyTexts(cells);
    if (!areTexts) return { name, kind: "number", values: numbersOf(table, name, cells, fills) };
  }
  if (told !== undefined && told !== "category" && mostlyNumbers(cells))
    return { name, kind: told, values: numbersOf(table, name, cells, fills), order: table.dateOrders?.[name] };
  return textValues(table, name, cells, fills, told);
}

/** Whether more of the cells that are there are texts or truth values than numbers. */
function mostlyTexts(cells: ArrayLike<unknown>): boolean {
  if (isNumericArray(cells)) return false;
  let [texts, numbers] = [0, 0];
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    if (typeof cell === "number") numbers++;
    else if (typeof cell === "boolean" || (typeof cell === "string" && !isMissing(cell, missingNames))) texts++;
  }
  return texts > numbers;
}

const mostlyNumbers = (cells: ArrayLike<unknown>): boolean => isNumericArray(cells) || !mostlyTexts(cells);

function numbersOf(table: Table, name: string, cells: ArrayLike<unknown>, fills: boolean): ArrayLike<number> {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    // The numbers themselves are kept as float32.
    if (typeof value === "number" && Math.abs(value) <= largestOfColumn) continue;
    if (fills && Number.isNaN(value)) continue;
    const remedy =
      typeof value === "number" && Number.isFinite(value)
        ? "Numbers are up to 1e30: change the unit, or leave out rows where it stands for a missing value"
        : 'Leave out rows with missing values and what is no number; for inputs missing: "mean" fills them in';
    throw refusal(table, name, row, value, remedy);
  }
  return cells as ArrayLike<number>;
}

function textValues(
  table: Table,
  name: string,
  cells: ArrayLike<unknown>,
  fills: boolean,
  told: ColumnKind | undefined,
): TableColumnValues {
  const texts = new TextColumn();
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    if (isMissing(cell, missingNames)) {
      if (fills) continue;
      throw refusal(table, name, row, cell, 'Leave out rows with missing values; missing: "mean" does without them');
    }
    if (!["string", "number", "boolean"].includes(typeof cell))
      throw refusal(table, name, row, cell, "Give text, numbers or truth values");
    texts.add(String(cell), row, -1, typeof cell === "number");
  }
  const kind = told ?? texts.kind;
  if (kind === undefined || kind === "number" || (kind !== "date" && kind !== "time" && !texts.texts)) {
    const problem = `column "${name}" of ${table.name} holds more than ${mostCategories} different texts, or long ones`;
    throw new TaskError("ILT302", operation, problem, "Leave it out: nothing is to be learned of names and free text");
  }
  if (kind === "date" && texts.unclearDates) {
    const problem = `column "${name}" of ${table.name} ${texts.unclearDates}`;
    throw new TaskError("ILT302", operation, problem, "Write dates as 2024-01-31");
  }
  const values = new Float64Array(cells.length);
  texts.each(kind, cells.length, (value, row) => {
    values[row] = value;
  });
  const missing = kind === "category" || kind === "boolean" ? missingNames : missingNumbers;
  const odd = values.findIndex((value, row) => Number.isNaN(value) && !(fills && isMissing(cells[row], missing)));
  if (odd >= 0) throw refusal(table, name, odd, cells[odd], `It is a column of kind "${kind}": mend this cell`);
  return {
    ...{ name, kind, values, order: texts.order },
    ...(kind === "category" ? { texts: [...texts.texts!.keys()] } : {}),
  };
}

function refusal(table: Table, name: string, row: number, value: unknown, remedy: string): TaskError {
  const problem = `column "${name}" of ${table.name}, row ${row} holds ${shownValue(value)}`;
  return new TaskError("ILT302", operation, problem, remedy);
}
