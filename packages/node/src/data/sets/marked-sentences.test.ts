import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crossner, requestOf, snips } from "./marked-sentences.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-known-marked-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("a request of SNIPS", () => {
  it("is its parts together, of which those with an entity are slots", () => {
    const data = [
      { text: "Weather in " },
      { text: "Munique\u0301 👋", entity: "city" },
      { text: "" },
      { text: "now", entity: "time" },
      { text: "?" },
    ];
    expect(requestOf({ data })).toEqual({
      text: "Weather in Munique\u0301 👋now?",
      spans: [
        { start: 11, end: 22, type: "city" },
        { start: 22, end: 25, type: "time" },
      ],
    });
  });

  it.each([[null], [[]], [{ data: "x" }], [{ data: [{ text: 3 }] }], [{ data: ["x"] }]])("is not %j", (row) => {
    expect(requestOf(row)).toBeUndefined();
  });
});

describe.each([
  ["snips", snips, "train_AddToPlaylist.json"],
  ["crossner", crossner, "ai/train.txt"],
] as const)("%s", (name, set, first) => {
  it("holds marked texts, may be fetched, and names the file that its folder lacks", async () => {
    expect(set.kind).toBe("marked");
    expect(set.remedy).toContain(`innerloop data get ${name}`);
    expect(set.download).toBeDefined();
    const reading = set.files.read(set.files.source([folder]) as never, {});
    await expect(reading).rejects.toThrow(`ILD74 ${join(folder, first)}: there is no such file`);
  });
});

it("a file that is another is refused by its size, before it is read as JSON", async () => {
  await writeFile(join(folder, "train_AddToPlaylist.json"), "{}");
  await expect(snips.files.read(snips.files.source([folder]), {})).rejects.toThrow(/it has 2 bytes, expected 134007/);
});
