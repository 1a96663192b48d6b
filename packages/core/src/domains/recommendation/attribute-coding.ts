/** Attributes of items as sparse rows of numbers, for linear models of them. */
import { TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import type { Attribute, Entities } from "./interactions.js";

/** A number that is coded as (value - mean) / deviation, 0 where it is not known. */
export interface NumberFeature {
  readonly kind: "number";
  readonly name: string;
  readonly mean: number;
  readonly deviation: number;
}

/** Words of which each is a feature: 1 where it is there. A word that is not among them is coded as none. */
export interface WordFeatures {
  readonly kind: "category" | "bag";
  readonly name: string;
  readonly words: readonly string[];
}

/** @internal An attribute of words. */
export type WordAttribute = Exclude<Attribute, { kind: "number" }>;

/** The attributes that are coded, in the order of their features: plain data. */
export type AttributeCoding = readonly (NumberFeature | WordFeatures)[];

/** Rows of which few numbers are not 0. */
export interface SparseRows {
  /** [rows + 1]: those of the i-th row are from starts[i] up to starts[i + 1]. */
  readonly starts: Int32Array;
  /** The features of all rows, one row after another. */
  readonly features: Int32Array;
  readonly values: Float64Array;
  /** Features that there are. */
  readonly width: number;
}

/** Values of one thing by the names of its attributes: words of a bag are a list. */
export type AttributeValues = Readonly<Record<string, number | string | readonly string[] | undefined>>;

/** Words of all attributes together, at most: the most frequent are kept. */
export const mostAttributeWords = 65_536;
/** Attributes, and characters of a name or word, at most. */
const mostAttributes = 1024;
const longestWord = 4096;
const wordKinds = ["category", "bag"] as const;

/** Number of features of a coding: 1 for a number, one for each word. */
export const codingWidth = (coding: AttributeCoding): number =>
  coding.reduce((sum, column) => sum + (column.kind === "number" ? 1 : column.words.length), 0);

/**
 * The coding of attributes by what occurs among some of the entities: numbers by their mean and deviation there, words that
 * are there, at most 65,536 of the most frequent. An attribute that says nothing there, a number without spread or words
 * of which none occurs, is left out.
 *
 * @param occurs 1 for the entities that count, the items that have ratings of training: no other shall be known of
 */
export function attributeCoding(entities: Entities, occurs: ArrayLike<number>): AttributeCoding {
  const counted = entities.attributes.map((attribute) =>
    attribute.kind === "number" ? undefined : countsOfWords(attribute, occurs),
  );
  const least = leastCount(counted.flatMap((counts) => (counts ? [...counts] : [])));
  let room = mostAttributeWords;
  return entities.attributes.flatMap((attribute, a): AttributeCoding => {
    if (attribute.kind === "number") {
      const scale = scaleOf(attribute.values, occurs);
      return scale ? [{ kind: "number", name: attribute.name, ...scale }] : [];
    }
    const { kind, name } = attribute;
    const words = attribute.words.filter((_, w) => counted[a]![w]! >= least).slice(0, room);
    room -= words.length;
    return words.length > 0 ? [{ kind, name, words }] : [];
  });
}

/** The count that a word needs, so that not too many have it: 1 unless there are too many. */
function leastCount(counts: readonly number[]): number {
  const there = counts.filter((count) => count > 0);
  if (there.length <= mostAttributeWords) return 1;
  return there.sort((a, b) => b - a)[mostAttributeWords - 1]!;
}

/** @internal How many of those that count have each word. */
export function countsOfWords(attribute: WordAttribute, occurs: ArrayLike<number>): Int32Array {
  const counts = new Int32Array(attribute.words.length);
  for (let i = 0; i < occurs.length; i++) {
    if (occurs[i]) forEachWord(attribute, i, (word) => counts[word]!++);
  }
  return counts;
}

/** @internal The places of the words of the i-th. */
export function forEachWord(attribute: WordAttribute, i: number, f: (word: number) => void): void {
  if (attribute.kind === "category") {
    const word = attribute.of[i]!;
    if (word >= 0) f(word);
    return;
  }
  for (let at = attribute.starts[i]!; at < attribute.starts[i + 1]!; at++) f(attribute.of[at]!);
}

/** Mean and deviation of what is known; undefined where no two differ. */
function scaleOf(
  values: Float64Array,
  occurs: ArrayLike<number>,
): { readonly mean: number; readonly deviation: number } | undefined {
  const known = values.filter((value, i) => occurs[i] && Number.isFinite(value));
  const mean = known.reduce((sum, value) => sum + value / known.length, 0);
  const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2 / known.length, 0));
  return deviation > 1e-12 * Math.abs(mean) && Number.isFinite(deviation) ? { mean, deviation } : undefined;
}

/** Rows of features, appended one after another. */
class RowsBeingMade {
  readonly #starts = [0];
  readonly #features: number[] = [];
  readonly #values: number[] = [];

  add(feature: number, value: number): void {
    this.#features.push(feature);
    this.#values.push(value);
  }

  endRow(): void {
    this.#starts.push(this.#features.length);
  }

