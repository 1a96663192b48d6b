import { numberIn } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import { eachTextPiece, type TextPieces } from "./text-file.js";

type Separator = "," | ";" | "\t";

/** Options of readers of tables. */
export interface CsvOptions extends LongWork {
  /** What stands between fields; by default that of `,` `;` and tab which the first line has most of, or names: `sep=;`. */
  readonly separator?: Separator;
  /** Whether the first line names the columns; default true. Without it they are named 1, 2, 3, ... */
  readonly header?: boolean;
  /** Where the text is from; default the file at the path. */
  readonly pieces?: TextPieces | undefined;
}

/** Takes the fields of one row, and the line that the row begins in, from 1 on. */
export type CsvRow = (fields: readonly string[], line: number) => void;

/**
 * Reads a table of comma-separated values (RFC 4180) row by row and returns the names of its columns.
 *
 * A field in quotes may hold separators, line breaks, and quotes as two quotes. Lines end in LF, CRLF or CR; empty ones
 * are left out, as is a first one `sep=;`, which programs for tables write. Every row has as many fields as there are
 * columns, whose names are not empty and differ.
 *
 * @param begin called once, with the names of the columns and what separates them; what it returns takes the rows
 * @throws DataError ILD71 with the line, where the text is anything else, for rows of another length all at once; ILD03
 * where the file cannot be read
 * @example
 * const rows: string[][] = [];
 * const columns = await readCsv("curves.csv", () => (fields) => rows.push([...fields]));
 */
export async function readCsv(
  path: string,
  begin: (columns: readonly string[], separator: Separator) => CsvRow,
  options: CsvOptions = {},
): Promise<readonly string[]> {
  const { header = true, pieces = eachTextPiece } = options;
  let columns: readonly string[] | undefined;
  let row: CsvRow | undefined;
  const problems = new Problems();
  const take = (fields: readonly string[], line: number, separator: Separator): void => {
    if (row && columns) {
      if (fields.length === columns.length) row(fields, line);
      else problems.add(`${path}:${line}`, `${fields.length} fields, and there are ${columns.length} columns`);
      return;
    }
    columns = header ? checkedNames(path, fields, line) : fields.map((_, i) => String(i + 1));
    row = begin(columns, separator);
    if (!header) row(fields, line);
  };
  const parser = new CsvParser(path, options.separator, take);
  await pieces(path, options, (text) => parser.add(text));
  parser.end();
  problems.throwAny("ILD71", path, "Give every row as many; put fields that hold separators in quotes.");
  if (!columns) throw wrong(path, 1, "the file is empty", "Give a table with a header and rows.");
  return columns;
}

function checkedNames(path: string, fields: readonly string[], line: number): readonly string[] {
  const names = fields.map((name) => name.trim());
  const empty = names.indexOf("");
  if (empty >= 0)
    throw wrong(
      path,
      line,
      `column ${empty + 1} of ${names.length} has no name`,
      "Name it in this line, or remove the column or the separator there.",
    );
  if (names.every((name) => Number.isFinite(numberIn(name)))) {
    throw wrong(
      path,
      line,
      "the names of the columns are all numbers",
      "Add a line of names before it (data import takes --header no).",
    );
  }
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw wrong(path, line, `two columns are named ${quoted(name)}`, "Rename one.");
    seen.add(name);
  }
  return names;
}

/** At the start of a field, within a plain one, within quotes, or behind what may be the closing quote. */
type State = "start" | "plain" | "quoted" | "quote";

/** Rows from text that comes in pieces, which may end anywhere. */
class CsvParser {
  private state: State = "start";
  private field = "";
  private fields: string[] = [];
  /** Of the text before the current character, and of the row's beginning. */
  private line = 1;
  private rowLine = 1;
  /** Text whose meaning depends on what follows it. */
  private pending = "";
  private isBegun = false;

  constructor(
    private readonly path: string,
    /** As given, until the first line says what it is where nothing is given. */
    private separator: Separator | undefined,
    private readonly take: (fields: readonly string[], line: number, separator: Separator) => void,
  ) {}

  add(text: string): void {
    let piece = this.pending + text;
    this.pending = "";
    // A carriage return at the end of a piece: what follows decides whether another character belongs to it.
    if (piece.endsWith("\r")) {
      this.pending = "\r";
      piece = piece.slice(0, -1);
    }
    if (!this.isBegun && firstLineOf(piece) === undefined && piece.length < readingLimits.fieldLength) {
      this.pending = piece + this.pending;
      return;
    }
    this.parse(this.begun(piece));
  }

