/** Rows of a table that a trained model is to adapt to, or is asked about, from a file. */
import {
  type TableCell,
  type TableRow,
  type TableRowsOptions,
  type TableSpec,
  valuesOfTableRows,
} from "@innerloop/core/tasks";
import { DataError } from "../data-error.js";
import { type CsvOptions, readCsv } from "../formats/csv.js";
import { Problems } from "../problems.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { eachJsonLine, headerHelp, isJsonLines } from "./table-file.js";

/** Options of `readTableRows`. */
export interface TableRowsFileOptions extends CsvOptions {
  /** Whether each row needs its targets: those to adapt to do, those that are asked about do not. */
  readonly needTargets: boolean;
}

/** Rows of a file, of which each cell is as the spec asks. */
export interface TableRowsFile {
  /** The cells of the spec's columns, by name, as they are written. */
  readonly rows: readonly TableRow[];
  /** How `encodeTableExamples` and `encodeTableInputs` are to read them, and call them. */
  readonly reading: TableRowsOptions;
  /** By name, of the targets that the file has: their values in the table's units, undefined where a cell is empty. */
  readonly targets: Readonly<Record<string, readonly (number | undefined)[]>>;
  /** The group that each row says it is of, where the file has that column. */
  readonly groups?: readonly string[];
  /** A sentence each: columns that are not used, values that training did not have. */
  readonly notes: readonly string[];
}

/** Bytes that a cell takes as a text of its own, about. */
const cellBytes = 64;
const rowsBetweenLooks = 4096;

/**
 * Reads the rows of a table by the spec of another: CSV (.csv, .tsv) with a line of names, or one JSON object a line
 * (.jsonl, .ndjson). Columns stand in any order; the group column may be missing, and others are not used, which `notes`
 * says.
 *
 * @throws DataError ILD71 with all that is wrong: columns that are not there, cells that are missing or not of their kind,
 * with their lines; ILD06 for no rows, or more than 2^22 cells; ILD07, ILD03
 * @example
 * const support = await readTableRows("five-rows.csv", spec, { needTargets: true });
 * const task = await run.adapt(encodeTableExamples(spec, support.rows, support.reading).examples);
 * const asked = await readTableRows("rows.csv", spec, { needTargets: false });
 * const { x } = encodeTableInputs(spec, asked.rows, asked.reading);
 * console.log(decodeTableTargets(spec, await task.predict(x)));
 */
export async function readTableRows(
  path: string,
  spec: TableSpec,
  options: TableRowsFileOptions,
): Promise<TableRowsFile> {
  const known = [spec.groupColumn, ...[...spec.inputs, ...spec.targets].map(({ name }) => name)];
  const { rows, lines, columns, decimalCommas } = await rowsIn(path, known, options);
  if (rows.length === 0) throw new DataError("ILD06", path, "there are no rows", "Give at least one.");
  const reading: TableRowsOptions = { columns, decimalCommas, placeOf: (row) => `line ${lines[row]}` };
  const found = valuesOfTableRows(spec, rows, { ...reading, targets: options.needTargets });
  const problems = new Problems();
  for (const { row, problem } of found.problems)
    problems.add(row === undefined ? path : `${path}:${lines[row]}`, problem);
  const needed = [...spec.inputs, ...(options.needTargets ? spec.targets : [])].map(({ name }) => name);
  const absent = needed.filter((name) => !columns.includes(name));
  const help = absent.length > 0 ? headerHelp(columns, absent) : "";
  const remedies = [...new Set(found.problems.map(({ remedy }) => remedy))].slice(0, 12).join(" ");
  problems.throwAny("ILD71", path, `${remedies}${help}`);
  const targets = spec.targets.flatMap(({ name }, i): [string, (number | undefined)[]][] =>
    columns.includes(name)
      ? [[name, Array.from(found.targets[i]!, (value) => (Number.isNaN(value) ? undefined : value))]]
      : [],
  );
  const groups = columns.includes(spec.groupColumn)
    ? { groups: rows.map((row) => String(row[spec.groupColumn] ?? "").trim()) }
    : {};
  return { rows, reading, targets: Object.fromEntries(targets), ...groups, notes: found.notes };
}

/** The cells of the columns that are known, row by row, and the names of all columns. */
async function rowsIn(path: string, known: readonly string[], options: CsvOptions) {
  const rows: TableRow[] = [];
  const lines: number[] = [];
  let cells = 0;
  const add = (row: TableRow, line: number): void => {
    cells += Object.keys(row).length;
    if (cells > readingLimits.tableCells) {
      const problem = `it has more than ${readingLimits.tableCells} cells`;
      throw new DataError("ILD06", path, problem, "Give fewer rows at a time.");
    }
    if (rows.length % rowsBetweenLooks === 0) requireRoom(cells * cellBytes, path);
    rows.push(row);
    lines.push(line);
  };
  // Names such as __proto__ are names like any other.
  const rowOf = (found: readonly (readonly [string, TableCell])[]): TableRow => Object.fromEntries(found);
  if (isJsonLines(path)) {
    const columns = new Set<string>();
    await eachJsonLine(path, options, (record, line) => {
      for (const name of Object.keys(record)) {
        if (columns.size < readingLimits.tableColumns) columns.add(name);
      }
      const there = known.filter((name) => Object.hasOwn(record, name));
      add(rowOf(there.map((name) => [name, kept(record[name] as TableCell)])), line);
    });
    return { rows, lines, columns: [...columns], decimalCommas: false };
  }
  let decimalCommas = false;
  const columns = await readCsv(
    path,
    (names, separator) => {
      decimalCommas = separator !== ",";
      const places = known.flatMap((name): [string, number][] =>
        names.includes(name) ? [[name, names.indexOf(name)]] : [],
      );
      return (fields, line) => add(rowOf(places.map(([name, place]) => [name, kept(fields[place])])), line);
    },
    options,
  );
  return { rows, lines, columns, decimalCommas };
}

/** A cell of its own: a part of the text that was read would keep all of it in memory. What is longer is no value. */
const kept = (cell: TableCell): TableCell =>
  typeof cell === "string" ? Buffer.from(cell.slice(0, readingLimits.labelLength)).toString() : cell;
