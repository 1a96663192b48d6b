import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import {
  type Count,
  type GroupedRegression,
  groupedRegression,
  type Split,
  type Table,
  TaskError,
  type TaskSource,
} from "@innerloop/core";
import { type TableSpec, tableFeatures } from "@innerloop/core/tasks";
import { hasTag } from "@innerloop/graph";
import { invertInPlace, isDarkOnLight } from "../data/images/dark-on-light.js";
import { type PixelReading, recordedPixels, usualPixels } from "../data/images/image-decoding.js";
import { readImageFolder } from "../data/images/image-folder.js";
import { isArchiveName } from "../data/images/image-tree.js";
import type { LabelledExamples } from "../data/labelled-examples.js";
import type { LongWork } from "../data/long-work.js";
import { dataFolder, listDatasets, loadDataset } from "../data/store/dataset-store.js";
import { readCachedImageFolder } from "../data/store/image-cache.js";
import { readRegressionTable } from "../data/tables/regression-table.js";
import { similarNames, similarNamesText } from "../data/tables/similar-names.js";
import type { TableReport } from "../data/tables/table-report.js";
import type { ColumnScales } from "./column-scales.js";
import { type ExperimentOptions, flagOf } from "./option-table.js";
import { optionText } from "./option-values.js";
import type { SeenExamples } from "./seen-examples.js";
import { UsageError } from "./usage-error.js";

/**
 * The regression tasks of a table, whose groups are split for good: the part that a group is in follows from its name.
 *
 * @param recorded of an existing run, whose table is called and read as it was
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
    | "missing"
    | "scale"
  >,
  work: LongWork = {},
  recorded?: Pick<DataRecord, "name" | "table">,
): Promise<{
  readonly tasks: Readonly<Record<Split, TaskSource>>;
  /** How its rows are coded, those of training and further ones. */
  readonly spec: TableSpec;
  readonly record: DataRecord;
  readonly report: TableReport;
}> {
  requireTableOptions(options);
  const { data, groupColumn, shots, trainShots, validationClasses, testClasses, missing } = options;
  const targets = columnsIn(options.target);
  const name = recorded?.name ?? basename(data).replace(/\.[a-z]+$/i, "");
  const inputColumns = columnsIn(options.inputs);
  const { table, inputs, report } = await readRegressionTable(data, {
    ...work,
    name,
    groupColumn,
    targets,
    missing,
    ...(inputColumns.length > 0 ? { inputs: inputColumns } : {}),
    // Runs of before tables had specs left columns of text out.
    numbersOnly: recorded !== undefined && recorded.table === undefined,
  });
  const queries = options.queries || shots;
  const tasksOf = (support: Count, flag: string): GroupedRegression => {
    const split = {
      ...(validationClasses ? { validation: validationClasses } : {}),
      ...(testClasses ? { test: testClasses } : {}),
    };
    try {
      return groupedRegression(table, {
        ...{ groupColumn, inputs, targets, shots: support, queries, skipSmallGroups: true, split },
        standardize: options.scale === "columns",
        missing: missing === "mean" ? "mean" : "refuse",
      });
    } catch (error) {
      throw withSmallGroups(error, { table, data, groupColumn, shots: support, queries, flag }) ?? error;
    }
  };
  // The spec follows from the training groups, whatever the shots.
  const { tasks, spec } = tasksOf(shots, flagOf("shots"));
  return {
    tasks: trainShots ? { ...tasks, train: tasksOf(trainShots, flagOf("trainShots")).tasks.train } : tasks,
    spec,
    record: {
      name,
      sha256: tableDigest(table),
      folder: resolve(data),
      exampleShape: [tableFeatures(spec)],
      table: spec,
      darkOnLight: false,
    },
    report,
  };
}

/** What a split without groups is told as, where groups are too small for the tasks; undefined for any other error. */
function withSmallGroups(
  error: unknown,
  asked: {
    readonly table: Table;
    readonly data: string;
    readonly groupColumn: string;
    readonly shots: Count;
    readonly queries: number;
    readonly flag: string;
  },
): UsageError | undefined {
  const { table, data, groupColumn, shots, queries, flag } = asked;
  // With a range, "ILT402" is about shares of groups that need not be small.
  const codes: readonly string[] = typeof shots === "number" ? ["ILT201", "ILT402"] : ["ILT201"];
  if (!(error instanceof TaskError) || !codes.includes(error.code)) return undefined;
  const rows = new Map<string, number>();
  for (const group of table.columns[groupColumn] as readonly string[]) rows.set(group, (rows.get(group) ?? 0) + 1);
  if (rows.size < 3) {
    return new UsageError(
      `${data} has ${rows.size} ${rows.size === 1 ? "group" : "groups"} in ${groupColumn}, and training, validation and evaluation each take one at least`,
      "Name another --group-column, or give rows of more groups",
    );
  }
  // Of a range a task takes what there is, one row at least.
  const needed = (typeof shots === "number" ? shots : 1) + queries;
  const sizes = [...rows.values()];
  const large = sizes.filter((size) => size >= needed).length;
  if (large === sizes.length) return undefined;
  const most = sizes.reduce((a, b) => Math.max(a, b));
  // Training, validation and evaluation have a group each, at least.
  const fits = sizes.sort((a, b) => b - a)[2] ?? 0;
  const remedies = [
    ...(fits >= 2 ? [`let ${flag} and --queries together take at most ${fits} rows of a group`] : []),
    ...(fits < 4 ? [`name another --group-column: most groups of ${groupColumn} have few rows`] : []),
    similarNamesText("groups", similarNames(rows.keys())),
  ].filter((remedy) => remedy !== undefined);
  const how = large === 0 ? "none" : `${large}, too few for training, validation and evaluation each to have one,`;
  return new UsageError(
    `of the ${sizes.length} groups of ${groupColumn} in ${data}, ${how} ${large < 2 ? "has" : "have"} the ${needed} rows that ${flag} ${optionText(shots)} and ${queries} queries take; the largest has ${most}`,
    `${remedies[0]!.charAt(0).toUpperCase()}${remedies.join("; or ").slice(1)}`,
  );
}

