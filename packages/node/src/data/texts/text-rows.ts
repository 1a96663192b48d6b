/** Rows of texts from outside, gathered and checked: what readers of tables and of folders have in common. */
import type { LabelledTexts, NamedParts, Split } from "@innerloop/core/tasks";
import { numberIn } from "@innerloop/core/tasks";
import { cut, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { partNamed } from "../parts-of-splits.js";
import { Problems } from "../problems.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { similarNames, similarNamesText } from "../tables/similar-names.js";

/** What a row says, as its file has it. */
export interface TextRow {
  readonly text: unknown;
  readonly label?: unknown;
  readonly domain?: unknown;
  /** The part of a split, by any of its usual names. */
  readonly part?: unknown;
}

export interface TextRowsOptions {
  /** Of the data set. */
  readonly name: string;
  /** The file or folder that the rows are of. */
  readonly path: string;
  /** What each row has to say beside its text. */
  readonly has: Readonly<Record<"label" | "domain" | "part", boolean>>;
  /** Keeps texts as they are written, without NFC and with the blanks at their ends. */
  readonly asWritten?: boolean;
}

/** Texts, and what is odd about them. */
export interface GatheredTexts {
  readonly texts: LabelledTexts;
  readonly notes: readonly string[];
}

/** Bytes that a text takes beside its letters, about: itself, its class, and its place among those that are compared. */
const bytesBeside = 100;
const rowsBetweenLooks = 4096;
/** Beyond so many, texts with a label each are no examples of classes. */
const fewRows = 100;
/** Names that a note lists. */
const mostNamed = 5;

const remedies = {
  text: "Write a text into each row, or remove rows without one.",
  label: "Give every text a label of up to 512 characters, or remove rows without one.",
  domain: "Say of every text which domain it is from.",
  part: "Write train, validation or test.",
} as const;

/**
 * Gathers rows. Texts and names are in Unicode's form NFC, without white space around them. Classes and domains are in
 * the order in which they first come up.
 *
 * Where each class is of one part only, and not all of the same, the parts are those of the classes: the fold "given".
 * Otherwise they are parts of the rows.
 */
export class TextRows {
  private readonly texts: string[] = [];
  private readonly classes: Names;
  private readonly domains: Names;
  private readonly parts: Split[] = [];
  /** Of each row its line, 0 where the file is the text, and the place of its file. */
  private readonly lines: number[] = [];
  private readonly fileOf: number[] = [];
  private readonly files: string[];
  private length = 0;
  private readonly problems = new Problems();
  private readonly needed = new Set<string>();

  constructor(private readonly options: TextRowsOptions) {
    this.files = [options.path];
    this.classes = new Names(readingLimits.classes, options.path, "classes");
    this.domains = new Names(readingLimits.classes, options.path, "domains");
  }

  /** The rows that follow are of this file. */
  begin(file: string): void {
    this.files.push(file);
  }

  /** @throws DataError ILD06 and ILD07, for more texts than are kept */
  add(row: TextRow, line: number): void {
    const { has } = this.options;
    const text = this.textOf(row.text, line);
    const label = has.label ? this.nameOf("label", row.label, line) : undefined;
    const domain = has.domain ? this.nameOf("domain", row.domain, line) : undefined;
    const part = has.part ? this.partOf(row.part, line) : undefined;
    // After the first problem there is no result: what is gathered then is of no use.
    if (text === undefined || this.problems.count > 0) return;
    this.requireLimits(text);
    this.texts.push(text);
    this.lines.push(line);
    this.fileOf.push(this.files.length - 1);
    this.classes.add(label);
    this.domains.add(domain);
    if (part) this.parts.push(part);
  }

  private requireLimits(text: string): void {
    const { path } = this.options;
    const { texts: mostTexts, textsLength } = readingLimits;
    this.length += text.length;
    const problem =
      this.texts.length >= mostTexts
        ? `it has more than ${mostTexts} texts`
        : this.length > textsLength
          ? `its texts have more than ${textsLength} characters`
          : undefined;
    if (problem !== undefined)
      throw new DataError("ILD06", path, problem, "Give a part of them: they are kept in memory.");
    if (this.texts.length % rowsBetweenLooks === 0)
      requireRoom(2 * this.length + this.texts.length * bytesBeside, path);
  }

  /** Something else is wrong with the file, or with a line of it. */
  problem(line: number, problem: string, remedy: string): undefined {
    this.problems.add(placeIn(this.files.at(-1)!, line), problem);
    this.needed.add(remedy);
    return undefined;
  }

  private textOf(value: unknown, line: number): string | undefined {
    const fault = typeof value === "string" ? textFault(value) : undefined;
    if (fault !== undefined) return this.problem(line, fault, remedies.text);
    if (value !== undefined && value !== null && typeof value !== "string")
      return this.problem(line, `the text is ${quoted(value)}, which is none`, remedies.text);
    const written = typeof value === "string" ? value : "";
    const text = this.options.asWritten ? written : written.normalize("NFC").trim();
    return text.trim() === "" ? this.problem(line, "the text is empty", remedies.text) : ownCopy(text);
  }

  private nameOf(what: "label" | "domain", value: unknown, line: number): string | undefined {
    const isName = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
    if (value !== undefined && value !== null && !isName)
      return this.problem(line, `the ${what} is ${quoted(value)}, which is no name`, remedies[what]);
    const written = isName ? String(value) : "";
    if (written.length > readingLimits.labelLength)
      return this.problem(line, `the ${what} has more than ${readingLimits.labelLength} characters`, remedies[what]);
    if (textFault(written) !== undefined)
      return this.problem(line, `the ${what} ${quoted(written)} is not plain text`, remedies[what]);
    const name = written.normalize("NFC").trim();
    return name === "" ? this.problem(line, `there is no ${what}`, remedies[what]) : name;
  }

  private partOf(value: unknown, line: number): Split | undefined {
    const part = typeof value === "string" ? partNamed(value) : undefined;
    const said = value === undefined || value === null || value === "" ? "is missing" : `is ${quoted(value)}`;
    return part ?? this.problem(line, `the part of the split ${said}`, remedies.part);
  }

  /**
   * The texts, in the order of their rows.
   *
   * @throws DataError ILD71 with all rows that are wrong, and where each text has a label of its own; ILD06 for no texts,
   * or one class alone
   */
  finish(): GatheredTexts {
    const { path, name, has } = this.options;
    this.problems.throwAny("ILD71", path, [...this.needed].join(" "));
    if (this.texts.length === 0) throw new DataError("ILD06", path, "there are no texts in it", "Give one at least.");
    const notes: string[] = [];
    // Of texts that are asked about each gets its answer, however often it stands there.
    if (has.label) {
      this.checkClasses(notes);
      this.noteRepeats(notes);
    }
    const classes = this.classes.named();
    return {
      texts: {
        name,
        texts: this.texts,
        classes,
        ...(has.domain ? { domains: this.domains.named() } : {}),
        ...(has.part ? partsOf(classes, this.parts) : {}),
      },
      notes,
    };
  }

  private checkClasses(notes: string[]): void {
    const { path } = this.options;
    const { names, counts } = this.classes;
    const rows = this.texts.length;
    if (names.length < 2) {
      const problem = `all ${rows} texts are of one class, ${quoted(names[0])}`;
      throw new DataError(
        "ILD06",
        path,
        problem,
        "Give texts of at least two classes. Is it the right column of labels?",
      );
    }
    const areNumbers = names.every((label) => Number.isFinite(numberIn(label)));
    // Fewer rows may be those that a model is to adapt to, one for each class.
    if (rows > fewRows && (names.length === rows || (areNumbers && names.length > rows / 2))) {
      const what = areNumbers ? `the labels are ${names.length} different numbers` : "each label is another";
      const problem = `${what} in ${rows} rows, such as ${quoted(names[0])}`;
      throw new DataError("ILD71", path, problem, "A class takes several texts. Is it the right column of labels?");
    }
    if (areNumbers) notes.push("the labels look like numbers, and are taken as names");
    const similar = similarNamesText("classes", similarNames(names));
    if (similar) notes.push(similar);
    const single = names.filter((_, place) => counts[place] === 1);
    if (single.length > 0 && single.length < names.length) {
      notes.push(
        `${single.length === 1 ? "one class has" : `${single.length} classes have`} one text only, which cannot be shown and asked about: ${listed(single)}`,
      );
    }
  }

  /** Tells of texts that stand there more than once. */
  private noteRepeats(notes: string[]): void {
    const first = new Map<string, number>();
    const [copies, contradictions] = [new Pairs(), new Pairs()];
    for (const [row, text] of this.texts.entries()) {
      const earlier = first.get(text);
      if (earlier === undefined) first.set(text, row);
      else if (this.classes.of[earlier] !== this.classes.of[row]) contradictions.add(earlier, row);
      else if (this.domains.of[earlier] === this.domains.of[row]) copies.add(earlier, row);
    }
    const place = (row: number): string => {
      const [file, line] = [this.files[this.fileOf[row]!]!, this.lines[row]!];
      return this.files.length === 1 ? `line ${line}` : placeIn(file, line);
    };
    const label = (row: number): string => quoted(this.classes.names[this.classes.of[row]!]);
    if (contradictions.first) {
      const [one, other] = contradictions.first;
      notes.push(
        `${counted(contradictions.count, "text")} also stand${contradictions.count === 1 ? "s" : ""} in another class (${place(other)}, ${label(other)}, as ${place(one)}, ${label(one)}): no model tells them apart`,
      );
    }
    if (copies.first) {
      const [one, other] = copies.first;
      notes.push(
        `${counted(copies.count, "text")} of ${this.texts.length} ${copies.count === 1 ? "is" : "are"} as an earlier one of the same class (${place(other)} as ${place(one)}): copies on both sides of a task flatter results; remove them`,
      );
    }
  }
}

/** Pairs of rows: how many, and the first. */
class Pairs {
  count = 0;
  first: readonly [earlier: number, row: number] | undefined;

  add(earlier: number, row: number): void {
    this.count++;
    this.first ??= [earlier, row];
  }
}

/** Names that rows refer to, in the order in which they first come up. */
class Names {
  readonly names: string[] = [];
  readonly counts: number[] = [];
  readonly of: number[] = [];
  private readonly places = new Map<string, number>();

  constructor(
    private readonly most: number,
    private readonly path: string,
    private readonly what: string,
  ) {}

  add(name: string | undefined): void {
    if (name === undefined) {
      this.of.push(-1);
      return;
    }
    let place = this.places.get(name);
    if (place === undefined) {
      if (this.names.length >= this.most) {
        const problem = `it has more than ${this.most} ${this.what}`;
        throw new DataError("ILD06", this.path, problem, "Is it the right column?");
      }
      place = this.names.length;
      const own = ownCopy(name);
      this.places.set(own, place);
      this.names.push(own);
      this.counts.push(0);
    }
    this.counts[place]!++;
    this.of.push(place);
  }

  named(): NamedParts {
    return { names: this.names, of: Int32Array.from(this.of) };
  }
}

/** What keeps a text from being one; undefined for most. */
export function textFault(text: string): string | undefined {
  if (text.length > readingLimits.textLength) return `the text has more than ${readingLimits.textLength} characters`;
  if (text.includes("\0")) return "the text holds a NUL character";
  if (/\p{Surrogate}/u.test(text)) return "the text holds half of a character (a surrogate by itself)";
  for (const [marks] of text.matchAll(/\p{M}+/gu))
    if (marks.length > readingLimits.combiningMarks)
      return `the text holds more than ${readingLimits.combiningMarks} combining marks in a row`;
  return undefined;
}

/** A text of its own: a part of the text that was read would keep all of it in memory. */
const ownCopy = (text: string): string => Buffer.from(text).toString();

const placeIn = (file: string, line: number): string => (line === 0 ? file : `${file}:${line}`);

const counted = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostNamed).map((name) => cut(name, 40));
  return `${shown.join(", ")}${names.length > mostNamed ? ` and ${names.length - mostNamed} others` : ""}`;
}

/** Parts of the rows, or of the classes where each is of one alone. */
export function partsOf(
  { names, of }: NamedParts,
  parts: readonly Split[],
): Pick<LabelledTexts, "parts"> | Pick<LabelledTexts, "folds"> {
  const partOf = new Map<string, Split>();
  for (const [row, part] of parts.entries()) {
    const name = names[of[row]!];
    if (name === undefined) return { parts };
    if ((partOf.get(name) ?? part) !== part) return { parts };
    partOf.set(name, part);
  }
  return new Set(partOf.values()).size < 2 ? { parts } : { folds: { given: Object.fromEntries(partOf) } };
}
