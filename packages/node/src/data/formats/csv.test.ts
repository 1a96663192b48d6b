import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numberIn } from "@innerloop/core/tasks";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CsvOptions, readCsv } from "./csv.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-csv-"));
  path = join(folder, "table.csv");
});
afterEach(() => rm(folder, { recursive: true }));

async function read(text: string | Uint8Array, options?: CsvOptions) {
  await writeFile(path, text);
  const rows: [line: number, ...fields: string[]][] = [];
  const columns = await readCsv(path, () => (fields, line) => void rows.push([line, ...fields]), options);
  return { columns, rows };
}

describe("readCsv", () => {
  it("reads names and rows with their lines, whatever ends them", async () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      for (const last of ["", end, end + end]) {
        expect(await read(["x,label", "", "1.5,a", ",", "2,b"].join(end) + last)).toEqual({
          columns: ["x", "label"],
          rows: [
            [3, "1.5", "a"],
            [4, "", ""],
            [5, "2", "b"],
          ],
        });
      }
    }
    expect((await read("\ufeffx , y\n1,2\n")).columns).toEqual(["x", "y"]);
    expect((await read("x,y\n1,")).rows).toEqual([[2, "1", ""]]);
  });

  it("reads quotes: separators, line breaks and quotes within", async () => {
    const { columns, rows } = await read('"x, ""y""",b\n"1\r\n2\n",""\n3,"a"\n');
    expect(columns).toEqual(['x, "y"', "b"]);
    expect(rows).toEqual([
      [2, "1\r\n2\n", ""],
      [5, "3", "a"],
    ]);
  });

  it("finds the separator by the first line, or takes the one given", async () => {
    expect((await read("a;b,c;d\n1;2;3")).columns).toEqual(["a", "b,c", "d"]);
    expect((await read("a\tb\n1\t2")).columns).toEqual(["a", "b"]);
    expect((await read('"a;b;c",d\n1,2')).columns).toEqual(["a;b;c", "d"]);
    expect((await read("a;b,c\n1;2,3", { separator: "," })).columns).toEqual(["a;b", "c"]);
    expect((await read("alone\n1\n2")).rows).toHaveLength(2);
  });

  it("leaves out a first line that names the separator, as programs for tables write it", async () => {
    for (const first of ["sep=;", '"sep=;"', "SEP=;"]) {
      const { columns, rows } = await read(`${first}\r\na,b;c\r\n1;2\r\n`);
      expect([columns, rows]).toEqual([["a,b", "c"], [[3, "1", "2"]]]);
    }
    expect((await read("sep=\t\na;b\tc\n1\t2")).columns).toEqual(["a;b", "c"]);
    await expect(read("sep=|\na|b\n")).rejects.toThrow(
      /table\.csv:1: it says that "\|" stands between.* Save it with ,/,
    );
  });

  it("tells all rows of another length at once", async () => {
    await expect(read("a,b\n1\n1,2\n1,2,3\n")).rejects.toThrow(
      /there are 2 problems.*\n {2}.*table\.csv:2: 1 fields, and there are 2 columns\n {2}.*:4: 3 fields/s,
    );
  });

  it("names columns by number where there is no header", async () => {
    expect(await read("1,2\n3,4", { header: false })).toEqual({
      columns: ["1", "2"],
      rows: [
        [1, "1", "2"],
        [2, "3", "4"],
      ],
    });
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ["a row that is too long", "a,b\n1,2\n1,2,3", /ILD71 .*table\.csv:3: 3 fields, and there are 2 columns/],
    ["a row that is too short", 'a,b\n"1\n",2\n\n1', /table\.csv:5: 1 fields/],
    ["an open quote", 'a,b\n1,"2\n3', /table\.csv:2: a quoted field has no end/],
    ["text behind quotes", 'a,b\n1,"2"3', /table\.csv:2: text after a closing quote/],
    ["a quote within a field", 'a,b\n1,2"3"', /table\.csv:2: a quote within a field/],
    ["a NUL", "a,b\n1,\0", /table\.csv:2: a NUL/],
    ["no name", "a,,c\n", /table\.csv:1: column 2 of 3 has no name\. Name it in this line/],
    ["two of a name", "a,b, a\n", /two columns are named "a"/],
    ["numbers for names", "1,2\n3,4", /names of the columns are all numbers\. Add a line of names/],
    ["nothing", "", /the file is empty/],
    ["bytes that are no text", Uint8Array.of(97, 10, 0xff, 0xfe), /ILD71 .*table\.csv:2: .*not UTF-8\. Save it as/],
    ["a cut character", Uint8Array.of(97, 10, 0xc3), /ILD71 .*not UTF-8/],
    ["Latin-1", Buffer.from("a\nb\n\xe9\nc\n", "latin1"), /ILD71 .*table\.csv:3: the text is not UTF-8/],
    ["half a character of UTF-16", Uint8Array.of(0xff, 0xfe, 97, 0, 10), /ILD71 .*not UTF-16LE/],
    ["a field without end", `a\n"${"x".repeat(3 * 2 ** 20)}`, /a field is longer than/],
  ])("refuses %s", async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it("gives back any fields that are written in quotes, across pieces of the file", async () => {
    const field = fc.string({ unit: fc.constantFrom('"', ",", ";", "\n", "\r", "a", "ü", "1") });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 20 }), async (rows) => {
        const quoted = rows.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(",")).join("\r\n");
        const read1 = await read(`a,b\n${quoted}`);
        expect(read1.rows.map(([, ...fields]) => fields)).toEqual(rows);
      }),
      { numRuns: 50 },
    );
    // Pieces are of 1 MiB: lines, quotes and characters lie across their borders.
    for (const shift of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const line = '"ü""\r\n,",4\r\n';
      // Two long fields up to just before the border.
      const long = "x".repeat(2 ** 19 - 20);
      const text = `a,b\n${"x".repeat(shift)}${long},${long}\n${line.repeat(20)}`;
      const { rows } = await read(text);
      expect(rows).toHaveLength(21);
      expect(rows.slice(1).every(([, a, b]) => a === 'ü"\r\n,' && b === "4")).toBe(true);
    }
  });

  it("stops when asked to", async () => {
    const stop = new AbortController();
    const reading = read("a\n1\n", { signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) });
    await expect(reading).rejects.toThrow("enough");
  });
});

describe("numberIn", () => {
  it("reads decimal numbers and nothing else", () => {
    const numbers = (texts: readonly string[]) => texts.map((text) => numberIn(text));
    expect(numbers(["1", " -2.5 ", "+.5", "1e-3", "7."])).toEqual([1, -2.5, 0.5, 0.001, 7]);
    const others = ["", " ", "1,5", "0x10", "1_000", "NaN", "Infinity", "1 2", "--1", "e5", "1e", "1e+", ".", "-.e1"];
    expect(numbers(others)).toEqual(others.map(() => Number.NaN));
    expect(["1,5", "-,25", "1.5", "1,5e2", "1,000,000"].map((text) => numberIn(text, ","))).toEqual([
      ...[1.5, -0.25, Number.NaN, 150, Number.NaN],
    ]);
  });

  it("agrees with a regular expression on any short text", () => {
    const pattern = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789.+-eE x"), maxLength: 8 }), (text) => {
        const expected = pattern.test(text.trim()) ? Number(text) : Number.NaN;
        expect(numberIn(text)).toBe(expected);
      }),
    );
  });
});
