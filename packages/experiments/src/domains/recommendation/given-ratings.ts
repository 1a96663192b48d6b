/** Ratings and items as users give them, found among those of a run. */
import type { DataIo, LongWork } from "../../io.js";
import { cut, isRecord, quoted } from "../../options/outside-text.js";
import { nearestName, UsageError } from "../../options/usage-error.js";
import { PlacedRows } from "../../rating-io.js";
import { count, counted } from "../../words.js";
import type { ItemChoice, ItemNaming } from "../ranker.js";
import { type FeedbackOf, feedbackOf } from "./feedback.js";
import { type AttributeValue, attributesOfItem, type FoundItem, type ItemIndex } from "./item-index.js";
import { knownItems } from "./known-items.js";
import type { RatingTable } from "./spec.js";

/** A rating as a program has it: an item by its id or title, or by attributes where it is a new one. */
export interface GivenRating {
  readonly item?: string;
  readonly rating?: number;
  readonly [attribute: string]: AttributeValue | undefined;
}

/** Ratings by items; or a table with columns of items and ratings. */
export type GivenRatings = string | readonly GivenRating[];

/** Ratings of a user, read. */
export interface KnownRatings {
  readonly items: readonly FoundItem[];
  /** Of each, in its own units: 1 where feedback is implicit. */
  readonly ratings: readonly number[];
  /** Items that a user of implicit feedback has rated too low to have taken them: nothing more is known of these. */
  readonly passed: readonly FoundItem[];
}

/**
 * Ratings as a user gives them; none where nothing is given.
 *
 * @throws UsageError for items that are not known, or are rated twice, and for what is no rating
 */
export async function readKnownRatings(
  given: unknown,
  own: FeedbackOf & { readonly spec: RatingTable },
  io: DataIo,
  work: ItemNaming,
): Promise<KnownRatings> {
  const { spec } = own;
  const { said } = feedbackOf(spec);
  const rows = given === undefined ? [] : await rowsOf(given, io, work);
  const found = await foundRows(spec, rows, work, ({ row, at }) => said(row, at, own));
  requireDifferent(found);
  noteUnknownWords(found, spec, work);
  const taken = found.filter(({ value }) => value !== undefined);
  return {
    items: taken.map(({ item }) => item),
    ratings: taken.map(({ value }) => value!),
    passed: found.filter(({ value }) => value === undefined).map(({ item }) => item),
  };
}

/** Items as a user names them, or says what is known of new ones. @throws UsageError for those that are not known */
export async function readItems(
  given: unknown,
  spec: RatingTable,
  io: DataIo,
  work: ItemNaming,
): Promise<readonly FoundItem[]> {
  const found = await foundRows(spec, await rowsOf(given, io, work), work, () => undefined);
  noteUnknownWords(found, spec, work);
  return found.map(({ item }) => item);
}

/** Items of a list, as `readItems`. @throws as it */
export async function itemsOfList(given: readonly unknown[], spec: RatingTable): Promise<readonly FoundItem[]> {
  const found = await foundRows(spec, rowsOfList(given), {}, () => undefined);
  return found.map(({ item }) => item);
}

/** Places of items of the run. @throws UsageError for those that it does not have */
export const namedPlaces = async (
  given: unknown,
  spec: RatingTable,
  io: DataIo,
  work: ItemNaming,
): Promise<readonly number[]> => placesOfRows(await rowsOf(given, io, work), spec, work);

/** Places of items of a list, as `namedPlaces`. @throws as it */
export const placesOfList = (given: readonly unknown[], spec: RatingTable): Promise<readonly number[]> =>
  placesOfRows(rowsOfList(given), spec, {});

async function placesOfRows(
  rows: readonly GivenRow[],
  spec: RatingTable,
  work: ItemNaming,
): Promise<readonly number[]> {
  // Names alone: a new item is none of the run's, whatever is known of it.
  const named = rows.map(({ row: { item }, at }): GivenRow => ({ row: item === undefined ? {} : { item }, at }));
  const found = await foundRows(spec, named, work, () => undefined);
  return found.flatMap(({ item }) => ("place" in item ? [item.place] : []));
}

