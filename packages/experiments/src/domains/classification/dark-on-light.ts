/** Ink on paper: which of the two is dark, and how one becomes the other. */
import type { ExampleValues, LabelledExamples } from "@innerloop/core/tasks";
import { hasTag } from "@innerloop/graph";
import { UsageError } from "../../options/usage-error.js";

/** So many images tell what the others are like. */
const imagesLookedAt = 400;

/** The question whether examples are grey images: bytes [height, width, 1]. Rows of a table are of one axis, or numbers. */
export const isGreyImage = ({ exampleShape, classes }: LabelledExamples): boolean =>
  exampleShape.length === 3 && exampleShape[2] === 1 && classes.every(({ examples }) => examples instanceof Uint8Array);

/** The question whether most of the images are grey ones with a light border: ink on paper, where models expect ink to be 1. */
export function isDarkOnLight(data: LabelledExamples): boolean {
  if (!isGreyImage(data)) return false;
  const { exampleShape, classes } = data;
  const [height = 1, width = 1] = exampleShape;
  const size = height * width;
  const images = classes.flatMap(({ examples, count }) =>
    Array.from({ length: count }, (_, i) => examples.subarray(i * size, (i + 1) * size)),
  );
  const stride = Math.ceil(images.length / imagesLookedAt);
  const chosen = images.filter((_, i) => i % stride === 0);
  const isPaper = (image: LabelledExamples["classes"][number]["examples"]): boolean => {
    const border = new Uint8Array(size);
    let [found, sum] = [0, 0];
    for (let i = 0; i < size; i++) {
      sum += image[i]!;
      const column = i % width;
      const isBorder = i < width || i >= size - width || column === 0 || column === width - 1;
      if (isBorder) border[found++] = image[i]!;
    }
    // Drawings may touch the border: its median is still that of the paper.
    const paper = border.subarray(0, found).sort()[found >> 1]!;
    const mean = sum / size;
    return paper > 150 && mean <= paper;
  };
  return chosen.filter(isPaper).length > chosen.length / 2;
}

/**
 * The inversion of images where they lie, black for white: 255 - value of bytes, 1 - value of numbers from 0 to 1.
 *
 * @throws UsageError for ids of words or tokens
 */
export function invertInPlace(values: ExampleValues): void {
  if (hasTag(values, "Int32Array"))
    throw new UsageError("examples are ids of words or tokens, and have no black and white", "Leave invert out");
  const white = hasTag(values, "Uint8Array") ? 255 : 1;
  for (let i = 0; i < values.length; i++) values[i] = white - values[i]!;
}

/** A copy of images with black for white. */
export function inverted<Values extends ExampleValues>(values: Values): Values {
  const copy = values.slice() as Values;
  invertInPlace(copy);
  return copy;
}
