/** Which folders of a tree are classes, and what part of a split each belongs to. */
import { extname } from "node:path";
import { DataError } from "./data-error.js";
import type { ImageTree } from "./image-tree.js";
import type { Split } from "./labelled-examples.js";

/** A folder that holds images itself. */
export interface ClassFolder {
  /** Its path below what all classes have in common: `cat`, `mammals/cat`. */
  readonly name: string;
  readonly split?: Split;
  /** Paths of the images in the tree, in the order of their names. */
  readonly images: readonly (readonly string[])[];
}

/** Endings of the files that are read, in lower case. */
export const imageExtensions: ReadonlySet<string> = new Set([
  ".png",
  ".jpg",
  ".jpeg",
  ".webp",
  ".gif",
  ".tif",
  ".tiff",
  ".avif",
]);
const unreadable = new Set([".bmp", ".svg", ".heic", ".heif", ".ico", ".psd", ".raw", ".jxl", ".jp2"]);

const splitOfFolder: ReadonlyMap<string, Split> = new Map([
  ["train", "train"],
  ["val", "validation"],
  ["validation", "validation"],
  ["test", "test"],
]);
const splitOrder: readonly (Split | undefined)[] = ["train", "validation", "test", undefined];

/** Deeper than any data set is; links that form a circle end here too. */
const deepest = 12;
const mostFolders = 200_000;

/**
 * The class folders of a tree. A folder with images in it is a class; one with folders only names those below, and is
 * left out of the names where all classes lie in it: `photos/cat/1.png` and `photos/dog/1.png` are the classes `cat` and
 * `dog`. Where all classes lie in folders called train, val (or validation) and test, these are their splits, and the
 * classes are in that order. Otherwise they are in the order of their names' code units. Images beside the topmost
 * folders belong to no class, nor do folders within a class.
 *
 * @throws DataError ILD51 for an image of a kind that is not read, ILD52 for a folder without images, fewer than two
 * classes, or a class in two splits
 */
export async function classFolders(tree: ImageTree): Promise<ClassFolder[]> {
  const found: { path: readonly string[]; images: readonly (readonly string[])[] }[] = [];
  let visited = 0;
  const visit = async (path: readonly string[]): Promise<void> => {
    const { folders, files } = await tree.list(path);
    if (path.length > deepest || ++visited > mostFolders) {
      throw new DataError(
        "ILD52",
        tree.where(path),
        path.length > deepest
          ? `it lies more than ${deepest} folders deep`
          : `there are more than ${mostFolders} folders`,
        "Give the folder that the class folders lie in; a link may lead round in a circle.",
      );
    }
    const images = path.length === 0 ? [] : imagesOf(tree, path, files);
    if (images.length > 0) found.push({ path, images });
    else if (folders.length === 0 && path.length > 0) {
      throw new DataError(
        "ILD52",
        tree.where(path),
        "the class has no images",
        "Put PNG, JPEG or WebP files directly into it, or remove the folder.",
      );
    } else for (const folder of folders) await visit([...path, folder]);
  };
  await visit([]);
  if (found.length < 2) {
    const only = found[0]?.path.at(-1);
    throw new DataError(
      "ILD52",
      tree.where([]),
      only === undefined ? "there are no class folders in it" : `${only} is the only class folder in it`,
      "Make one folder of images for each class, at least two: DIR/cat/1.png, DIR/dog/1.png.",
    );
  }

  const common = commonDepth(found.map(({ path }) => path));
  const splits = found.map(({ path }) => splitOfFolder.get(path[common]!.toLowerCase()));
  // Else they are classes that happen to be called so: pictures of trains and of tests.
  const isSplit = found.every(({ path }, i) => splits[i] !== undefined && path.length > common + 1);
  const classes = found.map(({ path, images }, i): ClassFolder => {
    const split = isSplit ? splits[i] : undefined;
    const name = path.slice(split ? common + 1 : common).join("/");
    return { name, images, ...(split ? { split } : {}) };
  });
  const where = new Map<string, readonly string[]>();
  for (const [i, { name }] of classes.entries()) {
    const other = where.get(name);
    if (other) {
      throw new DataError(
        "ILD52",
        tree.where(found[i]!.path),
        `the class ${name} is also in ${tree.where(other)}`,
        "Splits of few-shot data share no class. Put all images of a class into one folder, and the class folders side by side.",
      );
    }
    where.set(name, found[i]!.path);
  }
  return classes.sort((a, b) => splitOrder.indexOf(a.split) - splitOrder.indexOf(b.split));
}

function imagesOf(tree: ImageTree, folder: readonly string[], files: readonly string[]): string[][] {
  const images: string[][] = [];
  for (const file of files) {
    const extension = extname(file).toLowerCase();
    if (unreadable.has(extension)) {
      const where = tree.where([...folder, file]);
      throw new DataError("ILD51", where, `${extension} images are not supported`, "Convert it to PNG.");
    }
    if (imageExtensions.has(extension)) images.push([...folder, file]);
  }
  return images;
}

/** How many first segments all paths share, none of them counted whole. */
function commonDepth(paths: readonly (readonly string[])[]): number {
  const [first = []] = paths;
  let depth = 0;
  while (paths.every((path) => path.length > depth + 1 && path[depth] === first[depth])) depth++;
  return depth;
}
