import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegressionTableOptions, readRegressionTable } from "./regression-table.js";
import { columnsText, tableNotes } from "./table-report.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-regression-table-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options: RegressionTableOptions = { groupColumn: "user", targets: ["rating"] };

async function read(name: string, text: string, more: Partial<RegressionTableOptions> = {}) {
  const path = join(folder, name);
  await writeFile(path, text);
  return readRegressionTable(path, { ...options, ...more });
}

const csv = "user,age,note,rating,hour\nann,3,good,1.5,0\nbob,4,,2.5,1e1\nann,5,bad,-1,2\n";
const jsonLines = [
  { user: "ann", age: 3, note: "good", rating: 1.5, hour: 0 },
  { user: "bob", age: 4, rating: 2.5, hour: 10 },
  { user: "ann", age: 5, note: "bad", rating: -1, hour: 2, more: true },
]
  .map((row) => JSON.stringify(row))
  .join("\n");

describe("readRegressionTable", () => {
  it.each([
    ["a.csv", csv],
    ["a.jsonl", jsonLines],
  ])("reads groups, targets and the other columns of numbers from %s", async (name, text) => {
    const { table, inputs } = await read(name, text, { name: "ratings" });
    expect(inputs).toEqual(["age", "hour"]);
    expect(table).toEqual({
      name: "ratings",
      columns: {
        user: ["ann", "bob", "ann"],
        age: Float64Array.of(3, 4, 5),
        hour: Float64Array.of(0, 10, 2),
        rating: Float64Array.of(1.5, 2.5, -1),
      },
    });
  });

  it("reads the named columns only, and groups that are numbers", async () => {
    const { table, inputs } = await read("b.csv", csv, { groupColumn: "age", inputs: ["hour"] });
    expect(inputs).toEqual(["hour"]);
    expect(Object.keys(table.columns).toSorted()).toEqual(["age", "hour", "rating"]);
    expect(table.columns.age).toEqual(["3", "4", "5"]);
  });

  it("keeps a column whose first cell is empty, once it is said what to do about it", async () => {
    const gap = csv.replace("ann,3,", "ann,,");
    await expect(read("m.csv", gap)).rejects.toThrow(
      /m\.csv:2: column "age" has no value in 1 of 3 rows: nothing in line 2/,
    );
    const dropped = await read("m.csv", gap, { missing: "drop" });
    expect(dropped.inputs).toEqual(["age", "hour"]);
    expect(dropped.table.columns.age).toEqual(Float64Array.of(4, 5));
    const filled = await read("m.csv", gap.replace("1.5", ""), { missing: "mean" });
    expect(filled.table.columns.user).toEqual(["bob", "ann"]);
    const { table, report } = await read("m.csv", gap, { missing: "mean" });
    expect(table.columns.age).toEqual(Float64Array.of(Number.NaN, 4, 5));
    expect(report).toMatchObject({ rows: 3, droppedRows: 0, filledCells: 1 });
    expect(columnsText(report)).toBe(
      "user = group (2 values), age, hour = inputs, rating = target, note = text (left out)",
    );
  });

  it("says the line of what is not a number, and columns that are not there", async () => {
    await expect(read("c.csv", csv.replace("bob,4", "bob,"))).rejects.toThrow(
      /ILD71 .*c\.csv:3: column "age" has no value in 1 of 3 rows: nothing in line 3\. .*--missing drop/,
    );
    await expect(read("d.jsonl", jsonLines.replace('"hour":2', '"hour":"2"'))).rejects.toThrow(
      /d\.jsonl:3: column "hour"/,
    );
    await expect(read("e.csv", csv, { groupColumn: "sensor" })).rejects.toThrow(
      /ILD71 .*there is no column "sensor"\. It has user, age, note, rating, hour\./,
    );
    await expect(read("f.csv", csv, { targets: ["stars"] })).rejects.toThrow(/no column "stars"/);
    await expect(read("g.csv", "user,note,rating\nann,x,1\n")).rejects.toThrow(/no columns of numbers to predict from/);
    await expect(read("h.csv", "user,age,rating\n ,2,1\n")).rejects.toThrow(/h\.csv:2: the group in "user" is missing/);
    await expect(read("i.csv", "user,age,rating\n")).rejects.toThrow(/ILD06 .*there are no rows/);
    await expect(read("j.jsonl", '{"user":null,"age":1,"rating":2}')).rejects.toThrow(/j\.jsonl:1: the group/);
    await expect(read("l.csv", csv, { maximumValues: 8 })).rejects.toThrow(
      /^ILD06 .*l\.csv: it has more than 8 numbers\. Name fewer columns/,
    );
    expect((await read("l.csv", csv, { maximumValues: 9 })).inputs).toHaveLength(2);
    await expect(read("k.jsonl", '{"user":"a","age":1,"rating":1e39}')).rejects.toThrow(
      /column "rating" holds 1e\+39 in line 1 where a num/,
    );
  });

  it("says of columns that it leaves out as text where they may be meant as numbers, and what helps", async () => {
    const notes = async (name: string, text: string) => tableNotes((await read(name, text)).report);
    const rows = (cell: (i: number) => string, column = "share") =>
      [`user,age,${column},rating`, ...[1, 2, 3, 4].map((i) => `ann,${i},${cell(i)},${i * i}`)].join("\n");
    expect(
      await notes(
        "n.csv",
        rows((i) => `${i}%`),
      ),
    ).toEqual([
      'column "share" is left out, since it holds "1%" in line 2 and the like (4 cells): to use it, write them without the percent sign',
    ]);
    expect(
      await notes(
        "n.csv",
        rows((i) => (i < 4 ? `"1,${i}00"` : "555")),
      ),
    ).toEqual([
      expect.stringMatching(/"1,100" in line 2 .*\(3 cells beside 1 number\): .* without marks between thousands$/),
    ]);
    expect(
      await notes(
        "n.csv",
        rows((i) => (i > 1 ? "some text" : "5")),
      ),
    ).toEqual([expect.stringMatching(/"some text" in line 3 .*: to use it, mend these cells$/)]);
    expect(
      await notes(
        "n.csv",
        rows((i) => `some text ${i}`),
      ),
    ).toEqual([]);
    const lists = '{"user":"a","age":1,"xy":[1,2],"rating":3}\n{"user":"a","age":2,"xy":[3,4],"rating":5}';
    expect(await notes("n.jsonl", lists)).toEqual([expect.stringMatching(/"xy" .*a column for each number$/)]);
    // What keeps a target from being predicted is mended, or another is.
    await expect(
      read(
        "n.csv",
        rows((i) => `$${i}`),
        { targets: ["share"] },
      ),
    ).rejects.toThrow(/Write the numbers of "share" without the currency, or predict another column \(--target\)\.$/);
  });

  it("says where numbers with a point stand beside ones with a comma, in another column", async () => {
    const { report } = await read("o.csv", "user;age;rating\nann;1.234;1,5\nbob;1.100;2,5\n");
    expect(tableNotes(report)).toEqual([
      "column rating: 1,5 is read as 1.5",
      expect.stringMatching(/^column age: 1\.234 is read as .* mark between thousands, write numbers without it$/),
    ]);
  });

  it("says of names that differ in case or blanks alone, and of rows that are there twice", async () => {
    const text = "user,age,rating\nann,1,2\nAnn,1,2\nbob,3,4\nbob,3,5\nann ,1,2\nb  ob,1,1\nB ob,2,2\n,3,4\nbob,3,4\n";
    const { report } = await read("p.csv", text, { missing: "drop" });
    expect(tableNotes(report)).toEqual([
      "1 of 9 rows left out, since a value is missing in them",
      'the groups "ann" and "Ann" differ in upper case or blanks alone, and so do 1 more: if they are the same, write them alike',
      expect.stringMatching(/^2 of 8 rows are as an earlier one, group and numbers alike \(line 6 as line 2\): /),
    ]);
  });

  it("reads UTF-16 that its byte order mark tells", async () => {
    const path = join(folder, "q.csv");
    const text = csv.replaceAll("ann", "änn 漢");
    const little = Buffer.from(`\ufeff${text}`, "utf16le");
    for (const bytes of [little, Buffer.from(little).swap16()]) {
      await writeFile(path, bytes);
      expect((await readRegressionTable(path, options)).table).toEqual((await read("r.csv", text)).table);
    }
  });
});
