/** From tables of ratings to parts: what is held out, what a run keeps, and what is refused. */
import { splitRatings } from "@innerloop/core/tasks";
import { expect, it } from "vitest";
import type { RatingReading } from "../../rating-io.js";
import { foundRatings, loaded, madeUpInteractions, optionsOf, ratingsIo } from "./ratings.fixture.js";
import { loadRatings, readRatings, scaleOf } from "./reading.js";
import { simulatedPreferences } from "./simulated.js";

it("ratings are split by users, and those of cold items are out of training", async () => {
  const interactions = madeUpInteractions();
  const { data, spec, notes } = await loaded(interactions);
  const { parts, cold } = splitRatings(interactions, { coldItems: 0.2 });
  expect(data.split).toEqual({ parts, cold });
  expect(spec.cold).toEqual(Array.from(cold));
  expect(spec.cold.filter((each) => each === 1).length).toBeGreaterThan(2);
  const usersOf = (part: string) => parts.filter((each) => each === part).length;
  expect([data.parts.train, data.parts.validation, data.parts.test].map(({ starts }) => starts.length - 1)).toEqual([
    usersOf("train"),
    usersOf("validation"),
    usersOf("test"),
  ]);
  for (const place of data.places) {
    expect(parts[interactions.user[place]!]).toBe("train");
    expect(cold[interactions.item[place]!]).toBe(0);
  }
  // What items are coded by is of warm ones alone, and nothing is known of who rates.
  const [id] = spec.codings.items.fields;
  expect(id!.words).toEqual(interactions.items.ids.filter((_, item) => cold[item] === 0));
  expect(spec.codings.users).toBeUndefined();
  expect(notes).toEqual(["a note"]);
});

it("ratings are standardised by those of training, and their scale is that of all", async () => {
  const { data, spec } = await loaded();
  const { rating } = data.interactions;
  const ratings = Array.from(data.places, (place) => rating[place]!);
  const mean = ratings.reduce((sum, each) => sum + each / ratings.length, 0);
  const variance = ratings.reduce((sum, each) => sum + (each - mean) ** 2 / ratings.length, 0);
  expect(spec.units.mean).toBeCloseTo(mean, 6);
  expect(spec.units.deviation).toBeCloseTo(Math.sqrt(variance), 6);
  expect(spec.scale).toEqual({ least: 1, most: 5 });
});

it("attributes of users are coded by those of training, without ids", async () => {
  const { parts } = splitRatings(madeUpInteractions());
  const towns = { kind: "category", name: "town", words: ["Oslo", "Rome"] } as const;
  // Only users who are held out live in Rome.
  const of = Int32Array.from(parts, (part) => (part === "train" ? 0 : 1));
  const { data, spec } = await loaded(madeUpInteractions({ userAttributes: [{ ...towns, of }] }));
  expect(spec.codings.users!.fields).toEqual([{ name: "town", kind: "category", words: ["Oslo"], slots: 1 }]);
  expect(new Set(data.parts.train.users!.ids)).toEqual(new Set([data.parts.train.entries - 1]));
  expect(new Set(data.parts.test.users!.ids)).toEqual(new Set([0]));
});

it("an existing run reads with its codings, and tells its notes no more", async () => {
  const { spec } = await loaded();
  const { items } = spec.codings;
  const recorded = { ...spec, codings: { items: { fields: items.fields.slice(0, 2), numbers: [] } } };
  const again = await loaded(madeUpInteractions(), {}, recorded);
  expect(again.spec).toEqual(recorded);
  expect(again.data.parts.test.items).toMatchObject({ slots: 1 + items.fields[1]!.slots, width: 0 });
  expect(again.notes).toBeUndefined();
  expect((await loaded(madeUpInteractions(), {}, spec)).spec).toEqual(spec);
});

