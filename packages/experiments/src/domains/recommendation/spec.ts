/** A record of ratings that a run keeps: the items, how they are coded, and the base that learners start from. No user is in it. */

import { TaskError } from "@innerloop/core";
import {
  type Attribute,
  type Entities,
  type EntityCoding,
  type RatingBase,
  type RatingCodings,
  type RatingScale,
  type RatingUnits,
  ratingBaseFrom,
} from "@innerloop/core/tasks";
import { isRecord } from "../../options/outside-text.js";
import { isDataSpec } from "../classification/spec.js";
import type { DataSpec } from "../domain.js";

/** An attribute as plain JSON. */
export type KeptAttribute =
  | { readonly kind: "number"; readonly name: string; readonly values: readonly (number | null)[] }
  | {
      readonly kind: "category";
      readonly name: string;
      readonly words: readonly string[];
      readonly of: readonly number[];
    }
  | {
      readonly kind: "bag";
      readonly name: string;
      readonly words: readonly string[];
      readonly of: readonly number[];
      readonly starts: readonly number[];
    };

/** Items as plain JSON. */
export interface KeptItems {
  readonly ids: readonly string[];
  readonly titles?: readonly string[];
  readonly attributes: readonly KeptAttribute[];
}

/** The items of a run with all that its model makes of them. */
export interface RatingTable {
  readonly name: string;
  readonly items: KeptItems;
  readonly codings: RatingCodings;
  readonly base: RatingBase;
  readonly units: Pick<RatingUnits, "mean" | "deviation">;
  readonly scale: RatingScale;
  /** 1 for items that training does not know, in their order. */
  readonly cold: readonly number[];
  /** Present where there were no ratings, but what users took alone: the base is then in log-odds. */
  readonly implicit?: true;
}

/** What a run keeps of ratings. */
export interface RatingSpec extends DataSpec, RatingTable {}

/** Items as they are kept. */
export const keptItems = ({ ids, titles, attributes }: Entities): KeptItems => ({
  ids,
  ...(titles ? { titles } : {}),
  attributes: attributes.map((attribute): KeptAttribute => {
    const { name } = attribute;
    if (attribute.kind === "number")
      return {
        kind: "number",
        name,
        values: Array.from(attribute.values, (value) => (Number.isFinite(value) ? value : null)),
      };
    const { words } = attribute;
    const of = Array.from(attribute.of);
    return attribute.kind === "category"
      ? { kind: "category", name, words, of }
      : { kind: "bag", name, words, of, starts: Array.from(attribute.starts) };
  }),
});

/** Items from what was kept. */
export const itemsOf = ({ ids, titles, attributes }: KeptItems): Entities => ({
  ids,
  ...(titles ? { titles } : {}),
  attributes: attributes.map((attribute): Attribute => {
    if (attribute.kind === "number")
      return { ...attribute, values: Float64Array.from(attribute.values, (value) => value ?? Number.NaN) };
    const of = Int32Array.from(attribute.of);
    return attribute.kind === "category"
      ? { ...attribute, of }
      : { ...attribute, of, starts: Int32Array.from(attribute.starts) };
  }),
});

/** Items of a run, and words of an attribute, at most. */
const mostItems = 2 ** 22;
/** Ids and numbers of a row, and those of all items together, at most: 1 GiB. */
const [mostOfRow, mostCoded] = [2 ** 14, 2 ** 28];

/** Ids and numbers of a row. */
const codedWidth = ({ fields, numbers }: EntityCoding): number =>
  fields.reduce((sum, { slots }) => sum + slots, numbers.length);

const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
const isPath = (value: unknown): value is string => typeof value === "string" && !value.includes("\0");
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const areTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= mostItems && value.every((each) => typeof each === "string");
const areWhole = (value: unknown, least: number, most: number): value is readonly number[] =>
  Array.isArray(value) && value.length <= 64 * mostItems && value.every((each) => isWhole(each, least, most));

