/** Detection on made scenes by the commands, in this process: what is shown, and what is refused. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collected } from "./collected-output.fixture.js";
import { evalCommand } from "./commands/eval-command.js";
import { trainCommand } from "./commands/train-command.js";

let folder: string;
const small = { iterations: 2, metaBatch: 1, filters: 4, evalTasks: 3, validateEvery: 0, workers: 1 };

async function trained(name: string, chosen: object): Promise<string> {
  const { output, text } = collected();
  const invocation = { run: join(folder, name), skipEvaluation: true };
  await trainCommand({ target: "scenes", chosen: { ...small, ...chosen }, invocation }, output);
  return text();
}

async function evaluated(name: string, chosen: object): Promise<string> {
  const { output, text } = collected();
  await evalCommand({ folder: join(folder, name), chosen: { workers: 1, ...chosen }, invocation: {} }, output);
  return text();
}

let said: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-scenes-"));
  said = await trained("prototypes", {});
  await trained("steps", { learner: "anil", ways: 2 });
});
afterAll(() => rm(folder, { recursive: true }));

describe("innerloop train scenes", () => {
  it("says what scenes are made of, and how a task is made", () => {
    expect(said).toMatch(/scenes of hanzi: 700 characters for training, 100 for validation, 200 for evaluation/);
    expect(said).toMatch(/3-way, 1 support scene and 4 query scenes of 112 x 112, 2 distractors in each of these\n/);
  });

  it.each([
    [{ pictureSize: 110 }, /--picture-size 110\. Give a multiple of 4/],
    [{ pictureSize: 40 }, /ILT201 sceneEpisodes: \d+ objects of 20 to 36 pixels hardly ever fit 40 x 40/],
    [{ learner: "ridge" }, /ridge of objects in pictures|ridge.*detection/],
    [{ ways: 150 }, /150 ways|classes/],
  ])("refuses %o", async (chosen, problem) => {
    await expect(trained("refused", chosen)).rejects.toThrow(problem);
  });
});

describe("innerloop eval of a detector", () => {
  it("tells AP50, AP and what is found without names, beside template matching", async () => {
    const text = await evaluated("prototypes", {});
    for (const row of [/prototype detector +\d/, /template matching +\d/]) expect(text).toMatch(row);
    expect(text).toMatch(/AP50 without names +\d+\.\d% ± /);
    expect(text).toMatch(/AP50 on 3 tasks from 200 held-out classes/);
    expect(text).toMatch(/3-way, 1 support scene, 4 query scenes with 2 distractors/);
    // Intervals are over tasks alone: figures of a whole task have none over classes.
    expect(text).not.toContain("for other classes");
  });

  it("takes more classes, more scenes and harder ones where the model does", async () => {
    const text = await evaluated("prototypes", { ways: 5, shots: 2, level: "clutter", distractors: 0, evalTasks: 2 });
    expect(text).toMatch(/5-way, 2 support scenes, 4 query scenes with 0 distractors/);
  });

  it.each([
    ["prototypes", { level: "colour" }, /--level colour has pictures of 3 channels, and the model takes 1/],
    ["steps", { ways: 3 }, /--ways 3 for a model that names 2 classes\. .*--learner prototype-detector/],
  ])("of %s refuses %o", async (name, chosen, problem) => {
    await expect(evaluated(name, chosen)).rejects.toThrow(problem);
  });
});
