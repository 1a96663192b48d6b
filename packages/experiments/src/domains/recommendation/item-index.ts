/** Items by what they are called: ids, titles, and titles that are nearly right. */
import type { Attribute, Entities } from "@innerloop/core/tasks";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { RatingSpec } from "./spec.js";

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

/** Items that are shown where none is called so. */
const mostNear = 3;

/** The items of a run by id and by title. */
export class ItemIndex {
  readonly #items: Entities;
  readonly #byId: ReadonlyMap<string, number>;
  /** Of titles that several items have, the first; they are told apart by id. */
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

  /**
   * The item of an id or title.
   *
   * @throws UsageError where several items have the title
   */
  find(text: string): FoundItem | undefined {
    const place = this.#byId.get(text.trim());
    if (place !== undefined) return { place, name: this.nameOf(place) };
    const [first, ...others] = this.#byTitle.get(plain(text)) ?? [];
    if (first === undefined) return undefined;
    if (others.length === 0) return { place: first, name: this.nameOf(first) };
    throw new UsageError(
      `${1 + others.length} items are called ${quoted(text)}`,
      `Name it by its id: ${[first, ...others]
        .slice(0, mostNear)
        .map((each) => this.idOf(each))
        .join(", ")}`,
    );
  }

  /** Items whose titles have most of the text's letters in common, three at a time, the nearest first. */
  near(text: string): readonly { readonly place: number; readonly name: string; readonly id: string }[] {
    const wanted = trigrams(plain(text));
    if (wanted.size === 0 || !this.#items.titles) return [];
    const scored = this.#items.titles.map((title, place) => {
      const found = trigrams(plain(title));
      let shared = 0;
      for (const each of wanted) if (found.has(each)) shared++;
      return { place, score: (2 * shared) / (wanted.size + found.size) };
    });
    return scored
      .filter(({ score }) => score > 0.35)
      .sort((a, b) => b.score - a.score || a.place - b.place)
      .slice(0, mostNear)
      .map(({ place }) => ({ place, name: this.nameOf(place), id: this.idOf(place) }));
  }
}

function trigrams(text: string): ReadonlySet<string> {
  const padded = `  ${text.slice(0, 200)} `;
  return new Set(Array.from({ length: Math.max(0, padded.length - 2) }, (_, i) => padded.slice(i, i + 3)));
}

/**
 * A new item by its attributes; undefined where a row has none of those that the run knows.
 *
 * @throws UsageError for a value that is not of its attribute's kind
 */
export function attributesOfItem(
  row: Readonly<Record<string, AttributeValue | undefined>>,
  { items }: Pick<RatingSpec, "items">,
  i: number,
): FoundItem | undefined {
  const values: Record<string, AttributeValue> = {};
  const attributes = items.attributes.flatMap(({ kind, name }): Attribute[] => {
    const value = row[name];
    if (value === undefined || value === "") return [];
    if (kind === "number") {
      const number = Number(value);
      if (!Number.isFinite(number))
        throw new UsageError(`row ${i + 1}: ${name} is ${quoted(value)}`, "Give a number, or leave it out");
      values[name] = number;
      return [{ kind, name, values: Float64Array.from([number]) }];
    }
    const words = Array.isArray(value)
      ? value.map(String)
      : kind === "bag"
        ? String(value)
            .split("|")
            .map((word) => word.trim())
            .filter((word) => word !== "")
        : [String(value)];
    const distinct = [...new Set(words)];
    values[name] = kind === "bag" ? distinct : distinct[0]!;
    const of = Int32Array.from(distinct, (_, place) => place);
    return kind === "bag"
      ? [{ kind, name, words: distinct, of, starts: Int32Array.from([0, distinct.length]) }]
      : [{ kind, name, words: distinct.slice(0, 1), of: Int32Array.from([0]) }];
  });
  if (attributes.length === 0) return undefined;
  const name = String(row.item ?? row.title ?? `row ${i + 1}`);
  return { entities: { ids: [name], attributes }, values, name };
}
