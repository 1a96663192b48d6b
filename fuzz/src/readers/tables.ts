/** Tables: CSV and JSON lines, as classes and as groups of measurements. */
import { numberIn } from "@innerloop/experiments";
import { readCsv } from "../../../packages/node/dist/data/formats/csv.js";
import { readRegressionTable } from "../../../packages/node/dist/data/tables/regression-table.js";
import { readTable } from "../../../packages/node/dist/data/tables/table-file.js";
import { jsonLineMutation, textMutations } from "../mutations.js";
import type { Reader } from "../reader.js";
import { checkArray, checkExamples } from "./checked.js";

const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(lines.join("\n"));

const csvSeeds = (): Uint8Array[] => [
  text("a,b,label,group,y", "1,2,x,p,0.5", "3,4,y,q,1.5", "5,6,x,p,2.5", ""),
  text('"a";"b";"label";"group";"y"', '1,5;2;"x ""q""";p;0,5', "3;4;y;q;1"),
  text("sep=;", "a;label;group;y", "1;x;p;1", "2;y;q;2"),
  text("\ufeffa\tlabel\tgroup\ty", "1e3\tx\tp\t-1", "NaN\ty\tq\t2"),
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

export const tableReaders: readonly Reader[] = [
  csvReader,
  tableReader,
  jsonLinesReader,
  regressionReader,
  regressionLinesReader,
];
