/**
 * Chains of tags: the sums and the best of all ways through a sentence, as graph operations of a fixed length. What is
 * padding carries its state on.
 */
import {
  add,
  argMax,
  cast,
  concat,
  div,
  expandAxis,
  formatShape,
  GraphError,
  greater,
  logSumExp,
  matmul,
  max,
  mul,
  oneHot,
  range,
  reduceMax,
  reshape,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
  where,
} from "@innerloop/graph";

/** Scores of the steps of a chain, as logarithms; they need not be normalised. */
export type Chain = {
  /** float [tags, tags]: from the tag of a row to that of a column. */
  readonly transitions: Tensor;
  /** float [tags]: of the first word's tag. */
  readonly start: Tensor;
};

/** Scores of words: float [n, length, tags], mask [n, length] of 1 for words, which come first. */
export interface ChainWords {
  readonly scores: Tensor;
  readonly mask: Tensor;
}

/**
 * The place of each step: the scores of its words [n, tags], and whether the word is there, [n, 1].
 *
 * @throws IL202 where shapes do not fit
 */
function stepsOf({ scores, mask }: ChainWords, { transitions, start }: Chain): { e: Tensor; there: Tensor }[] {
  const [n, length, tags] = scores.shape as [number, number, number];
  const fits =
    scores.rank === 3 &&
    mask.rank === 2 &&
    mask.shape[0] === n &&
    mask.shape[1] === length &&
    transitions.shape.join() === `${tags},${tags}` &&
    start.shape.join() === `${tags}`;
  if (!fits) {
    const found = [scores, mask, transitions, start].map(({ shape }) => formatShape(shape)).join(", ");
    const remedy = "Give scores [n, length, tags], a mask [n, length], transitions [tags, tags] and a start [tags]";
    throw new GraphError("IL202", "a chain of tags", `shapes ${found}`, remedy);
  }
  return Array.from({ length }, (_, i) => ({
    e: reshape(sliceAxis(scores, 1, i, i + 1), [n, tags]),
    there: sliceAxis(mask, 1, i, i + 1),
  }));
}

/** New where a word is there, old where it is padding. */
const carried = (there: Tensor, fresh: Tensor, old: Tensor): Tensor => where(greater(there, 0.5), fresh, old);

/** Forward sums: by step, alpha[tag] = log of the sum over all ways to it, [n, tags]. */
function forward(steps: readonly { e: Tensor; there: Tensor }[], { transitions, start }: Chain): Tensor[] {
  const alphas: Tensor[] = [];
  for (const { e, there } of steps) {
    const last = alphas.at(-1);
    if (!last) {
      alphas.push(add(e, start));
      continue;
    }
    // [n, from, 1] + [from, to]
    const ways = logSumExp(add(expandAxis(last, 2), transitions), 1);
    alphas.push(carried(there, add(ways, e), last));
  }
  return alphas;
}

/**
 * log Z of each sentence, [n]: the log of the sum over all taggings of exp of their scores,
 *
 *   s(t) = start[t_1] + e_1[t_1] + sum over i > 1 of transitions[t_(i-1), t_i] + e_i[t_i]
 *
 * by the forward algorithm in the log domain (Lafferty, McCallum & Pereira 2001).
 */
export function logPartition(words: ChainWords, chain: Chain): Tensor {
  const alphas = forward(stepsOf(words, chain), chain);
  return logSumExp(alphas.at(-1)!, -1);
}

/** s(t) of given taggings, int32 [n, length]: [n]; see `logPartition`. */
export function taggingScore({ scores, mask }: ChainWords, { transitions, start }: Chain, tags: Tensor): Tensor {
  const [, length, count] = scores.shape as [number, number, number];
  const chosen = oneHot(tags, count, scores.dtype);
  const words = sum(mul(sum(mul(chosen, scores), -1), mask), -1);
  const first = sum(mul(sliceAxis(chosen, 1, 0, 1), start), [1, 2]);
  if (length === 1) return add(words, first);
  // The row of transitions of each word's tag, of which the next word's tag is taken.
  const rows = matmul(sliceAxis(chosen, 1, 0, length - 1), transitions);
  const steps = sum(mul(rows, sliceAxis(chosen, 1, 1, length)), -1);
  return add(add(words, first), sum(mul(steps, sliceAxis(mask, 1, 1, length)), -1));
}

