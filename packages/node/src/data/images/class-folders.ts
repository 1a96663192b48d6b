/** Which folders of a tree are classes, and what part of a split each belongs to. */
import { extname } from "node:path";
import { DataError } from "../data-error.js";
import type { Split } from "../labelled-examples.js";
import { partNamed } from "../parts-of-splits.js";
import { Problems } from "../problems.js";
import { formatsRead } from "./image-decoding.js";
import type { ImageTree } from "./image-tree.js";

/** A folder that holds images itself. */
export interface ClassFolder {
  /** Its path below what all classes have in common: `cat`, `mammals/cat`. */
  readonly name: string;
  readonly split?: Split;
  /** Paths of the images in the tree, in the order of their names. */
  readonly images: readonly (readonly string[])[];
}

/** The classes of a tree, with what is wrong in it. */
export interface FoundClasses {
  readonly classes: readonly ClassFolder[];
  /** Folders without images and images of formats that are not read, which are left out where that is wanted. */
  readonly problems: Problems;
  /** Whether there are such images among them. */
  readonly hasUnreadable: boolean;
  /** Links that lead nowhere or round in a circle, which are left out. */
  readonly brokenLinks: Problems;
}

/** Endings of the files that are read, in lower case. */
const imageExtensions: ReadonlySet<string> = new Set(
  ".png .jpg .jpeg .jpe .jfif .pjpeg .pjp .webp .gif .tif .tiff .avif".split(" "),
);
const unreadable: ReadonlySet<string> = new Set(
  ".bmp .svg .svgz .heic .heif .ico .psd .raw .dng .cr2 .cr3 .nef .arw .jxl .jp2 .pdf".split(" "),
);

/** Whether a file of this name holds text. */
export const isTextName = (name: string): boolean => extname(name).toLowerCase() === ".txt";

/** Whether a file of this name is read as an image. */
export const isImageName = (name: string): boolean => imageExtensions.has(extname(name).toLowerCase());

const splitOrder: readonly (Split | undefined)[] = ["train", "validation", "test", undefined];

/** Deeper than any data set is. */
export const deepest = 12;
export const mostFolders = 200_000;

/**
 * The class folders of a tree. A folder with images in it is a class; one with folders only names those below, and is
 * left out of the names where all classes lie in it: `photos/cat/1.png` and `photos/dog/1.png` are the classes `cat` and
 * `dog`. Where all classes lie in folders called train, val and test (or training, validation, dev, eval and the like),
 * these are their splits, and the classes are in that order. Otherwise they are in the order of their names' code units.
 * Images beside the topmost folders belong to no class, nor do folders within a class.
 *
 * @throws DataError ILD52 for fewer than two classes, a class in two splits, or splits beside other folders
 */
export async function classFolders(tree: ImageTree): Promise<FoundClasses> {
  const found: { path: readonly string[]; images: readonly (readonly string[])[] }[] = [];
  const problems = new Problems();
  const brokenLinks = new Problems();
  let hasUnreadable = false;
  let visited = 0;
  let hasTexts = false;
  const visit = async (path: readonly string[]): Promise<void> => {
    const { folders, files, brokenLinks: broken } = await tree.list(path);
    if (path.length > deepest || ++visited > mostFolders) {
      throw new DataError(
        "ILD52",
        tree.where(path),
        path.length > deepest
          ? `it lies more than ${deepest} folders deep`
          : `there are more than ${mostFolders} folders`,
        "Give the folder that the class folders lie in.",
      );
    }
    for (const link of broken) brokenLinks.add(tree.where([...path, link]), "a link that leads nowhere, or back");
    hasTexts ||= path.length > 0 && files.some(isTextName);
    const images = path.length === 0 ? [] : files.filter(isImageName).map((file) => [...path, file]);
    const others = path.length === 0 ? [] : files.filter((file) => unreadable.has(extname(file).toLowerCase()));
    for (const file of others) {
      hasUnreadable = true;
      const problem = `${extname(file).toLowerCase()} images are not supported, ${formatsRead} are`;
      problems.add(tree.where([...path, file]), problem);
    }
    if (images.length > 0) found.push({ path, images });
    else if (folders.length > 0) for (const folder of folders) await visit([...path, folder]);
    else if (path.length > 0 && others.length === 0) problems.add(tree.where(path), "the class has no images");
  };
  await visit([]);
  if (found.length === 0 && hasTexts) {
    const where = tree.where([]);
    const remedy = `Train on them with \`innerloop train text --data ${where}\`.`;
    throw new DataError("ILD52", where, "its folders hold texts (.txt), where images are expected", remedy);
  }
  if (found.length < 2) {
    const only = found[0]?.path.at(-1);
    const problem = only === undefined ? "there are no class folders in it" : `${only} is the only class folder in it`;
    const remedy = "Make one folder of images for each class, at least two: DIR/cat/1.png, DIR/dog/1.png.";
    const more = problems.count > 0 ? ` (${problems.lines().join("; ")})` : "";
    throw new DataError("ILD52", tree.where([]), `${problem}${more}`, remedy);
  }
  return { classes: namedClasses(tree, found), problems, hasUnreadable, brokenLinks };
}

/** Classes of these folders, by what is not common to all, in the order of their splits. */
function namedClasses(
  tree: ImageTree,
  found: readonly { readonly path: readonly string[]; readonly images: ClassFolder["images"] }[],
): ClassFolder[] {
  const common = commonDepth(found.map(({ path }) => path));
  // A folder of images that is called so is a class: there are pictures of trains and of tests.
  const splits = found.map(({ path }) => (path.length > common + 1 ? partNamed(path[common]!) : undefined));
  if (splits.includes(undefined) && splits.some((split) => split !== undefined)) {
    const named = (isSplit: boolean): string => {
      const names = found.filter((_, i) => (splits[i] !== undefined) === isSplit).map(({ path }) => path[common]!);
      return [...new Set(names)].slice(0, 5).join(", ");
    };
    throw new DataError(
      "ILD52",
      tree.where(found[0]!.path.slice(0, common)),
      `it holds class folders in ${named(true)}, which are parts of a split by their names, and others beside them: ${named(false)}`,
      "Put every class into one of train, val and test, or put all class folders side by side.",
    );
  }
  const classes = found.map(({ path, images }, i): ClassFolder => {
    const split = splits[i];
    const name = path.slice(split ? common + 1 : common).join("/");
    return { name, images, ...(split ? { split } : {}) };
  });
  const where = new Map<string, readonly string[]>();
  const shared = new Problems();
  for (const [i, { name }] of classes.entries()) {
    const other = where.get(name);
    if (other) shared.add(tree.where(found[i]!.path), `the class ${name} is also in ${tree.where(other)}`);
    else where.set(name, found[i]!.path);
  }
  shared.throwAny(
    "ILD52",
    tree.where([]),
    "Splits of few-shot data share no class. Put all images of a class into one folder, and the class folders side by side.",
  );
  return classes.sort((a, b) => splitOrder.indexOf(a.split) - splitOrder.indexOf(b.split));
}

/** How many first segments all paths share, none of them counted whole. */
export function commonDepth(paths: readonly (readonly string[])[]): number {
  const [first = []] = paths;
  let depth = 0;
  while (paths.every((path) => path.length > depth + 1 && path[depth] === first[depth])) depth++;
  return depth;
}