/** Rows of several tables, each told apart by its table's name. */
export async function rowsOfTables(paths: readonly string[], io: DataIo, work: LongWork): Promise<PlacedRows> {
  const tables: (readonly GivenRow[])[] = [];
  for (const path of paths) tables.push(await rowsOf(path, io, work));
  const all = tables.flat();
  return new PlacedRows(
    all.map(({ row }) => row),
    all.map(({ at }) => at),
  );
}

/** A row that was given, and where it is: "row 3", "mine.csv, row 3"; "" where whoever has given it says so. */
interface GivenRow {
  readonly row: Readonly<Record<string, unknown>>;
  readonly at: string;
}

/** Rows that are read or given at once, at most. */
const mostRows = 1_000_000;

/** Rows of a table, or those that a program gives. @throws UsageError for what is neither */
async function rowsOf(given: unknown, io: DataIo, work: LongWork): Promise<readonly GivenRow[]> {
  if (typeof given === "string") {
    const rows = await io.ratedItems(given, work);
    return rows.map((row, i) => ({ row, at: `${io.shown(given)}, row ${i + 1}` }));
  }
  if (given instanceof PlacedRows) return given.rows.map((row, i) => ({ row, at: given.places[i] ?? `row ${i + 1}` }));
  return rowsOfList(Array.isArray(given) ? given : [given]);
}

/** Rows that a program gives. @throws UsageError for what is none */
function rowsOfList(list: readonly unknown[]): readonly GivenRow[] {
  const wrong = list.findIndex((row) => typeof row !== "string" && !isRecord(row));
  if (list.length > 0 && list.length <= mostRows && wrong < 0)
    return list.map((row, i) => ({
      row: typeof row === "string" ? { item: row } : (row as GivenRow["row"]),
      at: `row ${i + 1}`,
    }));
  throw new UsageError(
    wrong >= 0
      ? `row ${wrong + 1} is ${quoted(list[wrong])}`
      : `there are ${list.length === 0 ? "no" : `more than ${count(mostRows)}`} items`,
    'Give a table, or [{ item: "0111161", rating: 9 }, ...]: items by id or title',
  );
}

/** A row with the item that it is about, and what was read of it beside. */
interface FoundRow<Value> {
  readonly at: string;
  readonly item: FoundItem;
  readonly value: Value;
}

/**
 * The items of rows. What is wrong without doubt is said before anyone is asked; rows that are left out by an answer are
 * not among them.
 *
 * @param read what is read of a row beside its item
 * @throws UsageError for an item that is not known, with what it may be
 */
async function foundRows<Value>(
  spec: RatingTable,
  rows: readonly GivenRow[],
  { choose }: ItemNaming,
  read: (row: GivenRow) => Value,
): Promise<readonly FoundRow<Value>[]> {
  const { index } = knownItems(spec);
  const named = rows.map((row) => ({ ...itemOf(row, spec, choose !== undefined), at: row.at, value: read(row) }));
  const found: FoundRow<Value>[] = [];
  for (const { at, value, ...either } of named) {
    if ("item" in either) {
      found.push({ at, value, item: either.item });
      continue;
    }
    const chosen = await choose!({ at, ...either });
    if (chosen === undefined) continue;
    const [place] = index.called(chosen.item);
    if (place === undefined)
      throw new UsageError(`there is no item ${quoted(chosen.item)} in ${spec.name}`, "Choose one of those near");
    found.push({ at, value, item: { place, name: index.nameOf(place) } });
  }
  return found;
}

/** Items that may be meant by a name: those that an error names, and those that one chooses among. */
const [mostNear, mostChoices] = [3, 5];

/**
 * The item of a row, or what may be meant by it.
 *
 * @param canAsk where nobody is asked, a name that is not clear is an error
 */
