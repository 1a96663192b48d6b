/** A trained run put to use: adapt to labelled examples, give probabilities for others. */
import { compile, type Executor, slice, softmax, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Learner } from "innerloop";

export interface LabelledImages {
  readonly names: readonly string[];
  /** Values from 0 to 1, [examples, ...exampleShape]. */
  readonly x: Tensor;
  /** int32 [examples] */
  readonly y: Tensor;
}

/** Probabilities [queries][classes] after so many adaptation steps. */
export async function classify(setting: {
  readonly learner: Learner;
  readonly params: Tree;
  readonly support: LabelledImages;
  readonly query: Tensor;
  readonly steps: number;
  readonly executor: Executor;
}): Promise<number[][]> {
  const { learner, params, support, query, steps, executor } = setting;
  const classes = support.names.length;
  const run = compile(
    (theta: Tree, x: Tensor, y: Tensor, asked: Tensor): Tensor => {
      const logits = learner.predict(learner.adapt(theta, { x, y }, { steps }), asked);
      // Outputs beyond the classes at hand were never shown an example.
      return softmax(slice(logits, { stop: [asked.shape[0]!, classes] }), -1);
    },
    { executor },
  );
  const probabilities = await run(params, support.x, support.y, query);
  const values = probabilities.data as Float32Array;
  return Array.from({ length: query.shape[0]! }, (_, row) =>
    Array.from(values.subarray(row * classes, (row + 1) * classes)),
  );
}

/** Bytes of images as values from 0 to 1. */
export function imageTensor(images: readonly Uint8Array[], exampleShape: readonly number[]): Tensor {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  const values = new Float32Array(images.length * size);
  images.forEach((image, i) => {
    for (let at = 0; at < size; at++) values[i * size + at] = image[at]! / 255;
  });
  return tensor(values, [images.length, ...exampleShape]);
}
