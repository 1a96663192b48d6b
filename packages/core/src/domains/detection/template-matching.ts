/** Detection without learning: pieces of the support pictures are looked for in others. */
import { TaskError } from "../../tasks/task.js";
import { byFallingScore, type Detection } from "./detections.js";
import type { Box, MarkedObject } from "./marked-pictures.js";
import { nonMaximumSuppression } from "./non-maximum-suppression.js";

/** A grey picture: row-major [height, width]. */
export interface GreyPicture {
  readonly height: number;
  readonly width: number;
  readonly pixels: Float32Array;
}

/** A picture with what is marked in it. */
export interface MarkedGrey extends GreyPicture {
  readonly objects: readonly MarkedObject[];
}

/** Options of `templateMatching`. */
export interface TemplateMatchingOptions {
  /** Sizes at which a piece is looked for, as multiples of its own: 0.7, 0.84, 1, 1.18 and 1.4 unless given. */
  readonly scales?: readonly number[];
  /** Correlation above which a place counts: 0.3 unless given. */
  readonly threshold?: number;
  /** Places that are kept for a piece at a scale, at most: 30 unless given. */
  readonly most?: number;
  /** Overlap above which a less alike detection of the same class goes: 0.4 unless given. */
  readonly overlap?: number;
}

/**
 * Template matching: each box of the support pictures is a template T, and where a window W of its size, at some scale, is
 * most like it there is a detection of its class, of which the score is their correlation,
 *
 *   sum (W - mean W) (T - mean T) / sqrt(sum (W - mean W)^2 sum (T - mean T)^2)
 *
 * (Lewis 1995). Places are looked for at half the resolution, and then moved by up to two pixels to where the full one
 * agrees best. The surest detections of a class are left by non-maximum suppression.
 *
 * @param support objects with labels below 0 are no templates
 * @returns a function that finds detections in a picture, by falling score
 * @throws TaskError ILT201 for options out of range
 */
export function templateMatching(
  support: readonly MarkedGrey[],
  options: TemplateMatchingOptions = {},
): (picture: GreyPicture) => Detection[] {
  const { scales = [0.7, 0.84, 1, 1.18, 1.4], threshold = 0.3, most = 30, overlap = 0.4 } = options;
  if (!(scales.length > 0 && scales.every((scale) => scale > 0 && scale < 10))) {
    throw new TaskError(
      "ILT201",
      "templateMatching",
      `scales are ${scales.join(", ")}`,
      "Give some, above 0 and below 10",
    );
  }
  const templates = support.flatMap((picture) =>
    picture.objects
      .filter(({ label, crowd, difficult }) => label >= 0 && !crowd && !difficult)
      .flatMap(({ box, label }) =>
        scales.map((scale) => ({
          label,
          full: resizedPart(picture, box, scale),
          half: resizedPart(picture, box, scale / 2),
        })),
      ),
  );
  return (picture) => {
    const [full, half] = [withSums(picture), withSums(halved(picture))];
    const found: Detection[] = [];
    for (const template of templates) {
      const places = peaksOf(correlations(half, template.half), threshold)
        .sort((a, b) => b.score - a.score)
        .slice(0, most);
      for (const place of places) {
        const best = refined(full, template.full, place);
        if (!best || !(best.score > threshold)) continue;
        const { width, height } = template.full;
        found.push({ box: { x: best.x, y: best.y, width, height }, label: template.label, score: best.score });
      }
    }
    return nonMaximumSuppression(found.sort(byFallingScore), { overlap });
  };
}

/** A template with its mean taken off, and the length of what is left. */
interface Template extends GreyPicture {
  readonly length: number;
}

/** A part of a picture at another size: means over the pixels that a new one covers, between these by area. */
function resizedPart(picture: GreyPicture, box: Box, scale: number): Template {
  const [width, height] = [box.width, box.height].map((side) => Math.max(2, Math.round(side * scale))) as [
    number,
    number,
  ];
  const across = spans(box.x, box.width, width, picture.width);
  const down = spans(box.y, box.height, height, picture.height);
  const pixels = new Float32Array(width * height);
  let total = 0;
  down.forEach((rows, i) => {
    across.forEach((columns, j) => {
      let [sum, area] = [0, 0];
      for (const [row, tall] of rows) {
        for (const [column, wide] of columns) {
          sum += tall * wide * picture.pixels[row * picture.width + column]!;
          area += tall * wide;
        }
      }
      pixels[i * width + j] = area > 0 ? sum / area : 0;
      total += pixels[i * width + j]!;
    });
  });
  const mean = total / pixels.length;
  let squares = 0;
  for (let i = 0; i < pixels.length; i++) {
    pixels[i]! -= mean;
    squares += pixels[i]! ** 2;
  }
  return { width, height, pixels, length: Math.sqrt(squares) };
}