function itemOf(
  { row, at }: GivenRow,
  spec: RatingTable,
  canAsk: boolean,
): { readonly item: FoundItem } | { readonly name: string; readonly near: readonly ItemChoice[] } {
  const { index } = knownItems(spec);
  const { item } = row;
  const name = typeof item === "string" || typeof item === "number" ? String(item) : undefined;
  const places = name === undefined ? [] : index.called(name);
  const [place] = places;
  if (place !== undefined && places.length === 1) return { item: { place, name: index.nameOf(place) } };
  const added = place === undefined ? attributesOfItem(row, spec, at === "" ? "the item" : at) : undefined;
  if (added) return { item: added };
  const wrong = (problem: string, remedy: string): UsageError =>
    new UsageError(at === "" ? problem : `${at}: ${problem}`, remedy);
  const { counts } = spec.base;
  const near =
    places.length > 0
      ? places.toSorted((a, b) => counts[b]! - counts[a]! || a - b)
      : name === undefined
        ? []
        : index.near(name);
  const choices = choicesOf(index, near);
  if (name !== undefined && canAsk && near.length > 0) return { name, near: choices };
  const some = choices.slice(0, mostNear).map(shownChoice);
  if (place !== undefined)
    throw wrong(`${places.length} items are called ${quoted(name)}`, `Name it by its id: ${some.join(" or ")}`);
  throw item === undefined
    ? new UsageError(`${at === "" ? "a row" : at} names no item`, giveItem)
    : wrong(
        `there is no item ${quoted(item)} in ${spec.name}`,
        some.length > 0 ? `Did you mean ${some.join(" or ")}?` : giveItem,
      );
}

/** The first items that may be meant, with what tells those of one title apart. */
function choicesOf(index: ItemIndex, near: readonly number[]): readonly ItemChoice[] {
  const first = near.slice(0, mostChoices);
  const apart = index.apart(first);
  return first.map((place, i) => ({
    item: index.idOf(place),
    title: index.nameOf(place),
    ...(apart[i] === undefined ? {} : { apart: apart[i] }),
  }));
}

/** `"Titanic" (0120338: year 1997)` */
const shownChoice = ({ item, title, apart }: ItemChoice): string =>
  title === item ? quoted(item) : `${quoted(title)} (${item}${apart === undefined ? "" : `: ${apart}`})`;

const giveItem =
  "Give an id or title of the run's items, or what is known of a new one: attributes in columns of their own";

/** @throws UsageError where an item comes up twice: two of one title are two */
function requireDifferent(rows: readonly FoundRow<unknown>[]): void {
  const seen = new Set<number | string>();
  for (const { item, at } of rows) {
    const which = "place" in item ? item.place : item.name;
    if (seen.has(which))
      throw new UsageError(`${at}: ${quoted(item.name)} comes up for the second time`, "Give each item once");
    seen.add(which);
  }
}

/** Unknown words that are named. */
const mostUnknown = 5;
/** Longer words are no mistyped ones. */
const longestWord = 64;

/** Says once which words of new items nothing is known of: they say nothing. */
function noteUnknownWords(rows: readonly FoundRow<unknown>[], spec: RatingTable, { onWarning }: LongWork): void {
  if (!onWarning) return;
  const { words: known } = knownItems(spec);
  const unknown = new Map<string, string>();
  for (const { item } of rows) {
    if ("place" in item) continue;
    for (const attribute of item.entities.attributes) {
      if (attribute.kind === "number") continue;
      const { name } = attribute;
      const all = known.get(name) ?? new Set();
      for (const word of attribute.words) {
        const key = JSON.stringify([name, word]);
        if (all.has(word) || unknown.has(key)) continue;
        // A table of words that are all others would have each compared with all.
        const near =
          unknown.size < mostUnknown
            ? nearestName(
                word,
                [...all].filter((each) => each.length <= longestWord),
              )
            : undefined;
        unknown.set(
          key,
          `${cut(name, longestWord)}: ${quoted(word)} is not known${near === undefined ? "" : ` (did you mean ${quoted(near)}?)`}`,
        );
      }
    }
  }
  const notes = [...unknown.values()];
  for (const note of notes.slice(0, mostUnknown)) onWarning(note);
  if (notes.length > mostUnknown)
    onWarning(`and ${counted(notes.length - mostUnknown, "other word")} of new items are not known`);
}
