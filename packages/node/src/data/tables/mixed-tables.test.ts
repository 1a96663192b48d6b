// What tables of users hold beside plain numbers: each works, and is said, or is refused with its line and the remedy.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { groupedRegression, random } from "@innerloop/core";
import { encodeTableExamples, encodeTableInputs, type TableSpec } from "@innerloop/core/tasks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegressionTableOptions, readRegressionTable } from "./regression-table.js";
import { columnsText, tableNotes } from "./table-report.js";
import { readTableRows } from "./table-rows.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-mixed-table-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, text: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** A table of 24 rows of 6 cities with a distance, a fare and one more column. */
const withColumn = (cell: (row: number) => string, separator = ","): string =>
  [
    ["city", "distance", "extra", "fare"],
    ...Array.from({ length: 24 }, (_, row) => [`c${row % 6}`, String(row + 1), cell(row), String(2 * row)]),
  ]
    .map((fields) => fields.join(separator))
    .join("\n");

async function read(text: string | Uint8Array, more: Partial<RegressionTableOptions> = {}, name = "t.csv") {
  const path = await put(name, text);
  const found = await readRegressionTable(path, { groupColumn: "city", targets: ["fare"], ...more });
  const { table, inputs, report } = found;
  const options = { groupColumn: "city", inputs, targets: ["fare"], shots: 1, queries: 2 } as const;
  const made = () =>
    groupedRegression(table, { ...options, ...(more.missing === "mean" ? { missing: "mean" as const } : {}) });
  return { ...found, columns: columnsText(report), notes: tableNotes(report), made };
}
const extraOf = async (cell: (row: number) => string, more: Partial<RegressionTableOptions> = {}) => {
  const found = await read(withColumn(cell), more);
  return { ...found, coding: found.inputs.includes("extra") ? found.made().spec.inputs[1] : undefined };
};

