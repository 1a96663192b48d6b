import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabelledTexts } from "@innerloop/core/tasks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { getDataset, importDataset, listDatasets } from "../store/dataset-store.js";
import { withClasses } from "./headlines-and-opinions.js";
import { foldsFrom, joinedTexts, knownTexts } from "./known-texts.js";
import { knownSets } from "./registry.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-known-texts-"));
});
afterEach(() => rm(folder, { recursive: true }));

const contents = "text,label\na,x\nb,y\n";
const sha256 = createHash("sha256").update(contents).digest("hex");
const texts: LabelledTexts = {
  name: "made",
  texts: ["a", "b"],
  classes: { names: ["x", "y"], of: Int32Array.from([0, 1]) },
};
const made = (url?: string) =>
  knownTexts({
    kind: "made",
    licence: "CC BY 4.0",
    source: "us",
    form: "our rows.csv",
    files: [{ name: "rows.csv", bytes: contents.length, sha256, ...(url === undefined ? {} : { url }) }],
    read: async () => texts,
  });

describe("known sets of texts", () => {
  it("are read where each file is as it must be, with licence and source", async () => {
    await writeFile(join(folder, "rows.csv"), contents);
    const { files } = made();
    expect(await files.read(files.source([folder]), {})).toMatchObject({
      texts,
      stored: { kind: "made", licence: "CC BY 4.0", source: "us" },
    });
  });

  it.each<[string, string | undefined, RegExp]>([
    ["is not there", undefined, /there is no such file/],
    ["has other bytes", contents.replace("a", "c"), /its sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}/],
    ["has more bytes", `${contents} `, /it has 20 bytes, expected 19/],
  ])("name the file that %s, and what the folder must have", async (_, written, message) => {
    if (written !== undefined) await writeFile(join(folder, "rows.csv"), written);
    const { files } = made();
    const reading = files.read(files.source([folder]), {});
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(`ILD74 ${join(folder, "rows.csv")}: `);
    await expect(reading).rejects.toThrow("Give a folder with our rows.csv.");
  });

  it("are fetched where each file has an address, and refused with another checksum", async () => {
    let served = contents;
    const server = createServer((_, response) => response.end(served));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const set = made(`http://127.0.0.1:${(server.address() as AddressInfo).port}/rows.csv`);
      served = contents.replace("a", "c");
      await expect(set.download!(folder, {})).rejects.toThrow(/^ILD23 .*the sha256 of the 19 bytes is .*, expected /);
      served = contents;
      const source = await set.download!(folder, {});
      expect(await set.files.read(source, {})).toMatchObject({ texts });
    } finally {
      server.close();
    }
    expect(made()).not.toHaveProperty("download");
  });

  it("of the registry say which files they take, and are texts", async () => {
    const names = ["banking77", "clinc150", "huffpost", "nusax", "sentiment", "sib200"];
    const listed = await listDatasets({ folder });
    for (const name of names) {
      expect(knownSets[name]?.kind).toBe("texts");
      const found = listed.find((each) => each.name === name);
      expect(found).toMatchObject({ state: "not here", remedy: expect.stringContaining(`data import ${name} FOLDER`) });
      const source = knownSets[name]!.files!.source([folder]);
      await expect(importDataset(name, source, { folder }), name).rejects.toThrow(/^ILD74 .*there is no such file/);
    }
    for (const name of ["huffpost", "nusax", "sentiment", "sib200"])
      await expect(getDataset(name, { folder }), name).rejects.toThrow(/^ILD02 .*no address to be fetched from/);
  });
});

it("texts of several files become one, each with its domain and parts, classes in a given order", () => {
  const other: LabelledTexts = {
    name: "other",
    texts: ["c"],
    classes: { names: ["y"], of: Int32Array.from([0]) },
    parts: ["test"],
  };
  const whole = joinedTexts(
    "both",
    ["y", "x"],
    [
      { texts: { ...texts, parts: ["train", "test"] }, domain: "p" },
      { texts: other, domain: "q" },
    ],
  );
  expect(whole).toEqual({
    name: "both",
    texts: ["a", "b", "c"],
    classes: { names: ["y", "x"], of: Int32Array.from([1, 0, 0]) },
    domains: { names: ["p", "q"], of: Int32Array.from([0, 0, 1]) },
    parts: ["train", "test", "test"],
  });
  expect(withClasses(texts, ["y", "x"]).classes).toEqual({ names: ["y", "x"], of: Int32Array.from([1, 0]) });
});

it("published splits are a digit for each class", () => {
  expect(foldsFrom(["a", "b", "c"], { "01": "201" })).toEqual({ "01": { a: "test", b: "train", c: "validation" } });
});
