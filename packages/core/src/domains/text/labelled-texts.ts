/** Texts of classes as data: what readers make of files, and codings make numbers of. */
import type { Split } from "../../tasks/task.js";

/** Names that rows refer to by their places in the list. */
export interface NamedParts {
  readonly names: readonly string[];
  /** Of each row the place of its name, -1 for none. */
  readonly of: Int32Array;
}

/** Texts, each with its class and, where they have them, with its domain and published part. Plain data. */
export interface LabelledTexts {
  readonly name: string;
  readonly texts: readonly string[];
  /** Classes; a text of -1 is of none of them: out of scope. */
  readonly classes: NamedParts;
  /** What each text is from, where classes are the same everywhere: a product, a site, a language. */
  readonly domains?: NamedParts;
  /** Domains that share texts or sources, by name: where one of a list is held out, the others are no part of training. */
  readonly twins?: readonly (readonly string[])[];
  /** The published part of each text, where texts are split: of parallel corpora, the same sentence has one part in all. */
  readonly parts?: readonly Split[];
  /** Published splits of the classes, by name ("01"), the usual one first: the part of each class. */
  readonly folds?: Readonly<Record<string, Readonly<Record<string, Split>>>>;
}
