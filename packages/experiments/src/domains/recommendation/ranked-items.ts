/** Items in the order of what is predicted of them. */
import { quoted } from "../../options/outside-text.js";
import { nearestName, UsageError } from "../../options/usage-error.js";
import type { Influence, NamedItem, Recommendation } from "../ranker.js";
import { feedbackOf } from "./feedback.js";
import { itemsOfWords } from "./item-domains.js";
import { knownItems } from "./known-items.js";
import type { RatingTable } from "./spec.js";

/** Predictions of all items of a table, in units of the learner. */
export interface ItemPredictions {
  readonly centres: Float32Array;
  readonly deviations?: Float32Array | undefined;
}

/** An item of a table as it is called. */
export function namedItem(table: RatingTable, place: number): NamedItem {
  const { index } = knownItems(table);
  return { item: index.idOf(place), title: index.nameOf(place) };
}

/** Items at places as they are recommended, in this order. */
export function recommendedItems(
  table: RatingTable,
  { centres, deviations }: ItemPredictions,
  places: readonly number[],
): readonly Recommendation[] {
  const { told, toldOf } = feedbackOf(table);
  return places.map((place, i) => {
    const deviation = deviations?.[place];
    return {
      rank: i + 1,
      ...namedItem(table, place),
      [told]: rounded(toldOf(table, centres[place]!)),
      ...(deviation === undefined ? {} : { deviation: rounded(table.units.deviation * deviation) }),
    };
  });
}

/** Ratings that an explanation leaves out one after another. */
export const mostExplained = 1000;

/**
 * The effect of every known rating on predictions, of each of these the most moving first.
 *
 * @param told.all predictions by all ratings, in units of the learner
 * @param told.without the same without each of the ratings
 */
export function influencesOf(
  table: RatingTable,
  known: readonly (NamedItem & { readonly rating: number })[],
  { all, without }: { readonly all: readonly number[]; readonly without: readonly (readonly number[])[] },
): readonly (readonly Influence[])[] {
  const hasRatings = feedbackOf(table).told === "rating";
  return all.map((value, place) =>
    known
      .map(({ rating, ...item }, j): Influence => {
        const change = rounded(table.units.deviation * (value - without[j]![place]!));
        return { ...item, ...(hasRatings ? { rating } : {}), change };
      })
      // Sorting is stable: of as much influence the rating that was given first.
      .sort((a, b) => Math.abs(b.change) - Math.abs(a.change)),
  );
}

/** Places of items that have none of the words of a domain. @throws UsageError for words that no attribute has */
export function placesOutside(table: RatingTable, domain: unknown): readonly number[] {
  const isOf = itemsOfWords(knownItems(table).entities, wordsIn(domain));
  return Array.from(isOf.keys()).filter((place) => !isOf[place]);
}

/** Places of items of which training has fewer ratings than so many. */
export const unknownPlaces = ({ base: { counts } }: RatingTable, knownBy: number): readonly number[] =>
  Array.from(counts.keys()).filter((place) => counts[place]! < knownBy);

/** @throws UsageError for an option that there is none of, which would be ignored */
export function requireKnown(operation: string, request: object, known: readonly string[]): void {
  const wrong = Object.keys(request).find((name) => !known.includes(name));
  if (wrong === undefined) return;
  const near = nearestName(wrong, known);
  throw new UsageError(
    `${operation} has no option ${quoted(wrong)}`,
    near ? `Did you mean ${near}?` : `It takes ${known.join(", ")}`,
  );
}

/** @throws UsageError for what is no whole number from `least` on */
export function requireCount(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new UsageError(`${name} is ${quoted(value)}`, `Give a whole number from ${least} on`);
}

/** @throws UsageError for what are no words */
function wordsIn(domain: unknown): readonly string[] {
  if (Array.isArray(domain) && domain.length > 0 && domain.every((word) => typeof word === "string")) return domain;
  throw new UsageError(`the domain is ${quoted(domain)}`, 'Give words of an attribute of items: ["White", "Red"]');
}

/** A number as recommendations have it. */
export const rounded = (value: number): number => Number(value.toFixed(4));

/**
 * Places of the largest values, the largest first, of equal ones the earlier; those that are left out not among them. One
 * pass with a heap of the best so far, the worst of them on top: of n values nearly all are compared once.
 */
export function bestPlaces(values: Float32Array, top: number, leftOut: ReadonlySet<number>): readonly number[] {
  const heap: number[] = [];
  const isBefore = (a: number, b: number): boolean => values[a]! > values[b]! || (values[a] === values[b] && a < b);
  const sink = (place: number): void => {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child]!, heap[child + 1]!)) child++;
      if (!isBefore(place, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = place;
  };
  const rise = (place: number): void => {
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[parent]!, place)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = place;
  };
  for (let place = 0; place < values.length; place++) {
    const isFull = heap.length === top;
    // Of equal values the earlier is there already.
    if ((isFull && !(values[place]! > values[heap[0]!]!)) || leftOut.has(place)) continue;
    if (isFull) sink(place);
    else rise(place);
  }
  return heap.sort((a, b) => (isBefore(a, b) ? -1 : 1));
}
