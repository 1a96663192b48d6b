/** Tokens with their tags, one a line. */
import type { Span } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { counted, quoted } from "@innerloop/experiments";
import { DataError } from "../../data-error.js";
import { eachLine } from "../../formats/text-lines.js";
import { readingLimits } from "../../reading-limits.js";
import type { MarkedGathering, MarkedPlace } from "./marked-gathering.js";

const lineSetting = { most: readingLimits.fieldLength, remedy: "Write a token and its tag in a line." };

/** A tag: outside of all spans, or a place in one of a type. */
type Tag = "outside" | { readonly place: "begins" | "continues" | "ends" | "single"; readonly type: string };

/** Prefixes of IO, BIO, BIOES, BILOU and BMES. */
const places = {
  B: "begins",
  I: "continues",
  M: "continues",
  E: "ends",
  L: "ends",
  S: "single",
  U: "single",
} as const;

/** What a tag says; undefined for what is none. */
export function tagIn(text: string): Tag | undefined {
  if (text === "O") return "outside";
  const [prefix = "", dash] = text;
  if (dash !== "-" || text.length < 3 || !Object.hasOwn(places, prefix)) return undefined;
  return { place: places[prefix as keyof typeof places], type: text.slice(2) };
}

/** The columns of a line: by tabs where there are any, by blanks elsewhere. */
export const columnsOf = (line: string): readonly string[] =>
  line.includes("\t")
    ? line
        .trimEnd()
        .split("\t")
        .map((cell) => cell.trim())
    : line.trim().split(/\s+/);

/**
 * Reads CoNLL: a token a line, in the first column, its tag in the last; columns end in tabs or blanks, sentences in empty
 * lines. Tags are BIO, IO, BIOES, BILOU or BMES. Lines `-DOCSTART-` are left out, and lines that begin with # and end in no
 * tag. The text of a sentence is its tokens with one blank between them, and its words are the tokens.
 *
 * A tag that continues a span where none of its type is open begins one, as in seqeval: that is told once.
 *
 * @throws DataError ILD71 for a file of another encoding; what is wrong with lines goes to `gathering`
 */
export async function readConll(
  path: string,
  place: MarkedPlace,
  gathering: MarkedGathering,
  work: LongWork,
): Promise<void> {
  let sentence = new TokenSentence();
  let begun = 0;
  let opened: { count: number; readonly first: number } | undefined;
  let sawBeginning = false;
  const end = (): void => {
    if (sentence.tokens > 0) gathering.add({ ...place, ...sentence.finish() }, `${path}:${begun}`);
    sentence = new TokenSentence();
  };
  await eachLine(path, { ...work, ...lineSetting }, (line, number) => {
    if (line.trim() === "") return end();
    const columns = columnsOf(line);
    const [token = ""] = columns;
    const written = columns.at(-1)!;
    if (token === "-DOCSTART-") return end();
    const tag = tagIn(written);
    if (token.startsWith("#") && sentence.tokens === 0 && (columns.length < 2 || tag === undefined)) return;
    const where = `${path}:${number}`;
    if (columns.length < 2) {
      const problem = tag ? `the tag ${quoted(token)} without a token` : `the token ${quoted(token)} without a tag`;
      return gathering.problems.add(where, problem);
    }
    if (token === "") return gathering.problems.add(where, `the tag ${quoted(written)} without a token`);
    if (tag === undefined)
      return gathering.problems.add(
        where,
        `${quoted(written)} is no tag: O, or B-, I-, E- or S- and a type; the last column holds them`,
      );
    if (sentence.tokens === 0) begun = number;
    if (tag !== "outside" && tag.place === "begins") sawBeginning = true;
    if (sentence.add(token, tag)) {
      if (opened) opened.count++;
      else opened = { count: 1, first: number };
    }
    if (sentence.length > readingLimits.markedTextLength)
      throw new DataError(
        "ILD71",
        `${path}:${begun}`,
        `a sentence of more than ${readingLimits.markedTextLength} characters`,
        "Put an empty line between sentences.",
      );
  });
  end();
  if (opened)
    gathering.tell(
      sawBeginning
        ? `${path}: ${counted(opened.count, "span")} without a beginning, the first in line ${opened.first}: I- is read as B- there`
        : `${path}: tags have no B-: spans of a type side by side are read as one`,
    );
}

/** A sentence that tokens are added to. */
class TokenSentence {
  private text: string[] = [];
  private readonly words: (readonly [number, number])[] = [];
  private readonly spans: Span[] = [];
  private open: { start: number; end: number; readonly type: string } | undefined;
  length = 0;

  get tokens(): number {
    return this.words.length;
  }

  /** Whether the tag continues a span that was not begun. */
  add(token: string, tag: Tag): boolean {
    const start = this.tokens === 0 ? 0 : this.length + 1;
    const end = start + token.length;
    this.text.push(token);
    this.words.push([start, end]);
    this.length = end;
    if (tag === "outside") {
      this.close();
      return false;
    }
    const { place, type } = tag;
    const continues = (place === "continues" || place === "ends") && this.open?.type === type;
    if (continues) this.open!.end = end;
    else {
      this.close();
      this.open = { start, end, type };
    }
    if (place === "ends" || place === "single") this.close();
    return !continues && (place === "continues" || place === "ends");
  }

  private close(): void {
    if (this.open) this.spans.push(this.open);
    this.open = undefined;
  }

  finish() {
    this.close();
    return { text: this.text.join(" "), spans: this.spans, words: this.words };
  }
}
