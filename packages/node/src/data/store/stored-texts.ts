/** Texts of classes, as the store keeps them. */
import type { LabelledTexts, NamedParts, Split } from "@innerloop/core/tasks";
import { isRecord, quoted } from "@innerloop/experiments";
import { readingLimits } from "../reading-limits.js";
import { countSplits, isCount, isSplit, type StoredHeader, type StoredKind, splits } from "./stored-kind.js";

/** The head of a stored data set of texts. */
export interface TextsHeader extends StoredHeader {
  readonly texts: number;
  /** Bytes of all texts in UTF-8. */
  readonly textBytes: number;
  readonly classes: readonly string[];
  readonly domains?: readonly string[];
  readonly twins?: readonly (readonly string[])[];
  /** How many texts belong to each part, where texts are split. */
  readonly parts?: Readonly<Record<Split, number>>;
  /** Of each published split of the classes its name, and the part of each class; null for one that is in none. */
  readonly folds?: readonly { readonly name: string; readonly parts: readonly (Split | null)[] }[];
  /** How many texts are of no class. */
  readonly ofNone: number;
}

/** What is told of stored texts. */
export interface TextsFacts {
  readonly texts: number;
  readonly classes: number;
  readonly domains?: number;
  readonly parts?: Readonly<Record<Split, number>>;
  /** Names of the published splits of the classes. */
  readonly folds?: readonly string[];
  /** How many texts are of no class. */
  readonly ofNone: number;
}

/** Texts that are encoded at a time. */
const atOnce = 4096;
/** UTF-8 takes three bytes for a UTF-16 unit at most. */
const mostTextBytes = 3 * readingLimits.textsLength;
const mostFolds = 1000;
const mostTwins = 1000;

/**
 * After the header: the bytes of each text, as unsigned 32-bit numbers; the class of each, and where there are domains
 * the domain of each, as signed ones, -1 for none; where texts are split, the part of each as a byte, 0 to 2; the texts
 * in UTF-8, one after the other. All little endian.
 */