/** For each of `count` parts of a stretch, the pixels that it covers and how much of each. */
function spans(
  from: number,
  length: number,
  count: number,
  size: number,
): (readonly [pixel: number, share: number])[][] {
  return Array.from({ length: count }, (_, i) => {
    const [start, end] = [from + (i * length) / count, from + ((i + 1) * length) / count];
    const covered: (readonly [number, number])[] = [];
    for (let pixel = Math.max(0, Math.floor(start)); pixel < Math.min(size, end); pixel++) {
      const share = Math.min(end, pixel + 1) - Math.max(start, pixel);
      if (share > 0) covered.push([pixel, share]);
    }
    return covered;
  });
}

const halved = ({ width, height, pixels }: GreyPicture): GreyPicture => {
  const [across, down] = [Math.floor(width / 2), Math.floor(height / 2)];
  const half = new Float32Array(across * down);
  for (let row = 0; row < down; row++) {
    for (let column = 0; column < across; column++) {
      const at = 2 * row * width + 2 * column;
      half[row * across + column] = (pixels[at]! + pixels[at + 1]! + pixels[at + width]! + pixels[at + width + 1]!) / 4;
    }
  }
  return { width: across, height: down, pixels: half };
};

/** A picture with sums of its values and their squares over all above and to the left: those of a window are four of them. */
interface Summed extends GreyPicture {
  readonly sums: Float64Array;
  readonly squares: Float64Array;
}

function withSums(picture: GreyPicture): Summed {
  const { width, height, pixels } = picture;
  const [sums, squares] = [new Float64Array((width + 1) * (height + 1)), new Float64Array((width + 1) * (height + 1))];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = pixels[row * width + column]!;
      const at = (row + 1) * (width + 1) + column + 1;
      sums[at] = value + sums[at - 1]! + sums[at - width - 1]! - sums[at - width - 2]!;
      squares[at] = value ** 2 + squares[at - 1]! + squares[at - width - 1]! - squares[at - width - 2]!;
    }
  }
  return { ...picture, sums, squares };
}

/** The correlation of a template with the window at (x, y). */
function correlation({ width, pixels, sums, squares }: Summed, template: Template, x: number, y: number): number {
  const [w, h] = [template.width, template.height];
  const of = (table: Float64Array): number => {
    const at = y * (width + 1) + x;
    const below = at + h * (width + 1);
    return table[below + w]! - table[below]! - table[at + w]! + table[at]!;
  };
  const total = of(sums);
  const spread = Math.sqrt(Math.max(0, of(squares) - total ** 2 / (w * h)));
  const scale = spread * template.length;
  if (!(scale > 1e-9)) return 0;
  let product = 0;
  for (let row = 0; row < h; row++) {
    const from = (y + row) * width + x;
    const own = row * w;
    for (let column = 0; column < w; column++) product += pixels[from + column]! * template.pixels[own + column]!;
  }
  // The template's values add up to 0: the mean of the window counts for nothing.
  return product / scale;
}

interface Places {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Correlations at all places, none where the template is larger than the picture. */
function correlations(picture: Summed, template: Template): Places {
  const rows = Math.max(0, picture.height - template.height + 1);
  const columns = Math.max(0, picture.width - template.width + 1);
  const values = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) values[y * columns + x] = correlation(picture, template, x, y);
  return { rows, columns, values };
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly score: number;
}

/** Places above a threshold that none beside them exceeds; of equal ones the first. */
function peaksOf({ rows, columns, values }: Places, threshold: number): Place[] {
  const peaks: Place[] = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = y * columns + x;
      const score = values[at]!;
      if (!(score > threshold)) continue;
      let isPeak = true;
      for (let down = -1; down <= 1 && isPeak; down++) {
        for (let across = -1; across <= 1 && isPeak; across++) {
          const [row, column] = [y + down, x + across];
          if (row < 0 || column < 0 || row >= rows || column >= columns) continue;
          const other = row * columns + column;
          if (values[other]! > score || (other < at && values[other] === score)) isPeak = false;
        }
      }
      if (isPeak) peaks.push({ x, y, score });
    }
  }
  return peaks;
}

/** The best place at the full resolution near one at half of it; undefined where the template does not fit there. */
function refined(picture: Summed, template: Template, { x, y }: Place): Place | undefined {
  let best: Place | undefined;
  for (let down = -2; down <= 2; down++) {
    for (let across = -2; across <= 2; across++) {
      const [column, row] = [2 * x + across, 2 * y + down];
      const fits = column >= 0 && row >= 0;
      if (!fits || column + template.width > picture.width || row + template.height > picture.height) continue;
      const score = correlation(picture, template, column, row);
      if (!best || score > best.score) best = { x: column, y: row, score };
    }
  }
  return best;
}