describe("columns that work", () => {
  it("few texts are a category", async () => {
    const { columns, coding, notes } = await extraOf((row) => ["sun", "rain", " sun "][row % 3]!);
    expect(columns).toBe(
      "city = group (6 values), distance = input, extra = input (category of 2 values), fare = target",
    );
    expect(coding).toEqual({ name: "extra", kind: "category", values: ["rain", "sun"] });
    expect(notes).toEqual([]);
  });

  it("dates are days, weekdays and times of day", async () => {
    const { columns, coding } = await extraOf((row) => `2024-03-${String(row + 1).padStart(2, "0")}`);
    expect(columns).toContain("extra = input (dates)");
    expect(coding).toMatchObject({ kind: "date", weekday: true, timeOfDay: false });
    const clock = await extraOf((row) => `${row + 1}.3.2024 10:${10 + row}`);
    expect(clock.coding).toMatchObject({ kind: "date", weekday: true, timeOfDay: true });
    expect(clock.coding).not.toHaveProperty("order");
  });

  it("dates of numbers alone are read in the order that one of them tells", async () => {
    const day = await extraOf((row) => `${row + 1}/3/2024`);
    expect(day.coding).toMatchObject({ kind: "date", order: "day first" });
    const month = await extraOf((row) => `3/${row + 1}/2024`);
    expect(month.coding).toMatchObject({ kind: "date", order: "month first" });
    expect(day.table.columns.extra).toEqual(month.table.columns.extra);
  });

  it("times of day are places on a circle", async () => {
    const { columns, coding } = await extraOf((row) => `${row}:30`);
    expect([columns, coding]).toEqual([
      expect.stringContaining("extra = input (times of day)"),
      { name: "extra", kind: "time" },
    ]);
  });

  it("yes and no are truth values, as are those of JSON", async () => {
    const { columns, coding, table } = await extraOf((row) => ["Yes", "no"][row % 2]!);
    expect(columns).toContain("extra = input (truth values)");
    expect(coding).toMatchObject({ kind: "boolean" });
    expect(table.columns.extra).toEqual(Float64Array.from({ length: 24 }, (_, row) => 1 - (row % 2)));
    const lines = Array.from({ length: 24 }, (_, row) =>
      JSON.stringify({ city: `c${row % 6}`, distance: row, extra: row % 2 === 0, fare: row }),
    );
    expect((await read(lines.join("\n"), {}, "t.jsonl")).table.columns.extra).toEqual(table.columns.extra);
  });

  it("decimal commas are read between semicolons, and between commas in quotes", async () => {
    const plain = await extraOf((row) => `${row}.25`);
    for (const text of [withColumn((row) => `${row},25`, ";"), withColumn((row) => `"${row},25"`)]) {
      const { table, notes } = await read(text);
      expect(table).toEqual(plain.table);
      expect(notes).toEqual(["column extra: 1,5 is read as 1.5"]);
    }
  });

  it("a byte order mark, CRLF, tabs, quoted separators and quotes change nothing", async () => {
    const cell = (row: number): string => ["a;b", 'say "x"', "c\td"][row % 3]!;
    const quoted = (row: number): string => `"${cell(row).replaceAll('"', '""')}"`;
    const { table } = await read(withColumn(quoted));
    expect(new Set(table.columns.extra as string[])).toEqual(new Set(["a;b", 'say "x"', "c\td"]));
    for (const separator of [";", "\t"]) {
      const text = withColumn(quoted, separator).replaceAll("\n", "\r\n");
      expect((await read(`\ufeff${text}\r\n`)).table).toEqual(table);
      expect((await read(Buffer.from(`\ufeff${text}`, "utf16le"))).table).toEqual(table);
    }
    expect((await read(withColumn(quoted, "\t"), {}, "t.tsv")).table).toEqual(table);
  });

  it("a column of texts that is named is taken, though each group has its own, or nearly each row", async () => {
    const ofGroup = (row: number): string => `name of ${row % 6}`;
    const left = await extraOf(ofGroup);
    expect(left.columns).toContain("extra = text (left out)");
    expect(left.notes).toEqual([
      expect.stringMatching(/^column extra: nearly each text belongs to one group alone, .*--inputs/),
    ]);
    const taken = await extraOf(ofGroup, { inputs: ["distance", "extra"] });
    expect(taken.columns).toContain("extra = input (category of 6 values)");
    // Values of groups that are held out are none that training knows.
    expect(taken.coding).toMatchObject({ kind: "category", values: { length: 4 } });
    const same = await extraOf(() => "ok", { inputs: ["distance", "extra"] });
    expect(same.notes).toEqual([
      "column extra: the same text in all rows, which tells nothing; name the others to do without",
    ]);
  });

  it("missing cells of any kind are filled where that is asked for, or their rows dropped", async () => {
    for (const [cell, kind] of [
      [(row: number) => ["a", "b"][row % 2]!, "category"],
      [(row: number) => `2024-03-${10 + (row % 9)}`, "date"],
      [(row: number) => `${row % 12}:00`, "time"],
      [(row: number) => ["y", "n"][row % 2]!, "boolean"],
      [(row: number) => String(row), "number"],
    ] as const) {
      const gaps = ["", "NA", "NaN", "null"];
      const gapped = (row: number): string => (row % 5 === 0 ? gaps[(row / 5) % 4]! : cell(row));
      await expect(extraOf(gapped)).rejects.toThrow(
        /ILD71 .*t\.csv:2: column "extra" has no value in 5 of 24 rows: nothing in line 2, "NA" in line 7, .*--missing mean/,
      );
      const dropped = await extraOf(gapped, { missing: "drop" });
      expect([dropped.report.rows, dropped.coding]).toEqual([19, expect.objectContaining({ kind })]);
      expect(dropped.coding).not.toHaveProperty("filledWith");
      const filled = await extraOf(gapped, { missing: "mean" });
      expect([filled.report.rows, filled.report.filledCells, filled.coding?.kind]).toEqual([24, 5, kind]);
      const named = kind === "category" || kind === "time";
      expect(filled.coding).toHaveProperty("filledWith", named ? "zeros" : expect.any(Number));
      expect(filled.notes).toContain(
        `5 missing cells of inputs filled with the mean of the column${named ? ", of categories and times of day with none" : ""}`,
      );
      const { tasks } = filled.made();
      const { support } = tasks.train.sample(1, 0);
      expect([...(support.x.data as Float32Array)].every(Number.isFinite)).toBe(true);
    }
  });

  it("names that look like missing numbers are names in a category", async () => {
    const { coding } = await extraOf((row) => ["none", "?", "some"][row % 3]!);
    expect(coding).toEqual({ name: "extra", kind: "category", values: ["?", "none", "some"] });
  });

  it("similar names of a category are said", async () => {
    const { notes } = await extraOf((row) => ["Sun", "sun", "rain"][row % 3]!);
    expect(notes).toEqual([expect.stringMatching(/^the values "Sun" and "sun" of column extra differ in upper case/)]);
  });
});

