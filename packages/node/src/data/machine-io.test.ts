import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TableSpec } from "@innerloop/core/tasks";
import {
  type ClassificationSpec,
  type DataSpec,
  type DataSplits,
  domainNamed,
  type Flags,
  needsOf,
  resolvePreset,
  type Tasks,
  usualPixels,
} from "@innerloop/experiments";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { machineIo } from "./machine-io.js";
import { importDataset } from "./store/dataset-store.js";

type TableDataSpec = DataSpec & { readonly table?: TableSpec };

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

it("recommends the leaving out of images only where it can be asked for", async () => {
  await classFolders("folders");
  await writeFile(join(folder, "folders", "folder a", "2.png"), "no image");
  const read = (given: { readonly skipBad?: boolean }) =>
    machineIo.classFolders(join(folder, "folders"), { name: "folders", size: [8, 8], channels: 1, ...given }, {});
  await expect(read({})).rejects.toThrow(/Replace or remove it\.$/);
  await expect(read({ skipBad: false })).rejects.toThrow(/with --skip-bad\.$/);
});

/** What the domain of data sets of classes reads of this machine: all classes, whatever they are split into. */
async function load(data: string, recorded?: ClassificationSpec) {
  const config = resolvePreset("images", { data, imageSize: 8, ways: 2, queries: 1 });
  const own = recorded && { own: { options: config.domain, spec: recorded } };
  const { data: splits, spec } = await domainNamed("classification").load(
    config.domain,
    machineIo,
    {},
    { ...needsOf(config), ...own },
  );
  const { train, validation, test } = splits as DataSplits;
  const classes = [train, validation, test].flatMap((part) => part.classes);
  return { classes: classes.toSorted((a, b) => (a.name < b.name ? -1 : 1)), spec: spec as ClassificationSpec };
}

const six = ["a", "b", "c", "d", "e", "f"];

async function classFolders(name: string): Promise<void> {
  for (const className of six) {
    await mkdir(join(folder, name, `folder ${className}`), { recursive: true });
    for (const index of [0, 1]) {
      const image = sharp(Buffer.from(`${index}ixteen of byte${className}`), {
        raw: { width: 4, height: 4, channels: 1 },
      });
      await image.png().toFile(join(folder, name, `folder ${className}`, `${index}.png`));
    }
  }
}

describe("--data", () => {
  it("takes the data set where a folder here has its name, and the folder as a path", async () => {
    const classes = six.map((name, i) => ({ name, count: 2, examples: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, i) }));
    const examples = { name: "points", exampleShape: [2, 2, 1], classes };
    await importDataset("points", { kind: "examples", examples });
    await classFolders("points");
    const named = await load("points");
    expect(named.classes.map(({ name }) => name)).toEqual(six);
    expect(named.spec.folder).toBeUndefined();
    const path = await load("./points");
    expect(path.classes.map(({ name }) => name)).toEqual(six.map((name) => `folder ${name}`));
    expect(path.spec.folder).toBe(join(process.cwd(), "points"));
  });

  it("records how pixels were read, of a folder and of one that was imported, and reads them so again", async () => {
    for (const [c, name] of six.entries()) {
      await mkdir(join(folder, "deep", name), { recursive: true });
      for (const index of [0, 1]) {
        const values = Uint16Array.from({ length: 16 }, (_, i) => 250 * i + 9 * (2 * c + index));
        const image = sharp(values, { raw: { width: 4, height: 4, channels: 1 } }).toColourspace("grey16");
        await image.png().toFile(join(folder, "deep", name, `${index}.png`));
      }
    }
    const own = await load("./deep");
    expect(own.spec.pixels).toEqual({ background: "white", depth: 12 });
    const kind = "image-folder";
    await importDataset("kept", { kind, folder: join(folder, "deep"), size: [4, 4] });
    expect((await load("kept")).spec.pixels).toEqual({ background: "white", depth: 12 });
    // A run of before there was a choice finds its data as they were.
    const { pixels: _, ...before } = own.spec;
    const again = await load("./deep", before);
    expect(again.spec).toEqual({ ...before, pixels: usualPixels, sha256: again.spec.sha256, seen: again.spec.seen });
    expect(again.spec.sha256).not.toBe(own.spec.sha256);
    expect(Math.max(...again.classes[1]!.examples)).toBeLessThanOrEqual(16);
    expect(Math.max(...own.classes[1]!.examples)).toBeGreaterThan(200);
    expect((await load("./deep", own.spec)).spec).toEqual(own.spec);
  });

  it("takes a folder by its bare name where no data set has it, and no built-in set's", async () => {
    await classFolders("birds");
    await classFolders("omniglot");
    expect((await load("birds")).classes).toHaveLength(six.length);
    await expect(load("omniglot")).rejects.toThrow(/ILD02 omniglot/);
  });
});

describe("a table", () => {
  it("keeps how its rows are coded, and is read as it was where a run of before has kept nothing", async () => {
    const rows = Array.from({ length: 120 }, (_, row) => `c${row % 10},${row},${["sun", "rain"][row % 2]},${2 * row}`);
    await writeFile(join(folder, "rides.csv"), ["city,distance,weather,fare", ...rows].join("\n"));
    const columns = { data: "rides.csv", groupColumn: "city", target: ["fare"] };
    const read = async (flags: Flags, spec?: DataSpec) => {
      const config = resolvePreset("table", { ...columns, shots: 2, queries: 2, ...flags });
      const own = spec && { own: { options: config.domain, spec } };
      const loaded = await domainNamed("tables").load(config.domain, machineIo, {}, { ...needsOf(config), ...own });
      return loaded;
    };
    const { spec, notes, data } = await read({});
    const { table } = spec as TableDataSpec;
    expect(table!.inputs.map(({ name, kind }) => [name, kind])).toEqual([
      ["distance", "number"],
      ["weather", "category"],
    ]);
    expect(spec!.exampleShape).toEqual([3]);
    expect((data as { readonly tasks: Tasks }).tasks.train.spec?.y).toMatchObject({ columns: table!.targets });
    expect(notes!.join()).toMatch(/^columns: .*weather/);
    const more = await read({ trainShots: 4 }, spec);
    expect(more.spec).toEqual(spec);
    const { table: _, ...earlier } = spec as TableDataSpec;
    const before = await read({}, earlier);
    expect((before.spec as TableDataSpec).table!.inputs.map(({ name }) => name)).toEqual(["distance"]);
    expect(before.spec!.exampleShape).toEqual([1]);
  });
});

it("says what marked pictures are read from where there is nothing at a path", async () => {
  await expect(machineIo.markedPictures("nowhere", {}, {})).rejects.toThrow(
    "there is no file or folder nowhere. Give a folder or archive of marked pictures, or a COCO file",
  );
});
