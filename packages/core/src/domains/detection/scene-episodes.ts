/** Few-shot detection on made scenes: episodes, addressed. */
import { type Tensor, tensor } from "@innerloop/graph";
import { type Random, random } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  describeCount,
  drawCount,
  type Examples,
  TaskError,
  wholeNumber,
} from "../../tasks/task.js";
import { requireObject } from "../../tasks/value-gate.js";
import { poolOf, usableClasses } from "../classification/episodes.js";
import type { LabelledExamples } from "../classification/labelled-examples.js";
import { type DetectionGrid, detectionChannels, detectionMaps } from "./detection-maps.js";
import type { MarkedObject } from "./marked-pictures.js";
import {
  distractorLabel,
  type SceneAddress,
  type SceneCharacter,
  type SceneGenerator,
  type SceneOptions,
  sceneGenerator,
} from "./scenes.js";

/** Targets of pictures: what a detector is to say on its grid, and the boxes that it was made from. */
export type DetectionTargets = {
  /** float32 [pictures, rows, columns, N + 8]: see `detectionMaps`. */
  readonly maps: Tensor;
  /**
   * float32 [pictures, most, 6], those of a picture first: x, y, width, height in pixels, the label (-1: of none of the
   * classes), and 1 for a box that is there: 2 for that of a crowd, 3 for that of a difficult object, which judgement leaves
   * out. All 0 where there is none.
   */
  readonly boxes: Tensor;
};

/** Options of `sceneEpisodes`. */
export interface SceneEpisodeOptions {
  /** Classes of a task (N). */
  readonly ways: number;
  /** Support scenes (K), each with an object of every class. */
  readonly shots: number;
  /** Query scenes; 4 unless given. */
  readonly queries?: number;
  /** Objects of a query scene, of any of the classes; from 2 to 4 unless given. */
  readonly queryObjects?: Count;
  /** Further classes of a task, of which distractors are; 3 unless given. */
  readonly distractorClasses?: number;
  /** Distractors of a support scene, of as many classes; 1 unless given. */
  readonly supportDistractors?: number;
  /** Distractors of a query scene, of as many classes; 2 unless given. */
  readonly queryDistractors?: number;
  /**
   * What maps of support scenes have of distractors: objects of none of the classes (unless given), as data that are marked
   * throughout have them; or cells of no weight, as of pictures on which a user marked the objects of N classes and no
   * others.
   */
  readonly supportMaps?: "all objects" | "objects of the classes";
  /** Pixels of a cell's side, of which the canvas is a multiple; 4 unless given. */
  readonly stride?: number;
  /** Leave out classes with too few examples, rather than refuse them. */
  readonly skipSmallClasses?: boolean;
  /** The look of scenes. */
  readonly scenes?: SceneOptions;
}

/**
 * Episodes of detection on scenes: N classes in random order, whose places in that order are their labels, and further
 * classes that only distractors are of. Each of the K support scenes shows every class once, each query scene a few objects
 * of any of the classes; both have distractors, drawn from the same few classes throughout a task, so that what is no object
 * of the task looks like one.
 *
 * Drawings of a class in support scenes are in no query scene; in each support scene is another one. Where scenes are, what
 * they show and how it looks are functions of (seed, index) and the options alone: see `sceneGenerator`.
 *
 * Shapes: support x [shots, size, size, channels] and query x [queries, size, size, channels] float32, from 0 to 1; y
 * `DetectionTargets` on a grid of size / stride.
 *
 * Give base classes for training and novel ones for evaluation: all classes of a task, those of distractors too, are of the
 * same data. The pool's draws hold the N classes, and then those of distractors.
 *
 * Kang et al. 2019, "Few-shot object detection via feature reweighting", for base and novel classes.
 *
 * @throws ILT201 where an option is out of range, the canvas is no multiple of the stride, or the objects of a scene hardly
 * ever fit; ILT314 for data that are no drawings of characters; ILT401 where `skipSmallClasses` is
 * not set and a class has no more than K examples; ILT402 where there are fewer classes than N and those of distractors
 * @example
 * const { train, test } = splitClasses(characters, { train: 700, test: 200 }, 1);
 * sceneEpisodes(train, { ways: 3, shots: 1 }).sample(splitSeed(1, "train"), 0);
 * sceneEpisodes(test, { ways: 3, shots: 1, scenes: sceneLevels.clutter });
 */
