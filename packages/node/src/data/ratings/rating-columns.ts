/** The columns that ratings, items and users are in, by the names that such columns usually have. */
import { cut, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { headerHelp } from "../tables/table-file.js";

/** What a column of a table may be for. */
export type ColumnRole = "user" | "item" | "rating" | "time" | "title";

/** Usual names without case, blanks and marks between words, the first that is there is taken. */
const usualNames: Readonly<Record<ColumnRole, readonly string[]>> = {
  user: ["user", "userid", "uid", "username", "customer", "customerid", "reviewer", "reviewerid", "member", "memberid"],
  item: [
    ...["item", "itemid", "iid", "movie", "movieid", "film", "filmid", "book", "bookid", "isbn", "wine", "wineid"],
    ...[
      "place",
      "placeid",
      "product",
      "productid",
      "asin",
      "parentasin",
      "business",
      "businessid",
      "recipe",
      "recipeid",
    ],
    ...["track", "trackid", "song", "songid", "artist", "artistid", "game", "gameid", "anime", "animeid"],
  ],
  rating: ["rating", "ratings", "score", "stars", "overall", "vote"],
  time: ["timestamp", "time", "datetime", "date", "ratedat", "ratingdate", "reviewdate", "unixreviewtime"],
  title: ["title", "name"],
};

/** What a column is for, as messages say it. */
const told: Readonly<Record<ColumnRole, string>> = {
  user: "users",
  item: "items",
  rating: "ratings",
  time: "times",
  title: "titles",
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** The column of a role, by its name; undefined where none has a usual one. */
export function usualColumn(role: ColumnRole, columns: readonly string[]): string | undefined {
  const usual = usualNames[role];
  const found = columns.filter((name) => usual.includes(plain(name)));
  return found.sort((a, b) => usual.indexOf(plain(a)) - usual.indexOf(plain(b)))[0];
}

/** The column of titles beside that of ids: "title", "name", and "WineName" beside "WineID". */
export function usualTitle(columns: readonly string[], idColumn: string): string | undefined {
  const id = plain(idColumn);
  const stem = id.endsWith("id") ? id.slice(0, -2) : id;
  const isOwn = (name: string): boolean => stem !== "" && [`${stem}title`, `${stem}name`].includes(plain(name));
  return usualColumn("title", columns) ?? columns.find(isOwn);
}

/** The column of the ids in a table of items or users. @throws DataError ILD71 that names the columns there are */
export function idColumnOf(
  path: string,
  columns: readonly string[],
  role: "user" | "item",
  given: string | undefined,
): string {
  if (given !== undefined && columns.includes(given)) return given;
  const found = usualColumn(role, columns) ?? columns.find((name) => plain(name) === "id");
  if (found !== undefined) return found;
  const problem = `no name of a column says which holds the ids of ${told[role]}`;
  const remedy = `Name it as in the table of ratings, or ${role} or id: it has ${some(columns)}.`;
  throw new DataError("ILD71", path, problem, `${remedy}${headerHelp(columns, given === undefined ? [] : [given])}`);
}

/** The columns of a table of ratings. */
export interface RatingColumns {
  readonly user: string;
  readonly item: string;
  readonly rating?: string;
  readonly time?: string;
}

/** Columns that a caller names. */
export interface GivenColumns {
  readonly user?: string | undefined;
  readonly item?: string | undefined;
  readonly rating?: string | undefined;
  readonly time?: string | undefined;
}

/**
 * The columns that are given, and for the others those of usual names; without one for ratings feedback is implicit.
 *
 * @throws DataError ILD71 that names the columns there are, where one is not there, or named twice, or not to be found
 */
export function ratingColumnsOf(path: string, columns: readonly string[], given: GivenColumns): RatingColumns {
  const wanted = Object.values(given).filter((name) => name !== undefined) as string[];
  requireColumns(path, wanted, columns);
  const twice = wanted.find((name, i) => wanted.indexOf(name) !== i);
  if (twice !== undefined) {
    const problem = `column ${quoted(twice)} is named for two things`;
    throw new DataError("ILD71", path, problem, "Users, items, ratings and times are columns of their own.");
  }
  const others = columns.filter((name) => !wanted.includes(name));
  const columnOf = (role: keyof GivenColumns): string | undefined => given[role] ?? usualColumn(role, others);
  const [user, item, rating, time] = [columnOf("user"), columnOf("item"), columnOf("rating"), columnOf("time")];
  if (user === undefined || item === undefined) {
    const missing = [
      ...(user === undefined ? ["users (--user-column)"] : []),
      ...(item === undefined ? ["items (--item-column)"] : []),
    ];
    const problem = `no name of a column says which holds the ${missing.join(" and which the ")}`;
    const remedy = `Name ${missing.length > 1 ? "them" : "it"}: it has ${some(columns)}.${headerHelp(columns, [])}`;
    throw new DataError("ILD71", path, problem, remedy);
  }
  return { user, item, ...(rating === undefined ? {} : { rating }), ...(time === undefined ? {} : { time }) };
}

/** @throws DataError ILD71 that names the columns there are, where one is not there */
export function requireColumns(path: string, wanted: readonly string[], columns: readonly string[]): void {
  const absent = wanted.filter((name) => !columns.includes(name));
  if (absent.length === 0) return;
  const problem =
    absent.length === 1
      ? `there is no column ${quoted(absent[0])}`
      : `there are no columns ${absent.map((name) => quoted(name)).join(", ")}`;
  throw new DataError("ILD71", path, problem, `It has ${some(columns)}.${headerHelp(columns, absent)}`);
}

const some = (names: readonly string[]): string =>
  `${cut(names.slice(0, 12).join(", "), 300)}${names.length > 12 ? ", ..." : ""}`;
