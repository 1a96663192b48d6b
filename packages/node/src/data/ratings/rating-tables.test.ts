import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Interactions } from "@innerloop/core/tasks";
import type { RatingReading } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { interactionsFault } from "./interactions-fault.js";
import { type GatheredRatings, readRatings, readRatingTables } from "./rating-tables.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-ratings-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, ...lines: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.join("\n"));
  return path;
}

const read = (ratings: string, reading: Partial<RatingReading> = {}): Promise<GatheredRatings> =>
  readRatings({ ...reading, ratings, name: "mine" }, {});

/** Ratings by ids, in their order. */
const rowsOf = ({ users, items, user, item, rating, time }: Interactions) =>
  Array.from(user, (by, row) => [users.ids[by], items.ids[item[row]!], rating[row], ...(time ? [time[row]] : [])]);

describe("a table of ratings", () => {
  it("is read in the order of users and of times, with ids as texts", async () => {
    const path = await file(
      "r.csv",
      "user,item,rating,timestamp",
      "2,007,4.5,30",
      "1,7,3,20",
      "2,7,1,10",
      "1,007,5,10",
    );
    const { interactions, notes } = await read(path);
    expect(rowsOf(interactions)).toEqual([
      ["2", "7", 1, 10],
      ["2", "007", 4.5, 30],
      ["1", "007", 5, 10],
      ["1", "7", 3, 20],
    ]);
    expect(interactions).toMatchObject({ name: "mine", scale: { least: 1, most: 5 } });
    expect(interactions).not.toHaveProperty("implicit");
    expect(interactionsFault(interactions)).toBeUndefined();
    expect(notes[0]).toBe("columns of ratings: users user, items item, ratings rating, times timestamp");
    expect(notes[1]).toBe("4 ratings, from 1 to 5: 2 users, 2 items");
  });

  it("takes ids in one form, without blanks around them", async () => {
    const path = await file("nfc.csv", "user,item,rating", " a,cafe\u0301,1", "a ,caf\u00e9 ,2", "a,x,3");
    const { interactions } = await read(path);
    expect(rowsOf(interactions)).toEqual([
      ["a", "caf\u00e9", 2],
      ["a", "x", 3],
    ]);
  });

  it.each([
    ["s.csv", ["UserID;MovieId;Score", "a;x;1", "b;y;2"]],
    ["t.tsv", ["reviewerID\tasin\toverall\tmore, of it", "a\tx\t1\t1,2,3", "b\ty\t2\t1,2,3,4,5"]],
    ["u.jsonl", ['{"user_id":"a","product":"x","stars":1}', "", '{"stars":2,"product":"y","user_id":"b","more":{}}']],
  ])("names its columns in the usual ways, in %s", async (name, lines) => {
    const path = await file(name, ...lines.map((line) => line.replace("{}", "[]")));
    expect(rowsOf((await read(path)).interactions)).toEqual([
      ["a", "x", 1],
      ["b", "y", 2],
    ]);
  });

  it("has the columns that are given, and tells of the others", async () => {
    const path = await file(
      "g.csv",
      "user,item,rating,who,what,how,when",
      "a,x,1,B,Y,3,2021-11-02",
      "a,x,2,C,Y,4,2021-11-03",
    );
    const given = { userColumn: "who", itemColumn: "what", ratingColumn: "how", timeColumn: "when" };
    const { interactions, notes } = await read(path, given);
    expect(rowsOf(interactions)).toEqual([
      ["B", "Y", 3, 1635811200],
      ["C", "Y", 4, 1635897600],
    ]);
    expect(notes[0]).toBe(
      "columns of ratings: users who, items what, ratings how, times when; not used: user, item, rating",
    );
  });

  it("keeps the last rating of a pair, by time and otherwise by row, and says so", async () => {
    const timed = await file(
      "d.csv",
      "user,item,rating,time",
      "a,x,1,30",
      "a,y,2,10",
      "a,x,3,20",
      "a,y,4,10",
      "b,x,5,1",
    );
    const byTime = await read(timed);
    expect(rowsOf(byTime.interactions)).toEqual([
      ["a", "y", 4, 10],
      ["a", "x", 1, 30],
      ["b", "x", 5, 1],
    ]);
    expect(byTime.notes).toContain(
      "2 ratings of 5 are of a user and an item that come up again: the last by time is kept",
    );
    const plain = await file("e.csv", "user,item,rating", "a,x,1", "a,y,2", "a,x,3");
    const byRow = await read(plain);
    expect(rowsOf(byRow.interactions)).toEqual([
      ["a", "y", 2],
      ["a", "x", 3],
    ]);
    expect(byRow.notes).toContain("1 rating of 3 is of a user and an item that come up again: the last by row is kept");
  });

  it("is implicit feedback without ratings, or where that is asked for", async () => {
    const clicks = await file("c.csv", "user,item,date", "a,x,2021-11-02", "b,x,2021-11-02");
    const taken = { scale: { least: 0, most: 1 }, implicit: true };
    const found = await read(clicks);
    expect(found.interactions).toMatchObject(taken);
    expect([...found.interactions.rating]).toEqual([1, 1]);
    expect(found.notes[0]).toContain(
      "no ratings, since no name of a column says which holds them: feedback is implicit",
    );
    const rated = await file("f.csv", "user,item,rating", "a,x,4", "b,x,no number");
    const asked = await read(rated, { implicit: true });
    expect(asked.interactions).toMatchObject(taken);
    expect(asked.notes[0]).toContain("as asked for: feedback is implicit, no times; not used: rating");
  });

  it("leaves out times that are none, unless they were asked for", async () => {
    const path = await file("n.csv", "user,item,rating,date", "a,x,4,2021-11-02", "a,y,2,last May");
    const { interactions, notes } = await read(path);
    expect(interactions).not.toHaveProperty("time");
    expect(notes).toContain('times are not used: that of line 3, column "date", is "last May", which is no time');
    await expect(read(path, { timeColumn: "date" })).rejects.toThrow(
      `ILD71 ${path}:3: the time is "last May", which is no time. Write seconds`,
    );
  });

  it("tells of users who rate once or always the same, and of the most frequent rating", async () => {
    const rows = ["a,x,4", "b,x,4", "b,y,4", "c,x,4", "c,y,3", "c,z,2", "d,x,5"];
    const { notes } = await read(await file("h.csv", "user,item,rating", ...rows));
    expect(notes).toContain("57% of all ratings are 4");
    expect(notes).toContain("2 users of 4 (50%) have one rating only");
    expect(notes).toContain("1 user of 4 gave the same rating to all of theirs");
    const even = await read(await file("i.csv", "user,item,rating", "a,w,1", "a,x,2", "a,y,3", "a,z,4"));
    expect(even.notes.filter((note) => /all ratings are|one rating only|the same rating/.test(note))).toEqual([]);
  });

  it.each([
    [
      "a rating that is no number",
      ["a,x,good", "a,y,2"],
      {},
      /:2: the rating is "good", which is no number\. Write a number/,
    ],
    ["a rating that is none", ["a,x,1", "a,y,"], {}, /:3: the rating is empty\. Write a number/],
    ["a rating beyond 32 bits", ["a,x,1e300", "a,y,2"], {}, /:2: the rating is "1e300", which is no number/],
    [
      "a rating off the scale",
      ["a,x,1", "a,y,6"],
      { scale: { least: 1, most: 5 } },
      /:3: the rating is "6", and the scale goes from 1 to 5\. Correct/,
    ],
    ["no user", [" ,x,1", "a,y,2"], {}, /:2: the user is empty\. Give every row a user/],
    ["no item", ["a,,1", "a,y,2"], {}, /:2: the item is empty/],
    ["a long id", [`a,${"x".repeat(513)},1`, "a,y,2"], {}, /:2: the item has more than 512 characters/],
    [
      "several at once",
      ["a,x,bad", ",y,2"],
      {},
      /there are 2 problems\. .*\n.*:2: the rating.*\n.*:3: the user is empty/,
    ],
    [
      "ratings that are all the same",
      ["a,x,1", "a,y,1"],
      {},
      /^ILD06 .*all 2 ratings are 1\. .* Is it the right column \(--rating-column\)/,
    ],
    ["no rows", [], {}, /^ILD06 .*there are no ratings in it/],
  ])("is refused with %s", async (_, rows, reading, message) => {
    const path = await file("bad.csv", "user,item,rating", ...rows);
    await expect(read(path, reading)).rejects.toThrow(message);
  });

  it("is refused without its columns, which are named", async () => {
    const path = await file("columns.csv", "person,item,rating", "a,x,1");
    await expect(read(path)).rejects.toThrow(
      `ILD71 ${path}: no name of a column says which holds the users (--user-column). Name it: it has person, item, rating.`,
    );
    await expect(read(path, { userColumn: "persons" })).rejects.toThrow(
      `ILD71 ${path}: there is no column "persons". It has person, item, rating. Did you mean person?`,
    );
    await expect(read(path, { userColumn: "item" })).rejects.toThrow(/the items \(--item-column\)/);
    await expect(read(path, { userColumn: "item", itemColumn: "item" })).rejects.toThrow(/"item" is named for two/);
    await writeFile(join(folder, "x.parquet"), "");
    await expect((async () => read(join(folder, "x.parquet")))()).rejects.toThrow(
      /x\.parquet is a file of a kind that ratings are not read from/,
    );
  });

  it("of JSON lines is refused with the line where a cell is an object", async () => {
    const path = await file("o.jsonl", '{"user":"a","item":{"id":1},"rating":3}');
    await expect(read(path)).rejects.toThrow(`${path}:1: "item" is neither a text, a number nor a list of them`);
    await file("o.jsonl", "[1]");
    await expect(read(path)).rejects.toThrow(`${path}:1: the line is not an object`);
  });

  it("says nothing of who its users are", async () => {
    const path = await file("p.csv", "user,item,rating", "ann@example.org,x,1", "ann@example.org,y,2", "bob,x,2");
    const users = await file("pu.csv", "user,town", "ann@example.org,Oslo", "cid,Rome", "dora,Rome");
    const { notes } = await read(path, { users });
    expect(notes).toContain("1 of 3 ratings (33%) are by 1 user that the table of users lacks: nothing is known of it");
    expect(notes).toContain("2 users of the table of users rated nothing");
    expect(notes.join()).not.toMatch(/ann@|bob|Oslo|Rome/);
    const wrong = await file("pw.csv", "user,age", "ann@example.org,secret", "bob,3");
    const reading = read(path, { users: wrong, userAttributes: ["age:number"] });
    await expect(reading).rejects.toThrow(`ILD71 ${wrong}:2: a cell of column "age" is no number`);
    await expect(reading).rejects.not.toThrow(/secret/);
  });
});

