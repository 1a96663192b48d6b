/** Folders of exported learners: written aside and put in place whole, and read as folders from anyone. */
import { randomBytes } from "node:crypto";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ExportError,
  type ExportedAnswer,
  type ExportedFiles,
  type ExportedLearner,
  exportedFileLimits,
  includedModel,
  isExportText,
  isIncludedAddress,
  mostConfigBytes,
  openExported,
  RunError,
} from "@innerloop/experiments/exported";
import { openWasmModule } from "@innerloop/graph";
import { isSystemError } from "../data/data-error.js";
import { machineImages } from "../data/machine-images.js";
import { makeFolder, requireWritable, syncFolder } from "../data/store/atomic-write.js";
import { portableEngine } from "../executor/portable-engine.js";
import { onRun, shown, UntrustedFolder } from "./untrusted-folder.js";

/** Names that an exported folder has, and no others. */
const ownNames = ["README.md", "config.json", ...Object.keys(exportedFileLimits)];
/** The folders that files of these names lie in. */
const foldersOf = (names: readonly string[]): readonly string[] => [
  ...new Set(names.flatMap((name) => (name.includes("/") ? [name.split("/")[0]!] : []))),
];
const folders = foldersOf(ownNames);

/**
 * The files in a folder, which may come from anyone: nothing but plain files below it is read.
 *
 * @throws ExportError ILE202 where there is no such folder
 */
export function exportedFilesIn(path: string): ExportedFiles {
  const folder = UntrustedFolder.open(path);
  if (!folder)
    throw new ExportError(
      "ILE202",
      shown(path),
      "there is no such folder",
      "Write one with `innerloop export RUN -o DIR`",
    );
  return {
    shown: shown(path),
    read: async (name, most) => {
      try {
        return await folder.read(name, most);
      } catch (error) {
        if (!(error instanceof RunError)) throw error;
        const problem = error.message.replace(/^ILN\d+ /, "");
        throw new ExportError("ILE202", shown(path), problem, "Get the folder anew from where it came from", {
          cause: error,
        });
      }
    },
  };
}

/**
 * The folder that a path names: of "innerloop:NAME" that of a learner that comes trained, with @innerloop/models.
 *
 * @throws ExportError ILE209 where none of this name comes
 */
export async function exportedFolder(path: string): Promise<string> {
  if (!isIncludedAddress(path)) return path;
  const { models } = await import("@innerloop/models");
  const { files } = includedModel(path, models);
  return dirname(fileURLToPath(files["config.json"]!()));
}

/** The question whether there is an exported learner in a folder, whole or not. */
export async function isExported(path: string): Promise<boolean> {
  const bytes = await UntrustedFolder.open(path)
    ?.read("config.json", mostConfigBytes)
    .catch((): undefined => undefined);
  return bytes !== undefined && isExportText(new TextDecoder().decode(bytes));
}

/**
 * The exported learner in a folder, or one that comes trained: "innerloop:symbols".
 *
 * @typeParam A its answers: `ClassAnswer`, `ValueAnswer`, `RatingAnswer` and others, by the kind of its tasks
 * @param options.engine "wasm" for the module of an export with --wasm; onnxruntime unless given
 * @throws ExportError ILE202 where there is none, or it is damaged; ILE209 where none of this name comes
 * @example const learner = await loadExported("exported/hanzi")
 */
export async function loadExported<A = ExportedAnswer>(
  path: string,
  { engine }: { readonly engine?: "onnxruntime" | "wasm" } = {},
): Promise<ExportedLearner<A>> {
  return openExported<A>(exportedFilesIn(await exportedFolder(path)), {
    // More threads pay off for larger operations than these are of, and only where nothing else runs.
    engine: portableEngine(),
    openModule: engine === "wasm" ? openWasmModule : undefined,
    io: {
      ...machineImages,
      pieces: async (bytes, where) => (await import("../backbones/tokenizer-file.js")).parseTokenizer(bytes, where),
    },
  });
}

