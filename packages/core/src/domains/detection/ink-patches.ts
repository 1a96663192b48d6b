/** Single characters, scaled and turned: the patches of ink that scenes are put together of. */
import { formatShape, hasTag, sizeOf } from "@innerloop/graph";
import { TaskError } from "../../tasks/task.js";
import { type ExampleClass, type LabelledExamples, readExample } from "../classification/labelled-examples.js";

/** The ink of a character as it is drawn: no row or column at its edges is without ink. */
export interface InkPatch {
  readonly width: number;
  readonly height: number;
  /** Coverage of pixels by ink, row-major [height, width], from 0 to 1. */
  readonly coverage: Float32Array;
}

/**
 * Less ink than this share of a drawing's darkest is none. Fainter rims, which resampling leaves, would make boxes wider
 * than what is seen.
 */
export const leastInk = 0.25;

/** Reads the characters of a data set as patches of ink. It keeps room for one example: one belongs to one source. */
export class InkDrawing {
  private readonly values: Float32Array;
  private readonly height: number;
  private readonly width: number;

  /**
   * @throws ILT314 where examples are not images [height, width] or [height, width, 1], where one of them has no ink or values
   * below 0, and where paper is high and ink low
   */
  constructor(
    private readonly data: LabelledExamples,
    operation: string,
  ) {
    const { exampleShape } = data;
    const [height, width, channels = 1] = exampleShape;
    if (data.ids || height === undefined || width === undefined || channels !== 1 || exampleShape.length > 3) {
      const problem = `examples of ${data.name} are ${data.ids ? "ids" : `of shape ${formatShape(exampleShape)}`}, and scenes are of characters`;
      throw new TaskError("ILT314", operation, problem, "Give grey images of single characters, [height, width, 1]");
    }
    this.height = height;
    this.width = width;
    this.values = new Float32Array(height * width);
    requireInk(data, operation);
  }

  /**
   * One example of a class, its ink scaled so that the longer side of what holds it before it is turned is `side` pixels,
   * then turned clockwise by `angle` radians about its middle.
   *
   * A pixel's coverage is the value of the drawing there by bilinear interpolation, over the highest of the patch; where
   * the drawing shrinks, the mean of it at k x k places in the pixel, k its pixels to one of the patch, rounded up.
   */
  patch(entry: ExampleClass, example: number, side: number, angle: number): InkPatch {
    const { values, width } = this;
    readExample(this.data, entry, example, values, 0);
    const ink = inkOf(values, width);
    const [inkWidth, inkHeight] = [ink.right - ink.left, ink.bottom - ink.top];
    const scale = side / Math.max(inkWidth, inkHeight);
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    // Ink fades over one pixel of the drawing beyond its last; what is left empty is cut off below.
    const [reachX, reachY] = [scale * (inkWidth / 2 + 1), scale * (inkHeight / 2 + 1)];
    const patchWidth = 2 * Math.ceil(Math.abs(cosine) * reachX + Math.abs(sine) * reachY);
    const patchHeight = 2 * Math.ceil(Math.abs(sine) * reachX + Math.abs(cosine) * reachY);
    const [middleX, middleY] = [(ink.left + ink.right - 1) / 2, (ink.top + ink.bottom - 1) / 2];
    const [right, down] = [cosine / scale, sine / scale];
    const places = Math.max(1, Math.ceil(1 / scale));
    const coverage = new Float32Array(patchWidth * patchHeight);
    for (let y = 0; y < patchHeight; y++) {
      for (let x = 0; x < patchWidth; x++) {
        let sum = 0;
        for (let i = 0; i < places; i++) {
          const v = y + (i + 0.5) / places - patchHeight / 2;
          for (let j = 0; j < places; j++) {
            const u = x + (j + 0.5) / places - patchWidth / 2;
            sum += this.valueAt(middleX + right * u + down * v, middleY - down * u + right * v);
          }
        }
        coverage[y * patchWidth + x] = sum;
      }
    }
    return trimmed(coverage, patchWidth);
  }

  /** The drawing at a place between the middles of its pixels, (0, 0) that of the first; 0 beyond its edges. */
  private valueAt(x: number, y: number): number {
    const { values, width, height } = this;
    const [left, top] = [Math.floor(x), Math.floor(y)];
    if (left < -1 || top < -1 || left >= width || top >= height) return 0;
    const [alongX, alongY] = [x - left, y - top];
    const at = top * width + left;
    const [hasLeft, hasRight] = [left >= 0, left + 1 < width];
    let above = 0;
    let below = 0;
    if (top >= 0) {
      if (hasLeft) above = (1 - alongX) * values[at]!;
      if (hasRight) above += alongX * values[at + 1]!;
    }
    if (top + 1 < height) {
      if (hasLeft) below = (1 - alongX) * values[at + width]!;
      if (hasRight) below += alongX * values[at + width + 1]!;
    }
    return (1 - alongY) * above + alongY * below;
  }
}

interface InkBounds {
  readonly left: number;
  readonly top: number;
  /** Beyond the last column and row with ink. */
  readonly right: number;
  readonly bottom: number;
}

/** Where the ink of an image is: all values of at least `leastInk` of the highest. */
function inkOf(values: Float32Array, width: number): InkBounds {
  const least = leastInk * highest(values);
  const height = values.length / width;
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!(values[y * width + x]! >= least)) continue;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  return { left, top, right, bottom };
}

const highest = (values: Float32Array): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! > most) most = values[i]!;
  return most;
};

/** The part of a patch that has ink, its darkest 1; what is too faint to be ink is none. */
function trimmed(values: Float32Array, width: number): InkPatch {
  const most = highest(values);
  const { left, top, right, bottom } = inkOf(values, width);
  const [inkWidth, inkHeight] = [right - left, bottom - top];
  const coverage = new Float32Array(inkWidth * inkHeight);
  for (let y = 0; y < inkHeight; y++) {
    const from = (top + y) * width + left;
    for (let x = 0; x < inkWidth; x++) {
      const value = values[from + x]!;
      if (value >= leastInk * most) coverage[y * inkWidth + x] = value / most;
    }
  }
  return { width: inkWidth, height: inkHeight, coverage };
}

/** @throws ILT314 where a drawing cannot be told from its paper */
function requireInk(data: LabelledExamples, operation: string): void {
  const size = sizeOf(data.exampleShape);
  const seen = new Set<unknown>();
  let [bright, total] = [0, 0];
  for (const { name, examples, count } of data.classes) {
    // Turned classes share the array of the upright one.
    if (seen.has(examples)) continue;
    seen.add(examples);
    const white = hasTag(examples, "Uint8Array") ? 255 : 1;
    for (let example = 0; example < count; example++) {
      let most = 0;
      for (let i = example * size; i < (example + 1) * size; i++) {
        const value = examples[i]!;
        if (value < 0) throw noInk(operation, data, name, example, `holds ${value}`);
        if (value > most) most = value;
        if (2 * value > white) bright++;
      }
      if (most === 0) throw noInk(operation, data, name, example, "is all 0");
    }
    total += examples.length;
  }
  if (2 * bright <= total) return;
  const problem = `${Math.round((100 * bright) / total)}% of the pixels of ${data.name} are more than half white`;
  throw new TaskError("ILT314", operation, problem, "Ink is high and paper 0: invert the images, 1 - x");
}

const noInk = (operation: string, data: LabelledExamples, name: string, example: number, found: string): TaskError =>
  new TaskError(
    "ILT314",
    operation,
    `class "${name}" of ${data.name}, example ${example} ${found}`,
    "Ink is from 0, none, to 1: leave out empty drawings, and scale others",
  );
