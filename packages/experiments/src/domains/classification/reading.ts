/** From a data set, folder or archive to the parts that tasks are drawn from. */
import type { LabelledExamples } from "@innerloop/core";
import { type DataIo, type FoundExamples, type ImageShape, type LongWork, usualPixels } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { LearnerNeeds, Loaded, Own } from "../domain.js";
import { type ImageEncoderRecord, imageBackboneOf, imageRecordOf } from "../image-encoders.js";
import { requireRecord } from "../kept-encoders.js";
import { examplesNeeded } from "./class-sizes.js";
import { areRows, columnScales, scalesWarning, splitsWithScales, withScales } from "./column-scales.js";
import { invertInPlace, isDarkOnLight, isGreyImage } from "./dark-on-light.js";
import { type DataSplits, splitData, splitWarnings } from "./data-splits.js";
import { encodedExamples, imagesTaken } from "./image-features.js";
import { imagesOfShape, invertedImages } from "./images-of-shape.js";
import type { ClassificationValues } from "./options.js";
import { seenExamples, unseenClasses } from "./seen-examples.js";
import type { ClassificationSpec } from "./spec.js";

type LoadedClasses = Loaded<DataSplits, ClassificationSpec>;
type OwnClasses = Own<ClassificationValues, ClassificationSpec>;

/**
 * @param setting.own of an existing run: the sizes that its model was made for, and the classes of its data set that
 *   were held out, are settled by it; its data are read, named, split and scaled as they were
 */
export async function loadClasses(
  options: ClassificationValues,
  io: DataIo,
  work: LongWork,
  { training, own = {} }: Pick<LearnerNeeds, "training"> & { readonly own?: Partial<OwnClasses> | undefined },
): Promise<LoadedClasses> {
  const recorded = own.spec;
  requireRecord(own, options.backbone);
  const found = await readClasses(options, io, work, recorded);
  const name = recorded?.name ?? found.spec.name;
  const examples = { ...found.examples, name };
  const leastExamples = recorded ? recorded.leastExamples : examplesNeeded(options, training);
  // With tasks of more ways than in training, classes that were trained on would count as held out.
  const raw = splitData(examples, { split: options.split, ways: own.options?.ways ?? options.ways }, leastExamples);
  if (!recorded) for (const text of splitWarnings(raw, options, training, leastExamples)) work.onWarning?.(text);
  // Those of an existing run are its own, whatever was added to the data since; one from before there were any has none.
  // Features of a backbone are on one scale already.
  const isScaled = !own.options && !found.spec.backbone && options.scale === "columns" && areRows(examples);
  const scales = isScaled ? columnScales(raw.train) : recorded?.scales;
  const splits = scales ? splitsWithScales(raw, scales) : raw;
  return {
    data: splits,
    spec: {
      ...found.spec,
      name,
      trainClasses: splits.train.classes.length,
      ...(scales ? { scales } : {}),
      ...(leastExamples === undefined ? {} : { leastExamples }),
      seen: seenExamples([raw.train, raw.validation]),
    },
    ...(isScaled
      ? { notes: ["columns scaled to mean 0 and deviation 1 over the training classes (--scale none: as they are)"] }
      : {}),
  };
}

/**
 * The examples of another data set than a run's own, brought to the shape of its own, and to light ink on dark or the
 * reverse where its own are. All classes serve: none of them was trained on.
 */
export async function loadOtherClasses(
  options: ClassificationValues,
  io: DataIo,
  work: LongWork,
  setting: LearnerNeeds & { readonly own: OwnClasses },
): Promise<LoadedClasses & { readonly isOwn?: boolean }> {
  const { spec } = setting.own;
  const [height = options.imageSize, width = height, channels = 1] = spec.exampleShape;
  const found = await readClasses(
    { ...options, imageSize: Math.max(height, width), channels: channels === 3 ? "3" : "1" },
    io,
    work,
    undefined,
    spec.backbone,
  );
  // Its own data set at another place: what it was trained on is not to be tested on.
  if (found.spec.sha256 === spec.sha256) return { ...(await loadClasses(options, io, work, setting)), isOwn: true };
  const shaped = imagesOfShape(found.examples, spec.exampleShape);
  const isKnown = spec.darkOnLight !== undefined && isGreyImage(shaped);
  const looksAlike = isKnown && isDarkOnLight(shaped) !== spec.darkOnLight ? invertedImages(shaped) : shaped;
  const { examples: unseen, warning } = unseenClasses(looksAlike, spec, options);
  if (warning) work.onWarning?.(warning);
  const otherSizes = spec.scales && areRows(unseen) && scalesWarning(unseen, found.spec.name, spec.scales);
  if (otherSizes) work.onWarning?.(otherSizes);
  const examples = spec.scales && areRows(unseen) ? withScales(unseen, spec.scales) : unseen;
  return { data: { train: examples, validation: examples, test: examples }, spec: found.spec };
}

