/** `innerloop detect` in this process: what is told, drawn, written and refused. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { splitClasses } from "@innerloop/core";
import { boxesOf, sceneEpisodes } from "@innerloop/core/detection";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { machineIo } from "../../data/machine-io.js";
import { load } from "../../runs/load.js";
import { collected } from "../collected-output.fixture.js";
import { adaptCommand } from "./adapt-command.js";
import { detectCommand } from "./detect-command.js";
import type { InvocationOptions } from "./registry.js";
import { trainCommand } from "./train-command.js";

let folder: string;
const inFolder = (name: string): string => join(folder, name);

/** Scenes as files, at twice the size, with their marks in COCO's form. */
async function writeScenes(): Promise<void> {
  const { examples } = await machineIo.dataset("hanzi", {});
  const { test } = splitClasses(examples, { train: 900, test: 100 }, 1);
  const { support, query } = sceneEpisodes(test, { ways: 2, shots: 2 }).sample(3, 0);
  const write = (set: typeof support, place: number, file: string): Promise<unknown> => {
    const pixels = (set.x.data as Float32Array).subarray(place * 112 ** 2, (place + 1) * 112 ** 2);
    const raw = { width: 112, height: 112, channels: 1 } as const;
    return sharp(
      Uint8Array.from(pixels, (value) => Math.round(255 * value)),
      { raw },
    )
      .resize(224)
      .png()
      .toFile(file);
  };
  await mkdir(inFolder("marked"));
  await mkdir(inFolder("pictures"));
  const annotations: object[] = [];
  for (let i = 0; i < 2; i++) {
    await write(support, i, inFolder(`marked/${i}.png`));
    for (const { box, label } of boxesOf(support.y, i)) {
      if (label < 0) continue;
      const bbox = [box.x, box.y, box.width, box.height].map((side) => 2 * side);
      annotations.push({ id: annotations.length + 1, image_id: i + 1, category_id: 10 * (label + 1), bbox });
    }
    await write(query, i, inFolder(`pictures/${i}.png`));
  }
  const images = [0, 1].map((i) => ({ id: i + 1, file_name: `${i}.png`, width: 224, height: 224 }));
  const categories = ["sun", "moon"].map((name, i) => ({ id: 10 * (i + 1), name }));
  await writeFile(inFolder("marked/marks.json"), JSON.stringify({ images, annotations, categories }));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-detect-"));
  await writeScenes();
  const small = { iterations: 3, metaBatch: 1, validateEvery: 0, workers: 1 };
  const train = (name: string, target: string, chosen: object) =>
    trainCommand(
      { target, chosen: { ...small, ...chosen }, invocation: { run: inFolder(name), skipEvaluation: true } },
      collected().output,
    );
  await train("run", "scenes", { filters: 4 });
  await train("steps", "scenes", { learner: "two-stage", steps: 2, filters: 4 });
  await train("curves", "sinusoid", {});
});
afterAll(() => rm(folder, { recursive: true }));

async function detected(invocation: InvocationOptions, images: string[] = [inFolder("pictures")], run = "run") {
  const { output, text } = collected();
  const events: Record<string, unknown>[] = [];
  const noted = { ...output, event: (event: Readonly<Record<string, unknown>>) => events.push(event) };
  await detectCommand({ folder: inFolder(run), images, chosen: { workers: 1 }, invocation }, noted);
  return { text: text(), events };
}

const marked = (): InvocationOptions => ({ support: inFolder("marked"), leastScore: 0 });

