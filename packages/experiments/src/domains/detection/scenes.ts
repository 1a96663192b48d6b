/** Scenes as the tasks of a run: characters that are read and split, and what is made of them. */

import {
  type DetectionTargets,
  detectorNetwork,
  type SceneOptions,
  sceneEpisodes,
  sceneLevels,
} from "@innerloop/core/detection";
import { defaultsOf } from "@innerloop/core/learners";
import type { Tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { DataSplits } from "../classification/data-splits.js";
import { type ClassificationValues, classificationOptions } from "../classification/options.js";
import { loadClasses, loadOtherClasses } from "../classification/reading.js";
import { type ClassificationSpec, parseClassificationSpec } from "../classification/spec.js";
import type { LearnerNeeds, Loaded, Own, SourceTasks } from "../domain.js";
import { areOwnSizes } from "../task-options.js";
import type { DetectionValues } from "./options.js";
import { type PictureSight, pixelValues } from "./picture-sight.js";

/** A record of the characters that scenes are made of, and the shape of a scene. */
export interface SceneSpec extends ClassificationSpec {
  /** Of the characters: `exampleShape` is that of a scene. */
  readonly characterShape: readonly number[];
}

/** Pixels of a side of a cell. */
export const stride = 4;

/** The way in which detectors of scenes see pictures: as scenes are, grey where these are grey. */
export const sceneSight: PictureSight<DetectionValues, SceneSpec> = {
  classesOption: "ways",
  grid: ({ spec }) => {
    const [size] = spec.exampleShape as readonly [number];
    return {
      ...{ size, stride },
      reach: detectorNetwork({ imageShape: [size, size, 1] }).reach,
      decoding: { stride },
      remedy: "train with a larger --picture-size",
    };
  },
  inputs: async ({ spec }, pixels) => {
    const [size, , channels] = spec.exampleShape as readonly [number, number, number];
    return pixelValues(pixels, size, channels);
  },
};

/** The look of scenes by options. */
export const sceneOptionsOf = ({
  level,
  pictureSize,
}: Pick<DetectionValues, "level" | "pictureSize">): SceneOptions => ({
  ...sceneLevels[level],
  size: pictureSize,
});

/** Channels of a scene. */
const channelsOf = ({ level }: Pick<DetectionValues, "level">): number =>
  (sceneLevels[level] as SceneOptions).channels ?? 1;

export const sceneShape = (options: Pick<DetectionValues, "level" | "pictureSize">): readonly number[] => [
  options.pictureSize,
  options.pictureSize,
  channelsOf(options),
];

/** The options by which characters are read, as those of data sets of classes. */
const ofCharacters = ({
  data,
  ways,
  shots,
  validationClasses,
  testClasses,
}: DetectionValues): ClassificationValues => ({
  ...defaultsOf(classificationOptions),
  data,
  // As many classes again are those of distractors.
  ways: Math.max(2, 2 * ways),
  shots,
  queries: 1,
  split: {
    name: "classes",
    classOrder: "shuffled",
    rotations: "no",
    ...(validationClasses === undefined ? {} : { validationClasses }),
    ...(testClasses === undefined ? {} : { testClasses }),
  },
});

type OwnScenes = Own<DetectionValues, SceneSpec>;

const charactersOf = ({
  options,
  spec,
}: Partial<OwnScenes>): Partial<Own<ClassificationValues, ClassificationSpec>> => ({
  ...(options ? { options: ofCharacters(options) } : {}),
  ...(spec ? { spec: { ...spec, exampleShape: spec.characterShape } } : {}),
});

const withScenes = (
  { spec, ...rest }: Loaded<DataSplits, ClassificationSpec>,
  options: DetectionValues,
): Loaded<DataSplits, SceneSpec> => ({
  ...rest,
  ...(spec ? { spec: { ...spec, characterShape: spec.exampleShape, exampleShape: sceneShape(options) } } : {}),
});

/** Characters that scenes are made of. */
export async function loadScenes(
  options: DetectionValues,
  io: DataIo,
  work: LongWork,
  { own = {}, ...needs }: Pick<LearnerNeeds, "training"> & { readonly own?: Partial<OwnScenes> | undefined },
): Promise<Loaded<DataSplits, SceneSpec>> {
  return withScenes(await loadClasses(ofCharacters(options), io, work, { ...needs, own: charactersOf(own) }), options);
}

/** Those of another data set than a run's own. */
export async function loadOtherScenes(
  options: DetectionValues,
  io: DataIo,
  work: LongWork,
  { own, ...needs }: LearnerNeeds & { readonly own: OwnScenes },
): Promise<Loaded<DataSplits, SceneSpec> & { readonly isOwn?: boolean }> {
  const ofRun = charactersOf(own) as Own<ClassificationValues, ClassificationSpec>;
  const { isOwn, ...found } = await loadOtherClasses(ofCharacters(options), io, work, { ...needs, own: ofRun });
  return { ...withScenes(found, options), ...(isOwn ? { isOwn } : {}) };
}

/** The spec in a value from a file; undefined where it is none. */
export function parseSceneSpec(value: unknown): SceneSpec | undefined {
  const spec = parseClassificationSpec(value);
  const shape = (spec as Partial<SceneSpec> | undefined)?.characterShape;
  const isShape = Array.isArray(shape) && shape.length === 3 && shape.every((n) => Number.isSafeInteger(n) && n >= 1);
  return spec && isShape ? (spec as SceneSpec) : undefined;
}

/** The options that are sizes of a task. */
export const sceneSizes = ["ways", "shots", "queries", "level", "distractors"] as const;

/** Tasks of scenes. */
export function sceneTasks(
  data: DataSplits,
  options: DetectionValues,
  { own }: { readonly own?: DetectionValues | undefined },
): SourceTasks<Tensor, DetectionTargets> {
  const { ways, shots, queries, distractors } = options;
  const source = (part: DataSplits["train"]) =>
    sceneEpisodes(part, {
      ...{ ways, shots, queries },
      distractorClasses: Math.max(3, distractors),
      supportDistractors: Math.min(1, distractors),
      queryDistractors: distractors,
      skipSmallClasses: true,
      scenes: sceneOptionsOf(options),
    });
  const validation = areOwnSizes(sceneSizes, options, own) ? data.validation : data.test;
  return { train: source(data.train), validation: source(validation), test: source(data.test) };
}

/** @throws UsageError for a canvas that cells do not cover */
export function requireCells({ pictureSize }: DetectionValues): void {
  if (pictureSize % stride === 0) return;
  throw new UsageError(`--picture-size ${pictureSize}`, `Give a multiple of ${stride}, the pixels of a cell`);
}
