/** Tables of ratings, items and users, in all forms that they come in: rows of cells, one at a time. */
import { isRecord, type LongWork, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readCsv } from "../formats/csv.js";
import type { TextPieces } from "../formats/text-file.js";
import { eachJsonValue, eachLine } from "../formats/text-lines.js";
import { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import { isJsonLines } from "../tables/table-file.js";
import type { KnownLayout } from "./movielens-layouts.js";

/** A table: where its text is from, and how it is written where its name does not say. */
export interface TableSource {
  /** As messages have it. */
  readonly path: string;
  /** Default the file at the path. */
  readonly pieces?: TextPieces | undefined;
  /** Of a file without a line of names. */
  readonly layout?: KnownLayout | undefined;
}

/** Takes the cells of a row, as many as there are columns, and its line. */
export type TakeRow = (cells: readonly string[], line: number) => void;

const jsonRemedy = 'Write one object a line, such as {"user": "7", "item": "12", "rating": 4}.';

/**
 * Reads a table row by row: CSV (.csv, .tsv), JSON lines (.jsonl, .ndjson), or a layout without names of columns.
 *
 * In JSON lines all columns of all lines are there, empty where a line has none; a list is a cell as JSON writes it.
 *
 * @param begin called once, with the names of the columns; what it returns takes the rows
 * @throws DataError ILD71 with the line, ILD03
 */
export async function eachTableRow(
  source: TableSource,
  begin: (columns: readonly string[]) => TakeRow,
  work: LongWork,
): Promise<void> {
  const { path, pieces, layout } = source;
  if (layout) await eachPlainRow(source, layout, begin, work);
  else if (isJsonLines(path)) await eachRecord(source, begin, work);
  else {
    // A tab between fields is what .tsv says: titles have commas.
    const separator = /\.tsv$/i.test(path) ? ({ separator: "\t" } as const) : {};
    await readCsv(path, begin, { ...work, ...separator, pieces });
  }
}

async function eachPlainRow(
  { path, pieces }: TableSource,
  { separator, columns, cellsOf }: KnownLayout,
  begin: (columns: readonly string[]) => TakeRow,
  work: LongWork,
): Promise<void> {
  const take = begin(columns);
  const problems = new Problems();
  const remedy = "Is it the file that its name says? Give a table with a line of names otherwise.";
  let rows = 0;
  await eachLine(path, { ...work, pieces, most: readingLimits.fieldLength, remedy }, (text, line) => {
    if (text === "") return;
    rows++;
    const fields = text.split(separator);
    const cells = cellsOf(fields);
    if (cells) take(cells, line);
    else problems.add(`${path}:${line}`, `${fields.length} fields between ${JSON.stringify(separator)}`);
  });
  problems.throwAny("ILD71", path, remedy);
  if (rows === 0) throw new DataError("ILD71", path, "the file is empty", "Give a table with rows.");
}

async function eachRecord(
  { path, pieces }: TableSource,
  begin: (columns: readonly string[]) => TakeRow,
  work: LongWork,
): Promise<void> {
  const setting = { ...work, pieces, remedy: jsonRemedy };
  // Which columns there are is known at the end only: the file is read twice.
  const names = new Set<string>();
  let rows = 0;
  await eachJsonValue(path, setting, (value, line) => {
    if (!isRecord(value)) throw new DataError("ILD71", `${path}:${line}`, "the line is not an object", jsonRemedy);
    rows++;
    for (const name of Object.keys(value)) {
      names.add(name);
      if (names.size > readingLimits.tableColumns) {
        const problem = `more than ${readingLimits.tableColumns} names in its objects`;
        throw new DataError("ILD71", `${path}:${line}`, problem, jsonRemedy);
      }
    }
  });
  if (names.size === 0) throw new DataError("ILD71", path, "the file is empty", jsonRemedy);
  if (rows * names.size > readingLimits.ratingCells) {
    const problem = `${rows} lines of ${names.size} names in all are more than ${readingLimits.ratingCells} cells`;
    throw new DataError("ILD71", path, problem, "Give the same names in each line, and none that are not used.");
  }
  const columns = [...names];
  const take = begin(columns);
  const problems = new Problems();
  await eachJsonValue(path, setting, (value, line) => {
    if (!isRecord(value)) return;
    const cells = columns.map((name) => (Object.hasOwn(value, name) ? cellOf(value[name]) : ""));
    const bad = cells.indexOf(undefined);
    if (bad < 0) take(cells as string[], line);
    else problems.add(`${path}:${line}`, `${quoted(columns[bad])} is neither a text, a number nor a list of them`);
  });
  problems.throwAny("ILD71", path, "Write texts, numbers, or lists of them.");
}

/** A value of JSON as a cell has it, undefined for what no cell has. */
function cellOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (value === null) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (!Array.isArray(value)) return undefined;
  const areWords = value.every((word) => typeof word === "string" || typeof word === "number");
  return areWords ? JSON.stringify(value.map(String)) : undefined;
}
