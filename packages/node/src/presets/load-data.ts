import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { groupedRegression, type Split, type Table, type TaskSource } from "innerloop";
import { dataFolder, listDatasets, loadDataset } from "../data/dataset-store.js";
import { readCachedImageFolder } from "../data/image-cache.js";
import { readImageFolder } from "../data/image-folder.js";
import { isArchiveName } from "../data/image-tree.js";
import type { LabelledExamples } from "../data/labelled-examples.js";
import type { LongWork } from "../data/long-work.js";
import { readRegressionTable } from "../data/regression-table.js";
import type { ExperimentOptions } from "./option-table.js";
import { UsageError } from "./usage-error.js";

/**
 * The regression tasks of a table, whose groups are split for good: the part that a group is in follows from its name.
 *
 * @throws UsageError where options are missing or are for data sets of classes
 */
export async function loadRegressionTable(
  options: Pick<
    ExperimentOptions,
    | "data"
    | "groupColumn"
    | "target"
    | "inputs"
    | "shots"
    | "trainShots"
    | "queries"
    | "validationClasses"
    | "testClasses"
  >,
  work: LongWork = {},
): Promise<{ readonly tasks: Readonly<Record<Split, TaskSource>>; readonly record: DataRecord }> {
  const { data, groupColumn, shots, trainShots, validationClasses, testClasses } = options;
  const targets = columnsIn(options.target);
  if (data === "" || targets.length === 0) {
    throw new UsageError(
      `--group-column ${groupColumn} without ${data === "" ? "--data" : "--target"}`,
      "Tasks from a table take --data FILE.csv --group-column COLUMN --target COLUMN",
    );
  }
  const name = basename(data).replace(/\.[a-z]+$/i, "");
  const named = columnsIn(options.inputs);
  const { table, inputs } = await readRegressionTable(data, {
    ...work,
    name,
    groupColumn,
    targets,
    ...(named.length > 0 ? { inputs: named } : {}),
  });
  const tasksOf = (support: number) =>
    groupedRegression(table, {
      groupColumn,
      inputs,
      targets,
      shots: support,
      queries: options.queries || shots,
      skipSmallGroups: true,
      split: {
        ...(validationClasses ? { validation: validationClasses } : {}),
        ...(testClasses ? { test: testClasses } : {}),
      },
    });
  const { tasks } = tasksOf(shots);
  return {
    tasks: trainShots ? { ...tasks, train: tasksOf(trainShots).tasks.train } : tasks,
    record: {
      name,
      sha256: tableDigest(table),
      folder: resolve(data),
      exampleShape: [inputs.length],
      darkOnLight: false,
    },
  };
}

const columnsIn = (list: string): string[] =>
  list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

function tableDigest({ columns }: Table): string {
  const hash = createHash("sha256");
  for (const [name, values] of Object.entries(columns)) {
    hash.update(JSON.stringify(name));
    if (values instanceof Float64Array) hash.update(new Uint8Array(values.buffer));
    else hash.update(JSON.stringify(values));
  }
  return hash.digest("hex");
}

/** What a run keeps of its data set: enough to notice that it has changed, and to read images as it did. */
export interface DataRecord {
  readonly name: string;
  readonly sha256: string;
  /** Classes that training had, of a data set of classes. */
  readonly trainClasses?: number;
  /** Set for a folder or archive of class folders. */
  readonly folder?: string;
  readonly exampleShape: readonly number[];
  /** Whether images were inverted when they were read. */
  readonly invert?: boolean;
  /** Whether its images, as the model sees them, are dark ink on light paper. */
  readonly darkOnLight: boolean;
}

/** Families that are formulas rather than files. */
const curveFamilyNames = ["sinusoid", "harmonics", "lines", "steps", "gaussian-processes"] as const;
export type CurveFamilyName = (typeof curveFamilyNames)[number];
export const formulaFamilies: readonly string[] = curveFamilyNames;

