/** Tables of texts: CSV, TSV, JSON lines; and files of a text a line. */
import type { LongWork, TextReading } from "@innerloop/experiments";
import { cut, isRecord, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readCsv } from "../formats/csv.js";
import { eachJsonValue, eachLine } from "../formats/text-lines.js";
import { isTextName } from "../images/class-folders.js";
import { partNamed } from "../parts-of-splits.js";
import { readingLimits } from "../reading-limits.js";
import { headerHelp, isJsonLines, isTableName } from "../tables/table-file.js";
import { type GatheredTexts, type TextRow, TextRows } from "./text-rows.js";

/** Options of `readTextTable`. */
export interface TextTableOptions extends TextReading, LongWork {
  /** Name of the data set; default "texts". */
  readonly name?: string;
}

/** Whether `readTextTable` reads files of this name. */
export const isTextTableName = (path: string): boolean => isTableName(path) || isTextName(path);

/** What columns of texts and of labels are called, the usual name first. */
const usualNames = {
  text: ["text", "texts", "sentence", "utterance", "query", "question", "headline", "review", "message", "content"],
  label: ["label", "labels", "class", "intent", "category", "topic", "sentiment"],
} as const;

/** The columns of a table that make texts. */
interface Columns {
  readonly text: string;
  readonly label?: string;
  readonly domain?: string;
  readonly part?: string;
}

/**
 * Reads texts from a table: CSV (.csv, .tsv) with a line of names, or one JSON object a line (.jsonl, .ndjson). Which
 * columns hold texts and labels is told, or told by their names where these are usual ones ("text", "label", "intent").
 *
 * Without labels (`unlabelled`) a table of one column will do, as will JSON lines of strings, and a file with a text a
 * line (.txt). Every text is then of no class.
 *
 * @throws DataError ILD71 with all that is wrong, by line: columns that are not there, rows without text or label, text
 * that is not UTF-8; a label column of nothing but different numbers; ILD06 for no texts, texts of one class alone, and
 * more than 2^21 texts; ILD07, ILD03
 */
export async function readTextTable(path: string, options: TextTableOptions): Promise<GatheredTexts> {
  if (isTextName(path)) return readTextLines(path, options);
  const read = isJsonLines(path) ? readRecords : readFields;
  const notes: string[] = [];
  const rows = await read(path, options, notes);
  const found = rows.finish();
  return { texts: found.texts, notes: [...notes, ...found.notes] };
}

async function readTextLines(
  path: string,
  { name = "texts", unlabelled, asWritten = false, ...work }: TextTableOptions,
) {
  if (!unlabelled) {
    const remedy =
      "Give a table (.csv, .tsv, .jsonl) with a column of labels, or a folder with a folder of .txt files for each class.";
    throw new DataError("ILD71", path, "a file of lines says of no text which class it is of", remedy);
  }
  const rows = new TextRows({ name, path, has: { label: false, domain: false, part: false }, asWritten });
  const setting = { ...work, most: readingLimits.textLength, remedy: "Write a text a line." };
  await eachLine(path, setting, (text, line) => {
    if (text.trim() !== "") rows.add({ text }, line);
  });
  return rows.finish();
}

const rowsOf = (
  path: string,
  { name = "texts", asWritten = false }: TextTableOptions,
  { label, domain, part }: Columns,
): TextRows =>
  new TextRows({
    name,
    path,
    asWritten,
    has: { label: label !== undefined, domain: domain !== undefined, part: part !== undefined },
  });

async function readFields(path: string, options: TextTableOptions, notes: string[]): Promise<TextRows> {
  let rows: TextRows | undefined;
  // A tab between fields is what .tsv says: texts have commas.
  const separator = /\.tsv$/i.test(path) ? ({ separator: "\t" } as const) : {};
  let split: SplitHint | undefined;
  await readCsv(
    path,
    (names) => {
      const columns = chosenColumns(path, names, options, notes);
      const growing = rowsOf(path, options, columns);
      rows = growing;
      const at = (name: string | undefined): number => (name === undefined ? -1 : names.indexOf(name));
      const [text, label, domain, part] = [at(columns.text), at(columns.label), at(columns.domain), at(columns.part)];
      split = new SplitHint(columns.part === undefined && !options.unlabelled ? names.filter(isSplitName) : []);
      return (fields, line) => {
        split!.look((name) => fields[names.indexOf(name)]);
        growing.add({ text: fields[text], label: fields[label], domain: fields[domain], part: fields[part] }, line);
      };
    },
    { ...options, ...separator },
  );
  split?.tell(notes);
  return rows!;
}

async function readRecords(path: string, options: TextTableOptions, notes: string[]): Promise<TextRows> {
  let rows: TextRows | undefined;
  let columns: Columns | undefined;
  let split = new SplitHint([]);
  const remedy = 'Write one object a line, such as {"text": "a sentence", "label": "a"}.';
  await eachJsonValue(path, { ...options, remedy }, (value, line) => {
    if (options.unlabelled && typeof value === "string") {
      rows ??= rowsOf(path, options, { text: "" });
      rows.add({ text: value }, line);
      return;
    }
    if (!isRecord(value)) throw new DataError("ILD71", `${path}:${line}`, "the line is not an object", remedy);
    if (!columns) {
      const names = Object.keys(value);
      columns = chosenColumns(path, names, options, notes);
      split = new SplitHint(columns.part === undefined && !options.unlabelled ? names.filter(isSplitName) : []);
    }
    rows ??= rowsOf(path, options, columns);
    split.look((name) => own(value, name));
    const { text, label, domain, part } = columns;
    const row: TextRow = {
      text: own(value, text),
      label: own(value, label),
      domain: own(value, domain),
      part: own(value, part),
    };
    rows.add(row, line);
  });
  if (!rows) throw new DataError("ILD06", path, "there are no texts in it", "Give one at least.");
  split.tell(notes);
  return rows;
}

