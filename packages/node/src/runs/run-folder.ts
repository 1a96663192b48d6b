/** A run on disk: config.json, events.jsonl, checkpoints/{last,best}.safetensors, results.json and results.md. */
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { type CheckpointStore, decodeSafetensors } from "innerloop";
import { writeAtomically, writeFully } from "../data/atomic-write.js";
import { isSystemError, reasonOf } from "../data/data-error.js";
import type { DataRecord } from "../presets/load-data.js";
import { defaultExperimentOptions, type ExperimentOptions, flagOf } from "../presets/option-table.js";
import { checkExperimentOptions } from "../presets/option-values.js";
import { quoted } from "../presets/shell-word.js";
import { UsageError } from "../presets/usage-error.js";
import { RunError } from "./run-error.js";
import { isLockFile } from "./run-lock.js";

/** What a run was asked to do, and with what: enough to do it again. */
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
 * The command that makes a run like this one, but for one option.
 *
 * @param name an option whose values are without spaces
 */
export function commandWith({ command }: Pick<RunConfig, "command">, name: string, value: string | number): string {
  const flag = flagOf(name);
  return `${command.replace(new RegExp(` ${flag} \\S+`), "")} ${flag} ${value}`;
}

export const runFormat = "innerloop run 1";

export interface RunFolder {
  readonly path: string;
  readonly config: RunConfig;
  readonly checkpoints: CheckpointStore;
  readonly eventFile: string;
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

/** Makes the folder of a new run. @throws RunError ILN01 where there is something in it, ILN03 where it cannot be made */
export async function createRun(path: string): Promise<void> {
  await requireFree(path);
  await onRun(path, () => mkdir(join(path, "checkpoints"), { recursive: true }));
}

const isTransient = (name: string): boolean => isLockFile(name) || name.includes(".partial-") || name === "checkpoints";

export async function writeConfig(path: string, config: RunConfig): Promise<void> {
  await writeRunFile(join(path, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** Removes what a killed process left half-written; call it with the lock held. */
export async function sweepRun(path: string): Promise<void> {
  for (const folder of [path, join(path, "checkpoints")]) {
    for (const name of await readdir(folder).catch(() => [])) {
      // The lock of a process that is just asking for the run is not ours to remove.
      if (name.includes(".partial-") && !isLockFile(name)) await rm(join(folder, name), { force: true });
    }
  }
}

/** @throws RunError ILN01 where there is no run, ILN04 where its configuration is not one */
export async function openRun(path: string): Promise<RunFolder> {
  const file = join(path, "config.json");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const there = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const problem = there ? "there is no run in this folder (no config.json)" : "there is no such folder";
    throw new RunError("ILN01", shown(path), problem, await otherRuns(path), { cause });
  }
  return {
    path,
    config: parseConfig(text, file),
    checkpoints: checkpointStore(path),
    eventFile: join(path, "events.jsonl"),
  };
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

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null;

function parseConfig(text: string, file: string): RunConfig {
  const fail = (problem: string): never => {
    throw new RunError("ILN04", shown(file), problem, "Restore the file, or start a new run");
  };
  let value: Partial<RunConfig>;
  try {
    value = Object(JSON.parse(text)) as Partial<RunConfig>;
  } catch (error) {
    return fail(`it is not JSON (${reasonOf(error)})`);
  }
  if (value.format !== runFormat)
    return fail(`its format is ${JSON.stringify(value.format)}, this version reads "${runFormat}"`);
  if (typeof value.experiment !== "string") return fail("it does not say which experiment it is");
  if (!Number.isSafeInteger(value.chunkSize) || value.chunkSize! < 1)
    return fail(`chunkSize is ${JSON.stringify(value.chunkSize)}`);
  if (!Number.isSafeInteger(value.workers) || value.workers! < 1)
    return fail(`workers is ${JSON.stringify(value.workers)}`);
  // Runs of before there was recomputation do not name it.
  const recompute = value.recompute ?? 0;
  if (!Number.isSafeInteger(recompute) || recompute < 0) return fail(`recompute is ${JSON.stringify(recompute)}`);
  const { expectedBytes } = value;
  if (expectedBytes !== undefined && !(Number.isFinite(expectedBytes) && expectedBytes >= 0))
    return fail(`expectedBytes is ${JSON.stringify(expectedBytes)}`);
  const { data, file: source } = value;
  if (
    data !== undefined &&
    (!isRecord(data) ||
      typeof data.name !== "string" ||
      typeof data.sha256 !== "string" ||
      !Array.isArray(data.exampleShape) ||
      !["undefined", "string"].includes(typeof data.folder))
  )
    return fail("its record of the data set is malformed");
  if (
    source !== undefined &&
    (!isRecord(source) ||
      typeof source.path !== "string" ||
      !isAbsolute(source.path) ||
      typeof source.sha256 !== "string")
  )
    return fail("its record of the experiment file is malformed");
  try {
    const options = {
      ...defaultExperimentOptions(),
      ...checkExperimentOptions(Object(value.options) as Record<string, unknown>, "options"),
    };
    if (typeof value.command !== "string" || typeof value.created !== "string")
      return fail("it does not say by which command the run was made, or when");
    if (!isRecord(value.protocol) || !isRecord(value.versions)) return fail("its protocol or versions are missing");
    return { ...(value as RunConfig), recompute, options };
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message.replace(/\.$/, ""));
    throw error;
  }
}

/** Checkpoints are written aside, flushed and renamed, and so is the folder's own entry. */
export function checkpointStore(run: string): CheckpointStore {
  const fileOf = (name: string): string => join(run, "checkpoints", `${name}.safetensors`);
  return {
    load: async (name) => {
      try {
        return new Uint8Array(await readFile(fileOf(name)));
      } catch (error) {
        if (isSystemError(error) && error.code === "ENOENT") return undefined;
        throw new RunError(
          "ILN05",
          shown(fileOf(name)),
          `the checkpoint cannot be read (${reasonOf(error)})`,
          "Check its permissions",
          { cause: error },
        );
      }
    },
    save: (name, bytes) => writeRunFile(fileOf(name), bytes),
  };
}

/** The number of updates in the last checkpoint; 0 where there is none yet. @throws RunError ILN05 where it is damaged */
export const lastIterationOf = async (run: RunFolder): Promise<number> => (await iterationOf(run, "last")) ?? 0;

/** The number of updates in a checkpoint, where there is one. @throws RunError ILN05 where it is damaged */
export async function iterationOf(
  { checkpoints, path }: RunFolder,
  name: "best" | "last",
): Promise<number | undefined> {
  const bytes = await checkpoints.load(name);
  if (!bytes) return undefined;
  try {
    const { iteration } = Object(JSON.parse(decodeSafetensors(bytes).metadata.training ?? "")) as {
      iteration?: unknown;
    };
    if (Number.isSafeInteger(iteration)) return iteration as number;
    throw new Error("it does not say at which iteration it was made");
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

/** Writes a file of a run so that it is either as before or complete. */
export async function writeRunFile(file: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  await onRun(file, () => writeAtomically(file, (handle) => writeFully(handle, bytes)));
}

async function onRun<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof RunError) throw error;
    const cause = error instanceof Error && isSystemError(error.cause) ? error.cause : error;
    const full = isSystemError(cause) && cause.code === "ENOSPC";
    const remedy = full
      ? "Free some space; the last checkpoint is complete"
      : "Check its permissions, or choose another folder with --run";
    throw new RunError("ILN03", shown(path), `it cannot be written (${reasonOf(cause)})`, remedy, { cause: error });
  }
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
export const inCommand = (path: string): string => quoted(shown(path));

/** A path as messages show it: relative where that is shorter. */
export function shown(path: string): string {
  const near = relative(process.cwd(), resolve(path));
  return near.startsWith("..") ? resolve(path) : near || ".";
}
