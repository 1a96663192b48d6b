/** Imported weights: the map and the files that it names, read; and the run that they become, put in place whole. */
import { randomBytes } from "node:crypto";
import { rename, rm, rmdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { decodeWritten, type WrittenArray } from "@innerloop/core/training";
import { type ImportMap, mapKeys, type PreparedImport, parseImportMap } from "@innerloop/experiments";
import { readingLimits } from "../data/reading-limits.js";
import { readRegularFile } from "../data/regular-file.js";
import { makeFolder, syncFolder } from "../data/store/atomic-write.js";
import { readJsonObject } from "./experiment-file.js";
import { checkpointStore, requireFree, writeConfig } from "./run-folder.js";
import { onRun, shown, UntrustedFolder } from "./untrusted-folder.js";

const mapForm =
  'It is { "preset": "omniglot-5way-1shot", "learner": { ... }, "network": { ... }, "parameters": { ... }, "check": { ... } }: docs/import.md';

/** A map with the options of the experiment that it is of. */
export interface MapFile {
  readonly map: ImportMap;
  /** As it was written. */
  readonly given: Readonly<Record<string, unknown>>;
  /** The keys that say which experiment it is. */
  readonly experiment: Readonly<Record<string, unknown>>;
  /** The arrays that weights are held to, where it names any. */
  readonly checked?: { readonly shown: string; readonly arrays: ReadonlyMap<string, WrittenArray> };
}

/**
 * A map of parameters, with the file of inputs and outputs that it names.
 *
 * @throws UsageError where it is no JSON; ImportError ILI01; DataError ILD03, TrainingError ILR201 for that file
 */
export async function readImportMap(path: string): Promise<MapFile> {
  const given = await readJsonObject(path, mapForm);
  const own: readonly string[] = mapKeys;
  const [ofMap, ofExperiment] = [true, false].map((isOwn) =>
    Object.fromEntries(Object.entries(given).filter(([key]) => own.includes(key) === isOwn)),
  );
  const map = parseImportMap(ofMap!, shown(path));
  const common = { map, given, experiment: ofExperiment! };
  if (!map.check) return common;
  const file = resolve(dirname(path), map.check.file);
  const bytes = await readRegularFile(file, { most: readingLimits.importCheckBytes, links: "followed" });
  return { ...common, checked: { shown: shown(file), arrays: decodeWritten(bytes, shown(file)) } };
}

/**
 * Writes a run of imported weights: aside, flushed, and then in its place.
 *
 * @throws RunError ILN01 where there is something in the folder, ILN03 where it cannot be written
 */
export async function writeImported(path: string, { config, checkpoint }: PreparedImport): Promise<void> {
  const elsewhere = "Choose an empty or new folder with -o";
  const remedies = { ofRun: elsewhere, other: elsewhere };
  await requireFree(path, remedies);
  const place = resolve(path);
  const above = dirname(place);
  await onRun(path, () => makeFolder(above));
  const fresh = `${place}.partial-${process.pid}-${randomBytes(6).toString("hex")}`;
  try {
    await onRun(path, () => makeFolder(fresh));
    const files = UntrustedFolder.open(fresh)!;
    await files.makeFolder("checkpoints");
    await checkpointStore(files).save("last", checkpoint);
    await writeConfig(files, config);
    await requireFree(path, remedies);
    await onRun(path, async () => {
      // Of an empty folder nothing is lost; one that is not stays, and the renaming fails.
      await rmdir(place).catch((): undefined => undefined);
      await rename(fresh, place);
      await syncFolder(above);
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
