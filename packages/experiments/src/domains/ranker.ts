/** The ranking of all items that a run knows, for one user or another. */
import type { AnyLearner } from "@innerloop/core/learners";
import type { Executor, Tree } from "@innerloop/graph";
import type { DataIo, LongWork } from "../io.js";
import type { Own } from "./domain.js";

/** An item as it is called. */
export interface NamedItem {
  /** Its id in the data. */
  readonly item: string;
  /** What people call it; the id where it has no title. */
  readonly title: string;
}

/** An item that may be meant. */
export interface ItemChoice extends NamedItem {
  /** What tells it apart from others of its title, where some of these may be meant too: `year 1997`. */
  readonly apart?: string;
}

/** A name that is no item's, or that several items have. */
export interface UnclearItem {
  /** Where it is: `mine.csv, row 3`. */
  readonly at: string;
  readonly name: string;
  /** Items that may be meant, the likeliest first: one at least, and a few at most. */
  readonly near: readonly ItemChoice[];
}

/** Work on items that a user names. */
export interface ItemNaming extends LongWork {
  /**
   * Asked which item is meant where a name is not clear; undefined leaves it out. Without it such a name is an error, as
   * one always is that is near to none.
   */
  readonly choose?: ((unclear: UnclearItem) => Promise<NamedItem | undefined>) | undefined;
}

/** A request for the items that a user may like. */
export interface RecommendationRequest extends ItemNaming {
  /** What is known of the user, in the domain's terms: a path, or values; nothing for a user of whom nothing is known. */
  readonly ratings?: unknown;
  /** Items to name, 10 unless given. */
  readonly top?: number | undefined;
  /** Items to leave out beside those that are rated, in the domain's terms. */
  readonly exclude?: unknown;
  /** Words of an attribute of items: only items that have one of them are ranked. All unless given. */
  readonly domain?: readonly string[] | undefined;
  /** Ratings that an item has among those of training, at least; 0 unless given: items that are new are ranked too. */
  readonly knownBy?: number | undefined;
  /** Whether each item has the known ratings that moved it; false unless given. */
  readonly explain?: boolean | undefined;
  /** Adaptation steps; those of the model unless given. */
  readonly steps?: number | undefined;
}

/**
 * The effect of a known rating on a prediction: the prediction by all ratings less that by all but this one, in the units of
 * ratings. Above 0 the rating speaks for the item, below 0 against it. Influences do not add up to the prediction: of two
 * ratings that say the same each is missed little.
 */
export interface Influence {
  /** The item that was rated: its id, or what a new one was called. */
  readonly item: string;
  readonly title: string;
  readonly rating: number;
  readonly change: number;
}

/** An item that a user may like. */
export interface Recommendation extends NamedItem {
  /** From 1 on. */
  readonly rank: number;
  /** The rating that is predicted, within the scale; the order is by what is predicted before it is clipped to it. */
  readonly rating: number;
  /** Its standard deviation, where the learner predicts one. */
  readonly deviation?: number;
  /** By all known ratings, the most moving first, where it was asked for. */
  readonly because?: readonly Influence[];
}

/** The items that a user may like, the best first. */
export interface Recommendations {
  readonly items: readonly Recommendation[];
  /** Ratings that were known. */
  readonly known: number;
  /** Items that were ranked: of the domain, and neither rated, nor left out, nor known by too few. */
  readonly ranked: number;
  /** Adaptation steps that were taken. */
  readonly steps: number;
}

/** Ways of choosing what to ask. */
export const questionRules = ["information", "popularity", "evidence"] as const;

/** A request for items whose ratings would tell most about a user. */
export interface QuestionRequest extends ItemNaming {
  /** Questions, 5 unless given. */
  readonly count?: number | undefined;
  /**
   * By which rule: "information" for the items whose ratings tell most, each weighted by how many know it; "popularity" for
   * those that most have rated; "evidence" for those whose ratings move a learner most that adapts by steps, times their
   * popularity, whatever is known of the user. "information" unless given.
   */
  readonly by?: (typeof questionRules)[number] | undefined;
  /** What is known of the user already. */
  readonly ratings?: unknown;
  /** Items not to ask about, beside those that are rated. */
  readonly exclude?: unknown;
  /** Words of an attribute of items: only items that have one of them are asked about. All unless given. */
  readonly domain?: readonly string[] | undefined;
}

/** An item to ask a user about. */
export interface Question extends NamedItem {
  /** Ratings of it that the run was trained on. */
  readonly ratings: number;
}

/** Ranks all items of a run; what does not depend on the user is made once. */
export interface Ranker {
  /**
   * The items that a user may like, those already rated left out. The same request has the same answer, to the byte.
   *
   * @throws UsageError for what is none of the run's ratings or items; TrainingError ILR106 where adaptation diverges
   */
  recommend(request?: RecommendationRequest): Promise<Recommendations>;
  /**
   * What to ask a user, the best question first; fewer than were asked for where there are no more items that anyone knows.
   *
   * @throws UsageError for what is none of the run's ratings or items; for evidence where the learner takes no steps, or the
   *   ratings of training are not there any more
   */
  questions(request?: QuestionRequest): Promise<readonly Question[]>;
  /** Gives back the memory of its programs and features; they are made again when they are needed. */
  release(): Promise<void>;
}

/** A trained model as a ranker is made of it. */
export interface RankerSetting<V, Spec> extends Own<V, Spec> {
  /** The learner, as the domain has made it. */
  readonly learner: AnyLearner;
  readonly params: Tree;
  /** Steps that are taken where none are asked for. */
  readonly usualSteps: number;
  readonly executor: Executor;
  readonly io: DataIo;
  /** How messages call the run. */
  readonly name: string;
}
