/** COCO: JSON files of pictures, classes and boxes. */
import { counted, isRecord, quoted, reasonOf } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { Split } from "../labelled-examples.js";
import type { Problems } from "../problems.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import type { FoundBox, FoundMarkSet, FoundMarks, MarkReader } from "./found-marks.js";
import { textOfMarks } from "./mark-lines.js";
import { firstOf, type PictureTree, partOfFolders, partOfWords, pathWithin, type TreePath } from "./picture-tree.js";

/** A JSON file with the lists of COCO. */
interface CocoFile {
  readonly path: TreePath;
  readonly where: string;
  readonly images: readonly unknown[];
  readonly annotations: readonly unknown[];
  readonly categories: readonly unknown[];
}

/**
 * COCO JSON of boxes, in any file that ends in .json. Several files are parts of one set, by a word of their names
 * (`instances_val2017.json`) or their folders; classes of one name are one. A picture lies at its `file_name` below the
 * folder of the file, or somewhere below the root where just one path ends so; it never leaves the root. Masks are not
 * read, but for `area`.
 */
export const cocoJson: MarkReader = {
  format: "coco",
  title: "COCO",
  how: 'a COCO file, JSON with "images", "annotations" and "categories", beside or above the pictures',
  async find(tree) {
    const files: CocoFile[] = [];
    const others: string[] = [];
    /** Of those that are kept. */
    let memory = 0;
    for (const path of tree.filesOf(".json")) {
      const where = tree.where(path);
      const bytes = await tree.read(path, readingLimits.jsonFileBytes);
      const own = memoryOf(bytes);
      requireModestValues(memory + own, where);
      const file = cocoFile(jsonValue(bytes, where), path, where);
      if (!file) others.push(where);
      else {
        files.push(file);
        memory += own;
      }
    }
    if (files.length === 0) return undefined;
    const left = others.length > 0 ? [`${firstOf(others)} left out: no COCO file of boxes`] : [];
    return {
      files: counted(files.length, "JSON file"),
      read: async (_, problems) => readCoco(tree, files, problems, left),
    };
  },
};

/** Bytes of memory that a sign of JSON stands for: an object or list, an entry, a property with its name. */
const memoryOfSigns: Readonly<Record<string, number>> = { "{": 56, "[": 32, ",": 16, ":": 64 };

function memoryOf(json: Uint8Array): number {
  const memory = new Uint8Array(256);
  for (const [sign, size] of Object.entries(memoryOfSigns)) memory[sign.charCodeAt(0)] = size;
  let total = 0;
  for (let i = 0; i < json.length; i++) total += memory[json[i]!]!;
  return total;
}

/** More values than there is memory for would end the process. @throws DataError ILD54, ILD07 */
function requireModestValues(memory: number, where: string): void {
  const { cocoMemory: most } = readingLimits;
  if (memory > most) {
    const problem = `the values of JSON take some ${Math.ceil(memory / 2 ** 20)} MiB of memory, and at most ${most / 2 ** 20} are read`;
    throw new DataError("ILD54", where, problem, "Leave its masks out, or give a part of it.");
  }
  requireRoom(memory, where);
}

/** @throws DataError ILD54 for what is not JSON, or of another encoding */
function jsonValue(bytes: Uint8Array, where: string): unknown {
  const text = textOfMarks(bytes, where);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(
      "ILD54",
      where,
      `it is not JSON (${reasonOf(error)})`,
      "Mend it, or take it out of the folder.",
    );
  }
}

function cocoFile(value: unknown, path: TreePath, where: string): CocoFile | undefined {
  if (!isRecord(value)) return undefined;
  const { images, annotations, categories } = value;
  if (!Array.isArray(images) || !Array.isArray(annotations) || !Array.isArray(categories)) return undefined;
  return { path, where, images, annotations, categories };
}

