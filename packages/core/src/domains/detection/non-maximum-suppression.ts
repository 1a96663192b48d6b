/** The one detection of an object, where a detector found it several times. */
import { TaskError, wholeNumber } from "../../tasks/task.js";
import { byFallingScore, type Detection, requireDetection } from "./detections.js";
import { intersectionOverUnion } from "./overlap.js";

/** Bounds within which two detections are taken for the same object. */
export interface SuppressionOptions {
  /** Intersection over union above which the lower of two scores goes, from 0 to 1; 0.5 unless given. */
  readonly overlap?: number;
  /** Detections that are kept of a picture, all classes together; all unless given. */
  readonly most?: number;
  /** Detections of other classes are taken for the same object, too; not unless given. */
  readonly acrossClasses?: boolean;
}

/**
 * The detections of one picture that are left by greedy non-maximum suppression, by falling score: each one is kept unless
 * it overlaps with one of its class that is kept already, by more than `overlap`. Of equal scores the earlier is first.
 *
 * As torchvision's `batched_nms` and ONNX's NonMaxSuppression do it, an overlap of exactly the threshold suppresses nothing.
 * n detections take n^2 / 2 overlaps at most.
 *
 * @throws TaskError ILT313 for a detection that is none: a box that is not of finite numbers, a score that is NaN
 * @throws TaskError ILT201 for options out of range
 * @example nonMaximumSuppression(detections, { overlap: 0.35, most: 100 })
 */
export function nonMaximumSuppression<Found extends Detection>(
  detections: readonly Found[],
  { overlap = 0.5, most, acrossClasses = false }: SuppressionOptions = {},
): Found[] {
  const operation = "nonMaximumSuppression";
  if (!(overlap >= 0 && overlap <= 1)) {
    throw new TaskError("ILT201", operation, `overlap is ${overlap}`, "Give a number from 0 to 1");
  }
  if (most !== undefined) wholeNumber(most, operation, "most");
  detections.forEach((detection, i) => {
    requireDetection(operation, `detection ${i}`, detection);
  });
  const kept: Found[] = [];
  const keptOfClass = new Map<number, Found[]>();
  for (const detection of [...detections].sort(byFallingScore)) {
    if (kept.length === most) break;
    const rival = acrossClasses ? 0 : detection.label;
    const rivals = keptOfClass.get(rival) ?? [];
    if (rivals.some(({ box }) => intersectionOverUnion(box, detection.box) > overlap)) continue;
    rivals.push(detection);
    keptOfClass.set(rival, rivals);
    kept.push(detection);
  }
  return kept;
}
