/** Tables of ratings, items and users as the interactions that recommenders learn from. */
import type { Entities, Interactions, RatingScale } from "@innerloop/core/tasks";
import { count, cut, type LongWork, quoted, type RatingReading } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { attributesOf, declaredAttribute } from "./attributes.js";
import { EntityIds } from "./entity-ids.js";
import { type EntityColumn, type EntityTable, readEntityTable, readWordPairs } from "./entity-table.js";
import { type RatingColumns, ratingColumnsOf, usualTitle } from "./rating-columns.js";
import { type RatingFiles, tableAt, withRatingFiles } from "./rating-files.js";
import { ratingNotes, repeatedNote, unlistedNote, zerosHint } from "./rating-notes.js";
import { type OrderedRatings, RatingRows } from "./rating-rows.js";
import { eachTableRow } from "./table-source.js";

/** A table of pairs of an id and a word, which makes a bag of each entity. */
export interface WordPairs {
  readonly path: string;
  readonly id: string;
  readonly word: string;
  /** Of the attribute. */
  readonly name: string;
}

/** What is read of tables, beside where they are. */
export type RatingTablesReading = Omit<RatingReading, "ratings" | "items" | "users"> & {
  /** Of the data set. */
  readonly name: string;
  readonly itemWords?: readonly WordPairs[];
  readonly userWords?: readonly WordPairs[];
};

/** Ratings, and what is told of them: a line each. */
export interface GatheredRatings {
  readonly interactions: Interactions;
  readonly notes: readonly string[];
}

/**
 * Reads ratings at a path: a table, a file of MovieLens, or a folder or zip archive of them with their items and users;
 * tables of items and users that are named come first.
 *
 * @throws what `readRatingTables` throws, and UsageError for files of another kind
 */
export function readRatings(
  { ratings, items, users, ...reading }: RatingReading & { readonly name: string },
  work: LongWork,
): Promise<GatheredRatings> {
  return withRatingFiles(ratings, (found) =>
    readRatingTables(
      {
        ratings: found.ratings,
        items: items === undefined ? found.items : tableAt(items),
        users: users === undefined ? found.users : tableAt(users),
      },
      reading,
      work,
    ),
  );
}

/**
 * Reads tables of ratings, items and users, the first row by row into typed arrays. Items and users are those of their
 * tables in that order, behind them those that come up among ratings alone; where there is no table, all of them do.
 *
 * @throws DataError ILD71 with file and row for ratings that are no numbers or off the scale, empty ids, columns that are not
 * there; ILD06 for no ratings, ratings that are all the same, and items of which the table knows none; ILD07, ILD03
 */
export async function readRatingTables(
  files: RatingFiles,
  reading: RatingTablesReading,
  work: LongWork,
): Promise<GatheredRatings> {
  const { path } = files.ratings;
  const items = await entitiesAt(files, "items", reading, work);
  const users = await entitiesAt(files, "users", reading, work);
  const ids = { users: users?.ids ?? new EntityIds("users", path), items: items?.ids ?? new EntityIds("items", path) };
  const listed = { users: ids.users.ids.length, items: ids.items.ids.length };
  const { ratings, columns, others } = await ratingsAt(files, reading, ids, work);
  const found = {
    items: entitiesOf(items, ids.items, reading.titleColumn, reading.itemAttributes),
    users: entitiesOf(users, ids.users, undefined, reading.userAttributes),
  };
  const implicit = columns.rating === undefined;
  const { user, item, rating, time, repeated, noTimes } = ratings;
  const interactions: Interactions = {
    name: reading.name,
    users: found.users.entities,
    items: found.items.entities,
    ...{ user, item, rating },
    ...(time ? { time } : {}),
    scale: implicit ? { least: 0, most: 1 } : (reading.scale ?? scaleOf(rating, path)),
    ...(implicit ? { implicit } : {}),
  };
  if (items && listed.items > 0 && item.every((place) => place >= listed.items)) {
    const problem = `none of the ${count(ids.items.ids.length - listed.items)} rated items is in the table of items ${items.path}`;
    const hint = zerosHint(ids.items.ids, listed.items);
    const remedy = `Its ids are those of column ${quoted(items.idColumn)}, such as ${quoted(ids.items.ids[0])}; the rated ones of ${quoted(columns.item)}, such as ${quoted(ids.items.ids[listed.items])}${hint}.`;
    throw new DataError("ILD06", path, problem, remedy);
  }
  const notes = [
    columnsNote(columns, reading.implicit === true, others),
    ...ratingNotes(interactions),
    ...(noTimes === undefined ? [] : [noTimes]),
    ...(repeated > 0 ? [repeatedNote(repeated, rating.length, time !== undefined)] : []),
    ...(items ? [unlistedNote("items", ids.items.ids, listed.items, item)] : []),
    ...(users ? [unlistedNote("users", ids.users.ids, listed.users, user)] : []),
    ...found.items.notes,
    ...found.users.notes,
  ];
  return { interactions, notes: notes.filter((note) => note !== undefined) };
}

