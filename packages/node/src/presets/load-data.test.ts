import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDarkOnLight } from "@innerloop/experiments";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { importDataset } from "../data/store/dataset-store.js";
import { loadExamples, loadRegressionTable } from "./load-data.js";
import { defaultExperimentOptions } from "./option-table.js";

let folder: string;
const before = process.cwd();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-load-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  process.chdir(folder);
});
afterEach(async () => {
  process.chdir(before);
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const load = (data: string) => loadExamples({ ...defaultExperimentOptions(), data, imageSize: 4 });

async function classFolders(name: string): Promise<void> {
  for (const className of ["left", "right"]) {
    await mkdir(join(folder, name, className), { recursive: true });
    const image = sharp(Buffer.from("sixteen of bytes"), { raw: { width: 4, height: 4, channels: 1 } });
    await image.png().toFile(join(folder, name, className, "0.png"));
  }
}

describe("--data", () => {
  it("takes the data set where a folder here has its name, and the folder as a path", async () => {
    const classes = ["a", "b", "c"].map((name) => ({ name, count: 1, examples: Uint8Array.of(1, 2, 3, 4) }));
    const examples = { name: "points", exampleShape: [2, 2, 1], classes };
    await importDataset("points", { kind: "examples", examples });
    await classFolders("points");
    const named = await load("points");
    expect(named.examples.classes.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(named.record.folder).toBeUndefined();
    const path = await load("./points");
    expect(path.examples.classes.map(({ name }) => name)).toEqual(["left", "right"]);
    expect(path.record.folder).toBe(join(process.cwd(), "points"));
  });

  it("records how pixels were read, of a folder and of one that was imported, and reads them so again", async () => {
    for (const name of ["a", "b"]) {
      await mkdir(join(folder, "deep", name), { recursive: true });
      const values = Uint16Array.from({ length: 16 }, (_, i) => 250 * i + (name === "a" ? 9 : 99));
      const image = sharp(values, { raw: { width: 4, height: 4, channels: 1 } }).toColourspace("grey16");
      await image.png().toFile(join(folder, "deep", name, "0.png"));
    }
    const own = await load("./deep");
    expect(own.record.pixels).toEqual({ background: "white", depth: 12 });
    const kind = "image-folder";
    await importDataset("kept", { kind, folder: join(folder, "deep"), size: [4, 4] });
    expect((await load("kept")).record.pixels).toEqual({ background: "white", depth: 12 });
    // A run of before there was a choice finds its data as they were.
    const { pixels: _, ...before } = own.record;
    const again = await loadExamples({ ...defaultExperimentOptions(), data: "./deep", imageSize: 4 }, {}, before);
    expect(Math.max(...again.examples.classes[1]!.examples)).toBeLessThanOrEqual(16);
    expect(Math.max(...own.examples.classes[1]!.examples)).toBeGreaterThan(200);
  });

  it("takes a folder by its bare name where no data set has it, and no built-in set's", async () => {
    await classFolders("birds");
    await classFolders("omniglot");
    expect((await load("birds")).examples.classes).toHaveLength(2);
    await expect(load("omniglot")).rejects.toThrow(/ILD02 omniglot/);
  });
});

describe("isDarkOnLight", () => {
  const of = (exampleShape: readonly number[], examples: Uint8Array | Float32Array): boolean =>
    isDarkOnLight({ name: "made up", exampleShape, classes: [{ name: "a", count: 1, examples }] });
  const paper = [255, 255, 255, 255, 0, 255, 255, 255, 255];

  it("is about grey images of bytes", () => {
    expect(of([3, 3, 1], Uint8Array.from(paper))).toBe(true);
    expect(
      of(
        [3, 3, 1],
        Uint8Array.from(paper, (value) => 255 - value),
      ),
    ).toBe(false);
  });

  it("takes neither rows of a table nor numbers for images", () => {
    expect(of([9], Uint8Array.from(paper))).toBe(false);
    expect(of([3, 3], Uint8Array.from(paper))).toBe(false);
    expect(of([9], Float32Array.from(paper))).toBe(false);
    expect(
      of(
        [3, 3, 1],
        Float32Array.from(paper, (value) => value / 255),
      ),
    ).toBe(false);
    expect(of([1, 3, 3], Uint8Array.from(paper))).toBe(false);
  });
});

describe("a table", () => {
  it("keeps how its rows are coded, and is read as it was where a run of before has kept nothing", async () => {
    const rows = Array.from({ length: 120 }, (_, row) => `c${row % 10},${row},${["sun", "rain"][row % 2]},${2 * row}`);
    await writeFile(join(folder, "rides.csv"), ["city,distance,weather,fare", ...rows].join("\n"));
    const options = { ...defaultExperimentOptions(), data: "rides.csv", groupColumn: "city", target: "fare", shots: 2 };
    const { spec, record, report, tasks } = await loadRegressionTable({ ...options, queries: 2 });
    expect(spec.inputs.map(({ name, kind }) => [name, kind])).toEqual([
      ["distance", "number"],
      ["weather", "category"],
    ]);
    expect([record.table, record.exampleShape]).toEqual([spec, [3]]);
    expect(tasks.train.spec?.y.columns).toEqual(spec.targets);
    expect(report.columns.find(({ name }) => name === "weather")).toMatchObject({ role: "input", kind: "category" });
    const more = await loadRegressionTable({ ...options, queries: 2, trainShots: 4 }, {}, record);
    expect([more.spec, more.record]).toEqual([spec, record]);
    const { table: _, ...earlier } = record;
    const before = await loadRegressionTable({ ...options, queries: 2 }, {}, earlier);
    expect(before.spec.inputs.map(({ name }) => name)).toEqual(["distance"]);
    expect(before.record.exampleShape).toEqual([1]);
  });
});
