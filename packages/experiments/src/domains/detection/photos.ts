/** Marked pictures as the tasks of a run: read, split, and seen by a frozen encoder. */
import {
  type DecodingOptions,
  type DetectionTargets,
  letterbox,
  type MarkedObject,
  type PictureFile,
  pictureEpisodes,
  type SeenPictures,
  splitPictures,
  toLetterbox,
} from "@innerloop/core/detection";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { isRecord, quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { FoundMarkedPictures } from "../../picture-io.js";
import type { ImageBackbone } from "../../text-io.js";
import { counted } from "../../words.js";
import { isDataSpec } from "../classification/spec.js";
import type { DataSpec, LearnerNeeds, Loaded, Own, SourceTasks } from "../domain.js";
import { type ImageEncoderRecord, imageBackboneOf, imageRecordOf, isImageEncoderRecord } from "../image-encoders.js";
import { requireRecord } from "../kept-encoders.js";
import { mostQueries, type PhotoValues, trainQueries } from "./photo-options.js";
import type { PictureSight } from "./picture-sight.js";

/** A record of pictures and of what sees them: `exampleShape` is [rows, columns, features] of a picture's cells. */
export interface PhotoSpec extends DataSpec {
  readonly classNames: readonly string[];
  /** Pixels of a side of the square that the encoder is shown. */
  readonly pictureSize: number;
  readonly backbone: ImageEncoderRecord;
}

/** The parts of the pictures of a run. */
export interface PhotoParts {
  readonly train: SeenPictures;
  readonly validation: SeenPictures;
  readonly test: SeenPictures;
}

type OwnPhotos = Own<PhotoValues, PhotoSpec>;

const strideOf = ({ pictureSize, exampleShape }: PhotoSpec): number => pictureSize / exampleShape[0]!;

/** What is said where nothing is known yet of the encoder. */
const usualStride = 8;

/**
 * How detections are read out of maps: of pictures with dozens of objects of a class, whose boxes are much alike in size, so
 * that two of one class that overlap by a third are one.
 */
export const photoDecoding = (spec: PhotoSpec | undefined): DecodingOptions => ({
  stride: spec ? strideOf(spec) : usualStride,
  most: 100,
  overlap: 0.35,
});

/** @internal The way in which detectors of photos see pictures: by the cells of the run's encoder. */
export const photoSight: PictureSight<PhotoValues, PhotoSpec> = {
  classesOption: "namedClasses",
  grid: ({ spec }) => ({
    size: spec.pictureSize,
    stride: strideOf(spec),
    decoding: photoDecoding(spec),
    remedy: "take an encoder of larger pictures (--backbone efficientnet-cells-640)",
  }),
  inputs: async ({ spec }, pixels, io, work) => {
    const encoder = await imageBackboneOf(io, spec.backbone, work);
    return tensor(await encoder.encode(pixels, work), [pixels.length, ...spec.exampleShape]);
  },
};

/**
 * The encoder that options or a run's record name.
 *
 * @throws UsageError for one that makes no square map of squares
 */
async function cellEncoder(
  { backbone: source, backboneOutput: output }: PhotoValues,
  recorded: ImageEncoderRecord | undefined,
  io: DataIo,
  work: LongWork,
): Promise<{ readonly encoder: ImageBackbone; readonly record: ImageEncoderRecord }> {
  const encoder = await imageBackboneOf(io, recorded ?? { source, output }, work);
  const { size, channels, outputShape, name } = encoder;
  const refuse = (problem: string, remedy: string): never => {
    throw new UsageError(`the encoder ${quoted(name)} ${problem}`, remedy);
  };
  if (outputShape.length !== 3)
    refuse(
      `makes ${outputShape.join(" x ")} numbers of a picture, and no map of cells`,
      "Name a map within its graph by --backbone-output, or take --backbone efficientnet-cells",
    );
  const [rows, columns] = outputShape as readonly [number, number, number];
  if (size[0] !== size[1] || rows !== columns || size[0] % rows !== 0)
    refuse(
      `makes ${rows} x ${columns} cells of pictures of ${size.join(" x ")}`,
      "Give one of square pictures, whose size is a multiple of its map's",
    );
  if (channels !== 3) refuse("takes grey pictures", "Give one of colour pictures");
  return { encoder, record: recorded ?? imageRecordOf(encoder, output) };
}

/** Marked pictures that a run is trained on, as its encoder sees them. */
export async function loadPhotos(
  options: PhotoValues,
  io: DataIo,
  work: LongWork,
  { own = {} }: { readonly own?: Partial<OwnPhotos> | undefined },
): Promise<Loaded<PhotoParts, PhotoSpec>> {
  requireRecord(own, options.backbone);
  const found = await markedPictures(options, io, work);
  const { encoder, record } = await cellEncoder(options, own.spec?.backbone, io, work);
  const { classNames, name } = found.pictures;
  if (options.namedClasses !== undefined && options.namedClasses !== classNames.length)
    throw new UsageError(
      `--named-classes ${options.namedClasses} of ${io.shown(options.data)}, in which ${counted(classNames.length, "class is", "classes are")} marked`,
      "Leave it out: tasks are of all classes that are marked",
    );
  const parts = splitPictures(found.pictures.pictures);
  if (parts.train.length === 0 || parts.test.length === 0)
    throw new UsageError(
      `${io.shown(options.data)} has ${counted(parts.train.length, "picture")} for training and ${parts.test.length} to be tested on`,
      "Mark more pictures: a fifth is tested on unless the set says which",
    );
  const seen = async (pictures: readonly PictureFile[], part: string): Promise<SeenPictures> =>
    seenPictures(found, `${name} ${part}`, pictures, { encoder, work });
  const data: PhotoParts = {
    train: await seen(parts.train, "train"),
    validation: await seen(parts.validation, "validation"),
    test: await seen(parts.test, "test"),
  };
  const spec: PhotoSpec = {
    name,
    sha256: found.sha256,
    ...(found.folder === undefined ? {} : { folder: found.folder }),
    exampleShape: encoder.outputShape,
    classNames,
    pictureSize: encoder.size[0],
    backbone: record,
  };
  return { data, spec, notes: [found.found, ...found.notes] };
}

/** Other pictures than a run's own, seen by its encoder: those that they name for training are what support sets are of. @throws UsageError for classes that the model has no names for */
export async function loadOtherPhotos(
  options: PhotoValues,
  io: DataIo,
  work: LongWork,
  { own, learner }: LearnerNeeds & { readonly own: OwnPhotos },
): Promise<Loaded<PhotoParts, PhotoSpec> & { readonly isOwn?: boolean }> {
  const { spec } = own;
  const { namedClasses: _, ...others } = options;
  const loaded = await loadPhotos(others as PhotoValues, io, work, {
    own: { options: own.options, spec: { ...spec, sha256: "" } },
  });
  const [there, named] = [loaded.data.test.classNames.length, spec.classNames.length];
  if (!learner.variableWays && there !== named)
    throw new UsageError(
      `${io.shown(options.data)} has ${counted(there, "class", "classes")}, for a model that names ${named}`,
      "Train one that names any number, as --learner cell-prototypes does",
    );
  return { ...loaded, ...(loaded.spec?.sha256 === spec.sha256 ? { isOwn: true } : {}) };
}

async function markedPictures({ data }: PhotoValues, io: DataIo, work: LongWork): Promise<FoundMarkedPictures> {
  if (data === "")
    throw new UsageError(
      "there are no pictures",
      "Give a folder of marked ones with --data DIR: COCO JSON, Pascal VOC or YOLO text (docs/detection.md)",
    );
  return io.markedPictures(data, {}, work);
}

async function seenPictures(
  { pictures: { classNames }, letterboxed }: FoundMarkedPictures,
  name: string,
  pictures: readonly PictureFile[],
  { encoder, work }: { readonly encoder: ImageBackbone; readonly work: LongWork },
): Promise<SeenPictures> {
  const [size] = encoder.size;
  const [rows, columns, features] = encoder.outputShape as readonly [number, number, number];
  const numbers = rows * columns * features;
  const cells = await encoder.encode(await letterboxed(pictures, size, work), work);
  return {
    name,
    classNames,
    grid: [rows, columns],
    features,
    stride: size / rows,
    pictures: pictures.map(({ width, height, objects }, i) => {
      const place = letterbox(width, height, size);
      return {
        objects: objects.map((object): MarkedObject => ({ ...object, box: toLetterbox(object.box, place) })),
        cells: cells.subarray(i * numbers, (i + 1) * numbers),
      };
    }),
  };
}

/** What is kept of a model that knows its encoder and no pictures. */
export async function untrainedPhotos(options: PhotoValues, io: DataIo, work: LongWork): Promise<PhotoSpec> {
  const { encoder, record } = await cellEncoder(options, undefined, io, work);
  return {
    name: "no pictures",
    sha256: "",
    exampleShape: encoder.outputShape,
    classNames: [],
    pictureSize: encoder.size[0],
    backbone: record,
  };
}

const mostClassNames = 10_000;

/** The spec in a value from a file; undefined where it is none. */
export function parsePhotoSpec(value: unknown): PhotoSpec | undefined {
  if (!isDataSpec(value) || !isRecord(value)) return undefined;
  const { classNames, pictureSize, backbone, exampleShape } = value;
  const [rows, columns] = exampleShape as readonly number[];
  const isSpec =
    (exampleShape as readonly number[]).length === 3 &&
    rows === columns &&
    Number.isSafeInteger(pictureSize) &&
    (pictureSize as number) >= rows! &&
    (pictureSize as number) % rows! === 0 &&
    Array.isArray(classNames) &&
    classNames.length <= mostClassNames &&
    classNames.every((name) => typeof name === "string" && name.length <= 1024) &&
    isImageEncoderRecord(backbone);
  return isSpec ? (value as unknown as PhotoSpec) : undefined;
}

/** Tasks of pictures: support sets of those of training; queries of these, or of another part. */
export function photoTasks(
  { train, validation, test }: PhotoParts,
  { shots, queries }: PhotoValues,
): SourceTasks<Tensor, DetectionTargets> {
  const beside = (asked: SeenPictures) => {
    const most = Math.min(asked.pictures.length, queries ?? mostQueries);
    return pictureEpisodes(train, { shots, asked, queries: most });
  };
  const trained = pictureEpisodes(train, { shots, queries: queries ?? trainQueries });
  return {
    train: trained,
    validation: validation.pictures.length > 0 ? beside(validation) : trained,
    test: beside(test),
  };
}
