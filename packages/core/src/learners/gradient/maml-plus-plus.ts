import { GraphError, type Tensor, type Tree } from "@innerloop/graph";
import type { Learner } from "../learner.js";
import type { AdaptedModel } from "./gradient-adaptation.js";
import { learnedRates } from "./learned-optimizers.js";
import { type MamlOptions, maml } from "./maml.js";

/** Options of `mamlPlusPlus`. */
export interface MamlPlusPlusOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>
  extends Pick<MamlOptions<X, Y, Out>, "model" | "loss" | "minibatch" | "proximal" | "laterShare"> {
  /** Inner steps in training, 5 by default. */
  readonly steps?: number;
  /** First value of all inner rates, 0.1 by default, as the authors have it on Omniglot (0.01 on mini-ImageNet). */
  readonly learningRate?: number;
  /** Iterations over which the outer loss goes from the mean over steps to that of the last: 7,500 by default; false: none. */
  readonly multiStepLoss?: MamlOptions["multiStepLoss"] | false;
  /** Iteration from which the gradient is of second order: 25,000 by default; false: all of them. */
  readonly orderAnnealing?: MamlOptions["orderAnnealing"] | false;
}

/**
 * MAML++ (Antoniou, Edwards & Storkey 2019): MAML with what makes its training stable, each an option of `maml` too.
 *
 * - a learned rate for each tensor of parameters and step: `learnedRates({ per: "layerAndStep" })`
 * - an outer loss over all steps whose weights anneal to the last: `multiStepLoss`
 * - gradients of first order at first: `orderAnnealing`
 * - batch normalisation of its own for each step, whose scale and shift do not adapt: build the model with
 *   `batchNormSteps: steps`; models without batch normalisation are taken as they are
 *
 * The sixth part, the outer rate on a cosine, is the trainer's: adam({ learningRate: cosineSchedule(1e-3, 1e-5,
 * iterations) }). The defaults are the authors' for trainings of 50,000 iterations or more, 15 and 50 of their epochs
 * of 500: set both annealings for shorter ones.
 *
 * @throws IL102 where the model's batch normalisation is shared by the steps, or tells another number of them apart
 * @example
 * mamlPlusPlus({ model: convNet({ imageShape: [28, 28, 1], ways: 5, batchNormSteps: 5 }), loss: crossEntropy, steps: 5
 * })
 */
export function mamlPlusPlus<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: MamlPlusPlusOptions<X, Y, Out>,
): Learner<Tree, AdaptedModel, X, Y, Out> {
  const { steps = 5, learningRate = 0.1, multiStepLoss = { annealOver: 7_500 }, ...others } = options;
  const { orderAnnealing = { secondOrderFrom: 25_000 }, ...rest } = others;
  const { batchNorm, batchNormSteps } = options.model;
  if (batchNorm !== undefined && batchNormSteps !== steps) {
    const found = batchNormSteps === undefined ? "is shared by all steps" : `tells ${batchNormSteps} steps apart`;
    const problem = `the model's batch normalisation ${found}, of ${steps}`;
    throw new GraphError("IL102", "mamlPlusPlus", problem, `Build the model with batchNormSteps: ${steps}`);
  }
  const learner = maml({
    ...rest,
    steps,
    inner: learnedRates({ per: "layerAndStep", from: learningRate, steps }),
    adapts: (_path, traits) => !traits?.ofNormalisation,
    ...(multiStepLoss ? { multiStepLoss } : {}),
    ...(orderAnnealing ? { orderAnnealing } : {}),
  });
  return {
    ...learner,
    name: "MAML++",
    description: { ...learner.description, adapts: "all but scale and shift of normalisation" },
  };
}
