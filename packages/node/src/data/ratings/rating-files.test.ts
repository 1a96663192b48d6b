import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Attribute, Interactions } from "@innerloop/core/tasks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";
import { interactionsFault } from "./interactions-fault.js";
import { readRatings } from "./rating-tables.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-movielens-"));
});
afterAll(() => rm(folder, { recursive: true }));

const flags = (...ones: readonly number[]): string =>
  Array.from({ length: 19 }, (_, i) => (ones.includes(i) ? "1" : "0")).join("|");

/** The three layouts, each with the same four ratings, and five films; é as Latin-1 has it in the older ones. */
const layouts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "ml-100k": {
    "u.data": "7\t1\t3\t881250949\n7\t2\t5\t881250950\n8\t1\t4\t881250951\n8\t3\t1\t881250952\n",
    "u.item": [
      `1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/1|${flags(3, 5)}`,
      `2|Misérables, Les (1995)|01-Jan-1995|||${flags(8)}`,
      `3|Heat (1986)|01-Jan-1986|||${flags()}`,
      `4|Antz (1998)|01-Jan-1998|||${flags(3, 5)}`,
      `5|Rounders (1998)|01-Jan-1998|||${flags(8)}`,
    ].join("\n"),
    "u.user": "7|24|M|writer|01234\n8|53|F|other|94043\n",
  },
  "ml-1m": {
    "ratings.dat": "7::1::3::978300760\n7::2::5::978300761\r\n8::1::4::978300762\n8::3::1::978300763",
    "movies.dat":
      "1::Toy Story (1995)::Animation|Comedy\n2::Misérables, Les (1995)::Drama\n3::Heat (1986)::(no genres listed)\n4::Antz (1998)::Animation|Comedy\n5::Rounders (1998)::Drama\n",
    "users.dat": "7::M::25::16::01234\n8::F::1::0::94043\n",
  },
  "ml-latest-small": {
    "ratings.csv": "userId,movieId,rating,timestamp\n7,1,3.0,964982703\n7,2,5.0,964982704\n8,1,4.0,5\n8,3,1.0,6\n",
    "movies.csv":
      'movieId,title,genres\n1,Toy Story (1995),Animation|Comedy\n2,"Misérables, Les (1995)",Drama\n3,Heat (1986),(no genres listed)\n4,Antz (1998),Animation|Comedy\n5,Rounders (1998),Drama\n',
    "links.csv": "movieId,imdbId,tmdbId\n1,0114709,862\n",
    "README.txt": "Summary",
  },
};
const bytesOf = (layout: string, text: string): Buffer =>
  Buffer.from(text, layout === "ml-latest-small" ? "utf8" : "latin1");

/** The layout as a folder, in a folder around it where that is asked for. */
async function folderOf(layout: string, ...within: readonly string[]): Promise<string> {
  const path = join(folder, ...within, layout);
  await mkdir(path, { recursive: true });
  for (const [name, text] of Object.entries(layouts[layout]!)) await writeFile(join(path, name), bytesOf(layout, text));
  return path;
}

const zipOf = async (layout: string): Promise<string> => {
  const path = join(folder, `${layout}.zip`);
  const entries = Object.entries(layouts[layout]!).map(([name, text]) => ({
    name: `${layout}/${name}`,
    data: bytesOf(layout, text),
  }));
  await writeFile(path, madeUpZip(entries));
  return path;
};

const attribute = (attributes: readonly Attribute[], name: string): Attribute | undefined =>
  attributes.find((each) => each.name.toLowerCase() === name);

