import { formatShape } from "@innerloop/graph";
import type { Random } from "../../random/random.js";
import { TaskError } from "../../tasks/task.js";
import type { NumberAugmentation } from "./episodes.js";

/** Options of `augmentImages`. */
export interface ImageAugmentationOptions {
  /** How often an image is mirrored left to right, from 0 to 1; 0 unless given. */
  readonly flip?: number;
  /**
   * Furthest shift along either axis, in pixels: a whole number; 0 unless given. What comes in from outside is the
   * image reflected at its edge pixels, so this is a crop of the image padded by so many pixels on each side.
   */
  readonly shift?: number;
  /** Values are multiplied by a factor from [max(0, 1 - b), 1 + b]; 0 unless given. */
  readonly brightness?: number;
  /** The distance from the image's mean grey is multiplied by such a factor; 0 unless given. */
  readonly contrast?: number;
  /** The distance from each pixel's own grey is multiplied by such a factor, where there are three channels. */
  readonly saturation?: number;
}

/**
 * Random changes of images for training, to be given to `episodes`: each image is mirrored, shifted and changed in
 * brightness, contrast and saturation, in this order, each drawn uniformly and independently for each image.
 *
 *     brightness  x <- f x                        f ~ U[max(0, 1 - b), 1 + b]
 *     contrast    x <- m + f (x - m)              m: mean over the image of g
 *     saturation  x <- g + f (x - g)              g = 0.299 R + 0.587 G + 0.114 B, or the one channel
 *
 * Values are those of bytes read by `readExample`, in [0, 1], and are cut to that range after each change of colour.
 *
 * The usual changes for few-shot learning on photos: Lee et al. 2019, "Meta-learning with differentiable convex
 * optimization" (flips, crops of the image padded by 8, colours by 0.4). There padding is black and the order of the
 * changes of colour is random.
 *
 * @throws ILT201 where an option is out of its range; ILT306, from `sample`, where examples are not images
 * [height, width] or [height, width, channels], and from `episodes` where they are ids
 * @example episodes(train, { ways: 5, shots: 5, queries: 15, augment: augmentImages({ flip: 0.5, shift: 8 }) })
 */
export function augmentImages(options: ImageAugmentationOptions): NumberAugmentation {
  const { flip = 0, shift = 0, brightness = 0, contrast = 0, saturation = 0 } = options;
  for (const [name, value, most] of [
    ["flip", flip, 1],
    ["shift", shift, 1024],
    ["brightness", brightness, 10],
    ["contrast", contrast, 10],
    ["saturation", saturation, 10],
  ] as const) {
    if (value >= 0 && value <= most && (name !== "shift" || Number.isInteger(value))) continue;
    const kind = name === "shift" ? "a whole number" : "a number";
    throw new TaskError("ILT201", "augmentImages", `${name} is ${value}`, `Give ${kind} from 0 to ${most}`);
  }
  const factor = (random: Random, by: number): number => random.uniform(Math.max(0, 1 - by), 1 + by);
  // One image is changed at a time, and none of it outlives the call.
  let before = new Float32Array(0);

  const augment: NumberAugmentation = (pixels, offset, shape, random) => {
    const [height, width, channels = 1] = shape;
    if (height === undefined || width === undefined || shape.length > 3) {
      const problem = `examples have shape ${formatShape(shape)}, and are no images`;
      throw new TaskError("ILT306", "augmentImages", problem, "Leave augmentation out, or reshape the examples");
    }
    const image = pixels.subarray(offset, offset + height * width * channels);
    const mirrored = flip > 0 && random.uniform() < flip;
    const down = shift > 0 ? random.integer(2 * shift + 1) - shift : 0;
    const right = shift > 0 ? random.integer(2 * shift + 1) - shift : 0;
    if (mirrored || down !== 0 || right !== 0) {
      if (before.length !== image.length) before = new Float32Array(image.length);
      before.set(image);
      moved(before, image, [height, width, channels], { mirrored, down, right });
    }
    if (brightness > 0) {
      const f = factor(random, brightness);
      for (let i = 0; i < image.length; i++) image[i] = cut(f * image[i]!);
    }
    if (contrast > 0) {
      const f = factor(random, contrast);
      const mean = meanGrey(image, channels);
      for (let i = 0; i < image.length; i++) image[i] = cut(mean + f * (image[i]! - mean));
    }
    if (saturation > 0 && channels === 3) {
      const f = factor(random, saturation);
      for (let i = 0; i < image.length; i += 3) {
        const grey = greyOf(image, i);
        for (let j = i; j < i + 3; j++) image[j] = cut(grey + f * (image[j]! - grey));
      }
    }
  };
  const parts = Object.entries({ flip, shift, brightness, contrast, saturation }).filter(([, value]) => value > 0);
  return Object.assign(augment, { description: parts.map(([name, value]) => `${name} ${value}`).join(", ") || "none" });
}

const cut = (value: number): number => (value < 0 ? 0 : value > 1 ? 1 : value);

const greyOf = (image: Float32Array, at: number): number =>
  0.299 * image[at]! + 0.587 * image[at + 1]! + 0.114 * image[at + 2]!;

function meanGrey(image: Float32Array, channels: number): number {
  let sum = 0;
  if (channels === 3) for (let i = 0; i < image.length; i += 3) sum += 3 * greyOf(image, i);
  else for (let i = 0; i < image.length; i++) sum += image[i]!;
  return sum / image.length;
}

/** to[y][x] = from[y - down][x - right], the image reflected beyond its edges; mirrored first. */
function moved(
  from: Float32Array,
  to: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  { mirrored, down, right }: { readonly mirrored: boolean; readonly down: number; readonly right: number },
): void {
  const columns = Array.from({ length: width }, (_, x) => {
    const source = reflected(x - right, width);
    return (mirrored ? width - 1 - source : source) * channels;
  });
  let at = 0;
  for (let y = 0; y < height; y++) {
    const row = reflected(y - down, height) * width * channels;
    for (let x = 0; x < width; x++) {
      const source = row + columns[x]!;
      for (let channel = 0; channel < channels; channel++) to[at++] = from[source + channel]!;
    }
  }
}

/** An index of [0, n) for any whole number: -1 is 1, n is n - 2. The edge itself is not repeated. */
function reflected(index: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const within = ((index % period) + period) % period;
  return within < n ? within : period - within;
}
