/** The loss of detectors with the figures that they are judged by. */
import { ones, sum, type Tensor, type Tree, toNumbers } from "@innerloop/graph";
import { type DetectionMaps, detectionLossOf } from "../../losses/detection.js";
import type { Loss } from "../../losses/losses.js";
import { type PooledMetric, pooledFigure } from "../../losses/metric.js";
import { cocoThresholds, detectionFigures, type JudgedPicture } from "./average-precision.js";
import { type DecodingOptions, decodedDetections, decodedObjects, type PictureMaps } from "./decoded-detections.js";
import type { Detection } from "./detections.js";
import type { MarkedObject } from "./marked-pictures.js";
import { nonMaximumSuppression } from "./non-maximum-suppression.js";
import { boxesOf, type DetectionTargets } from "./scene-episodes.js";

/** What was found in the pictures of a task, and what is there. */
interface JudgedTask {
  /** Classes of the task. */
  readonly classes: number;
  readonly pictures: readonly {
    /** Labels below 0 are of none of the classes. */
    readonly objects: readonly MarkedObject[];
    readonly named: readonly Detection[];
    /** Objects without names: all of one class. */
    readonly unnamed: readonly Detection[];
  }[];
}

/**
 * The figures that detection is judged by: of each task
 *
 *   AP at IoU 0.5, mean over the classes of the task that its query pictures have,
 *   the same at IoU 0.5, 0.55, ... 0.95 (COCO's AP),
 *   AP at IoU 0.5 of all objects whatever their class, distractors too: it tells bad boxes from bad names,
 *
 * over its query pictures together, and of these the mean over tasks, in which tasks without objects are left out. It is not
 * the AP of all tasks' detections pooled. Where classes are the same in all tasks, also AP at IoU 0.75, and of each class alone.
 */