/**
 * @param preset the preset `table` is for tables alone
 * @throws UsageError where some of what makes tasks from a table is given, and not all
 */
export function requireTableOptions(
  options: Pick<ExperimentOptions, "data" | "groupColumn" | "target" | "inputs">,
  preset?: string,
): void {
  const { data, groupColumn, target, inputs } = options;
  const isName = data !== "" && !/[\\/.]/.test(data);
  const given =
    groupColumn !== ""
      ? `--group-column ${groupColumn}`
      : target !== ""
        ? `--target ${target}`
        : inputs !== ""
          ? `--inputs ${inputs}`
          : /\.(csv|tsv|jsonl|ndjson)$/i.test(data)
            ? `--data ${data}`
            : preset === "table"
              ? "the preset table"
              : undefined;
  if (given === undefined) return;
  const problem =
    data === ""
      ? "without --data"
      : isName
        ? `with the data set ${data}`
        : groupColumn === ""
          ? "without --group-column"
          : columnsIn(target).length === 0
            ? "without --target"
            : undefined;
  if (problem !== undefined) {
    throw new UsageError(
      `${given} ${problem}`,
      "Tasks from a table take --data FILE.csv --group-column COLUMN --target COLUMN",
    );
  }
}

const columnsIn = (list: string): string[] =>
  list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

function tableDigest({ columns, kinds }: Table): string {
  const hash = createHash("sha256");
  if (kinds) hash.update(JSON.stringify(kinds));
  for (const [name, values] of Object.entries(columns)) {
    hash.update(JSON.stringify(name));
    if (hasTag(values, "Float64Array")) hash.update(new Uint8Array(values.buffer));
    else hash.update(JSON.stringify(values));
  }
  return hash.digest("hex");
}

/** The record that a run keeps of its data set: enough to notice that it has changed, and to read images as it did. */
export interface DataRecord {
  readonly name: string;
  readonly sha256: string;
  /** Classes that training had, of a data set of classes. */
  readonly trainClasses?: number;
  /** Set for a folder or archive of class folders. */
  readonly folder?: string;
  readonly exampleShape: readonly number[];
  /** What the columns of a data set of rows were scaled by; none where they were taken as they are. */
  readonly scales?: ColumnScales;
  /** How the rows of a table are coded: records of before tables had specs have none. */
  readonly table?: TableSpec;
  /** Whether images were inverted when they were read. */
  readonly invert?: boolean;
  /** Whether its images, as the model sees them, are dark ink on light paper. */
  readonly darkOnLight: boolean;
  /** How the pixels of image files became bytes; records of before there was a choice have none. */
  readonly pixels?: PixelReading;
  /** The examples that a class needs to be held out; records of before it mattered have none. */
  readonly leastExamples?: number;
  /** What tells classes that were trained on, or validated on, from new ones. */
  readonly seen?: SeenExamples;
}

/** Families that are formulas rather than files. */
const curveFamilyNames = ["sinusoid", "harmonics", "lines", "steps", "gaussian-processes"] as const;
export type CurveFamilyName = (typeof curveFamilyNames)[number];
export const formulaFamilies: readonly string[] = curveFamilyNames;

/**
 * The examples that an experiment asks for, from the data folder or a folder or archive of class folders.
 *
 * @param recorded of an existing run, whose data are read as they were
 */
export async function loadExamples(
  options: FolderOptions,
  work: LongWork = {},
  recorded?: DataRecord,
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
  if (isPath || (isFolder && !isName)) return loadFolder(options, work, recorded);
  const examples = await loadDataset(data, work);
  const listing = (await listDatasets()).find(({ name }) => name === data);
  const info = listing?.state === "ready" ? listing.info : undefined;
  return {
    examples,
    record: {
      name: data,
      sha256: info?.sha256 ?? digestOf(examples),
      exampleShape: examples.exampleShape,
      darkOnLight: isDarkOnLight(examples),
      ...(info?.source.kind === "image-folder" ? { pixels: recordedPixels(info.source) } : {}),
    },
  };
}

type FolderOptions = Pick<ExperimentOptions, "data" | "imageSize" | "channels" | "invert" | "skipBad">;

async function loadFolder(
  { data: folder, imageSize, channels, invert: wanted, skipBad }: FolderOptions,
  work: LongWork,
  recorded?: DataRecord,
): Promise<{ examples: LabelledExamples; record: DataRecord }> {
  const name = basename(resolve(folder)).replace(/\.zip$/i, "");
  const pixels = recorded && (recorded.pixels ?? usualPixels);
  const size = [imageSize, imageSize] as const;
  const reading = { ...work, name, size, channels: Number(channels) as 1 | 3, skipBad, pixels };
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
      pixels: examples.pixels,
    },
  };
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