/**
 * The negative log-likelihood of taggings, per word: sum over sentences of (log Z - s(t)) / words. (A scalar; of no words
 * it is 0.)
 */
export function chainLoss(words: ChainWords, chain: Chain, tags: Tensor): Tensor {
  // A sentence of padding alone has log Z of a first step; it is left out.
  const sentences = cast(greater(sum(words.mask, -1), 0.5), words.scores.dtype);
  const each = sub(logPartition(words, chain), taggingScore(words, chain, tags));
  return div(sum(mul(each, sentences)), max(sum(words.mask), 1));
}

/**
 * log of the probability of each tag at each word given the sentence, [n, length, tags], by forward and backward sums; of
 * padding that of the last word.
 */
export function logMarginals(words: ChainWords, chain: Chain): Tensor {
  const steps = stepsOf(words, chain);
  const alphas = forward(steps, chain);
  const length = steps.length;
  // beta[tag] = log of the sum over all ways on from it.
  const betas: Tensor[] = new Array(length);
  betas[length - 1] = mul(alphas[length - 1]!, 0);
  for (let i = length - 2; i >= 0; i--) {
    const { e, there } = steps[i + 1]!;
    const next = betas[i + 1]!;
    const ways = logSumExp(add(chain.transitions, expandAxis(add(e, next), 1)), 2);
    betas[i] = carried(there, ways, next);
  }
  const all = alphas.map((alpha, i) => expandAxis(add(alpha, betas[i]!), 1));
  const joined = concat(all, 1);
  return sub(joined, logSumExp(joined, -1, { keepAxes: true }));
}

/**
 * The best tagging of each sentence, argmax of s(t) (Viterbi 1967): int32 [n, length], 0 for padding. Ties go to the tag
 * of the lower number.
 */
export function viterbi(words: ChainWords, chain: Chain): Tensor {
  const steps = stepsOf(words, chain);
  const tags = words.scores.shape[2]!;
  let best = add(steps[0]!.e, chain.start);
  /** By step from the second on: of each tag, the best tag before it, [n, tags]. */
  const before: Tensor[] = [];
  const n = words.scores.shape[0]!;
  for (const { e, there } of steps.slice(1)) {
    const ways = add(expandAxis(best, 2), chain.transitions);
    // Of padding, each tag comes from itself.
    before.push(where(greater(there, 0.5), argMax(ways, 1), range(tags)));
    best = carried(there, add(reduceMax(ways, 1), e), best);
  }
  let tag = reshape(argMax(best, -1), [n, 1]);
  const path = [tag];
  for (const from of before.reverse()) {
    tag = takeAlongAxis(from, tag, 1);
    path.push(tag);
  }
  return mul(concat(path.reverse(), 1), cast(greater(words.mask, 0.5), "int32"));
}

/**
 * The best tagging of one sentence, in plain code: what `viterbi` is in the graph.
 *
 * @param scores by word and tag
 * @param transitions from the tag of a row to that of a column
 * @param start of the first word's tag
 */
export function bestTags(
  scores: readonly ArrayLike<number>[],
  transitions: readonly ArrayLike<number>[],
  start: ArrayLike<number>,
): number[] {
  if (scores.length === 0) return [];
  const tags = start.length;
  let best = Array.from({ length: tags }, (_, tag) => start[tag]! + scores[0]![tag]!);
  const before: number[][] = [];
  for (const e of scores.slice(1)) {
    const from = Array.from({ length: tags }, (_, to) => {
      let found = 0;
      for (let tag = 1; tag < tags; tag++)
        if (best[tag]! + transitions[tag]![to]! > best[found]! + transitions[found]![to]!) found = tag;
      return found;
    });
    before.push(from);
    best = from.map((tag, to) => best[tag]! + transitions[tag]![to]! + e[to]!);
  }
  const path = [best.indexOf(Math.max(...best))];
  for (const from of before.reverse()) path.push(from[path.at(-1)!]!);
  return path.reverse();
}
