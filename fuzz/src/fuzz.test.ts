import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { fileNameOf } from "./inputs.js";
import { readers } from "./readers/registry.js";
import { leases } from "./schedule.js";
import { exceptions, readingModules } from "./sources.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("readers of outside bytes", () => {
  const named = new Set(readers.flatMap(({ sources }) => sources));

  test("every module that opens or decodes outside bytes is fuzzed, or an exception with a reason", () => {
    const modules = [...readingModules()].filter(([name]) => !named.has(name) && !Object.hasOwn(exceptions, name));
    expect(modules.map(([name, how]) => `${name} ${how.join(", ")}: name it in a record of fuzz/src/readers`)).toEqual(
      [],
    );
  });

  test("records and exceptions name modules that are there", () => {
    const all = [...named, ...Object.keys(exceptions)];
    expect(all.filter((name) => !existsSync(join(root, "packages", name)))).toEqual([]);
  });

  test("every folder of the corpus belongs to a reader", () => {
    const folders = readdirSync(join(root, "fuzz", "corpus"));
    expect(folders.filter((folder) => !readers.some(({ name }) => fileNameOf(name) === folder))).toEqual([]);
  });
});

test("every reader has its share of inputs at any time, and a run goes on where it was stopped", () => {
  const table = [{ name: "a", weight: 3 }, { name: "b" }, { name: "c", weight: 0.1 }];
  const whole = [...leases(table, 0, 5000)];
  const inputs = (name: string, list = whole): number =>
    list.filter(({ reader }) => reader === name).reduce((sum, { count }) => sum + count, 0);
  expect(inputs("a") + inputs("b") + inputs("c")).toBe(5000);
  expect(inputs("a") / inputs("b")).toBeCloseTo(3, 0);
  expect(inputs("b") / inputs("c")).toBeCloseTo(10, -1);
  expect(inputs("c", whole.slice(0, 10))).toBeGreaterThan(0);
  const split = [...leases(table, 0, 1234), ...leases(table, 1234, 5000 - 1234)];
  const each = (list: typeof whole): string[] =>
    list.flatMap(({ reader, from, count }) => Array.from({ length: count }, (_, i) => `${reader} ${from + i}`));
  expect(each(split)).toEqual(each(whole));
});

test("what no reader may do is found, by its kind, and made small", async () => {
  // As built: workers are processes of plain JavaScript.
  const { campaign } = (await import(`${root}/fuzz/dist/campaign.js`)) as typeof import("./campaign.js");
  const registry = pathToFileURL(join(root, "fuzz/dist/readers/faulty.fixture.js")).href;
  const { readers: faulty } = (await import(registry)) as { readers: typeof readers };
  const regressions = faulty.flatMap(({ name, seeds }) =>
    (seeds() as Uint8Array[]).map((input) => ({ reader: name, input })),
  );
  const outcomes = await campaign({ leases: [], seed: 0, workers: 2, registry, regressions, patienceMs: 4000 });
  const found = [...outcomes.findings.values()].map(({ reader, kind }) => [reader, kind]);
  expect(Object.fromEntries(found)).toEqual({
    uncoded: "uncoded",
    wrong: "wrong",
    message: "message",
    hang: "hang",
    never: "hang",
    memory: "memory",
    crash: "crash",
    uncaught: "crash",
    written: "written",
    "network: a look-up": "network",
    "network: an address": "network",
    process: "process",
  });
  expect(outcomes.readers.get("good")?.outcomes).toEqual({ ILD71: 1 });
  const [small] = [...outcomes.findings.values()].filter(({ reader }) => reader === "uncoded");
  expect(Buffer.from(small!.input).toString()).toBe("e");
  expect(existsSync(join(tmpdir(), "innerloop-fuzz-was-here"))).toBe(false);
});

test("of the seeds of every reader some are read", async () => {
  const { campaign } = (await import(`${root}/fuzz/dist/campaign.js`)) as typeof import("./campaign.js");
  const regressions: { reader: string; input: Uint8Array }[] = [];
  for (const { name, seeds } of readers) for (const input of await seeds()) regressions.push({ reader: name, input });
  const { readers: outcomes } = await campaign({ leases: [], seed: 0, workers: 2, regressions });
  expect(readers.filter(({ name }) => !outcomes.get(name)?.outcomes.read).map(({ name }) => name)).toEqual([]);
});

const inputs = 20_000;

test(`${inputs} inputs and the corpus over all readers: read, or refused with a code`, () => {
  const args = ["fuzz/dist/run.js", "--inputs", String(inputs), "--seed", "20261128", "--regressions", "--json"];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 });
  const last = stdout.trim().split("\n").at(-1) ?? "";
  expect(last, stderr).toMatch(/^\{/);
  const found = JSON.parse(last) as {
    inputs: number;
    readers: Record<string, { inputs: number }>;
    findings: { text: string }[];
    peakBytes: number;
  };
  expect(found.findings.map(({ text }) => text)).toEqual([]);
  expect(found.inputs).toBeGreaterThan(inputs);
  expect(Object.keys(found.readers).sort()).toEqual(readers.map(({ name }) => name).sort());
  expect(found.peakBytes).toBeLessThan(2 ** 30);
});
