/** The columns of a table as a learner takes them: plain data, by which further rows are coded and predictions read. */
import { Tensor, toNumbers } from "@innerloop/graph";
import { TaskError } from "../../tasks/task.js";
import type { ColumnSpec } from "../../tasks/task-spec.js";
import { isNumericArray, requireObject, shownValue } from "../../tasks/value-gate.js";
import { ColumnFields, columnFrom, type InputColumn, widthOf } from "./column-codings.js";

/**
 * The coding of a table's rows: all that is needed to bring further rows to a model that was trained on it, and its
 * predictions back to the table's units. Plain data, whose numbers come out of JSON as they went in.
 */
export interface TableSpec {
  /** The column that says which group a row belongs to. */
  readonly groupColumn: string;
  readonly inputs: readonly InputColumn[];
  readonly targets: readonly ColumnSpec[];
  /** Whether the table wrote numbers with decimal commas: a point may then be a mark between thousands, which is said. */
  readonly decimalCommas?: true;
}

/** Numbers that an input is made of: x is [n, tableFeatures(spec)]. */
export const tableFeatures = (spec: Pick<TableSpec, "inputs">): number =>
  spec.inputs.reduce((sum, column) => sum + widthOf(column), 0);

/**
 * Predictions in the units of the table, by the names of its targets: y deviation + mean. It is the inverse of what
 * `encodeTableExamples` makes of targets, to the digits of float32.
 *
 * @param y [n, targets] with values, or these numbers row by row: a prediction, or the targets of a task
 * @throws TaskError ILT307 where it is not of that shape
 * @example
 * const { x } = encodeTableInputs(spec, [{ distance: 3.5, weather: "rain" }]);
 * decodeTableTargets(spec, await task.predict(x)) // [{ fare: 12.4 }]
 */
export function decodeTableTargets(
  { targets }: Pick<TableSpec, "targets">,
  y: Tensor | ArrayLike<number>,
): Record<string, number>[] {
  const values = numbersOf(y, targets.length);
  if (!values) {
    const problem = `predictions are ${shownValue(y)}, and there are ${targets.length} targets`;
    const remedy =
      "Give [rows, targets] with values; of a loss of distributions, the values that they stand for (loss.point)";
    throw new TaskError("ILT307", "decodeTableTargets", problem, remedy);
  }
  return Array.from({ length: values.length / targets.length }, (_, row) =>
    Object.fromEntries(
      targets.map(({ name, mean, deviation }, i) => [name, values[row * targets.length + i]! * deviation + mean]),
    ),
  );
}

/** The numbers of rows of so many each; undefined for anything else. */
function numbersOf(y: Tensor | ArrayLike<number>, width: number): ArrayLike<number> | undefined {
  if (Array.isArray(y) || isNumericArray(y)) return y.length % width === 0 ? (y as ArrayLike<number>) : undefined;
  const isWhole = y instanceof Tensor && y.data !== undefined && y.rank === 2 && y.shape[1] === width;
  return isWhole ? toNumbers(y) : undefined;
}

/**
 * A spec as it was kept in a file, checked.
 *
 * @throws TaskError ILT308 where it is none
 * @example tableSpecFrom(JSON.parse(text))
 */
export function tableSpecFrom(value: unknown): TableSpec {
  const remedy = "Give what groupedRegression(...).spec was kept as";
  requireObject(value, "tableSpecFrom", "the spec of a table", remedy);
  const { groupColumn, inputs, targets, decimalCommas } = value as Record<string, unknown>;
  const wrong = (problem: string): TaskError => new TaskError("ILT308", "tableSpecFrom", problem, remedy);
  if (typeof groupColumn !== "string") throw wrong(`groupColumn is ${shownValue(groupColumn)}`);
  if (decimalCommas !== undefined && decimalCommas !== true)
    throw wrong(`decimalCommas is ${shownValue(decimalCommas)}`);
  const names = new Set([groupColumn]);
  const listOf = <T extends { readonly name: string }>(
    columns: unknown,
    what: string,
    read: (fields: ColumnFields) => T,
  ): readonly T[] => {
    if (!Array.isArray(columns) || columns.length === 0) throw wrong(`${what} are ${shownValue(columns)}`);
    return columns.map((column: unknown, i) => {
      const where = `${what}[${i}]`;
      if (typeof column !== "object" || column === null) throw wrong(`${where} is ${shownValue(column)}`);
      const found = read(new ColumnFields(column as Record<string, unknown>, where, wrong));
      if (names.has(found.name)) throw wrong(`${where} is named ${shownValue(found.name)}, as another column`);
      names.add(found.name);
      return found;
    });
  };
  const spec = {
    groupColumn,
    inputs: listOf(inputs, "inputs", columnFrom),
    targets: listOf(targets, "targets", (fields) => ({ name: fields.text("name"), ...fields.scale() })),
    ...(decimalCommas === true ? { decimalCommas: true as const } : {}),
  };
  if (tableFeatures(spec) === 0) throw wrong("its inputs are coded as no numbers");
  return spec;
}
