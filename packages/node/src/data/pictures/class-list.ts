/** Names of classes beside YOLO text: classes.txt, or `names` of a data.yaml. */
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { linesOf } from "./mark-lines.js";

/** Names, by their places. */
export interface ClassList {
  readonly names: readonly string[];
  readonly where: string;
}

const remedy = "Write names: [cat, dog], or a name a line below names:, as - cat or as 0: cat.";

const refusal = (where: string, line: number, problem: string, what = remedy): DataError =>
  new DataError("ILD54", `${where}:${line}`, problem, what);

/** The names of a classes.txt, one a line. @throws DataError ILD54 with the line */
export function classesOfLines(text: string, where: string): ClassList {
  const lines = linesOf(text);
  requireNames(
    lines.map(({ text: name, line }) => ({ name, line })),
    where,
  );
  return { names: lines.map(({ text: name }) => name), where };
}

interface NamedLine {
  readonly name: string;
  readonly line: number;
}

function requireNames(names: readonly NamedLine[], where: string): void {
  const { pictureClasses, labelLength } = readingLimits;
  const seen = new Set<string>();
  for (const [i, { name, line }] of names.entries()) {
    if (i >= pictureClasses) throw refusal(where, line, `more than ${pictureClasses} names`);
    if (name === "" || name.length > labelLength)
      throw refusal(where, line, `a name of ${name.length} characters, where 1 to ${labelLength} are read`);
    if (seen.has(name)) throw refusal(where, line, `the name ${quoted(name)} a second time`);
    seen.add(name);
  }
}

/**
 * The names of a data.yaml; undefined where it has no `names` at the left edge. Of YAML there is read what such files have:
 * a list or map, in brackets or over lines, of plain, 'single' or "double" quoted texts, and comments. Keys of a map are
 * the places 0, 1, ... in any order.
 *
 * @throws DataError ILD54 with the line, for anything else behind `names:` and for an `nc` of another number
 */
export function classesOfYaml(text: string, where: string): ClassList | undefined {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  const start = lines.findIndex((line) => line.startsWith("names:"));
  if (start < 0) return undefined;
  const reader = new NamesReader(lines, start, where);
  const names = reader.read();
  requireNames(names, where);
  if (names.length === 0) throw refusal(where, start + 1, "names: without names");
  const number = lines.findIndex((line) => line.startsWith("nc:"));
  const nc = number < 0 ? "" : withoutComment(lines[number]!.slice("nc:".length)).trim();
  if (nc !== "" && nc !== String(names.length))
    throw refusal(
      where,
      number + 1,
      `nc: is ${quoted(nc)}, and there are ${names.length} names`,
      "Correct one of them.",
    );
  return { names: names.map(({ name }) => name), where };
}

/** A plain text without the comment behind it, which begins with a blank and #. */
function withoutComment(text: string): string {
  for (let at = text.indexOf("#"); at >= 0; at = text.indexOf("#", at + 1))
    if (at === 0 || text[at - 1] === " " || text[at - 1] === "\t") return text.slice(0, at);
  return text;
}

/** Characters that begin what YAML has beside plain texts: anchors, tags, blocks of lines, directives. */
const special = "&*!|>%@`[]{},?";

/** Reads what stands behind `names:`, character by character and never twice. */
class NamesReader {
  private line: number;
  private at: number;
  private readonly found: (NamedLine & { readonly key?: number })[] = [];

  constructor(
    private readonly lines: readonly string[],
    private readonly start: number,
    private readonly where: string,
  ) {
    this.line = start;
    this.at = "names:".length;
  }

  read(): readonly NamedLine[] {
    const rest = this.text.slice(this.at);
    if (rest !== "" && rest[0] !== " " && rest[0] !== "\t") throw this.refuse("names: without a blank behind it");
    this.skipBlanks();
    const opening = this.text[this.at];
    if (opening === "[" || opening === "{") this.readFlow(opening === "{");
    else if (this.isRestEmpty()) this.readBlock();
    else throw this.refuse(`${quoted(this.text.slice(this.at))} behind names:`);
    return this.inOrder();
  }

  private get text(): string {
    return this.lines[this.line] ?? "";
  }

  private refuse(problem: string, line = this.line): DataError {
    return refusal(this.where, line + 1, problem);
  }

  private skipBlanks(): void {
    while (this.text[this.at] === " " || this.text[this.at] === "\t") this.at++;
  }

  private isRestEmpty(): boolean {
    this.skipBlanks();
    return this.at >= this.text.length || this.text[this.at] === "#";
  }

  private add(name: string, key?: number): void {
    if (this.found.length >= readingLimits.pictureClasses)
      throw this.refuse(`more than ${readingLimits.pictureClasses} names`);
    this.found.push({ name, line: this.line + 1, ...(key === undefined ? {} : { key }) });
  }

