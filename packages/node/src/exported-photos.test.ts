/** Runs of photos, whose cells a frozen encoder makes, as exported folders: they find what `innerloop detect` finds. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DetectionAnswer, ExportedLearner, ExportedObject, ObjectAnswer } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { backboneFolder, cellModel, cellSettings } from "./backbones/made-up-backbones.fixture.js";
import { ranCard } from "./card-programs.fixture.js";
import { collected } from "./cli/collected-output.fixture.js";
import { exportCommand } from "./cli/commands/export-command.js";
import { onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { writePhotos } from "./photos.fixture.js";
import { load } from "./runs/load.js";

type Detector = ExportedLearner<readonly ObjectAnswer[]>;

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-photos");
const runs = ["prototypes", "sides", "anil"] as const;

interface Marks {
  readonly images: readonly { readonly id: number; readonly file_name: string }[];
  readonly annotations: readonly { readonly image_id: number; readonly category_id: number; readonly bbox: number[] }[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
}

/** The photos of a folder with what is marked in them. */
async function markedIn(folder: string): Promise<readonly { input: string; objects: readonly ExportedObject[] }[]> {
  const marks = JSON.parse(await readFile(join(folder, "marks.json"), "utf8")) as Marks;
  return marks.images.map(({ id, file_name }) => ({
    input: join(folder, file_name),
    objects: marks.annotations.flatMap(({ image_id, category_id, bbox }) => {
      const { name } = marks.categories.find((category) => category.id === category_id)!;
      return image_id === id ? [{ label: name, box: bbox as unknown as ExportedObject["box"] }] : [];
    }),
  }));
}

beforeAll(async () => {
  vi.stubEnv("INNERLOOP_CACHE", "off");
  const backbone = await backboneFolder(inFolder("encoders"), { model: cellModel(64), settings: cellSettings(64) });
  await writePhotos(inFolder("photos"), 18, { parts: true });
  await writePhotos(inFolder("support"), 4);
  await writePhotos(inFolder("asked"), 9);
  const common = { data: inFolder("photos"), backbone, shots: 2, queries: 3 };
  await train("prototypes", "photos", common);
  await train("sides", "photos", { ...common, boxes: "sides of the class" });
  await train("anil", "photos", {
    ...common,
    learner: "anil",
    steps: 2,
    iterations: 40,
    evalSteps: [0, 2],
    headWidth: 8,
  });
  for (const run of runs)
    expect(await exported(run, { maxSupport: 6 })).toMatch(
      /20 held-out tasks through these files and through the run: the largest difference is/,
    );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await remove();
});

const support = () => markedIn(inFolder("support"));
const asked = [2, 5, 7].map((i) => inFolder(`asked/${i}.png`));

/** That two lists of objects are the same but for rounding. */
function expectSame(found: readonly ObjectAnswer[], own: DetectionAnswer): void {
  expect(found.map(({ label }) => label)).toEqual(own.objects.map((object) => object.class));
  found.forEach(({ box, probability }, i) => {
    expect(probability).toBeCloseTo(own.objects[i]!.score, 4);
    box.forEach((number, at) => {
      expect(number).toBeCloseTo(own.objects[i]!.box[at]!, 2);
    });
  });
}

