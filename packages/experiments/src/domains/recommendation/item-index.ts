/** Items by what they are called: ids, titles, and titles that are nearly right. */
import type { Attribute, Entities } from "@innerloop/core/tasks";
import { cut, quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { RatingTable } from "./spec.js";

/** An item of a run, by its place among them; or a new one, by what is known of it. */
export type FoundItem =
  | { readonly place: number; readonly name: string }
  | {
      readonly entities: Pick<Entities, "ids" | "attributes">;
      readonly values: Readonly<Record<string, AttributeValue>>;
      readonly name: string;
    };

/** A value of an attribute: a number, a word, or words, also as `Drama|Crime`. */
export type AttributeValue = string | number | readonly string[];

/** A title as it is compared: lower case, composed, without what is no letter or digit; as it is, where it has none. */
const plain = (title: string): string =>
  title
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim() || title.trim();

/** Attributes that tell items of one title apart, at most, and characters of each. */
const [mostApart, mostShown] = [2, 40];
/** Words of a bag of a new item, at most. */
const mostWords = 10_000;
/** Dice's coefficient of the three-letter pieces of titles from which on one may be meant. */
const leastLikeness = 0.35;

/** The items of a run by id and by title. */
export class ItemIndex {
  readonly #items: Entities;
  readonly #byId: ReadonlyMap<string, number>;
  /** Several items may have a title; they are told apart by id. */
  readonly #byTitle = new Map<string, readonly number[]>();

  constructor(items: Entities) {
    this.#items = items;
    this.#byId = new Map(items.ids.map((id, place) => [id, place]));
    items.titles?.forEach((title, place) => {
      const name = plain(title);
      this.#byTitle.set(name, [...(this.#byTitle.get(name) ?? []), place]);
    });
  }

  nameOf(place: number): string {
    return this.#items.titles?.[place] ?? this.#items.ids[place]!;
  }

  idOf(place: number): string {
    return this.#items.ids[place]!;
  }

  /** Places of the items that are called so: the one of an id, else all of a title. */
  called(text: string): readonly number[] {
    const place = this.#byId.get(text.normalize("NFC").trim());
    return place === undefined ? (this.#byTitle.get(plain(text)) ?? []) : [place];
  }

  /**
   * Places of items that may be meant: first those whose ids differ in leading zeros alone, which spreadsheets take away;
   * then those whose titles have most of the text's letters in common, three at a time, the nearest first.
   */
  near(text: string): readonly number[] {
    const id = withoutZeros(text.trim());
    const sameId = this.#items.ids.flatMap((each, place) => (id !== "" && withoutZeros(each) === id ? [place] : []));
    return [...new Set([...sameId, ...this.#nearTitles(text)])];
  }

  /**
   * What tells each of the places apart from others of its title, by the attributes of which most values differ:
   * `year 1997`; undefined for one whose title no other has.
   */
  apart(places: readonly number[]): readonly (string | undefined)[] {
    return places.map((place) => {
      const name = plain(this.nameOf(place));
      const alike = places.filter((other) => plain(this.nameOf(other)) === name);
      return alike.length > 1 ? this.#apartAmong(place, alike) : undefined;
    });
  }

  #apartAmong(place: number, alike: readonly number[]): string | undefined {
    const differing = this.#items.attributes
      .map((attribute) => {
        const values = new Set(alike.map((each) => valueAt(attribute, each)));
        // Lists of words are long: what takes a word or number says it sooner.
        return { attribute, count: values.size, words: attribute.kind === "bag" ? 1 : 0 };
      })
      .filter(({ count }) => count > 1)
      .sort((a, b) => b.count - a.count || a.words - b.words)
      .flatMap(({ attribute }) => {
        const value = valueAt(attribute, place);
        return value === "" ? [] : [`${cut(attribute.name, mostShown)} ${cut(value, mostShown)}`];
      })
      .slice(0, mostApart);
    return differing.length > 0 ? differing.join(", ") : undefined;
  }

  #nearTitles(text: string): readonly number[] {
    if (plain(text) === "") return [];
    const wanted = trigrams(plain(text));
    const scored = (this.#items.titles ?? []).map((title, place) => {
      const found = trigrams(plain(title));
      let shared = 0;
      for (const each of wanted) if (found.has(each)) shared++;
      return { place, score: (2 * shared) / (wanted.size + found.size) };
    });
    return scored
      .filter(({ score }) => score > leastLikeness)
      .sort((a, b) => b.score - a.score || a.place - b.place)
      .map(({ place }) => place);
  }
}

/** The value of an attribute as people read it; "" where it is not known. */
function valueAt(attribute: Attribute, place: number): string {
  if (attribute.kind === "number") {
    const value = attribute.values[place]!;
    return Number.isFinite(value) ? String(value) : "";
  }
  if (attribute.kind === "category") return attribute.words[attribute.of[place]!] ?? "";
  const of = attribute.of.subarray(attribute.starts[place], attribute.starts[place + 1]);
  return Array.from(of, (word) => attribute.words[word]!).join("|");
}

const withoutZeros = (id: string): string => id.replace(/^0+/, "");

function trigrams(text: string): ReadonlySet<string> {
  const padded = `  ${text.slice(0, 200)} `;
  return new Set(Array.from({ length: Math.max(0, padded.length - 2) }, (_, i) => padded.slice(i, i + 3)));
}

/**
 * A new item by its attributes; undefined where a row has none of those that the run knows.
 *
 * @param at where the row is, for messages
 * @throws UsageError for a value that is not of its attribute's kind
 */
export function attributesOfItem(
  row: Readonly<Record<string, unknown>>,
  { items }: Pick<RatingTable, "items">,
  at: string,
): FoundItem | undefined {
  const values: Record<string, AttributeValue> = {};
  const attributes = items.attributes.flatMap(({ kind, name }): Attribute[] => {
    const value = Object.hasOwn(row, name) ? row[name] : undefined;
    if (value === undefined || value === null || (typeof value === "string" && value.trim() === "")) return [];
    const wrong = (needed: string): UsageError =>
      new UsageError(`${at}: ${name} is ${quoted(value)}`, `Give ${needed}, or leave it out`);
    if (kind === "number") {
      const number = typeof value === "string" ? Number(value) : value;
      if (typeof number !== "number" || !Number.isFinite(number)) throw wrong("a number");
      values[name] = number;
      return [{ kind, name, values: Float64Array.of(number) }];
    }
    if (kind === "category") {
      if (typeof value !== "string" && typeof value !== "number") throw wrong("a word");
      values[name] = String(value);
      return [{ kind, name, words: [String(value)], of: Int32Array.of(0) }];
    }
    const list: readonly unknown[] = Array.isArray(value)
      ? value
      : typeof value === "string"
        ? value.split("|")
        : [value];
    if (list.length > mostWords || list.findIndex((word) => typeof word !== "string") >= 0)
      throw wrong('words, as "Drama|Crime" or ["Drama", "Crime"]');
    const words = [...new Set((list as readonly string[]).map((word) => word.trim()).filter((word) => word !== ""))];
    if (words.length === 0) return [];
    values[name] = words;
    const of = Int32Array.from(words.keys());
    return [{ kind, name, words, of, starts: Int32Array.of(0, words.length) }];
  });
  if (attributes.length === 0) return undefined;
  const called = [row.item, row.title].find((each) => typeof each === "string" && each.trim() !== "");
  const name = called === undefined ? at : String(called);
  return { entities: { ids: [name], attributes }, values, name };
}
