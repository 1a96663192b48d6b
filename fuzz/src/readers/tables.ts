/** Tables: CSV and JSON lines, as classes and as groups of measurements. */

import {
  encodeTableExamples,
  encodeTableInputs,
  numberIn,
  type TableSpec,
  tableFeatures,
  tableSpecFrom,
} from "@innerloop/core/tasks";

import { readCsv } from "../../../packages/node/dist/data/formats/csv.js";
import { readRegressionTable } from "../../../packages/node/dist/data/tables/regression-table.js";
import { readTable } from "../../../packages/node/dist/data/tables/table-file.js";
import { readTableRows } from "../../../packages/node/dist/data/tables/table-rows.js";
import { jsonLineMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";
import { checkArray, checkExamples } from "./checked.js";

const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(lines.join("\n"));

const csvSeeds = (): Uint8Array[] => [
  text("a,b,label,group,y", "1,2,x,p,0.5", "3,4,y,q,1.5", "5,6,x,p,2.5", ""),
  text('"a";"b";"label";"group";"y"', '1,5;2;"x ""q""";p;0,5', "3;4;y;q;1"),
  text("sep=;", "a;label;group;y", "1;x;p;1", "2;y;q;2"),
  text("\ufeffa\tlabel\tgroup\ty", "1e3\tx\tp\t-1", "NaN\ty\tq\t2"),
  text("a,label,group,when,paid,y", "1,x,p,2024-01-31,yes,1", "2,y,q,31.1.2024 9:30,no,2", "2,y,p,9:30,no,2"),
  text("1,x,2", "3,y,4"),
];
const csvWords = [
  '"',
  '""',
  ",",
  ";",
  "\t",
  "sep=;",
  "\r\n",
  "\r",
  "\ufeff",
  "label",
  "group",
  "y",
  "NaN",
  "inf",
  "1e30",
  "-9999",
  "NA",
  "1,5",
  "1.000,5",
  "2024-01-31",
  "31/1/2024",
  "9:30",
];

const csvReader: Reader = {
  name: "csv",
  reads: "text in columns",
  sources: ["node/src/data/formats/csv.ts", "node/src/data/formats/text-file.ts"],
  weight: 3,
  seeds: csvSeeds,
  mutations: textMutations,
  words: csvWords,
  run: async (input, place) =>
    readCsv(place.put("x.csv", input), () => (fields) => {
      for (const field of fields) numberIn(field);
    }),
};

const tableReader: Reader = {
  name: "table of classes",
  reads: "examples with a column of labels",
  sources: [
    "node/src/data/tables/table-file.ts",
    "node/src/data/formats/csv.ts",
    "node/src/data/tables/table-columns.ts",
    "node/src/data/formats/text-file.ts",
  ],
  weight: 2,
  seeds: csvSeeds,
  // A cell that is nearly a number took time that grew with the square of its length.
  hostile: () => [text("a,label", "1,x", `${"1".repeat(80_000)}x,y`, ""), text(`${"a,".repeat(100_000)}label`, "1,x")],
  mutations: textMutations,
  words: csvWords,
  run: async (input, place) => checkExamples(await readTable(place.put("x.csv", input), { labelColumn: "label" })),
};

const lines = (): Uint8Array[] => [
  text('{"label":"a","x":[1,2],"z":3,"group":"p","y":1}', '{"label":"b","x":[3,4],"z":5,"group":"q","y":2}', ""),
  text('{"label":1,"x":1,"group":1,"y":0}', '{"label":true,"x":2,"group":false,"y":1}'),
];

const jsonLinesReader: Reader = {
  name: "JSON lines of classes",
  reads: "examples, an object a line",
  sources: ["node/src/data/tables/table-file.ts"],
  weight: 2,
  seeds: lines,
  hostile: () => [text("[".repeat(500_000)), text(`{"label":"a","x":${"[".repeat(5000)}1${"]".repeat(5000)}}`)],
  mutations: [jsonLineMutation, jsonLineMutation, ...textMutations],
  words: ["label", "x", "__proto__", "{", "}", "[", "]", "\n"],
  run: async (input, place) => checkExamples(await readTable(place.put("x.jsonl", input), { labelColumn: "label" })),
};

/** A table of columns of numbers of the same length, one for each row. */
async function readGroups(path: string): Promise<void> {
  const { table, inputs } = await readRegressionTable(path, { groupColumn: "group", targets: ["y"] });
  const [rows = 0] = Object.values(table.columns).map(({ length }) => length);
  for (const name of [...inputs, "y", "group"]) checkArray({ shape: [rows], values: table.columns[name]! });
}

const regressionReader: Reader = {
  name: "table of groups",
  reads: "measurements that belong to groups",
  sources: ["node/src/data/tables/regression-table.ts"],
  weight: 2,
  seeds: csvSeeds,
  mutations: textMutations,
  words: csvWords,
  run: async (input, place) => readGroups(place.put("x.csv", input)),
};

const regressionLinesReader: Reader = {
  name: "JSON lines of groups",
  reads: "measurements, an object a line",
  sources: ["node/src/data/tables/regression-table.ts"],
  seeds: lines,
  mutations: [jsonLineMutation, ...textMutations],
  words: ["group", "y", "__proto__"],
  run: async (input, place) => readGroups(place.put("x.jsonl", input)),
};

/** A column of each kind. */
const spec: TableSpec = {
  groupColumn: "group",
  inputs: [
    { name: "a", kind: "number", mean: 2, deviation: 0.5 },
    { name: "label", kind: "category", values: ["x", "y"], filledWith: "zeros" },
    { name: "day", kind: "date", mean: 19_000, deviation: 10, weekday: true, timeOfDay: true, filledWith: 19_000 },
    { name: "start", kind: "time", filledWith: "zeros" },
    { name: "paid", kind: "boolean", mean: 0.5, deviation: 0.5 },
  ],
  targets: [{ name: "y", mean: 1, deviation: 2 }],
};

const rowSeeds = (): Uint8Array[] => [
  text("a,label,day,start,paid,y,group", "1.5,x,2024-01-31,9:30,true,2,p", "2,z,5/13/2024 10:00,9:30 PM,no,3,q", ""),
  text("y;paid;start;day;label;a", "0,5;1;;31.1.2024;NA;1,5", "2;0;23:59;2024-01-31T10:00:00Z;x;2"),
];
const rowLines = (): Uint8Array[] => [
  text(
    '{"a":1,"label":"x","day":"2024-01-31","start":"9:30","paid":true,"y":2,"more":[1]}',
    '{"a":"2,5","paid":0,"y":1}',
  ),
];
const rowWords = [...csvWords, "2024-02-30", "1/2/2024", "24:00", "yes", "day", "start", "paid", "1,234", "__proto__"];

/** Rows of which each is finite numbers. */
async function readRows(path: string): Promise<void> {
  const { rows, reading, targets } = await readTableRows(path, spec, { needTargets: true });
  const { x, y } = encodeTableExamples(spec, rows, reading).examples;
  checkArray({ shape: [rows.length, tableFeatures(spec)], values: x.data! });
  checkArray({ shape: [rows.length], values: targets.y! });
  for (const values of [x.data, y.data] as Float32Array[])
    if (!values.every(Number.isFinite)) throw new WrongResult("a value is not finite");
}

const rowsReader: Reader = {
  name: "rows by a spec",
  reads: "rows to adapt to, by the spec of another table",
  sources: ["node/src/data/tables/table-rows.ts", "core/src/domains/tables/table-rows.ts"],
  weight: 2,
  seeds: rowSeeds,
  mutations: textMutations,
  words: rowWords,
  run: async (input, place) => readRows(place.put("x.csv", input)),
};

const rowLinesReader: Reader = {
  name: "JSON lines by a spec",
  reads: "rows to adapt to, an object a line",
  sources: ["node/src/data/tables/table-rows.ts"],
  seeds: rowLines,
  mutations: [jsonLineMutation, ...textMutations],
  words: rowWords,
  run: async (input, place) => readRows(place.put("x.jsonl", input)),
};

/** A spec that a run folder holds codes rows as finite numbers, or is refused. */
const specReader: Reader = {
  name: "spec of a table",
  reads: "the coding of a table's columns",
  sources: ["core/src/domains/tables/table-spec.ts"],
  seeds: () => [text(JSON.stringify(spec))],
  mutations: [jsonLineMutation, ...textMutations],
  words: ["kind", "mean", "deviation", "filledWith", "zeros", "values", "__proto__", "null", "-1", "1e999", "order"],
  run: async (input) => {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(input));
    } catch {
      return;
    }
    const found = tableSpecFrom(value);
    const row = { a: 1, label: "x", day: "2024-01-31", start: "9:30", paid: true, y: 1 };
    const { x } = encodeTableInputs(found, [row]);
    checkArray({ shape: [1, tableFeatures(found)], values: x.data! });
  },
};

export const tableReaders: readonly Reader[] = [
  csvReader,
  tableReader,
  jsonLinesReader,
  regressionReader,
  regressionLinesReader,
  rowsReader,
  rowLinesReader,
  specReader,
];