/** The table of items or users, with the bags that further tables make. */
async function entitiesAt(
  files: RatingFiles,
  what: "items" | "users",
  reading: RatingTablesReading,
  work: LongWork,
): Promise<EntityTable | undefined> {
  const source = files[what];
  const attributes = what === "items" ? reading.itemAttributes : reading.userAttributes;
  const pairs = (what === "items" ? reading.itemWords : reading.userWords) ?? [];
  if (!source) {
    const given = attributes?.[0] ?? (what === "items" ? reading.titleColumn : undefined);
    if (given === undefined) return undefined;
    const remedy = `Name one with --${what}, or leave it out.`;
    throw new DataError(
      "ILD71",
      files.ratings.path,
      `column ${quoted(given)} is one of a table of ${what}, which is not there`,
      remedy,
    );
  }
  const title = what === "items" && reading.titleColumn !== undefined ? [reading.titleColumn] : [];
  const idColumn = what === "items" ? reading.itemColumn : reading.userColumn;
  const table = await readEntityTable(source, what, idColumn, title, work);
  const bags: EntityColumn[] = [];
  for (const { path, ...columns } of pairs) bags.push(await readWordPairs(path, table, columns, work));
  return bags.length === 0 ? table : { ...table, columns: [...table.columns, ...bags] };
}

async function ratingsAt(
  { ratings: source }: RatingFiles,
  reading: RatingTablesReading,
  ids: { readonly users: EntityIds; readonly items: EntityIds },
  work: LongWork,
): Promise<{ readonly ratings: OrderedRatings; readonly columns: RatingColumns; readonly others: readonly string[] }> {
  const { userColumn, itemColumn, ratingColumn, timeColumn, scale } = reading;
  const { path } = source;
  let rows: RatingRows | undefined;
  let columns: RatingColumns | undefined;
  let others: readonly string[] = [];
  await eachTableRow(
    source,
    (names) => {
      const given = { user: userColumn, item: itemColumn, rating: ratingColumn, time: timeColumn };
      const { rating: found, ...rest } = ratingColumnsOf(path, names, given);
      const chosen: RatingColumns = reading.implicit || found === undefined ? rest : { ...rest, rating: found };
      const growing = new RatingRows({
        ...{ path, ...ids, columns: chosen, scale },
        needsTimes: timeColumn !== undefined,
      });
      [columns, rows] = [chosen, growing];
      others = names.filter((name) => !(Object.values(chosen) as string[]).includes(name));
      const at = (name: string | undefined): number => (name === undefined ? -1 : names.indexOf(name));
      const [user, item, rating, time] = [at(chosen.user), at(chosen.item), at(chosen.rating), at(chosen.time)];
      return (cells, line) => growing.add(cells[user]!, cells[item]!, cells[rating], cells[time], line);
    },
    work,
  );
  return { ratings: rows!.finish(), columns: columns!, others };
}

/** Ids with their titles and attributes, of which nothing is known for ids behind those of the table. */
function entitiesOf(
  table: EntityTable | undefined,
  { ids, what }: EntityIds,
  givenTitle: string | undefined,
  declared: readonly string[] | undefined,
): { readonly entities: Entities; readonly notes: readonly string[] } {
  if (!table) return { entities: { ids, attributes: [] }, notes: [] };
  const names = table.columns.map(({ name }) => name);
  const titleName = what === "items" ? (givenTitle ?? usualTitle(names, table.idColumn)) : undefined;
  const title = table.columns.find(({ name }) => name === titleName);
  const titles = title && ids.map((id, place) => title.cells[title.of[place] ?? -1] ?? id);
  const years = title && !names.some((name) => name.toLowerCase() === "year") ? yearsIn(title) : undefined;
  const columns = [...table.columns, ...(years ? [years] : [])];
  const wanted = declared?.map((text) =>
    declaredAttribute(
      text,
      columns.map(({ name }) => name),
    ),
  );
  const offered = wanted ? columns : columns.filter(({ name }) => name !== titleName);
  const { attributes, notes } = attributesOf(table, offered, wanted, ids.length);
  return {
    entities: { ids, ...(titles ? { titles } : {}), attributes },
    notes: [
      ...(titleName === undefined
        ? []
        : [`titles of ${what}: ${cut(titleName, 40)}${years ? ", and from them the year" : ""}`]),
      ...(table.repeated > 0 ? [`${count(table.repeated)} rows of the table of ${what} say the same twice`] : []),
      ...notes,
    ],
  };
}

/** Of titles that nearly all end in a year, as "Heat (1995)", these years. */
function yearsIn({ cells, of }: EntityColumn): EntityColumn | undefined {
  const years = cells.map((cell) => /\((\d{4})\)$/.exec(cell)?.[1]);
  const withYear = years.filter((year) => year !== undefined);
  if (withYear.length === 0 || withYear.length < 0.9 * cells.length) return undefined;
  const different = [...new Set(withYear)];
  const places = new Map(different.map((year, place) => [year, place]));
  return {
    name: "year",
    cells: different,
    of: of.map((place) => places.get(years[place] ?? "") ?? -1),
  };
}

/** @throws DataError ILD06 where all ratings are the same */
function scaleOf(rating: Float32Array, path: string): RatingScale {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of rating) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (least < most) return { least, most };
  throw new DataError(
    "ILD06",
    path,
    rating.length === 1 ? `the only rating is ${least}` : `all ${count(rating.length)} ratings are ${least}`,
    "Ratings that do not differ tell nothing. Is it the right column (--rating-column)?",
  );
}

function columnsNote({ user, item, rating, time }: RatingColumns, isGiven: boolean, others: readonly string[]): string {
  const parts = [
    `users ${cut(user, 40)}`,
    `items ${cut(item, 40)}`,
    rating === undefined
      ? `no ratings, ${isGiven ? "as asked for" : "since no name of a column says which holds them"}: feedback is implicit`
      : `ratings ${cut(rating, 40)}`,
    time === undefined ? "no times" : `times ${cut(time, 40)}`,
  ];
  const left = others.length === 0 ? "" : `; not used: ${cut(others.map((name) => cut(name, 40)).join(", "), 200)}`;
  return `columns of ratings: ${parts.join(", ")}${left}`;
}