export const storedTexts: StoredKind<LabelledTexts, TextsHeader, TextsFacts> = {
  version: 2,
  what: "texts",
  training: (name) => `innerloop train text --data ${name}`,

  header({ name, texts, classes, domains, twins, parts, folds }, source, misfit) {
    if (texts.length === 0) throw misfit("there are no texts");
    if (texts.length > readingLimits.texts) throw misfit(`there are more than ${readingLimits.texts} texts`);
    const fault = (what: string, named: NamedParts): string | undefined =>
      faultOfNames(named.names) ??
      (named.of.length !== texts.length
        ? `${named.of.length} ${what} for ${texts.length} texts`
        : named.of.every((place) => Number.isInteger(place) && place >= -1 && place < named.names.length)
          ? undefined
          : `a text is of one of the ${what} that is not there`);
    const wrong = fault("classes", classes) ?? (domains && fault("domains", domains));
    if (wrong !== undefined) throw misfit(wrong);
    if (parts && (parts.length !== texts.length || !parts.every(isSplit)))
      throw misfit("the parts are not one for each text");
    const bad = texts.findIndex((text) => text === "" || /\p{Surrogate}/u.test(text));
    if (bad >= 0) throw misfit(`text ${bad} is empty, or holds half of a character`);
    const textBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (textBytes > mostTextBytes) throw misfit(`${textBytes} bytes of texts are more than ${mostTextBytes}`);
    return {
      name,
      texts: texts.length,
      textBytes,
      classes: [...classes.names],
      ofNone: classes.of.reduce((sum, place) => sum + (place < 0 ? 1 : 0), 0),
      ...(domains ? { domains: [...domains.names] } : {}),
      ...(twins ? { twins } : {}),
      ...(parts ? { parts: countSplits(parts) } : {}),
      ...(folds
        ? {
            folds: Object.entries(folds).map(([fold, of]) => ({
              name: fold,
              parts: classes.names.map((each) => (Object.hasOwn(of, each) ? of[each]! : null)),
            })),
          }
        : {}),
      source,
    };
  },

  *pieces({ texts, classes, domains, parts }) {
    const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
      new Uint8Array(buffer, byteOffset, byteLength);
    yield bytes(Uint32Array.from(texts, (text) => Buffer.byteLength(text)));
    yield bytes(classes.of);
    if (domains) yield bytes(domains.of);
    if (parts) yield Uint8Array.from(parts, (part) => splits.indexOf(part));
    for (let from = 0; from < texts.length; from += atOnce)
      yield Buffer.from(texts.slice(from, from + atOnce).join(""));
  },

  parse(header, { name, source }, damaged) {
    const { texts, textBytes, ofNone, classes, domains, twins, parts, folds } = header;
    const isBelow = (value: unknown, most: number): value is number =>
      Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
    if (!isCount(texts) || texts > readingLimits.texts) throw damaged(`its number of texts is ${quoted(texts)}`);
    if (!isBelow(textBytes, mostTextBytes)) throw damaged(`its texts have ${quoted(textBytes)} bytes`);
    if (!isBelow(ofNone, texts)) throw damaged(`its number of texts of no class is ${quoted(ofNone)}`);
    if (!isNames(classes)) throw damaged("its list of classes is missing or too long, or names one twice");
    if (domains !== undefined && !isNames(domains))
      throw damaged("its list of domains is too long, or names one twice");
    if (twins !== undefined && !isTwins(twins, domains ?? []))
      throw damaged("its lists of twins are not of its domains");
    if (parts !== undefined && !isParts(parts, texts)) throw damaged("its parts are not those of its texts");
    if (folds !== undefined && !isFolds(folds, classes.length)) throw damaged("its folds are not those of its classes");
    return {
      name,
      texts,
      textBytes,
      classes,
      ofNone,
      ...(domains ? { domains } : {}),
      ...(twins ? { twins } : {}),
      ...(parts ? { parts } : {}),
      ...(folds ? { folds } : {}),
      source,
    };
  },

  dataBytes: ({ texts, textBytes, domains, parts }) => texts * (8 + (domains ? 4 : 0) + (parts ? 1 : 0)) + textBytes,

  contents(header, data, damaged) {
    const { name, texts: count, textBytes, classes, ofNone, domains, twins, parts, folds } = header;
    const { buffer, byteOffset } = data;
    let at = 0;
    const take = (bytes: number): [ArrayBufferLike, number, number] => {
      const from = byteOffset + at;
      at += bytes;
      return [buffer, from, from + bytes];
    };
    // Copies: a view would have to begin at a multiple of four, and keep all bytes in memory.
    const numbers = (): ArrayBuffer => {
      const [all, from, to] = take(4 * count);
      return all.slice(from, to) as ArrayBuffer;
    };
    const lengths = new Uint32Array(numbers());
    const named = (names: readonly string[], what: string): NamedParts => {
      const of = new Int32Array(numbers());
      const bad = of.findIndex((place) => place < -1 || place >= names.length);
      if (bad >= 0) throw damaged(`text ${bad} is of one of the ${what} that is not there`);
      return { names, of };
    };
    const ofClasses = named(classes, "classes");
    if (ofClasses.of.reduce((sum, place) => sum + (place < 0 ? 1 : 0), 0) !== ofNone)
      throw damaged("its header gives another number of texts of no class");
    const ofDomains = domains && named(domains, "domains");
    const ofParts = parts && partsIn(data.subarray(at, at + count), parts, damaged);
    if (ofParts) at += count;
    if (lengths.reduce((sum, length) => sum + length, 0) !== textBytes)
      throw damaged("the lengths of its texts are not those of its bytes");
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const texts = Array.from(lengths, (length, row) => {
      if (length === 0) throw damaged(`text ${row} is empty`);
      at += length;
      try {
        return decoder.decode(data.subarray(at - length, at));
      } catch {
        throw damaged(`text ${row} is not UTF-8`);
      }
    });
    return {
      name,
      texts,
      classes: ofClasses,
      ...(ofDomains ? { domains: ofDomains } : {}),
      ...(twins ? { twins } : {}),
      ...(ofParts ? { parts: ofParts } : {}),
      ...(folds ? { folds: foldsOf(folds, classes) } : {}),
    };
  },

  facts: ({ texts, classes, domains, parts, folds, ofNone }) => ({
    texts,
    classes: classes.length,
    ...(domains ? { domains: domains.length } : {}),
    ...(parts ? { parts } : {}),
    ...(folds ? { folds: folds.map(({ name }) => name) } : {}),
    ofNone,
  }),

  counts: ({ texts, classes, domains, parts, folds, ofNone }) => [
    { count: classes, one: "class", many: "classes" },
    {
      count: texts,
      one: "text",
      of: [
        ...(ofNone > 0 ? [[ofNone, "of no class"] as const] : []),
        ...(parts ? Object.entries(parts).map(([name, count]) => [count, name] as const) : []),
      ],
    },
    ...(domains === undefined ? [] : [{ count: domains, one: "domain" }]),
    ...(folds ? [{ count: folds.length, one: "split of the classes", many: "splits of the classes" }] : []),
  ],
};

