/** Objects that a detector finds, and what is checked of them before they are judged or thinned out. */
import { TaskError } from "../../tasks/task.js";
import type { Box } from "./marked-pictures.js";

/** An object that a detector found: its box in the pixels of the picture, its class and how sure the detector is. */
export interface Detection {
  readonly box: Box;
  /** Its class, below the number of names. */
  readonly label: number;
  /** More is surer; nothing else is asked of it. */
  readonly score: number;
}

/**
 * @internal The order of detections by falling score, for a stable sort: of equal scores the earlier stays first. (Equal
 * infinities have no difference.)
 */
export const byFallingScore = (a: Pick<Detection, "score">, b: Pick<Detection, "score">): number =>
  a.score === b.score ? 0 : b.score - a.score;

/** The numbers of a box as messages show them. */
const shownBox = ({ x, y, width, height }: Box): string => `x ${x}, y ${y}, ${width} wide, ${height} high`;

/**
 * @internal Checks what boxes and classes are computed with.
 *
 * @param place which one of how many, such as "picture 3, detection 7"
 * @throws TaskError ILT313 for a box that is not of finite numbers, or is less than nothing wide or high; for a class that
 * is none
 */
export function requireLabelledBox(
  operation: string,
  place: string,
  { box, label }: { readonly box: Box; readonly label: number },
  classes = Number.MAX_SAFE_INTEGER,
): void {
  const { x, y, width, height } = box;
  // Corners are sums, which overflow before their parts do.
  const finite = Number.isFinite(x + width) && Number.isFinite(y + height) && Number.isFinite(width * height);
  if (!finite || width < 0 || height < 0) {
    const problem = `${place} has a box of ${shownBox(box)}`;
    throw new TaskError("ILT313", operation, problem, "Give four finite numbers, width and height not below 0");
  }
  if (Number.isSafeInteger(label) && label >= 0 && label < classes) return;
  const below = classes === Number.MAX_SAFE_INTEGER ? "" : ` below ${classes}, the number of classes`;
  throw new TaskError("ILT313", operation, `${place} has class ${label}`, `Give a whole number from 0 on${below}`);
}

/**
 * @internal Checks a detection.
 *
 * @throws TaskError ILT313 as for any box with a class, and for a score that is NaN: it has no place in an order
 */
export function requireDetection(operation: string, place: string, detection: Detection, classes?: number): void {
  requireLabelledBox(operation, place, detection, classes);
  if (typeof detection.score === "number" && !Number.isNaN(detection.score)) return;
  throw new TaskError("ILT313", operation, `${place} has score ${detection.score}`, "Give a number");
}
