/** Marked texts, as the store keeps them. */
import { checkedSpans, type MarkedText, type MarkedTexts, type Span, type Split } from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";
import { readingLimits } from "../reading-limits.js";
import { isCount, type StoredHeader, type StoredKind, splits } from "./stored-kind.js";

/** The head of a stored data set of marked texts. */
export interface MarkedHeader extends StoredHeader {
  readonly texts: number;
  readonly spans: number;
  /** Bytes of all that follows. */
  readonly bytes: number;
  readonly types: readonly string[];
  readonly domains: readonly string[];
}

/** What is told of stored marked texts. */
export interface MarkedFacts {
  readonly texts: number;
  readonly spans: number;
  readonly types: number;
  readonly domains: number;
}

const mostBytes = 2 ** 30;

const namesOf = (texts: readonly MarkedText[]) => ({
  types: [...new Set(texts.flatMap(({ spans }) => spans.map(({ type }) => type)))].sort(),
  domains: [...new Set(texts.flatMap(({ domain }) => domain ?? []))].sort(),
});

function* linesOf({ texts }: MarkedTexts): Generator<Uint8Array> {
  const { types, domains } = namesOf(texts);
  const typeAt = new Map(types.map((name, place) => [name, place]));
  const domainAt = new Map(domains.map((name, place) => [name, place]));
  for (const { text, spans, domain, part, words } of texts) {
    const line: readonly unknown[] = [
      text,
      spans.map(({ start, end, type }) => [start, end, typeAt.get(type)!] as const),
      domain === undefined ? -1 : domainAt.get(domain)!,
      part === undefined ? -1 : splits.indexOf(part),
      ...(words ? [words.flat()] : []),
    ];
    yield Buffer.from(`${JSON.stringify(line)}\n`);
  }
}

/**
 * After the header, in UTF-8, a line of JSON for each text: [text, [[start, end, type], ...], domain, part, words?], with the
 * places of types, domains (-1 for none) and parts (-1 for none), and its own words as offsets one after another.
 */
export const storedMarkedTexts: StoredKind<MarkedTexts, MarkedHeader, MarkedFacts> = {
  version: 2,
  what: "marked texts",
  training: (name) => `innerloop train entities --data ${name}`,

  header(contents, source, misfit) {
    const { name, texts } = contents;
    if (texts.length === 0) throw misfit("there are no texts");
    if (texts.length > readingLimits.markedTexts)
      throw misfit(`there are more than ${readingLimits.markedTexts} texts`);
    texts.forEach(({ text, spans }, i) => {
      const [fault] = checkedSpans(text, spans).faults;
      if (fault !== undefined || text.trim() === "" || /\p{Surrogate}/u.test(text))
        throw misfit(`text ${i}: ${fault ?? "it is empty, or holds half of a character"}`);
    });
    let bytes = 0;
    for (const line of linesOf(contents)) bytes += line.length;
    if (bytes > mostBytes) throw misfit(`${bytes} bytes of marked texts are more than ${mostBytes}`);
    return {
      name,
      texts: texts.length,
      spans: texts.reduce((sum, { spans }) => sum + spans.length, 0),
      bytes,
      ...namesOf(texts),
      source,
    };
  },

  pieces: linesOf,

  parse(header, { name, source }, damaged) {
    const { texts, spans, bytes, types, domains } = header;
    if (!isCount(texts) || texts > readingLimits.markedTexts) throw damaged(`its number of texts is ${quoted(texts)}`);
    if (!isCount(spans) || spans > mostBytes) throw damaged(`its number of spans is ${quoted(spans)}`);
    if (!isCount(bytes) || bytes > mostBytes) throw damaged(`its texts have ${quoted(bytes)} bytes`);
    if (!areNames(types)) throw damaged("its list of types is missing or too long, or names one twice");
    if (!areNames(domains)) throw damaged("its list of domains is missing or too long, or names one twice");
    return { name, texts, spans, bytes, types, domains, source };
  },

  dataBytes: ({ bytes }) => bytes,

  contents({ name, texts: count, spans: spanCount, types, domains }, data, damaged) {
    let all: string;
    try {
      all = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
      throw damaged("its texts are not UTF-8");
    }
    const lines = all.split("\n");
    if (lines.length !== count + 1 || lines.at(-1) !== "") throw damaged("its header gives another number of texts");
    const texts = lines.slice(0, count).map((line, row) => {
      const text = textIn(line, types, domains);
      return text ?? fail(damaged(`text ${row} is not as it was stored`));
    });
    if (texts.reduce((sum, { spans }) => sum + spans.length, 0) !== spanCount)
      throw damaged("its header gives another number of spans");
    return { name, texts };
  },

  facts: ({ texts, spans, types, domains }) => ({ texts, spans, types: types.length, domains: domains.length }),

  counts: ({ texts, spans, types, domains }) => [
    { count: types, one: "type" },
    { count: spans, one: "span" },
    { count: texts, one: "sentence" },
    ...(domains > 0 ? [{ count: domains, one: "domain" }] : []),
  ],
};

function fail(error: Error): never {
  throw error;
}

const areNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  value.length <= readingLimits.markedTypes &&
  value.every((name) => typeof name === "string" && name.length <= readingLimits.labelLength) &&
  new Set(value).size === value.length;

/** The text of a line that may be damaged; undefined where it is none. */
function textIn(line: string, types: readonly string[], domains: readonly string[]): MarkedText | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const [text, list, domainAt, partAt, offsets] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof text !== "string" || text.trim() === "" || text.length > readingLimits.markedTextLength) return undefined;
  if (!Array.isArray(list) || /\p{Surrogate}/u.test(text)) return undefined;
  const spans: Span[] = [];
  for (const item of list as unknown[]) {
    const [start, end, place] = Array.isArray(item) ? (item as unknown[]) : [];
    const type = typeof place === "number" ? types[place] : undefined;
    if (typeof start !== "number" || typeof end !== "number" || type === undefined) return undefined;
    spans.push({ start, end, type });
  }
  const checked = checkedSpans(text, spans);
  const domain = domainAt === -1 ? null : domains[domainAt as number];
  const part: Split | null | undefined = partAt === -1 ? null : splits[partAt as number];
  const words = offsets === undefined ? null : wordsIn(offsets, text.length);
  if (checked.faults.length > 0 || domain === undefined || part === undefined || words === undefined) return undefined;
  return {
    text,
    spans: checked.spans,
    ...(words ? { words } : {}),
    ...(domain === null ? {} : { domain }),
    ...(part ? { part } : {}),
  };
}

/** Words of offsets one after another, which rise; undefined where they do not. */
function wordsIn(offsets: unknown, length: number): MarkedText["words"] | undefined {
  if (!Array.isArray(offsets) || offsets.length % 2 !== 0) return undefined;
  const words: (readonly [number, number])[] = [];
  let last = 0;
  for (let i = 0; i < offsets.length; i += 2) {
    const [start, end] = [offsets[i], offsets[i + 1]] as readonly [unknown, unknown];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return undefined;
    if ((start as number) < last || (end as number) <= (start as number) || (end as number) > length) return undefined;
    last = end as number;
    words.push([start as number, end as number]);
  }
  return words;
}
