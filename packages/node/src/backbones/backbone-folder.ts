/** Backbone folders: where they are, and their files, checked. */
import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data/data-error.js";
import { readingLimits } from "../data/reading-limits.js";
import { readRegularFile } from "../data/regular-file.js";
import { dataFolder } from "../data/store/user-folders.js";
import { type BackboneSettings, parseBackboneSettings, settingsKey } from "./backbone-settings.js";
import { type ModelContents, readModelContents } from "./model-file.js";

/** Names of the files of a backbone folder. */
export const backboneFiles = {
  model: "model.onnx",
  tokenizer: "tokenizer.json",
  settings: "backbone.json",
} as const;

/** The folder of the backbones that this machine has by name. */
export const backbonesFolder = (): string => join(dataFolder(), "backbones");

/** Whether a name can be that of a backbone, as of a data set. */
export const isBackboneName = (name: string): boolean => /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name);

/** A backbone folder that was read and checked; nothing of it has run. */
export interface BackboneFolder {
  /** As messages call it. */
  readonly name: string;
  readonly folder: string;
  readonly settings: BackboneSettings;
  readonly modelFile: string;
  readonly modelSha256: string;
  readonly modelBytes: number;
  readonly contents: ModelContents;
  /** Of a text encoder. */
  readonly tokenizer: Uint8Array | undefined;
  /** Of model, tokenizer and settings: what features depend on. */
  readonly sha256: string;
}

const wholeFolder =
  "A backbone of texts is a folder with model.onnx, tokenizer.json and backbone.json, one of images with model.onnx and backbone.json.";

/** Changes with what encoding gives. */
const encodingVersion = 1;

/**
 * Reads the files of a backbone folder.
 *
 * @throws DataError ILD03 for files that are not there, too large or links; ILD81 for one that is no backbone
 */
export async function readBackboneFolder(
  folder: string,
  /** Instead of that of its settings. */
  chosen: { readonly name?: string; readonly output?: string } = {},
): Promise<BackboneFolder> {
  const file = (name: string): string => join(folder, name);
  const there: readonly string[] = await readdir(folder).catch(() => Object.values(backboneFiles));
  const read = (name: string, most: number) => {
    if (!there.includes(name)) throw new DataError("ILD03", folder, `there is no ${name} in it`, wholeFolder);
    return readRegularFile(file(name), { most, links: "refused" });
  };
  const text = await read(backboneFiles.settings, readingLimits.backboneSettingsBytes);
  const found = parseBackboneSettings(new TextDecoder().decode(text), file(backboneFiles.settings));
  const settings = chosen.output === undefined ? found : { ...found, output: chosen.output };
  const modelFile = file(backboneFiles.model);
  const model = await read(backboneFiles.model, readingLimits.backboneModelBytes);
  const modelSha256 = sha256Of(model);
  if (settings.sha256 !== undefined && settings.sha256 !== modelSha256)
    throw new DataError(
      "ILD81",
      modelFile,
      `its SHA-256 is ${modelSha256}, and backbone.json says ${quoted(settings.sha256)}`,
      "Put the model back that the folder was made with, or make the folder anew.",
    );
  const contents = readModelContents(model, modelFile);
  const tokenizer =
    settings.kind === "text" ? await read(backboneFiles.tokenizer, readingLimits.tokenizerBytes) : undefined;
  const parts = [encodingVersion, modelSha256, tokenizer ? sha256Of(tokenizer) : "", settingsKey(settings)];
  return {
    name: chosen.name ?? basename(folder),
    folder,
    settings,
    modelFile,
    modelSha256,
    modelBytes: model.length,
    contents,
    tokenizer,
    sha256: sha256Of(JSON.stringify(parts)),
  };
}

/**
 * The model of a folder that was read, with bytes behind it that give it one more output: see `outputSuffix`.
 *
 * @throws DataError ILD81 where it is another now, ILD03
 */
export async function modelWith({ modelFile, modelSha256 }: BackboneFolder, suffix: Uint8Array): Promise<Uint8Array> {
  const bytes = await readRegularFile(modelFile, { most: readingLimits.backboneModelBytes, links: "refused" });
  if (sha256Of(bytes) !== modelSha256)
    throw new DataError("ILD81", modelFile, "it has changed since it was opened", "Begin again.");
  const model = new Uint8Array(bytes.length + suffix.length);
  model.set(bytes);
  model.set(suffix, bytes.length);
  return model;
}

export const sha256Of = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/**
 * The folder that a name of this machine or a path means.
 *
 * @throws DataError ILD02 with the command that brings it, where there is none
 */
export async function locateBackbone(
  source: string,
  fetched: readonly string[],
): Promise<{ readonly name: string; readonly folder: string }> {
  if (isBackboneName(source)) {
    const folder = join(backbonesFolder(), source);
    if (await isFolder(folder)) return { name: source, folder };
  }
  const folder = resolve(source);
  if (await isFolder(folder)) return { name: basename(folder), folder };
  if (fetched.includes(source)) {
    const remedy = `Run \`innerloop data get ${source}\`.`;
    throw new DataError("ILD02", source, "the backbone is not on this machine", remedy);
  }
  const here = await backbonesHere();
  const some = here.length > 0 ? ` Here are ${here.join(", ")}.` : "";
  const remedy = `Give a folder with ${Object.values(backboneFiles).join(", ")}, or run \`innerloop data get ${fetched[0] ?? "NAME"}\`.${some}`;
  throw new DataError("ILD02", quoted(source), "there is no such backbone: neither a name nor a folder", remedy);
}

/** Names of the backbones on this machine. */
export async function backbonesHere(): Promise<string[]> {
  const found = await readdir(backbonesFolder(), { withFileTypes: true }).catch(() => []);
  return found
    .filter((entry) => entry.isDirectory() && isBackboneName(entry.name))
    .map(({ name }) => name)
    .sort();
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
