import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError, onFile } from "./data-error.js";
import { withZipArchive, type ZipArchiveEntry, type ZipLimits } from "./zip-archive.js";

/** Folders and files below a root, on disk or in an archive; hidden ones are left out, names are in order. */
export interface ImageTree {
  /** The path of a place, for messages. */
  where(path: readonly string[]): string;
  /** The names directly in a folder. @throws DataError ILD03 */
  list(path: readonly string[]): Promise<{ readonly folders: readonly string[]; readonly files: readonly string[] }>;
  /** The bytes of a file, or its path on disk. */
  open(path: readonly string[]): Promise<string | Uint8Array>;
  /** What changes whenever the file may have: for a cache of what was read from it. */
  stamp(path: readonly string[]): Promise<string>;
}

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
      for (const entry of await onFile(folder, () => readdir(folder, { withFileTypes: true }))) {
        if (entry.name.startsWith(".")) continue;
        const inner = join(folder, entry.name);
        // A symbolic link counts as what it points to.
        const found = entry.isSymbolicLink() ? await onFile(inner, () => stat(inner)) : entry;
        if (found.isDirectory()) folders.push(entry.name);
        else if (found.isFile()) files.push(entry.name);
      }
      return { folders: folders.sort(), files: files.sort() };
    },
    open: async (path) => at(path),
    stamp: async (path) => stampOf(await onFile(at(path), () => stat(at(path), { bigint: true }))),
  };
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
    if (segments.some((segment) => segment.startsWith(".") || segment === "__MACOSX")) continue;
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
  return {
    where: (path) => [archive, path.join("/")].filter((part) => part !== "").join(" > "),
    async list(path) {
      const { folders, files } = folderAt(path) ?? { folders: new Map(), files: new Map() };
      return { folders: [...folders.keys()].sort(), files: [...files.keys()].sort() };
    },
    async open(path) {
      const entry = folderAt(path.slice(0, -1))?.files.get(path.at(-1) ?? "");
      if (!entry) throw new DataError("ILD11", archive, `there is no ${path.join("/")} in it`, "Check the path.");
      return entry.read();
    },
    stamp: async () => stamp,
  };
}
