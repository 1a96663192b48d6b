/** Marked pictures and detections in the forms of COCO, to be written as JSON. */
import { TaskError } from "../../tasks/task.js";
import type { Box, MarkedObject } from "./marked-pictures.js";
import type { MarkedPictures } from "./picture-set.js";

/** A box as COCO has it: x and y of the left upper corner, width, height. */
export type CocoBox = readonly [x: number, y: number, width: number, height: number];

/** A detection in the form of COCO's results, which pycocotools' `loadRes` reads. */
export interface CocoResult {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: CocoBox;
  readonly score: number;
}

/** A box among the annotations of a COCO file; `score` where it is a detection. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: CocoBox;
  readonly area: number;
  readonly iscrowd: 0 | 1;
  readonly score?: number;
}

/** A COCO file: pictures, classes and what is marked in the pictures. */
export interface CocoDataset {
  readonly images: readonly {
    readonly id: number;
    readonly file_name: string;
    readonly width: number;
    readonly height: number;
  }[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly annotations: readonly CocoAnnotation[];
}

interface Detected {
  readonly box: Box;
  readonly label: number;
  readonly score: number;
}

const cocoBox = ({ x, y, width, height }: Box): CocoBox => [x, y, width, height];

/**
 * Detections in the form of COCO's results: a list over all pictures, in their order. Ids are those of the set's own COCO
 * file, where it has one; of several files that call two pictures the same, places from 1 on.
 *
 * @param detections of each picture of the set, boxes in its own pixels
 * @throws TaskError ILT313 where they are not as many as the pictures, or of a class that is none
 */
export function cocoResults(set: MarkedPictures, detections: readonly (readonly Detected[])[]): CocoResult[] {
  const idOf = classIdOf(set, "cocoResults");
  requireEach(set, detections, "cocoResults");
  const pictureIds = idsOf(set);
  return pictureIds.flatMap((id, i) =>
    detections[i]!.map(({ box, label, score }) => ({
      image_id: id,
      category_id: idOf(label),
      bbox: cocoBox(box),
      score,
    })),
  );
}

/**
 * A COCO file of a set: of what is marked in it, or of detections in place of that, each with its score. Objects that are
 * difficult are written as crowds: that is how COCO says that finding something is neither right nor wrong.
 *
 * @param detections of each picture of the set, boxes in its own pixels
 * @throws TaskError ILT313 where they are not as many as the pictures, or of a class that is none
 */
export function cocoDataset(set: MarkedPictures, detections?: readonly (readonly Detected[])[]): CocoDataset {
  const idOf = classIdOf(set, "cocoDataset");
  if (detections) requireEach(set, detections, "cocoDataset");
  const pictureIds = idsOf(set);
  const annotations: CocoAnnotation[] = [];
  set.pictures.forEach((picture, i) => {
    const objects: readonly (MarkedObject & { readonly score?: number })[] = detections?.[i] ?? picture.objects;
    for (const { box, label, area = box.width * box.height, crowd, difficult, score } of objects) {
      annotations.push({
        id: annotations.length + 1,
        image_id: pictureIds[i]!,
        category_id: idOf(label),
        bbox: cocoBox(box),
        area,
        iscrowd: crowd || difficult ? 1 : 0,
        ...(score === undefined ? {} : { score }),
      });
    }
  });
  return {
    images: set.pictures.map(({ name, width, height }, i) => ({
      id: pictureIds[i]!,
      file_name: name,
      width,
      height,
    })),
    categories: set.classNames.map((name, label) => ({ id: idOf(label), name })),
    annotations,
  };
}

/** What the pictures are called: their places from 1 on, unless each has an id that no other has. */
function idsOf({ pictures }: MarkedPictures): readonly number[] {
  const known = new Set(pictures.map(({ id }) => id));
  const isOwn = known.size === pictures.length && !known.has(undefined);
  return pictures.map(({ id }, i) => (isOwn ? id! : i + 1));
}

function classIdOf({ classNames, classIds }: MarkedPictures, operation: string): (label: number) => number {
  return (label) => {
    const id = classNames[label] === undefined ? undefined : (classIds?.[label] ?? label + 1);
    if (id !== undefined) return id;
    const problem = `class ${label} of ${classNames.length}`;
    throw new TaskError("ILT313", operation, problem, "Give a place in the list of class names, from 0 on");
  };
}

function requireEach({ pictures }: MarkedPictures, detections: readonly unknown[], operation: string): void {
  if (detections.length === pictures.length) return;
  const problem = `detections of ${detections.length} pictures, where there are ${pictures.length}`;
  throw new TaskError("ILT313", operation, problem, "Give a list for each picture, empty where nothing was found");
}