const own = (record: Readonly<Record<string, unknown>>, name: string | undefined): unknown =>
  name !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

const isSplitName = (name: string): boolean => ["split", "part", "fold", "subset"].includes(name.toLowerCase());

/** Columns that seem to say which part of a split a row belongs to, which is asked for only. */
class SplitHint {
  private candidates: readonly string[];
  private rows = 0;

  constructor(names: readonly string[]) {
    this.candidates = names;
  }

  look(cell: (name: string) => unknown): void {
    if (this.candidates.length === 0) return;
    this.rows++;
    this.candidates = this.candidates.filter((name) => {
      const value = cell(name);
      return typeof value === "string" && partNamed(value) !== undefined;
    });
  }

  tell(notes: string[]): void {
    const [name] = this.candidates;
    if (name === undefined || this.rows === 0) return;
    notes.push(`column ${quoted(name)} names parts of a split, which is not used: --split-column ${name} uses it`);
  }
}

/** The columns that are given, and for the others those of usual names. @throws DataError ILD71 that names those there are */
function chosenColumns(
  path: string,
  names: readonly string[],
  { textColumn, labelColumn, domainColumn, splitColumn, ownColumns = {}, unlabelled = false }: TextReading,
  notes: string[],
): Columns {
  const given = { text: textColumn, label: labelColumn, domain: domainColumn, part: splitColumn };
  const wanted = Object.values(given).filter((name) => name !== undefined);
  const absent = wanted.filter((name) => !names.includes(name));
  if (absent.length > 0) {
    const problem =
      absent.length === 1
        ? `there is no column ${quoted(absent[0])}`
        : `there are no columns ${absent.map((name) => quoted(name)).join(", ")}`;
    throw new DataError("ILD71", path, problem, `It has ${some(names)}.${headerHelp(names, absent)}`);
  }
  const twice = wanted.find((name, i) => wanted.indexOf(name) !== i);
  if (twice !== undefined) {
    const problem = `column ${quoted(twice)} is named for two things`;
    throw new DataError("ILD71", path, problem, "Texts, labels, domains and parts are columns of their own.");
  }
  const others = names.filter((name) => !wanted.includes(name));
  const only = unlabelled && names.length === 1 && textColumn === undefined ? names[0] : undefined;
  const ownOf = (name: string | undefined): string | undefined =>
    name !== undefined && others.includes(name) ? name : undefined;
  const text = textColumn ?? only ?? ownOf(ownColumns.text) ?? usualOf("text", others);
  const label = labelColumn ?? (unlabelled ? undefined : (ownOf(ownColumns.label) ?? usualOf("label", others)));
  const domain = domainColumn ?? ownOf(ownColumns.domain);
  if (text === undefined || (label === undefined && !unlabelled)) {
    const missing = [
      ...(text === undefined ? ["texts (--text-column)"] : []),
      ...(label === undefined && !unlabelled ? ["labels (--label-column)"] : []),
    ];
    const problem = `no name of a column says which holds the ${missing.join(" and which the ")}`;
    const remedy = `Name ${missing.length > 1 ? "them" : "it"}: it has ${some(names)}.${headerHelp(names, [])}`;
    throw new DataError("ILD71", path, problem, remedy);
  }
  if (only !== undefined && !usualNames.text.some((usual) => usual === only.toLowerCase()))
    notes.push(`the first line, ${quoted(only)}, is taken for the name of the column: a file of texts alone is a .txt`);
  // Names as the documentation has them surprise nobody.
  const isPlain =
    [usualNames.text[0], ownColumns.text].includes(text) &&
    [undefined, usualNames.label[0], ownColumns.label].includes(label);
  const inferred = [
    ...(textColumn === undefined && only === undefined ? [`texts are those of column ${quoted(text)}`] : []),
    ...(labelColumn === undefined && label !== undefined ? [`classes those of column ${quoted(label)}`] : []),
  ];
  if (inferred.length > 0 && !isPlain) notes.push(inferred.join(", "));
  return {
    text,
    ...(label === undefined ? {} : { label }),
    ...(domain === undefined ? {} : { domain }),
    ...(splitColumn === undefined ? {} : { part: splitColumn }),
  };
}

/** The one column with a usual name: "text" itself, or the only other. */
function usualOf(what: keyof typeof usualNames, names: readonly string[]): string | undefined {
  const [first] = usualNames[what];
  const usual: readonly string[] = usualNames[what];
  const found = names.filter((name) => usual.includes(name.toLowerCase()));
  return found.find((name) => name.toLowerCase() === first) ?? (found.length === 1 ? found[0] : undefined);
}

const some = (names: readonly string[]): string =>
  `${cut(names.slice(0, 12).join(", "), 300)}${names.length > 12 ? ", ..." : ""}`;
