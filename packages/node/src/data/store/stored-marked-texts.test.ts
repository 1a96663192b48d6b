import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMarkedTexts } from "../texts/marked/marked-files.js";
import { importDataset, listDatasets, loadDataset, loadMarkedTexts, verifyDataset } from "./dataset-store.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-marked-store-"));
  path = join(folder, "mine.jsonl");
  const lines = [
    { text: "To Zu\u0308rich 👋", spans: [[3, 10, "city"]], domain: "travel", part: "train" },
    {
      text: "Ann calls\tBo\u2028now",
      spans: [
        [0, 3, "name"],
        [10, 12, "name"],
      ],
      domain: "calls",
    },
    { text: "nothing here" },
  ];
  await writeFile(path, lines.map((line) => JSON.stringify(line)).join("\n"));
});
afterEach(() => rm(folder, { recursive: true }));

const store = () => importDataset("mine", { kind: "marked-texts", path }, { folder });

/** The file with another text behind its preamble, its checksum right. */
async function sealed(from: string, to: string): Promise<void> {
  const file = join(folder, "mine.examples");
  const bytes = await readFile(file);
  const text = bytes.subarray(48).toString("utf8");
  expect(text).toContain(from);
  const body = Buffer.from(text.replace(from, to));
  expect(body.length).toBe(bytes.length - 48);
  const preamble = Buffer.from(bytes.subarray(0, 48));
  createHash("sha256").update(body).digest().copy(preamble, 16);
  await writeFile(file, Buffer.concat([preamble, body]));
}

describe("stored marked texts", () => {
  it("come back as they were, own words and parts included", async () => {
    await store();
    const { texts } = await readMarkedTexts(path, {});
    expect(await loadMarkedTexts("mine", { folder })).toEqual({ ...texts, name: "mine" });
    const conll = join(folder, "x.conll");
    await writeFile(conll, "New-York\tB-city\nis\tO\nbig\tO\n");
    await importDataset("tokens", { kind: "marked-texts", path: conll }, { folder });
    const [text] = (await loadMarkedTexts("tokens", { folder })).texts;
    expect(text!.words).toEqual([
      [0, 8],
      [9, 11],
      [12, 15],
    ]);
  });

  it("say what they have, and are refused as examples", async () => {
    await store();
    const info = (await listDatasets({ folder })).find(({ name }) => name === "mine");
    expect(info).toMatchObject({
      state: "ready",
      info: { kind: "marked", texts: 3, spans: 3, types: 2, domains: 2 },
    });
    await expect(loadDataset("mine", { folder })).rejects.toThrow(
      /^ILD08 mine: the data set holds marked texts, .*`innerloop train entities --data mine`/,
    );
  });

  it("are damaged where any byte is another", async () => {
    await store();
    const file = join(folder, "mine.examples");
    const bytes = await readFile(file);
    for (const at of [20, 70, bytes.length - 1]) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1;
      await writeFile(file, other);
      await expect(verifyDataset("mine", { folder }), `byte ${at}`).rejects.toThrow(/^ILD04 /);
    }
  });

  it.each([
    ["a type that is not there", "[[3,10,0]]", "[[3,10,7]]", /text 0 is not as it was stored/],
    ["a span outside of its text", "[[3,10,0]]", "[[3,99,0]]", /text 0 is not as it was stored/],
    ["overlapping spans", "[[0,3,1],[10", "[[0,9,1],[ 5", /text 1 is not as it was stored/],
    ["a domain that is not there", '"nothing here",[],-1', '"nothing here",[], 5', /text 2 is not as it was stored/],
    ["no JSON", '["nothing', '{"nothing', /text 2 is not as it was stored/],
    ["another number of spans", '"spans":3', '"spans":4', /another number of spans/],
    ["another number of texts", '"texts":3', '"texts":4', /another number of texts/],
    ["two types of a name", '"city","name"', '"name","name"', /list of types/],
  ])("are damaged with %s, whatever the checksum says", async (_, from, to, message) => {
    await store();
    await sealed(from, to);
    await expect(loadMarkedTexts("mine", { folder })).rejects.toThrow(message);
    await expect(loadMarkedTexts("mine", { folder })).rejects.toThrow(/^ILD04 /);
  });
});
