/** Images of one data set, brought to the shape that a model was trained on with another. */

import type { LabelledExamples } from "@innerloop/core";
import { hasTag } from "@innerloop/graph";
import { UsageError } from "../../options/usage-error.js";
import { areaAveraging } from "./area-averaging.js";
import { inverted } from "./dark-on-light.js";

type ImageShape = readonly [height: number, width: number, channels: 1 | 3];

const isImageShape = (shape: readonly number[]): shape is ImageShape =>
  shape.length === 3 && (shape[2] === 1 || shape[2] === 3);

/**
 * The same classes with examples of the shape [height, width, channels]. What is of other proportions is cut at the
 * edges, size changes by area averaging; grey is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), and a grey image
 * in colour has three equal channels. Examples that have the shape already are returned as they are.
 *
 * @throws UsageError where the examples are no images of 1 or 3 channels, or no bytes
 */
export function imagesOfShape(data: LabelledExamples, shape: readonly number[]): LabelledExamples {
  const from = data.exampleShape;
  if (from.length === shape.length && from.every((size, axis) => size === shape[axis])) return data;
  if (
    !isImageShape(from) ||
    !isImageShape(shape) ||
    data.classes.some(({ examples }) => !hasTag(examples, "Uint8Array"))
  )
    throw new UsageError(
      `examples of ${data.name} have the shape [${from.join(", ")}], those that the model was trained on [${shape.join(", ")}]`,
      "Choose a data set of that shape; between shapes of images, those of bytes are brought from one to the other",
    );
  const convert = converter(from, shape);
  const [before, after] = [from, shape].map((sizes) => sizes[0] * sizes[1] * sizes[2]) as [number, number];
  return {
    ...data,
    exampleShape: [...shape],
    classes: data.classes.map((entry) => {
      const examples = new Uint8Array(entry.count * after);
      for (let i = 0; i < entry.count; i++)
        examples.set(convert((entry.examples as Uint8Array).subarray(i * before, (i + 1) * before)), i * after);
      return { ...entry, examples };
    }),
  };
}

/** From bytes of one image shape to those of another. */
function converter(
  [height, width, channels]: ImageShape,
  [toHeight, toWidth, toChannels]: ImageShape,
): (image: Uint8Array) => Uint8Array {
  // The largest part in the middle that has the new proportions.
  const cutHeight = Math.max(1, Math.min(height, Math.round((width * toHeight) / toWidth)));
  const cutWidth = Math.max(1, Math.min(width, Math.round((height * toWidth) / toHeight)));
  const [top, left] = [(height - cutHeight) >> 1, (width - cutWidth) >> 1];
  const resize = areaAveraging([cutHeight, cutWidth], [toHeight, toWidth]);
  const planes = Math.min(channels, toChannels);
  const plane = new Uint8Array(cutHeight * cutWidth);
  return (image) => {
    const result = new Uint8Array(toHeight * toWidth * toChannels);
    for (let channel = 0; channel < planes; channel++) {
      for (let y = 0; y < cutHeight; y++) {
        for (let x = 0; x < cutWidth; x++) {
          const at = ((top + y) * width + left + x) * channels;
          plane[y * cutWidth + x] =
            planes < channels
              ? Math.round(0.299 * image[at]! + 0.587 * image[at + 1]! + 0.114 * image[at + 2]!)
              : image[at + channel]!;
        }
      }
      const resized = resize(plane);
      for (let i = 0; i < resized.length; i++) {
        if (planes === toChannels) result[i * toChannels + channel] = resized[i]!;
        else result.fill(resized[i]!, i * toChannels, (i + 1) * toChannels);
      }
    }
    return result;
  };
}

/** The same classes with black for white in copies of their examples. */
export function invertedImages(data: LabelledExamples): LabelledExamples {
  return { ...data, classes: data.classes.map((entry) => ({ ...entry, examples: inverted(entry.examples) })) };
}
