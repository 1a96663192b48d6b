/** A trained run put to use: adapt to labelled examples, give probabilities for others. */
import { compile, type Executor, slice, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Learner } from "innerloop";

/** Images with their classes. */
export interface LabelledImages {
  readonly names: readonly string[];
  /** Values from 0 to 1, [examples, ...exampleShape]. */
  readonly x: Tensor;
  /** int32 [examples] */
  readonly y: Tensor;
}

interface Question {
  readonly learner: Learner;
  readonly params: Tree;
  readonly support: LabelledImages;
  readonly query: Tensor;
  readonly steps: number;
  readonly executor: Executor;
}

/** Logits [queries, classes] after so many adaptation steps. */
export async function classLogits({ learner, params, support, query, steps, executor }: Question): Promise<Tensor> {
  const classes = support.names.length;
  const run = compile(
    (theta: Tree, x: Tensor, y: Tensor, asked: Tensor): Tensor => {
      const logits = learner.predict(learner.adapt(theta, { x, y }, { steps }), asked);
      // Outputs beyond the classes at hand were never shown an example.
      return slice(logits, { stop: [asked.shape[0]!, classes] });
    },
    { executor },
  );
  return run(params, support.x, support.y, query);
}

/** Probabilities [queries][classes] of logits. */
export function probabilitiesOf(logits: Tensor): number[][] {
  const [queries, classes] = logits.shape as readonly [number, number];
  return Array.from({ length: queries }, (_, row) => {
    const z = Array.from((logits.data as Float32Array).subarray(row * classes, (row + 1) * classes));
    const top = Math.max(...z);
    const weights = z.map((value) => Math.exp(value - top));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  });
}

/** Probabilities [queries][classes] after so many adaptation steps. */
export const classify = async (question: Question): Promise<number[][]> => probabilitiesOf(await classLogits(question));

/** Bytes of images as values from 0 to 1. */
export function imageTensor(images: readonly Uint8Array[], exampleShape: readonly number[]): Tensor {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  const values = new Float32Array(images.length * size);
  images.forEach((image, i) => {
    for (let at = 0; at < size; at++) values[i * size + at] = image[at]! / 255;
  });
  return tensor(values, [images.length, ...exampleShape]);
}
