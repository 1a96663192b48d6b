/** Detection in given photos by the commands, in this process: what is shown, written and refused. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  backboneFolder,
  cellModel,
  cellSettings,
  imageModel,
  imageSide,
} from "../backbones/made-up-backbones.fixture.js";
import { writePhotos } from "../photos.fixture.js";
import { load } from "../runs/load.js";
import { collected } from "./collected-output.fixture.js";
import { detectCommand } from "./commands/detect-command.js";
import { evalCommand } from "./commands/eval-command.js";
import type { InvocationOptions } from "./commands/registry.js";
import { trainCommand } from "./commands/train-command.js";

let folder: string;
let encoder: string;
const at = (name: string): string => join(folder, name);
const small = { iterations: 2, metaBatch: 1, evalTasks: 3, validateEvery: 0, workers: 1, shots: 2 };

async function trained(name: string, chosen: object): Promise<string> {
  const { output, text } = collected();
  const invocation = { run: at(name), skipEvaluation: true };
  const options = { ...small, data: at("photos"), backbone: encoder, ...chosen };
  await trainCommand({ target: "photos", chosen: options, invocation }, output);
  return text();
}

async function evaluated(name: string, chosen: object): Promise<string> {
  const { output, text } = collected();
  await evalCommand({ folder: at(name), chosen: { workers: 1, ...chosen }, invocation: {} }, output);
  return text();
}

async function detected(run: string | undefined, invocation: InvocationOptions, images = [at("others")]) {
  const { output, text } = collected();
  const events: Record<string, unknown>[] = [];
  const noted = { ...output, event: (event: Readonly<Record<string, unknown>>) => events.push(event) };
  const request = { folder: run === undefined ? undefined : at(run), images, chosen: { workers: 1 }, invocation };
  await detectCommand(request, noted);
  return { text: text(), events };
}

let said: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-photos-"));
  vi.stubEnv("INNERLOOP_CACHE", "off");
  encoder = await backboneFolder(folder, { model: cellModel(64), settings: cellSettings(64) });
  await writePhotos(at("photos"), 18, { parts: true });
  await writePhotos(at("others"), 30);
  said = await trained("cells", {});
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Of `  row   63.7% ± 4.1` */
const shareOf = (text: string, row: string): number => Number(new RegExp(`${row} +(\\d+\\.\\d)%`).exec(text)?.[1]);

describe("innerloop train photos", () => {
  it("says what was read, what a task is, and how pictures are seen", () => {
    expect(said).toContain("COCO, 18 pictures, 36 boxes of 2 classes");
    expect(said).toMatch(
      /\d+ pictures for training and support, \d+ for validation, 6 for evaluation; 2 classes: brick, tile/,
    );
    expect(said).toContain("2 support pictures, more until every class is there; 8 x 8 cells of 8 pixels");
  });

  it.each([
    ["no data", { data: "" }, /there are no pictures\. Give a folder of marked ones/],
    [
      "a number of classes that is not theirs",
      { namedClasses: 3 },
      /--named-classes 3 of .*photos, in which 2 classes are marked/,
    ],
    ["more support pictures than there are", { shots: 40 }, /ILT402 pictureEpisodes: photos train has \d+ pictures/],
    ["a learner of other tasks", { learner: "ridge" }, /ridge.*photos/],
  ] as const)("refuses %s", async (_, chosen, problem) => {
    await expect(trained("refused", chosen)).rejects.toThrow(problem);
  });

  it("refuses an encoder that makes no map of cells", async () => {
    const settings = cellSettings(imageSide);
    const rows = await backboneFolder(folder, { model: imageModel(), settings });
    await expect(trained("refused", { backbone: rows })).rejects.toThrow(
      /makes 2 numbers of a picture, and no map of cells\. Name a map within its graph by --backbone-output/,
    );
    const said = await trained("map", { backbone: rows, backboneOutput: "map", iterations: 1 });
    expect(said).toContain("4 x 4 cells of 1 pixels");
  });
});

