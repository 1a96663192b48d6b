/** The forms of a network that learners take. */
import { GraphError, type Tensor, type Tree } from "@innerloop/graph";
import type { WordSetting } from "../domains/entities/token-inputs.js";
import type { Space } from "../domains/reinforcement/environment.js";
import type { Layer } from "../layers/layer.js";
import { linear, sequential } from "../layers/layers.js";
import type { TransitionShares } from "../learners/entities/abstract-transitions.js";
import type { ContextLayer } from "../learners/gradient/cavia.js";

/**
 * One network in the forms that learners take, each made when it is asked for.
 *
 * @typeParam X its inputs, of n examples: a tensor [n, ...], or a tree of them
 */
export interface Networks<X extends Tree = Tensor> {
  /** The whole network: inputs -> [n, outputs]. */
  model(): Layer<Tree, X>;
  /** The same with a normalisation of its own for each of so many inner steps, where it has any. */
  perStepModel(steps: number): Layer<Tree, X>;
  /** The network without its head: inputs -> [n, features]. */
  embedding(): Layer<Tree, X>;
  /** An embedding that keeps images: [n, height, width, channels]; the embedding itself where inputs are none. */
  maps(): Layer<Tree, X>;
  /** The network with a context vector of so many numbers as a further input. */
  contextual(contextSize: number): ContextLayer;
}

/** Shapes that a network is made for. */
export interface NetworkSetting {
  /** Shape of one input; of a tree none, [], which networks of the catalogue do not take. */
  readonly inputShape: readonly number[];
  /** Classes of a task, at most; for regression the numbers of one target. */
  readonly outputs: number;
  /** For inputs of ids, int32 [length] with 0 for padding, of words, pieces or n-grams. */
  readonly ids?: InputIds;
  /** For inputs of sentences, `TokenInputs`: outputs are then the tags of a word, none among them. */
  readonly words?: TaggedWords;
  /** For policies: the spaces that they are between. Inputs are then observations [..., n], outputs rows of a distribution. */
  readonly policy?: PolicySpaces;
}

/** The spaces that a policy is between. */
export interface PolicySpaces {
  readonly observation: Space;
  readonly action: Space;
  /** Steps of a trial, all its episodes together. */
  readonly trialSteps: number;
}

/** The words that inputs are made of. */
export interface TaggedWords extends WordSetting {
  /** Transitions of tags to start from, counted on the training domains by `transitionShares`; usual ones unless given. */
  readonly transitions?: TransitionShares;
}

/** The ids that inputs are made of. */
export interface InputIds {
  /** They are below it. */
  readonly count: number;
  /** What each weighs at first, [count]: the inverse document frequency. All alike unless given. */
  readonly weights?: Float32Array;
}

/**
 * The forms of an embedding under a linear head: what a network of one's own has to give is the embedding.
 *
 * @param embedding inputs -> [n, features]; its `outputShape` says how many
 * @throws IL102 where that is not one number; and for learners with a context vector, which it does not take
 * @example headedNetworks(() => embeddingBag(32), outputs)
 */
export function headedNetworks<X extends Tree>(embedding: () => Layer<Tree, X>, outputs: number): Networks<X> {
  const model = (): Layer<Tree, X> => {
    const body = embedding();
    const [features, ...more] = body.outputShape ?? [];
    if (features === undefined || more.length > 0) {
      const problem = `the output of one example has the shape ${body.outputShape ? `[${body.outputShape.join(", ")}]` : "of which nothing is said"}`;
      throw new GraphError("IL102", "headedNetworks", problem, "Give the embedding an outputShape of [features]");
    }
    return sequential<X>([body, linear({ inputs: features, outputs })]);
  };
  return {
    model,
    perStepModel: model,
    embedding,
    maps: embedding,
    contextual: takesNoContext("headedNetworks"),
  };
}

/** @internal The form with a context vector, of networks that have none. @throws IL102 when it is asked for */
export const takesNoContext = (operation: string) => (): never => {
  throw new GraphError("IL102", operation, "it takes no context vector", "Choose another learner than cavia");
};
