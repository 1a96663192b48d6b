/** A trained run put to use: adapt to labelled examples, give probabilities for others. */

import { type Learner, probabilitiesOf } from "@innerloop/core";
import { finiteResult } from "@innerloop/core/tasks";
import { compile, type Executor, slice, type Tensor, type Tree, tensor } from "@innerloop/graph";

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

/**
 * Logits [queries, classes] after so many adaptation steps.
 *
 * @throws TrainingError ILR106 where adaptation diverges
 */
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
  const logits = await run(params, support.x, support.y, query);
  return finiteResult("adapt", logits, { x: query, trained: () => support.x, steps });
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
