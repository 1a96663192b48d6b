/** Images as a frozen encoder sees them: each becomes features, a row of numbers or a map, and is no image any more. */
import type { LabelledExamples } from "@innerloop/core";
import type { ImageShape, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { ImageBackbone } from "../../text-io.js";
import { imagesOfShape } from "./images-of-shape.js";
import type { ClassificationValues } from "./options.js";

type BackboneOptions = Pick<ClassificationValues, "backbone" | "backboneOutput">;
type LookOptions = Pick<ClassificationValues, "augment" | "invert" | "split">;

/** @throws UsageError for options that change images, which a backbone is to see as they are */
export function requireBackboneUse({
  backbone,
  backboneOutput,
  augment,
  invert,
  split,
}: BackboneOptions & LookOptions): void {
  if (backbone === undefined) {
    if (backboneOutput === undefined) return;
    throw new UsageError("--backbone-output without --backbone", "Name the encoder that has the tensor");
  }
  const refuse = (given: string): never => {
    throw new UsageError(
      `${given} with --backbone ${backbone}`,
      "Leave it out: images are encoded once, as they are, and what is learned from are their features",
    );
  };
  if (augment !== "none") refuse(`--augment ${augment}`);
  if (invert === "yes") refuse("--invert yes");
  if (split.name === "classes" && split.rotations === "yes") refuse("--rotations yes");
}

export const imagesTaken = ({ size, channels }: ImageBackbone): ImageShape => ({ size, channels });

/**
 * The same classes, each image as the backbone's features of it: float32 of its `outputShape`.
 *
 * @throws UsageError for examples that are no images of bytes
 */
export async function encodedExamples(
  data: LabelledExamples,
  backbone: ImageBackbone,
  work: LongWork,
): Promise<LabelledExamples> {
  const { exampleShape: _, ...shaped } = imagesOfShape(data, [...backbone.size, backbone.channels]);
  const [height, width] = backbone.size;
  const bytes = height * width * backbone.channels;
  const numbers = backbone.outputShape.reduce((product, axis) => product * axis, 1);
  const images = shaped.classes.flatMap(({ count, examples }) =>
    Array.from({ length: count }, (_, i) => (examples as Uint8Array).subarray(i * bytes, (i + 1) * bytes)),
  );
  const features = await backbone.encode(images, work);
  let from = 0;
  const classes = shaped.classes.map((entry) => {
    const examples = features.slice(from, from + entry.count * numbers);
    from += examples.length;
    return { ...entry, examples };
  });
  return { ...shaped, exampleShape: backbone.outputShape, classes };
}
