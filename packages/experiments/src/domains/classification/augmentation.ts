import { type Augmentation, augmentImages } from "@innerloop/core";
import { UsageError } from "../../options/usage-error.js";
import type { ClassificationValues } from "./options.js";

/** What `--augment` asks for, for training tasks of examples of this shape. @throws UsageError for no images */
export function augmentationOf(
  augment: ClassificationValues["augment"],
  exampleShape: readonly number[],
): Augmentation | undefined {
  if (augment === "none") return undefined;
  const [height, width] = exampleShape;
  if (height === undefined || width === undefined || exampleShape.length > 3)
    throw new UsageError(`--augment ${augment} is for images`, "Use --augment none");
  // 8 of 84 pixels, as published; the same part of other sizes.
  const shift = Math.round((8 / 84) * Math.min(height, width));
  if (augment === "shift") return augmentImages({ shift });
  return augmentImages({ flip: 0.5, shift, brightness: 0.4, contrast: 0.4, saturation: 0.4 });
}
