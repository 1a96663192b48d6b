/** A run's record of ratings, in a file that anyone may have written. */
import { expect, it } from "vitest";
import { loaded, madeUpInteractions } from "./ratings.fixture.js";
import { itemsOf, keptItems, parseRatingSpec } from "./spec.js";

const interactions = madeUpInteractions({
  userAttributes: [
    { kind: "category", name: "town", words: ["Oslo", "Rome"], of: Int32Array.from({ length: 60 }, (_, i) => i % 2) },
  ],
});
const { spec } = await loaded(interactions);
const text = JSON.stringify(spec);

it("is the same from JSON, and items are what they were", () => {
  expect(parseRatingSpec(JSON.parse(text))).toEqual(spec);
  expect(JSON.parse(text).items.attributes[2].values[9]).toBeNull();
  expect(itemsOf(JSON.parse(JSON.stringify(keptItems(interactions.items))))).toEqual(interactions.items);
  const { titles: _, ...untitled } = interactions.items;
  expect(itemsOf(keptItems(untitled))).toEqual(untitled);
});

it("has nothing of a user", () => {
  expect(text).not.toContain('"u1"');
  for (const [user, id] of interactions.users.ids.entries()) {
    expect(user < 10 || !text.includes(id), id).toBe(true);
  }
});

/** What each value is replaced by, unless it is of its kind. */
const wrong: readonly unknown[] = [null, true, "text", -1.5, 1e300, [], [[]], [null], {}, { length: 3 }];

/** Places in the record, the first of each list standing for all. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (Array.isArray(value)) return [path, ...(value.length > 0 ? places(value[0], [...path, 0]) : [])];
  if (typeof value === "object" && value !== null)
    return [path, ...Object.entries(value).flatMap(([name, each]) => places(each, [...path, name]))];
  return [path];
}

function changed(path: readonly (string | number)[], value: unknown): unknown {
  const copy = { whole: JSON.parse(text) as unknown };
  let at = copy as unknown as Record<string | number, unknown>;
  for (const name of ["whole", ...path].slice(0, -1)) at = at[name] as typeof at;
  const last = path.at(-1) ?? "whole";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return (JSON.parse(JSON.stringify(copy)) as Partial<typeof copy>).whole;
}

/** Whether a value may stand in a place all the same: another text or number, a list of none, what may be left out. */
function mayBe(path: readonly (string | number)[], value: unknown): boolean {
  const name = path.join(".");
  const own = path.reduce<unknown>((at, each) => (at as Record<string | number, unknown>)[each], JSON.parse(text));
  if (value === undefined) return /^(folder|items\.titles|codings\.users|base\.prior)$/.test(name);
  if (Array.isArray(value) && value.length === 0)
    return /^(exampleShape|items\.attributes|codings\.\w+\.(fields|numbers|fields\.0\.words))$/.test(name);
  if (typeof value === "string") return typeof own === "string" && path.at(-1) !== "kind";
  if (value === null) return name === "items.attributes.2.values.0";
  if (value === 1e300 && /deviation$|shrinkage\.\w+$|scale\.most$/.test(name)) return true;
  if (value === -1.5 && name === "scale.least") return true;
  return typeof value === "number" && /(mean|offsets\.0|constant|weights\.0|values\.0)$/.test(name);
}

it("is refused with a wrong value in any place", () => {
  const all = places(JSON.parse(text));
  expect(all.length).toBeGreaterThan(60);
  const taken = all.flatMap((path) =>
    [undefined, ...wrong]
      .filter((value) => !mayBe(path, value) && parseRatingSpec(changed(path, value)) !== undefined)
      .map((value) => `${path.join(".")} is ${JSON.stringify(value)}`),
  );
  expect(taken).toEqual([]);
});

it.each<readonly [string, readonly (string | number)[], unknown]>([
  ["an id twice", ["items", "ids", 1], "001"],
  ["a title too few", ["items", "titles"], ["one"]],
  ["an attribute of fewer items", ["items", "attributes", 2, "values"], [1]],
  ["a word that is not there", ["items", "attributes", 0, "of", 0], 3],
  ["a category that is not there", ["items", "attributes", 1, "of", 0], -2],
  ["bags that go back", ["items", "attributes", 0, "starts", 1], 9],
  ["bags that end too early", ["items", "attributes", 0, "starts", 40], 3],
  ["a field of a kind of another name", ["codings", "items", "fields", 0, "kind"], "__proto__"],
  ["no slots", ["codings", "items", "fields", 0, "slots"], 0],
  ["a deviation of 0", ["units", "deviation"], 0],
  ["a coding's deviation of 0", ["codings", "items", "numbers", 0, "deviation"], 0],
  ["a scale from above", ["scale", "least"], 6],
  ["tables that are no record", ["tables"], "items.csv"],
  ["a table that is no path", ["tables"], { items: "a\0b" }],
  ["a cold item too few", ["cold"], [0]],
  ["a base of fewer items", ["base", "offsets"], [0]],
  [
    "a size that memory does not hold",
    ["codings", "items", "fields"],
    Array(1000).fill({ name: "x", kind: "bag", words: [], slots: 1024 }),
  ],
])("is refused with %s", (_, path, value) => {
  expect(parseRatingSpec(changed(path, value))).toBeUndefined();
});
