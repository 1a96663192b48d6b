import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTable, type TableOptions } from "./table-file.js";
import { columnsText, tableNotes } from "./table-report.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-table-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(file: string, text: string): Promise<string> {
  await writeFile(join(folder, file), text);
  return join(folder, file);
}

async function read(file: string, text: string, options: Partial<TableOptions> = {}) {
  const { exampleShape, classes } = await readTable(await put(file, text), { labelColumn: "label", ...options });
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

  it("decides by the whole of a column what it holds, and says so", async () => {
    const text = "a,note,label,empty,same\n,x,1,,7\n2,3,2,NA,7\n3,,NaN,-,7\n4,z,3,null,7\n";
    const { report, ...examples } = await readTable(await put("t.csv", text), {
      labelColumn: "label",
      missing: "drop",
    });
    expect(examples.exampleShape).toEqual([2]);
    expect(examples.classes.map(({ name, examples: values }) => [name, ...values])).toEqual([
      ["2", 2, 7],
      ["3", 4, 7],
    ]);
    expect(columnsText(report)).toBe(
      "label = label (2 values), a, same = inputs, note = text (left out), empty = no values (left out)",
    );
    expect(tableNotes(report)).toEqual([
      "2 of 4 rows left out, since a value is missing in them",
      'the labels in "label" look like numbers, and are taken as names',
      "column same: the same number in all rows, which tells nothing; name the others to do without",
      expect.stringMatching(/^column "note" is left out, since it holds "x" in line 2 .*\(2 cells beside 1 number\)/),
    ]);
  });

  it("tells all that is wrong at once, with the lines and what helps", async () => {
    const text = "a,b,label\n1,2,x\n,oops,\n3,4,y\n5,6 kg,y\n";
    await expect(read("t.csv", text)).rejects.toThrow(
      new RegExp(
        [
          /^ILD71 .*t\.csv: there are 3 problems\. For missing values, .*--missing drop.* Mend these cells/.source,
          /t\.csv:3: the label in "label" is missing in 1 of 4 rows: nothing in line 3/.source,
          /t\.csv:3: column "a" has no value in 1 of 4 rows: nothing in line 3/.source,
          /t\.csv:3: column "b" holds "oops" in line 3, "6 kg" in line 5 where a number should be \(in 2 of 4 rows\)/
            .source,
        ].join(".*\\n.*"),
      ),
    );
  });

  it("reads decimal commas where a column has no others, and refuses a mixture", async () => {
    expect((await read("t.csv", "x;label\n1,5;a\n-2,25;b\n3;b")).classes).toEqual([
      ["a", 1, 1.5],
      ["b", 2, -2.25, 3],
    ]);
    await expect(read("t.csv", "x;label\n1,5;a\n2.5;b")).rejects.toThrow(
      /t\.csv:2: column "x" writes numbers with a comma \("1,5" in line 2\) and with a point \("2\.5" in line 3\)/,
    );
    await expect(read("t.csv", 'x,label\n"1,000",a\n2,b\n3,b')).rejects.toThrow(
      /t\.csv:2: column "x" holds "1,000" in/,
    );
  });

  it("warns of values that dwarf the others of their column", async () => {
    const notes = async (...values: readonly (number | string)[]) => {
      const rows = values.map((value, i) => `${value},${i % 2}`);
      const path = await put("t.csv", `x,label\n${rows.join("\n")}`);
      return tableNotes((await readTable(path, { labelColumn: "label" })).report).filter((note) =>
        note.includes("far from"),
      );
    };
    expect(await notes(0, 30, -999, 100, -999)).toEqual([
      'column "x" holds -999 in 2 cells, first in line 4, far from the others: if it stands for missing values, leave these cells empty',
    ]);
    expect(await notes(0.1, 9, "1e30", 4)).toHaveLength(1);
    expect(await notes(0.1, 999, 0.7, -999)).toEqual([expect.stringContaining("999 in 1 cell, first in line 3")]);
    expect(await notes(100, -1, 101.5, 102)).toEqual([expect.stringContaining("-1 in 1 cell, first in line 3")]);
    for (const values of [
      [0, 0, 1, 50],
      [1, 99, 50, 98],
      [20_000, 90_000, 10_000_000],
      [7, 7, 7],
      [-1, 1, 1, -1],
      [-1, 0, 1],
      [-999, 999],
    ]) {
      expect(await notes(...values)).toEqual([]);
    }
  });

  it.each<[string, string, string, Partial<TableOptions>, RegExp]>([
    [
      "text among numbers",
      "t.csv",
      "x,label\n1,a\none,b",
      {},
      /ILD71 .*t\.csv:3: column "x" holds "one" in line 3 where a num/,
    ],
    ["a missing number", "t.csv", "x,label\n,a\n1,b", {}, /t\.csv:2: column "x" has no value in 1 of 2 rows/],
    ["a number beyond float32", "t.csv", "x,label\n1e39,a\n1,b", {}, /t\.csv:2: column "x"/],
    ["an empty label", "t.csv", "x,label\n1,\n1,b", {}, /t\.csv:2: the label in "label" is missing/],
    ["no such column", "t.csv", "x,y\n1,2", {}, /there is no column "label"\. It has x, y\./],
    ["no such feature", "t.csv", "x,label\n1,2", { featureColumns: ["z"] }, /there is no column "z"/],
    ["the label among the features", "t.csv", "x,label\n1,2", { featureColumns: ["label"] }, /is also one of/],
    ["a feature twice", "t.csv", "x,label\n1,2", { featureColumns: ["x", "x"] }, /named twice/],
    ["no features", "t.csv", "label\n1a\n2a", {}, /no columns of numbers/],
    ["one class", "t.csv", "x,label\n1,a\n2,a", {}, /ILD06 .*all examples are of one class/],
    ["no rows", "t.csv", "x,label\n", {}, /ILD06 .*no rows/],
    ["no lines", "t.jsonl", "\n\n", {}, /ILD06 .*no rows/],
    ["no JSON", "t.jsonl", '{"label":1,"x":1}\n{"label":1,', {}, /ILD71 .*t\.jsonl:2: the line is not JSON/],
    ["no object", "t.jsonl", "[1,2]", {}, /t\.jsonl:1: the line is not an object/],
    [
      "a list of another length",
      "t.jsonl",
      '{"label":1,"x":[1]}\n{"label":2,"x":[1,2]}',
      {},
      /:2: column "x" holds 2 numbers in a cell, and 1 in/,
    ],
    ["an empty list", "t.jsonl", '{"label":1,"x":[1]}\n{"label":2,"x":[]}', {}, /:2: column "x" holds \[\] in line 2/],
    [
      "a number among lists",
      "t.jsonl",
      '{"label":1,"x":[1,2]}\n{"label":2,"x":3}',
      {},
      /:2: column "x" holds 1 num.* 2 in/,
    ],
    ["null", "t.jsonl", '{"label":1,"x":[null]}', {}, /column "x" holds \[null\]/],
    ["a missing key", "t.jsonl", '{"label":1,"x":1}\n{"label":1}', {}, /:2: column "x" has no value in 1 of 2 rows/],
    [
      "another key",
      "t.jsonl",
      '{"label":1,"x":1}\n{"label":1,"x":1,"y":2}',
      {},
      /column "y" has no value in 1 of 2 rows: nothing in line 1/,
    ],
    [
      "an object for a label",
      "t.jsonl",
      '{"label":{},"x":1}',
      {},
      /:1: the label in "label" is missing .*{} in line 1/,
    ],
    [
      "inherited names",
      "t.jsonl",
      '{"x":1}',
      { labelColumn: "constructor" },
      /there is no column "constructor"\. It has x/,
    ],
  ])("refuses %s", async (_, file, text, options, message) => {
    await expect(read(file, text, options)).rejects.toThrow(message);
  });
});
