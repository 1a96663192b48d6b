/** Detectors as exported folders: pictures and marks as users have them, with the answers of the run itself. */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { random, splitClasses } from "@innerloop/core";
import { boxesOf, decodedDetections, detectionMaps, sceneEpisodes } from "@innerloop/core/detection";
import {
  type DetectionAnswer,
  type ExportedLearner,
  type ExportedObject,
  type Flags,
  filesAtHand,
  type ObjectAnswer,
  openExported,
  verifyExport,
} from "@innerloop/experiments";
import { CodedError } from "@innerloop/graph";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ranCard, ranNodeCard } from "./card-programs.fixture.js";
import { machineIo } from "./data/machine-io.js";
import { onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { portableEngine } from "./executor/portable-engine.js";
import { exportedRuns, filesIn } from "./exported-runs.fixture.js";
import { load } from "./runs/load.js";

type Detector = ExportedLearner<readonly ObjectAnswer[]>;

/** A picture file and what is marked in it, in its own pixels. */
interface Marked {
  readonly input: string;
  readonly objects: readonly ExportedObject[];
}

const { inFolder, train: trained, exported, verified, remove } = await exportedRuns("exported-detectors");
const classNames = ["sun", "moon", "star"];
/** Of scenes, and of their pictures: twice as large, beside a margin. */
const [side, margin] = [112, 64];

/** Scenes as pictures in colours, wider than high, with their marks in COCO's form. */
async function scenes(name: string, ways: number): Promise<{ marked: readonly Marked[]; asked: readonly string[] }> {
  const { examples } = await machineIo.dataset("hanzi", {});
  const { test: characters } = splitClasses(examples, { train: 900, test: 100 }, 1);
  const { support, query } = sceneEpisodes(characters, { ways, shots: 2 }).sample(3, 0);
  const write = async (set: typeof support, place: number): Promise<string> => {
    const grey = (set.x.data as Float32Array).subarray(place * side ** 2, (place + 1) * side ** 2);
    const pixels = Uint8Array.from(
      { length: 3 * grey.length },
      (_, i) => 255 * grey[Math.floor(i / 3)]! * (1 - 0.3 * (i % 3)),
    );
    const file = inFolder(`${name}/${set === support ? "marked" : "asked"}-${place}.png`);
    await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
      .resize(2 * side)
      .extend({ right: margin, background: "#334455" })
      .png()
      .toFile(file);
    return file;
  };
  await mkdir(inFolder(name));
  const marked: Marked[] = [];
  for (const place of [0, 1]) {
    const objects = boxesOf(support.y, place).flatMap(({ box: { x, y, width, height }, label }): ExportedObject[] =>
      label < 0 ? [] : [{ label: classNames[label]!, box: [2 * x, 2 * y, 2 * width, 2 * height] }],
    );
    marked.push({ input: await write(support, place), objects });
  }
  const images = marked.map((_, i) => ({
    id: i + 1,
    file_name: `marked-${i}.png`,
    width: 2 * side + margin,
    height: 2 * side,
  }));
  const annotations = marked.flatMap(({ objects }, i) =>
    objects.map(({ label, box }) => ({ image_id: i + 1, category_id: classNames.indexOf(label) + 1, bbox: box })),
  );
  const categories = classNames.slice(0, ways).map((each, i) => ({ id: i + 1, name: each }));
  const asked = [await write(query, 0), await write(query, 1)];
  await mkdir(inFolder(`${name}-marks`));
  for (const { input } of marked) await writeFile(input.replace(`${name}/`, `${name}-marks/`), await readFile(input));
  const marks = { images, annotations: annotations.map((each, i) => ({ id: i + 1, ...each })), categories };
  await writeFile(inFolder(`${name}-marks/marks.json`), JSON.stringify(marks));
  return { marked, asked };
}

/** Trains on scenes with few channels. */
const train = (name: string, chosen: Flags): Promise<void> => trained(name, "scenes", { filters: 8, ...chosen });

let two: Awaited<ReturnType<typeof scenes>>;
let three: Awaited<ReturnType<typeof scenes>>;
beforeAll(async () => {
  two = await scenes("two", 2);
  three = await scenes("three", 3);
  await train("prototypes", {});
  await train("steps", { learner: "two-stage", steps: 2 });
  await train("anil", { learner: "anil", steps: 2, evalSteps: [0, 2] });
  await train("colour", { level: "colour" });
});
afterAll(remove);

/** That two lists of objects are the same but for rounding. */
function expectSame(found: readonly ObjectAnswer[], own: DetectionAnswer): void {
  expect(found.map(({ label }) => label)).toEqual(own.objects.map((object) => object.class));
  found.forEach(({ box, probability }, i) => {
    expect(probability).toBeCloseTo(own.objects[i]!.score, 3);
    box.forEach((number, at) => {
      expect(number).toBeCloseTo(own.objects[i]!.box[at]!, 1);
    });
  });
}

describe.each([
  ["prototypes", 2],
  ["steps", 3],
  ["anil", 3],
  ["colour", 2],
] as const)("a run of scenes, %s", (run, ways) => {
  let learner: Detector;
  const sets = (): typeof two => (ways === 2 ? two : three);
  const marks = (): string => inFolder(ways === 2 ? "two-marks" : "three-marks");
  beforeAll(async () => {
    expect(await exported(run, { maxSupport: 4 })).toMatch(
      /20 held-out tasks through these files and through the run: the largest difference is/,
    );
    learner = await load<Detector>(inFolder(`exported-${run}`));
  });
  afterAll(() => learner.dispose());

  test("finds what the run itself finds, in the picture's own pixels", async () => {
    const { marked, asked } = sets();
    const model = await load(inFolder(run));
    const usual = learner.config.steps.usual;
    const ofRun = await model.adapt(marks(), {
      onNote: () => undefined,
      ...(usual === undefined ? {} : { steps: usual }),
    });
    const own = (await ofRun.predict([...asked])) as unknown as readonly DetectionAnswer[];
    const task = await learner.adapt(marked);
    expect(task.classes).toEqual(ofRun.support.classes);
    const found = await task.predict(asked);
    expect(found.map((objects) => objects.length).reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
    found.forEach((objects, i) => {
      expectSame(objects, own[i]!);
      expect(objects.map(({ probability }) => probability)).toEqual(
        objects.map(({ probability }) => probability).sort((a, b) => b - a),
      );
      for (const {
        box: [x, y, width, height],
      } of objects) {
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
        expect(x + width).toBeLessThanOrEqual(2 * side + margin + 1e-9);
        expect(y + height).toBeLessThanOrEqual(2 * side + 1e-9);
      }
    });
    // One picture has one list, and the bytes of a file are the file.
    const [first, bytes] = [await task.predict(asked[0]!), await task.predict([await readFile(asked[0]!)])];
    expect(bytes).toEqual([first]);
    expectSame(first, own[0]!);
    await model.release();
  });

  test("a task is bytes and comes back, and examples come and go", async () => {
    const { marked, asked } = sets();
    const task = await learner.adapt(marked.map((each, i) => ({ ...each, id: `picture ${i}` })));
    const answers = await task.predict(asked);
    const back = await learner.restore(task.save());
    expect(await back.predict(asked)).toEqual(answers);
    expect(await (await back.with([])).predict(asked)).toEqual(answers);
    const bare = await learner.restore(task.save({ examples: false }));
    expect(await bare.predict(asked)).toEqual(answers);
    const [first] = marked;
    const one = await learner.adapt([first!]);
    expect(await (await task.without(["picture 1"])).predict(asked)).toEqual(await one.predict(asked));
    // A picture without any object says what is none of them.
    const more = await one.with([{ input: asked[0]!, objects: [] }]);
    expect(more.ids).toEqual(["1", "2"]);
  });
});

test("a task of one learner is adapted to anew by another that takes the same, and by no other", async () => {
  const [prototypes, steps, colour] = await Promise.all(
    ["prototypes", "steps", "colour"].map((run) => load<Detector>(inFolder(`exported-${run}`))),
  );
  const task = await steps!.adapt(three.marked);
  const here = await prototypes!.restore(task.save());
  expect(await here.predict(three.asked)).toEqual(await (await prototypes!.adapt(three.marked)).predict(three.asked));
  await expect(prototypes!.restore(task.save({ examples: false }))).rejects.toThrow(
    /ILE203 task: it is of the learner "two-stage detector"/,
  );
  // Grey is not what that one sees.
  await expect(colour!.restore(task.save())).rejects.toThrow(/ILE203 task: it is of the learner/);
  await trained("curves", "sinusoid", { hidden: [4] });
  await exported("curves");
  const ofCurves = await load<ExportedLearner>(inFolder("exported-curves"));
  const other = (await ofCurves.adapt([{ input: 0, target: 1 }])).save();
  await expect(prototypes!.restore(other)).rejects.toThrow(/ILE203 task/);
  await expect(ofCurves.restore(task.save())).rejects.toThrow(/ILE203 task/);
  await Promise.all([prototypes!, steps!, colour!, ofCurves].map((each) => each.dispose()));
});

describe("examples", () => {
  let learner: Detector;
  beforeAll(async () => {
    learner = await load<Detector>(inFolder("exported-prototypes"));
  });
  afterAll(() => learner.dispose());
  const box = [10, 10, 40, 40];

  test.each<[string, (input: string) => unknown, RegExp]>([
    ["no objects", (input) => [{ input }], /ILE206 example 1: its objects are undefined/],
    ["a label for objects", (input) => [{ input, label: "sun" }], /ILE206 example 1: its objects are undefined/],
    ["no input", () => [{ objects: [] }], /ILE206 example 1: .* has no input/],
    [
      "an object without a label",
      (input) => [{ input, objects: [{ box }] }],
      /ILE206 example 1: the label of its object 1/,
    ],
    [
      "a box of three numbers",
      (input) => [{ input, objects: [{ label: "sun", box: [1, 2, 3] }] }],
      /ILE206 example 1: the box of its object 1 is \[1,2,3\]/,
    ],
    [
      "a box without area",
      (input) => [{ input, objects: [{ label: "sun", box: [1, 2, 0, 3] }] }],
      /ILE206 example 1: the box of its object 1/,
    ],
    [
      "a box outside of the picture",
      (input) => [{ input, objects: [{ label: "sun", box: [288, 2, 9, 9] }] }],
      /ILE206 example 1: the box of its object 1 is \[288, 2, 9, 9\], in a picture of 288 x 224/,
    ],
    ["no object at all", (input) => [{ input, objects: [] }], /ILE206 examples: no object is marked in them/],
    [
      "too many classes",
      (input) => [{ input, objects: ["a", "b", "c", "d"].map((label) => ({ label, box })) }],
      /ILE206 examples: their objects are of 4 classes, and the programs tell 3 apart/,
    ],
    [
      "too many objects",
      (input) => [{ input, objects: new Array(1001).fill({ label: "a", box }) }],
      /ILE206 example 1: it has 1001 objects/,
    ],
    [
      "more pictures than rows",
      (input) => Array.from({ length: 5 }, () => ({ input, objects: [{ label: "a", box }] })),
      /ILE206 examples: there are 5 examples, and the programs take 4/,
    ],
    ["numbers", () => [{ input: [1, 2], objects: [] }], /ILE206 input 1: it is \[1,2\], and no picture/],
    ["bytes that are no image", () => [{ input: new Uint8Array(7), objects: [] }], /ILD51 image 1/],
    ["a folder", () => [{ input: inFolder("two"), objects: [] }], /ILE206 input 1: .*there are 4 images/],
  ])("%s are refused", async (_name, given, problem) => {
    await expect(learner.adapt(given(two.asked[0]!) as never)).rejects.toThrow(problem);
  });

  test("pixels of the square are a picture of its size", async () => {
    const pixels = new Uint8Array(3 * side ** 2).fill(9);
    const task = await learner.adapt([{ input: pixels, objects: [{ label: "a", box: [8, 8, 24, 30] }] }]);
    const [objects] = await task.predict([pixels]);
    for (const {
      box: [x, , width],
    } of objects!)
      expect(x + width).toBeLessThanOrEqual(side);
  });
});

describe("the folder", () => {
  test("is what was said of it, and verifies", async () => {
    expect(await verified("exported-prototypes")).toMatch(
      /prototype detector: up to 4 examples, up to 3 classes\n.*6 files/,
    );
    const { innerloop, architectures } = JSON.parse(
      await readFile(inFolder("exported-prototypes/config.json"), "utf8"),
    );
    expect(architectures).toEqual(["FewShotObjectDetector"]);
    expect(innerloop).toMatchObject({
      answers: { kind: "objects", ways: 3, stride: 4, least: 0.1, most: 30, overlap: 0.5 },
      inputs: { kind: "picture", size: 112, channels: 1, dtype: "uint8" },
      outputs: ["objectness", "names", "box"],
    });
    const card = await readFile(inFolder("exported-prototypes/README.md"), "utf8");
    expect(card).toContain("pipeline_tag: object-detection");
    expect(card).toContain("`query_inputs` uint8 [queries, 112, 112, 3]");
  });

  test("pictures as numbers, three at once: the same answers", async () => {
    const out = inFolder("fixed");
    await exported("prototypes", { out, queries: 3, floatInput: true, maxSupport: 4 });
    const [fixed, free] = await Promise.all([out, inFolder("exported-prototypes")].map((path) => load<Detector>(path)));
    const [a, b] = [
      await (await fixed!.adapt(two.marked)).predict(two.asked),
      await (await free!.adapt(two.marked)).predict(two.asked),
    ];
    a.forEach((objects, i) => {
      expect(objects.map(({ label }) => label)).toEqual(b[i]!.map(({ label }) => label));
      objects.forEach(({ probability }, k) => {
        expect(probability).toBeCloseTo(b[i]![k]!.probability, 3);
      });
    });
    await Promise.all([fixed!.dispose(), free!.dispose()]);
  });

  test("config.json with other values is read within its bounds, or refused", async () => {
    const files = await filesIn(inFolder("exported-prototypes"));
    const engine = portableEngine();
    const source = random(20_261_130, 5);
    const values = [
      null,
      true,
      -1,
      0,
      0.5,
      2,
      8,
      1e9,
      1e300,
      "",
      "numbers",
      "__proto__",
      [],
      {},
      ["box"],
      "float32",
      3,
    ];
    const text = new TextDecoder().decode(files["config.json"]);
    const outcomes = new Map<string, number>();
    const tried = 150;
    for (let i = 0; i < tried; i++) {
      const config = JSON.parse(text);
      const part = config.innerloop[["answers", "inputs", "innerloop"][i % 3]!] ?? config.innerloop;
      const keys = Object.keys(part);
      const name = keys[source.integer(keys.length)]!;
      if (source.integer(5) === 0) delete part[name];
      else part[name] = values[source.integer(values.length)];
      const changed = { ...files, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
      let outcome = "read";
      try {
        const learner = await openExported<readonly ObjectAnswer[]>(filesAtHand(changed), { engine, io: machineIo });
        const task = await learner.adapt(two.marked).catch(coded);
        if (typeof task !== "string") await task.predict(two.asked).catch(coded);
        await learner.dispose();
      } catch (error) {
        outcome = coded(error);
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(["ILE202", "read"]);
    expect(outcomes.get("ILE202")).toBeGreaterThan(tried / 3);
    // A task that is told truly, and is of other numbers than the programs'.
    const expected = files["expected.safetensors"]!.slice();
    expected.fill(64, expected.length - 4);
    const config = JSON.parse(text);
    const sha256 = createHash("sha256").update(expected).digest("hex");
    config.innerloop.files["expected.safetensors"] = { sha256, bytes: expected.length };
    const told = { "expected.safetensors": expected, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
    await expect(verifyExport(filesAtHand({ ...files, ...told }), engine)).rejects.toThrow(/ILE20[25]/);
  });
});

function coded(error: unknown): string {
  if (error instanceof CodedError) return error.code as string;
  throw error;
}

test("the model card's program in Node finds objects", async () => {
  await mkdir(inFolder("card"));
  await copyFile(two.asked[0]!, inFolder("card/one.png"));
  const printed = await ranNodeCard(inFolder("exported-prototypes"), {
    first: `process.chdir(${JSON.stringify(inFolder("card"))});`,
    print: "JSON.stringify(task.classes)",
  });
  const lines = printed.split("\n");
  expect(JSON.parse(lines.at(-1)!)).toEqual(["nut", "bolt"]);
  expect(lines.length).toBeGreaterThan(1);
});

test("the model card's Python runs, makes the same maps of boxes, and finds the same in predictions", async (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  const source = random(7);
  const [cells, stride, classes] = [28, 4, 3];
  // Some are thinner than a cell, some share cells.
  const marked = Array.from({ length: 12 }, (_, i) => {
    const [width, height] = [source.uniform(1, 30), source.uniform(1, 30)];
    const box = { x: source.uniform(0, side - width), y: source.uniform(0, side - height), width, height };
    return { box, label: i % classes };
  });
  const numbers = (size: number, from: number, to: number): number[] =>
    Array.from({ length: cells * cells * size }, () => Math.fround(source.uniform(from, to)));
  const maps = { objectness: numbers(1, -3, 3), names: numbers(classes + 1, -2, 2), box: numbers(4, 0.2, 4) };
  const objects = marked.map(({ box: { x, y, width, height }, label }) => [x, y, width, height, label]);
  const inRows = (list: readonly number[], size: number): unknown =>
    Array.from({ length: cells }, (_, i) =>
      Array.from({ length: cells }, (_, j) => {
        const at = (i * cells + j) * size;
        return size === 1 ? list[at] : list.slice(at, at + size);
      }),
    );
  const given = {
    objects,
    objectness: inRows(maps.objectness, 1),
    names: inRows(maps.names, classes + 1),
    box: inRows(maps.box, 4),
  };
  await writeFile(inFolder("given.json"), JSON.stringify(given));
  const parts = '[np.array(given[part], np.float32) for part in ("objectness", "names", "box")]';
  const made = `[names["maps"](given["objects"]).ravel().tolist(), [list(map(float, each)) for each in names["found"](*${parts})]]`;
  const [mapsInPython, foundInPython] = ranCard<[number[], number[][]]>(
    inFolder("exported-prototypes"),
    `(lambda np, given: ${made})(names["np"], json.load(open(${JSON.stringify(inFolder("given.json"))})))`,
  );
  const own = detectionMaps(marked, { grid: [cells, cells], stride, classes });
  expect(mapsInPython).toHaveLength(own.length);
  mapsInPython.forEach((value, i) => {
    expect(value).toBeCloseTo(own[i]!, 5);
  });
  // All of them, for what overlaps is left to the reader of the card.
  const found = decodedDetections(
    { rows: cells, columns: cells, classes, ...maps },
    { stride, threshold: 0.1, overlap: 1, most: 1000 },
  );
  expect(found.length).toBeGreaterThan(50);
  expect(foundInPython).toHaveLength(found.length);
  const key = ([p, label, x, y]: readonly number[]): string => [p, label, x, y].map((n) => n!.toFixed(3)).join();
  const there = new Set(foundInPython.map(key));
  const missed = found.filter(({ score, label, box }) => !there.has(key([score, label, box.x, box.y])));
  // A digit may fall on either side of its rounding.
  expect(missed.length).toBeLessThan(found.length / 10);
});
