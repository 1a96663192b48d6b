/** Boxes between a picture and the square that a network sees of it. */
import { TaskError, wholeNumber } from "../../tasks/task.js";
import type { Box } from "./marked-pictures.js";

/** The place of a picture within a square: whole pixels, the rest is padding. */
export interface Letterbox {
  /** By which the longer side is scaled: `size / max(width, height)`. */
  readonly scale: number;
  /** Columns of padding to the left of the picture, and rows above it. */
  readonly left: number;
  readonly top: number;
  /** Sides of the picture within the square. */
  readonly width: number;
  readonly height: number;
  /**
   * By which columns and rows are scaled, `[width, height]` of the letterbox by those of the picture. One is `scale`; the
   * other differs from it by what makes the shorter side a whole number of pixels, at most half of one over its length.
   */
  readonly scales: readonly [x: number, y: number];
}

/**
 * The place of a picture in a square of `size` pixels: scaled by `size / max(width, height)`, up or down, and centred, with
 * the odd row or column of padding behind it.
 *
 * @param width of the picture in pixels, a whole number of at least 1, as `height` and `size`
 * @throws TaskError ILT201 for anything else
 * @example letterbox(640, 480, 320) // { scale: 0.5, left: 0, top: 40, width: 320, height: 240, scales: [0.5, 0.5] }
 */
export function letterbox(width: number, height: number, size: number): Letterbox {
  for (const [name, value] of Object.entries({ width, height, size })) wholeNumber(value, "letterbox", name, 1);
  const scale = size / Math.max(width, height);
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  const [columns, rows] = [side(width), side(height)];
  return {
    scale,
    left: Math.floor((size - columns) / 2),
    top: Math.floor((size - rows) / 2),
    width: columns,
    height: rows,
    scales: [columns / width, rows / height],
  };
}

/** A box of the picture in the pixels of the square: `left + x scales[0]`, `top + y scales[1]`. */
export function toLetterbox({ x, y, width, height }: Box, { left, top, scales: [across, down] }: Letterbox): Box {
  return { x: left + x * across, y: top + y * down, width: width * across, height: height * down };
}

/** A box of the square in the pixels of the picture: the inverse of `toLetterbox`. It may reach over the picture's edges. */
export function fromLetterbox({ x, y, width, height }: Box, { left, top, scales: [across, down] }: Letterbox): Box {
  return { x: (x - left) / across, y: (y - top) / down, width: width / across, height: height / down };
}

/**
 * The part of a box that lies within a picture; of a box outside of it one without area at the nearest edge.
 *
 * @throws TaskError ILT313 for a box that is not of finite numbers
 * @example clippedBox({ x: -2, y: 3, width: 5, height: 9 }, { width: 640, height: 8 }) // { x: 0, y: 3, width: 3, height: 5 }
 */
export function clippedBox(box: Box, picture: { readonly width: number; readonly height: number }): Box {
  if (![box.x, box.y, box.width, box.height].every(Number.isFinite)) {
    const problem = `the box is x ${box.x}, y ${box.y}, ${box.width} wide, ${box.height} high`;
    throw new TaskError("ILT313", "clippedBox", problem, "Give four finite numbers");
  }
  const [x, right] = clippedSpan(box.x, box.width, picture.width);
  const [y, bottom] = clippedSpan(box.y, box.height, picture.height);
  // As it was, to the last bit, where nothing is cut off.
  const width = x === box.x && right === box.x + box.width ? box.width : right - x;
  const height = y === box.y && bottom === box.y + box.height ? box.height : bottom - y;
  return { x, y, width, height };
}

function clippedSpan(from: number, length: number, most: number): readonly [from: number, to: number] {
  const inside = (at: number): number => Math.min(most, Math.max(0, at));
  return [inside(from), inside(from + length)];
}
