/**
 * The kinds of contents that the store keeps.
 *
 * To add one: name its contents in `StoredContents`, write its record (`StoredKind`, version 2) in a file of its own, and
 * put it into `storedKinds` here, under the same name. Readers then return `{ NAME: contents, stored: source }`; files,
 * lists, `verify` and the command line take it as they take the others. Its bytes are outside bytes: the fuzzer's reader
 * "stored data set" needs a file of it among its seeds.
 */
import type { Interactions, LabelledTexts, MarkedTexts } from "@innerloop/core/tasks";
import type { LabelledExamples } from "../labelled-examples.js";
import { storedExamples } from "./stored-examples.js";
import type { DatasetSource, StoredCount, StoredHeader, StoredKind } from "./stored-kind.js";
import { storedMarkedTexts } from "./stored-marked-texts.js";
import { storedRatings } from "./stored-ratings.js";
import { storedTexts } from "./stored-texts.js";

/** What a stored data set may hold, by kind. */
export interface StoredContents {
  readonly examples: LabelledExamples;
  readonly texts: LabelledTexts;
  readonly marked: MarkedTexts;
  readonly ratings: Interactions;
}

export type KindName = keyof StoredContents;

export const storedKinds = {
  examples: storedExamples,
  texts: storedTexts,
  marked: storedMarkedTexts,
  ratings: storedRatings,
} satisfies { readonly [K in KindName]: StoredKind<StoredContents[K], StoredHeader, object> };

type FactsOf<K extends KindName> = ReturnType<(typeof storedKinds)[K]["facts"]>;

/** What is told of a stored data set: its kind, and what that kind tells. */
export type StoredFacts = { readonly [K in KindName]: { readonly kind: K } & FactsOf<K> }[KindName];

/** Contents under the name of their kind. */
export type AnyContents = { readonly [K in KindName]: { readonly [P in K]: StoredContents[K] } }[KindName];

/** What a reader found, and what is kept of where it is from. */
export type ReadSet = AnyContents & { readonly stored: DatasetSource };

/** A kind of which nothing particular is known. */
export type AnyKind = StoredKind<{ readonly name: string }, StoredHeader, object>;

export const isKindName = (name: unknown): name is KindName =>
  typeof name === "string" && Object.hasOwn(storedKinds, name);

export const kindOf = (name: KindName): AnyKind => storedKinds[name];

/** The kind of some contents, and they themselves. */
export function contentsOf(read: AnyContents): {
  readonly kind: KindName;
  readonly contents: { readonly name: string };
} {
  const kind = (Object.keys(storedKinds) as KindName[]).find((name) => name in read)!;
  return { kind, contents: (read as Readonly<Record<string, { readonly name: string }>>)[kind]! };
}

/** What a data set has, for people. */
export const countsOf = (facts: StoredFacts): readonly StoredCount[] => kindOf(facts.kind).counts(facts);