  end(): void {
    const rest = this.pending.endsWith("\r") ? this.pending.slice(0, -1) : this.pending;
    this.pending = "";
    this.parse(this.begun(rest));
    if (this.state === "quoted") {
      throw wrong(this.path, this.rowLine, "a quoted field has no end", 'Write a quote within quotes as "".');
    }
    if (this.state === "start" && this.fields.length === 0) return;
    this.endField();
    this.endRow();
  }

  /** Settles the separator by the first line. @returns the text without what that line says of it */
  private begun(piece: string): string {
    if (this.isBegun) return piece;
    this.isBegun = true;
    const first = firstLineOf(piece) ?? piece;
    const said = (first.startsWith('"') && first.endsWith('"') ? first.slice(1, -1) : first).trimEnd();
    const named = said.length <= 5 && said.toLowerCase().startsWith("sep=");
    if (!named) {
      this.separator ??= likelySeparator(first);
      return piece;
    }
    // A tab at its end is not to be taken for a space.
    const separator = first.replaceAll('"', "").slice(4, 5);
    if (separator !== "," && separator !== ";" && separator !== "\t") {
      const problem = `it says that ${quoted(separator)} stands between fields`;
      throw wrong(this.path, 1, problem, "Save it with , or ; or tabs.");
    }
    this.separator ??= separator;
    return piece.slice(first.length);
  }

  private parse(text: string): void {
    const { separator } = this;
    // Where the plain or quoted text that is being read began.
    let from = 0;
    const keep = (to: number): void => {
      if (to > from) this.field += text.slice(from, to);
      if (this.field.length > readingLimits.fieldLength) {
        throw wrong(this.path, this.line, `a field is longer than ${readingLimits.fieldLength}`, "Is a quote missing?");
      }
    };
    for (let at = 0; at < text.length; at++) {
      const character = text[at]!;
      if (this.state === "quoted") {
        if (character === '"') {
          keep(at);
          this.state = "quote";
        } else if (character === "\n") this.line++;
        continue;
      }
      if (character === '"') {
        if (this.state === "plain") {
          throw wrong(this.path, this.line, "a quote within a field", 'Put the field in quotes, and write "" for one.');
        }
        // The second of two is a quote in the text; the first of a field opens it.
        from = this.state === "quote" ? at : at + 1;
        this.state = "quoted";
        continue;
      }
      const endsLine = character === "\n" || character === "\r";
      if (character === separator || endsLine) {
        if (this.state === "plain") keep(at);
        const isEmpty = endsLine && this.state === "start" && this.fields.length === 0;
        if (!isEmpty) {
          this.endField();
          if (endsLine) this.endRow();
        }
        if (endsLine) {
          this.line++;
          this.rowLine = this.line;
          if (character === "\r" && text[at + 1] === "\n") at++;
        }
        continue;
      }
      if (this.state === "quote") {
        throw wrong(this.path, this.line, "text after a closing quote", 'Write a quote within quotes as "".');
      }
      if (character === "\0")
        throw wrong(this.path, this.line, "a NUL character", "Is it a text file? Save it as UTF-8.");
      if (this.state === "start") {
        from = at;
        this.state = "plain";
      }
    }
    if (this.state === "plain" || this.state === "quoted") keep(text.length);
  }

  private endField(): void {
    this.fields.push(this.field);
    this.field = "";
    this.state = "start";
    if (this.fields.length > readingLimits.tableColumns) {
      throw wrong(this.path, this.rowLine, `more than ${readingLimits.tableColumns} fields`, "Is the separator right?");
    }
  }

  private endRow(): void {
    const fields = this.fields;
    this.fields = [];
    this.take(fields, this.rowLine, this.separator ?? ",");
  }
}

/** The first line of a text, without its end; undefined where it has none. */
function firstLineOf(text: string): string | undefined {
  const end = text.search(/[\r\n]/);
  return end < 0 ? undefined : text.slice(0, end);
}

/** The separator that there is most of outside quotes. */
function likelySeparator(line: string): Separator {
  const times = { ",": 0, ";": 0, "\t": 0 };
  let isQuoted = false;
  for (const character of line) {
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (character === "," || character === ";" || character === "\t")) times[character]++;
  }
  return times[";"] > times[","] && times[";"] >= times["\t"] ? ";" : times["\t"] > times[","] ? "\t" : ",";
}

function wrong(path: string, line: number, problem: string, remedy: string): DataError {
  return new DataError("ILD71", `${path}:${line}`, problem, remedy);
}
