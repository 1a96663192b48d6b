/** Marks and pictures brought together: sizes checked, boxes in pixels within their pictures. */
import { createHash } from "node:crypto";
import {
  type Box,
  clippedBox,
  type MarkedObject,
  type MarkedPictures,
  type PictureFile,
} from "@innerloop/core/detection";
import { counted, type LongWork, type PictureReading, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { type ImageSize, imageSize } from "../images/image-decoding.js";
import { someAtOnce } from "../long-work.js";
import { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import type { FoundBox, FoundMarkSet, FoundMarks } from "./found-marks.js";
import type { PictureTree } from "./picture-tree.js";

/** Pictures whose headers are read at once. */
const atOnce = 16;
/** A box that loses no more of a side to the edge of its picture was rounded, and is not told of. */
const rounding = 0.5;
/** What is left of a box in its picture is none below this, in pixels. */
const leastSide = 0.01;

/** What was found in the file of a picture. */
type LookedAt = { readonly size: ImageSize; readonly sha256: string } | { readonly problem: DataError };

/** A set with what is told of it. */
export interface CheckedSet {
  readonly pictures: MarkedPictures;
  readonly sha256: string;
  readonly boxes: number;
  readonly notes: readonly string[];
}

/**
 * The pictures of some marks. Each is opened, for its size and hash; boxes are clipped to it.
 *
 * @param problems what is wrong with the marks already
 * @throws DataError ILD54 with all that is wrong and where; ILD55 where nothing is marked
 */
export async function checkedSet(
  tree: PictureTree,
  { pictures: found, classNames, classIds, notes }: FoundMarkSet,
  setting: {
    readonly name: string;
    readonly reading: PictureReading;
    readonly problems: Problems;
    readonly work: LongWork;
  },
): Promise<CheckedSet> {
  const { name, reading, problems, work } = setting;
  const whole = tree.where([]);
  if (found.length > readingLimits.markedPictures) {
    const problem = `${found.length} pictures, and at most ${readingLimits.markedPictures} are read`;
    throw new DataError("ILD55", whole, problem, "Give a part of them.");
  }
  requireOnce(found, tree, problems);
  const looked = await lookAtAll(tree, found, work);
  const names = classNames ?? namesIn(found);
  if (names.length > readingLimits.pictureClasses)
    problems.add(whole, `${names.length} classes, and at most ${readingLimits.pictureClasses} are read`);
  const checking = new Checking(names, reading, problems);
  const pictures = found.flatMap((marks, i) => {
    const picture = checking.picture(marks, looked[i]!);
    return picture ? [picture] : [];
  });
  problems.throwAny("ILD54", whole, "Correct these marks or pictures.");
  if (checking.boxes === 0) {
    const problem = pictures.length === 0 ? "there is no picture with marks" : "no object is marked in its pictures";
    throw new DataError("ILD55", whole, [problem, ...checking.notes()].join("; "), "Mark some objects by boxes.");
  }
  const hash = createHash("sha256").update(JSON.stringify([names, classIds]));
  pictures.forEach((picture, i) => {
    const file = looked[i]!;
    hash.update(JSON.stringify([picture, "sha256" in file ? file.sha256 : ""]));
  });
  return {
    pictures: { name, classNames: names, ...(classIds ? { classIds } : {}), pictures },
    sha256: hash.digest("hex"),
    boxes: checking.boxes,
    notes: [...notes, ...checking.notes(), ...unmarkedNotes(tree, found), ...linkNotes(tree)],
  };
}

function requireOnce(found: readonly FoundMarks[], tree: PictureTree, problems: Problems): void {
  const seen = new Map<string, string>();
  for (const { image, where } of found) {
    const path = image.join("/");
    const other = seen.get(path);
    if (other === undefined) seen.set(path, where);
    else problems.add(where, `${tree.where(image)} is marked twice, here and in ${other}`);
  }
}

/** In the order of code units. */
const namesIn = (found: readonly FoundMarks[]): readonly string[] =>
  [...new Set(found.flatMap(({ boxes }) => boxes.map(({ className }) => className)))].sort();

async function lookAtAll(
  tree: PictureTree,
  found: readonly FoundMarks[],
  { onProgress, signal }: LongWork,
): Promise<readonly LookedAt[]> {
  const looked: LookedAt[] = [];
  let done = 0;
  await someAtOnce(found, atOnce, async ({ image }, i) => {
    signal?.throwIfAborted();
    try {
      const hash = createHash("sha256");
      const size = await imageSize(await tree.tree.open(image), (bytes) => hash.update(bytes));
      looked[i] = { size, sha256: hash.digest("hex") };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      looked[i] = { problem: error };
    }
    onProgress?.(++done, found.length, `read ${tree.where([])}`);
  });
  return looked;
}

/** Checks pictures one by one, and gathers what is told of all. */
class Checking {
  boxes = 0;
  private readonly labels: ReadonlyMap<string, number>;
  private readonly counts: number[];
  private readonly empty = new Problems();
  private readonly outside = new Problems();
  private readonly clipped = new Problems();
  private readonly turned = new Problems();
  private crowds = 0;
  private difficult = 0;

  constructor(
    private readonly names: readonly string[],
    private readonly reading: PictureReading,
    private readonly problems: Problems,
  ) {
    this.labels = new Map(names.map((name, label) => [name, label]));
    this.counts = names.map(() => 0);
  }

  picture(marks: FoundMarks, looked: LookedAt): PictureFile | undefined {
    const { name, image, where, boxes, part, id } = marks;
    if ("problem" in looked) {
      this.problems.add(looked.problem.where, looked.problem.problem);
      return undefined;
    }
    const { size } = looked;
    const fault = sizeFault(marks, size);
    if (fault !== undefined) {
      this.problems.add(where, fault);
      return undefined;
    }
    // A quarter turn shows where the file of marks says the size of a picture that is not square.
    const isTold = marks.size !== undefined && size.orientation >= 5 && size.width !== size.height;
    if (size.orientation > 1 && !isTold) this.turned.add(where, "");
    if (boxes.length > readingLimits.objectsOfPicture) {
      this.problems.add(where, `${boxes.length} boxes, and at most ${readingLimits.objectsOfPicture} are read of one`);
      return undefined;
    }
    const { width, height } = size;
    const objects = boxes.flatMap((box) => {
      const object = this.object(box, marks, size);
      return object ? [object] : [];
    });
    return {
      name,
      path: image.join("/"),
      width,
      height,
      objects,
      ...(part ? { part } : {}),
      ...(id === undefined ? {} : { id }),
    };
  }

  private object(found: FoundBox, marks: FoundMarks, size: ImageSize): MarkedObject | undefined {
    const { place, className, crowd, difficult, area } = found;
    const [across, down] = marks.isRelative ? [size.width, size.height] : [1, 1];
    const { x, y, width, height } = found;
    const drawn: Box = { x: x * across, y: y * down, width: width * across, height: height * down };
    const where = (): string => marks.placeOf(place);
    if (className.length > readingLimits.labelLength) {
      this.problems.add(where(), `a class whose name has ${className.length} characters: ${quoted(className)}`);
      return undefined;
    }
    if (!(drawn.width > 0 && drawn.height > 0)) return this.leftOut(this.empty, where(), "a box without area");
    const box = clippedBox(drawn, size);
    if (box.width < leastSide || box.height < leastSide)
      return this.leftOut(this.outside, where(), `a box outside of the picture, ${size.width} x ${size.height}`);
    if (drawn.width - box.width > rounding || drawn.height - box.height > rounding) this.clipped.add(where(), "");
    const label = this.labels.get(className)!;
    this.boxes++;
    this.counts[label]!++;
    if (crowd) this.crowds++;
    if (difficult) this.difficult++;
    return {
      box,
      label,
      ...(crowd ? { crowd } : {}),
      ...(difficult ? { difficult } : {}),
      ...(area === undefined ? {} : { area }),
    };
  }

  private leftOut(list: Problems, where: string, problem: string): undefined {
    if (this.reading.emptyBoxes === "refuse") this.problems.add(where, problem);
    else list.add(where, problem);
    return undefined;
  }

  notes(): readonly string[] {
    const boxes = ({ count }: Problems): string => counted(count, "box", "boxes");
    const unused = this.names.filter((_, label) => this.counts[label] === 0);
    const told: readonly (readonly [Problems | number, () => string])[] = [
      [this.empty, () => `${boxes(this.empty)} without area left out: ${placesOf(this.empty)}`],
      [this.outside, () => `${boxes(this.outside)} outside of the picture left out: ${placesOf(this.outside)}`],
      [this.clipped, () => `${boxes(this.clipped)} clipped to the picture: ${placesOf(this.clipped)}`],
      [
        this.turned,
        () =>
          `${counted(this.turned.count, "picture")} turned or mirrored by EXIF: ${placesOf(this.turned)}; boxes are taken as of the picture that is shown, which most tools mark and some do not`,
      ],
      [this.crowds, () => `${counted(this.crowds, "box marks a crowd", "boxes mark crowds")}`],
      [this.difficult, () => `${counted(this.difficult, "object is difficult", "objects are difficult")}`],
      [
        unused.length,
        () =>
          `${counted(unused.length, "class", "classes")} without a box: ${unused.slice(0, 8).map(quoted).join(", ")}`,
      ],
    ];
    return told.flatMap(([what, text]) => ((typeof what === "number" ? what : what.count) > 0 ? [text()] : []));
  }
}

/** The places of a list, as many as messages show. */
function placesOf(list: Problems): string {
  const others = list.count - list.shown.length;
  return [...list.shown.map(({ where }) => where), ...(others > 0 ? [`and ${others} more`] : [])].join(", ");
}

/** What is wrong with the size that a file of marks says, in words. */
function sizeFault({ size: said }: FoundMarks, { width, height, orientation }: ImageSize): string | undefined {
  if (!said || (said.width === width && said.height === height)) return undefined;
  const sizes = `it is marked as ${said.width} x ${said.height}, and the picture is ${width} x ${height}`;
  if (said.width !== height || said.height !== width) return `${sizes}: its boxes are of another picture or size`;
  return orientation >= 5
    ? `${sizes} as it is shown, turned by its EXIF orientation ${orientation}: it was marked without that; save it turned, or without EXIF, and mark it again`
    : `${sizes}: its sides are swapped, as by a program that turned it and saved it anew`;
}

function unmarkedNotes(tree: PictureTree, found: readonly FoundMarks[]): readonly string[] {
  const marked = new Set(found.map(({ image }) => image.join("/")));
  const unmarked = tree.images.filter((image) => !marked.has(image.join("/")));
  if (unmarked.length === 0) return [];
  return [
    `${counted(unmarked.length, "picture")} without marks left out, the first ${tree.where(unmarked[0]!)}: that nothing is in a picture has to be said, by marks without a box`,
  ];
}

const linkNotes = ({ brokenLinks }: PictureTree): readonly string[] =>
  brokenLinks.length > 0 ? [`links that lead nowhere or back left out: ${brokenLinks.slice(0, 5).join(", ")}`] : [];