/** What is wrong with a list of names; undefined for none. */
function faultOfNames(names: readonly string[]): string | undefined {
  if (names.length > readingLimits.classes) return `${names.length} names are more than ${readingLimits.classes}`;
  return new Set(names).size < names.length ? "two classes or domains have the same name" : undefined;
}

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  value.every((name) => typeof name === "string" && name.length <= readingLimits.labelLength) &&
  faultOfNames(value as readonly string[]) === undefined;

function isTwins(value: unknown, domains: readonly string[]): value is readonly (readonly string[])[] {
  const known = new Set<unknown>(domains);
  return (
    Array.isArray(value) &&
    value.length <= mostTwins &&
    value.every((list) => Array.isArray(list) && list.every((name) => known.has(name)))
  );
}

const isParts = (value: unknown, texts: number): value is Readonly<Record<Split, number>> =>
  isRecord(value) &&
  Object.keys(value).every(isSplit) &&
  splits.reduce((sum, part) => sum + (Number.isSafeInteger(value[part]) ? (value[part] as number) : Number.NaN), 0) ===
    texts;

const isFolds = (value: unknown, classes: number): value is NonNullable<TextsHeader["folds"]> =>
  Array.isArray(value) &&
  value.length <= mostFolds &&
  value.every(
    (fold) =>
      isRecord(fold) &&
      typeof fold.name === "string" &&
      Array.isArray(fold.parts) &&
      fold.parts.length === classes &&
      fold.parts.every((part) => part === null || isSplit(part)),
  ) &&
  new Set(value.map(({ name }) => name as string)).size === value.length;

function partsIn(
  bytes: Uint8Array,
  counted: Readonly<Record<Split, number>>,
  damaged: (problem: string) => Error,
): Split[] {
  const parts = Array.from(bytes, (part, row) => {
    const found = splits[part];
    if (found === undefined) throw damaged(`text ${row} is of part ${part}`);
    return found;
  });
  const found = countSplits(parts);
  if (splits.some((part) => found[part] !== counted[part]))
    throw damaged("its header gives other numbers of its parts");
  return parts;
}

const foldsOf = (
  folds: NonNullable<TextsHeader["folds"]>,
  classes: readonly string[],
): NonNullable<LabelledTexts["folds"]> =>
  Object.fromEntries(
    folds.map(({ name, parts }) => [
      name,
      Object.fromEntries(classes.flatMap((each, i) => (parts[i] ? [[each, parts[i]] as const] : []))),
    ]),
  );