describe("columns that are left out, or refused where they are named", () => {
  const named = { inputs: ["distance", "extra"] };

  it.each<[string, (row: number) => string, RegExp]>([
    [
      "thousands",
      (row) => `"1,${200 + row}"`,
      /holds "1,200" in line 2, .*Write the numbers of "extra" without marks between thousands/,
    ],
    ["percents", (row) => `${row}%`, /without the percent sign/],
    ["years of two digits", (row) => `${1 + (row % 9)}/31/24`, /as dates such as 2024-01-31/],
  ])("%s", async (_, cell, message) => {
    const left = await extraOf(cell);
    expect([left.inputs, left.columns]).toEqual([["distance"], expect.stringContaining("extra = text (left out)")]);
    expect(left.notes).toEqual([expect.stringMatching(/^column "extra" is left out, since it holds /)]);
    await expect(extraOf(cell, named)).rejects.toThrow(message);
  });

  it("free text and identifiers", async () => {
    const left = await extraOf((row) => `ride number ${row}`);
    expect(left.columns).toContain("extra = text (left out)");
    const source = random(1);
    const rows = Array.from({ length: 600 }, (_, row) => `c${row % 6},${row},id-${source.integer(1e9)},${row}`);
    const many = ["city,distance,extra,fare", ...rows].join("\n");
    expect((await read(many)).columns).toContain("extra = text (left out)");
    await expect(read(many, named)).rejects.toThrow(
      /ILD71 .*t\.csv:2: column "extra" holds "id-\d+" in line 2, .* where a number, or one of 256 texts at most, should be \(in 600 of 600 rows\)\. .*leave the column out by naming those to use \(--inputs distance\)/,
    );
  });

  it("mostly missing texts", async () => {
    expect((await extraOf((row) => (row % 4 === 0 ? "promotion" : ""))).columns).toContain("extra = text (left out)");
  });
});

describe("columns that are refused", () => {
  it.each<[string, (row: number) => string, RegExp]>([
    [
      "a text among dates",
      (row) => (row === 3 ? "soon" : "2024-01-31"),
      /ILD71 .*t\.csv:5: column "extra" holds "soon" in line 5 where a date should be \(in 1 of 24 rows\)\. Write dates as 2024-01-31/,
    ],
    [
      "a day that is none",
      (row) => `2024-02-${String(row + 8).padStart(2, "0")}`,
      /column "extra" holds "2024-02-30" in line 24, "2024-02-31" in line 25 where a date should be/,
    ],
    [
      "days and months that nothing tells apart",
      (row) => `${1 + (row % 12)}/3/2024`,
      /column "extra" writes dates such as "1\/3\/2024", of which nothing tells day and month apart\. Write dates as 2024-01-31/,
    ],
    [
      "dates of both orders",
      (row) => (row % 2 ? "31/1/2024" : "1/31/2024"),
      /column "extra" writes dates with the day first \("31\/1\/2024"\) and with the month first \("1\/31\/2024"\)/,
    ],
    [
      "dates in two ways",
      (row) => (row % 2 ? "2024-01-31" : "1/31/2024"),
      /column "extra" writes dates in two ways \("2024-01-31" and "1\/31\/2024"\)/,
    ],
    [
      "a text among times",
      (row) => (row === 2 ? "noon" : "9:30"),
      /t\.csv:4: .*"noon" in line 4 where a time of day should/,
    ],
    [
      "a text among numbers",
      (row) => (row === 2 ? "high" : "7"),
      /t\.csv:4: .*"high" in line 4 where a number should be/,
    ],
  ])("%s", async (_, cell, message) => {
    await expect(extraOf(cell)).rejects.toThrow(message);
  });

  it("a target that is no number", async () => {
    const dates = withColumn(() => "2024-01-31");
    await expect(read(dates, { targets: ["extra"], inputs: ["distance"] })).rejects.toThrow(
      /column "extra" holds "2024-01-31" in line 2, .* where a number should be .*as numbers, such as days .*or predict another column/,
    );
  });
});

