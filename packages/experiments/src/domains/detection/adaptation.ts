/** Marked pictures as users of a trained detector have them, and the objects that it finds in others. */
import {
  type Box,
  boxesOf,
  boxRows,
  type DecodingOptions,
  type DetectionMaps,
  type DetectionTargets,
  detectionChannels,
  detectionFigures,
  detectionMaps,
  detectionsIn,
  letterbox,
  type MarkedObject,
  toLetterbox,
} from "@innerloop/core/detection";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import type { Adaptation, Answer, DetectionAnswer, FoundObject, GivenInputs, GivenSupport, Own } from "../domain.js";
import { inOwnPixels, leastScore, type PictureSides } from "./own-pixels.js";
import type { PictureGrid, PictureSight } from "./picture-sight.js";

/** Pictures to adapt to, and to be looked at at once. */
const [mostSupport, mostInputs] = [200, 10_000];

/** @internal The adaptation of detectors that see pictures in one way: from pictures with marks to pictures without. */
export const detectionAdaptation = <V, Spec>(
  sight: PictureSight<V, Spec>,
): Adaptation<V, Spec, Tensor, DetectionTargets, DetectionMaps> => ({
  inputWord: "picture",
  readSupport: (given, own, _flags, io, work) => readSupport(given, sight, own, io, work),
  readInputs: (given, _support, own, io, work) => readInputs(given, sight, own, io, work),
  answers: (prediction, { support, inputs, ...own }) => {
    const { decoding } = sight.grid(own);
    return inputs.beside!.map(
      (sides, i) =>
        answerOf(prediction, i, support.classes!, sides as unknown as PictureSides, decoding) as unknown as Answer,
    );
  },
  objectsOf: (answer) => answer as unknown as DetectionAnswer,
  ofSupport: (prediction, support, own) => [supportText(prediction, support, sight.grid(own).decoding)],
  table: (answers, { inputs }) => ({
    header: ["picture", "found", "surest"],
    rows: answers.map((answer, i) => rowOf(inputs.names[i]!, answer as unknown as DetectionAnswer)),
    left: [0, 1],
  }),
});

function answerOf(
  prediction: DetectionMaps,
  place: number,
  classes: readonly string[],
  sides: PictureSides,
  decoding: DecodingOptions,
): DetectionAnswer {
  const found = detectionsIn(prediction, place, { ...decoding, threshold: leastScore });
  const objects = inOwnPixels(found, sides).flatMap(({ box: { x, y, width, height }, label, score }): FoundObject[] => {
    const name = classes[label];
    return name === undefined ? [] : [{ class: name, score, box: [x, y, width, height] }];
  });
  return { width: sides.width, height: sides.height, objects };
}

/** How well the support pictures themselves are answered: where that is 0, marks or sizes are amiss. */
function supportText(
  prediction: DetectionMaps,
  { y, present, classes }: GivenSupport<Tensor, DetectionTargets>,
  decoding: DecodingOptions,
): string {
  const pictures = Array.from({ length: y.boxes.shape[0]! }, (_, i) => ({
    objects: boxesOf(y, i),
    detections: detectionsIn(prediction, i, decoding),
  })).filter((_, i) => !present || (present.data as Float32Array)[i] === 1);
  const { ap50 = 0 } = detectionFigures(pictures, { classes: classes!.length, thresholds: [0.5], areas: {} });
  const text = `AP50 on these pictures themselves ${(100 * ap50).toFixed(1)}%`;
  return ap50 > 0.1
    ? text
    : `${text}: their objects are hardly found again. They may be of another size than those that the run was trained on, or marks may not fit their pictures`;
}

/** `3 A, 1 B`, and the surest: `A 0.93 at 12, 40, 30 x 28` */
function rowOf(name: string, { objects }: DetectionAnswer): readonly string[] {
  const counts = new Map<string, number>();
  for (const object of objects) counts.set(object.class, (counts.get(object.class) ?? 0) + 1);
  const [first] = objects;
  if (!first) return [name, "nothing", ""];
  const [x, y, width, height] = first.box.map(Math.round) as [number, number, number, number];
  return [
    name,
    Array.from(counts, ([of, n]) => `${n} ${of}`).join(", "),
    `${first.class} ${first.score.toFixed(2)} at ${x}, ${y}, ${width} x ${height}`,
  ];
}

const supportExample =
  "Give a folder or archive of pictures with marks: COCO JSON, Pascal VOC or YOLO text (docs/detection.md)";

