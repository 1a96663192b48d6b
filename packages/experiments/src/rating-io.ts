/** Ratings as a machine reads them. */
import type { Interactions } from "@innerloop/core/tasks";
import type { LongWork } from "./io.js";

/** The tables that ratings are read from, by path, and what their columns are. */
export interface RatingReading {
  /** A known set, a file of MovieLens, or a table with a row for each rating. */
  readonly ratings: string;
  /** A table with a row for each item. */
  readonly items?: string | undefined;
  readonly users?: string | undefined;
  /** Found by their names unless given. */
  readonly userColumn?: string | undefined;
  readonly itemColumn?: string | undefined;
  /** Without it, and where none is found, feedback is implicit. */
  readonly ratingColumn?: string | undefined;
  readonly timeColumn?: string | undefined;
  /** The column of the table of items that people call them by. */
  readonly titleColumn?: string | undefined;
  /** Columns that are attributes, with a kind where it is not to be inferred: `genres:bag`; all of use unless given. */
  readonly itemAttributes?: readonly string[] | undefined;
  readonly userAttributes?: readonly string[] | undefined;
  /** The scale of ratings, `1-5`; the least and the most that there are unless given. */
  readonly scale?: { readonly least: number; readonly most: number } | undefined;
  readonly implicit?: boolean | undefined;
}

/** Ratings, read. */
export interface FoundInteractions {
  readonly interactions: Interactions;
  /** Of the contents of all tables. */
  readonly sha256: string;
  /** Where the ratings are, if that is a path. */
  readonly folder?: string;
  /** What is told of them, a line each: columns and their kinds, what was left out and why. */
  readonly notes: readonly string[];
}

/** A row of a table of items. */
export type RatedRow = Readonly<Record<string, string>>;

/** Rows with where each is, as messages name it: `line 3`. */
export class PlacedRows {
  constructor(
    readonly rows: readonly Readonly<Record<string, unknown>>[],
    readonly places: readonly string[],
  ) {}
}

/** The part of a machine that reads ratings. */
export interface RatingIo {
  /** @throws UsageError, DataError with file and row */
  interactions(reading: RatingReading, work: LongWork): Promise<FoundInteractions>;
  /**
   * Rows of a table of items as they are written, by the names of columns, but for those that hold what names the item, `item`,
   * and the rating, `rating`, whatever they are called there.
   *
   * @throws UsageError, DataError with file and row
   */
  ratedItems(path: string, work: LongWork): Promise<readonly RatedRow[]>;
}