function isKeptAttribute(value: unknown, count: number): value is KeptAttribute {
  if (!isRecord(value) || typeof value.name !== "string") return false;
  const { kind, values, words, of, starts } = value;
  if (kind === "number")
    return Array.isArray(values) && values.length === count && values.every((each) => each === null || isNumber(each));
  if (!areTexts(words)) return false;
  if (kind === "category") return areWhole(of, -1, words.length - 1) && of.length === count;
  return (
    kind === "bag" &&
    areWhole(of, 0, words.length - 1) &&
    areWhole(starts, 0, of.length) &&
    starts.length === count + 1 &&
    starts.every((start, i) => start >= (starts[i - 1] ?? 0)) &&
    starts[count] === of.length
  );
}

function areKeptItems(value: unknown): value is KeptItems {
  if (!isRecord(value)) return false;
  const { ids, titles, attributes } = value;
  return (
    areTexts(ids) &&
    ids.length > 0 &&
    new Set(ids).size === ids.length &&
    (titles === undefined || (areTexts(titles) && titles.length === ids.length)) &&
    Array.isArray(attributes) &&
    attributes.length <= 1000 &&
    attributes.every((attribute) => isKeptAttribute(attribute, ids.length))
  );
}

function isCoding(value: unknown): value is EntityCoding {
  if (!isRecord(value)) return false;
  const { fields, numbers } = value;
  return (
    Array.isArray(fields) &&
    fields.length <= 1000 &&
    fields.every(
      (field) =>
        isRecord(field) &&
        typeof field.name === "string" &&
        ["id", "category", "bag"].includes(field.kind as string) &&
        areTexts(field.words) &&
        isWhole(field.slots, 1, 1024),
    ) &&
    Array.isArray(numbers) &&
    numbers.length <= 1000 &&
    numbers.every(
      (each) =>
        isRecord(each) &&
        typeof each.name === "string" &&
        isNumber(each.mean) &&
        isNumber(each.deviation) &&
        each.deviation > 0,
    )
  );
}

/** The spec in a value from a file; undefined where it is none. */
export function parseRatingSpec(value: unknown): RatingSpec | undefined {
  if (!isDataSpec(value)) return undefined;
  const { tables } = value as unknown as Readonly<Record<string, unknown>>;
  const areTables = tables === undefined || (isRecord(tables) && Object.values(tables).every(isPath));
  return areTables && parseRatingTable(value) ? (value as unknown as RatingSpec) : undefined;
}

/** The items and what is made of them, in a value from a file; undefined where it is none of the kind. */
export function parseRatingTable(value: unknown): RatingTable | undefined {
  if (!isRecord(value)) return undefined;
  const { name, items, codings, base, units, scale, cold, implicit } = value;
  if (!areKeptItems(items) || !isRecord(codings) || !isRecord(units) || !isRecord(scale)) return undefined;
  const fits =
    typeof name === "string" &&
    isCoding(codings.items) &&
    items.ids.length * codedWidth(codings.items) <= mostCoded &&
    codedWidth(codings.items) <= mostOfRow &&
    (codings.users === undefined || (isCoding(codings.users) && codedWidth(codings.users) <= mostOfRow)) &&
    isNumber(units.mean) &&
    isNumber(units.deviation) &&
    units.deviation > 0 &&
    isNumber(scale.least) &&
    isNumber(scale.most) &&
    scale.least <= scale.most &&
    (implicit === undefined || implicit === true) &&
    areWhole(cold, 0, 1) &&
    cold.length === items.ids.length;
  if (!fits) return undefined;
  try {
    if (ratingBaseFrom(base).offsets.length !== items.ids.length) return undefined;
  } catch (error) {
    if (error instanceof TaskError) return undefined;
    throw error;
  }
  const table = { name, items, codings, base, units, scale, cold, ...(implicit ? { implicit } : {}) };
  return table as unknown as RatingTable;
}

/** The same of a run, without where its data are. */
export const ratingTableOf = ({
  name,
  items,
  codings,
  base,
  units,
  scale,
  cold,
  implicit,
}: RatingTable): RatingTable => ({
  ...{ name, items, codings, base, units, scale, cold },
  ...(implicit ? { implicit } : {}),
});