const metricsOf = <Prediction extends Tree, Target extends Tree, Statistics extends Tree & object>(
  statistics: (prediction: Prediction, y: Target, present?: Tensor) => Statistics,
  judgedOf: (task: Statistics) => JudgedTask,
  classNames: readonly string[] = [],
): readonly PooledMetric<Prediction, Target>[] => {
  // All figures are of the same detections.
  const kept = new WeakMap<Statistics, JudgedTask>();
  const judged = (task: Statistics): JudgedTask => {
    const found = kept.get(task) ?? judgedOf(task);
    kept.set(task, found);
    return found;
  };
  const meanOverTasks = (
    name: string,
    title: string,
    note: string,
    figure: (judged: JudgedTask) => number | undefined,
  ): PooledMetric<Prediction, Target> => ({
    ...{ name, title, better: "higher", share: true, note },
    pooled: pooledFigure<Statistics, Prediction, Target>({
      statistics,
      combine: (tasks) => {
        const values = tasks.map((task) => figure(judged(task)));
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
    }),
  });
  return [
    meanOverTasks("ap50", "AP50", "of each task over its query pictures, mean over its classes", (judged) =>
      namedFigure(judged, [0.5]),
    ),
    meanOverTasks("ap", "AP", "of each task at IoU 0.5 to 0.95, mean over its classes", (judged) =>
      namedFigure(judged, cocoThresholds),
    ),
    meanOverTasks("found50", "AP50 without names", "of all objects of a task, whatever their class", unnamedFigure),
    ...(classNames.length === 0
      ? []
      : [
          meanOverTasks("ap75", "AP75", "of each task at IoU 0.75, mean over its classes", (judged) =>
            namedFigure(judged, [0.75]),
          ),
        ]),
    ...classNames
      .slice(0, mostClassFigures)
      .map((name, label) =>
        meanOverTasks(`ap50_${label}`, `AP50 of ${name}`, `of each task, of ${name} alone`, (judged) =>
          namedFigure(judged, [0.5], [label]),
        ),
      ),
  ];
};

/** Classes of which each has a figure of its own, at most. */
const mostClassFigures = 20;

/** AP of the classes of a task, or of some; objects of none of them are a class that no mean is over. */
function namedFigure(
  { classes, pictures }: JudgedTask,
  thresholds: readonly number[],
  meanOver: readonly number[] = Array.from({ length: classes }, (_, label) => label),
): number | undefined {
  const judged = pictures.map(
    ({ objects, named }): JudgedPicture => ({
      objects: objects.map((object) => (object.label < 0 ? { ...object, label: classes } : object)),
      detections: named,
    }),
  );
  return detectionFigures(judged, { classes: classes + 1, meanOver, thresholds, areas: {} }).ap;
}

function unnamedFigure({ pictures }: JudgedTask): number | undefined {
  const judged = pictures.map(
    ({ objects, unnamed }): JudgedPicture => ({
      objects: objects.map((object) => ({ ...object, label: 0 })),
      detections: unnamed,
    }),
  );
  return detectionFigures(judged, { classes: 1, thresholds: [0.5], areas: {} }).ap;
}

/** What of a detector's task is judged. */
type PredictedTask = { readonly prediction: DetectionMaps; readonly boxes: Tensor; readonly present: Tensor };

/**
 * The loss of detectors on a grid (`detectionLossOf`), with the figures that they are judged by, of detections as
 * `decodedDetections` reads them out of maps, and without names as `decodedObjects` does.
 *
 * @param decoding how detections are read out of predictions
 * @param setting.classNames where they are the same in all tasks: each of the first 20 has a figure of its own
 */
export function detectionLoss(
  decoding: DecodingOptions,
  { classNames }: { readonly classNames?: readonly string[] | undefined } = {},
): Loss<DetectionMaps, DetectionTargets> {
  const metrics = metricsOf<DetectionMaps, DetectionTargets, PredictedTask>(
    (prediction, { boxes }, present = ones([boxes.shape[0]!])) => ({ prediction, boxes, present }),
    ({ prediction, boxes, present }) => {
      const there = toNumbers(present).flatMap((value, picture) => (value > 0 ? [picture] : []));
      return {
        classes: prediction.names.shape[3]! - 1,
        pictures: there.map((picture) => {
          const maps = mapsOf(prediction, picture);
          return {
            objects: boxesOf({ boxes }, picture),
            named: decodedDetections(maps, decoding),
            unnamed: decodedObjects(maps, decoding),
          };
        }),
      };
    },
    classNames,
  );
  const loss = (prediction: DetectionMaps, y: DetectionTargets, present?: Tensor): Tensor =>
    detectionLossOf(prediction, y, present);
  return Object.assign(loss, { title: "detection loss", metrics });
}

/** Detections of one picture of a prediction with values: see `decodedDetections`. */
export const detectionsIn = (prediction: DetectionMaps, picture: number, decoding: DecodingOptions): Detection[] =>
  decodedDetections(mapsOf(prediction, picture), decoding);

/** What is said of one picture. */
function mapsOf({ objectness, names, box }: DetectionMaps, picture: number): PictureMaps {
  const [, rows, columns, outputs] = names.shape as readonly [number, number, number, number];
  const part = ({ data, size, shape }: Tensor): Float32Array => {
    const each = size / shape[0]!;
    return (data as Float32Array).subarray(picture * each, (picture + 1) * each);
  };
  return {
    ...{ rows, columns, classes: outputs - 1 },
    ...{ objectness: part(objectness), names: part(names), box: part(box) },
  };
}

/** Detections of pictures that were made outside of a graph, with what is there. */
export type FoundTargets = {
  /** float32 [pictures, most, 6]: x, y, width, height, label and score of each detection; a score of 0 is none. */
  readonly detections: Tensor;
  /** As those of `DetectionTargets`. */
  readonly boxes: Tensor;
};

/**
 * A row of detections that are made outside of graphs: a loss of predictions that say nothing, whose figures are those of
 * `detectionLoss`. Without names, detections of all classes that overlap by more than `overlap` are one.
 *
 * @param classes of a task
 */
export function foundLoss(classes: number, { overlap }: { readonly overlap: number }): Loss<Tensor, FoundTargets> {
  const metrics = metricsOf<Tensor, FoundTargets, FoundTargets>(
    (_prediction, found) => found,
    ({ detections, boxes }) => ({
      classes,
      pictures: Array.from({ length: boxes.shape[0]! }, (_, picture) => {
        const named = detectionsOf(detections, picture);
        const alike = nonMaximumSuppression(named, { overlap, acrossClasses: true });
        return {
          objects: boxesOf({ boxes }, picture),
          named,
          unnamed: alike.map((detection) => ({ ...detection, label: 0 })),
        };
      }),
    }),
  );
  // It has no loss that could be compared: of the figures alone something is said.
  return Object.assign((prediction: Tensor): Tensor => sum(prediction), {
    title: "none",
    ofTraining: true as const,
    metrics,
  });
}

function detectionsOf({ data, shape }: Tensor, picture: number): Detection[] {
  const [, most, width] = shape as readonly [number, number, number];
  const found: Detection[] = [];
  for (let i = 0; i < most; i++) {
    const from = (picture * most + i) * width;
    const [x, y, wide, high, label, score] = (data as Float32Array).subarray(from, from + 6) as unknown as number[];
    if (score! > 0) found.push({ box: { x: x!, y: y!, width: wide!, height: high! }, label: label!, score: score! });
  }
  return found;
}
