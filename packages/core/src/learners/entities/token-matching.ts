/** The comparison of query words with the words of a support set: by features, by encodings, by the nearest and by all. */
import {
  add,
  cast,
  concat,
  div,
  equal,
  exp,
  expandAxis,
  greater,
  log,
  matmul,
  max,
  mul,
  oneHot,
  reduceMax,
  reshape,
  sliceAxis,
  stopGradient,
  sub,
  sum,
  swapLast,
  type Tensor,
  tensor,
  where,
} from "@innerloop/graph";
import type { TokenInputs } from "../../domains/entities/token-inputs.js";
import { wordsThere } from "../../losses/tagging.js";
import type { Examples } from "../../tasks/task.js";
import { unitRows } from "../metric/distances.js";

/** Scores of what is not there. */
export const never = -1e9;

/** The words of a support set, one after another: m of them, padding included. */
export type SupportWords = {
  /** int32 [m, slots] */
  readonly lexical: Tensor;
  /** float32 [m, features]: encodings, where there are any. */
  readonly encoded?: Tensor;
  /** float32 [m, tags]: 1 for the tag of a word, a row of zeros for padding. */
  readonly members: Tensor;
};

/** The words of sentences as rows. */
export const asRows = (x: Tensor): Tensor => reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);

/** The words of support sentences with their tags. */
export function supportWords(
  { x, y, present }: Examples<TokenInputs, Tensor>,
  tags: number,
  encoded?: Tensor,
): SupportWords {
  const there = asRows(expandAxis(wordsThere(x.mask, present), 2));
  return {
    lexical: asRows(x.lexical),
    ...(encoded ? { encoded: asRows(encoded) } : {}),
    members: mul(asRows(oneHot(y, tags)), there),
  };
}

/** 1 for tags that the task has, [tags]: those of a support word, and none, of which there may be no word. */
export function tagsThere(members: Tensor): Tensor {
  const tags = members.shape[1]!;
  const none = tensor(Float32Array.from({ length: tags }, (_, tag) => (tag === 0 ? 1 : 0)));
  return max(cast(greater(sum(members, 0), 0.5), "float32"), none);
}

/**
 * By slot, 1 where a query word and a support word have the same feature: float32 [q, m] each; two words without one do
 * not.
 */
export function slotMatches(query: Tensor, support: Tensor): Tensor[] {
  const slots = query.shape[1]!;
  return Array.from({ length: slots }, (_, slot) => {
    const [of, to] = [query, support].map((ids) => sliceAxis(ids, 1, slot, slot + 1)) as [Tensor, Tensor];
    // What is no feature has an id that no other word has: -1 in queries, 0 in the support.
    const asked = where(greater(of, 0), of, -1);
    return cast(equal(asked, swapLast(to)), "float32");
  });
}

/** The largest of the scores [q, m] of each tag's words, members [m, tags]: [q, tags]; `never` for a tag of none. */
export function nearestOfTags(scores: Tensor, members: Tensor): Tensor {
  const tags = members.shape[1]!;
  const columns = Array.from({ length: tags }, (_, tag) => {
    const own = greater(swapLast(sliceAxis(members, 1, tag, tag + 1)), 0.5);
    return reduceMax(where(own, scores, never), 1, { keepAxes: true });
  });
  return concat(columns, 1);
}

/**
 * The soft nearest, (1 / b) log of the sum of exp(b score) over each tag's words: [q, tags]; `never` for a tag of none. The
 * sharper (b), the nearer to the largest, which it exceeds by log(words) / b at most.
 *
 * @param sharpness b, scalar
 */
export function softNearestOfTags(scores: Tensor, members: Tensor, sharpness: Tensor): Tensor {
  const peaks = stopGradient(nearestOfTags(scores, members));
  const isWord = greater(swapLast(sum(members, 1, { keepAxes: true })), 0.5);
  // Of each support word the largest score of its own tag: so no exponent is above 0, and one product serves all tags.
  const reachable = mul(peaks, tagsOfWords(members));
  const ownPeaks = matmul(reachable, swapLast(members));
  const shares = matmul(exp(where(isWord, mul(sub(scores, ownPeaks), sharpness), never)), members);
  return add(div(log(max(shares, leastShare)), sharpness), peaks);
}

/** The least sum of shares: that of a tag of no word. */
const leastShare = 1e-30;

/** 1 for tags that some word has, [tags]: -1e9 times the 0 of other words is no number to add in float32. */
const tagsOfWords = (members: Tensor): Tensor => cast(greater(sum(members, 0), 0.5), members.dtype);

/** Means of the scores [q, m] over each tag's words: [q, tags]; 0 for a tag of none. */
export const meansOfTags = (scores: Tensor, members: Tensor): Tensor =>
  div(matmul(scores, members), max(sum(members, 0), 1));

/** Cosines of encodings of query words and support words: [q, m]. */
export const cosines = (query: Tensor, support: Tensor): Tensor => matmul(unitRows(query), swapLast(unitRows(support)));

/** Scores [n, length, tags] with `never` for tags that the task has not, `there` [tags]. */
export const withoutAbsentTags = (scores: Tensor, there: Tensor): Tensor => add(scores, mul(sub(1, there), never));
