/** Predictions of tags and what they are judged by: the loss of words, and F1 of the spans. */
import type { Tensor } from "@innerloop/graph";

/** Tags of the words of n sentences, as learners of sequence labelling predict them. */
export type TagPrediction = {
  /** float32 [n, length, tags]: log probabilities of the tags of each word; tag 0 is none. */
  readonly scores: Tensor;
  /** int32 [n, length]: tags, decoded; 0 for padding. */
  readonly tags: Tensor;
  /** float32 [n, length]: 1 for words, 0 for padding: the mask of the inputs. */
  readonly mask: Tensor;
};
