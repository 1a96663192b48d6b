/** YOLO: a text file of a picture, a line for each box, beside names of classes. */
import { numberIn } from "@innerloop/core/tasks";
import { counted, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import { type ClassList, classesOfLines, classesOfYaml } from "./class-list.js";
import type { FoundBox, FoundMarkSet, FoundMarks, MarkReader } from "./found-marks.js";
import { type MarkLine, markLines, markText } from "./mark-lines.js";
import { firstOf, type PictureTree, partOfFolders, type TreePath } from "./picture-tree.js";

const namesFile = "classes.txt";
const example = "0 0.5 0.5 0.2 0.1: class, x and y of the centre, width and height as fractions of the picture";

/**
 * YOLO text, as of Darknet, Ultralytics and LabelImg: `class x y width height`, the centre and sides of a box as fractions
 * of the picture. A picture is called as its text file, which lies beside it or in `labels` where that is in `images`.
 * Names of classes are those of a classes.txt or of `names` in a YAML file; folders train, val and test are parts.
 */
export const yoloText: MarkReader = {
  format: "yolo",
  title: "YOLO text",
  how: "a text file for each picture, called as it, in labels/ where that is in images/, with a classes.txt or data.yaml",
  async find(tree) {
    const files = labelFiles(tree);
    // Texts beside pictures may be anything: one with a box in its first line settles it.
    for (const path of files) {
      if (tree.imagesOfStem(path).length === 0) continue;
      const text = await markText(tree, path).catch((error: unknown) => {
        if (error instanceof DataError && error.code === "ILD54") return "";
        throw error;
      });
      const [first] = text.slice(0, readingLimits.markLineLength).trim().split("\n");
      if (first === undefined || !isBoxLine(first)) continue;
      return {
        files: counted(files.length, "text file"),
        read: (_, problems) => readYolo(tree, files, problems),
      };
    }
    return undefined;
  },
};

const labelFiles = (tree: PictureTree): readonly TreePath[] =>
  tree.filesOf(".txt").filter((path) => path.at(-1)!.toLowerCase() !== namesFile);

const isBoxLine = (line: string): boolean => {
  const columns = line.trim().split(/\s+/, 8);
  return columns.length >= 5 && columns.every((column) => !Number.isNaN(numberIn(column)));
};

async function readYolo(tree: PictureTree, files: readonly TreePath[], problems: Problems): Promise<FoundMarkSet> {
  const classes = await classList(tree, problems);
  const pictures: FoundMarks[] = [];
  const others: string[] = [];
  const marked = new Map<string, string>();
  let total = 0;
  for (const path of files) {
    const where = tree.where(path);
    const [image, other] = tree.imagesOfStem(path);
    const lines = await markLines(tree, path, problems);
    if (!image) {
      if (lines[0] && isBoxLine(lines[0].text)) problems.add(where, "there is no picture of this name");
      else others.push(where);
      continue;
    }
    if (other) {
      problems.add(where, `two pictures are called so: ${tree.where(image)} and ${tree.where(other)}`);
      continue;
    }
    const name = image.join("/");
    marked.set(name, where);
    total += lines.length;
    if (total > readingLimits.markedObjects) {
      const problem = `more than ${readingLimits.markedObjects} boxes`;
      throw new DataError("ILD54", where, problem, "Give a part of them.");
    }
    const part = partOfFolders(image);
    pictures.push({
      name,
      image,
      where,
      placeOf: (line) => `${where}:${line}`,
      isRelative: true,
      boxes: lines.flatMap((line) => {
        const box = boxOf(line, classes);
        if (typeof box !== "string") return [box];
        problems.add(`${where}:${line.line}`, box);
        return [];
      }),
      ...(part ? { part } : {}),
    });
  }
  const left = others.length > 0 ? [`${firstOf(others)} left out: no text of a picture`] : [];
  return { classNames: classes?.names ?? [], pictures, notes: left };
}

/** The box of a line; what is wrong with it, in words, where it has none. */
function boxOf({ text, line }: MarkLine, classes: ClassList | undefined): FoundBox | string {
  const columns = text.split(/\s+/);
  if (columns.length !== 5) {
    const kind =
      columns.length === 6
        ? ": the last may be the score of a detection, which is no mark"
        : columns.length > 6 && columns.length % 2 === 1
          ? ": they may be the corners of a polygon, export boxes"
          : "";
    return `${columns.length} columns where 5 are read${kind}; write ${example}`;
  }
  const [label, x, y, width, height] = columns.map((column) => numberIn(column)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  // Without names there is one problem, not one a line.
  const className = classes ? classes.names[label] : "";
  if (className === undefined)
    return `class ${quoted(columns[0])}, where there are ${classes!.names.length}, from 0 on, in ${classes!.where}`;
  const sides = [x, y, width, height];
  const wrong = sides.findIndex((value) => !(value >= -0.5 && value <= 1.5));
  if (wrong >= 0) return `${quoted(columns[wrong + 1])} is no fraction of the picture; write ${example}`;
  if (width < 0 || height < 0) return `a box ${columns[3]} wide and ${columns[4]} high: they are not below 0`;
  return { place: line, className, x: x - width / 2, y: y - height / 2, width, height };
}

/** The names of classes, the same in all files that have some; undefined, which is told, where there is none. */
async function classList(tree: PictureTree, problems: Problems): Promise<ClassList | undefined> {
  const lists: ClassList[] = [];
  const read = async (path: TreePath, of: (text: string, where: string) => ClassList | undefined): Promise<void> => {
    try {
      const list = of(await markText(tree, path), tree.where(path));
      if (list) lists.push(list);
    } catch (error) {
      if (!(error instanceof DataError) || error.code !== "ILD54") throw error;
      problems.add(error.where, error.problem);
    }
  };
  const before = problems.count;
  for (const ending of [".yaml", ".yml"]) for (const path of tree.filesOf(ending)) await read(path, classesOfYaml);
  for (const path of tree.filesOf(".txt"))
    if (path.at(-1)!.toLowerCase() === namesFile) await read(path, classesOfLines);
  const [first, ...others] = lists;
  const other = others.find(({ names }) => JSON.stringify(names) !== JSON.stringify(first!.names));
  if (other) problems.add(other.where, `its names are others than those of ${first!.where}`);
  if (!first && problems.count === before)
    problems.add(tree.where([]), "there is no classes.txt, and no data.yaml with names");
  return first;
}
