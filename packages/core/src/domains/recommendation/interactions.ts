/** Ratings that users gave to items, with what is known of both. */

/** A property of users or items, a value for each of them in their order. */
export type Attribute = NumberAttribute | CategoryAttribute | BagAttribute;

/** A number of each: a year, an alcohol content. */
export interface NumberAttribute {
  readonly kind: "number";
  readonly name: string;
  /** NaN where it is not known. */
  readonly values: Float64Array;
}

/** One word of a list for each: a country. */
export interface CategoryAttribute {
  readonly kind: "category";
  readonly name: string;
  readonly words: readonly string[];
  /** Of each the place of its word, -1 where it is not known. */
  readonly of: Int32Array;
}

/** Any number of words of a list for each: genres. */
export interface BagAttribute {
  readonly kind: "bag";
  readonly name: string;
  readonly words: readonly string[];
  /** The places of the words of all, one after another; no word twice for one of them. */
  readonly of: Int32Array;
  /** [count + 1]: those of the i-th are from starts[i] up to starts[i + 1]. */
  readonly starts: Int32Array;
}

/** Users or items. */
export interface Entities {
  /** What each is called in the data, all different: leading zeros are part of an id. */
  readonly ids: readonly string[];
  /** What people call it. */
  readonly titles?: readonly string[];
  readonly attributes: readonly Attribute[];
}

/** The values that a rating may have. */
export interface RatingScale {
  readonly least: number;
  readonly most: number;
}

/** Ratings as they were read: one at most for a user and an item. */
export interface Interactions {
  readonly name: string;
  readonly users: Entities;
  readonly items: Entities;
  /** Of each rating the place of its user, by which ratings are in order; within a user they are by time, where it is known. */
  readonly user: Int32Array;
  readonly item: Int32Array;
  /** 1 for each where feedback is implicit: a click, a purchase. */
  readonly rating: Float32Array;
  /** Seconds since 1970. */
  readonly time?: Float64Array;
  readonly scale: RatingScale;
  /** Whether there are no ratings, but what users took alone. */
  readonly implicit?: true;
}

/**
 * Ratings of some number or more as implicit feedback: these were taken, and of the others nothing is known.
 *
 * @param least of ratings that are kept, each as 1
 */
export function takenInteractions(interactions: Interactions, least: number): Interactions {
  const { user, item, rating, time } = interactions;
  const isTaken = (_: number, place: number): boolean => rating[place]! >= least;
  const kept = user.filter(isTaken);
  return {
    ...interactions,
    user: kept,
    item: item.filter(isTaken),
    rating: new Float32Array(kept.length).fill(1),
    ...(time ? { time: time.filter(isTaken) } : {}),
    scale: { least: 0, most: 1 },
    implicit: true,
  };
}
