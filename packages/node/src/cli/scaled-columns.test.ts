/** Tables for classification, whose columns are of very different sizes, as training and runs prepare them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random, type TaskSource } from "@innerloop/core";
import { sourceOf } from "@innerloop/core/tasks";
import {
  type ClassificationSpec,
  type ExperimentConfig,
  prepare,
  prepareRun,
  type RunConfig,
  resolvePreset,
  runConfig,
  withFlags,
} from "@innerloop/experiments";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { importDataset } from "../data/store/dataset-store.js";
import type { RunFolder } from "../runs/run-folder.js";
import { collected } from "./collected-output.fixture.js";
import { commandHost } from "./session-host.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-scales-"));
  vi.stubEnv("INNERLOOP_DATA", folder);
  for (const [name, unit] of [
    ["people", 1],
    ["others", 10],
  ] as const) {
    const source = random(unit);
    const classes = Array.from({ length: 20 }, (_, i) => {
      const rows = Array.from({ length: 8 }, () => [unit * (5e4 + source.normal(0, 2e4)), source.uniform(1, 40)]);
      return { name: `${name} ${i}`, count: 8, examples: Float32Array.from(rows.flat()) };
    });
    await importDataset(name, { kind: "examples", examples: { name, exampleShape: [2], classes } });
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const config = resolvePreset("images", { data: "people", model: "mlp", ways: 3, queries: 1 });
const largest = (tasks: TaskSource): number =>
  Math.max(...Array.from({ length: 20 }, (_, i) => [...(tasks.sample(0, i).support.x.data as Float32Array)]).flat());
/** A run of these options, with this record of its data. */
const runOf = (data: RunConfig["data"], of: ExperimentConfig = config): RunFolder => {
  const { training, evaluation } = of;
  const made = { experiment: "images", chunkSize: 1, recompute: 0, workers: 1, argv: ["train"], created: "" };
  const record = { ...made, protocol: {}, versions: {}, config: of, settings: { training, evaluation } };
  return { path: "runs/x", shown: "runs/x", config: runConfig({ ...record, ...(data ? { data } : {}) }) } as RunFolder;
};

it("scales them by the training classes, records the scales, and evaluates the run by them", async () => {
  const { output, text } = collected();
  const { experiment, spec } = await prepare(config, commandHost(output));
  const record = spec as ClassificationSpec;
  expect(text()).toMatch(/columns scaled to mean 0 and deviation 1 over the training classes \(--scale none/);
  expect(record.scales?.mean).toHaveLength(2);
  expect(record.scales?.mean[0]).toBeGreaterThan(4e4);
  for (const tasks of Object.values(experiment.tasks)) expect(largest(tasks)).toBeLessThan(6);
  // The record is what counts, not what the data would give now.
  const changed = { ...record, scales: { mean: [0, 0], deviation: [1000, 1] } };
  const again = await prepareRun(runOf(changed), config, commandHost(output));
  expect(largest(sourceOf(again.experiment.tasks.test))).toBeGreaterThan(20);
  expect((again.spec as ClassificationSpec).scales).toEqual(changed.scales);
  const elsewhere = await prepareRun(runOf(record), withFlags(config, { data: "others" }), commandHost(output));
  expect(largest(sourceOf(elsewhere.experiment.tasks.test))).toBeGreaterThan(10);
  expect(largest(sourceOf(elsewhere.experiment.tasks.test))).toBeLessThan(100);
});

it("leaves them as they are where that is chosen, and for a run from before there were scales", async () => {
  const { output, text } = collected();
  const { experiment, spec } = await prepare(withFlags(config, { scale: "none" }), commandHost(output));
  expect(largest(sourceOf(experiment.tasks.train))).toBeGreaterThan(5e4);
  expect(spec).not.toHaveProperty("scales");
  const old = await prepareRun(runOf(spec), config, commandHost(output));
  expect(largest(sourceOf(old.experiment.tasks.train))).toBeGreaterThan(5e4);
  expect(text()).not.toContain("scaled");
});