describe("a table of items", () => {
  const ratings = () => file("ir.csv", "user,wine_id,rating", "a,02,1", "a,9,2", "b,01,5", "b,9,4");

  it("comes first, and the rated items that it lacks behind it, of which nothing is known", async () => {
    const items = await file(
      "ii.csv",
      ...["id,wineName,ABV,Type,Grapes", "01,Uno,12.5,red,['Syrah']", "02,Dos,,white,\"['Syrah', 'Muscat']\""],
      "03,Tres,11,red,[]",
    );
    const { interactions, notes } = await read(await ratings(), { items });
    expect(interactions.items).toEqual({
      ids: ["01", "02", "03", "9"],
      attributes: [
        { kind: "number", name: "ABV", values: Float64Array.from([12.5, Number.NaN, 11, Number.NaN]) },
        { kind: "category", name: "Type", words: ["red", "white"], of: Int32Array.from([0, 1, 0, -1]) },
        {
          ...{ kind: "bag", name: "Grapes", words: ["Syrah", "Muscat"] },
          ...{ of: Int32Array.from([0, 0, 1]), starts: Int32Array.from([0, 1, 3, 3, 3]) },
        },
      ],
    });
    expect(interactionsFault(interactions)).toBeUndefined();
    expect(notes).toContain(
      '2 of 4 ratings (50%) are of 1 item that the table of items lacks: nothing is known of it, such as "9"',
    );
    expect(notes).toContain("1 item of 4 nobody rated");
    expect(notes).toContain(
      "attributes of items: ABV (number, 2 missing), Type (category of 2 words, 1 missing), Grapes (bag of 2 words, 2 missing)",
    );
    expect(notes).toContain("left out of items: wineName (all different)");
    const titled = await read(await ratings(), { items, titleColumn: "wineName", itemAttributes: ["Type"] });
    expect(titled.interactions.items.titles).toEqual(["Uno", "Dos", "Tres", "9"]);
    expect(titled.interactions.items.attributes.map(({ name }) => name)).toEqual(["Type"]);
  });

  it("has titles beside its ids by usual names, and tells of ids whose leading zeros are gone", async () => {
    const items = await file("it.csv", "wine_id,WineryName,WineName", "01,W,Uno", "2,W,Dos");
    const { interactions, notes } = await read(await ratings(), { items });
    expect(interactions.items.titles).toEqual(["Uno", "Dos", "02", "9"]);
    expect(notes).toContain(
      '3 of 4 ratings (75%) are of 2 items that the table of items lacks: nothing is known of them, such as "02"; 1 of them would be there with other leading zeros, which are part of an id',
    );
    expect(notes).toContain("titles of items: WineName");
  });

  it("is refused where it has an id twice with other cells, and none of the rated items", async () => {
    const twice = await file("i2.csv", "item,kind", "01,a", "02,b", "01,a", "02,c");
    await expect(read(await ratings(), { items: twice })).rejects.toThrow(
      `ILD71 ${twice}:5: it has the id of line 3, and says something else`,
    );
    const same = await file("i3.csv", "item,kind", "01,a", "02,b", "01,a");
    const { interactions, notes } = await read(await ratings(), { items: same });
    expect(interactions.items.ids).toEqual(["01", "02", "9"]);
    expect(notes).toContain("1 rows of the table of items say the same twice");
    const others = await file("i4.csv", "item,kind", "x1,a", "x2,b");
    await expect(read(await ratings(), { items: others })).rejects.toThrow(
      /^ILD06 .*none of the 3 rated items is in the table of items .*column "item", such as "x1"; the rated ones of "wine_id", such as "02"/,
    );
    const stripped = await file("i6.csv", "item,kind", "1,a", "2,b");
    await expect(read(await ratings(), { items: stripped })).rejects.toThrow(
      / of them would be there with other leading zeros, which are part of an id\.$/,
    );
    const unnamed = await file("i5.csv", "number,kind", "01,a");
    await expect(read(await ratings(), { items: unnamed })).rejects.toThrow(
      /no name of a column says which holds the ids of items\. Name it as in the table of ratings, or item or id: it has number, kind/,
    );
    await expect(read(await ratings(), { itemAttributes: ["kind"] })).rejects.toThrow(
      /column "kind" is one of a table of items, which is not there/,
    );
    await expect(read(await ratings(), { items: same, titleColumn: "name" })).rejects.toThrow(/no column "name"/);
    await expect(read(await ratings(), { items: same, itemAttributes: ["sort:bag"] })).rejects.toThrow(
      /there is no column "sort"/,
    );
  });
});