function checkFilms({ items, users, user, item, rating, scale }: Interactions): void {
  expect(items.ids).toEqual(["1", "2", "3", "4", "5"]);
  expect(items.titles?.slice(0, 3)).toEqual(["Toy Story (1995)", "Misérables, Les (1995)", "Heat (1986)"]);
  expect(items.attributes).toHaveLength(2);
  expect(attribute(items.attributes, "year")).toMatchObject({
    values: Float64Array.from([1995, 1995, 1986, 1998, 1998]),
  });
  expect(attribute(items.attributes, "genres")).toMatchObject({
    ...{ kind: "bag", words: ["Animation", "Comedy", "Drama"] },
    ...{ of: Int32Array.from([0, 1, 2, 0, 1, 2]), starts: Int32Array.from([0, 2, 3, 3, 5, 6]) },
  });
  expect(users.ids).toEqual(["7", "8"]);
  expect([...user]).toEqual([0, 0, 1, 1]);
  expect([...item]).toEqual([0, 1, 0, 2]);
  expect([...rating]).toEqual([3, 5, 4, 1]);
  expect(scale).toEqual({ least: 1, most: 5 });
}

describe.each(Object.keys(layouts))("the layout of %s", (layout) => {
  it("is read from a folder, a folder around it, and an archive, with its films", async () => {
    for (const path of [await folderOf(layout), join(await folderOf(layout, "around"), ".."), await zipOf(layout)]) {
      const { interactions } = await readRatings({ ratings: path, name: layout }, {});
      checkFilms(interactions);
      expect(interactionsFault(interactions)).toBeUndefined();
    }
  });

  it("is read from its files", async () => {
    const path = await folderOf(layout);
    const [ratings, items] = Object.keys(layouts[layout]!).map((name) => join(path, name)) as [string, string];
    const alone = await readRatings({ ratings, name: layout }, {});
    expect(alone.interactions.items).toEqual({ ids: ["1", "2", "3"], attributes: [] });
    checkFilms((await readRatings({ ratings, items, name: layout }, {})).interactions);
  });
});

it("numbers that stand for groups of users are categories", async () => {
  const older = await readRatings({ ratings: await folderOf("ml-1m"), name: "x" }, {});
  const kinds = older.interactions.users.attributes.map(({ name, kind }) => `${name} ${kind}`);
  expect(kinds).toEqual(["Gender category", "Age category", "Occupation category", "Zip-code category"]);
  const oldest = await readRatings({ ratings: await folderOf("ml-100k"), name: "x" }, {});
  expect(oldest.interactions.users.attributes.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    ...["age number", "gender category", "occupation category", "zip code category"],
  ]);
});

it("users of MovieTweetings' layout have a number at Twitter, which is not kept", async () => {
  const path = await folderOf("ml-1m", "tweets");
  await writeFile(join(path, "users.dat"), "7::177651718\n8::522540374\n");
  const { interactions } = await readRatings({ ratings: path, name: "x" }, {});
  expect(interactions.users).toEqual({ ids: ["7", "8"], attributes: [] });
});

it("rows of another number of fields are refused with file and row", async () => {
  const path = await folderOf("ml-1m", "bad");
  await writeFile(join(path, "ratings.dat"), "7::1::3::978300760\n7:2:5\n");
  await expect(readRatings({ ratings: path, name: "x" }, {})).rejects.toThrow(
    `ILD71 ${join(path, "ratings.dat")}:2: 1 fields between "::"`,
  );
  await writeFile(join(path, "ratings.dat"), "");
  await expect(readRatings({ ratings: path, name: "x" }, {})).rejects.toThrow(/ratings\.dat: the file is empty/);
});

it("a folder or archive without ratings is refused with the names that are looked for", async () => {
  const path = join(folder, "none");
  await mkdir(path, { recursive: true });
  await expect(readRatings({ ratings: path, name: "x" }, {})).rejects.toThrow(
    /^ILD71 .*there are no ratings in it\. Give a folder or zip archive with ratings \(ratings\.csv, ratings\.dat, u\.data/,
  );
  const zip = join(folder, "none.zip");
  await writeFile(zip, madeUpZip([{ name: "a/movies.csv", data: "x" }]));
  await expect(readRatings({ ratings: zip, name: "x" }, {})).rejects.toThrow(/^ILD71 .*there are no ratings in it/);
});
