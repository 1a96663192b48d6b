import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabelledTexts } from "@innerloop/core/tasks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LabelledExamples } from "../labelled-examples.js";
import { importDataset, listDatasets, loadDataset, loadTexts, verifyDataset } from "./dataset-store.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-texts-"));
});
afterEach(() => rm(folder, { recursive: true }));

const whole: LabelledTexts = {
  name: "mine",
  texts: ["good", "bäd\nreally", "\ufeffodd 😀", "good"],
  classes: { names: ["praise", "blame"], of: Int32Array.from([0, 1, -1, 0]) },
  domains: { names: ["a", "b"], of: Int32Array.from([0, 0, 1, 1]) },
  twins: [["a", "b"]],
  parts: ["train", "test", "validation", "train"],
  folds: { "01": { praise: "train", blame: "test" }, "02": { blame: "train" } },
};
const plain: LabelledTexts = {
  name: "plain",
  texts: ["x", "y"],
  classes: { names: ["__proto__", "b"], of: Int32Array.from([0, 1]) },
};

const store = (texts: LabelledTexts) => importDataset(texts.name, { kind: "texts", texts }, { folder });

/** The file with other bytes behind its preamble, its checksum right. */
async function sealed(name: string, change: (body: Buffer) => Buffer): Promise<void> {
  const file = join(folder, `${name}.examples`);
  const bytes = await readFile(file);
  const preamble = Buffer.from(bytes.subarray(0, 48));
  const body = change(Buffer.from(bytes.subarray(48)));
  createHash("sha256").update(body).digest().copy(preamble, 16);
  await writeFile(file, Buffer.concat([preamble, body]));
}

const headerText = (from: string, to: string) => (body: Buffer) => {
  const text = body.toString("latin1");
  expect(text).toContain(from);
  expect(to.length).toBe(from.length);
  return Buffer.from(text.replace(from, to), "latin1");
};

