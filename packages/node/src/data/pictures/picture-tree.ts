/** The files of a folder of marked pictures, and which picture belongs to which file of marks. */
import { extname } from "node:path";
import { counted, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { deepest, isImageName } from "../images/class-folders.js";
import type { ImageTree } from "../images/image-tree.js";
import type { Split } from "../labelled-examples.js";
import { partNamed } from "../parts-of-splits.js";
import { readingLimits } from "../reading-limits.js";

/** A path in the tree: folders, then the file. */
export type TreePath = readonly string[];

/** Files of a tree by their kinds, in the order of their paths. */
export class PictureTree {
  private readonly byKind = new Map<string, TreePath[]>();
  private readonly imagesByStem = new Map<string, TreePath[]>();
  /** By their paths without endings. */
  private readonly imagesByStemPath = new Map<string, TreePath[]>();
  private readonly imagesByPath = new Map<string, TreePath>();
  readonly images: TreePath[] = [];
  /** Links that lead nowhere, or back. */
  readonly brokenLinks: string[] = [];

  private constructor(readonly tree: ImageTree) {}

  /**
   * @param only the one file of its ending that is looked at, beside the topmost folders
   * @throws DataError ILD55 for more or deeper files than are read, ILD03
   */
  static async of(tree: ImageTree, only?: string): Promise<PictureTree> {
    const isOther = (path: TreePath): boolean =>
      only !== undefined && extname(path.at(-1)!) === extname(only) && path.join("/") !== only;
    const found = new PictureTree(tree);
    const { pictureFolderEntries: most } = readingLimits;
    let entries = 0;
    const visit = async (path: TreePath): Promise<void> => {
      const { folders, files, brokenLinks } = await tree.list(path);
      entries += folders.length + files.length;
      if (path.length > deepest || entries > most) {
        const problem =
          path.length > deepest ? `it lies more than ${deepest} folders deep` : `it holds more than ${most} files`;
        throw new DataError("ILD55", tree.where(path), problem, "Give the folder that the pictures lie in.");
      }
      for (const link of brokenLinks) found.brokenLinks.push(tree.where([...path, link]));
      for (const file of files) if (!isOther([...path, file])) found.add([...path, file]);
      for (const folder of folders) await visit([...path, folder]);
    };
    await visit([]);
    return found;
  }

  private add(path: TreePath): void {
    const name = path.at(-1)!;
    if (isImageName(name)) {
      this.images.push(path);
      this.imagesByPath.set(path.join("/"), path);
      added(this.imagesByStem, stemOf(name), path);
      added(this.imagesByStemPath, stemPath(path), path);
    } else added(this.byKind, extname(name).toLowerCase(), path);
  }

  /** Files whose names end so: `.xml`. */
  filesOf(ending: string): readonly TreePath[] {
    return this.byKind.get(ending) ?? [];
  }

  where(path: TreePath): string {
    return this.tree.where(path);
  }

  /** The bytes of a file of marks. @throws DataError ILD54 beyond the size, ILD03, ILD11 */
  async read(path: TreePath, most: number): Promise<Uint8Array> {
    const file = await this.tree.open(path);
    if (file.bytes <= most) return file.read();
    const problem = `it has ${file.bytes} bytes, and at most ${most} are read`;
    throw new DataError("ILD54", file.where, problem, "Is it the right file?");
  }

  /** The picture at a path. */
  imageAt(path: TreePath): TreePath | undefined {
    return this.imagesByPath.get(path.join("/"));
  }

  /** Pictures whose paths end in another. @throws DataError ILD55 where too many have the same name */
  imagesEndingIn(path: TreePath): readonly TreePath[] {
    const same = this.namesakes(path);
    return same.filter((image) => path.every((name, i) => name === image[image.length - path.length + i]));
  }

  /**
   * Pictures that are called as a file of marks, whatever their kinds: those in its folder; else those in a folder whose path
   * differs by one name alone, as `images/train` and `labels/train` do, `JPEGImages` and `Annotations`; else all of them.
   *
   * @throws DataError ILD55 where too many have the same name
   */
  imagesOfStem(path: TreePath): readonly TreePath[] {
    const beside = this.imagesByStemPath.get(stemPath(path));
    if (beside) return beside;
    const all = this.namesakes(path);
    const near = all.filter(
      (image) =>
        image.length === path.length && path.filter((name, i) => i < path.length - 1 && name !== image[i]).length === 1,
    );
    return near.length > 0 ? near : all;
  }

  private compared = 0;

  /** Pictures of a name in any folder. To compare the paths of all for each file of marks takes time by their square. */
  private namesakes(path: TreePath): readonly TreePath[] {
    const found = this.imagesByStem.get(stemOf(path.at(-1)!)) ?? [];
    this.compared += found.length;
    if (this.compared <= mostCompared) return found;
    const problem = `too many pictures are called ${quoted(path.at(-1))} or so, in ${found.length} folders`;
    throw new DataError("ILD55", this.where([]), problem, "Put marks beside their pictures, or give fewer at a time.");
  }
}

/** Paths that are compared in all, some seconds' work. */
const mostCompared = 2 ** 26;

function added(map: Map<string, TreePath[]>, key: string, path: TreePath): void {
  const list = map.get(key);
  if (list) list.push(path);
  else map.set(key, [path]);
}

/** `a` of `a.jpg`. */
export const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

const stemPath = (path: TreePath): string => [...path.slice(0, -1), stemOf(path.at(-1)!)].join("/");

/** The part that the folders of a path stand for: the innermost of those that do. */
export function partOfFolders(path: TreePath): Split | undefined {
  for (const name of path.slice(0, -1).reverse()) {
    const part = partNamed(name);
    if (part) return part;
  }
  return undefined;
}

/** The part that a word in a file's name stands for, as in `instances_val2017.json`. */
export function partOfWords(name: string): Split | undefined {
  for (const word of stemOf(name).split(/[^A-Za-z]/)) {
    const part = partNamed(word);
    if (part) return part;
  }
  return undefined;
}

/**
 * A path as a file from outside writes it, with slashes of either kind; what is wrong with it, in words, where it leaves
 * its folder or cannot be one.
 */
export function pathWithin(written: string): TreePath | { readonly problem: string } {
  if (written.length > 1024) return { problem: `a path of ${written.length} characters` };
  for (const character of written)
    if (character < " " || character === "\x7f") return { problem: "a path with a control character" };
  const slashed = written.replaceAll("\\", "/");
  if (slashed.startsWith("/") || /^[A-Za-z]:/.test(slashed)) return { problem: "the path is absolute" };
  const names = slashed.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) return { problem: "the path leaves its folder" };
  return names.length === 0 ? { problem: "an empty path" } : names;
}

/** `a.xml`, or `a.xml and 3 others`. */
export const firstOf = (places: readonly string[]): string =>
  places.length === 1 ? places[0]! : `${places[0]} and ${counted(places.length - 1, "other")}`;
