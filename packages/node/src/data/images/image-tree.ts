import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { DataError, isSystemError, onFile } from "../data-error.js";
import { withZipArchive, type ZipArchiveEntry, type ZipLimits } from "../formats/zip-archive.js";
import { readRegularFile } from "../regular-file.js";
import { type ImageFile, mostFileBytes } from "./image-decoding.js";

/** What is directly in a folder. */
export interface ImageTreeList {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Links that lead nowhere, or back to a folder that they lie in. */
  readonly brokenLinks: readonly string[];
}

/**
 * Folders and files below a root, on disk or in an archive, names in order; without those that are hidden or that systems
 * make for themselves.
 */
export interface ImageTree {
  /** The path of a place, for messages. */
  where(path: readonly string[]): string;
  /** The names directly in a folder. @throws DataError ILD03 */
  list(path: readonly string[]): Promise<ImageTreeList>;
  /** A file, to be read. @throws DataError ILD03, ILD11 */
  open(path: readonly string[]): Promise<ImageFile>;
  /** What changes whenever the file may have: for a cache of what was read from it. */
  stamp(path: readonly string[]): Promise<string>;
}

/** What network disks, archivers and file managers leave behind, in lower case. */
const systemNames: ReadonlySet<string> = new Set([
  "__macosx",
  "@eadir",
  "@recycle",
  "#recycle",
  "#snapshot",
  "$recycle.bin",
  "lost+found",
  "system volume information",
]);

/** Whether a file or folder of this name is none of the user's. */
export const isSystemName = (name: string): boolean => name.startsWith(".") || systemNames.has(name.toLowerCase());

/** Photos are compressed already, and only those being decoded are in memory: these are far above any real archive. */
const zipLimits: ZipLimits = { entries: 1_000_000, entryBytes: 64 * 2 ** 20, totalBytes: 256 * 2 ** 30, ratio: 1000 };

/** Passes the tree of a folder or zip archive to `use`. @throws DataError ILD03, ILD11 to ILD13 */
export async function withImageTree<T>(path: string, use: (tree: ImageTree) => Promise<T>): Promise<T> {
  const found = await onFile(path, () => stat(path, { bigint: true }));
  if (found.isDirectory()) return use(folderTree(path));
  const stamp = stampOf(found);
  let isArchive = isArchiveName(path);
  return withZipArchive(
    path,
    (entries) => {
      isArchive = true;
      return use(archiveTree(path, entries, stamp));
    },
    zipLimits,
  ).catch((error: unknown) => {
    // A file of another name is not to be called a damaged archive.
    if (isArchive || !(error instanceof DataError) || error.code !== "ILD11") throw error;
    const remedy = "Give a folder or zip archive with one folder of images per class.";
    throw new DataError("ILD11", path, "it is neither a folder nor a zip archive", remedy, { cause: error });
  });
}

/** Whether `withImageTree` reads files of this name as archives. */
export const isArchiveName = (path: string): boolean => /\.zip$/i.test(path);

/** The size, and when contents, name or permissions changed last: a program may set the first time, not the second. */
const stampOf = (found: { size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string =>
  `${found.size} ${found.mtimeNs} ${found.ctimeNs}`;

function folderTree(root: string): ImageTree {
  const at = (path: readonly string[]): string => join(root, ...path);
  return {
    where: at,
    async list(path) {
      const folder = at(path);
      const folders: string[] = [];
      const files: string[] = [];
      const brokenLinks: string[] = [];
      for (const entry of await onFile(folder, () => readdir(folder, { withFileTypes: true }))) {
        if (isSystemName(entry.name)) continue;
        // A symbolic link counts as what it points to.
        const found = entry.isSymbolicLink() ? await behindLink(folder, entry.name) : entry;
        if (found === undefined) brokenLinks.push(entry.name);
        else if (found.isDirectory()) folders.push(entry.name);
        else if (found.isFile()) files.push(entry.name);
      }
      return { folders: folders.sort(), files: files.sort(), brokenLinks: brokenLinks.sort() };
    },
    async open(path) {
      const file = at(path);
      const { size } = await onFile(file, () => stat(file));
      return {
        where: file,
        bytes: size,
        read: () => readRegularFile(file, { most: mostFileBytes, links: "followed" }),
      };
    },
    stamp: async (path) => stampOf(await onFile(at(path), () => stat(at(path), { bigint: true }))),
  };
}

/** What a link in a folder leads to; undefined where that is nothing, itself, or a folder that the link lies in. */
async function behindLink(folder: string, name: string) {
  const link = join(folder, name);
  const found = await onFile(link, () =>
    stat(link).catch((error: unknown) => {
      if (isSystemError(error) && ["ENOENT", "ELOOP", "ENOTDIR"].includes(error.code)) return undefined;
      throw error;
    }),
  );
  if (!found?.isDirectory()) return found;
  const [from, to] = await Promise.all([folder, link].map((path) => onFile(path, () => realpath(path))));
  return `${from}${sep}`.startsWith(`${to}${sep}`) ? undefined : found;
}

/** Folders of an archive: names of folders, then of files with their entries. */
interface ArchiveFolder {
  readonly folders: Map<string, ArchiveFolder>;
  readonly files: Map<string, ZipArchiveEntry>;
}

function archiveTree(archive: string, entries: readonly ZipArchiveEntry[], stamp: string): ImageTree {
  const root: ArchiveFolder = { folders: new Map(), files: new Map() };
  for (const entry of entries) {
    const segments = entry.name.split("/");
    if (segments.some(isSystemName)) continue;
    let folder = root;
    for (const segment of segments.slice(0, -1)) {
      const inner = folder.folders.get(segment) ?? { folders: new Map(), files: new Map() };
      folder.folders.set(segment, inner);
      folder = inner;
    }
    folder.files.set(segments.at(-1)!, entry);
  }
  const folderAt = (path: readonly string[]): ArchiveFolder | undefined => {
    let folder: ArchiveFolder | undefined = root;
    for (const segment of path) folder = folder?.folders.get(segment);
    return folder;
  };
  const where = (path: readonly string[]): string =>
    [archive, path.join("/")].filter((part) => part !== "").join(" > ");
  return {
    where,
    async list(path) {
      const { folders, files } = folderAt(path) ?? { folders: new Map(), files: new Map() };
      return { folders: [...folders.keys()].sort(), files: [...files.keys()].sort(), brokenLinks: [] };
    },
    async open(path) {
      const entry = folderAt(path.slice(0, -1))?.files.get(path.at(-1) ?? "");
      if (!entry) throw new DataError("ILD11", archive, `there is no ${path.join("/")} in it`, "Check the path.");
      return { where: where(path), bytes: entry.bytes, read: () => entry.read() };
    },
    stamp: async () => stamp,
  };
}