/** The examples that an experiment asks for, from the data folder or a folder or archive of class folders. */
export async function loadExamples(
  options: Pick<ExperimentOptions, "data" | "imageSize" | "channels" | "invert">,
  work: LongWork = {},
): Promise<{ readonly examples: LabelledExamples; readonly record: DataRecord }> {
  const { data } = options;
  if (data === "")
    throw new UsageError(
      "there is no data set",
      "Give one with --data NAME or --data DIR, where DIR, or a zip archive, has one folder of images per class",
    );
  const isPath = /[\\/]/.test(data);
  // Names of data sets come first: a folder that happens to be called omniglot is ./omniglot.
  const isName = !isPath && (await listDatasets()).some(({ name }) => name === data);
  const isFolder = await stat(data).then(
    (found) => found.isDirectory() || isArchiveName(data),
    () => false,
  );
  if (isPath || (isFolder && !isName)) return loadFolder(options, work);
  const examples = await loadDataset(data, work);
  const listing = (await listDatasets()).find(({ name }) => name === data);
  const sha256 = listing?.state === "ready" ? listing.info.sha256 : digestOf(examples);
  return {
    examples,
    record: { name: data, sha256, exampleShape: examples.exampleShape, darkOnLight: isDarkOnLight(examples) },
  };
}

async function loadFolder(
  {
    data: folder,
    imageSize,
    channels,
    invert: wanted,
  }: Pick<ExperimentOptions, "data" | "imageSize" | "channels" | "invert">,
  work: LongWork,
): Promise<{ examples: LabelledExamples; record: DataRecord }> {
  const name = basename(resolve(folder)).replace(/\.zip$/i, "");
  const reading = { ...work, name, size: [imageSize, imageSize], channels: Number(channels) as 1 | 3 } as const;
  const cached = process.env.INNERLOOP_CACHE !== "off";
  const examples = cached
    ? await readCachedImageFolder(folder, reading, { folder: join(dataFolder(), "decoded-images") })
    : await readImageFolder(folder, reading);
  const invert = wanted === "yes" || (wanted === "auto" && isDarkOnLight(examples));
  if (invert) invertInPlace(examples);
  return {
    examples,
    record: {
      name,
      sha256: digestOf(examples),
      folder: resolve(folder),
      exampleShape: examples.exampleShape,
      invert,
      darkOnLight: isDarkOnLight(examples),
    },
  };
}

/** So many images tell what the others are like. */
const imagesLookedAt = 400;

/** Whether most of the images are grey ones with a light border: ink on paper, where models expect ink to be 1. */
export function isDarkOnLight({ exampleShape, classes }: LabelledExamples): boolean {
  const [height = 1, width = 1, channels = 1] = exampleShape;
  if (channels !== 1) return false;
  const size = height * width;
  const images = classes.flatMap(({ examples, count }) =>
    Array.from({ length: count }, (_, i) => examples.subarray(i * size, (i + 1) * size)),
  );
  const stride = Math.ceil(images.length / imagesLookedAt);
  const chosen = images.filter((_, i) => i % stride === 0);
  const isPaper = (image: Uint8Array | Float32Array): boolean => {
    // Drawings may touch the border: its median is still that of the paper.
    const pixels = Array.from(image);
    const border = pixels.filter(
      (_, i) => i < width || i >= size - width || i % width === 0 || i % width === width - 1,
    );
    const paper = border.sort((a, b) => a - b)[border.length >> 1]!;
    const mean = pixels.reduce((sum, value) => sum + value, 0) / size;
    return paper > (image instanceof Uint8Array ? 150 : 0.6) && mean <= paper;
  };
  return chosen.filter(isPaper).length > chosen.length / 2;
}

export function invertInPlace({ classes }: Pick<LabelledExamples, "classes">): void {
  for (const { examples } of classes) for (let i = 0; i < examples.length; i++) examples[i] = 255 - examples[i]!;
}

function digestOf({ classes }: LabelledExamples): string {
  const hash = createHash("sha256");
  for (const { name, examples, split } of classes) {
    hash.update(name).update("\0");
    if (split) hash.update(split).update("\0");
    hash.update(new Uint8Array(examples.buffer, examples.byteOffset, examples.byteLength));
  }
  return hash.digest("hex");
}
