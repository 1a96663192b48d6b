import { DataError } from "./data-error.js";
import type { LongWork } from "./long-work.js";
import { textPieces } from "./text-file.js";

/** Options of readers of tables. */
export interface CsvOptions extends LongWork {
  /** What stands between fields; by default that of `,` `;` and tab which the first line has most of. */
  readonly separator?: "," | ";" | "\t";
  /** Whether the first line names the columns; default true. Without it they are named 1, 2, 3, ... */
  readonly header?: boolean;
}

/** Takes the fields of one row, and the line that the row begins in, from 1 on. */
export type CsvRow = (fields: readonly string[], line: number) => void;

const maximumColumns = 1_000_000;
const maximumFieldLength = 2 ** 20;

/**
 * Reads a table of comma-separated values (RFC 4180) row by row and returns the names of its columns.
 *
 * A field in quotes may hold separators, line breaks, and quotes as two quotes. Lines end in LF or CRLF; empty ones are
 * left out. Every row has as many fields as there are columns, whose names are not empty and differ.
 *
 * @param begin called once, with the names of the columns; what it returns takes the rows
 * @throws DataError ILD71 with the line, where the text is anything else; ILD03 where the file cannot be read
 * @example
 * const rows: string[][] = [];
 * const columns = await readCsv("curves.csv", () => (fields) => rows.push([...fields]));
 */
export async function readCsv(
  path: string,
  begin: (columns: readonly string[]) => CsvRow,
  options: CsvOptions = {},
): Promise<readonly string[]> {
  const { header = true } = options;
  let columns: readonly string[] | undefined;
  let row: CsvRow | undefined;
  const take: CsvRow = (fields, line) => {
    if (row && columns) {
      if (fields.length !== columns.length) {
        const problem = `${fields.length} fields, and there are ${columns.length} columns`;
        throw wrong(path, line, problem, "Give every row as many; put fields that hold separators in quotes.");
      }
      row(fields, line);
      return;
    }
    columns = header ? checkedNames(path, fields, line) : fields.map((_, i) => String(i + 1));
    row = begin(columns);
    if (!header) row(fields, line);
  };
  const parser = new CsvParser(path, options.separator, take);
  for await (const text of textPieces(path, options)) parser.add(text);
  parser.end();
  if (!columns) throw wrong(path, 1, "the file is empty", "Give a table with a header and rows.");
  return columns;
}

function checkedNames(path: string, fields: readonly string[], line: number): readonly string[] {
  const names = fields.map((name) => name.trim());
  const empty = names.indexOf("");
  if (empty >= 0)
    throw wrong(path, line, `column ${empty + 1} has no name`, "Name it, or say that there is no header.");
  if (names.every((name) => Number.isFinite(numberIn(name)))) {
    throw wrong(path, line, "the names of the columns are all numbers", "Add a header, or say that there is none.");
  }
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw wrong(path, line, `two columns are named ${JSON.stringify(name)}`, "Rename one.");
    seen.add(name);
  }
  return names;
}

/** The number that a field writes in decimal notation, spaces around it allowed; NaN for any other text. */
export function numberIn(field: string): number {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(field) ? Number(field) : Number.NaN;
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

  constructor(
    private readonly path: string,
    private separator: string | undefined,
    private readonly take: CsvRow,
  ) {}

  add(text: string): void {
    let piece = this.pending + text;
    this.pending = "";
    // A carriage return at the end of a piece: what follows decides whether it ends the line.
    if (piece.endsWith("\r")) {
      this.pending = "\r";
      piece = piece.slice(0, -1);
    }
    if (this.separator === undefined) {
      const end = piece.search(/[\r\n]/);
      if (end < 0 && piece.length < maximumFieldLength) {
        this.pending = piece + this.pending;
        return;
      }
      this.separator = likelySeparator(end < 0 ? piece : piece.slice(0, end));
    }
    this.parse(piece, this.separator);
  }

  end(): void {
    const rest = this.pending.replace(/\r$/, "");
    this.pending = "";
    this.separator ??= likelySeparator(rest);
    this.parse(rest, this.separator);
    if (this.state === "quoted") {
      throw wrong(this.path, this.rowLine, "a quoted field has no end", 'Write a quote within quotes as "".');
    }
    if (this.state === "start" && this.fields.length === 0) return;
    this.endField();
    this.endRow();
  }

  private parse(text: string, separator: string): void {
    // Where the plain or quoted text that is being read began.
    let from = 0;
    const keep = (to: number): void => {
      if (to > from) this.field += text.slice(from, to);
      if (this.field.length > maximumFieldLength) {
        throw wrong(this.path, this.line, `a field is longer than ${maximumFieldLength}`, "Is a quote missing?");
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
      const endsLine = character === "\n" || (character === "\r" && text[at + 1] === "\n");
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
          if (character === "\r") at++;
        }
        continue;
      }
      if (this.state === "quote") {
        throw wrong(this.path, this.line, "text after a closing quote", 'Write a quote within quotes as "".');
      }
      if (character === "\0") throw wrong(this.path, this.line, "a NUL character", "Is it a text file?");
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
    if (this.fields.length > maximumColumns) {
      throw wrong(this.path, this.rowLine, `more than ${maximumColumns} fields`, "Is the separator right?");
    }
  }

  private endRow(): void {
    const fields = this.fields;
    this.fields = [];
    this.take(fields, this.rowLine);
  }
}

function likelySeparator(line: string): "," | ";" | "\t" {
  const plain = line.replace(/"[^"]*"/g, "");
  const times = (separator: string): number => plain.split(separator).length;
  return times(";") > times(",") && times(";") >= times("\t") ? ";" : times("\t") > times(",") ? "\t" : ",";
}

function wrong(path: string, line: number, problem: string, remedy: string): DataError {
  return new DataError("ILD71", `${path}:${line}`, problem, remedy);
}
