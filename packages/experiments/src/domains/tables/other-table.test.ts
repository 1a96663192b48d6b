/** A run of a table that is tested on another one. */

import type { TableRow } from "@innerloop/core/tasks";
import { sourceOf } from "@innerloop/core/tasks";
import { toNumbers } from "@innerloop/graph";
import { expect, test } from "vitest";
import { needsOf } from "../../build.js";
import type { DataIo, FoundTable } from "../../io.js";
import { configOf, memoryIo } from "../../made-up.fixture.js";
import { type TableDataSpec, type TableValues, tables } from "./domain.js";

/** Rows of cities, of which each has ten; the fare is ten times the kilometres. */
const rowsOf = (cities: readonly string[], from = 0) =>
  cities.flatMap((city, c) =>
    Array.from({ length: 10 }, (_, i) => ({ city, km: from + c + i, fare: 10 * (from + c + i) })),
  );
const found = (name: string, rows: readonly { city: string; km: number; fare: number }[]): FoundTable => ({
  table: {
    name,
    columns: {
      city: rows.map(({ city }) => city),
      km: Float64Array.from(rows, ({ km }) => km),
      fare: Float64Array.from(rows, ({ fare }) => fare),
    },
  },
  inputs: ["km"],
  sha256: `contents of ${name}`,
  columns: "",
  notes: [],
});
const cities = Array.from({ length: 10 }, (_, i) => `city ${i}`);
const own = rowsOf(cities);

function machine(others: Readonly<Record<string, readonly TableRow[]>>, hasOwn = true): DataIo {
  const memory = memoryIo({
    tables: { "moved.csv": found("own", own), ...(hasOwn ? { "own.csv": found("own", own) } : {}) },
  });
  return {
    ...memory,
    tableRows: async (path) => ({ rows: others[path]!, reading: {}, targets: {}, notes: [] }),
  };
}

const config = configOf("tables", { groupColumn: "city", target: ["fare"], data: "own.csv", shots: 2, queries: 3 });
const options = config.domain as unknown as TableValues;

async function loadedOther(io: DataIo, data: string, changes: Partial<TableValues> = {}, old = false) {
  const needs = needsOf(config);
  const { spec } = await tables.load(options, machine({}), {}, needs);
  const { table: _, ...before } = spec!;
  const warnings: string[] = [];
  const work = { onWarning: (text: string) => warnings.push(text) };
  const setting = { ...needs, own: { options, spec: (old ? before : spec) as TableDataSpec } };
  const loaded = await tables.loadOther!({ ...options, ...changes, data }, io, work, setting);
  return { ...loaded, ownSpec: spec!, warnings };
}

test("its groups are coded as those of training, without those that were trained on", async () => {
  const { table } = (await tables.load(options, machine({}), {}, needsOf(config))).spec!;
  const scale = table!.inputs[0] as { mean: number; deviation: number };
  const other = rowsOf(["new city", "another", ...cities], 1000);
  const { data, spec, isOwn, warnings } = await loadedOther(machine({ "other.csv": other }), "other.csv");
  expect([isOwn, spec!.name]).toEqual([undefined, "other"]);
  expect(warnings).toEqual([
    expect.stringMatching(/^other\.csv: 8 of its groups are left out, since the run was trained/),
  ]);
  // The two of ten that were held out, and the two that are new.
  expect(data.tasks.test.description).toMatchObject({ table: "other", groups: 4, groupColumn: "city", inputs: "km" });
  const { support } = sourceOf(data.tasks.test).sample(1, 0);
  for (const x of toNumbers(support.x)) {
    const km = x * scale.deviation + scale.mean;
    expect(km).toBeGreaterThan(999);
    expect(Math.abs(km - Math.round(km))).toBeLessThan(1e-3);
  }
  // Baselines are fitted to what the run was trained on.
  expect(data.tasks.train.description).toMatchObject({ table: "own", groups: 7 });
});

test("its own at another place is its own", async () => {
  const { isOwn, data, spec, ownSpec } = await loadedOther(machine({}, false), "moved.csv");
  expect([isOwn, data.tasks.test.description?.groups]).toEqual([true, 2]);
  expect(spec).toEqual({ ...ownSpec, folder: "moved.csv" });
});

test("what cannot be tested on is told", async () => {
  const other = rowsOf(["new city"]);
  const io = machine({ "other.csv": other });
  await expect(loadedOther(io, "other.csv", {}, true)).rejects.toThrow(/has not kept how its rows are coded/);
  await expect(loadedOther(machine({ "other.csv": other }, false), "other.csv")).rejects.toThrow(
    /the table own that the run was trained on is not at own\.csv: .*Put it back$/,
  );
  await expect(loadedOther(io, "other.csv", { shots: 9 })).rejects.toThrow(
    /^no group of city in other\.csv has the 12 rows that --shots 9 and 3 queries take\. Lower/,
  );
  const without = other.map(({ km, fare }) => ({ km, fare }));
  await expect(loadedOther(machine({ "other.csv": without }), "other.csv")).rejects.toThrow(
    /other\.csv has no column "city"/,
  );
});

test("groups that were trained on are not tested on alone", async () => {
  const outcomes = await Promise.all(
    cities.map((city) =>
      loadedOther(machine({ "one.csv": rowsOf([city]) }), "one.csv").then(
        () => "tested",
        (error: Error) => error.message,
      ),
    ),
  );
  const refused = outcomes.filter((outcome) => outcome !== "tested");
  expect(refused).toHaveLength(8);
  expect(new Set(refused)).toEqual(
    new Set([
      expect.stringMatching(/^the run was trained on all groups of city in one\.csv, or on ones of the same names/),
    ]),
  );
});

test("a run keeps that its table writes numbers with decimal commas", async () => {
  const told = { ...found("own", own), decimalCommas: true };
  const { spec } = await tables.load(options, memoryIo({ tables: { "own.csv": told } }), {}, needsOf(config));
  expect(spec!.table!.decimalCommas).toBe(true);
  expect(tables.parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
});