describe("readTableRows", () => {
  const spec: TableSpec = {
    groupColumn: "city",
    inputs: [
      { name: "distance", kind: "number", mean: 5, deviation: 2 },
      { name: "weather", kind: "category", values: ["rain", "sun"] },
      { name: "day", kind: "date", mean: 19_783, deviation: 10, weekday: true, timeOfDay: false },
    ],
    targets: [{ name: "fare", mean: 10, deviation: 4 }],
  };
  const rows = async (text: string, needTargets: boolean, name = "rows.csv") =>
    readTableRows(await put(name, text), spec, { needTargets });

  it.each([
    ["rows.csv", 'fare,day,weather,distance\n7.5,2024-03-01,sun,"3,5"\n,2024-03-02, rain ,4\n'],
    ["rows.csv", "\ufefffare;day;weather;distance\r\n7,5;2024-03-01;sun;3,5\r\n;2024-03-02; rain ;4\r\n"],
    ["rows.tsv", "fare\tday\tweather\tdistance\n7.5\t1.3.2024\tsun\t3.5\nNA\t2.3.2024\train\t4\n"],
    [
      "rows.jsonl",
      '{"distance":3.5,"weather":"sun","day":"2024-03-01","fare":7.5}\n\n{"fare":null,"weather":"rain","distance":4,"day":"2024-03-02"}',
    ],
  ])("reads columns in any order, and keeps targets that are there: %s", async (name, text) => {
    const found = await rows(text, false, name);
    expect([found.targets, found.notes, found.groups]).toEqual([{ fare: [7.5, undefined] }, [], undefined]);
    const { x } = encodeTableInputs(spec, found.rows, found.reading);
    const plain = [
      { distance: 3.5, weather: "sun", day: "2024-03-01" },
      { distance: 4, weather: "rain", day: "2024-03-02" },
    ];
    expect(x.data).toEqual(encodeTableInputs(spec, plain).x.data);
    await expect(rows(text, true, name)).rejects.toThrow(
      new RegExp(`ILD71 .*${name.replace(".", "\\.")}:3: column "fare" has no value.*Rows to adapt to need`),
    );
  });

  it("does without the group column, and says which others it does not use", async () => {
    const text = "city,tip,distance,weather,day,fare\nBonn,1,3,hail,2024-03-01,5\nBonn,2,4,sun,2024-03-02,6\n";
    const { groups, notes, rows: found, reading } = await rows(text, true);
    expect(groups).toEqual(["Bonn", "Bonn"]);
    expect(notes).toEqual([
      "column not used: tip",
      'column weather: training had no "hail" (line 2), only rain, sun: coded as none of them',
    ]);
    const { examples } = encodeTableExamples(spec, found, reading);
    expect([examples.x.shape, [...(examples.y.data as Float32Array)]]).toEqual([
      [2, 6],
      [-1.25, -1],
    ]);
  });

  it("refuses all that is wrong at once", async () => {
    const text = "distance,weather,day,fare\n3 km,sun,2024-03-01,5\n4,,2024-02-30,\n5,rain,2024-03-01,free\n";
    await expect(rows(text, true)).rejects.toThrow(
      new RegExp(
        [
          "^ILD71 .*rows\\.csv: there are 5 problems\\. Write the number without the unit\\. ",
          'rows\\.csv:2: column "distance" holds "3 km" \\(text\\), where a number was expected',
          'rows\\.csv:3: column "weather" has no value',
          'rows\\.csv:3: column "day" holds "2024-02-30" \\(text\\), where a date was expected',
          'rows\\.csv:3: column "fare" has no value',
          'rows\\.csv:4: column "fare" holds "free" \\(text\\), where a number was expected$',
        ].join(".*\\n.*"),
      ),
    );
    // Of rows that are asked about an empty target is as good as none; another text is a mistake all the same.
    await expect(rows(text, false)).rejects.toThrow(/there are 4 problems/);
  });

  it("says which columns there are where some are missing", async () => {
    await expect(rows("Distance,weather,day\n1,sun,2024-03-01\n", true)).rejects.toThrow(
      /ILD71 .*rows\.csv: there are no columns "distance", "fare"\. The columns that there are: Distance, weather, day\.$/,
    );
    await expect(rows("3.5,sun,2024-03-01\n4,rain,2024-03-02\n", false)).rejects.toThrow(
      /no columns .*If these are values, add a line with the names of the columns before them\.$/,
    );
    await expect(rows('{"distance":1}', false, "rows.jsonl")).rejects.toThrow(
      /no columns "weather", "day"\. .*: distance\./,
    );
    await expect(rows("distance,weather,day\n", false)).rejects.toThrow(/^ILD06 .*there are no rows/);
    await expect(rows('{"distance":{},"weather":[1],"day":5}', false, "rows.jsonl")).rejects.toThrow(
      /there are 3 problems/,
    );
  });
});
