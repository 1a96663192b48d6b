/** What Node can read of ratings, for an experiment. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Entities, Interactions } from "@innerloop/core/tasks";
import {
  type FoundInteractions,
  flagOf,
  type LongWork,
  type RatedRow,
  type RatingIo,
  type RatingReading,
  UsageError,
} from "@innerloop/experiments";
import { DataError } from "./data-error.js";
import { interactionsDigest } from "./ratings/interactions-digest.js";
import { usualColumn } from "./ratings/rating-columns.js";
import { ratingNotes } from "./ratings/rating-notes.js";
import { readRatings } from "./ratings/rating-tables.js";
import { eachTableRow, type TakeRow } from "./ratings/table-source.js";
import { knownSet } from "./sets/registry.js";
import { type DatasetListing, dataFolder, listDatasets, loadInteractions } from "./store/dataset-store.js";

/** Tables, files of MovieLens and data sets of this machine. */
export const machineRatings: RatingIo = { interactions: findInteractions, ratedItems };

/** Rows that a user's own table may have. */
const mostRows = 1_000_000;

/** @throws DataError ILD71 where no column names items, or there is no row */
async function ratedItems(path: string, work: LongWork): Promise<readonly RatedRow[]> {
  const rows: RatedRow[] = [];
  const begin = (columns: readonly string[]): TakeRow => {
    const item =
      usualColumn("item", columns) ?? usualColumn("title", columns) ?? columns.find((name) => /^id$/i.test(name));
    const rating = usualColumn("rating", columns);
    if (item === undefined) {
      const remedy = `Name one item, id or title: it has ${columns.slice(0, 12).join(", ")}.`;
      throw new DataError("ILD71", path, "no name of a column says which holds the items", remedy);
    }
    const names = columns.map((name) => (name === item ? "item" : name === rating ? "rating" : name));
    return (cells, line) => {
      if (rows.length === mostRows)
        throw new DataError("ILD71", `${path}:${line}`, `more than ${mostRows} rows`, "Give fewer at a time.");
      rows.push(Object.fromEntries(names.map((name, i) => [name, cells[i]!])));
    };
  };
  await eachTableRow({ path }, begin, work);
  if (rows.length === 0) throw new DataError("ILD06", path, "there are no rows in it", "Give one at least.");
  return rows;
}

async function findInteractions(reading: RatingReading, work: LongWork): Promise<FoundInteractions> {
  const { ratings } = reading;
  const isPath = /[\\/]/.test(ratings);
  const known = await listDatasets();
  // Names of data sets come first: a folder that happens to be called x-wines is ./x-wines.
  if (!isPath && known.some(({ name }) => name === ratings)) {
    const interactions = asRead(await loadInteractions(ratings, work), reading);
    const notes = [...ratingNotes(interactions), ...(await storedNotes(ratings))];
    return { interactions, sha256: interactionsDigest(interactions), notes };
  }
  for (const path of [ratings, reading.items, reading.users]) {
    if (path === undefined || (await stat(path).catch(() => undefined))) continue;
    const names = known
      .filter(holdsRatings)
      .map(({ name }) => name)
      .join(", ");
    const remedy =
      path === ratings
        ? `Give a table of ratings, a folder or archive of MovieLens, or a data set in ${dataFolder()}: ${names}`
        : `Check the path: ${flagOf(path === reading.items ? "items" : "users")} says where it is`;
    throw new UsageError(`there is no ${path === ratings ? "data set, file or folder" : "file"} ${path}`, remedy);
  }
  const folder = resolve(ratings);
  const { interactions, notes } = await readRatings({ ...reading, name: nameOf(folder) }, work);
  return { interactions, sha256: interactionsDigest(interactions), folder, notes };
}

/** The question whether a listed set is one of ratings; of one that is damaged nobody knows. */
const holdsRatings = (listing: DatasetListing): boolean =>
  (listing.state === "ready" ? listing.info.kind : knownSet(listing.name)?.kind) === "ratings";

/** What its reader told of its columns when it was stored. */
async function storedNotes(name: string): Promise<readonly string[]> {
  const listing = (await listDatasets()).find((each) => each.name === name);
  const notes = listing?.state === "ready" ? listing.info.source.notes : undefined;
  return Array.isArray(notes) ? notes.filter((note) => note.startsWith("attributes of ")) : [];
}

/** `ratings` of `/data/ratings.csv`. */
const nameOf = (path: string): string => {
  const [last = ""] = path.split(/[\\/]/).slice(-1);
  return last.replace(/\.(csv|tsv|jsonl|ndjson|dat|data|zip)$/i, "");
};

/** A data set as options want it, whose columns are what they are. @throws UsageError for options of tables */
function asRead(interactions: Interactions, reading: RatingReading): Interactions {
  const { ratings, implicit, itemAttributes, userAttributes, scale, ...tables } = reading;
  const given = (Object.keys(tables) as (keyof typeof tables)[]).find((name) => tables[name] !== undefined);
  const other = given ?? (scale === undefined ? undefined : "ratingScale");
  if (other !== undefined)
    throw new UsageError(`${flagOf(other)} means nothing for the data set ${ratings}`, "Leave it out");
  return {
    ...interactions,
    users: withAttributes(interactions.users, userAttributes, `users of ${ratings}`),
    items: withAttributes(interactions.items, itemAttributes, `items of ${ratings}`),
    ...(implicit
      ? { rating: new Float32Array(interactions.rating.length).fill(1), scale: { least: 0, most: 1 }, implicit }
      : {}),
  };
}

/** Only some of the attributes there are. @throws UsageError that names them */
function withAttributes(entities: Entities, names: readonly string[] | undefined, whose: string): Entities {
  if (!names) return entities;
  const { attributes } = entities;
  const chosen = names.map((text) => {
    const found = attributes.find(({ name, kind }) => name === text || `${name}:${kind}` === text);
    if (found) return found;
    const have = attributes.map(({ name, kind }) => `${name}:${kind}`).join(", ");
    throw new UsageError(`there is no attribute ${text} of the ${whose}`, `They have ${have === "" ? "none" : have}`);
  });
  return { ...entities, attributes: chosen };
}