  made(width: number): SparseRows {
    return {
      starts: Int32Array.from(this.#starts),
      features: Int32Array.from(this.#features),
      values: Float64Array.from(this.#values),
      width,
    };
  }
}

/** A column with the attribute that it codes, its first feature, and the feature of each word of the attribute's or -1. */
interface CodedColumn {
  readonly column: AttributeCoding[number];
  readonly found: Attribute;
  readonly offset: number;
  readonly features?: readonly number[];
}

/** A row of features for each entity: attributes are found by name and kind, one that is not there is coded as zeros. */
export function codedEntities(coding: AttributeCoding, entities: Entities): SparseRows {
  let first = 0;
  const columns = coding.flatMap((column): CodedColumn[] => {
    const offset = first;
    first += column.kind === "number" ? 1 : column.words.length;
    const found = entities.attributes.find(({ name, kind }) => name === column.name && kind === column.kind);
    if (!found) return [];
    if (found.kind === "number" || column.kind === "number") return [{ column, found, offset }];
    const places = new Map(column.words.map((word, i) => [word, offset + i]));
    return [{ column, found, offset, features: found.words.map((word) => places.get(word) ?? -1) }];
  });
  const rows = new RowsBeingMade();
  for (let i = 0; i < entities.ids.length; i++) {
    for (const { column, found, offset, features } of columns) {
      if (found.kind !== "number") {
        forEachWord(found, i, (word) => {
          const feature = features![word]!;
          if (feature >= 0) rows.add(feature, 1);
        });
      } else if (column.kind === "number" && Number.isFinite(found.values[i])) {
        rows.add(offset, (found.values[i]! - column.mean) / column.deviation);
      }
    }
    rows.endRow();
  }
  return rows.made(first);
}

/**
 * The row of one thing given by its attributes: `{ year: 1999, genres: ["Comedy", "Drama"] }`. What is not given, and words
 * that the coding does not have, are coded as zeros.
 *
 * @throws TaskError ILT312 where a value is not of its attribute's kind
 */
export function codedAttributes(coding: AttributeCoding, given: AttributeValues): SparseRows {
  const rows = new RowsBeingMade();
  let first = 0;
  for (const column of coding) {
    const value = Object.hasOwn(given, column.name) ? given[column.name] : undefined;
    if (value !== undefined) {
      if (column.kind === "number") {
        if (typeof value !== "number" || !Number.isFinite(value)) throw wrongKind(column, value, "a number");
        rows.add(first, (value - column.mean) / column.deviation);
      } else {
        const words = typeof value === "string" ? [value] : value;
        const isOne = column.kind === "category";
        const fits = Array.isArray(words) && (!isOne || words.length === 1);
        if (!fits || !words.every((word) => typeof word === "string"))
          throw wrongKind(column, value, isOne ? "one word" : "a list of words");
        for (const word of new Set(words)) {
          const at = column.words.indexOf(word);
          if (at >= 0) rows.add(first + at, 1);
        }
      }
    }
    first += column.kind === "number" ? 1 : column.words.length;
  }
  rows.endRow();
  return rows.made(first);
}

const wrongKind = ({ name, kind }: AttributeCoding[number], value: unknown, needed: string): TaskError =>
  new TaskError(
    "ILT312",
    "codedAttributes",
    `${shownValue(name)} is a ${kind}, and ${shownValue(value)} was given`,
    `Give ${needed}, or leave it out`,
  );

/** The product of one row with a number for each feature. */
export function rowProduct({ starts, features, values }: SparseRows, row: number, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let at = starts[row]!; at < starts[row + 1]!; at++) sum += values[at]! * weights[features[at]!]!;
  return sum;
}

/**
 * A coding as it was kept in a file, checked.
 *
 * @param wrong makes the error of what is none: `a coding of attributes: "words" is 3`
 */
export function attributeCodingFrom(value: unknown, wrong: (problem: string) => TaskError): AttributeCoding {
  if (!Array.isArray(value) || value.length > mostAttributes) throw wrong(`the attributes are ${shownValue(value)}`);
  const names = new Set<string>();
  let room = mostAttributeWords;
  const text = (given: unknown, what: string): string => {
    if (typeof given !== "string" || given.length > longestWord) throw wrong(`${what} is ${shownValue(given)}`);
    return given;
  };
  return Array.from(value as readonly unknown[], (column, i) => {
    const where = `attribute ${i}`;
    if (typeof column !== "object" || column === null) throw wrong(`${where} is ${shownValue(column)}`);
    const { kind, words, mean, deviation, ...rest } = column as Record<string, unknown>;
    const name = text(rest.name, `the name of ${where}`);
    if (names.has(name)) throw wrong(`${where} is named ${shownValue(name)}, as another`);
    names.add(name);
    if (kind === "number") {
      if (typeof mean !== "number" || !Number.isFinite(mean))
        throw wrong(`the mean of ${where} is ${shownValue(mean)}`);
      if (typeof deviation !== "number" || !Number.isFinite(deviation) || deviation <= 0)
        throw wrong(`the deviation of ${where} is ${shownValue(deviation)}`);
      return { kind, name, mean, deviation };
    }
    const wordKind = wordKinds.find((each) => each === kind);
    if (!wordKind) throw wrong(`the kind of ${where} is ${shownValue(kind)}`);
    if (!Array.isArray(words) || words.length > room) throw wrong(`the words of ${where} are ${shownValue(words)}`);
    room -= words.length;
    const read = Array.from(words as readonly unknown[], (word) => text(word, `a word of ${where}`));
    if (new Set(read).size < read.length) throw wrong(`${where} has a word twice`);
    return { kind: wordKind, name, words: read };
  });
}