it("words of further tables are a bag of each, those of unknown ids left out", async () => {
  const pairs = await file("pairs.csv", "place,pays", "p,cash", "p,VISA", "q,cash", "z,gold", "p,cash", "q,?");
  const reading = {
    ratings: { path: await file("pr.csv", "user,place,rating", "a,p,1", "a,q,2") },
    items: { path: await file("pi.csv", "place,price", "p,low", "q,high", "r,low") },
  };
  const itemWords = [{ path: pairs, id: "place", word: "pays", name: "payment" }];
  const { interactions } = await readRatingTables(reading, { name: "mine", itemWords }, {});
  expect(interactions.items.attributes[1]).toEqual({
    ...{ kind: "bag", name: "payment", words: ["cash", "VISA"] },
    ...{ of: Int32Array.from([0, 1, 0]), starts: Int32Array.from([0, 2, 3, 3]) },
  });
});

it("many ratings are sorted as few are", async () => {
  const rows = Array.from(
    { length: 5000 },
    (_, i) => `u${(i * 7) % 40},i${(i * 11) % 300},${(i % 9) / 2 + 1},${(i * 7919) % 5003}`,
  );
  const { interactions } = await read(await file("many.csv", "user,item,rating,time", ...rows));
  expect(interactionsFault(interactions)).toBeUndefined();
  // The last by time of each pair, worked out in another way.
  const last = new Map<string, { rating: number; time: number }>();
  for (const row of rows) {
    const [user, item, rating, time] = row.split(",") as [string, string, string, string];
    const earlier = last.get(`${user} ${item}`);
    if (!earlier || earlier.time <= Number(time))
      last.set(`${user} ${item}`, { rating: Number(rating), time: Number(time) });
  }
  expect(interactions.user.length).toBe(last.size);
  for (const [user, item, rating, time] of rowsOf(interactions))
    expect({ rating, time }).toEqual(last.get(`${user} ${item}`));
});
