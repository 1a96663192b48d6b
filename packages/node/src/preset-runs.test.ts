/** Short runs of all presets end in the parameters in which they ended before: nothing of what presets mean has changed. */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeSafetensors } from "@innerloop/core/training";
import { allPresets } from "@innerloop/experiments";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { digestOf, presetRuns, writePresetData } from "./preset-data.fixture.js";

/**
 * Of each run, by the path of a parameter, its shape and digest: recorded by the command line as it was before options
 * were nested, and those of texts as it was when their presets came, on the same data.
 */
const recorded = JSON.parse(readFileSync(new URL("fixtures/preset-runs.json", import.meta.url), "utf8")) as Readonly<
  Record<string, Readonly<Record<string, readonly [shape: readonly number[], digest: readonly number[]]>>>
>;

let folder: string;
beforeAll(async () => {
  if (!existsSync(new URL("../dist/executor/worker.js", import.meta.url)))
    throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-presets-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  await writePresetData(folder, join(folder, "data"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const names = [...presetRuns("").keys()];

it("every preset has a run, and every run is recorded", () => {
  expect(names).toEqual(expect.arrayContaining(allPresets().map(({ name }) => name)));
  expect(Object.keys(recorded)).toEqual(names);
});

/** Of another machine, sums may be taken in another order. */
const tolerance = 1e-4;

it.each(names)("%s", async (name) => {
  const run = join(folder, "runs", name.replace(/\W/g, "-"));
  await trainCommand(
    { ...presetRuns(folder).get(name)!, invocation: { run, skipEvaluation: true } },
    collected().output,
  );
  const { tensors } = decodeSafetensors(await readFile(join(run, "checkpoints/last.safetensors")));
  const params = Object.entries(tensors).filter(([path]) => path.startsWith("params/"));
  expect(params.map(([path]) => path.slice("params/".length)).sort()).toEqual(Object.keys(recorded[name]!).sort());
  for (const [path, { shape, data }] of params) {
    const [expectedShape, expected] = recorded[name]![path.slice("params/".length)]!;
    expect(shape, path).toEqual(expectedShape);
    const values = Array.from(data as Float32Array, Number);
    const [mean, norm, ...places] = digestOf(values);
    const [expectedMean, expectedNorm, ...expectedPlaces] = expected as [number, number, ...number[]];
    // A mean and single values are told from 0 by the size that values of the tensor have.
    const size = Math.max(expectedNorm / Math.sqrt(values.length), 1e-12);
    expect(Math.abs(norm! - expectedNorm) / Math.max(expectedNorm, 1e-12), `norm of ${path}`).toBeLessThan(tolerance);
    expect(Math.abs(mean! - expectedMean) / size, `mean of ${path}`).toBeLessThan(tolerance);
    places.forEach((value, i) => {
      expect(Math.abs(value - expectedPlaces[i]!) / size, `${path}, place ${i}`).toBeLessThan(tolerance);
    });
  }
});
