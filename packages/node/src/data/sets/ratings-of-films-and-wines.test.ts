import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";
import { readRatings } from "../ratings/rating-tables.js";
import { getDataset, importDataset, listDatasets, loadInteractions } from "../store/dataset-store.js";
import { knownRatings } from "./known-texts.js";
import { knownSets } from "./registry.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-known-ratings-"));
});
afterEach(() => rm(folder, { recursive: true }));

const contents = "user,item,rating\na,x,1\na,y,2\n";
const sha256Of = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const zip = madeUpZip([{ name: "set/ratings.csv", data: contents }]);

const made = (archive?: { readonly url: string; readonly sha256: string; readonly maximumBytes: number }) =>
  knownRatings({
    kind: "made",
    licence: "CC0 1.0",
    source: "us",
    form: "our ratings.csv",
    files: [{ name: "ratings.csv", bytes: contents.length, sha256: sha256Of(contents) }],
    ...(archive ? { archive } : {}),
    read: (path, work) => readRatings({ ratings: path, name: "made" }, work),
  });

describe("known sets of ratings", () => {
  it("are read where each file is as it must be, with what is told of them", async () => {
    await writeFile(join(folder, "ratings.csv"), contents);
    const { files } = made();
    const read = await files.read(files.source([folder]), {});
    expect(read).toMatchObject({
      ratings: { name: "made", users: { ids: ["a"] }, items: { ids: ["x", "y"] } },
      stored: { kind: "made", licence: "CC0 1.0", source: "us" },
    });
    expect(read.stored.notes).toContain("2 ratings, from 1 to 2: 1 user, 2 items");
    await writeFile(join(folder, "ratings.csv"), contents.replace("x", "z"));
    await expect(files.read(files.source([folder]), {})).rejects.toThrow(/^ILD74 .*its sha256 is/);
  });

  it("are fetched as one archive, which is refused with another checksum or without a file", async () => {
    let served: Uint8Array = zip;
    const server = createServer((_, response) => response.end(served));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/set.zip`;
      const set = made({ url, sha256: sha256Of(zip), maximumBytes: 10_000 });
      expect(set.remedy).toContain("innerloop data get made");
      served = zip.subarray(0, -1);
      await expect(set.download!(folder, {})).rejects.toThrow(/^ILD23 /);
      served = zip;
      expect(await set.files.read(await set.download!(folder, {}), {})).toMatchObject({
        ratings: { users: { ids: ["a"] } },
      });
      served = madeUpZip([{ name: "set/other.csv", data: contents }]);
      const other = made({ url, sha256: sha256Of(served), maximumBytes: 10_000 });
      await expect(other.download!(folder, {})).rejects.toThrow(/^ILD74 .*made\.zip: there is no ratings\.csv in it/);
    } finally {
      server.close();
    }
  });

  it("of the registry say which files they take, and are ratings", async () => {
    const listed = await listDatasets({ folder });
    for (const name of ["movietweetings", "x-wines", "restaurants"]) {
      expect(knownSets[name]?.kind).toBe("ratings");
      const found = listed.find((each) => each.name === name);
      expect(found).toMatchObject({ state: "not here", remedy: expect.stringContaining(`data import ${name} FOLDER`) });
      const source = knownSets[name]!.files!.source([folder]);
      await expect(importDataset(name, source, { folder }), name).rejects.toThrow(/^ILD74 .*there is no such file/);
    }
    for (const name of ["movietweetings", "restaurants", "movielens"])
      await expect(getDataset(name, { folder }), name).rejects.toThrow(/^ILD02 .*no address to be fetched from/);
    expect(knownSets["x-wines"]?.download).toBeDefined();
  });
});

it("MovieLens is imported from where a user has it", async () => {
  const path = join(folder, "ml-1m");
  await mkdir(path);
  await writeFile(join(path, "ratings.dat"), "1::10::5::978300760\n1::20::3::978300761\n");
  await writeFile(join(path, "movies.dat"), "10::Heat (1995)::Crime\n20::Antz (1998)::Comedy\n");
  const source = knownSets.movielens!.files!.source([path]);
  expect(await importDataset("movielens", source, { folder })).toMatchObject({
    ...{ kind: "ratings", ratings: 2, source: { from: "ml-1m", licence: "for research, not to be passed on" } },
  });
  expect((await loadInteractions("movielens", { folder })).items.titles).toEqual(["Heat (1995)", "Antz (1998)"]);
});
