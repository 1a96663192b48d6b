/** Boxes between the squares that detectors see and pictures as users have them. */
import { type Box, clippedBox, type Detection, fromLetterbox, letterbox, toLetterbox } from "@innerloop/core/detection";

/** Sides of a picture in its own pixels, and of the square that a detector sees of it. */
export interface PictureSides {
  readonly width: number;
  readonly height: number;
  readonly size: number;
}

/** Scores from which objects are answers. */
export const leastScore = 0.1;

/** Detections in the picture's own pixels; what was found in the padding is in no picture, and left out. */
export function inOwnPixels(detections: readonly Detection[], sides: PictureSides): readonly Detection[] {
  const seen = letterbox(sides.width, sides.height, sides.size);
  return detections.flatMap((detection): Detection[] => {
    const box = clippedBox(fromLetterbox(detection.box, seen), sides);
    return box.width > 0 && box.height > 0 ? [{ ...detection, box }] : [];
  });
}

/** A box that a user has marked, as the detector sees it. */
export const inSquare = (box: Box, { width, height, size }: PictureSides): Box =>
  toLetterbox(box, letterbox(width, height, size));