type FolderOptions = Pick<
  ClassificationValues,
  "data" | "imageSize" | "channels" | "invert" | "skipBad" | "backbone" | "backboneOutput"
>;

/**
 * The examples that options ask for: of a data set of this machine, or a folder or archive of class folders.
 *
 * @param recorded of an existing run, whose data are read as they were
 * @param encoder of an existing run, which other data are read by too
 */
async function readClasses(
  options: FolderOptions,
  io: DataIo,
  work: LongWork,
  recorded?: ClassificationSpec,
  encoder: ImageEncoderRecord | undefined = recorded?.backbone,
): Promise<{ readonly examples: LabelledExamples; readonly spec: ClassificationSpec }> {
  const { data } = options;
  if (data === "")
    throw new UsageError(
      "there is no data set",
      "Give one with --data NAME or --data DIR, where DIR, or a zip archive, has one folder of images per class",
    );
  const isPath = /[\\/]/.test(data);
  // Names of data sets come first: a folder that happens to be called omniglot is ./omniglot.
  const isName = !isPath && (await io.datasetNames()).includes(data);
  const kind = await io.kindOf(data);
  const isFolder = kind === "folder" || kind === "archive";
  const isUsed = encoder !== undefined || (!recorded && options.backbone !== undefined);
  const output = encoder ? encoder.output : options.backboneOutput;
  const backbone = isUsed
    ? await imageBackboneOf(io, encoder ?? { source: options.backbone!, output }, work)
    : undefined;
  const shape: ImageShape = backbone
    ? imagesTaken(backbone)
    : { size: [options.imageSize, options.imageSize], channels: Number(options.channels) as 1 | 3 };
  const found =
    isPath || (isFolder && !isName)
      ? await readFolder({ ...options, ...(backbone ? { invert: "no" } : {}) }, shape, io, work, recorded)
      : await io.dataset(data, work);
  const { examples: read, sha256, pixels, folder, invert } = found as FoundExamples & Partial<InFolder>;
  const examples = backbone ? await encodedExamples(read, backbone, work) : read;
  return {
    examples,
    spec: {
      name: folder === undefined ? data : examples.name,
      sha256,
      ...(folder === undefined ? {} : { folder }),
      exampleShape: examples.exampleShape,
      ...(invert === undefined ? {} : { invert }),
      ...(backbone ? { backbone: imageRecordOf(backbone, output) } : { darkOnLight: isDarkOnLight(examples) }),
      ...(pixels ? { pixels } : {}),
    },
  };
}

interface InFolder {
  readonly folder: string;
  readonly invert: boolean;
}

async function readFolder(
  { data, invert: wanted, skipBad }: FolderOptions,
  shape: ImageShape,
  io: DataIo,
  work: LongWork,
  recorded?: ClassificationSpec,
): Promise<FoundExamples & InFolder> {
  const folder = io.absolute(data);
  const [last = ""] = folder
    .split(/[\\/]/)
    .filter((part) => part !== "")
    .slice(-1);
  const name = last.replace(/\.zip$/i, "");
  const found = await io.classFolders(
    data,
    {
      name,
      ...shape,
      skipBad,
      pixels: recorded && (recorded.pixels ?? usualPixels),
      cached: true,
    },
    work,
  );
  const invert = wanted === "yes" || (wanted === "auto" && isDarkOnLight(found.examples));
  if (invert) for (const { examples } of found.examples.classes) invertInPlace(examples);
  return { ...found, folder, invert };
}