  /** Over lines, as far as they are indented or begin with a dash. */
  private readBlock(): void {
    let indent: number | undefined;
    for (this.line++; this.line < this.lines.length; this.line++) {
      this.at = 0;
      if (this.isRestEmpty()) continue;
      const isItem = this.text[this.at] === "-" && [" ", "\t", undefined].includes(this.text[this.at + 1]);
      if (this.at === 0 && !isItem) return;
      indent ??= this.at;
      if (this.at !== indent) throw this.refuse("a name that is indented otherwise than the first");
      const key = isItem ? undefined : this.key(":");
      if (isItem) this.at++;
      this.skipBlanks();
      this.add(this.scalar(""), key);
      if (!this.isRestEmpty()) throw this.refuse(`${quoted(this.text.slice(this.at))} behind a name`);
    }
  }

  /** In brackets, which may go over lines. */
  private readFlow(isMap: boolean): void {
    const closing = isMap ? "}" : "]";
    this.at++;
    for (;;) {
      this.skipToText();
      if (this.text[this.at] === closing) break;
      const key = isMap ? this.key(":") : undefined;
      this.skipToText();
      this.add(this.scalar(`,${closing}`), key);
      this.skipToText();
      if (this.text[this.at] === ",") this.at++;
      else if (this.text[this.at] !== closing) throw this.refuse(`${quoted(this.text.slice(this.at))} behind a name`);
    }
    this.at++;
    if (!this.isRestEmpty()) throw this.refuse(`${quoted(this.text.slice(this.at))} behind the names`);
  }

  /** Goes on to the next character that is no blank or comment. */
  private skipToText(): void {
    while (this.isRestEmpty()) {
      this.line++;
      this.at = 0;
      if (this.line >= this.lines.length) throw this.refuse("the names have no end", this.start);
    }
  }

  /** A place, up to and with what follows it. */
  private key(mark: string): number {
    const end = this.text.indexOf(mark, this.at);
    const written = end < 0 ? "" : this.text.slice(this.at, end).trim();
    if (!/^[0-9]{1,5}$/.test(written)) throw this.refuse(`${quoted(this.text.slice(this.at))}: a place as 0: is read`);
    this.at = end + 1;
    return Number(written);
  }

  /** A text, quoted or up to one of some characters or a comment. */
  private scalar(ends: string): string {
    const quote = this.text[this.at];
    if (quote === "'" || quote === '"') return this.quotedScalar(quote);
    const from = this.at;
    if (quote === undefined || special.includes(quote))
      throw this.refuse(`${quoted(this.text.slice(from))}: a text is read, quote it if it begins so`);
    while (this.at < this.text.length && !ends.includes(this.text[this.at]!)) {
      const character = this.text[this.at];
      const before = this.text[this.at - 1];
      if (character === "#" && (before === " " || before === "\t")) break;
      if (character === ":" && [" ", "\t", undefined].includes(this.text[this.at + 1]))
        throw this.refuse(`${quoted(this.text.slice(from))}: a map within a name`);
      this.at++;
    }
    return this.text.slice(from, this.at).trim();
  }

  private quotedScalar(quote: "'" | '"'): string {
    const parts: string[] = [];
    const from = this.at;
    for (this.at++; this.at < this.text.length; this.at++) {
      const character = this.text[this.at]!;
      const next = this.text[this.at + 1];
      if (character === quote && (quote === '"' || next !== "'")) {
        this.at++;
        return parts.join("");
      }
      if (quote === '"' && character === "\\") {
        if (next !== '"' && next !== "\\" && next !== "/")
          throw this.refuse(`${quoted(this.text.slice(from))}: behind a backslash, only " \\ and / are read`);
        parts.push(next);
        this.at++;
      } else {
        parts.push(character);
        // Two single quotes are one.
        if (character === quote) this.at++;
      }
    }
    throw this.refuse(`${quoted(this.text.slice(from))}: a quote without its end`);
  }

  private inOrder(): readonly NamedLine[] {
    const keyed = this.found.filter(({ key }) => key !== undefined);
    if (keyed.length === 0) return this.found;
    if (keyed.length < this.found.length) throw this.refuse("names with and without places", this.start);
    const placed = [...this.found].sort((a, b) => a.key! - b.key!);
    const wrong = placed.findIndex(({ key }, i) => key !== i);
    if (wrong >= 0) {
      const { line } = placed[wrong]!;
      throw refusal(
        this.where,
        line,
        `place ${placed[wrong]!.key}, where ${wrong} is next: places are 0, 1, ... once each`,
      );
    }
    return placed;
  }
}
