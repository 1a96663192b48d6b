/** A run on disk: config.json, events.jsonl, checkpoints/{last,best}.safetensors, results.json and results.md. */
import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { CheckpointStore } from "@innerloop/core";
import { mostCheckpointHeadBytes, requireCheckpointHead } from "@innerloop/core/training";
import {
  damagedCheckpoint,
  fileOfUnknownDomain,
  isExportText,
  parseRunConfig,
  type RunConfig,
  RunError,
  type RunStore,
  shellWord,
  storedConfig,
} from "@innerloop/experiments";
import { isSystemError } from "../data/data-error.js";
import { readWhole } from "../data/regular-file.js";
import { makeFolder, requireWritable } from "../data/store/atomic-write.js";
import { openEventLog, readEvents } from "./event-log.js";
import { isLockFile } from "./run-lock.js";
import { mostBytes, onRun, shown, UntrustedFolder } from "./untrusted-folder.js";

export { shown };

/** An open run folder: its configuration, checkpoints and events. */
export interface RunFolder extends RunStore {
  readonly path: string;
  /** All that is in the folder. */
  readonly files: UntrustedFolder;
}

/** What to do where a folder cannot be that of a new run: as the command line says it, or programs. */
export interface PlaceRemedies {
  readonly ofRun: string;
  readonly other: string;
}

const commandRemedies = (path: string): PlaceRemedies => ({
  ofRun: `Continue it with \`innerloop train --resume ${inCommand(path)}\`, or choose another --run`,
  other: "Choose an empty or new folder with --run",
});

/** @throws RunError ILN01 where there is something in the folder of a new run */
export async function requireFree(path: string, remedies = commandRemedies(path)): Promise<void> {
  const present = await onRun(path, () =>
    readdir(path).catch((error: unknown): string[] => {
      if (isSystemError(error) && error.code === "ENOENT") return [];
      throw error;
    }),
  );
  if (present.every(isTransient)) return;
  const isRun = present.includes("config.json");
  const remedy = isRun ? remedies.ofRun : remedies.other;
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
export async function createRun(path: string, remedies = commandRemedies(path)): Promise<UntrustedFolder> {
  await requireFree(path, remedies);
  await onRun(path, () => makeFolder(path));
  const files = UntrustedFolder.open(path);
  if (!files) throw new RunError("ILN10", shown(path), "the folder is gone again", remedies.other);
  await files.makeFolder("checkpoints");
  return files;
}

const configFile = "config.json";

const isTransient = (name: string): boolean => isLockFile(name) || name.includes(".partial-") || name === "checkpoints";

/** Writes the configuration of a run folder, all or nothing. */
export async function writeConfig(files: UntrustedFolder, config: RunConfig): Promise<void> {
  await files.write(configFile, `${JSON.stringify(storedConfig(config), null, 2)}\n`);
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
 * @param runFile runs the experiment file that the folder names, where that is to be run: it makes a kind of task of the
 *   user's own known. Without it such a run is refused, unless its domain is known already.
 * @throws RunError ILN01 where there is no run, ILN04 where its configuration is not one, ILN09 where it is no file
 */
export async function openRun(
  path: string,
  runFile?: (file: NonNullable<RunConfig["file"]>) => Promise<unknown>,
): Promise<RunFolder> {
  const files = UntrustedFolder.open(path, configFile);
  const bytes = await files?.read(configFile, mostBytes.config);
  if (!files || !bytes) {
    const isThere = await stat(path).catch(() => undefined);
    const problem = files
      ? "there is no run in this folder (no config.json)"
      : isThere
        ? "it is no folder"
        : "there is no such folder";
    throw new RunError("ILN01", shown(path), problem, await otherRuns(path));
  }
  const text = Buffer.from(bytes).toString("utf8");
  if (isExportText(text))
    throw new RunError(
      "ILN01",
      shown(path),
      "it is an exported learner, and no run",
      `Load it in a program, load(${JSON.stringify(shown(path))}), or check it with \`innerloop verify ${inCommand(path)}\``,
    );
  const ofDomain = fileOfUnknownDomain(text);
  if (ofDomain && runFile) await runFile(ofDomain);
  const shownFile = (name: string): string => shown(join(path, name));
  const config = parseRunConfig(text, shownFile(configFile));
  return {
    path,
    config,
    shown: shown(path),
    shownFile,
    files,
    checkpoints: checkpointStore(files),
    events: { read: () => readEvents(files), open: (lastIteration) => openEventLog(files, lastIteration) },
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
          throw damagedCheckpoint(
            { shown: shown(files.path), shownFile: (file) => shown(join(files.path, file)) },
            name,
            error,
          );
        }
        return size <= head.length ? head : readWhole(handle, size, file);
      }),
    save: (name, bytes) => files.write(fileOf(name), bytes),
  };
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
