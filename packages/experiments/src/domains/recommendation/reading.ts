/** From options to ratings: read or simulated, split, and with the base that learners start from. */
import {
  entityCoding,
  type FittedRatingBase,
  fitRatingBase,
  heldRatings,
  type Interactions,
  meanRatingBase,
  placesOfTraining,
  priorsOfOthers,
  type RatedParts,
  type RatingCodings,
  type RatingSplit,
  ratedParts,
  ratingUnits,
  splitRatings,
} from "@innerloop/core/tasks";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { FoundInteractions, RatingReading } from "../../rating-io.js";
import { count, counted } from "../../words.js";
import type { Loaded, Own } from "../domain.js";
import type { RatingValues } from "./options.js";
import { simulatedPreferences, simulatedRatings } from "./simulated.js";
import { keptItems, type RatingSpec } from "./spec.js";

/** Ratings as tasks and baselines take them. */
export interface RatingData {
  readonly interactions: Interactions;
  readonly split: RatingSplit;
  /** Places of the ratings of training. */
  readonly places: Int32Array;
  /** The base that learners start from. */
  readonly fitted: FittedRatingBase;
  readonly parts: RatedParts;
}

/** What learners start from, by the choices of `--base`. */
export const ratingBases: Readonly<
  Record<
    RatingValues["base"],
    {
      /** Fitted to the ratings of training. */
      readonly fit: (interactions: Interactions, places: Int32Array) => FittedRatingBase;
      /** Whether a user has a level beside it. */
      readonly level: boolean;
    }
  >
> = {
  attributes: { fit: (interactions, places) => fitRatingBase(interactions, places), level: true },
  bias: { fit: (interactions, places) => fitRatingBase(interactions, places, { attributes: false }), level: true },
  mean: { fit: meanRatingBase, level: false },
};

/** The scale of `--rating-scale`. @throws UsageError where it is none */
export function scaleOf({ ratingScale }: Pick<RatingValues, "ratingScale">): RatingReading["scale"] {
  if (ratingScale === undefined) return undefined;
  const found = /^(-?\d+(?:\.\d+)?)-(-?\d+(?:\.\d+)?)$/.exec(ratingScale.slice(0, 64));
  const [least, most] = [Number(found?.[1]), Number(found?.[2])];
  if (found && least < most) return { least, most };
  throw new UsageError(`--rating-scale ${ratingScale.slice(0, 64)}`, "Give the least and the most: 1-5, or 0-10");
}

/** @throws UsageError where no ratings are named */
export async function readRatings(options: RatingValues, io: DataIo, work: LongWork): Promise<FoundInteractions> {
  const { ratings, items, users, userColumn, itemColumn, ratingColumn, timeColumn, titleColumn } = options;
  if (ratings === "")
    throw new UsageError(
      "there are no ratings",
      "Name a table with a row for each: --ratings FILE.csv [--items FILE.csv]; or a data set, such as movietweetings",
    );
  if (ratings === simulatedPreferences) return simulatedRatings();
  return io.interactions(
    {
      ...{ ratings, items, users, userColumn, itemColumn, ratingColumn, timeColumn, titleColumn },
      itemAttributes: options.itemAttributes,
      userAttributes: options.userAttributes,
      scale: scaleOf(options),
    },
    work,
  );
}

/** Where tables are: as a run recorded them, unless an option says that they are elsewhere now. */
function placesOfTables(options: RatingValues, own: OwnRatings | undefined): RatingValues {
  const { folder, tables = {} } = own?.spec ?? {};
  const placed = (name: "ratings" | "items" | "users", recorded: string | undefined) =>
    recorded === undefined || options[name] !== own?.options?.[name] ? {} : { [name]: recorded };
  return {
    ...options,
    ...placed("ratings", folder),
    ...placed("items", tables.items),
    ...placed("users", tables.users),
  };
}

type OwnRatings = Partial<Own<RatingValues, RatingSpec>>;

/** Items that a run keeps, at most: each takes some 200 bytes of its record. */
const mostItems = 250_000;

/** @param own of an existing run: its codings are taken, and its tables are where they were unless told otherwise */
export async function loadRatings(
  options: RatingValues,
  io: DataIo,
  work: LongWork,
  own?: OwnRatings,
): Promise<Loaded<RatingData, RatingSpec>> {
  const placed = placesOfTables(options, own);
  const found = await readRatings(placed, io, work);
  // A run goes on under the name that its data began with, wherever they are now.
  const interactions = own?.spec ? { ...found.interactions, name: own.spec.name } : found.interactions;
  if (interactions.implicit)
    throw new UsageError(
      `${interactions.name} has no column of ratings: what users took alone is not learned from`,
      "Name the column that has them: --rating-column COLUMN",
    );
  const { ids: items } = interactions.items;
  if (items.length > mostItems)
    throw new UsageError(
      `${interactions.name} has ${count(items.length)} items, and a run keeps ${count(mostItems)} at most`,
      "Leave out those that nobody rates, from the table of items too",
    );
  const byIds = splitRatings(interactions, { coldItems: options.coldItems });
  const split: RatingSplit =
    options.heldRatings > 0 ? { ...byIds, held: heldRatings(interactions, byIds, options.heldRatings) } : byIds;
  const places = placesOfTraining(interactions, split);
  if (places.length === 0)
    throw new UsageError(
      `of the ${counted(interactions.rating.length, "rating")} of ${interactions.name} none is for training`,
      "Give ratings of more users and items, or lower --cold-items",
    );
  const [first] = places;
  const { rating } = interactions;
  if (places.every((place) => rating[place] === rating[first!]))
    throw new UsageError(
      `all ${counted(places.length, "rating")} of ${interactions.name} for training are ${rating[first!]}: there is nothing to learn`,
      "Give ratings that differ; is it the right column (--rating-column)?",
    );
  const warm = Uint8Array.from(split.cold, (cold) => 1 - cold);
  const training = Uint8Array.from(split.parts, (part) => Number(part === "train"));
  const { users } = interactions;
  const codings: RatingCodings = own?.spec?.codings ?? {
    items: entityCoding(interactions.items, warm),
    // Ids of users are no inputs: those of evaluation are never among those of training.
    ...(users.attributes.length > 0 ? { users: entityCoding(users, training, { ids: false }) } : {}),
  };
  const tables = Object.fromEntries(
    Object.entries({ items: placed.items, users: placed.users }).flatMap(([name, path]) =>
      path === undefined ? [] : [[name, io.absolute(path)]],
    ),
  );
  const units = ratingUnits(interactions, places);
  const fitted = ratingBases[options.base].fit(interactions, places);
  let known: Float32Array | undefined;
  const priors = (): Float32Array => {
    known ??= priorsOfOthers(interactions, places, fitted);
    return known;
  };
  return {
    data: {
      interactions,
      split,
      places,
      fitted,
      parts: ratedParts(interactions, { split, codings, fitted, units, priors }),
    },
    spec: {
      name: interactions.name,
      sha256: found.sha256,
      ...(found.folder === undefined ? {} : { folder: found.folder }),
      ...(Object.keys(tables).length > 0 ? { tables } : {}),
      exampleShape: [],
      items: keptItems(interactions.items),
      codings,
      base: fitted.base,
      units,
      scale: interactions.scale,
      cold: Array.from(split.cold),
    },
    ...(own?.spec ? {} : { notes: found.notes }),
  };
}