it("the tables of a run are where they were, unless it is told where they are now", async () => {
  const asked: (readonly (string | undefined)[])[] = [];
  const io = {
    ...ratingsIo(madeUpInteractions()),
    absolute: (path: string) => `/home/${path}`,
    interactions: async ({ ratings, items, users }: RatingReading) => {
      asked.push([ratings, items, users]);
      return { ...foundRatings(madeUpInteractions()), folder: `/home/${ratings}` };
    },
  };
  const options = optionsOf({ items: "i.csv" });
  const { spec } = await loadRatings(options, io, {});
  expect([spec!.folder, spec!.tables]).toEqual(["/home/films.csv", { items: "/home/i.csv" }]);
  const own = { options, spec: spec! };
  await loadRatings(options, io, {}, own);
  await loadRatings(optionsOf({ ratings: "moved.csv", items: "i.csv" }), io, {}, own);
  await loadRatings(optionsOf({ items: "other.csv" }), io, {}, own);
  expect(asked).toEqual([
    ["films.csv", "i.csv", undefined],
    ["/home/films.csv", "/home/i.csv", undefined],
    ["moved.csv", "/home/i.csv", undefined],
    ["/home/films.csv", "other.csv", undefined],
  ]);
});

it("the simulation is said to be one", async () => {
  const { interactions, notes } = await readRatings(
    optionsOf({ ratings: simulatedPreferences }),
    ratingsIo(madeUpInteractions()),
    {},
  );
  expect(interactions.name).toBe("preferences (simulated)");
  expect(notes.join()).toContain("simulated");
});

it("the scale is two numbers, the least first", () => {
  expect(scaleOf({ ratingScale: "1-5" })).toEqual({ least: 1, most: 5 });
  expect(scaleOf({ ratingScale: "-10-10.5" })).toEqual({ least: -10, most: 10.5 });
  expect(scaleOf({})).toBeUndefined();
  for (const ratingScale of ["5-1", "3-3", "1", "", "a-b", "1-5-9", "1e3-2e3", "-".repeat(1e5)])
    expect(() => scaleOf({ ratingScale }), ratingScale.slice(0, 20)).toThrow(
      /^--rating-scale .*Give the least and the most: 1-5/,
    );
});

it("more items than a run keeps are refused before anything is made of them", async () => {
  const films = madeUpInteractions();
  const ids = Array.from({ length: 250_001 }, (_, i) => `${i}`);
  await expect(loaded({ ...films, items: { ids, attributes: [] } })).rejects.toThrow(
    /^films has 250,001 items, and a run keeps 250,000 at most\. Leave out those that nobody rates/,
  );
});

it("what nothing can be learned from is refused", async () => {
  await expect(loadRatings(optionsOf({ ratings: "" }), ratingsIo(madeUpInteractions()), {})).rejects.toThrow(
    /^there are no ratings\. Name a table .*--ratings FILE\.csv/,
  );
  const clicks = { ...madeUpInteractions({ rating: () => 1 }), implicit: true, scale: { least: 0, most: 1 } } as const;
  await expect(loaded(clicks)).rejects.toThrow(/^films has no column of ratings.* Name the column .*--rating-column/);
  await expect(loaded(madeUpInteractions({ rating: () => 3 }))).rejects.toThrow(
    /^all [\d,]+ ratings of films for training are 3: there is nothing to learn\. Give ratings that differ/,
  );
  const { parts } = splitRatings(madeUpInteractions());
  const held = parts.indexOf("test");
  const one = madeUpInteractions();
  const rows = Array.from(one.user.keys()).filter((row) => one.user[row] === held);
  const ofOne = {
    ...one,
    user: Int32Array.from(rows, () => held),
    item: Int32Array.from(rows, (row) => one.item[row]!),
    rating: Float32Array.from(rows, (row) => one.rating[row]!),
  };
  await expect(loaded(ofOne)).rejects.toThrow(
    /^of the 20 ratings of films none is for training\. Give ratings of more users/,
  );
});

it("learners start from attributes, levels or the mean, as --base says", async () => {
  const bases = await Promise.all(
    ["attributes", "bias", "mean"].map(async (base) => (await loaded(undefined, { base })).spec.base),
  );
  expect(bases.map(({ prior }) => prior !== undefined)).toEqual([true, false, false]);
  expect(bases.map(({ offsets }) => offsets.some((offset) => offset !== 0))).toEqual([true, true, false]);
  expect(bases[2]!.mean).toBe(bases[1]!.mean);
  expect((await loaded()).spec.base).toEqual(bases[0]);
});

it("an existing run has the name that it began with, whatever its table is called now", async () => {
  const { spec } = await loaded();
  const again = await loaded({ ...madeUpInteractions(), name: "moved" }, {}, spec);
  expect([again.data.interactions.name, again.spec.name]).toEqual(["films", "films"]);
});
