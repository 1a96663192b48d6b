/** Items of a run as the inputs of a model. */
import {
  type CodedEntities,
  codeEntities,
  type Entities,
  offsetByAttributes,
  type RatedInputs,
  surenessOf,
} from "@innerloop/core/tasks";
import { tensor } from "@innerloop/graph";
import { type FoundItem, ItemIndex } from "./item-index.js";
import { itemsOf, type RatingTable } from "./spec.js";

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
  /** Of each attribute the words that say something of an item, to the learner or the base. */
  readonly words: ReadonlyMap<string, ReadonlySet<string>>;
}

const known = new WeakMap<RatingTable, KnownItems>();

/** The items of a run, coded, with an index of what they are called. */
export function knownItems(spec: RatingTable): KnownItems {
  let found = known.get(spec);
  if (!found) {
    const entities = itemsOf(spec.items);
    const { base, cold } = spec;
    const words = new Map<string, Set<string>>();
    for (const column of [...spec.codings.items.fields, ...(base.prior?.coding ?? [])])
      if (column.kind !== "number" && column.kind !== "id")
        words.set(column.name, new Set([...(words.get(column.name) ?? []), ...column.words]));
    found = {
      entities,
      index: new ItemIndex(entities),
      words,
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
export function ratedInputs(spec: RatingTable, items: readonly FoundItem[]): RatedInputs {
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