export function sceneEpisodes(
  data: LabelledExamples,
  options: SceneEpisodeOptions,
): DescribedTaskSource<Tensor, DetectionTargets> {
  const setting = checkedOptions(options);
  const { ways, shots, queries, queryObjects, distractorClasses, supportDistractors, queryDistractors } = setting;
  const classes = usableClasses(data, operation, {
    count: ways + distractorClasses,
    asked: `${ways} ways and ${distractorClasses} classes of distractors`,
    needed: shots + 1,
    taken: `${shots} support scenes and any query`,
    skipSmallClasses: setting.skipSmallClasses,
  });
  const generator = sceneGenerator({ ...data, classes }, setting.scenes);
  const { size, channels } = generator.options;
  const grid = gridOf(size, setting.stride, ways);
  const mostObjects = Math.max(
    ways + supportDistractors,
    countRange(queryObjects, operation, "").to + queryDistractors,
  );
  requireRoom(generator, classes, mostObjects);
  const chosenBy = (source: Random): number[] => source.choose(classes.length, ways + distractorClasses);
  const sets = { generator, grid, mostObjects, size, channels };

  return {
    name: `${data.name} scenes ${ways}-way ${shots}-shot`,
    description: {
      data: data.name,
      classes: classes.length,
      ways,
      supportScenes: shots,
      queryScenes: queries,
      queryObjects: describeCount(queryObjects),
      distractorClasses,
      supportDistractors,
      queryDistractors,
      supportMaps: setting.supportMaps,
      stride: setting.stride,
      skippedClasses: data.classes.length - classes.length,
      ...describeScenes(generator.options),
      generator: "scenes, version 1",
    },
    spec: {
      x: { shape: [size, size, channels], dtype: "float32", range: { least: 0, most: 1 } },
      y: {
        maps: { shape: [...grid.grid, detectionChannels(ways).count], dtype: "float32" },
        boxes: { shape: [mostObjects, numbersOfBox], dtype: "float32" },
      },
      support: { rows: shots },
      query: { rows: queries },
    },
    pool: poolOf(classes, (seed, index) => chosenBy(random(seed, index))),
    sample(seed, index) {
      const source = random(seed, index);
      const chosen = chosenBy(source);
      const known = chosen.slice(0, ways);
      // Drawings of each class, in random order: the first are the support set's.
      const drawings = known.map((place) => {
        const { count } = classes[place]!;
        return source.choose(count, count);
      });
      const distractors = (count: number): SceneCharacter[] =>
        source.choose(distractorClasses, count).map((i) => {
          const place = chosen[ways + i]!;
          return { class: place, example: source.integer(classes[place]!.count), label: distractorLabel };
        });
      const support = Array.from({ length: shots }, (_, shot) => [
        ...known.map((place, label) => ({ class: place, example: drawings[label]![shot]!, label })),
        ...distractors(supportDistractors),
      ]);
      const query = Array.from({ length: queries }, () => [
        ...Array.from({ length: drawCount(queryObjects, source) }, () => {
          const label = source.integer(ways);
          const rest = drawings[label]!;
          const example = rest[shots + source.integer(rest.length - shots)]!;
          return { class: known[label]!, example, label };
        }),
        ...distractors(queryDistractors),
      ]);
      const unmarked = setting.supportMaps === "objects of the classes";
      // Counters 1 and 2 are those of dropout and of changes of images.
      return {
        support: picturesOf(support, (scene) => [seed, index, 3, scene], { ...sets, unmarked }),
        query: picturesOf(query, (scene) => [seed, index, 4, scene], sets),
      };
    },
  };
}

const operation = "sceneEpisodes";

/** @throws ILT201 */
function checkedOptions(given: SceneEpisodeOptions) {
  requireObject(given, operation, "the second argument", "Give { ways, shots }");
  const setting = {
    queries: 4,
    queryObjects: { from: 2, to: 4 } as Count,
    distractorClasses: 3,
    supportDistractors: 1,
    queryDistractors: 2,
    supportMaps: "all objects" as const,
    stride: 4,
    skipSmallClasses: false,
    scenes: {},
    ...given,
  };
  for (const name of ["ways", "shots", "queries", "stride"] as const) wholeNumber(setting[name], operation, name);
  countRange(setting.queryObjects, operation, "queryObjects");
  for (const name of ["distractorClasses", "supportDistractors", "queryDistractors"] as const)
    wholeNumber(setting[name], operation, name, 0);
  for (const name of ["supportDistractors", "queryDistractors"] as const) {
    if (setting[name] <= setting.distractorClasses) continue;
    const problem = `${name} is ${setting[name]}, of ${setting.distractorClasses} classes`;
    throw new TaskError("ILT201", operation, problem, "Distractors of a scene are of different classes: raise these");
  }
  if (!["all objects", "objects of the classes"].includes(setting.supportMaps)) {
    const problem = `supportMaps is ${String(setting.supportMaps)}`;
    throw new TaskError("ILT201", operation, problem, 'Give "all objects" or "objects of the classes"');
  }
  return setting;
}

