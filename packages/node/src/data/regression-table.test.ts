import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegressionTableOptions, readRegressionTable } from "./regression-table.js";
import { columnsText } from "./table-report.js";

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
});
