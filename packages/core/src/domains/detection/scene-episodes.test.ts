import { paths, type Tensor, type Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { specOf } from "../../tasks/source-spec.js";
import { type Split, splitSeed, type Task } from "../../tasks/task.js";
import { symbolicTask } from "../../tasks/task-spec.js";
import { sampleTasks } from "../../training/task-batch.js";
import { type LabelledExamples, splitClasses } from "../classification/labelled-examples.js";
import { detectionChannels, detectionMaps } from "./detection-maps.js";
import { drawn, glyphs, scribbles } from "./glyphs.fixture.js";
import type { Box, MarkedObject } from "./marked-pictures.js";
import { boxesOf, type DetectionTargets, type SceneEpisodeOptions, sceneEpisodes } from "./scene-episodes.js";
import { sceneLevels } from "./scenes.js";

/**
 * Bars of 26 pixels whose class is their height, from 3 to 21, and whose example is where they have a gap: both can be read
 * in a scene that has them upright, in one size and without noise.
 */
const gapOf = (example: number): number => 4 + 4 * example;
const bars = glyphs([30, 30], 10, 5, (place, example) =>
  drawn([30, 30], (row, column) =>
    Number(row >= 2 && row < 5 + 2 * place && column >= 2 && column < 28 && column - 2 !== gapOf(example)),
  ),
);
const readable = { sizes: [26, 26], rotation: 0, noise: 0 } as const;

type SceneTask = Task<Tensor, DetectionTargets>;
const sets = ["support", "query"] as const;

/** Class and example of the bar in a box. */
function read(task: SceneTask, set: (typeof sets)[number], picture: number, { x, y, width, height }: Box) {
  const size = 112;
  const pixels = (task[set].x.data as Float32Array).subarray(picture * size * size, (picture + 1) * size * size);
  const row = Array.from({ length: width }, (_, i) => pixels[(y + (height >> 1)) * size + x + i]!);
  expect(width).toBe(26);
  // A height that is odd may have half a pixel more on either side.
  return { place: (height - 3) >> 1, example: (row.indexOf(Math.min(...row)) - 4) / 4 };
}

/** All that is in the scenes of a task: label, class and example. */
const contents = (task: SceneTask, set: (typeof sets)[number]) =>
  Array.from({ length: task[set].x.shape[0]! }, (_, picture) =>
    boxesOf(task[set].y, picture).map(({ box, label }) => ({ label, ...read(task, set, picture, box) })),
  );

const valuesOf = ({ support, query }: SceneTask): unknown[] =>
  [support, query].flatMap(({ x, y }) => [x, y.maps, y.boxes].map(({ data, shape }) => [shape, data]));

const characters = scribbles(12, 5);

describe("tasks", () => {
  const source = sceneEpisodes(bars, { ways: 3, shots: 2, scenes: readable });

  test("show every class once in each support scene, with a distractor", () => {
    for (let index = 0; index < 20; index++) {
      for (const scene of contents(source.sample(1, index), "support")) {
        expect(scene.map(({ label }) => label)).toEqual([0, 1, 2, -1]);
        expect(new Set(scene.map(({ place }) => place)).size).toBe(4);
      }
    }
  });

  test("have from 2 to 4 objects of any of the classes in query scenes, and two distractors", () => {
    const counts = new Map<number, number>();
    const labels = [0, 0, 0];
    let repeated = 0;
    for (let index = 0; index < 150; index++) {
      for (const scene of contents(source.sample(2, index), "query")) {
        const objects = scene.filter(({ label }) => label >= 0);
        const distractors = scene.slice(objects.length);
        expect(distractors.map(({ label }) => label)).toEqual([-1, -1]);
        expect(new Set(distractors.map(({ place }) => place)).size).toBe(2);
        counts.set(objects.length, (counts.get(objects.length) ?? 0) + 1);
        for (const { label } of objects) labels[label]!++;
        if (new Set(objects.map(({ label }) => label)).size < objects.length) repeated++;
      }
    }
    expect([...counts.keys()].sort()).toEqual([2, 3, 4]);
    // A third of 600 each: the deviation is 11.5. Of two, three and four objects two are of one class in 1/3, 7/9 and 1.
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(5 * 11.5);
    expect(Math.abs(repeated / 600 - 19 / 27)).toBeLessThan(5 * 0.019);
    const total = labels.reduce((a, b) => a + b);
    for (const count of labels) expect(Math.abs(count / total - 1 / 3)).toBeLessThan(5 * 0.012);
  });

  test("name classes as the pool's draws do, and take distractors from the further ones", () => {
    const { pool } = source;
    expect(pool).toMatchObject({ of: "classes", count: 10, examples: 50 });
    const [seen, seenApart] = [new Set<number>(), new Set<number>()];
    for (let index = 0; index < 40; index++) {
      const places = pool!.drawn(3, index);
      expect(new Set(places).size).toBe(6);
      const task = source.sample(3, index);
      for (const { label, place } of sets.flatMap((set) => contents(task, set).flat())) {
        if (label >= 0) expect(place).toBe(places[label]);
        else expect(places.slice(3)).toContain(place);
        (label >= 0 ? seen : seenApart).add(place);
      }
    }
    expect([seen.size, seenApart.size]).toEqual([10, 10]);
  });

  test("draw other examples of a class in query scenes than in support scenes, and another in each of these", () => {
    let different = 0;
    for (let index = 0; index < 40; index++) {
      const task = source.sample(4, index);
      const [support, query] = sets.map((set) => contents(task, set).flat());
      for (const label of [0, 1, 2]) {
        const [told, asked] = [support!, query!].map((all) =>
          all.filter((one) => one.label === label).map(({ example }) => example),
        );
        expect(new Set(told).size).toBe(2);
        for (const example of asked!) expect(told).not.toContain(example);
        different = Math.max(different, new Set(asked).size);
      }
    }
    expect(different).toBe(3);
  });

  test("are of one part of the classes", () => {
    const parts = splitClasses(bars, { train: 5, validation: 0, test: 5, order: "given" });
    for (const [part, first] of [
      ["train", 0],
      ["test", 5],
    ] as const) {
      const ofPart = sceneEpisodes(parts[part], { ways: 3, shots: 1, distractorClasses: 2, scenes: readable });
      for (let index = 0; index < 15; index++) {
        const task = ofPart.sample(1, index);
        for (const { place } of sets.flatMap((set) => contents(task, set).flat())) {
          expect(place).toBeGreaterThanOrEqual(first);
          expect(place).toBeLessThan(first + 5);
        }
      }
    }
  });
});

describe("an address", () => {
  const source = sceneEpisodes(characters, { ways: 3, shots: 2, scenes: sceneLevels.hard });

  test("has the same bits alone and beside others, of this source and of an equal one", () => {
    const alone = valuesOf(sceneEpisodes(characters, { ways: 3, shots: 2, scenes: sceneLevels.hard }).sample(9, 5));
    for (let index = 0; index < 5; index++) source.sample(9, index);
    expect(valuesOf(source.sample(9, 5))).toEqual(alone);
    expect(valuesOf(source.sample(9, 6))).not.toEqual(alone);
    expect(valuesOf(source.sample(10, 5))).not.toEqual(alone);
  });

  test("has other scenes in its two sets and in each of them", () => {
    const even = sceneEpisodes(characters, { ways: 3, shots: 3, scenes: { noise: 0 } });
    const backgrounds = Array.from({ length: 10 }, (_, index) => even.sample(9, index)).flatMap(({ support, query }) =>
      [support.x, query.x].flatMap(({ data, shape }) =>
        Array.from({ length: shape[0]! }, (_, i) =>
          Math.min(...(data as Float32Array).subarray(i * 112 * 112, (i + 1) * 112 * 112)),
        ),
      ),
    );
    expect(new Set(backgrounds).size).toBe(10 * 7);
  });

  test("of another split is another task", () => {
    const seeds = (["train", "validation", "test"] as const satisfies readonly Split[]).map((split) =>
      splitSeed(1, split),
    );
    expect(new Set(seeds.map((seed) => source.pool!.drawn(seed, 0).join(" "))).size).toBe(3);
  });
});

describe("tensors", () => {
  test.each([
    ["plain", { ways: 3, shots: 1 }, 6, 1, 28],
    ["hard", { ways: 3, shots: 1, scenes: sceneLevels.hard }, 6, 3, 28],
    ["5 ways", { ways: 5, shots: 3, queries: 2, queryObjects: 1, stride: 8 }, 6, 1, 14],
    [
      "no distractors",
      { ways: 1, shots: 1, distractorClasses: 0, supportDistractors: 0, queryDistractors: 0 },
      4,
      1,
      28,
    ],
  ] satisfies [string, SceneEpisodeOptions, number, number, number][])(
    "are as the spec says: %s",
    (_name, options, most, channels, cells) => {
      const source = sceneEpisodes(characters, options);
      const { ways, shots, queries = 4 } = options as SceneEpisodeOptions;
      expect(specOf(source)).toBe(source.spec);
      expect(source.spec).toEqual({
        x: { shape: [112, 112, channels], dtype: "float32", range: { least: 0, most: 1 } },
        y: {
          maps: { shape: [cells, cells, ways + 8], dtype: "float32" },
          boxes: { shape: [most, 6], dtype: "float32" },
        },
        support: { rows: shots },
        query: { rows: queries },
      });
      // As training draws them, which holds them to it.
      const stacked = sampleTasks(source, 3, 0, 3);
      expect(stacked.query.y.maps.shape).toEqual([3, queries, cells, cells, ways + 8]);
      expect(paths(symbolicTask(source.spec) as Tree)).toEqual(paths(source.sample(1, 0) as Tree));
    },
  );

  test("hold the maps of the boxes beside them, and pixels that are brighter in these", () => {
    const source = sceneEpisodes(characters, { ways: 3, shots: 2 });
    for (let index = 0; index < 5; index++) {
      const task = source.sample(1, index);
      for (const set of sets) {
        const { x, y } = task[set];
        const size = y.maps.size / y.maps.shape[0]!;
        for (let picture = 0; picture < y.maps.shape[0]!; picture++) {
          const objects = boxesOf(y, picture);
          const maps = detectionMaps(objects, { grid: [28, 28], stride: 4, classes: 3 });
          expect((y.maps.data as Float32Array).subarray(picture * size, (picture + 1) * size)).toEqual(maps);
          expect(maps.filter((_, i) => i % 11 === 1 && maps[i] === 1)).toHaveLength(objects.length);
          const pixels = (x.data as Float32Array).subarray(picture * 112 * 112, (picture + 1) * 112 * 112);
          const background = pixels.toSorted()[pixels.length >> 2]!;
          for (const { box } of objects) {
            let most = 0;
            for (let row = 0; row < box.height; row++)
              for (let column = 0; column < box.width; column++)
                most = Math.max(most, pixels[(box.y + row) * 112 + box.x + column]!);
            expect(most).toBeGreaterThan(background + 0.3);
          }
        }
      }
    }
  });

  test("of pictures with fewer objects than most end in zeros", () => {
    const { y } = sceneEpisodes(characters, { ways: 3, shots: 1 }).sample(1, 0).query;
    const rows = Array.from({ length: 24 }, (_, i) =>
      Array.from((y.boxes.data as Float32Array).subarray(6 * i, 6 * i + 6)),
    );
    const counts = [0, 1, 2, 3].map((picture) => boxesOf(y, picture).length);
    expect(Math.min(...counts)).toBeLessThan(6);
    rows.forEach((row, i) => {
      const there = i % 6 < counts[Math.floor(i / 6)]!;
      expect(row[5]).toBe(there ? 1 : 0);
      if (!there) expect(row).toEqual([0, 0, 0, 0, 0, 0]);
    });
  });

  test("of support scenes in which distractors are not marked have no weight there", () => {
    const [marked, unmarked] = (["all objects", "objects of the classes"] as const).map((supportMaps) =>
      sceneEpisodes(characters, { ways: 3, shots: 2, supportMaps }).sample(1, 0),
    ) as [SceneTask, SceneTask];
    const { none, weight, count } = detectionChannels(3);
    const channel = ({ support }: SceneTask, at: number): number[] =>
      Array.from(support.y.maps.data as Float32Array).filter((_, i) => i % count === at);
    expect(channel(marked, none)).toContain(1);
    expect(channel(marked, weight)).not.toContain(0);
    expect(channel(unmarked, none)).not.toContain(1);
    const weights = channel(unmarked, weight);
    for (const picture of [0, 1]) {
      const { box } = boxesOf(unmarked.support.y, picture).find(({ label }) => label === -1) as MarkedObject;
      const [row, column] = [box.y + box.height / 2, box.x + box.width / 2].map((at) => Math.floor(at / 4));
      expect(weights[(picture * 28 + row!) * 28 + column!]).toBe(0);
    }
    expect(unmarked.support.x.data).toEqual(marked.support.x.data);
    expect(unmarked.support.y.boxes.data).toEqual(marked.support.y.boxes.data);
    expect(valuesOf({ ...unmarked, support: unmarked.query })).toEqual(valuesOf({ ...marked, support: marked.query }));
  });
});

test("the description states the protocol, with the looks of scenes", () => {
  const { name, description } = sceneEpisodes(characters, { ways: 3, shots: 1, scenes: { clutter: 4 } });
  expect(name).toBe("glyphs scenes 3-way 1-shot");
  expect(description).toEqual({
    data: "glyphs",
    classes: 12,
    ways: 3,
    supportScenes: 1,
    queryScenes: 4,
    queryObjects: "2 to 4",
    distractorClasses: 3,
    supportDistractors: 1,
    queryDistractors: 2,
    supportMaps: "all objects",
    stride: 4,
    skippedClasses: 0,
    size: 112,
    channels: 1,
    background: "0 to 0.25",
    ink: "0.6 to 1",
    noise: 0.05,
    sizes: "20 to 36",
    rotation: 12,
    overlap: 1,
    clutter: 4,
    texture: 0,
    generator: "scenes, version 1",
  });
});

describe("what gives no tasks is refused", () => {
  const few: LabelledExamples = { ...characters, classes: characters.classes.slice(0, 5) };
  test.each([
    ["ILT201 sceneEpisodes: ways is 0", characters, { ways: 0 }],
    ["ILT201 sceneEpisodes: shots is 1.5", characters, { shots: 1.5 }],
    ["ILT201 sceneEpisodes: queries is 0", characters, { queries: 0 }],
    ["ILT201 sceneEpisodes: queryObjects.to is 1", characters, { queryObjects: { from: 2, to: 1 } }],
    ["ILT201 sceneEpisodes: queryDistractors is 2, of 1 classes", characters, { distractorClasses: 1 }],
    ["ILT201 sceneEpisodes: supportDistractors is -1", characters, { supportDistractors: -1 }],
    ["ILT201 sceneEpisodes: supportMaps is none", characters, { supportMaps: "none" as "all objects" }],
    ["ILT201 sceneEpisodes: a canvas of 112 pixels in cells of 5", characters, { stride: 5 }],
    ["ILT201 sceneGenerator: texture is -1", characters, { scenes: { texture: -1 } }],
    [
      "ILT201 sceneEpisodes: 14 objects of 30 to 40 pixels hardly ever fit 112 x 112",
      characters,
      { queryObjects: 12, scenes: { sizes: [30, 40] } },
    ],
    ['ILT401 sceneEpisodes: class "glyph 0" of glyphs has 5 examples', characters, { shots: 5 }],
    ["ILT402 sceneEpisodes: 3 ways and 3 classes of distractors of 5 classes in glyphs", few, {}],
  ] satisfies [string, LabelledExamples, Partial<SceneEpisodeOptions>][])("%s", (problem, data, options) => {
    expect(() => sceneEpisodes(data, { ways: 3, shots: 1, ...options })).toThrow(problem);
  });
});
