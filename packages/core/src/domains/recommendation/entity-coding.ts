/** Items and users as ids and numbers: what an embedding takes of them. */
import { TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import { countsOfWords, forEachWord, type WordAttribute } from "./attribute-coding.js";
import type { Attribute, Entities, NumberAttribute } from "./interactions.js";

/** One or more slots of ids that mean the same kind of thing: the item itself, its country, its genres. */
export interface EntityField {
  readonly name: string;
  readonly kind: "id" | "category" | "bag";
  /** The ids or words that are known, each with a number of its own. */
  readonly words: readonly string[];
  /** Places in a row of ids: 1, of a bag as many words as are kept of it. */
  readonly slots: number;
}

/** A number, which is given as (value - mean) / deviation; 0 where it is not known. */
export interface EntityNumber {
  readonly name: string;
  readonly mean: number;
  readonly deviation: number;
}

/** The coding of items or users: learned from those of training, and plain JSON. */
export interface EntityCoding {
  readonly fields: readonly EntityField[];
  readonly numbers: readonly EntityNumber[];
}

/** Options of `entityCoding`. */
export interface EntityCodingOptions {
  /** Each has a number of its own, not only its attributes: true by default. */
  readonly ids?: boolean;
  /** Words of a bag that are kept, at most: 12 by default. */
  readonly longestBag?: number;
  /** A word that fewer of training have is as one that is not known: 2 by default. */
  readonly leastCount?: number;
}

/**
 * The coding of items or users: what those of training have. A word or id that is not among theirs is not known, and has
 * the number 0, as padding has.
 *
 * @param known of each 1 where it is of training
 * @throws ILT201 where an option is no whole number above 0
 */
export function entityCoding(
  { ids, attributes }: Pick<Entities, "ids" | "attributes">,
  known: Uint8Array,
  options: EntityCodingOptions = {},
): EntityCoding {
  const { ids: withIds = true, longestBag = 12, leastCount = 2 } = options;
  for (const [name, value] of Object.entries({ longestBag, leastCount })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new TaskError("ILT201", "entityCoding", `${name} is ${shownValue(value)}`, "Give a whole number above 0");
  }
  const own: EntityField = { name: "id", kind: "id", words: ids.filter((_, place) => known[place]), slots: 1 };
  const fields = attributes.flatMap((attribute): EntityField[] => {
    if (attribute.kind === "number") return [];
    const counts = countsOfWords(attribute, known);
    const words = attribute.words.filter((_, word) => counts[word]! >= leastCount);
    if (words.length === 0) return [];
    return [{ name: attribute.name, kind: attribute.kind, words, slots: slotsOf(attribute, known, longestBag) }];
  });
  const numbers = attributes.flatMap((attribute) => (attribute.kind === "number" ? scaled(attribute, known) : []));
  return { fields: [...(withIds ? [own] : []), ...fields], numbers };
}

/** Slots that 99 bags in 100 of training fill. */
function slotsOf(attribute: WordAttribute, known: Uint8Array, most: number): number {
  if (attribute.kind === "category") return 1;
  const lengths: number[] = [];
  for (let place = 0; place < known.length; place++)
    if (known[place]) lengths.push(attribute.starts[place + 1]! - attribute.starts[place]!);
  lengths.sort((a, b) => a - b);
  return Math.min(most, Math.max(1, lengths[Math.ceil(0.99 * lengths.length) - 1] ?? 1));
}

/** Nothing where all of training that have the number have the same. */
function scaled({ name, values }: NumberAttribute, known: Uint8Array): EntityNumber[] {
  let [count, mean, squares] = [0, 0, 0];
  for (let place = 0; place < known.length; place++) {
    const value = values[place]!;
    if (!known[place] || !Number.isFinite(value)) continue;
    count++;
    const from = value - mean;
    mean += from / count;
    squares += from * (value - mean);
  }
  const deviation = Math.sqrt(squares / Math.max(1, count));
  return deviation > 0 ? [{ name, mean, deviation }] : [];
}

/** Slots of a row of ids: those of all fields. */
export const slotsIn = ({ fields }: EntityCoding): number => fields.reduce((sum, { slots }) => sum + slots, 0);

/** Ids of all fields are below it, 0 among them for what is not known. */
export const idsIn = ({ fields }: EntityCoding): number => fields.reduce((sum, { words }) => sum + words.length, 1);

/** Items or users as rows of ids and of numbers. */
export interface CodedEntities {
  readonly count: number;
  /** Ids of a row. */
  readonly slots: number;
  /** [count, slots]: of each field ids of its own, from those of the field before on; 0 is not known, or padding. */
  readonly ids: Int32Array;
  /** Numbers of a row. */
  readonly width: number;
  /** [count, width] */
  readonly numbers: Float32Array;
}

/** Numbers further out are as far: a year of 0, a price with a typing error. */
const furthest = 5;

/**
 * Rows of items or users by a coding, which may be those of another file than the coding was learned from.
 *
 * @param from the first id: 1, or for users beside items the one after those of items
 */
export function codeEntities(
  { ids, attributes }: Pick<Entities, "ids" | "attributes">,
  coding: EntityCoding,
  from = 1,
): CodedEntities {
  const [slots, count, width] = [slotsIn(coding), ids.length, coding.numbers.length];
  const rows = new Int32Array(count * slots);
  const numbers = new Float32Array(count * width);
  const byName = new Map<string, Attribute>(attributes.map((attribute) => [attribute.name, attribute]));
  let [slot, first] = [0, from];
  for (const field of coding.fields) {
    const numberOf = new Map(field.words.map((word, i) => [word, first + i]));
    if (field.kind === "id")
      ids.forEach((id, place) => {
        rows[place * slots + slot] = numberOf.get(id) ?? 0;
      });
    else {
      const attribute = byName.get(field.name);
      if (attribute && attribute.kind !== "number")
        fill(rows, { attribute, numberOf, count, slots, slot, most: field.slots });
    }
    slot += field.slots;
    first += field.words.length;
  }
  coding.numbers.forEach(({ name, mean, deviation }, column) => {
    const attribute = byName.get(name);
    if (attribute?.kind !== "number") return;
    for (let place = 0; place < count; place++) {
      const value = (attribute.values[place]! - mean) / deviation;
      if (Number.isFinite(value)) numbers[place * width + column] = Math.max(-furthest, Math.min(furthest, value));
    }
  });
  return { count, slots, ids: rows, width, numbers };
}

function fill(
  rows: Int32Array,
  to: {
    readonly attribute: WordAttribute;
    readonly numberOf: ReadonlyMap<string, number>;
    readonly count: number;
    readonly slots: number;
    readonly slot: number;
    readonly most: number;
  },
): void {
  const { attribute, numberOf, count, slots, slot, most } = to;
  const numbers = Int32Array.from(attribute.words, (word) => numberOf.get(word) ?? 0);
  for (let place = 0; place < count; place++) {
    let filled = 0;
    forEachWord(attribute, place, (word) => {
      const number = numbers[word]!;
      if (number > 0 && filled < most) rows[place * slots + slot + filled++] = number;
    });
  }
}