describe.each(runs)("a run of photos, %s", (run) => {
  let learner: Detector;
  beforeAll(async () => {
    learner = await load<Detector>(inFolder(`exported-${run}`));
  });
  afterAll(() => learner.dispose());

  test("finds what the run itself finds, in the picture's own pixels", async () => {
    const model = await load(inFolder(run));
    const { usual } = learner.config.steps;
    const steps = usual === undefined ? {} : { steps: usual };
    const ofRun = await model.adapt(inFolder("support"), { onNote: () => undefined, ...steps });
    const own = (await ofRun.predict([...asked])) as unknown as readonly DetectionAnswer[];
    const task = await learner.adapt(await inOrder(ofRun.support.classes!));
    expect(task.classes).toEqual(ofRun.support.classes);
    const found = await task.predict([asked[0]!, await readFile(asked[1]!), asked[2]!]);
    expect(found.flat().length).toBeGreaterThan(0);
    found.forEach((objects, i) => {
      expectSame(objects, own[i]!);
    });
    await model.release();
  });

  test("a task is bytes and comes back, and examples come and go", async () => {
    const marked = await support();
    const task = await learner.adapt(marked.map((each, i) => ({ ...each, id: `photo ${i}` })));
    const answers = await task.predict(asked);
    const back = await learner.restore(task.save());
    expect(await back.predict(asked)).toEqual(answers);
    expect(await (await back.with([])).predict(asked)).toEqual(answers);
    const fewer = await task.without(["photo 3"]);
    expect(await fewer.predict(asked)).toEqual(await (await learner.adapt(marked.slice(0, 3))).predict(asked));
  });

  test("has the encoder as a file of its own, and verifies", async () => {
    expect(await readdir(inFolder(`exported-${run}/onnx`))).toContain("backbone.onnx");
    expect(await verified(`exported-${run}`)).toMatch(/up to 6 examples, up to 2 classes\n.*7 files/);
    const { innerloop, architectures } = JSON.parse(await readFile(inFolder(`exported-${run}/config.json`), "utf8"));
    expect(architectures).toEqual(["FewShotObjectDetector"]);
    expect(innerloop).toMatchObject({
      answers: { kind: "objects", ways: 2, stride: 8, least: 0.1, most: 100, overlap: 0.35 },
      inputs: { kind: "encoded-picture", shape: [8, 8, 6], backbone: { size: [64, 64], output: "map" } },
    });
    const preprocessor = JSON.parse(await readFile(inFolder(`exported-${run}/preprocessor_config.json`), "utf8"));
    expect(preprocessor).toMatchObject({
      pad_value: 114,
      do_normalize: true,
      image_mean: [127 / 255, 127 / 255, 127 / 255],
    });
  });
});

/** The marked photos, of which those with the first class come first. */
async function inOrder(classes: readonly string[]) {
  const marked = await support();
  const first = marked.findIndex(({ objects }) => objects[0]?.label === classes[0]);
  return [marked[first]!, ...marked.filter((_, i) => i !== first)];
}

test("with one class of two it answers as the run that is given one", async () => {
  const model = await load(inFolder("prototypes"));
  const marked = (await support()).map(({ input, objects }) => ({
    input,
    objects: objects.filter(({ label }) => label === "brick"),
  }));
  const one = inFolder("one");
  await writePhotos(one, 4);
  const marks = JSON.parse(await readFile(join(one, "marks.json"), "utf8")) as Marks;
  const { id } = marks.categories.find(({ name }) => name === "brick")!;
  const left = {
    images: marks.images,
    annotations: marks.annotations.filter((each) => each.category_id === id),
    categories: marks.categories.filter((each) => each.id === id),
  };
  await writeFile(join(one, "marks.json"), JSON.stringify(left));
  const ofRun = await model.adapt(one, { onNote: () => undefined });
  expect(ofRun.support.classes).toEqual(["brick"]);
  const own = (await ofRun.predict([...asked])) as unknown as readonly DetectionAnswer[];
  const learner = await load<Detector>(inFolder("exported-prototypes"));
  const found = await (await learner.adapt(marked)).predict(asked);
  expect(found.flat().length).toBeGreaterThan(0);
  found.forEach((objects, i) => {
    expectSame(objects, own[i]!);
  });
  await Promise.all([model.release(), learner.dispose()]);
});

test("other data has room for its classes in the programs", async () => {
  await writePhotos(inFolder("more"), 24);
  const file = join(inFolder("more"), "marks.json");
  const marks = JSON.parse(await readFile(file, "utf8")) as {
    categories: object[];
    annotations: { category_id: number }[];
  };
  marks.categories.push({ id: 3, name: "ladder" });
  marks.annotations.forEach((annotation, i) => {
    if (i % 3 === 0) annotation.category_id = 3;
  });
  await writeFile(file, JSON.stringify(marks));
  const { output } = collected();
  const chosen = { workers: 1, data: inFolder("more") };
  await exportCommand({ folder: inFolder("prototypes"), chosen, invocation: { out: inFolder("three") } }, output);
  const learner = await load<Detector>(inFolder("three"));
  expect(learner.config.answers).toMatchObject({ ways: 3 });
  await learner.dispose();
});

test("the card's Python runs, the encoder in it", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  expect(ranCard<number[]>(inFolder("exported-prototypes"), 'list(names["answers"]["names"].shape)')).toEqual([
    2, 8, 8, 3,
  ]);
});
