/** Hashing of characters to ids: FNV-1a over code points, mixed at the end as MurmurHash3 does. */
import { TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";

/** @internal Buckets that ids are hashed to, at most: a table of weights for them has a row for each. */
export const mostBuckets = 2 ** 22;

/** @internal The hash of nothing, for one kind of feature: the same characters of two kinds have different hashes. */
export const hashStart = (kind: number): number => Math.imul(0x811c9dc5 ^ kind, 0x01000193);

/** @internal The hash of what was hashed so far and one more code point or code unit. */
export const hashNext = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193);

/**
 * @internal The id of a hash, 1 to buckets - 1: 0 is padding. FNV's low bits depend on the last character too plainly, so
 * all are mixed first (Appleby's finaliser).
 */
export function idOfHash(hash: number, buckets: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return 1 + ((h >>> 0) % (buckets - 1));
}

/** @internal The hash of code units from `start` to `end` of a text, after `hash`. */
export function hashUnits(hash: number, text: string, start = 0, end = text.length): number {
  let h = hash;
  for (let i = start; i < end; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

/** @internal Passes on a number of buckets, 2 to 2^22; throws ILT201 for anything else. */
export function requireBuckets(buckets: number, operation: string): number {
  if (Number.isSafeInteger(buckets) && buckets >= 2 && buckets <= mostBuckets) return buckets;
  const problem = `buckets is ${shownValue(buckets)}`;
  throw new TaskError("ILT201", operation, problem, `Give a whole number from 2 to ${mostBuckets}`);
}