/** @throws ILT201 where cells and canvas do not end together */
function gridOf(size: number, stride: number, classes: number): DetectionGrid {
  if (size % stride === 0) return { grid: [size / stride, size / stride], stride, classes };
  const problem = `a canvas of ${size} pixels in cells of ${stride}`;
  throw new TaskError("ILT201", operation, problem, "Give a size that is a multiple of the stride");
}

/** Scenes that are tried beforehand, and draws that each of them may take: far fewer than lead to an error later. */
const [trialScenes, mostTrialDraws] = [16, 10];

/** @throws ILT201 where scenes of so many objects are so crowded that tasks might not be had */
function requireRoom(generator: SceneGenerator, classes: LabelledExamples["classes"], objects: number): void {
  for (let trial = 0; trial < trialScenes; trial++) {
    const source = random(trial);
    const characters = Array.from({ length: objects }, () => {
      const place = source.integer(classes.length);
      return { class: place, example: source.integer(classes[place]!.count), label: 0 };
    });
    if (generator.draws([0, trial], characters) <= mostTrialDraws) continue;
    const { size, sizes } = generator.options;
    const problem = `${objects} objects of ${sizes.join(" to ")} pixels hardly ever fit ${size} x ${size} without more overlap`;
    throw new TaskError("ILT201", operation, problem, "Lower ways, queryObjects or sizes, or raise size or overlap");
  }
}

/** The options of scenes as results state them. */
const describeScenes = (options: Required<SceneOptions>): Record<string, number | string> =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Array.isArray(value) ? value.join(" to ") : value]),
  ) as Record<string, number | string>;

/** @internal x, y, width, height, label, and whether and how it is there. */
export const numbersOfBox = 6;

/** How an object is there, in the last number of its row. */
const [usual, ofCrowd, ofDifficult] = [1, 2, 3] as const;

function picturesOf(
  scenes: readonly (readonly SceneCharacter[])[],
  addressOf: (scene: number) => SceneAddress,
  setting: {
    readonly generator: SceneGenerator;
    readonly grid: DetectionGrid;
    readonly mostObjects: number;
    readonly size: number;
    readonly channels: number;
    /** Whether distractors are not marked, and maps without weight there. */
    readonly unmarked?: boolean;
  },
): Examples<Tensor, DetectionTargets> {
  const { generator, grid, mostObjects, size, channels, unmarked = false } = setting;
  const count = scenes.length;
  const shapes = {
    x: [size, size, channels],
    maps: [...grid.grid, detectionChannels(grid.classes).count],
    boxes: [mostObjects, numbersOfBox],
  };
  const sizes = {
    x: size * size * channels,
    maps: shapes.maps.reduce((a, b) => a * b, 1),
    boxes: mostObjects * numbersOfBox,
  };
  const [x, maps, boxes] = [sizes.x, sizes.maps, sizes.boxes].map((numbers) => new Float32Array(count * numbers)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  scenes.forEach((characters, scene) => {
    const { pixels, objects, distractors } = generator.draw(addressOf(scene), characters);
    const left: readonly MarkedObject[] = unmarked
      ? distractors.map((object) => ({ ...object, difficult: true }))
      : distractors;
    x.set(pixels, scene * sizes.x);
    maps.set(detectionMaps([...objects, ...left], grid), scene * sizes.maps);
    boxes.set(boxRows([...objects, ...distractors]), scene * sizes.boxes);
  });
  return {
    x: tensor(x, [count, ...shapes.x]),
    y: { maps: tensor(maps, [count, ...shapes.maps]), boxes: tensor(boxes, [count, ...shapes.boxes]) },
  };
}

/** The rows of `DetectionTargets.boxes` that objects have, one after another. */
export const boxRows = (objects: readonly MarkedObject[]): number[] =>
  objects.flatMap(({ box: { x, y, width, height }, label, crowd, difficult }) => [
    ...[x, y, width, height, label],
    crowd ? ofCrowd : difficult ? ofDifficult : usual,
  ]);

/** The marked objects of one picture of `DetectionTargets`, those with the label -1 too. */
export function boxesOf({ boxes }: Pick<DetectionTargets, "boxes">, picture: number): MarkedObject[] {
  const [, most = 0] = boxes.shape;
  const values = boxes.data as Float32Array;
  return Array.from({ length: most }, (_, i) => (picture * most + i) * numbersOfBox)
    .filter((at) => values[at + 5] !== 0)
    .map((at) => {
      const [x, y, width, height, label, kind] = Array.from(values.subarray(at, at + numbersOfBox)) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      return {
        ...{ box: { x, y, width, height }, label },
        ...(kind === ofCrowd ? { crowd: true as const } : {}),
        ...(kind === ofDifficult ? { difficult: true as const } : {}),
      };
    });
}
