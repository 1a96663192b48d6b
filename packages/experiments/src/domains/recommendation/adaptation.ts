/** Ratings as users of a trained model have them, and those that it tells. */

import {
  type CodedEntities,
  codeEntities,
  type Entities,
  offsetByAttributes,
  type RatedInputs,
  type RatingTarget,
  surenessOf,
} from "@innerloop/core/tasks";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { isRecord, quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { count, counted } from "../../words.js";
import type { Adaptation, GivenInputs, GivenSupport, Own } from "../domain.js";
import { feedbackOf } from "./feedback.js";
import { type AttributeValue, attributesOfItem, type FoundItem, ItemIndex } from "./item-index.js";
import type { RatingValues } from "./options.js";
import { itemsOf, type RatingSpec } from "./spec.js";

type OwnRatings = Own<RatingValues, RatingSpec>;

/** A rating as a program has it: an item by its id or title, or by attributes where it is a new one. */
export interface GivenRating {
  readonly item?: string;
  readonly rating?: number;
  readonly [attribute: string]: AttributeValue | undefined;
}

/** Ratings by items; or a table with columns of items and ratings. */
export type GivenRatings = string | readonly GivenRating[];

/** Rows of one table of items. */
interface CodedItems extends CodedEntities {
  readonly bases: Float32Array;
  readonly sureness: Float32Array;
  readonly cold: Float32Array;
}

/** What is made of a run's items once. */
interface KnownItems {
  readonly entities: Entities;
  readonly index: ItemIndex;
  readonly coded: CodedItems;
}

const known = new WeakMap<RatingSpec, KnownItems>();

/** The items of a run, coded, with an index of what they are called. */
export function knownItems(spec: RatingSpec): KnownItems {
  let found = known.get(spec);
  if (!found) {
    const entities = itemsOf(spec.items);
    const { base, cold } = spec;
    found = {
      entities,
      index: new ItemIndex(entities),
      coded: {
        ...codeEntities(entities, spec.codings.items),
        bases: Float32Array.from(base.offsets, (offset) => base.mean + offset),
        sureness: Float32Array.from(base.counts, (count) => surenessOf(base, count)),
        cold: Float32Array.from(cold),
      },
    };
    known.set(spec, found);
  }
  return found;
}

/** Items as the inputs of a model: those of a run by place, and new ones by what is known of them. */
export function ratedInputs(spec: RatingSpec, items: readonly FoundItem[]): RatedInputs {
  const { coded } = knownItems(spec);
  const { items: coding, users } = spec.codings;
  const slots = coded.slots + (users?.fields.reduce((sum, field) => sum + field.slots, 0) ?? 0);
  const width = 2 + coded.width + (users?.numbers.length ?? 0);
  const ids = new Int32Array(items.length * slots);
  const numbers = new Float32Array(items.length * width);
  const { mean, deviation } = spec.units;
  items.forEach((item, row) => {
    const of = "place" in item ? coded : codeEntities(item.entities, coding);
    const place = "place" in item ? item.place : 0;
    ids.set(of.ids.subarray(place * of.slots, (place + 1) * of.slots), row * slots);
    numbers.set(of.numbers.subarray(place * of.width, (place + 1) * of.width), row * width + 2);
    const base = "place" in item ? coded.bases[place]! : spec.base.mean + offsetByAttributes(spec.base, item.values);
    numbers[row * width] = (base - mean) / deviation;
    numbers[row * width + 1] = "place" in item ? coded.sureness[place]! : 0;
  });
  return { ids: tensor(ids, [items.length, slots], "int32"), numbers: tensor(numbers, [items.length, width]) };
}

/** @internal */
export const ratingAdaptation: Adaptation<RatingValues, RatingSpec, RatedInputs, RatingTarget> = {
  inputWord: "item",
  // Of a user of whom nothing is known, a model says what it says of all.
  needsNone: () => true,
  readSupport,
  // One table is read where its rows are told apart by its name.
  fromFiles: async (paths, _own, io, work) => {
    if (paths.length === 1) return paths[0];
    const rows: GivenRating[] = [];
    for (const path of paths) rows.push(...(await io.ratedItems(path, work)));
    return rows;
  },
  readInputs: async (given, _support, { spec }, io, work) => {
    const items = foundItems(spec, await rowsOf(given, io, work));
    return { x: ratedInputs(spec, items), names: items.map(({ name }) => name) } satisfies GivenInputs<RatedInputs>;
  },
  fromLine: (line) => (line.trim() === "" ? undefined : { item: line.trim() }),
  lineOf: ({ item, rating, score }) => `${Number(rating ?? score).toFixed(2)}  ${String(item)}`,
  answers: (prediction, { spec, inputs }) => {
    const { told, toldOf } = feedbackOf(spec);
    return Array.from((prediction as Tensor).data as Float32Array, (value, i) => ({
      item: inputs.names[i]!,
      [told]: Number(toldOf(spec, value).toFixed(4)),
    }));
  },
  table: (answers, { spec, inputs }) => {
    const { told } = feedbackOf(spec);
    return {
      header: ["item", told],
      rows: answers.map((answer, i) => [inputs.names[i]!, Number(answer[told]).toFixed(2)]),
    };
  },
};

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
  own: OwnRatings,
  io: DataIo,
  work: LongWork,
): Promise<KnownRatings> {
  const rows = given === undefined ? [] : await rowsOf(given, io, work);
  const found = foundItems(own.spec, rows);
  const { said } = feedbackOf(own.spec);
  const values = rows.map(({ row, at }) => said(row, at, own));
  requireDifferent(found, rows);
  return {
    items: found.filter((_, i) => values[i] !== undefined),
    ratings: values.filter((value) => value !== undefined),
    passed: found.filter((_, i) => values[i] === undefined),
  };
}

