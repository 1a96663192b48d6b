/** Rows of ids, one for each text: how long they are to be, and how much each id tells. */
import { TaskError, wholeNumber } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";

/** @internal Ids of a text, at most: 16,384 words are a book's chapter. */
export const mostLength = 16_384;

/** @internal Passes on a number of ids, 1 to 16,384; throws ILT201 for anything else. */
export function requireLength(length: number, operation: string): number {
  if (Number.isSafeInteger(length) && length >= 1 && length <= mostLength) return length;
  const problem = `length is ${shownValue(length)}`;
  throw new TaskError("ILT201", operation, problem, `Give a whole number from 1 to ${mostLength}`);
}

/** A length for rows of ids, and what it leaves out. */
export interface ChosenLength {
  readonly length: number;
  /** Rows that are longer, of which the end is cut. */
  readonly cut: number;
}

/**
 * The length that so many of the rows fit into: the least n with at least ceil(share x rows) rows of n ids or fewer, 1 at
 * least and 16,384 at most.
 *
 * @param share 0.99 by default, the 99th percentile; above 0 and up to 1
 * @throws TaskError ILT201 where the share is no such number
 * @example lengthFor(texts.map((text) => textTokens(text).ids)) // { length: 20, cut: 121 }
 */
export function lengthFor(rows: Iterable<{ readonly length: number }>, share = 0.99): ChosenLength {
  if (!(typeof share === "number" && share > 0 && share <= 1)) {
    const problem = `share is ${shownValue(share)}`;
    throw new TaskError("ILT201", "lengthFor", problem, "Give a number above 0 and up to 1");
  }
  const lengths = Float64Array.from(rows, ({ length }) => length).sort();
  const covered = lengths[Math.ceil(share * lengths.length) - 1] ?? 1;
  const length = Math.min(mostLength, Math.max(1, covered));
  return { length, cut: lengths.reduce((sum, each) => sum + (each > length ? 1 : 0), 0) };
}

/**
 * The smoothed inverse document frequency of each id, log((1 + n) / (1 + texts with the id)) + 1 over n texts: 1 for an id
 * of every text, log(1 + n) + 1 for one of none. Row 0, padding, is 0.
 *
 * Count training classes only: which words are rare in test classes is part of what is asked.
 *
 * @param rows ids of one text each, padded or not; an id counts once for a text
 * @param count ids are below it
 * @returns float32 [count]
 * @throws TaskError ILT201 where the count is not a whole number of 2 or more, ILT309 where an id is not below it
 * @example inverseDocumentFrequency(texts.map((text) => textNgrams(text).ids), 65_536)
 */
export function inverseDocumentFrequency(rows: Iterable<ArrayLike<number>>, count: number): Float32Array {
  wholeNumber(count, "inverseDocumentFrequency", "count", 2);
  const texts = new Uint32Array(count);
  const last = new Uint32Array(count);
  let n = 0;
  for (const row of rows) {
    n++;
    for (let i = 0; i < row.length; i++) {
      const id = row[i]!;
      if (!(Number.isInteger(id) && id >= 0 && id < count)) {
        const problem = `text ${n - 1} has the id ${shownValue(id)}`;
        throw new TaskError("ILT309", "inverseDocumentFrequency", problem, `Give ids from 0 to ${count - 1}`);
      }
      if (last[id] === n) continue;
      last[id] = n;
      texts[id]!++;
    }
  }
  const weights = Float32Array.from(texts, (having) => Math.log((1 + n) / (1 + having)) + 1);
  weights[0] = 0;
  return weights;
}

/** The rows of ids [texts, length] that lie one after another, as views. */
export function* rowsOfIds(ids: Int32Array, length: number): Generator<Int32Array> {
  for (let from = 0; from + length <= ids.length; from += length) yield ids.subarray(from, from + length);
}
