/** Made-up ratings of films, and the machine that has them. */
import type { Attribute, Entities, Interactions } from "@innerloop/core/tasks";
import type { DataIo } from "../../io.js";
import { configOf, memoryIo } from "../../made-up.fixture.js";
import type { FoundInteractions, RatedRow } from "../../rating-io.js";
import type { LearnerNeeds } from "../domain.js";
import type { RatingValues } from "./options.js";
import { loadRatings, type RatingData } from "./reading.js";
import type { RatingSpec } from "./spec.js";

const [titled, genres, countries] = [
  ["Amélie (2001)", "Heat (1995)", "Hamlet", "Hamlet", "7½", "???"],
  ["Crime", "Drama", "Comedy"],
  ["no", "fr"],
];

/** Forty films: of "001" to "006" people know titles, the others are Film 7 and so on. */
function madeUpFilms(count = 40): Entities {
  const places = Array.from({ length: count }, (_, i) => i);
  return {
    ids: places.map((i) => String(i + 1).padStart(3, "0")),
    titles: places.map((i) => titled[i] ?? `Film ${i + 1}`),
    attributes: [
      {
        kind: "bag",
        name: "genres",
        words: genres,
        of: Int32Array.from(places.flatMap((i) => (i % 4 === 3 ? [0, 1] : [i % 3]))),
        starts: Int32Array.from([0, ...places].map((_, i) => i + Math.floor(i / 4))),
      },
      {
        kind: "category",
        name: "country",
        words: countries,
        of: Int32Array.from(places, (i) => (i % 7 === 0 ? -1 : i % 2)),
      },
      { kind: "number", name: "year", values: Float64Array.from(places, (i) => (i === 9 ? Number.NaN : 1980 + i)) },
    ],
  };
}

/** What ratings are to have beside users and items. */
export interface MadeUpOptions {
  readonly users?: number;
  /** Ratings of each user. */
  readonly each?: number;
  readonly times?: boolean;
  readonly userAttributes?: readonly Attribute[];
  readonly rating?: (user: number, item: number) => number;
}

/** Users u0, u1, ... who rate films from 1 to 5: a level of their own, one of the film's, and what is left. */
export function madeUpInteractions(options: MadeUpOptions = {}): Interactions {
  const { users = 60, each = 20, times = false, userAttributes = [] } = options;
  const items = madeUpFilms();
  const { rating = (u, i) => 1 + ((u % 3) + (i % 2) + ((7 * u + 3 * i) % 11) / 5) / 1.3 } = options;
  const rows = Array.from({ length: users }, (_, user) =>
    Array.from({ length: each }, (_, k) => ({ user, item: (5 * user + 7 * k) % items.ids.length })),
  ).flat();
  return {
    name: "films",
    users: { ids: Array.from({ length: users }, (_, user) => `u${user}`), attributes: userAttributes },
    items,
    user: Int32Array.from(rows, ({ user }) => user),
    item: Int32Array.from(rows, ({ item }) => item),
    rating: Float32Array.from(rows, ({ user, item }) => rating(user, item)),
    ...(times ? { time: Float64Array.from(rows.keys(), (row) => 1e9 + row) } : {}),
    scale: { least: 1, most: 5 },
  };
}

/** The same films, which users took where they rate them otherwise. */
export const madeUpTaken = (options: MadeUpOptions = {}): Interactions => ({
  ...madeUpInteractions({ ...options, rating: () => 1 }),
  scale: { least: 0, most: 1 },
  implicit: true,
});

export const foundRatings = (interactions: Interactions): FoundInteractions => ({
  interactions,
  sha256: `contents of ${interactions.name}`,
  folder: "/films.csv",
  notes: ["a note"],
});

/** A machine with these ratings as films.csv, and tables of items. */
export const ratingsIo = (
  interactions: Interactions,
  tables: Readonly<Record<string, readonly RatedRow[]>> = {},
): DataIo =>
  memoryIo({
    interactions: { "films.csv": foundRatings(interactions), "/films.csv": foundRatings(interactions) },
    ratedItems: tables,
  });

/** The options of films.csv. */
export const optionsOf = (flags: Readonly<Record<string, unknown>> = {}): RatingValues =>
  configOf("recommendation", { learner: "ridge", ratings: "films.csv", ...(flags as object) })
    .domain as unknown as RatingValues;

export const needs = { learnerName: "ridge", training: { kind: "episodes" } } as LearnerNeeds & {
  readonly learnerName: string;
};

/** Films as they are read. */
export async function loaded(
  interactions: Interactions = madeUpInteractions(),
  flags: Readonly<Record<string, unknown>> = {},
  recorded?: RatingSpec,
): Promise<{ readonly data: RatingData; readonly spec: RatingSpec; readonly notes?: readonly string[] }> {
  const { data, spec, notes } = await loadRatings(
    optionsOf(flags),
    ratingsIo(interactions),
    {},
    recorded && { options: optionsOf(flags), spec: recorded },
  );
  return { data, spec: spec!, ...(notes ? { notes } : {}) };
}