function readCoco(
  tree: PictureTree,
  files: readonly CocoFile[],
  problems: Problems,
  left: readonly string[],
): FoundMarkSet {
  const classNames: string[] = [];
  const ids = new Map<string, number>();
  let sameIds = true;
  const pictures: FoundMarks[] = [];
  for (const file of files) {
    const categories = categoriesOf(file, problems);
    for (const [id, name] of [...categories].sort(([a], [b]) => a - b)) {
      if (!ids.has(name)) {
        classNames.push(name);
        ids.set(name, id);
      } else if (ids.get(name) !== id) sameIds = false;
    }
    const boxes = boxesOf(file, categories, problems);
    for (const picture of picturesOf(tree, file, boxes, problems)) pictures.push(picture);
  }
  const classIds = classNames.map((name) => ids.get(name)!);
  const isOnce = new Set(classIds).size === classIds.length;
  return { classNames, ...(sameIds && isOnce ? { classIds } : {}), pictures, notes: left };
}

/** A whole number that things are called by. */
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The names of classes by their ids, which may have gaps. */
function categoriesOf({ where, categories }: CocoFile, problems: Problems): ReadonlyMap<number, string> {
  const { pictureClasses, labelLength } = readingLimits;
  const names = new Map<number, string>();
  if (categories.length > pictureClasses) {
    problems.add(`${where}, categories`, `${categories.length} classes, and at most ${pictureClasses} are read`);
    return names;
  }
  const seen = new Set<string>();
  categories.forEach((category, i) => {
    const tell = (problem: string): void => problems.add(`${where}, categories[${i}]`, problem);
    const { id, name } = isRecord(category) ? category : {};
    if (!isId(id)) tell(`its id is ${quoted(id)}: a whole number from 0 on is read`);
    else if (typeof name !== "string" || name === "" || name.length > labelLength)
      tell(`its name is ${quoted(name)}: a text of 1 to ${labelLength} characters is read`);
    else if (names.has(id)) tell(`its id ${id} is also that of ${quoted(names.get(id))}`);
    else if (seen.has(name)) tell(`its name ${quoted(name)} is also that of another`);
    else {
      names.set(id, name);
      seen.add(name);
    }
  });
  return names;
}

/** The boxes of each picture, by its id as it is written. */
function boxesOf(
  { where, images, annotations }: CocoFile,
  categories: ReadonlyMap<number, string>,
  problems: Problems,
): ReadonlyMap<number, readonly FoundBox[]> {
  const boxes = new Map<number, FoundBox[]>();
  if (annotations.length > readingLimits.markedObjects) {
    const problem = `${annotations.length} boxes, and at most ${readingLimits.markedObjects} are read`;
    throw new DataError("ILD54", `${where}, annotations`, problem, "Give a part of them.");
  }
  for (const image of images) if (isRecord(image) && isId(image.id)) boxes.set(image.id, []);
  annotations.forEach((annotation, place) => {
    const box = boxOf(annotation, place, categories);
    if (typeof box === "string") {
      problems.add(placeOf(where)(place), box);
      return;
    }
    const { image_id: image } = annotation as Readonly<Record<string, unknown>>;
    const list = boxes.get(image as number);
    if (list) list.push(box);
    else problems.add(placeOf(where)(place), `its image_id is ${quoted(image)}: there is no such image`);
  });
  return boxes;
}

const placeOf =
  (where: string) =>
  (place: number): string =>
    `${where}, annotations[${place}]`;

