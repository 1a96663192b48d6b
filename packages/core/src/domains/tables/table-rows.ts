/** Rows of a table that a trained model is to adapt to, or is asked about: from cells to what a learner takes. */
import { type Tensor, tensor } from "@innerloop/graph";
import { type Examples, TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import {
  type CellReading,
  type InputColumn,
  readCell,
  readTarget,
  type TableCell,
  titleOf,
  widthOf,
  writeFeatures,
} from "./column-codings.js";
import { numberIn } from "./decimal-number.js";
import { isThousands } from "./near-numbers.js";
import { type TableSpec, tableFeatures } from "./table-spec.js";
import { isMissing, missingNames, missingNumbers } from "./text-column.js";

/** A row of a table: its cells by the names of their columns. */
export type TableRow = Readonly<Record<string, TableCell>>;

/** Options of what reads rows by a spec. */
export interface TableRowsOptions extends CellReading {
  /** The place of a row as messages name it; `row 0` and so on unless given. */
  readonly placeOf?: (row: number) => string;
  /** The columns of the table that the rows are from, where the rows do not hold all of them; theirs unless given. */
  readonly columns?: readonly string[];
}

/** Something that is wrong with rows: with a cell, or, where `row` is not there, with all of them. */
export interface TableRowProblem {
  readonly row?: number;
  readonly problem: string;
  readonly remedy: string;
}

/** The values of rows by a spec, and what is wrong with them. */
export interface TableRowValues {
  /** By input and row, as its coding takes it; NaN where it is missing. */
  readonly inputs: readonly Float64Array[];
  /** By target and row, in the table's units; NaN where it is missing. */
  readonly targets: readonly Float64Array[];
  /** All that is wrong: where there is anything, the values mean nothing. */
  readonly problems: readonly TableRowProblem[];
  /** A sentence each: columns that are not used, cells that were filled in, values that training did not have. */
  readonly notes: readonly string[];
}

/** Names and values that a message lists. */
const mostShown = 12;

/** A scaled number that is further from 0 than this is of another unit, or the spec of another table. */
const farFrom = 12;

/**
 * The cells of rows by the columns of a spec, and all that is wrong with them: columns that no row has, and cells that are
 * missing or of another kind. Columns stand in any order; others than those of the spec are not used.
 *
 * Where the spec fills missing cells in, these are empty, null or undefined; a row of a program that does not name the
 * column at all is refused. Where `columns` says what the table has, it is a missing cell.
 *
 * Text is read as the kind of its column asks: numbers with a point or a comma, but in one way throughout a column, dates,
 * truth values (`true`, `Yes`, 1).
 *
 * @param options.targets whether rows are examples, which need their targets; without, a target may be missing, and is
 * still read where it is there
 */
export function valuesOfTableRows(
  spec: TableSpec,
  rows: readonly TableRow[],
  options: TableRowsOptions & { readonly targets: boolean },
): TableRowValues {
  const problems: TableRowProblem[] = [];
  const notes: string[] = [];
  const { placeOf = (row) => `row ${row}` } = options;
  const there = new Set<string>(options.columns);
  const remedy = "Give rows as { column: cell }.";
  rows.forEach((row, i) => {
    if (typeof row !== "object" || row === null || Array.isArray(row))
      problems.push({ row: i, problem: `it is ${shownValue(row)}`, remedy });
    else if (!options.columns) for (const name of Object.keys(row)) there.add(name);
  });
  if (rows.length === 0) problems.push({ problem: "there are no rows", remedy: "Give at least one." });
  if (problems.length > 0) return { inputs: [], targets: [], problems, notes };

  const needed = [...spec.inputs, ...(options.targets ? spec.targets : [])].map(({ name }) => name);
  const absent = needed.filter((name) => !there.has(name));
  if (absent.length > 0) {
    const problem = `there ${absent.length === 1 ? "is no column" : "are no columns"} ${listed(absent, JSON.stringify)}`;
    problems.push({ problem, remedy: `The columns that there are: ${listed([...there])}.` });
  }
  const known = new Set([spec.groupColumn, ...[...spec.inputs, ...spec.targets].map(({ name }) => name)]);
  const others = [...there].filter((name) => !known.has(name));
  if (others.length > 0) notes.push(`${others.length === 1 ? "column" : "columns"} not used: ${listed(others)}`);

  const decimalsOf = new Map<string, Decimals>();
  const filled: { readonly column: InputColumn; readonly cells: number }[] = [];
  const values = (
    name: string,
    column: InputColumn | undefined,
    missing: { readonly texts: ReadonlySet<string>; readonly isFine: boolean },
  ): Float64Array => {
    const decimals = new Decimals();
    let cells = 0;
    const unseen = new Map<string, number>();
    const found = Float64Array.from(rows, (row, i) => {
      const isNamed = Object.hasOwn(row, name);
      const cell = isNamed ? row[name] : undefined;
      if (isMissing(cell, missing.texts)) {
        cells++;
        if (!missing.isFine) problems.push({ row: i, ...noValue(name, column, cell) });
        else if (column && !isNamed && !options.columns)
          problems.push({
            row: i,
            problem: `column ${JSON.stringify(name)} is not there`,
            remedy: "Give null for a value that is missing.",
          });
        return Number.NaN;
      }
      const value = !isCell(cell)
        ? { problem: `holds ${shownValue(cell)}`, remedy: "Give text, a number, or true or false." }
        : column
          ? readCell(column, cell, options)
          : readTarget(cell, options);
      if (typeof value === "object") {
        problems.push({ row: i, problem: `column ${JSON.stringify(name)} ${value.problem}`, remedy: value.remedy });
        return Number.NaN;
      }
      decimals.add(cell, i);
      const text = String(cell).trim();
      if (value === -1 && column?.kind === "category" && !unseen.has(text)) unseen.set(text, i);
      return value;
    });
    if (column && cells > 0) filled.push({ column, cells });
    if (!column || column.kind === "number") {
      problems.push(...decimals.problems(name, placeOf));
      decimalsOf.set(name, decimals);
    }
    if (unseen.size > 0 && column?.kind === "category") {
      const texts = [...unseen].map(([text, row]) => `${shown(text)} (${placeOf(row)})`);
      const values = listed(column.values);
      notes.push(`column ${name}: training had no ${listed(texts)}, only ${values}: coded as none of them`);
    }
    if (column) notes.push(...farNotes(column, found, placeOf));
    return found;
  };
  const inputs = spec.inputs
    .filter(({ name }) => there.has(name))
    .map((column) => {
      const isName = column.kind === "category" || column.kind === "boolean";
      const texts = isName ? missingNames : missingNumbers;
      return values(column.name, column, { texts, isFine: column.filledWith !== undefined });
    });
  const targets = spec.targets
    .filter(({ name }) => !options.targets || there.has(name))
    .map(({ name }) => values(name, undefined, { texts: missingNumbers, isFine: !options.targets }));
  notes.push(...filledNotes(filled));
  const all = [...decimalsOf];
  if (spec.decimalCommas || all.some(([, { hasComma }]) => hasComma))
    notes.push(...all.flatMap(([name, decimals]) => decimals.notes(name, placeOf)));
  return { inputs, targets, problems, notes };
}

/** What is said of cells that were filled in. */
function filledNotes(filled: readonly { readonly column: InputColumn; readonly cells: number }[]): string[] {
  const note = (of: typeof filled, how: string): string[] => {
    const count = of.reduce((sum, { cells }) => sum + cells, 0);
    const names = listed(of.map(({ column }) => column.name));
    return count === 0 ? [] : [`${count} missing ${count === 1 ? "cell" : "cells"} ${how}: ${names}`];
  };
  const hasMean = ({ column }: (typeof filled)[number]): boolean => typeof column.filledWith === "number";
  return [
    ...note(filled.filter(hasMean), "filled with the mean of the column"),
    ...note(
      filled.filter((each) => !hasMean(each)),
      "coded as none of the values",
    ),
  ];
}

/** Whether the numbers of a column are written with a comma for a point, which cannot be told apart from one that is not. */
class Decimals {
  private comma = -1;
  private point = -1;
  private shown: readonly string[] = ["", ""];
  /** Whether each point may be a mark between thousands. */
  private isOfThousands = true;

  get hasComma(): boolean {
    return this.comma >= 0;
  }

  add(cell: TableCell, row: number): void {
    if (typeof cell !== "string") return;
    if (this.comma < 0 && cell.includes(",")) {
      this.comma = row;
      this.shown = [cell, this.shown[1]!];
    }
    if (!cell.includes(".")) return;
    this.isOfThousands &&= isThousands(cell.trim());
    if (this.point < 0) {
      this.point = row;
      this.shown = [this.shown[0]!, cell];
    }
  }

  problems(name: string, placeOf: (row: number) => string): TableRowProblem[] {
    if (this.comma < 0 || this.point < 0) return [];
    const [comma, point] = this.shown.map(shown);
    const problem = `column ${JSON.stringify(name)} writes numbers with a comma (${comma}) and with a point (${point} in ${placeOf(this.point)})`;
    return [{ row: this.comma, problem, remedy: "Write numbers in one way, without marks between thousands." }];
  }

  /** What is said where commas are decimal ones elsewhere, and all points of this column may be marks between thousands. */
  notes(name: string, placeOf: (row: number) => string): string[] {
    if (this.point < 0 || this.comma >= 0 || !this.isOfThousands) return [];
    const cell = this.shown[1]!.trim();
    const value = `${cell} (${placeOf(this.point)}) is read as ${numberIn(cell)}`;
    return [`column ${name}: ${value}; if the point is a mark between thousands, write numbers without it`];
  }
}

function noValue(name: string, column: InputColumn | undefined, cell: TableCell): Omit<TableRowProblem, "row"> {
  const isEmpty = cell === undefined || (typeof cell === "string" && cell.trim() === "");
  const problem = `column ${JSON.stringify(name)} has no value${isEmpty ? "" : ` (${shown(String(cell))})`}`;
  const remedy = column
    ? `Give the ${titleOf(column.kind)}: what was trained with missing cells filled in (missing: mean) does without some.`
    : "Rows to adapt to need what is to be predicted.";
  return { problem, remedy };
}

/** What is said of numbers that are far from all that training had. */
function farNotes(column: InputColumn, values: Float64Array, placeOf: (row: number) => string): string[] {
  // A deviation of 1 stands for none: of what does not vary, or is not scaled.
  if (column.kind !== "number" || column.deviation === 1) return [];
  const { name, mean, deviation } = column;
  const row = values.findIndex((value) => Math.abs((value - mean) / deviation) > farFrom);
  if (row < 0) return [];
  const times = Math.round(Math.abs((values[row]! - mean) / deviation));
  const usual = `${Number(mean.toPrecision(3))} +- ${Number(deviation.toPrecision(3))}`;
  return [`column ${name}: ${values[row]} (${placeOf(row)}) is ${times} deviations from those of training (${usual})`];
}

/**
 * Rows as the examples of a task, for a learner to adapt to: what `groupedRegression` makes of the rows of a group.
 *
 * @returns x [rows, tableFeatures(spec)] and y [rows, targets], and a sentence for each thing that is worth knowing
 * @throws TaskError ILT307 with all that is wrong
 * @example
 * const rows = [{ distance: "3,5", weather: "rain", fare: 9.5 }];
 * const task = await run.adapt(encodeTableExamples(spec, rows).examples);
 */
export function encodeTableExamples(
  spec: TableSpec,
  rows: readonly TableRow[],
  options: TableRowsOptions = {},
): { readonly examples: Examples; readonly notes: readonly string[] } {
  const { inputs, targets, notes } = withoutProblems("encodeTableExamples", spec, rows, { ...options, targets: true });
  const width = spec.targets.length;
  const y = new Float32Array(rows.length * width);
  spec.targets.forEach(({ mean, deviation }, i) => {
    for (let row = 0; row < rows.length; row++) y[row * width + i] = (targets[i]![row]! - mean) / deviation;
  });
  return { examples: { x: encoded(spec, inputs, rows.length), y: tensor(y, [rows.length, width]) }, notes };
}

/**
 * Rows as inputs, to predict from; their targets need not be there.
 *
 * @returns x [rows, tableFeatures(spec)]
 * @throws TaskError ILT307 with all that is wrong
 * @example
 * const { x } = encodeTableInputs(spec, [{ distance: 3.5, weather: "rain" }]);
 * const [{ fare }] = decodeTableTargets(spec, await task.predict(x));
 */
export function encodeTableInputs(
  spec: TableSpec,
  rows: readonly TableRow[],
  options: TableRowsOptions = {},
): { readonly x: Tensor; readonly notes: readonly string[] } {
  const { inputs, notes } = withoutProblems("encodeTableInputs", spec, rows, { ...options, targets: false });
  return { x: encoded(spec, inputs, rows.length), notes };
}

function withoutProblems(
  operation: string,
  spec: TableSpec,
  rows: readonly TableRow[],
  options: TableRowsOptions & { readonly targets: boolean },
): TableRowValues {
  if (!Array.isArray(rows)) {
    const remedy = "Give a list of { column: cell }, one for each row";
    throw new TaskError("ILT307", operation, `the rows are ${shownValue(rows)}`, remedy);
  }
  const read = valuesOfTableRows(spec, rows, options);
  const { problems } = read;
  const [first] = problems;
  if (!first) return read;
  const { placeOf = (row) => `row ${row}` } = options;
  const lines = problems
    .slice(0, mostShown)
    .map(({ row, problem }) => (row === undefined ? problem : `${placeOf(row)}: ${problem}`));
  const others = problems.length > mostShown ? [`... and ${problems.length - mostShown} more`] : [];
  const remedies = [...new Set(problems.map(({ remedy }) => remedy))].slice(0, mostShown).join(" ");
  if (problems.length === 1) throw new TaskError("ILT307", operation, lines[0]!, remedies);
  const list = [...lines, ...others].map((line) => `\n  ${line}`).join("");
  throw new TaskError("ILT307", operation, `there are ${problems.length} problems`, `${remedies}${list}`);
}

function encoded(spec: TableSpec, inputs: readonly Float64Array[], rows: number): Tensor {
  const features = tableFeatures(spec);
  const x = new Float32Array(rows * features);
  let offset = 0;
  spec.inputs.forEach((column, i) => {
    for (let row = 0; row < rows; row++) writeFeatures(column, inputs[i]![row]!, x, row * features + offset);
    offset += widthOf(column);
  });
  return tensor(x, [rows, features]);
}

const isCell = (cell: unknown): boolean => ["string", "number", "boolean"].includes(typeof cell);

const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);

function listed(names: readonly string[], show: (name: string) => string = (name) => name): string {
  const others = names.length > mostShown ? ` and ${names.length - mostShown} others` : "";
  const cut = (name: string): string => (name.length > 80 ? `${name.slice(0, 80)}...` : name);
  return `${names
    .slice(0, mostShown)
    .map((name) => show(cut(name)))
    .join(", ")}${others}`;
}