/**
 * Says before anything is computed that an export cannot be written there.
 *
 * @throws ExportError ILE204 where there is something that is not an export of ours, or more than one; RunError ILN03 where
 *   nothing can be written
 */
export async function requireExportPlace(path: string): Promise<void> {
  await placeFor(path);
  await onRun(path, () => requireWritable(dirname(resolve(path))));
}

/** What is at a place where an export may be written: nothing, an empty folder, or an export before it. */
async function placeFor(path: string): Promise<"nothing" | "folder"> {
  const refuse = (problem: string): never => {
    const remedy = "Choose another folder with -o; what is not an export of innerloop's own is never overwritten";
    throw new ExportError("ILE204", shown(path), problem, remedy);
  };
  const found = await onRun(path, () =>
    lstat(path).catch((error: unknown): undefined => {
      if (isSystemError(error) && error.code === "ENOENT") return undefined;
      throw error;
    }),
  );
  if (!found) return "nothing";
  if (!found.isDirectory()) return refuse(`there is ${found.isSymbolicLink() ? "a link" : "a file"} of this name`);
  const names = await onRun(path, () => namesIn(path));
  if (names.length === 0) return "folder";
  if (!(await isExported(path))) return refuse("the folder is not empty, and no export");
  const other = names.find((name) => !ownNames.includes(name));
  return other === undefined
    ? "folder"
    : refuse(`the export there has ${JSON.stringify(other.slice(0, 80))} in it, which is not of it`);
}

/** Names of files below a folder, and of folders that no export has. */
async function namesIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  const lists = entries.map(async (entry) => {
    if (!entry.isDirectory() || !folders.includes(entry.name)) return [entry.name];
    return (await readdir(join(path, entry.name))).map((name) => `${entry.name}/${name}`);
  });
  return (await Promise.all(lists)).flat();
}

/**
 * Writes an export: aside, where it is tried, and then in its place. Where trying it fails nothing stays behind.
 *
 * @param check what tries the files as they were written
 * @throws ExportError ILE204 where something else is there; RunError ILN03 where it cannot be written; what `check` throws
 */
export async function writeExported<T>(
  path: string,
  files: Readonly<Record<string, Uint8Array>>,
  check: (written: ExportedFiles) => Promise<T>,
): Promise<T> {
  await placeFor(path);
  const place = resolve(path);
  const above = dirname(place);
  await onRun(path, () => makeFolder(above));
  const aside = (): string => `${place}.partial-${process.pid}-${randomBytes(6).toString("hex")}`;
  const [fresh, old] = [aside(), aside()];
  try {
    await onRun(path, () => makeFolder(fresh));
    const folder = UntrustedFolder.open(fresh)!;
    for (const name of foldersOf(Object.keys(files))) await folder.makeFolder(name);
    for (const [name, bytes] of Object.entries(files)) await folder.write(name, bytes);
    const result = await check(exportedFilesIn(fresh));
    // What was put there meanwhile is not ours to remove either.
    const found = await placeFor(path);
    await onRun(path, async () => {
      if (found === "folder") await rename(place, old);
      try {
        await rename(fresh, place);
      } catch (error) {
        if (found === "folder") await rename(old, place);
        throw error;
      }
      await syncFolder(above);
    });
    return result;
  } finally {
    for (const left of [fresh, old]) await rm(left, { recursive: true, force: true });
    await removeAbandoned(above, basename(place));
  }
}

const abandonedAfterMs = 24 * 60 * 60 * 1000;

/** What a killed process left behind is removed a day later: by then nobody writes it. */
async function removeAbandoned(above: string, name: string): Promise<void> {
  const entries = await readdir(above).catch((): string[] => []);
  for (const entry of entries.filter((each) => each.startsWith(`${name}.partial-`))) {
    const path = join(above, entry);
    const found = await lstat(path).catch((): undefined => undefined);
    if (found && Date.now() - found.mtimeMs > abandonedAfterMs) await rm(path, { recursive: true, force: true });
  }
}