/** Places of items of the run. @throws UsageError for those that it does not have */
export async function namedPlaces(
  given: unknown,
  spec: RatingSpec,
  io: DataIo,
  work: LongWork,
): Promise<readonly number[]> {
  const rows = await rowsOf(given, io, work);
  // Names alone: a new item is none of the run's, whatever is known of it.
  const named = rows.map(({ row: { item }, at }): GivenRow => ({ row: item === undefined ? {} : { item }, at }));
  return foundItems(spec, named).flatMap((item) => ("place" in item ? [item.place] : []));
}

async function readSupport(
  given: unknown,
  own: OwnRatings,
  _flags: unknown,
  io: DataIo,
  work: LongWork,
): Promise<GivenSupport<RatedInputs, RatingTarget>> {
  const { spec } = own;
  const { one, many } = feedbackOf(spec).known;
  const { items, ratings, passed } = await readKnownRatings(given, own, io, work);
  const { coded } = knownItems(spec);
  const { mean, deviation } = spec.units;
  const column = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), [values.length, 1]);
  const there = items.length > 0;
  // Of none there is a row that is not there.
  const asked = there ? items : [{ place: 0, name: "" }];
  return {
    x: ratedInputs(spec, asked),
    y: {
      rating: column(there ? ratings.map((rating) => (rating - mean) / deviation) : [0]),
      cold: column(asked.map((item) => ("place" in item ? coded.cold[item.place]! : 1))),
    },
    ...(there ? {} : { present: tensor(new Float32Array(1), [1]) }),
    text: there ? counted(items.length, one, many) : `no ${many}`,
    notes: passed.length > 0 ? [`${passed.length} rated too low to be taken`] : [],
    facts: { ratings: Object.fromEntries(items.map(({ name }, i) => [name, ratings[i]])) },
  };
}

/** A row that was given, and where it is: "row 3", "mine.csv, row 3". */
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
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
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

/** @throws UsageError for an item that is not known, with what it may be */
function foundItems(spec: RatingSpec, rows: readonly GivenRow[]): readonly FoundItem[] {
  const { index } = knownItems(spec);
  return rows.map(({ row, at }) => {
    const { item } = row;
    const called = typeof item === "string" || typeof item === "number" ? String(item) : undefined;
    const found = called === undefined ? undefined : index.find(called);
    if (found) return found;
    const added = attributesOfItem(row, spec, at);
    if (added) return added;
    const near = called === undefined ? [] : index.near(called);
    throw new UsageError(
      item === undefined ? `${at} names no item` : `${at}: there is no item ${quoted(item)} in ${spec.name}`,
      near.length > 0
        ? `Did you mean ${near.map(({ name, id }) => (name === id ? quoted(id) : `${quoted(name)} (${id})`)).join(" or ")}?`
        : "Give an id or title of the run's items, or what is known of a new one: attributes in columns of their own",
    );
  });
}

/** @throws UsageError where an item comes up twice: two of one title are two */
function requireDifferent(items: readonly FoundItem[], rows: readonly GivenRow[]): void {
  const seen = new Set<number | string>();
  items.forEach((item, i) => {
    const which = "place" in item ? item.place : item.name;
    if (seen.has(which))
      throw new UsageError(`${rows[i]!.at}: ${quoted(item.name)} comes up for the second time`, "Give each item once");
    seen.add(which);
  });
}