describe("innerloop eval", () => {
  it("tells AP, AP50, AP75 and each class, beside prototypes that nothing was trained for", async () => {
    const text = await evaluated("cells", {});
    // Far above chance, though all cells of a block look alike: by which of them it is found is open.
    expect(shareOf(text, "cell prototypes")).toBeGreaterThan(30);
    expect(shareOf(text, "cell prototypes, untrained")).toBeGreaterThan(30);
    for (const row of ["cell prototypes, untrained, sides of the class", "AP", "AP75", "AP50 of brick", "AP50 of tile"])
      expect(shareOf(text, row)).toBeGreaterThanOrEqual(0);
    expect(text).toMatch(/2 support pictures, 6 query pictures/);
    expect(text).not.toContain("from scratch");
  });

  it("takes other pictures, with classes of their own", async () => {
    const marks = JSON.parse(await readFile(at("others/marks.json"), "utf8"));
    marks.categories.push({ id: 3, name: "ladder" });
    marks.annotations.forEach((annotation: { category_id: number }, i: number) => {
      if (i % 5 === 0) annotation.category_id = 3;
    });
    await writeFile(at("others/marks.json"), JSON.stringify(marks));
    const text = await evaluated("cells", { data: at("others"), shots: 8 });
    expect(text).toContain("AP50 of ladder");
    expect(text).toMatch(/8 support pictures, \d+ query pictures/);
  });

  it("refuses them for a model with names of its own", async () => {
    await trained("names", { learner: "anil", iterations: 1 });
    await expect(evaluated("names", { data: at("others"), shots: 8 })).rejects.toThrow(
      /others has 3 classes, for a model that names 2\. Train one that names any number/,
    );
  });
});

describe("innerloop detect", () => {
  const marked = (): InvocationOptions => ({ support: at("photos"), leastScore: 0.5 });

  it("finds objects without a run, by an encoder in its place", async () => {
    const { text, events } = await detected(undefined, { ...marked(), backbone: encoder });
    expect(Number(/AP50 on these pictures themselves (\d+)/.exec(text)?.[1])).toBeGreaterThan(30);
    expect(events[0]).toMatchObject({ type: "adapted", backbone: encoder, classes: ["brick", "tile"] });
    const found = events.slice(1) as unknown as readonly { readonly objects: readonly { readonly box: number[] }[] }[];
    expect(found).toHaveLength(30);
    // Two blocks are in each of them, in pictures of 80 x 64.
    expect(found.filter(({ objects }) => objects.length > 0).length).toBeGreaterThan(20);
    for (const { objects } of found)
      for (const { box } of objects) {
        expect(box[0]! + box[2]!).toBeLessThanOrEqual(80);
        expect(box[1]! + box[3]!).toBeLessThanOrEqual(64);
      }
  });

  it("and by a run, as a program does", async () => {
    const { events } = await detected("cells", marked(), [at("others/1.png")]);
    expect(events[0]).toMatchObject({ type: "adapted", iteration: 2 });
    const model = await load(at("cells"));
    const task = await model.adapt(at("photos"), { onNote: () => undefined });
    const [answer] = await task.predict([at("others/1.png")]);
    const sure = (answer as unknown as { objects: readonly { score: number }[] }).objects.filter(
      ({ score }) => score >= 0.5,
    );
    expect(sure).toEqual((events[1] as { objects: unknown }).objects);
    await model.release();
  });

  it.each([
    ["neither run nor encoder", undefined, {}, /there is no run\. Give one of detection; or, for photos, an encoder/],
    ["steps of an encoder", undefined, { backbone: "x", steps: 3 }, /--steps without a run/],
    ["an encoder that is not there", undefined, { backbone: "nowhere", support: "x" }, /ILD02/],
  ] as const)("refuses %s", async (_, run, invocation, problem) => {
    await expect(detected(run, invocation)).rejects.toThrow(problem);
  });
});