describe("innerloop detect", () => {
  it("says what it adapts to, tells what it finds, and writes pictures and a COCO file, the same each time", async () => {
    const outs = [inFolder("out"), inFolder("again")] as const;
    const [{ text, events }] = [
      await detected({ ...marked(), out: outs[0] }),
      await detected({ ...marked(), out: outs[1] }),
    ];
    expect(text).toMatch(/2 pictures with 4 objects of 2 classes\n/);
    expect(text).toMatch(/AP50 on these pictures themselves \d+\.\d%/);
    expect(text).toContain("objects that are not marked in these pictures are taken for none of the classes");
    expect(text).toMatch(/picture +class +score +box\n/);
    expect(text).toMatch(/Written: 2 pictures and detections\.json in /);
    const [adapted, ...pictures] = events;
    expect(adapted).toMatchObject({ type: "adapted", classes: ["sun", "moon"], objects: { sun: 2, moon: 2 } });
    expect(pictures).toHaveLength(2);
    expect((await readdir(outs[0])).sort()).toEqual(["0.png", "1.png", "detections.json"]);
    for (const name of await readdir(outs[0])) {
      const [a, b] = await Promise.all(outs.map((out) => readFile(join(out, name))));
      expect(Buffer.compare(a!, b!)).toBe(0);
    }
    const coco = JSON.parse(await readFile(join(outs[0], "detections.json"), "utf8"));
    expect(coco.categories).toEqual([
      { id: 1, name: "sun" },
      { id: 2, name: "moon" },
    ]);
    expect(coco.annotations.length).toBeGreaterThan(0);
    for (const { bbox, score, category_id } of coco.annotations) {
      const [x, y, width, height] = bbox;
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(Math.max(x + width, y + height)).toBeLessThanOrEqual(224 + 1e-6);
      expect(score).toBeGreaterThan(0.1);
      expect([1, 2]).toContain(category_id);
    }
  });

  it("writes pictures of one name apart, whatever others are called", async () => {
    await mkdir(inFolder("others"));
    for (const name of ["0.png", "0-2.png"]) await copyFile(inFolder("pictures/0.png"), inFolder(`others/${name}`));
    const images = ["pictures/0.png", "others/0.png", "others/0-2.png"].map(inFolder);
    await detected({ ...marked(), out: inFolder("apart") }, images);
    expect((await readdir(inFolder("apart"))).sort()).toEqual(["0-2-2.png", "0-2.png", "0.png", "detections.json"]);
  });

  it("tells only what is sure enough, and says where that is nothing", async () => {
    const { text } = await detected({ ...marked(), leastScore: 1 });
    expect(text.match(/\.png +nothing/g)).toHaveLength(2);
  });

  it("adapts by steps where the learner takes some, and in a program as by the command", async () => {
    const { text } = await detected({ ...marked(), steps: 2 }, undefined, "steps");
    expect(text).toMatch(/AP50 on these pictures/);
    const model = await load(inFolder("run"));
    const task = await model.adapt(inFolder("marked"), { onNote: () => undefined });
    const [answer] = await task.predict([inFolder("pictures/0.png")]);
    expect(answer).toMatchObject({ width: 224, height: 224 });
    await model.release();
    const { output, text: said } = collected();
    const request = { folder: inFolder("run"), queries: [inFolder("pictures")], chosen: { workers: 1 } };
    await adaptCommand({ ...request, invocation: { support: inFolder("marked") } }, output);
    expect(said()).toMatch(/picture +found +surest\n/);
  });

  it.each([
    ["without marked pictures", {}, ["x"], /there is no --support/],
    ["without pictures", { support: "x" }, [], /there are no --images/],
    ["pictures without marks", { support: "PICTURES" }, ["PICTURES"], /ILD55 .*no marks of pictures/],
    ["what is no picture", { support: "MARKED" }, ["MARKED/marks.json"], /marks\.json/],
  ] as const)("refuses %s", async (_name, invocation, images, problem) => {
    const placed = (text: string): string =>
      text.replace("PICTURES", inFolder("pictures")).replace("MARKED", inFolder("marked"));
    const given = "support" in invocation ? { support: placed(invocation.support) } : {};
    await expect(detected(given, images.map(placed))).rejects.toThrow(problem);
  });

  it("refuses runs of other kinds", async () => {
    await expect(detected(marked(), undefined, "curves")).rejects.toThrow(
      /is of curves, and detect is for runs of detection/,
    );
  });
});
