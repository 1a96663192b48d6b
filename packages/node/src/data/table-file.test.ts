import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTable, type TableOptions } from "./table-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-table-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(file: string, text: string, options: Partial<TableOptions> = {}) {
  const path = join(folder, file);
  await writeFile(path, text);
  const { exampleShape, classes } = await readTable(path, { labelColumn: "label", ...options });
  return { exampleShape, classes: classes.map(({ name, count, examples }) => [name, count, ...examples]) };
}

describe("readTable", () => {
  it("reads CSV: classes in the order of the file, features in that of the columns or as chosen", async () => {
    const text = "a,label,b\n1,dog,2.5\n3,cat,-4\n5, dog ,6e2\n";
    expect(await read("t.csv", text)).toEqual({
      exampleShape: [2],
      classes: [
        ["dog", 2, 1, 2.5, 5, 600],
        ["cat", 1, 3, -4],
      ],
    });
    expect((await read("t.csv", text, { featureColumns: ["b"] })).classes[0]).toEqual(["dog", 2, 2.5, 600]);
    const bare = await read("t.tsv", "7\t1\n8\t2\n", { header: false, labelColumn: "2" });
    expect(bare.classes).toEqual([
      ["1", 1, 7],
      ["2", 1, 8],
    ]);
  });

  it("reads JSON lines, with numbers and lists of them", async () => {
    const text = '{"label":3,"x":[1,2],"t":0.5}\r\n\n{"t":1,"label":true,"x":[3,4]}\n{"label":3,"x":[5,6],"t":7}';
    expect(await read("t.jsonl", text)).toEqual({
      exampleShape: [3],
      classes: [
        ["3", 2, 1, 2, 0.5, 5, 6, 7],
        ["true", 1, 3, 4, 1],
      ],
    });
    expect((await read("t.ndjson", text, { featureColumns: ["t"] })).classes[1]).toEqual(["true", 1, 1]);
  });

  it("keeps many rows of many classes", async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `${i},${i % 7}`);
    const { classes } = await read("t.csv", `x,label\n${rows.join("\n")}`);
    expect(classes).toHaveLength(7);
    expect(classes[2]!.slice(2)).toEqual(Array.from({ length: 429 }, (_, i) => 7 * i + 2));
  });

  it.each<[string, string, string, Partial<TableOptions>, RegExp]>([
    ["text among numbers", "t.csv", "x,label\n1,a\none,b", {}, /ILD71 .*t\.csv:3: column "x" holds "one" where a num/],
    ["a missing number", "t.csv", "x,label\n,a\n1,b", {}, /t\.csv:2: column "x" holds ""/],
    ["a number beyond float32", "t.csv", "x,label\n1e39,a\n1,b", {}, /t\.csv:2: column "x"/],
    ["an empty label", "t.csv", "x,label\n1,\n1,b", {}, /t\.csv:2: the label in "label" is empty/],
    ["no such column", "t.csv", "x,y\n1,2", {}, /there is no column "label"\. It has x, y\./],
    ["no such feature", "t.csv", "x,label\n1,2", { featureColumns: ["z"] }, /there is no column "z"/],
    ["the label among the features", "t.csv", "x,label\n1,2", { featureColumns: ["label"] }, /is also one of/],
    ["a feature twice", "t.csv", "x,label\n1,2", { featureColumns: ["x", "x"] }, /named twice/],
    ["no features", "t.csv", "label\n1a\n2a", {}, /no columns of numbers/],
    ["one class", "t.csv", "x,label\n1,a\n2,a", {}, /ILD06 .*all examples are of one class/],
    ["no rows", "t.csv", "x,label\n", {}, /ILD06 .*no examples/],
    ["no lines", "t.jsonl", "\n\n", {}, /ILD06 .*no examples/],
    ["no JSON", "t.jsonl", '{"label":1,"x":1}\n{"label":1,', {}, /ILD71 .*t\.jsonl:2: the line is not JSON/],
    ["no object", "t.jsonl", "[1,2]", {}, /t\.jsonl:1: the line is not an object/],
    ["a list of another length", "t.jsonl", '{"label":1,"x":[1]}\n{"label":2,"x":[]}', {}, /:2: "x" holds 0 .* held 1/],
    ["null", "t.jsonl", '{"label":1,"x":[null]}', {}, /:1: column "x" holds null/],
    ["a missing key", "t.jsonl", '{"label":1,"x":1}\n{"label":1}', {}, /:2: column "x" holds missing/],
    ["another key", "t.jsonl", '{"label":1,"x":1}\n{"label":1,"x":1,"y":2}', {}, /:2: "y" is not in the first line/],
    ["an object for a label", "t.jsonl", '{"label":{},"x":1}', {}, /:1: the label "label" is {}/],
    ["inherited names", "t.jsonl", '{"x":1}', { labelColumn: "constructor" }, /the label "constructor" is undefined/],
  ])("refuses %s", async (_, file, text, options, message) => {
    await expect(read(file, text, options)).rejects.toThrow(message);
  });
});
