/** Marked texts as a program has them: a text with spans, or its words with tags. */
import { checkedSpans, type MarkedText, type Span, spansOfBio } from "@innerloop/core/tasks";
import { isRecord, quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";

const remedy =
  'Give { text: "To Berlin", spans: [{ start: 3, end: 9, type: "city" }] }, or { tokens: ["To", "Berlin"], tags: ["O", "B-city"] }';

/** Faults that a message lists. */
const mostTold = 10;

/**
 * The marked text in a value, with its words where these were given.
 *
 * @param where it is, for messages
 * @throws ExportError ILE206 where it is none, with all that is wrong about its spans
 */
export function markedTextOf(value: unknown, where: string): MarkedText {
  const refuse = (problem: string): never => {
    throw new ExportError("ILE206", where, problem, remedy);
  };
  if (!isRecord(value)) return refuse(`it is ${quoted(value)}`);
  const { input, text = input, spans = [], tokens, tags } = value;
  if (tokens !== undefined) return taggedWords(tokens, tags, refuse);
  if (typeof text !== "string") return refuse(`its text is ${quoted(text)}`);
  if (!Array.isArray(spans) || !Array.from(spans).every(isRecord)) return refuse(`its spans are ${quoted(spans)}`);
  const found = checkedSpans(text, spans as unknown as readonly Span[]);
  if (found.faults.length > 0) refuse(found.faults.slice(0, mostTold).join("; "));
  return { text, spans: found.spans };
}

/** Words with their tags, IO or BIO, as a text with blanks between them. */
function taggedWords(tokens: unknown, tags: unknown, refuse: (problem: string) => never): MarkedText {
  const areTexts = (list: unknown): list is readonly string[] =>
    Array.isArray(list) && Array.from(list).every((each) => typeof each === "string");
  if (!areTexts(tokens) || !tokens.every((token) => /\S/.test(token)))
    return refuse(`its tokens are ${quoted(tokens)}`);
  const given = tags ?? tokens.map(() => "O");
  if (!areTexts(given) || given.length !== tokens.length)
    return refuse(`its tags are ${quoted(tags)}, of ${tokens.length} tokens`);
  const words: (readonly [number, number])[] = [];
  let at = 0;
  for (const token of tokens) {
    words.push([at, at + token.length]);
    at += token.length + 1;
  }
  const found = spansOfBio(given);
  if (!found.spans) return refuse(`its tag ${found.at + 1} is ${quoted(given[found.at])}`);
  const spans = found.spans.map(({ start, end, type }) => ({ start: words[start]![0], end: words[end - 1]![1], type }));
  return { text: tokens.join(" "), words, spans };
}
