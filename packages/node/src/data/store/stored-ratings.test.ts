import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Interactions } from "@innerloop/core/tasks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readStoredFile, writeStoredFile } from "./dataset-file.js";
import { listDatasets, loadDataset, loadInteractions, verifyDataset } from "./dataset-store.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-rating-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

const whole: Interactions = {
  name: "mine",
  users: {
    ids: ["007", "7", "ün\u2028"],
    attributes: [{ kind: "number", name: "age", values: Float64Array.from([31.5, Number.NaN, -4]) }],
  },
  items: {
    ids: ["a", "b"],
    titles: ["Ä \ufeff1", ""],
    attributes: [
      { kind: "category", name: "__proto__", words: ["red"], of: Int32Array.from([-1, 0]) },
      { kind: "bag", name: "g", words: ["x", "y"], of: Int32Array.from([1, 0]), starts: Int32Array.from([0, 2, 2]) },
    ],
  },
  user: Int32Array.from([0, 0, 2]),
  item: Int32Array.from([1, 0, 0]),
  rating: Float32Array.from([4.5, 1, 5]),
  time: Float64Array.from([1e9, 1e9 + 0.5, -7]),
  scale: { least: 1, most: 5 },
};
const clicks: Interactions = {
  name: "clicks",
  users: { ids: ["u"], attributes: [] },
  items: { ids: ["i"], attributes: [] },
  user: Int32Array.from([0]),
  item: Int32Array.from([0]),
  rating: Float32Array.from([1]),
  scale: { least: 0, most: 1 },
  implicit: true,
};

const fileOf = (name: string): string => join(folder, `${name}.examples`);
const store = (ratings: Interactions) => writeStoredFile(fileOf(ratings.name), { ratings }, { kind: "made up" });

/** The file with other bytes behind its preamble, its checksum right. */
async function sealed(change: (body: Buffer) => Buffer): Promise<void> {
  const bytes = await readFile(fileOf("mine"));
  const preamble = Buffer.from(bytes.subarray(0, 48));
  const body = change(Buffer.from(bytes.subarray(48)));
  createHash("sha256").update(body).digest().copy(preamble, 16);
  await writeFile(fileOf("mine"), Buffer.concat([preamble, body]));
}

const headerText = (from: string, to: string) => (body: Buffer) => {
  const text = body.toString("latin1");
  expect(text).toContain(from);
  expect(to.length).toBe(from.length);
  return Buffer.from(text.replace(from, to), "latin1");
};

/** The bytes of ratings, from the end: times, ratings, items, users of three rows. */
const atEnd = (back: number, write: (bytes: Buffer) => void) => (body: Buffer) => {
  write(body.subarray(body.length - back));
  return body;
};

