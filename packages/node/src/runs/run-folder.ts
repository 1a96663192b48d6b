/** A run on disk: config.json, events.jsonl, checkpoints/{last,best}.safetensors, results.json and results.md. */
import { readdir, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { CheckpointStore } from "@innerloop/core";
import { TaskError } from "@innerloop/core";
import { type TableSpec, tableSpecFrom } from "@innerloop/core/tasks";
import { checkpointSummary, mostCheckpointHeadBytes, requireCheckpointHead } from "@innerloop/core/training";
import { isSystemError, quoted, reasonOf } from "../data/data-error.js";
import { readWhole } from "../data/regular-file.js";
import { makeFolder, requireWritable } from "../data/store/atomic-write.js";
import { areScales } from "../presets/column-scales.js";
import type { DataRecord } from "../presets/load-data.js";
import {
  defaultExperimentOptions,
  type ExperimentOptions,
  experimentOptions,
  flagOf,
  type OptionSpec,
} from "../presets/option-table.js";
import { checkExperimentOptions, checkOption } from "../presets/option-values.js";
import { shellWord } from "../presets/shell-word.js";
import { UsageError } from "../presets/usage-error.js";
import { RunError } from "./run-error.js";
import { isLockFile } from "./run-lock.js";
import { mostBytes, onRun, shown, UntrustedFolder } from "./untrusted-folder.js";

export { shown };

/** The configuration of a run, enough to do it again. */
export interface RunConfig {
  readonly format: typeof runFormat;
  /** The preset, or the experiment file's path. */
  readonly experiment: string;
  /** Set where an experiment file in TypeScript brings its own learner and tasks; the path is absolute. */
  readonly file?: { readonly path: string; readonly sha256: string };
  readonly options: ExperimentOptions;
  /** Tasks that run at once, settled at the start: it decides in which order sums are taken. */
  readonly chunkSize: number;
  /** Inner steps that are computed again together; 0: none. */
  readonly recompute: number;
  readonly workers: number;
  /** Most bytes that the process was expected to have. */
  readonly expectedBytes?: number;
  /** The data set as it was. */
  readonly data?: DataRecord;
  /** How tasks are made and figures are to be read. */
  readonly protocol: Readonly<Record<string, string | number | boolean>>;
  /** The command that makes this run again. */
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly created: string;
}

/**
 * Whether a command trains and has words as `shellWord` writes them. Anything else could do more than it seems to where it is
 * pasted into a shell.
 */
function isOwnCommand(command: string): boolean {
  const withoutQuotes = command.replace(/\\'|'[^']*'/g, "");
  return /^innerloop train(?: [\w./,:= -]*)?$/.test(withoutQuotes);
}

/**
 * The command that makes a run like this one, without some options. Of a run whose command this program cannot have
 * written, `innerloop train ...` is all.
 */
export function commandWithout({ command }: Pick<RunConfig, "command">, names: readonly string[]): string {
  if (!isOwnCommand(command)) return "innerloop train ...";
  const drop = (text: string, name: string): string =>
    text.replace(new RegExp(` ${flagOf(name)} (?:'[^']*'|\\\\'|[^\\s'])+`), "");
  return names.reduce(drop, command);
}

/**
 * The command that makes a run like this one, but for one option.
 *
 * @param value as a shell takes it
 */
export const commandWith = (config: Pick<RunConfig, "command">, name: string, value: string | number): string =>
  `${commandWithout(config, [name])} ${flagOf(name)} ${value}`;

export const runFormat = "innerloop run 1";

/** An open run folder: its configuration, checkpoints and events. */
export interface RunFolder {
  readonly path: string;
  readonly config: RunConfig;
  /** All that is in the folder. */
  readonly files: UntrustedFolder;
  readonly checkpoints: CheckpointStore;
}

/** @throws RunError ILN01 where there is something in the folder of a new run */
export async function requireFree(path: string): Promise<void> {
  const present = await onRun(path, () =>
    readdir(path).catch((error: unknown): string[] => {
      if (isSystemError(error) && error.code === "ENOENT") return [];
      throw error;
    }),
  );
  if (present.every(isTransient)) return;
  const isRun = present.includes("config.json");
  const remedy = isRun
    ? `Continue it with \`innerloop train --resume ${inCommand(path)}\`, or choose another --run`
    : "Choose an empty or new folder with --run";
  throw new RunError("ILN01", shown(path), isRun ? "there is a run in it already" : "the folder is not empty", remedy);
}

/**
 * Says before anything is prepared that a new run cannot be written. Nothing is made.
 *
 * @throws RunError ILN01 where there is something in the folder, ILN03 where it cannot be made
 */
export async function requirePlaceFor(path: string): Promise<void> {
  await requireFree(path);
  await onRun(path, () => requireWritable(path));
}

/** Makes the folder of a new run. @throws RunError ILN01 where there is something in it, ILN03 where it cannot be made */
export async function createRun(path: string): Promise<UntrustedFolder> {
  await requireFree(path);
  await onRun(path, () => makeFolder(path));
  const files = UntrustedFolder.open(path);
  if (!files) throw new RunError("ILN10", shown(path), "the folder is gone again", "Choose another --run");
  await files.makeFolder("checkpoints");
  return files;
}

const configFile = "config.json";

const isTransient = (name: string): boolean => isLockFile(name) || name.includes(".partial-") || name === "checkpoints";

/** Writes the configuration of a run folder, all or nothing. */
export async function writeConfig(files: UntrustedFolder, config: RunConfig): Promise<void> {
  await files.write(configFile, `${JSON.stringify(config, null, 2)}\n`);
}

/** Makes a run ready to go on: removes what a killed process left half-written. Call it with the lock held. */
export async function sweepRun({ files }: Pick<RunFolder, "files">): Promise<void> {
  await files.makeFolder("checkpoints");
  for (const folder of ["", "checkpoints"]) {
    for (const name of await files.list(folder)) {
      // The lock of a process that is just asking for the run is not ours to remove.
      if (!name.includes(".partial-") || isLockFile(name)) continue;
      await files.remove(folder === "" ? name : `${folder}/${name}`);
    }
  }
}

/**
 * The run in a folder.
 *
 * @throws RunError ILN01 where there is no run, ILN04 where its configuration is not one, ILN09 where it is no file
 */
export async function openRun(path: string): Promise<RunFolder> {
  const files = UntrustedFolder.open(path, configFile);
  const bytes = await files?.read(configFile, mostBytes.config);
  if (!files || !bytes) {
    const problem = files ? "there is no run in this folder (no config.json)" : "there is no such folder";
    throw new RunError("ILN01", shown(path), problem, await otherRuns(path));
  }
  const config = parseConfig(Buffer.from(bytes).toString("utf8"), join(path, configFile));
  return { path, config, files, checkpoints: checkpointStore(files) };
}

async function otherRuns(path: string): Promise<string> {
  for (const folder of new Set([resolve("runs"), dirname(resolve(path))])) {
    const names = await readdir(folder).catch(() => []);
    const runs: string[] = [];
    for (const name of names) {
      if (await stat(join(folder, name, "config.json")).catch(() => undefined)) runs.push(shown(join(folder, name)));
    }
    if (runs.length > 0) return `Runs near here: ${runs.sort().slice(-5).join(", ")}`;
  }
  return "Start one with `innerloop train hanzi`";
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Numbers of config.json that are not options, within the bounds of the options that they were settled by. */
const settledNumbers = {
  chunkSize: { ...experimentOptions.chunk, least: 1 },
  recompute: { ...experimentOptions.chunk, least: 0 },
  workers: { ...experimentOptions.workers, least: 1 },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** Numbers of an example: a colour image of 4,000 by 4,000, or a very wide row. */
const largestExample = 2 ** 24;

/** A configuration from a file, which may hold anything. @throws RunError ILN04 */
function parseConfig(text: string, file: string): RunConfig {
  const fail = (problem: string): never => {
    throw new RunError("ILN04", shown(file), problem, "Restore the file, or start a new run");
  };
  let value: Readonly<Record<string, unknown>>;
  try {
    value = Object(JSON.parse(text)) as typeof value;
  } catch (error) {
    return fail(`it is not JSON (${reasonOf(error)})`);
  }
  const textOf = (name: string, problem: string): string => {
    const found = value[name];
    return typeof found === "string" ? found : fail(problem);
  };
  try {
    if (value.format !== runFormat)
      return fail(`its format is ${quoted(value.format)}, this version reads "${runFormat}"`);
    const experiment = textOf("experiment", "it does not say which experiment it is");
    const settled = (name: keyof typeof settledNumbers, found: unknown): number =>
      checkOption(name, settledNumbers[name], found) as number;
    const chunkSize = settled("chunkSize", value.chunkSize);
    // Runs of before there was recomputation do not name it.
    const recompute = settled("recompute", value.recompute ?? 0);
    const workers = settled("workers", value.workers);
    const { expectedBytes } = value;
    if (expectedBytes !== undefined && !(Number.isFinite(expectedBytes) && (expectedBytes as number) >= 0))
      return fail(`expectedBytes is ${quoted(expectedBytes)}`);
    const options = {
      ...defaultExperimentOptions(),
      ...checkExperimentOptions(Object(value.options) as Record<string, unknown>, "options"),
    };
    const command = textOf("command", "it does not say by which command the run was made");
    const created = textOf("created", "it does not say when the run was made");
    const { protocol, versions } = value;
    const isPlain = (each: unknown): boolean => ["string", "number", "boolean"].includes(typeof each);
    if (!isRecord(protocol) || !Object.values(protocol).every(isPlain))
      return fail("its protocol is missing, or is no list of texts and numbers");
    if (!isRecord(versions) || !Object.values(versions).every((each) => typeof each === "string"))
      return fail("its versions are missing, or are no texts");
    const data = value.data === undefined ? undefined : dataRecordOf(value.data);
    if (value.data !== undefined && !data) return fail("its record of the data set is malformed");
    const source = value.file === undefined ? undefined : fileRecordOf(value.file);
    if (value.file !== undefined && !source) return fail("its record of the experiment file is malformed");
    return {
      format: runFormat,
      experiment,
      ...(source ? { file: source } : {}),
      options,
      chunkSize,
      recompute,
      workers,
      ...(expectedBytes === undefined ? {} : { expectedBytes: expectedBytes as number }),
      ...(data ? { data } : {}),
      protocol: protocol as RunConfig["protocol"],
      command,
      versions: versions as RunConfig["versions"],
      created,
    };
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message.replace(/\.$/, ""));
    if (error instanceof RangeError) return fail("it is nested too deep");
    throw error;
  }
}

function dataRecordOf(value: unknown): DataRecord | undefined {
  if (!isRecord(value)) return undefined;
  const { name, sha256, folder, exampleShape, trainClasses, darkOnLight, invert, scales, pixels, leastExamples, seen } =
    value;
  const table = value.table === undefined ? undefined : specOf(value.table);
  const isWhole = (n: unknown, least: number): boolean => Number.isSafeInteger(n) && (n as number) >= least;
  const isShape =
    Array.isArray(exampleShape) &&
    exampleShape.length <= 8 &&
    exampleShape.every((n) => isWhole(n, 1)) &&
    exampleShape.reduce((a: number, b: number) => a * b, 1) <= largestExample;
  const isData =
    typeof name === "string" &&
    typeof sha256 === "string" &&
    ["undefined", "string"].includes(typeof folder) &&
    !String(folder).includes("\0") &&
    isShape &&
    (trainClasses === undefined || (isWhole(trainClasses, 0) && (trainClasses as number) <= largestExample)) &&
    ["undefined", "boolean"].includes(typeof darkOnLight) &&
    ["undefined", "boolean"].includes(typeof invert) &&
    (scales === undefined || areScales(scales, exampleShape)) &&
    (pixels === undefined || isPixelReading(pixels)) &&
    (leastExamples === undefined || isWhole(leastExamples, 1)) &&
    (value.table === undefined || table !== undefined) &&
    ["undefined", "string"].includes(typeof seen);
  return isData ? ({ ...value, ...(table ? { table } : {}) } as unknown as DataRecord) : undefined;
}

/** The spec of a table as a run folder holds it; undefined where it is none. */
function specOf(value: unknown): TableSpec | undefined {
  try {
    return tableSpecFrom(value);
  } catch (error) {
    if (error instanceof TaskError) return undefined;
    throw error;
  }
}

function isPixelReading(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { background, depth } = value;
  return (background === "white" || background === "black") && [8, 10, 12, 16].includes(depth as number);
}

function fileRecordOf(value: unknown): RunConfig["file"] | undefined {
  if (!isRecord(value)) return undefined;
  const { path, sha256 } = value;
  if (typeof path !== "string" || !isAbsolute(path) || path.includes("\0")) return undefined;
  return typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) ? { path, sha256 } : undefined;
}

/** Checkpoints are written aside, flushed and renamed, and so is the folder's own entry. */
export function checkpointStore(files: UntrustedFolder): CheckpointStore {
  const fileOf = (name: string): string => `checkpoints/${name}.safetensors`;
  return {
    load: (name) =>
      files.use(fileOf(name), mostBytes.checkpoint, async (handle, size) => {
        const file = shown(join(files.path, fileOf(name)));
        // Its head first: room is made for what is a checkpoint only.
        const head = await readWhole(handle, Math.min(size, mostCheckpointHeadBytes), file);
        try {
          requireCheckpointHead(head, size);
        } catch (error) {
          throw damagedCheckpoint(files.path, name, error);
        }
        return size <= head.length ? head : readWhole(handle, size, file);
      }),
    save: (name, bytes) => files.write(fileOf(name), bytes),
  };
}

/**
 * The number of updates in the last checkpoint; 0 where there is none yet. @throws RunError ILN05 where it is damaged
 */
export const lastIterationOf = async (run: RunFolder): Promise<number> => (await iterationOf(run, "last")) ?? 0;

/** The number of updates in a checkpoint, where there is one. @throws RunError ILN05 where it is damaged */
export async function iterationOf(
  { checkpoints, path }: RunFolder,
  name: "best" | "last",
): Promise<number | undefined> {
  const bytes = await checkpoints.load(name);
  if (!bytes) return undefined;
  try {
    return checkpointSummary(bytes).iteration;
  } catch (cause) {
    throw damagedCheckpoint(path, name, cause);
  }
}

export function damagedCheckpoint(run: string, name: "last" | "best", cause: unknown): RunError {
  const file = shown(join(run, "checkpoints", `${name}.safetensors`));
  const other = name === "last" ? "best" : "last";
  const remedy = `Use the other one with \`innerloop eval ${inCommand(run)} --checkpoint ${other}\`, or start a new run with the command in config.json`;
  return new RunError(
    "ILN05",
    file,
    `the checkpoint is damaged (${reasonOf(cause).replace(/^ILR\d+ checkpoint: /, "")})`,
    remedy,
    { cause },
  );
}

/** `runs/omniglot-5way-1shot-20261121-1412`: free when it is asked for. */
export async function newRunPath(name: string, now = new Date(), root = "runs"): Promise<string> {
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}`;
  for (let attempt = 1; ; attempt++) {
    const path = join(root, `${name}-${day}${attempt === 1 ? "" : `-${attempt}`}`);
    if (!(await stat(path).catch(() => undefined))) return path;
  }
}

/** A path as a word of a command that the reader is told. */
export const inCommand = (path: string): string => shellWord(shown(path));
