/** Items by what people call them. */
import { expect, it } from "vitest";
import { attributesOfItem, ItemIndex } from "./item-index.js";
import { madeUpInteractions } from "./ratings.fixture.js";
import { keptItems } from "./spec.js";

const { items } = madeUpInteractions();
const index = new ItemIndex(items);
const idOf = (text: string): string | undefined => {
  const [place, ...others] = index.called(text);
  return place === undefined || others.length > 0 ? undefined : items.ids[place];
};
const near = (text: string): readonly string[] => index.near(text).map((place) => items.ids[place]!);

it("an item is found by its id, which is first, and leading zeros are part of it", () => {
  expect([idOf("001"), idOf(" 012 "), idOf("1"), idOf("0001"), idOf("")]).toEqual([
    "001",
    "012",
    undefined,
    undefined,
    undefined,
  ]);
  const films = new ItemIndex({
    ids: ["a", "b", "e\u0301"],
    titles: ["b", "c", "d"].map((each) => each.normalize()),
    attributes: [],
  });
  expect(films.called("b")).toEqual([1]);
  expect(new ItemIndex({ ids: ["\u00e9"], attributes: [] }).called("e\u0301")).toEqual([0]);
});

it("an item is found by its title, whatever its case, accents and marks are", () => {
  for (const title of ["Amélie (2001)", "AMELIE 2001", "ame\u0301lie, 2001!", " amelie  2001"])
    expect(idOf(title), title).toBe("001");
  expect([idOf("heat 1995"), idOf("film 20"), idOf("7½"), idOf("7 1/2")]).toEqual(["002", "020", "005", undefined]);
  expect(idOf("Heat")).toBeUndefined();
});

it("a title of marks alone is that very one", () => {
  expect([idOf("???"), idOf("!"), idOf("006")]).toEqual(["006", undefined, "006"]);
});

it("several items of one title are told apart by id", () => {
  expect(index.called("hamlet").map((place) => items.ids[place])).toEqual(["003", "004"]);
  expect(idOf("004")).toBe("004");
});

it("items that may be meant are those of other leading zeros, then of titles that are nearly the same", () => {
  expect(near("12")[0]).toBe("012");
  expect(near("0000012")[0]).toBe("012");
  expect(near("Amelia 2001")).toEqual(["001"]);
  expect(near("haet 1995")[0]).toBe("002");
  expect(near("Flim 21")[0]).toBe("021");
  expect(near("film").length).toBeGreaterThan(3);
  for (const text of ["zzz", "", "?", "0"]) expect(near(text), text).toEqual([]);
  expect(new ItemIndex({ ids: ["01"], attributes: [] }).near("1")).toEqual([0]);
});

it("a new item is what its attributes say, from texts and values alike", () => {
  const spec = { items: keptItems(items) };
  const texts = attributesOfItem(
    { item: "new", genres: "Drama| Noir |Drama|", country: "fr", year: "1999" },
    spec,
    "row 1",
  );
  expect(texts).toEqual(
    attributesOfItem({ item: "new", genres: ["Drama", "Noir"], country: "fr", year: 1999, other: {} }, spec, "row 1"),
  );
  expect(texts).toMatchObject({ name: "new", values: { genres: ["Drama", "Noir"], country: "fr", year: 1999 } });
  expect(attributesOfItem({ year: 1999, genres: "", country: null }, spec, "row 7")).toEqual({
    name: "row 7",
    values: { year: 1999 },
    entities: { ids: ["row 7"], attributes: [{ kind: "number", name: "year", values: Float64Array.of(1999) }] },
  });
  expect(attributesOfItem({ year: " ", genres: undefined }, spec, "row 1")).toBeUndefined();
  const named = { items: { ids: ["1"], attributes: [{ kind: "number" as const, name: "toString", values: [1] }] } };
  expect(attributesOfItem({ item: "x" }, named, "row 1")).toBeUndefined();
});

it("items of one title are told apart by the attributes in which most of them differ, words and numbers before lists", () => {
  const places = (...ids: string[]) => ids.map((id) => items.ids.indexOf(id));
  expect(index.apart(places("003", "001", "004"))).toEqual([
    "country no, year 1982",
    undefined,
    "country fr, year 1983",
  ]);
  // What is not known tells nothing: the country of 001, and the year of 010.
  const alike = new ItemIndex({ ...items, titles: items.ids.map(() => "Film") });
  expect(alike.apart(places("001", "002", "010"))).toEqual([
    "year 1980, genres Crime",
    "year 1981, country fr",
    "country fr, genres Crime",
  ]);
  expect(alike.apart(places("005"))).toEqual([undefined]);
  const bare = new ItemIndex({ ids: ["a", "b"], titles: ["Film", "film"], attributes: [] });
  expect(bare.apart([0, 1])).toEqual([undefined, undefined]);
});
