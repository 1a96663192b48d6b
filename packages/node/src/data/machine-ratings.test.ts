import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { machineIo } from "./machine-io.js";
import { readRatings } from "./ratings/rating-tables.js";
import { writeStoredFile } from "./store/dataset-file.js";

let folder: string;
let ratings: string;
let items: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-machine-ratings-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  ratings = join(folder, "mine.csv");
  items = join(folder, "films.csv");
  await writeFile(ratings, "user,film,rating\na,x,1\na,y,2\nb,x,5\n");
  await writeFile(items, "film,title,year,kind\nx,Uno,1999,p\ny,Dos,2001,q\nz,Tres,2002,q\n");
  const { interactions, notes } = await readRatings({ ratings, items, name: "mine" }, {});
  const file = join(folder, "data", "mine.examples");
  await writeStoredFile(file, { ratings: interactions }, { kind: "made up", notes });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

it("ratings are found by path and by name, the same contents under one digest", async () => {
  const ofFile = await machineIo.interactions({ ratings, items }, {});
  expect(ofFile).toMatchObject({ folder: ratings, interactions: { name: "mine", users: { ids: ["a", "b"] } } });
  const ofName = await machineIo.interactions({ ratings: "mine" }, {});
  expect(ofName.interactions).toEqual(ofFile.interactions);
  expect(ofName.sha256).toBe(ofFile.sha256);
  expect(ofName).not.toHaveProperty("folder");
  expect(ofName.notes).toContain("attributes of items: year (number), kind (category of 2 words)");
  expect(ofName.notes).toContain("3 ratings, from 1 to 5: 2 users, 3 items");
});

it("the digest is that of all contents", async () => {
  const digests = new Set<string>();
  const readings = [
    { ratings, items },
    { ratings },
    { ratings, items, itemAttributes: ["year:category", "kind"] },
    { ratings, items, itemAttributes: ["year"] },
    { ratings, items, scale: { least: 0, most: 5 } },
    { ratings, items, scale: { least: 1, most: 9 } },
    { ratings, items, implicit: true },
    { ratings, items, titleColumn: "kind" },
  ];
  for (const reading of readings) digests.add((await machineIo.interactions(reading, {})).sha256);
  expect(digests.size).toBe(readings.length);
  expect((await machineIo.interactions({ ratings, items }, {})).sha256).toBe([...digests][0]);
});

it("a data set is taken as implicit feedback and with some of its attributes", async () => {
  const reading = { ratings: "mine", implicit: true, itemAttributes: ["kind:category"] };
  const { interactions } = await machineIo.interactions(reading, {});
  expect(interactions).toMatchObject({ implicit: true, scale: { least: 0, most: 1 } });
  expect([...interactions.rating]).toEqual([1, 1, 1]);
  expect(interactions.items.attributes.map(({ name }) => name)).toEqual(["kind"]);
});

it("what cannot be read is refused with what to do", async () => {
  const read = machineIo.interactions;
  await expect(read({ ratings: "no-such-thing" }, {})).rejects.toThrow(
    /there is no data set, file or folder no-such-thing\. Give a table of ratings, .*movietweetings/,
  );
  await expect(read({ ratings, items: join(folder, "none.csv") }, {})).rejects.toThrow(/there is no file .*none\.csv/);
  await expect(read({ ratings: "x-wines" }, {})).rejects.toThrow(/^ILD02 x-wines: .*`innerloop data get x-wines`/);
  await expect(read({ ratings: "glosses" }, {})).rejects.toThrow(/^ILD08 glosses: .*holds texts, where ratings/);
  await expect(read({ ratings: "mine", userColumn: "user" }, {})).rejects.toThrow(
    "--user-column means nothing for the data set mine",
  );
  await expect(read({ ratings: "mine", scale: { least: 0, most: 9 } }, {})).rejects.toThrow(
    "--rating-scale means nothing",
  );
  await expect(read({ ratings: "mine", itemAttributes: ["year:bag"] }, {})).rejects.toThrow(
    "there is no attribute year:bag of the items of mine. They have year:number, kind:category",
  );
});