/** The box of an annotation; what is wrong with it, in words, where it has none. */
function boxOf(annotation: unknown, place: number, categories: ReadonlyMap<number, string>): FoundBox | string {
  if (!isRecord(annotation)) return `${quoted(annotation)} is no annotation`;
  const { category_id: category, bbox, iscrowd, area } = annotation;
  const className = categories.get(category as number);
  if (className === undefined) return `its category_id is ${quoted(category)}: there is no such category`;
  const { boxCoordinate: most } = readingLimits;
  const isNumber = (value: unknown): value is number => typeof value === "number" && Math.abs(value) <= most;
  if (!Array.isArray(bbox) || bbox.length !== 4 || !bbox.every(isNumber))
    return `its bbox is ${quoted(bbox)}: x, y, width and height are read, numbers from ${-most} to ${most}`;
  const [x, y, width, height] = bbox as [number, number, number, number];
  if (width < 0 || height < 0) return `its bbox is ${quoted(bbox)}: width and height are not below 0`;
  if (![undefined, null, 0, 1, false, true].includes(iscrowd as null))
    return `its iscrowd is ${quoted(iscrowd)}: 0 or 1 is read`;
  const hasArea = area !== undefined && area !== null;
  if (hasArea && !(typeof area === "number" && area >= 0 && area <= most ** 2))
    return `its area is ${quoted(area)}: a number of square pixels is read`;
  return {
    place,
    className,
    x,
    y,
    width,
    height,
    ...(iscrowd ? { crowd: true } : {}),
    // Some tools write 0 for boxes, which have no mask.
    ...(hasArea && (area as number) > 0 ? { area: area as number } : {}),
  };
}

function picturesOf(
  tree: PictureTree,
  file: CocoFile,
  boxes: ReadonlyMap<number, readonly FoundBox[]>,
  problems: Problems,
): FoundMarks[] {
  const { where, images, path } = file;
  if (images.length > readingLimits.markedPictures) {
    const problem = `${images.length} images, and at most ${readingLimits.markedPictures} are read`;
    throw new DataError("ILD54", `${where}, images`, problem, "Give a part of them.");
  }
  const part = partOfWords(path.at(-1)!) ?? partOfFolders(path);
  const seen = new Set<number>();
  return images.flatMap((image, i): FoundMarks[] => {
    const at = `${where}, images[${i}]`;
    const tell = (problem: string): FoundMarks[] => {
      problems.add(at, problem);
      return [];
    };
    const { id, file_name: name, width, height } = isRecord(image) ? image : {};
    if (!isId(id)) return tell(`its id is ${quoted(id)}: a whole number from 0 on is read`);
    if (seen.has(id)) return tell(`its id ${id} is also that of another`);
    seen.add(id);
    if (typeof name !== "string") return tell(`its file_name is ${quoted(name)}: a text is read`);
    const isSide = (side: unknown): side is number => Number.isSafeInteger(side) && (side as number) > 0;
    const has = (side: unknown): boolean => side !== undefined && side !== null;
    if ((has(width) || has(height)) && !(isSide(width) && isSide(height)))
      return tell(`it is ${quoted(width)} wide and ${quoted(height)} high: whole numbers above 0 are read`);
    const found = pictureAt(tree, path, name, part);
    if ("problem" in found) return tell(`its file_name is ${quoted(name)}: ${found.problem}`);
    return [
      {
        name,
        image: found,
        where: at,
        placeOf: placeOf(where),
        ...(isSide(width) && isSide(height) ? { size: { width, height } } : {}),
        isRelative: false,
        boxes: boxes.get(id)!,
        ...(part ? { part } : {}),
        id,
      },
    ];
  });
}

/** The picture of a `file_name`; what is wrong with it, in words, where there is none. */
function pictureAt(
  tree: PictureTree,
  file: TreePath,
  name: string,
  part: Split | undefined,
): TreePath | { readonly problem: string } {
  const path = pathWithin(name);
  if ("problem" in path) return path;
  const folder = file.slice(0, -1);
  const beside = tree.imageAt([...folder, ...path]);
  if (beside) return beside;
  const all = tree.imagesEndingIn(path);
  const below = all.filter((image) => folder.every((each, i) => each === image[i]));
  const ofPart = all.filter((image) => part !== undefined && partOfImages(image) === part);
  const found = [below, all, ofPart].find((list) => list.length === 1);
  if (found) return found[0]!;
  if (all.length === 0) return { problem: "there is no such picture" };
  return { problem: `several pictures are called so, ${tree.where(all[0]!)} and ${tree.where(all[1]!)}` };
}

/** The part of a picture by its folders: `val2017/1.jpg` is of that for validation. */
const partOfImages = (image: TreePath): Split | undefined =>
  image
    .slice(0, -1)
    .map(partOfWords)
    .find((part) => part !== undefined);
