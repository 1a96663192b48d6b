/** Areas that boxes share. */
import type { Box } from "./marked-pictures.js";

/** The area of a box, in square pixels. */
export const boxArea = ({ width, height }: Box): number => width * height;

/** The area that two boxes share, in square pixels: 0 where they only touch. */
export function sharedArea(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  if (width <= 0) return 0;
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return height <= 0 ? 0 : width * height;
}

/**
 * Intersection over union of two boxes, from 0 to 1: 0 where they only touch, or one has no area.
 *
 *   |a and b| / (|a| + |b| - |a and b|)
 *
 * Its operations are in the order of pycocotools' `bbIou`, so that it gives the same bits.
 *
 * @example intersectionOverUnion({ x: 0, y: 0, width: 2, height: 1 }, { x: 1, y: 0, width: 2, height: 1 }) // 1 / 3
 */
export function intersectionOverUnion(a: Box, b: Box): number {
  const shared = sharedArea(a, b);
  return shared === 0 ? 0 : shared / (boxArea(a) + boxArea(b) - shared);
}

/**
 * Overlap of a detection with a crowd as COCO has it, from 0 to 1: the share of the detection's area that lies in the
 * crowd's box, for one member of a crowd is never as large as the crowd.
 *
 *   |detection and crowd| / |detection|
 */
export function overlapWithCrowd(detection: Box, crowd: Box): number {
  const shared = sharedArea(detection, crowd);
  return shared === 0 ? 0 : shared / boxArea(detection);
}
