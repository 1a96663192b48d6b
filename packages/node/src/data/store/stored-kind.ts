/** What the store keeps of a data set is of some kind: examples, texts. Each kind answers for itself, in one record. */
import type { DataError } from "../data-error.js";
import type { Split } from "../labelled-examples.js";

/** The origin of a stored data set; `kind` says which reader, the rest depends on it. */
export interface DatasetSource {
  readonly kind: string;
  /** `licence` and `source` are those of the data, where they are known. */
  readonly [detail: string]: string | number | boolean | readonly string[];
}

/** What the header of every stored data set says. */
export interface StoredHeader {
  readonly name: string;
  readonly source: DatasetSource;
}

/** A number of things that a data set has, for people: `150 classes (100 train, 50 test)`. */
export interface StoredCount {
  readonly count: number;
  readonly one: string;
  /** `one` with an s unless given. */
  readonly many?: string;
  /** Parts of the number, in brackets. */
  readonly of?: readonly (readonly [count: number, what: string])[];
  /** `of 28 x 28 x 1`. */
  readonly shape?: string;
}

/**
 * How contents of a kind become the header and the data of a file, and the other way round. A header is JSON, and is
 * checked before its data are read; where either cannot be right, what `damaged` makes is thrown.
 */
export interface StoredKind<Contents, Header extends StoredHeader, Facts> {
  /**
   * The version of the format of its files, and whether their headers say which kind they are of: those of version 1 are
   * examples.
   */
  readonly version: 1 | 2;
  /** @throws what `misfit` makes, for contents that do not fit together */
  header(contents: Contents, source: DatasetSource, misfit: (problem: string) => DataError): Header;
  /** The data, in pieces. */
  pieces(contents: Contents): Iterable<Uint8Array>;
  parse(
    header: Readonly<Record<string, unknown>>,
    common: StoredHeader,
    damaged: (problem: string) => DataError,
  ): Header;
  /** Bytes of the data that belong to a header. */
  dataBytes(header: Header): number;
  contents(header: Header, data: Uint8Array, damaged: (problem: string) => DataError): Contents;
  /** What is told of the data set without reading it whole. */
  facts(header: Header): Facts;
  counts(facts: Facts): readonly StoredCount[];
  /** Such as "images or rows of numbers". */
  readonly what: string;
  /** The command that trains on the data set of a name. */
  training(name: string): string;
}

export const splits: readonly Split[] = ["train", "validation", "test"];

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

export function isSplit(value: unknown): value is Split {
  return splits.includes(value as Split);
}

/** How many of a list belong to each part. */
export function countSplits(parts: Iterable<Split | undefined>): Record<Split, number> {
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const part of parts) if (part) counts[part]++;
  return counts;
}
