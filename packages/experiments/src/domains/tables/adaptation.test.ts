/** Rows of a user's, read for a trained model: from files and from programs. */
import type { TableRow, TableSpec } from "@innerloop/core/tasks";
import { toNumbers } from "@innerloop/graph";
import { describe, expect, it, test } from "vitest";
import type { RunFacts } from "../../config/index.js";
import type { DataIo, LongWork } from "../../io.js";
import { configOf, memoryIo } from "../../made-up.fixture.js";
import type { Own } from "../domain.js";
import { rowAdaptation } from "./adaptation.js";
import { type TableDataSpec, type TableValues, tables } from "./domain.js";

const spec: TableSpec = {
  groupColumn: "city",
  inputs: [{ kind: "number", name: "km", mean: 0, deviation: 1, filledWith: 5 }],
  targets: [{ name: "fare", mean: 0, deviation: 1 }],
};
const files: Readonly<Record<string, readonly TableRow[]>> = {
  "s.csv": [{ city: "X", km: "1", fare: "2" }],
  "q.csv": [{ city: "Y", km: "" }, { km: "3" }],
};
const io: DataIo = {
  ...memoryIo({}),
  tableRows: async (path) => ({
    rows: files[path]!,
    reading: { columns: ["city", "km", "fare", "note"] },
    targets: {},
    notes: ["column not used: note"],
  }),
};
const own: Own<unknown, TableDataSpec> = { options: {}, spec: { name: "rides", sha256: "", exampleShape: [1] } };
const adaptation = rowAdaptation<unknown, TableDataSpec>(() => spec);
const support = (given: unknown, work: LongWork = {}) => adaptation.readSupport(given, own, {}, io, work);
const row = { km: 1, fare: 2 };

/** What is said of inputs, after a support set. */
async function notesOf(given: unknown, inputs: unknown): Promise<readonly string[]> {
  const notes: string[] = [];
  const work = { onWarning: (note: string) => notes.push(note) };
  await adaptation.readInputs(inputs, await support(given, work), own, io, work);
  return notes;
}

describe("rows that say of which group they are", () => {
  it("are adapted to where they are of one", async () => {
    await expect(support([{ ...row, city: "X" }, { ...row, city: 7 }, row])).rejects.toThrow(
      /column "city" of the rows to adapt to has 2 groups: "X", "7"\. Give the rows of one$/,
    );
    const { x } = await support([{ ...row, city: "X" }, { ...row, city: " X " }, row]);
    expect(x.shape).toEqual([3, 1]);
  });

  it("are told where others are asked about", async () => {
    const told = 'column city: there are rows of "Y", which are predicted as ones of "X", whose rows were adapted to';
    const known = [{ ...row, city: "X" }];
    expect(
      await notesOf(known, [
        { km: 1, city: "X" },
        { km: 2, city: "Y" },
      ]),
    ).toEqual([told]);
    expect(await notesOf(known, [{ km: 1, city: "X" }, { km: 2 }])).toEqual([]);
    expect(await notesOf([row], [{ km: 1, city: "Y" }])).toEqual([]);
  });

  it("are told of by their files, as is all else", async () => {
    expect(await notesOf("s.csv", ["q.csv"])).toEqual([
      "s.csv: column not used: note",
      'q.csv: column city: there are rows of "Y", which are predicted as ones of "X", whose rows were adapted to',
      "q.csv: column not used: note",
      "q.csv: 1 missing cell filled with the mean of the column: km",
    ]);
  });
});

test("rows are those of the call, whatever becomes of them later", async () => {
  const rows = [{ ...row }];
  const given = support(rows);
  rows[0]!.km = 9;
  expect(toNumbers((await given).x)).toEqual([1]);
  const asked = [{ km: 1 }];
  const inputs = adaptation.readInputs(asked, await given, own, io, {});
  asked[0]!.km = 9;
  expect(toNumbers((await inputs).x)).toEqual([1]);
});

test("a signal stops the reading, before and after", async () => {
  const given = await support("s.csv");
  for (const each of ["q.csv", [{ km: 1 }]]) {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(adaptation.readInputs(each, given, own, io, { signal })).rejects.toThrow("enough");
    await expect(support(each, { signal })).rejects.toThrow("enough");
  }
  const stopped = new AbortController();
  const reading = adaptation.readInputs("q.csv", given, own, io, { signal: stopped.signal });
  stopped.abort(new Error("enough"));
  await expect(reading).rejects.toThrow("enough");
});

test("the table of answers keeps what stands before the point", async () => {
  const given = await support([row]);
  const fares = [511375.37, -1234567.8, 10000.4, 9999.46, 0.0123456, 1.25e9];
  const inputs = await adaptation.readInputs(
    fares.map(() => ({ km: 1 })),
    given,
    own,
    io,
    {},
  );
  const { rows } = adaptation.table(
    fares.map((fare) => ({ fare })),
    { ...own, support: given, inputs },
  );
  expect(rows.map((cells) => cells.at(-1))).toEqual([
    "511375",
    "-1234568",
    "10000",
    "9999.5",
    "0.012346",
    "1250000000",
  ]);
});

test("adapting is a next step where it is known how rows are coded", () => {
  const config = configOf("tables");
  const commands = (kept: TableDataSpec) =>
    tables.next!({ config, options: config.domain, spec: kept } as unknown as RunFacts<TableValues, TableDataSpec>).map(
      ({ command }) => command,
    );
  expect(commands({ ...own.spec, table: spec })).toEqual(["adapt", "again"]);
  expect(commands(own.spec)).toEqual(["again"]);
});
