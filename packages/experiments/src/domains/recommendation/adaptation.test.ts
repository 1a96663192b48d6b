/** Ratings as users of a trained model have them: by id, by title, and of items that are new. */
import { offsetByAttributes, type RatedInputs, surenessOf } from "@innerloop/core/tasks";
import { tensor, toNumbers } from "@innerloop/graph";
import { expect, it } from "vitest";
import { ratingAdaptation } from "./adaptation.js";
import { inUnits } from "./known-items.js";
import { loaded, madeUpInteractions, optionsOf, ratingsIo } from "./ratings.fixture.js";
import { heldOutTasks } from "./tasks.js";

const userAttributes = [
  { kind: "category", name: "town", words: ["Oslo", "Rome"], of: Int32Array.from({ length: 60 }, (_, i) => i % 2) },
  { kind: "number", name: "age", values: Float64Array.from({ length: 60 }, (_, i) => 20 + i) },
] as const;
const interactions = madeUpInteractions();
const { data, spec } = await loaded(interactions);
const mine = [
  { item: "001", rating: "4" },
  { item: "heat 1995", rating: " 2.5 " },
];
const io = ratingsIo(interactions, {
  "mine.csv": mine,
  "more.csv": [{ item: "Film 12" }],
  "wrong.csv": [{ item: "Film 12" }, { item: "Flim 12" }],
  "bad.csv": [mine[0]!, { item: "002", rating: "9" }],
});
const at = (of = spec) => ({ options: optionsOf(), spec: of });
const support = (given: unknown, of = spec) => ratingAdaptation.readSupport(given, at(of), {}, io, {});
const inputs = async (given: unknown, of = spec) =>
  ratingAdaptation.readInputs(given, await support(undefined, of), at(of), io, {});
const { mean, deviation } = spec.units;

/** Ids and numbers of each row. */
function rowsOf({ ids, numbers }: RatedInputs): readonly { readonly ids: number[]; readonly numbers: number[] }[] {
  const part = (values: number[], row: number, width: number) => values.slice(row * width, (row + 1) * width);
  const [idValues, numberValues] = [toNumbers(ids), toNumbers(numbers)];
  return Array.from({ length: ids.shape[0]! }, (_, row) => ({
    ids: part(idValues, row, ids.shape[1]!),
    numbers: part(numberValues, row, numbers.shape[1]!),
  }));
}

it("ratings by id and by title, of a table and of a program, are the same", async () => {
  const [read, given] = [
    await support("mine.csv"),
    await support([
      { item: " 001", rating: 4 },
      { item: "002", rating: 2.5 },
    ]),
  ];
  expect(rowsOf(read.x)).toEqual(rowsOf(given.x));
  expect(toNumbers(read.y.rating)).toEqual([4, 2.5].map((value) => expect.closeTo((value - mean) / deviation, 5)));
  expect(toNumbers(read.y.cold)).toEqual([spec.cold[0], spec.cold[1]]);
  expect([read.text, read.present, read.facts]).toEqual([
    "2 ratings",
    undefined,
    { ratings: { "Amélie (2001)": 4, "Heat (1995)": 2.5 } },
  ]);
});

it("items of the run have the inputs that tasks of evaluation have", async () => {
  const { test } = data.parts;
  const source = heldOutTasks(data, "test", optionsOf({ queries: 19, leastRatings: 20 }));
  const all = rowsOf((await inputs(interactions.items.ids as string[])).x);
  const [ofItem, met] = [new Map(all.map((row, place) => [JSON.stringify(row), place])), new Set<number>()];
  for (let index = 0; index < source.count!; index++)
    for (const row of rowsOf(source.sample(1, index).query.x)) met.add(ofItem.get(JSON.stringify(row)) ?? -1);
  // Those of evaluation's users, cold ones among them; and none that is coded otherwise.
  expect([...met].sort((a, b) => a - b)).toEqual([...new Set(test.item)].sort((a, b) => a - b));
  expect([...met].some((place) => spec.cold[place] === 1)).toBe(true);
});

it("of no ratings there is one row, which is not there", async () => {
  const { present, x, y, text } = await support(undefined);
  expect(toNumbers(present!)).toEqual([0]);
  expect([x.ids.shape[0], y.rating.shape, text]).toEqual([1, [1, 1], "no ratings"]);
  expect(ratingAdaptation.needsNone!(at())).toBe(true);
});

it("a new item has no id, the base of its attributes, and is cold", async () => {
  const attributes = { genres: ["Drama", "Crime"], country: "fr", year: 1990 };
  const given = [{ item: "Nothing of the kind", ...attributes }, { item: "004" }];
  const { x, names } = await inputs(given);
  expect(names).toEqual(["Nothing of the kind", "Hamlet"]);
  const [added, known] = rowsOf(x);
  const offset = offsetByAttributes(spec.base, attributes);
  expect(added!.numbers[0]).toBeCloseTo((spec.base.mean + offset - mean) / deviation, 5);
  expect([added!.ids[0], added!.numbers[1]]).toEqual([0, 0]);
  // Film 4, whose attributes are others but of the same genres.
  const genresAt = spec.codings.items.fields.findIndex(({ name }) => name === "genres");
  const slots = spec.codings.items.fields[genresAt]!.slots;
  const genres = (row: typeof added) => row!.ids.slice(1, 1 + slots).sort();
  expect(genresAt).toBe(1);
  expect(genres(added)).toEqual(genres(known));
  expect(known!.numbers[1]).toBeCloseTo(surenessOf(spec.base, spec.base.counts[3]!), 6);
  const rated = await support([{ ...given[0], rating: 5 }]);
  expect(toNumbers(rated.y.cold)).toEqual([1]);
});