async function readSupport<V, Spec>(
  given: unknown,
  sight: PictureSight<V, Spec>,
  own: Own<V, Spec>,
  io: DataIo,
  work: LongWork,
): Promise<GivenSupport<Tensor, DetectionTargets>> {
  if (typeof given !== "string") throw new UsageError(`the pictures to adapt to are ${quoted(given)}`, supportExample);
  const found = await io.markedPictures(given, {}, work);
  const { pictures, classNames } = found.pictures;
  if (pictures.length > mostSupport)
    throw new UsageError(
      `${given} has ${counted(pictures.length, "picture")} to adapt to`,
      `Give ${mostSupport} at most: a handful is meant`,
    );
  const grid = sight.grid(own);
  const { size, stride } = grid;
  const classes = classNames.length;
  const seen = pictures.map(({ width, height }) => letterbox(width, height, size));
  const objects = pictures.map((picture, i) =>
    picture.objects.map((object): MarkedObject => ({ ...object, box: toLetterbox(object.box, seen[i]!) })),
  );
  const counts = classNames.map((_, label) =>
    objects.reduce((sum, each) => sum + each.filter((object) => object.label === label).length, 0),
  );
  const all = counts.reduce((a, b) => a + b, 0);
  if (all === 0) throw new UsageError(`no object is marked in ${given}`, "Mark at least one of each class");
  const cells = size / stride;
  const most = Math.max(...objects.map((each) => each.length));
  const boxes = new Float32Array(pictures.length * most * 6);
  objects.forEach((each, i) => {
    boxes.set(boxRows(each), 6 * i * most);
  });
  const maps = objects.map((each) => detectionMaps(each, { grid: [cells, cells], stride, classes }));
  const pixels = await found.letterboxed(pictures, size, work);
  return {
    x: await sight.inputs(own, pixels, io, work),
    y: {
      maps: tensor(joined(maps), [pictures.length, cells, cells, detectionChannels(classes).count]),
      boxes: tensor(boxes, [pictures.length, most, 6]),
    },
    classes: classNames,
    counts,
    ...(classes === own.options[sight.classesOption] ? {} : { sizes: { [sight.classesOption]: classes } }),
    text: `${counted(pictures.length, "picture")} with ${counted(all, "object")} of ${counted(classes, "class", "classes")}`,
    notes: [
      found.found,
      ...found.notes,
      ...sizeNotes(
        objects.flatMap((each) => each.map(({ box }) => box)),
        grid,
      ),
      "objects that are not marked in these pictures are taken for none of the classes",
    ],
    facts: { classes: classNames, objects: Object.fromEntries(classNames.map((name, i) => [name, counts[i]!])) },
  };
}

/** What is said of objects that a detector can hardly see: smaller than a cell and a half, or larger than it looks. */
function sizeNotes(
  boxes: readonly Box[],
  { size, stride, reach = Number.POSITIVE_INFINITY, remedy }: PictureGrid,
): readonly string[] {
  const small = boxes.filter(({ width, height }) => Math.max(width, height) < 1.5 * stride).length;
  const large = boxes.filter(({ width, height }) => Math.max(width, height) > reach).length;
  const of = (n: number): string => `${n} of ${counted(boxes.length, "object")}`;
  return [
    ...(small > 0
      ? [
          `${of(small)} are smaller than ${1.5 * stride} pixels in the ${size} x ${size} that the detector sees: cut pictures to where they are, or ${remedy}`,
        ]
      : []),
    ...(large > 0
      ? [
          `${of(large)} are larger than the ${reach} pixels that the detector sees of one: give pictures that show more around them`,
        ]
      : []),
  ];
}

async function readInputs<V, Spec>(
  given: unknown,
  sight: PictureSight<V, Spec>,
  own: Own<V, Spec>,
  io: DataIo,
  work: LongWork,
): Promise<GivenInputs> {
  const paths = typeof given === "string" ? [given] : given;
  if (!(Array.isArray(paths) && paths.length > 0 && paths.every((path) => typeof path === "string")))
    throw new UsageError(`the pictures to look at are ${quoted(given)}`, "Give paths of images, or of folders of them");
  const { size } = sight.grid(own);
  const images = await io.letterboxedImages(paths as readonly string[], size, work);
  if (images.length === 0 || images.length > mostInputs)
    throw new UsageError(
      `there are ${images.length} images in ${paths.map((path) => quoted(path)).join(", ")}`,
      `Give 1 to ${mostInputs}`,
    );
  return {
    x: await sight.inputs(
      own,
      images.map(({ pixels }) => pixels),
      io,
      work,
    ),
    names: images.map(({ name }) => name),
    beside: images.map(({ width, height }) => ({ width, height, size })),
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