describe("stored ratings", () => {
  it.each([whole, clicks])("come back as they were: $name", async (ratings) => {
    await store(ratings);
    expect(await loadInteractions(ratings.name, { folder })).toEqual(ratings);
  });

  it("say what they have without being read whole, and are refused as examples", async () => {
    await store(whole);
    const info = (await listDatasets({ folder })).find(({ name }) => name === "mine");
    expect(info).toMatchObject({
      state: "ready",
      info: { kind: "ratings", ratings: 3, users: 3, items: 2, scale: { least: 1, most: 5 } },
    });
    expect(info).toMatchObject({ info: { userAttributes: ["age"], itemAttributes: ["__proto__", "g"] } });
    await expect(loadDataset("mine", { folder })).rejects.toThrow(
      /^ILD08 mine: the data set holds ratings, .*`innerloop train ratings --ratings mine`/,
    );
  });

  it("are damaged where any byte is another", async () => {
    await store(whole);
    const bytes = await readFile(fileOf("mine"));
    for (const at of [20, 70, bytes.length - 1]) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1;
      await writeFile(fileOf("mine"), other);
      await expect(verifyDataset("mine", { folder }), `byte ${at}`).rejects.toThrow(/^ILD04 /);
    }
  });

  it.each<[string, (body: Buffer) => Buffer, RegExp]>([
    ["no ratings", headerText('"ratings":3', '"ratings":0'), /number of ratings is 0/],
    ["fewer ratings", headerText('"ratings":3', '"ratings":2'), /bytes of ratings, its header says/],
    ["very many users", headerText('"count":3', '"count":9'), /bytes of ratings, its header says/],
    ["a scale upside down", headerText('"least":1', '"least":9'), /its scale is/],
    ["an attribute of no kind", headerText('"kind":"bag"', '"kind":"bog"'), /attribute "g" of items is/],
    ["no number of bytes", headerText('"idBytes":2', '"idBytes":-'), /header is not JSON/],
    ["other lengths of ids", headerText('"idBytes":2', '"idBytes":3'), /bytes of ratings, its header says/],
    ["no word on times", headerText('"times":true', '"times":null'), /whether there are times/],
    ["two attributes of a name", headerText('"name":"__proto__"', '"name":"g"        '), /two attributes of items/],
    ["a user that is not there", atEnd(60, (bytes) => bytes.writeInt32LE(3, 8)), /rating 2 is by a user/],
    ["an item that is not there", atEnd(48, (bytes) => bytes.writeInt32LE(-1, 0)), /rating 0 is of an item/],
    ["users out of order", atEnd(60, (bytes) => bytes.writeInt32LE(1, 0)), /rating 1 is not in the order of users/],
    ["a pair twice", atEnd(48, (bytes) => bytes.writeInt32LE(1, 4)), /rating 1 is of a user and an item that came up/],
    ["a rating off the scale", atEnd(36, (bytes) => bytes.writeFloatLE(5.5, 0)), /rating 0 is 5.5, which is off/],
    ["a rating that is none", atEnd(36, (bytes) => bytes.writeFloatLE(Number.NaN, 0)), /rating 0 is NaN/],
    ["times out of order", atEnd(24, (bytes) => bytes.writeDoubleLE(2e9, 0)), /rating 1 is not in the order of times/],
    ["a time that is none", atEnd(24, (bytes) => bytes.writeDoubleLE(Number.NaN, 0)), /rating 0 has no time/],
    ["a bag that is too long", atEnd(72, (bytes) => bytes.writeInt32LE(9, 4)), /a bag ends before it begins/],
    ["bags of fewer words", atEnd(72, (bytes) => bytes.writeInt32LE(1, 8)), /bags do not hold all of its words/],
    ["a word twice in a bag", atEnd(80, (bytes) => bytes.writeInt32LE(0, 0)), /a bag has a word twice/],
    ["a word that is not there", atEnd(80, (bytes) => bytes.writeInt32LE(2, 0)), /a word that is not there/],
    ["two words alike", atEnd(82, (bytes) => bytes.write("yy")), /a word is empty, or there twice/],
  ])("are damaged with %s, whatever the checksum says", async (_, change, message) => {
    await store(whole);
    await sealed(change);
    await expect(readStoredFile(fileOf("mine"))).rejects.toThrow(message);
    await expect(readStoredFile(fileOf("mine"))).rejects.toThrow(/^ILD04 /);
  });

  it.each<[string, Partial<Interactions>, RegExp]>([
    ["two users of an id", { users: { ids: ["a", "a", "b"], attributes: [] } }, /two users have the same id/],
    ["titles for some", { items: { ...whole.items, titles: ["x"] } }, /titles of items are not one for each/],
    ["half of a character", { items: { ids: ["a", "\ud800"], attributes: [] } }, /half of a character/],
    ["no times for some", { time: Float64Array.from([1]) }, /not as many/],
    ["implicit ratings of all values", { implicit: true }, /a rating of implicit feedback is not 1/],
    ["no ratings", { user: new Int32Array(0) }, /there are no ratings/],
  ])("are not stored with %s", async (_, change, message) => {
    await expect(store({ ...whole, ...change })).rejects.toThrow(message);
    expect(await listDatasets({ folder })).not.toContainEqual(expect.objectContaining({ name: "mine" }));
  });
});