it("nothing is known of the user, where training knew something of users", async () => {
  const { spec: ofTowns } = await loaded(madeUpInteractions({ userAttributes }));
  const [plain] = rowsOf((await inputs(["001"])).x);
  const [row] = rowsOf((await inputs(["001"], ofTowns)).x);
  expect(row).toEqual({ ids: [...plain!.ids, 0], numbers: [...plain!.numbers, 0] });
});

it("what is asked about comes from files, one or several", async () => {
  const read = async (...paths: string[]) =>
    (await inputs(await ratingAdaptation.fromFiles!(paths, at(), io, {}))).names;
  expect(await read("mine.csv")).toEqual(["Amélie (2001)", "Heat (1995)"]);
  expect(await read("more.csv", "mine.csv")).toEqual(["Film 12", "Amélie (2001)", "Heat (1995)"]);
  expect((await inputs(ratingAdaptation.fromLine!(" Film 9 "))).names).toEqual(["Film 9"]);
  expect(ratingAdaptation.fromLine!(" ")).toBeUndefined();
});

it("what is wrong is told with the table and its row", async () => {
  await expect(support("bad.csv")).rejects.toThrow('bad.csv, row 2: the rating is "9". Give a number from 1 to 5');
  await expect(support([{ item: "1", rating: 3 }])).rejects.toThrow(
    'row 1: there is no item "1" in films. Did you mean "Amélie (2001)" (001)',
  );
  await expect(support([{ item: "zzz", rating: 3 }])).rejects.toThrow(
    /^row 1: there is no item "zzz" in films\. Give an id or title/,
  );
  await expect(inputs([{ rating: 3 }])).rejects.toThrow(/^row 1 names no item\. Give/);
});

it("a rating with a comma for a point is told so, and a line has no row beside its number", async () => {
  await expect(support([{ item: "001", rating: "3,5" }])).rejects.toThrow(
    'row 1: the rating is "3,5". Give a number from 1 to 5, with a point: 4.5',
  );
  await expect(inputs(ratingAdaptation.fromLine!("zzz"))).rejects.toThrow(
    /^there is no item "zzz" in films\. Give an id/,
  );
});

it("rows of several tables are told by table", async () => {
  const given = await ratingAdaptation.fromFiles!(["more.csv", "wrong.csv"], at(), io, {});
  await expect(inputs(given)).rejects.toThrow(/^wrong\.csv, row 2: there is no item "Flim 12" in films\. Did you mean/);
});

it("words of new items that nothing is known of are told once, with the nearest", async () => {
  const notes: string[] = [];
  const work = { onWarning: (text: string) => notes.push(text) };
  const noted = async (given: unknown): Promise<readonly string[]> => {
    notes.length = 0;
    await ratingAdaptation.readSupport(given, at(), {}, io, work);
    return [...notes];
  };
  const item = (more: object) => ({ item: `new ${JSON.stringify(more)}`, rating: 3, ...more });
  expect(
    await noted([item({ genres: ["Drama", "Crimee"] }), item({ genres: "Crimee", country: "xx", year: 1990 })]),
  ).toEqual([
    'genres: "Crimee" is not known (did you mean "Crime"?)',
    'country: "xx" is not known (did you mean "no"?)',
  ]);
  expect(await noted([item({ genres: "Drama", country: "fr" }), { item: "001", rating: 3, genres: "Crimee" }])).toEqual(
    [],
  );
  const words = ["Westerns", "Musicals", "Cartoons", "Thrillers", "Horrors", "Operas", "Shorts"];
  expect(await noted([item({ genres: words })])).toEqual([
    ...words.slice(0, 5).map((word) => `genres: "${word}" is not known`),
    "and 2 other words of new items are not known",
  ]);
  notes.length = 0;
  await ratingAdaptation.readInputs([{ genres: "Crimee" }], await support(undefined), at(), io, work);
  expect(notes).toEqual(['genres: "Crimee" is not known (did you mean "Crime"?)']);
});

it("an item is rated once; two of one title are two", async () => {
  await expect(
    support([
      { item: "001", rating: 3 },
      { item: "amelie 2001", rating: 4 },
    ]),
  ).rejects.toThrow('row 2: "Amélie (2001)" is rated for the second time. Give one rating of each item');
  expect(
    (
      await support([
        { item: "003", rating: 3 },
        { item: "004", rating: 4 },
      ])
    ).text,
  ).toBe("2 ratings");
  // The fourth is rated by as many, of another genre and year: the earlier comes first.
  await expect(support([{ item: "hamlet", rating: 3 }])).rejects.toThrow(
    'row 1: 2 items are called "hamlet". Name it by its id: "Hamlet" (003: country no, year 1982) or "Hamlet" (004: country fr, year 1983)',
  );
});

it("answers are ratings in their units, within their scale", async () => {
  const asked = { ...at(), support: await support(undefined), inputs: await inputs(["001", "002", "003"]) };
  const answers = ratingAdaptation.answers(tensor([[0], [-99], [99]]), asked);
  expect(answers).toEqual([
    { item: "Amélie (2001)", rating: Number(mean.toFixed(4)) },
    { item: "Heat (1995)", rating: 1 },
    { item: "Hamlet", rating: 5 },
  ]);
  expect(inUnits(spec, 0.5)).toBeCloseTo(mean + deviation / 2, 6);
  expect(ratingAdaptation.table(answers, asked).rows.map(([, rating]) => rating)).toEqual([
    mean.toFixed(2),
    "1.00",
    "5.00",
  ]);
  expect(ratingAdaptation.lineOf!(answers[2]!)).toBe("5.00  Hamlet");
});
