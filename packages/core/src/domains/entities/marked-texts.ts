/** Texts with marked spans as data. */
import type { Split } from "../../tasks/task.js";

/** A span of a text: UTF-16 offsets, `end` not included, and its type. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

/** A sentence with its spans, which do not overlap, in the order of their starts. */
export interface MarkedText {
  readonly text: string;
  readonly spans: readonly Span[];
  /** Words as their source has them, as offsets; those of `wordsOf(text)` unless given. */
  readonly words?: readonly (readonly [start: number, end: number])[];
  /** What the sentence is from: types are those of its domain. */
  readonly domain?: string;
  readonly part?: Split;
}

/** Marked sentences. Plain data. */
export interface MarkedTexts {
  readonly name: string;
  readonly texts: readonly MarkedText[];
}
