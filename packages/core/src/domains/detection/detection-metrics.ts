/** The loss of detectors with the figures that they are judged by. */
import { ones, type Tensor, toNumbers } from "@innerloop/graph";
import { type DetectionMaps, detectionLossOf } from "../../losses/detection.js";
import type { Loss } from "../../losses/losses.js";
import { type PooledMetric, pooledFigure } from "../../losses/metric.js";
import { cocoThresholds, detectionFigures, type JudgedPicture } from "./average-precision.js";
import { type DecodingOptions, decodedDetections, decodedObjects, type PictureMaps } from "./decoded-detections.js";
import type { MarkedObject } from "./marked-pictures.js";
import type { DetectionTargets } from "./scene-episodes.js";

/** What of a task is judged, with values. */
type Judged = { readonly prediction: DetectionMaps; readonly boxes: Tensor; readonly present: Tensor };

/**
 * The loss of detectors on a grid (`detectionLossOf`), with what they are judged by: of each task
 *
 *   AP at IoU 0.5, mean over the classes of the task that its query pictures have,
 *   the same at IoU 0.5, 0.55, ... 0.95 (COCO's AP),
 *   AP at IoU 0.5 of all objects whatever their class, distractors too, by objectness alone: it tells bad boxes from bad names,
 *
 * over its query pictures together, and of these the mean over tasks, in which tasks without objects are left out. It is not
 * the AP of all tasks' detections pooled.
 *
 * @param decoding how detections are read out of predictions
 */
export function detectionLoss(decoding: DecodingOptions): Loss<DetectionMaps, DetectionTargets> {
  const metrics = [
    meanOverTasks("ap50", "AP50", "of each task over its query pictures, mean over its classes", (judged) =>
      namedFigures(judged, decoding, [0.5]),
    ),
    meanOverTasks("ap", "AP", "of each task at IoU 0.5 to 0.95, mean over its classes", (judged) =>
      namedFigures(judged, decoding, cocoThresholds),
    ),
    meanOverTasks("found50", "AP50 without names", "of all objects of a task, whatever their class", (judged) =>
      classBlindFigures(judged, decoding),
    ),
  ];
  const loss = (prediction: DetectionMaps, y: DetectionTargets, present?: Tensor): Tensor =>
    detectionLossOf(prediction, y, present);
  return Object.assign(loss, { title: "detection loss", metrics });
}

/** A figure of each task, and over tasks its mean. */
function meanOverTasks(
  name: string,
  title: string,
  note: string,
  ofTask: (judged: Judged) => number | undefined,
): PooledMetric<DetectionMaps, DetectionTargets> {
  return {
    name,
    title,
    better: "higher",
    share: true,
    note,
    pooled: pooledFigure({
      statistics: (
        prediction: DetectionMaps,
        { boxes }: DetectionTargets,
        present: Tensor = ones([boxes.shape[0]!]),
      ): Judged => ({ prediction, boxes, present }),
      combine: (tasks) => {
        const values = tasks.map(ofTask);
        return (times) => {
          let [total, count] = [0, 0];
          values.forEach((value, i) => {
            if (value === undefined) return;
            total += times[i]! * value;
            count += times[i]!;
          });
          return total / count;
        };
      },
    }) as never,
  };
}

/** AP of the classes of a task; objects of none of them are a class that no mean is over. */
function namedFigures(judged: Judged, decoding: DecodingOptions, thresholds: readonly number[]): number | undefined {
  const { maps, objects } = picturesOf(judged);
  const { classes } = maps[0]!;
  const pictures = maps.map(
    (each, i): JudgedPicture => ({
      objects: objects[i]!.map((object) => (object.label < 0 ? { ...object, label: classes } : object)),
      detections: decodedDetections(each, decoding),
    }),
  );
  const meanOver = Array.from({ length: classes }, (_, label) => label);
  return detectionFigures(pictures, { classes: classes + 1, meanOver, thresholds, areas: {} }).ap;
}

function classBlindFigures(judged: Judged, decoding: DecodingOptions): number | undefined {
  const { maps, objects } = picturesOf(judged);
  const pictures = maps.map(
    (each, i): JudgedPicture => ({
      objects: objects[i]!.map((object) => ({ ...object, label: 0 })),
      detections: decodedObjects(each, decoding),
    }),
  );
  return detectionFigures(pictures, { classes: 1, thresholds: [0.5], areas: {} }).ap;
}

/** The pictures of a task that are there: what is said of each, and what is marked. */
function picturesOf({ prediction, boxes, present }: Judged): {
  readonly maps: readonly PictureMaps[];
  readonly objects: readonly (readonly MarkedObject[])[];
} {
  const there = toNumbers(present).flatMap((value, picture) => (value > 0 ? [picture] : []));
  const { objectness, names, box } = prediction;
  const [, rows, columns, outputs] = names.shape as readonly [number, number, number, number];
  const part = ({ data, size, shape }: Tensor, picture: number): Float32Array => {
    const each = size / shape[0]!;
    return (data as Float32Array).subarray(picture * each, (picture + 1) * each);
  };
  return {
    maps: there.map((picture) => ({
      ...{ rows, columns, classes: outputs - 1 },
      ...{ objectness: part(objectness, picture), names: part(names, picture), box: part(box, picture) },
    })),
    objects: there.map((picture) => markedObjects(part(boxes, picture))),
  };
}

/** Objects of rows of x, y, width, height, label and 1 where there is one. */
function markedObjects(rows: Float32Array): MarkedObject[] {
  const objects: MarkedObject[] = [];
  for (let at = 0; at < rows.length; at += 6) {
    if (!(rows[at + 5]! > 0)) continue;
    const [x, y, width, height, label] = rows.subarray(at, at + 5) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    objects.push({ box: { x, y, width, height }, label });
  }
  return objects;
}
