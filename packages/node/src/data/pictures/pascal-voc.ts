/** Pascal VOC: an XML file of a picture, and lists of the pictures that are a part of the set. */
import { numberIn } from "@innerloop/core/tasks";
import { counted, type PictureReading, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { type XmlElement, xmlRoot } from "../formats/xml-elements.js";
import type { Split } from "../labelled-examples.js";
import { partNamed } from "../parts-of-splits.js";
import type { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import type { FoundBox, FoundMarkSet, FoundMarks, MarkReader } from "./found-marks.js";
import { markLines, markText } from "./mark-lines.js";
import { firstOf, type PictureTree, partOfFolders, pathWithin, stemOf, type TreePath } from "./picture-tree.js";

/** Folders that lists of pictures lie in. */
const [listsFolder, mainLists] = ["ImageSets", "Main"];

/**
 * Pascal VOC, as of the challenges, LabelImg and others. A picture is called as its XML file; where none is, as `filename`
 * says. Corners are those of pixels counted from 1, the last of them included: `xmin` 1 and `xmax` 640 are 640 pixels. The
 * lists train, val and test of ImageSets/Main are parts, and without lists folders of such names.
 */
export const pascalVoc: MarkReader = {
  format: "voc",
  title: "Pascal VOC",
  how: "an XML file of Pascal VOC for each picture, called as it and beside it (LabelImg and other tools write them)",
  async find(tree) {
    const files = tree.filesOf(".xml");
    for (const path of files) {
      // The first that is of this form settles it. What is damaged may be of it, and is told by the reading.
      const root = await rootOf(tree, path).catch((error: unknown) => {
        if (error instanceof DataError && error.code === "ILD54") return { name: "annotation" };
        throw error;
      });
      if (root.name !== "annotation") continue;
      return {
        files: counted(files.length, "XML file"),
        read: (reading, problems) => readVoc(tree, files, reading, problems),
      };
    }
    return undefined;
  },
};

async function rootOf(tree: PictureTree, path: TreePath): Promise<XmlElement> {
  return xmlRoot(await markText(tree, path), tree.where(path));
}

async function readVoc(
  tree: PictureTree,
  files: readonly TreePath[],
  reading: PictureReading,
  problems: Problems,
): Promise<FoundMarkSet> {
  const pictures: { readonly stem: string; readonly marks: FoundMarks }[] = [];
  const others: string[] = [];
  /** Pictures that are not called as `filename` says. */
  const renamed: string[] = [];
  const corners = new Corners(reading.corners ?? "inclusive");
  let total = 0;
  for (const path of files) {
    const where = tree.where(path);
    let root: XmlElement;
    try {
      root = await rootOf(tree, path);
    } catch (error) {
      if (!(error instanceof DataError) || error.code !== "ILD54") throw error;
      problems.add(error.where, error.problem);
      continue;
    }
    if (root.name !== "annotation") {
      others.push(where);
      continue;
    }
    const marks = new AnnotationElements(root, where, problems);
    const written = marks.textOf(root, "filename");
    const image = imageOf(tree, path, written, problems);
    const size = marks.size();
    const boxes = marks.boxes(corners);
    total += boxes.length;
    if (total > readingLimits.markedObjects) {
      const problem = `more than ${readingLimits.markedObjects} boxes`;
      throw new DataError("ILD54", where, problem, "Give a part of them.");
    }
    if (!image) continue;
    if (written !== undefined && written !== "" && stemOf(image.at(-1)!) !== stemOf(written.split(/[\\/]/).at(-1)!))
      renamed.push(where);
    pictures.push({
      stem: stemOf(path.at(-1)!),
      marks: {
        name: image.join("/"),
        image,
        where,
        placeOf: (line) => `${where}:${line}`,
        ...(size ? { size } : {}),
        isRelative: false,
        boxes,
      },
    });
  }
  const stems = new Set(files.map((path) => stemOf(path.at(-1)!)));
  const lists = await partLists(tree, stems, problems);
  return {
    pictures: pictures.map(({ stem, marks }) => {
      const part = lists ? lists.get(stem) : partOfFolders(marks.image);
      return part ? { ...marks, part } : marks;
    }),
    notes: [
      ...(others.length > 0 ? [`${firstOf(others)} left out: no annotation of Pascal VOC`] : []),
      ...(renamed.length > 0
        ? [`${firstOf(renamed)}: <filename> names another picture than the file's own name, which was taken`]
        : []),
      ...corners.notes(),
    ],
  };
}

/** The picture that is called as the XML file, or else as it says. */
function imageOf(
  tree: PictureTree,
  path: TreePath,
  written: string | undefined,
  problems: Problems,
): TreePath | undefined {
  const where = tree.where(path);
  const own = tree.imagesOfStem(path);
  const named = written === undefined || written === "" ? undefined : pathWithin(written);
  const found =
    own.length > 0 || named === undefined || "problem" in named
      ? own
      : tree.imagesOfStem([...path.slice(0, -1), named.at(-1)!]);
  const [only, other] = found;
  if (only && !other) return only;
  if (other) {
    problems.add(where, `two pictures are called so: ${tree.where(only!)} and ${tree.where(other)}`);
    return undefined;
  }
  if (named && "problem" in named) problems.add(where, `<filename> ${quoted(written)}: ${named.problem}`);
  else problems.add(where, `there is no picture of it${named ? `, which it calls ${quoted(written)}` : ""}`);
  return undefined;
}

/** The corners of boxes, in the way that they are counted. */
class Corners {
  private starting = 0;
  private first: string | undefined;

  constructor(private readonly kind: "inclusive" | "exclusive") {}

  box(xmin: number, ymin: number, xmax: number, ymax: number, where: string): Omit<FoundBox, "place" | "className"> {
    if (this.kind === "exclusive") return { x: xmin, y: ymin, width: xmax - xmin, height: ymax - ymin };
    if (xmin === 0 || ymin === 0) {
      this.starting++;
      this.first ??= where;
    }
    // A click instead of a drag: the corners of a pixel are the same, and nobody marks a single one.
    const side = (from: number, to: number): number => (from === to ? 0 : to - from + 1);
    return { x: xmin - 1, y: ymin - 1, width: side(xmin, xmax), height: side(ymin, ymax) };
  }

  /** What shows that corners are counted otherwise. */
  notes(): readonly string[] {
    if (this.first === undefined) return [];
    return [
      `${counted(this.starting, "box", "boxes")} with a corner at 0, the first at ${this.first}, where Pascal VOC counts pixels from 1: if the file has edges from 0 on, read it with exclusive corners`,
    ];
  }
}

/** The elements of an annotation, what is wrong with them told. */
class AnnotationElements {
  constructor(
    private readonly root: XmlElement,
    private readonly where: string,
    private readonly problems: Problems,
  ) {}

  private tell(line: number, problem: string): undefined {
    this.problems.add(`${this.where}:${line}`, problem);
    return undefined;
  }

  /** The one element of a name; undefined where there is none, or two, which is told. */
  private one(of: XmlElement, name: string): XmlElement | undefined {
    const [first, second] = of.elements.filter((each) => each.name === name);
    return second ? this.tell(second.line, `a second <${name}> of <${of.name}>`) : first;
  }

  textOf(of: XmlElement, name: string): string | undefined {
    return this.one(of, name)?.text;
  }

  size(): { readonly width: number; readonly height: number } | undefined {
    const element = this.one(this.root, "size");
    if (!element) return undefined;
    const [width, height] = ["width", "height"].map((name) => numberIn(this.textOf(element, name) ?? ""));
    const isSide = (side: number | undefined): side is number => Number.isSafeInteger(side) && side! > 0;
    if (isSide(width) && isSide(height)) return { width, height };
    return this.tell(
      element.line,
      `<size> has no width and height above 0: write those of the picture, or leave it out`,
    );
  }

  boxes(corners: Corners): readonly FoundBox[] {
    const objects = this.root.elements.filter(({ name }) => name === "object");
    return objects.flatMap((object) => {
      const box = this.box(object, corners);
      return box ? [box] : [];
    });
  }

  private box(object: XmlElement, corners: Corners): FoundBox | undefined {
    const className = this.textOf(object, "name");
    if (className === undefined || className === "") return this.tell(object.line, "an object without a <name>");
    const element = this.one(object, "bndbox");
    if (!element) return this.tell(object.line, `${quoted(className)} has no <bndbox>: only boxes are read`);
    const values = ["xmin", "ymin", "xmax", "ymax"].map((name) => this.numberOf(element, name));
    const [xmin, ymin, xmax, ymax] = values;
    if (xmin === undefined || ymin === undefined || xmax === undefined || ymax === undefined) return undefined;
    if (xmax < xmin || ymax < ymin)
      return this.tell(
        element.line,
        `xmin ${xmin}, ymin ${ymin}, xmax ${xmax}, ymax ${ymax}: the last is before the first`,
      );
    const difficult = this.one(object, "difficult");
    if (difficult && !["0", "1", ""].includes(difficult.text))
      return this.tell(difficult.line, `<difficult> is ${quoted(difficult.text)}: write 0 or 1`);
    return {
      place: element.line,
      className,
      ...corners.box(xmin, ymin, xmax, ymax, `${this.where}:${element.line}`),
      ...(difficult?.text === "1" ? { difficult: true } : {}),
    };
  }

  private numberOf(element: XmlElement, name: string): number | undefined {
    const found = this.one(element, name);
    if (!found) return this.tell(element.line, `<${element.name}> has not one <${name}>`);
    const value = numberIn(found.text);
    if (Math.abs(value) <= readingLimits.boxCoordinate) return value;
    const most = readingLimits.boxCoordinate;
    return this.tell(found.line, `<${name}> is ${quoted(found.text)}: a number is read, from ${-most} to ${most}`);
  }
}

/**
 * The part of each picture by the lists train, val and test, or trainval alone, of ImageSets/Main; undefined without lists.
 * Lists of single classes are no parts.
 */
async function partLists(
  tree: PictureTree,
  stems: ReadonlySet<string>,
  problems: Problems,
): Promise<ReadonlyMap<string, Split> | undefined> {
  const lists = tree.filesOf(".txt").filter((path) => path.at(-2) === mainLists && path.at(-3) === listsFolder);
  const named = lists.flatMap((path) => {
    const part = partNamed(stemOf(path.at(-1)!));
    return part ? [{ path, part }] : [];
  });
  if (named.length === 0)
    named.push(
      ...lists.filter((path) => path.at(-1) === "trainval.txt").map((path) => ({ path, part: "train" as const })),
    );
  if (named.length === 0) return undefined;
  const parts = new Map<string, Split>();
  for (const { path, part } of named) {
    const where = tree.where(path);
    for (const { text, line } of await markLines(tree, path, problems)) {
      const [name = ""] = text.split(/\s/);
      const other = parts.get(name);
      if (!stems.has(name)) problems.add(`${where}:${line}`, `${quoted(name)} is no picture with an XML file`);
      else if (other !== undefined && other !== part)
        problems.add(`${where}:${line}`, `${quoted(name)} is also of the part ${other}`);
      else parts.set(name, part);
    }
  }
  return parts;
}
