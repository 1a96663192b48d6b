/** Items that a user has not taken: what implicit feedback sets against those that are. */
import type { Random } from "../../random/random.js";

/** Items that tasks of some users may be about, and what the base says of them to users who have not taken them. */
export interface CandidateItems {
  /** Places of items, ascending: of training those that are not cold, all of the others. */
  readonly pool: Int32Array;
  /** Of each item, those that are not in the pool too. */
  readonly base: Float32Array;
  /** Of each item, as `RatedUsers.sureness`. */
  readonly sureness: Float32Array;
}

/**
 * Untaken items beside the queries of a task, rows of rating 0: so many drawn for each query (He et al. 2017); so many drawn
 * for the task, which all queries stand among; or all that the user has not taken.
 */
export type UntakenRows =
  | { readonly forEach: number; readonly candidates?: undefined }
  | { readonly candidates: number | "all"; readonly forEach?: undefined };

/** How many untaken items a task of so many queries has, if there are as many. */
export const untakenCount = (rows: UntakenRows, queries: number): number =>
  rows.forEach === undefined
    ? rows.candidates === "all"
      ? Number.POSITIVE_INFINITY
      : rows.candidates
    : rows.forEach * queries;

/** `4 drawn for each`, `99 drawn`, `all` */
export const untakenText = (rows: UntakenRows): string =>
  rows.forEach === undefined
    ? rows.candidates === "all"
      ? "all"
      : `${rows.candidates} drawn`
    : `${rows.forEach} drawn for each`;

/**
 * Items of a pool that a user has not taken, each as likely as any other, and none twice: all of them, in the order of the
 * pool, where there are no more than are wanted.
 *
 * @param pool places of items, none twice
 * @param taken those of the user, in the pool or not
 */
export function drawUntaken(
  pool: Int32Array,
  taken: ReadonlySet<number>,
  wanted: number,
  source: Pick<Random, "integer" | "choose">,
): readonly number[] {
  // Of few wanted among many nearly every draw is one of them; else all that there are are listed first.
  if (4 * (wanted + taken.size) > pool.length) {
    const free = Array.from(pool).filter((item) => !taken.has(item));
    return wanted >= free.length ? free : source.choose(free.length, wanted).map((i) => free[i]!);
  }
  const drawn = new Set<number>();
  while (drawn.size < wanted) {
    const item = pool[source.integer(pool.length)]!;
    if (!taken.has(item)) drawn.add(item);
  }
  return [...drawn];
}
