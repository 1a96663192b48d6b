/** What detectors see of pictures: squares of pixels, or cells that an encoder makes of them. */
import type { DecodingOptions } from "@innerloop/core/detection";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import type { Own } from "../domain.js";

/** The grid that a detector of a run looks at pictures by. */
export interface PictureGrid {
  /** Pixels of a side of the square that a picture is brought into. */
  readonly size: number;
  /** Pixels of a cell's side. */
  readonly stride: number;
  /** Pixels of a side that are seen of an object, where that is known: larger ones are not seen whole. */
  readonly reach?: number;
  /** How detections are read out of its maps. */
  readonly decoding: DecodingOptions;
  /** What helps where objects are too small for it. */
  readonly remedy: string;
}

/** The way in which the detectors of a domain see pictures. */
export interface PictureSight<V, Spec> {
  /** The option that says how many classes a model names: of a user's pictures there may be others. */
  readonly classesOption: keyof V & string;
  grid(own: Own<V, Spec>): PictureGrid;
  /** Squares of bytes [size, size, 3] as inputs of the learner. */
  inputs(own: Own<V, Spec>, pixels: readonly Uint8Array[], io: DataIo, work: LongWork): Promise<Tensor>;
}

/** Bytes of colour as values from 0 to 1, grey by the mean of colours where `channels` is 1: [pictures, size, size, channels]. */
export function pixelValues(pixels: readonly Uint8Array[], size: number, channels: number): Tensor {
  const values = new Float32Array(pixels.length * size * size * channels);
  pixels.forEach((picture, i) => {
    const from = i * size * size * channels;
    for (let at = 0; at < size * size; at++) {
      const [red, green, blue] = picture.subarray(3 * at, 3 * at + 3) as unknown as [number, number, number];
      if (channels === 1) values[from + at] = (red + green + blue) / 765;
      else values.set([red / 255, green / 255, blue / 255], from + 3 * at);
    }
  });
  return tensor(values, [pixels.length, size, size, channels]);
}
