/** Inputs of sequence labelling: sentences as features of their words. */
import type { Tensor } from "@innerloop/graph";
import type { TaskSpec } from "../../tasks/task-spec.js";

/**
 * n sentences of at most `length` words, padded at the end. (A type and not an interface: so it is a tree of tensors.)
 *
 * Targets are tags, int32 [n, length]: 0 for none (O), 1 to N for the types of the task, 0 for padding, which the mask
 * tells.
 */
export type TokenInputs = {
  /** int32 [n, length, slots]: ids of each word's features, one slot for each kind of feature; 0 is none. */
  readonly lexical: Tensor;
  /** float32 [n, length, width]: states of a frozen encoder, where there is one. */
  readonly states?: Tensor;
  /** float32 [n, length]: 1 for words, 0 for padding. */
  readonly mask: Tensor;
};

/** The look of words: what networks over them are made for. */
export interface WordSetting {
  /** Words of a sentence, at most. */
  readonly length: number;
  /** Kinds of lexical features, in the order of their slots. */
  readonly slots: readonly string[];
  /** Ids of features are below it. */
  readonly ids: number;
  /** Numbers of a word's state; 0 where there are none. */
  readonly width: number;
}

/** The specs of the tensors of a sentence. */
export const tokenSpec = ({ length, slots, ids, width }: WordSetting): TaskSpec<TokenInputs>["x"] => ({
  lexical: { shape: [length, slots.length], dtype: "int32", range: { least: 0, most: ids - 1 } },
  ...(width > 0 ? { states: { shape: [length, width], dtype: "float32" as const } } : {}),
  mask: { shape: [length], dtype: "float32", range: { least: 0, most: 1 } },
});
