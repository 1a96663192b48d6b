/** Where the tables of ratings, items and users are: a file, or a folder or zip archive of files with usual names. */
import { isUtf8 } from "node:buffer";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { UsageError } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { type TextPieces, takeTextOf } from "../formats/text-file.js";
import { defaultZipLimits, withZipArchive, type ZipArchiveEntry } from "../formats/zip-archive.js";
import { isArchiveName } from "../images/image-tree.js";
import { readingLimits } from "../reading-limits.js";
import { readRegularFile } from "../regular-file.js";
import { isTableName } from "../tables/table-file.js";
import { layoutOf } from "./movielens-layouts.js";
import type { TableSource } from "./table-source.js";

/** Tables of ratings, items and users. */
export interface RatingFiles {
  readonly ratings: TableSource;
  readonly items?: TableSource | undefined;
  readonly users?: TableSource | undefined;
}

/** File names of the tables of a folder, the first that is there is taken. */
const fileNames = {
  ratings: ["ratings.csv", "ratings.dat", "u.data", "ratings.tsv", "ratings.jsonl"],
  items: ["items.csv", "movies.csv", "movies.dat", "u.item", "items.tsv", "items.jsonl"],
  users: ["users.csv", "users.dat", "u.user", "users.tsv", "users.jsonl"],
} as const;

const folderRemedy = `Give a folder or zip archive with ratings (${fileNames.ratings.join(", ")}), as those of MovieLens, or a table of ratings.`;
const mostFolders = 1000;

/**
 * Finds the tables at a path and hands them to `use`: a table alone, or those of a folder or zip archive, which may lie in
 * a folder within it. Files of MovieLens are known by their names.
 *
 * @throws UsageError for a file of another kind, DataError ILD71 where there are no ratings, ILD03, ILD11, ILD12, ILD13
 */
export async function withRatingFiles<T>(path: string, use: (files: RatingFiles) => Promise<T>): Promise<T> {
  if (isArchiveName(path)) {
    const limits = { ...defaultZipLimits, entryBytes: readingLimits.ratingEntryBytes };
    return withZipArchive(path, (entries) => use(inArchive(path, entries)), limits);
  }
  const isFolder = (await onFile(path, () => stat(path))).isDirectory();
  return use(isFolder ? await inFolder(path) : { ratings: tableAt(path) });
}

/** The table of a file. @throws UsageError for one of another kind */
export function tableAt(path: string): TableSource {
  const layout = layoutOf(basename(path));
  if (!layout && !isTableName(path)) {
    const remedy = "Give a table (.csv, .tsv, .jsonl, .ndjson), or a file of MovieLens with the name it came with";
    throw new UsageError(`${path} is a file of a kind that ratings are not read from`, remedy);
  }
  return { path, layout, ...(layout?.isLatin ? { pieces: latinPieces } : {}) };
}

async function inFolder(path: string): Promise<RatingFiles> {
  const entries = await onFile(path, () => readdir(path, { withFileTypes: true }));
  const at = (folder: string, names: readonly string[]) => chosen(names, (name) => tableAt(join(folder, name)));
  const own = at(
    path,
    entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name),
  );
  if (own) return own;
  for (const { name } of entries.filter((entry) => entry.isDirectory()).slice(0, mostFolders)) {
    const within = join(path, name);
    const found = at(within, await onFile(within, () => readdir(within)));
    if (found) return found;
  }
  throw new DataError("ILD71", path, "there are no ratings in it", folderRemedy);
}

function inArchive(path: string, entries: readonly ZipArchiveEntry[]): RatingFiles {
  const folders = new Map<string, Map<string, ZipArchiveEntry>>();
  for (const entry of entries) {
    const slash = entry.name.lastIndexOf("/");
    const folder = entry.name.slice(0, slash + 1);
    const files = folders.get(folder) ?? new Map<string, ZipArchiveEntry>();
    folders.set(folder, files.set(entry.name.slice(slash + 1), entry));
  }
  for (const folder of [...folders.keys()].sort((a, b) => a.length - b.length)) {
    const files = folders.get(folder)!;
    const found = chosen([...files.keys()], (name) => entryTable(path, name, files.get(name)!));
    if (found) return found;
  }
  throw new DataError("ILD71", path, "there are no ratings in it", folderRemedy);
}

/** The tables of a folder, by the names in it; undefined where none is of ratings. */
function chosen(names: readonly string[], tableOf: (name: string) => TableSource): RatingFiles | undefined {
  const find = (usual: readonly string[]): TableSource | undefined => {
    const name = usual.map((each) => names.find((found) => found.toLowerCase() === each)).find((found) => found);
    return name === undefined ? undefined : tableOf(name);
  };
  const ratings = find(fileNames.ratings);
  return ratings && { ratings, items: find(fileNames.items), users: find(fileNames.users) };
}

function entryTable(archive: string, name: string, entry: ZipArchiveEntry): TableSource {
  const layout = layoutOf(name);
  const pieces: TextPieces = (path, work, take) =>
    layout?.isLatin
      ? takeLatin(entry, path, take)
      : takeTextOf(entry.stream(), { ...work, path, size: entry.bytes, take });
  return { path: `${archive} > ${entry.name}`, layout, pieces };
}

async function takeLatin(entry: ZipArchiveEntry, path: string, take: (text: string) => void): Promise<void> {
  if (entry.bytes > readingLimits.latinTableBytes) {
    const problem = `it has ${entry.bytes} bytes, and at most ${readingLimits.latinTableBytes} are read`;
    throw new DataError("ILD13", path, problem, "Is it the right file?");
  }
  take(latinOrUtf8(await entry.read()));
}

/** The text of a file whose encoding is either: read whole. */
const latinPieces: TextPieces = async (path, { signal }, take) => {
  const bytes = await readRegularFile(path, { most: readingLimits.latinTableBytes, links: "followed" });
  signal?.throwIfAborted();
  take(latinOrUtf8(bytes));
};

const latinOrUtf8 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(isUtf8(bytes) ? "utf8" : "latin1");