describe("stored texts", () => {
  it.each([whole, plain])("come back as they were: $name", async (texts) => {
    await store(texts);
    expect(await loadTexts(texts.name, { folder })).toEqual(texts);
  });

  it("say what they have without being read whole", async () => {
    await store(whole);
    const info = (await listDatasets({ folder })).find(({ name }) => name === "mine");
    expect(info).toMatchObject({
      state: "ready",
      info: {
        kind: "texts",
        classes: 2,
        texts: 4,
        ofNone: 1,
        domains: 2,
        parts: { train: 2, validation: 1, test: 1 },
        folds: ["01", "02"],
      },
    });
    expect(await verifyDataset("mine", { folder })).toMatchObject({ kind: "texts", texts: 4 });
  });

  it("are not taken for images, nor images for texts: each error names the command that trains on them", async () => {
    await store(whole);
    await expect(loadDataset("mine", { folder })).rejects.toThrow(
      "ILD08 mine: the data set holds texts, where images or rows of numbers are expected. Train on it with `innerloop train text --data mine`.",
    );
    const examples: LabelledExamples = {
      name: "points",
      exampleShape: [1],
      classes: ["a", "b"].map((name) => ({ name, count: 1, examples: new Uint8Array(1) })),
    };
    await importDataset("points", { kind: "examples", examples }, { folder });
    await expect(loadTexts("points", { folder })).rejects.toThrow(
      /^ILD08 points: .* images or rows of numbers, where texts are expected\. .*`innerloop train --data points`/,
    );
    // Before anything is drawn or fetched.
    await expect(loadTexts("hanzi", { folder })).rejects.toThrow(/^ILD08 hanzi: /);
    await expect(loadDataset("glosses", { folder })).rejects.toThrow(/^ILD08 glosses: the data set holds texts/);
  });

  it("are damaged where any byte is another", async () => {
    await store(whole);
    const file = join(folder, "mine.examples");
    const bytes = await readFile(file);
    for (const at of [0, 20, 70, bytes.length - 1]) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1;
      await writeFile(file, other);
      await expect(verifyDataset("mine", { folder }), `byte ${at}`).rejects.toThrow(/^ILD04 /);
    }
    await writeFile(file, bytes.subarray(0, -1));
    await expect(verifyDataset("mine", { folder })).rejects.toThrow(/^ILD04 .*bytes of texts, its header says/);
  });

  it.each<[string, RegExp, (body: Buffer) => Buffer]>([
    ["a class that is not there", /is of one of the classes that is not there/, (body) => placed(body, 16, 2)],
    ["a class below none", /is of one of the classes that is not there/, (body) => placed(body, 16, -2)],
    ["another number of texts of none", /another number of texts of no class/, (body) => placed(body, 16, -1)],
    ["a domain that is not there", /is of one of the domains that is not there/, (body) => placed(body, 32, 9)],
    ["a text without letters", /text 0 is empty/, (body) => placed(placed(body, 0, 0), 4, 15)],
    ["lengths that are not its bytes", /lengths of its texts/, (body) => placed(body, 0, 5)],
    ["half a character", /text 0 is not UTF-8/, (body) => placed(placed(body, 0, 6), 4, 9)],
    ["an unknown part", /text 0 is of part 3/, (body) => withByte(body, 48, 3)],
    ["other numbers of parts", /other numbers of its parts/, (body) => withByte(body, 48, 1)],
    ["two classes of a name", /list of classes/, headerText('"praise","blame"', '"blame" ,"blame"')],
    ["twins that are no domains", /lists of twins/, headerText('"twins":[["a"', '"twins":[["x"')],
    ["folds of other parts", /its folds/, headerText('["train","test"]', '["train","text"]')],
    ["parts that are not its texts", /its parts/, headerText('"train":2', '"train":3')],
    ["no number of texts", /number of texts/, headerText('"texts":4', '"texts":0')],
  ])("are damaged with %s, whatever the checksum says", async (_, message, change) => {
    await store(whole);
    await sealed("mine", change);
    await expect(loadTexts("mine", { folder })).rejects.toThrow(message);
    await expect(loadTexts("mine", { folder })).rejects.toThrow(/^ILD04 /);
  });

  it("of a kind that this program does not know are of a newer one", async () => {
    await store(whole);
    await sealed("mine", headerText('"kind":"texts"', '"kind":"tunes"'));
    await expect(loadTexts("mine", { folder })).rejects.toThrow(/^ILD05 .*"tunes", which this program does not know/);
    expect((await listDatasets({ folder })).find(({ name }) => name === "mine")?.state).toBe("damaged");
  });

  it("are refused where they do not fit together, and nothing is stored", async () => {
    const { classes } = whole;
    for (const [texts, message] of [
      [{ ...whole, texts: [] }, /there are no texts/],
      [{ ...whole, texts: ["a", "", "b", "c"] }, /text 1 is empty/],
      [{ ...whole, texts: ["a", "b", "\ud800", "c"] }, /text 2 .*half of a character/],
      [{ ...whole, classes: { ...classes, of: Int32Array.from([0, 1]) } }, /2 classes for 4 texts/],
      [{ ...whole, classes: { ...classes, of: Int32Array.from([0, 1, 2, 0]) } }, /that is not there/],
      [{ ...whole, parts: ["train"] as const }, /one for each text/],
    ] as const) {
      await expect(store(texts)).rejects.toThrow(message);
      await expect(store(texts)).rejects.toThrow(/^ILD06 /);
    }
    await expect(loadTexts("mine", { folder })).rejects.toThrow(/^ILD02 /);
  });
});

/** The body with another number at a place of its data, which follow the header. */
function placed(body: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(body);
  copy.writeInt32LE(value, dataAt(body) + at);
  return copy;
}

function withByte(body: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(body);
  copy[dataAt(body) + at] = value;
  return copy;
}

/** Behind the header, which is filled up to a multiple of eight. */
const dataAt = (body: Buffer): number => Math.ceil((body.lastIndexOf("}") + 1) / 8) * 8;
