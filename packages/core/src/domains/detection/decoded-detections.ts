/** Detections out of what a detector says cell by cell. */
import type { Detection } from "./detections.js";
import { nonMaximumSuppression } from "./non-maximum-suppression.js";

/** Predictions of a detector for one picture, with values: row-major [rows, columns, ...]. */
export interface PictureMaps {
  readonly rows: number;
  readonly columns: number;
  /** Classes of the task, N. */
  readonly classes: number;
  /** Log-odds of the middle of an object, [rows, columns]. */
  readonly objectness: ArrayLike<number>;
  /** Logits of names, [rows, columns, N + 1], the last of none of the classes. */
  readonly names: ArrayLike<number>;
  /** Left, top, right and bottom in cells, [rows, columns, 4]. */
  readonly box: ArrayLike<number>;
}

/** Options by which detections are read out of maps. */
export interface DecodingOptions {
  /** Pixels of a cell's side. */
  readonly stride: number;
  /** Detections have a score above it: 0.01 unless given. */
  readonly threshold?: number;
  /** Detections of a class before suppression, at most: 30 unless given. */
  readonly most?: number;
  /** Overlap above which a less sure detection of the same class goes: 0.5 unless given. */
  readonly overlap?: number;
}

/** Decoding where nothing else is said. */
export const usualDecoding: Required<Omit<DecodingOptions, "stride">> = { threshold: 0.01, most: 30, overlap: 0.5 };

/**
 * Detections of one picture, by falling score. A cell whose objectness is the largest of its 3 x 3 - of equal ones the first,
 * row by row - stands for an object, which is each class with the score
 *
 *   sigmoid(objectness) softmax(names)_c
 *
 * and its box; the surest of a class are thinned out by non-maximum suppression.
 */
export function decodedDetections(maps: PictureMaps, options: DecodingOptions): Detection[] {
  const { stride } = options;
  const { threshold = usualDecoding.threshold, most = usualDecoding.most, overlap = usualDecoding.overlap } = options;
  const peaks = peaksOf(maps);
  const found: Detection[] = [];
  for (let label = 0; label < maps.classes; label++) {
    const ofClass = peaks
      .map((cell) => ({ cell, score: probability(maps.objectness[cell]!) * shareOf(maps, cell, label) }))
      .filter(({ score }) => score > threshold)
      .sort((a, b) => b.score - a.score)
      .slice(0, most);
    found.push(...ofClass.map(({ cell, score }) => ({ box: boxOf(maps, cell, stride), label, score })));
  }
  return nonMaximumSuppression(found, { overlap });
}

/**
 * Objects of whatever class, which is 0 for all: by objectness alone, that of the task's classes and others alike.
 */
export function decodedObjects(maps: PictureMaps, options: DecodingOptions): Detection[] {
  const { stride } = options;
  const { threshold = usualDecoding.threshold, most = usualDecoding.most, overlap = usualDecoding.overlap } = options;
  const found = peaksOf(maps)
    .map((cell) => ({ cell, score: probability(maps.objectness[cell]!) }))
    .filter(({ score }) => score > threshold)
    .sort((a, b) => b.score - a.score)
    .slice(0, most * maps.classes)
    .map(({ cell, score }) => ({ box: boxOf(maps, cell, stride), label: 0, score }));
  return nonMaximumSuppression(found, { overlap });
}

/** Cells that are above their neighbours. */
function peaksOf({ rows, columns, objectness }: PictureMaps): number[] {
  const peaks: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const cell = row * columns + column;
      if (isPeak(objectness, cell, { row, column, rows, columns })) peaks.push(cell);
    }
  }
  return peaks;
}

function isPeak(
  values: ArrayLike<number>,
  cell: number,
  at: { readonly row: number; readonly column: number; readonly rows: number; readonly columns: number },
): boolean {
  for (let down = -1; down <= 1; down++) {
    for (let across = -1; across <= 1; across++) {
      const [row, column] = [at.row + down, at.column + across];
      if (row < 0 || column < 0 || row >= at.rows || column >= at.columns) continue;
      const other = row * at.columns + column;
      if (values[other]! > values[cell]! || (other < cell && values[other]! === values[cell]!)) return false;
    }
  }
  return true;
}

const probability = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** softmax of a cell's names, of one class. */
function shareOf({ names, classes }: PictureMaps, cell: number, label: number): number {
  const from = cell * (classes + 1);
  let [largest, total] = [Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i <= classes; i++) largest = Math.max(largest, names[from + i]!);
  for (let i = 0; i <= classes; i++) total += Math.exp(names[from + i]! - largest);
  return Math.exp(names[from + label]! - largest) / total;
}

/** The box of a cell, cut to the picture. */
function boxOf({ rows, columns, box }: PictureMaps, cell: number, stride: number): Detection["box"] {
  const [across, down] = [(cell % columns) + 0.5, Math.floor(cell / columns) + 0.5];
  const [left, top, right, bottom] = [0, 1, 2, 3].map((i) => box[4 * cell + i]!) as [number, number, number, number];
  const [x, y] = [Math.max(0, across - left) * stride, Math.max(0, down - top) * stride];
  return {
    x,
    y,
    width: Math.min(columns, across + right) * stride - x,
    height: Math.min(rows, down + bottom) * stride - y,
  };
}
