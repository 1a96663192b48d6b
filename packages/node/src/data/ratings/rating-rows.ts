/** Rows of ratings, gathered and checked. */
import type { RatingScale } from "@innerloop/core/tasks";
import { numberIn } from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { Problems } from "../problems.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import type { EntityIds } from "./entity-ids.js";
import { GrowingArray } from "./growing-array.js";
import type { RatingColumns } from "./rating-columns.js";
import { timeIn } from "./rating-times.js";

export interface RatingRowsOptions {
  readonly path: string;
  readonly users: EntityIds;
  readonly items: EntityIds;
  readonly columns: RatingColumns;
  /** Whether the column of times was named: times that are none are then wrong, and not left out. */
  readonly needsTimes: boolean;
  readonly scale?: RatingScale | undefined;
}

/** Ratings in order of users, within a user by time, a user and an item at most once. */
export interface OrderedRatings {
  readonly user: Int32Array;
  readonly item: Int32Array;
  readonly rating: Float32Array;
  readonly time?: Float64Array;
  /** Ratings that a later one of the same user and item has replaced. */
  readonly repeated: number;
  /** Why there are no times, where a column might hold them. */
  readonly noTimes?: string;
}

const remedies = {
  id: "Give every row a user and an item, or remove rows without one.",
  rating:
    "Write a number into each row, with a point, as 4.5, or remove rows without one. Is it the right --rating-column?",
  scale: "Correct them, or give another --rating-scale.",
  time: "Write seconds since 1970 or dates as 2021-11-02 20:52:59. Is it the right --time-column?",
} as const;

/** Ratings as they come: their values are kept in typed arrays, and ids once each. */
export class RatingRows {
  private readonly user: GrowingArray<Int32Array>;
  private readonly item: GrowingArray<Int32Array>;
  private readonly rating: GrowingArray<Float32Array>;
  private time: GrowingArray<Float64Array> | undefined;
  private noTimes: string | undefined;
  private readonly problems = new Problems();
  private readonly needed = new Set<string>();

  constructor(private readonly options: RatingRowsOptions) {
    const { path, columns } = options;
    this.user = new GrowingArray(Int32Array, path);
    this.item = new GrowingArray(Int32Array, path);
    this.rating = new GrowingArray(Float32Array, path);
    if (columns.time !== undefined) this.time = new GrowingArray(Float64Array, path);
  }

  /** @param rating undefined where feedback is implicit @throws DataError ILD06, ILD07 for more ratings than are kept */
  add(user: string, item: string, rating: string | undefined, time: string | undefined, line: number): void {
    const { users, items, path } = this.options;
    const byUser = users.add(user);
    const ofItem = items.add(item);
    // Ids of users are nobody's business: problems quote none.
    if (typeof byUser === "string") this.problem(line, `the user ${byUser}`, remedies.id);
    if (typeof ofItem === "string") this.problem(line, `the item ${ofItem}`, remedies.id);
    const value = rating === undefined ? 1 : this.ratingIn(rating, line);
    const at = this.time && time !== undefined ? this.timeIn(time, line) : undefined;
    // After the first problem there is no result: what is gathered then is of no use.
    if (this.problems.count > 0) return;
    if (this.user.length >= readingLimits.ratings)
      throw new DataError("ILD06", path, `it has more than ${readingLimits.ratings} ratings`, "Give a part of them.");
    this.user.push(byUser as number);
    this.item.push(ofItem as number);
    this.rating.push(value);
    if (at !== undefined) this.time?.push(at);
  }

  private ratingIn(cell: string, line: number): number {
    const { scale } = this.options;
    const value = numberIn(cell);
    if (!Number.isFinite(Math.fround(value))) {
      const said = cell.trim() === "" ? "empty" : `${quoted(cell)}, which is no number`;
      this.problem(line, `the rating is ${said}`, remedies.rating);
    } else if (scale && (value < scale.least || value > scale.most)) {
      const problem = `the rating is ${quoted(cell)}, and the scale goes from ${scale.least} to ${scale.most}`;
      this.problem(line, problem, remedies.scale);
    }
    return value;
  }

  private timeIn(cell: string, line: number): number {
    const { needsTimes, columns } = this.options;
    const value = timeIn(cell);
    if (!Number.isNaN(value)) return value;
    const said = cell.trim() === "" ? "empty" : `${quoted(cell)}, which is no time`;
    if (needsTimes) this.problem(line, `the time is ${said}`, remedies.time);
    else {
      this.time = undefined;
      this.noTimes = `times are not used: that of line ${line}, column ${quoted(columns.time)}, is ${said}`;
    }
    return value;
  }

  private problem(line: number, problem: string, remedy: string): void {
    this.problems.add(`${this.options.path}:${line}`, problem);
    this.needed.add(remedy);
  }

  /** @throws DataError ILD71 with all rows that are wrong, ILD06 for no ratings, ILD07 */
  finish(): OrderedRatings {
    const { path, users, items } = this.options;
    this.problems.throwAny("ILD71", path, [...this.needed].join(" "));
    const count = this.user.length;
    if (count === 0) throw new DataError("ILD06", path, "there are no ratings in it", "Give one at least.");
    // What is there, and the same in order.
    requireRoom(40 * count, path);
    const [user, item, rating] = [this.user.finish(), this.item.finish(), this.rating.finish()];
    const time = this.time?.finish();
    const { rows, starts } = byUser(user, users.ids.length);
    if (time) sortWithin(rows, starts, time);
    const kept = lastOfEach(rows, starts, item, items.ids.length);
    return {
      user: Int32Array.from(kept, (row) => user[row]!),
      item: Int32Array.from(kept, (row) => item[row]!),
      rating: Float32Array.from(kept, (row) => rating[row]!),
      ...(time ? { time: Float64Array.from(kept, (row) => time[row]!) } : {}),
      repeated: count - kept.length,
      ...(this.noTimes === undefined ? {} : { noTimes: this.noTimes }),
    };
  }
}

/** The rows in order of users, each user's as they came, and where those of each begin. */
function byUser(user: Int32Array, users: number): { readonly rows: Int32Array; readonly starts: Int32Array } {
  const starts = new Int32Array(users + 1);
  for (const place of user) starts[place + 1]!++;
  for (let place = 0; place < users; place++) starts[place + 1]! += starts[place]!;
  const next = starts.slice();
  const rows = new Int32Array(user.length);
  for (const [row, place] of user.entries()) rows[next[place]!++] = row;
  return { rows, starts };
}

function sortWithin(rows: Int32Array, starts: Int32Array, time: Float64Array): void {
  for (let place = 0; place + 1 < starts.length; place++) {
    // Of the same time the later row is the later rating: the sort is stable.
    rows.subarray(starts[place], starts[place + 1]).sort((a, b) => time[a]! - time[b]! || a - b);
  }
}

/** The rows without those whose user rates the item again further on. */
function lastOfEach(rows: Int32Array, starts: Int32Array, item: Int32Array, items: number): Int32Array {
  const seenBy = new Int32Array(items).fill(-1);
  const kept = new Int32Array(rows.length);
  // From the end, so that the last comes first.
  let at = rows.length;
  for (let place = starts.length - 2; place >= 0; place--) {
    for (let i = starts[place + 1]! - 1; i >= starts[place]!; i--) {
      const row = rows[i]!;
      if (seenBy[item[row]!] === place) continue;
      seenBy[item[row]!] = place;
      kept[--at] = row;
    }
  }
  return kept.slice(at);
}
