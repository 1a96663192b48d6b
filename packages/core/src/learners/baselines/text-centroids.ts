/** Nearest class means of texts as they are coded, with nothing learned: the least that a meta-learner of texts has to beat. */
import {
  add,
  cast,
  div,
  equal,
  formatShape,
  GraphError,
  gather,
  log,
  max,
  mul,
  reshape,
  scatterAdd,
  sqrt,
  sum,
  type Tensor,
  tensor,
} from "@innerloop/graph";
import { crossEntropy } from "../../losses/losses.js";
import { classMeans, memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import { type Adapter, requireOneTensor } from "../learner.js";
import { cosineSimilarities, unitRows } from "../metric/distances.js";

/** Ids as vectors of tf-idf: how much each id weighs, and whether a row may hold an id more than once. */
export interface IdWeighting {
  /** The weight of each id, float32 [count]: see `inverseDocumentFrequency`. That of padding, 0, is 0. */
  readonly weights: Float32Array;
  /** What ids stand for, as results name it: "n-grams", "words". */
  readonly of: string;
  /** True where a row may hold an id several times (tokens), false where its ids are distinct (n-grams). */
  readonly repeats: boolean;
}

/** Added to sums of squares under a root: a row of padding alone stays a row of zeros. */
const tiny = 1e-24;

/**
 * The entries of tf-idf vectors of length 1, for each place of rows of ids: (1 + log tf) weight / |row|, that of an id which
 * a row has tf times in tf equal parts.
 *
 * @param ids int32 [n, length]
 * @returns float [n, length]
 */
export function unitEntries(ids: Tensor, weights: Tensor, repeats: boolean): Tensor {
  const values = gather(weights, ids);
  if (!repeats) return div(values, sqrt(add(sum(mul(values, values), -1, { keepAxes: true }), tiny)));
  const [n, length] = ids.shape as [number, number];
  const same = equal(reshape(ids, [n, length, 1]), reshape(ids, [n, 1, length]));
  const times = sum(cast(same, values.dtype), -1);
  const parts = div(mul(values, add(log(times), 1)), times);
  // An id's entry is the sum of its parts, and the square of that is tf times the sum of their squares.
  return div(parts, sqrt(add(sum(mul(mul(parts, parts), times), -1, { keepAxes: true }), tiny)));
}

/** The weights of ids, [count], as an adapter's parameters. */
export type IdWeights = { readonly weights: Tensor };

/** The class means of tf-idf vectors of one task. */
export type TextCentroids = {
  readonly weights: Tensor;
  /** [count, ways]: column k is the mean of the vectors of class k. */
  readonly table: Tensor;
  /** [ways]: lengths of the columns. */
  readonly lengths: Tensor;
  /** Support examples of each class, [ways]. */
  readonly counts: Tensor;
};

/** Options of `textCentroid`. */
export interface TextCentroidOptions extends IdWeighting {
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** Logits are so many times the cosine, 15 by default. */
  readonly temperature?: number;
}

/**
 * The nearest class mean of tf-idf vectors by cosine, Rocchio's classifier: logits [n, ways] are
 *
 *   temperature cos(t(x), c_k),  c_k the mean of t(s) over the support texts s of class k,
 *   t(x)_i = (1 + log tf_i) weight_i, divided by its length, tf_i the times that x has the id i
 *
 * Tasks: x int32 [n, length], ids below weights.length, 0 = padding. The vectors are as wide as there are ids, and not
 * projected; they are never made: a support text is added to its class's column at the places of its ids, a query reads
 * there. It has nothing to train.
 *
 * @throws IL102 where `ways` is below 2, the temperature not above 0 or there are fewer than two weights; IL202 where x is
 * not [n, length]
 * @example
 * const learner = textCentroid({ ways: 5, weights, of: "n-grams", repeats: false });
 * await evaluate({ learner, params: learner.init(key(0)), tasks });
 */
export function textCentroid(options: TextCentroidOptions): Adapter<IdWeights, TextCentroids> {
  const { ways, weights, of, repeats, temperature = 15 } = options;
  requireWays("textCentroid", ways);
  requireTemperature("textCentroid", temperature);
  if (weights.length < 2)
    throw new GraphError(
      "IL102",
      "textCentroid",
      `${weights.length} weights`,
      "Give one for each id, padding included",
    );
  const count = weights.length;
  return {
    name: `tf-idf centroid of ${of}`,
    description: { ids: of, temperature },
    loss: crossEntropy,
    classes: ways,
    init: () => ({ weights: tensor(weights, [count]) }),
    adapt: ({ weights: each }, support) => {
      const ids = requireRows("textCentroid", requireOneTensor("textCentroid", support.x));
      const members = memberships(support, ways);
      const [counts, isMember] = [sum(members, 0), sum(members, -1)];
      const [n] = ids.shape as [number, number];
      // A row of no class, or of padding, is added to the first one: as zeros.
      const entries = mul(unitEntries(ids, each, repeats), reshape(cast(isMember, each.dtype), [n, 1]));
      const classes = mul(support.y, cast(isMember, support.y.dtype));
      const places = add(mul(ids, ways), reshape(cast(classes, ids.dtype), [n, 1]));
      const sums = reshape(scatterAdd(entries, places, { size: count * ways }), [count, ways]);
      const table = div(sums, max(cast(counts, each.dtype), 1));
      return { weights: each, table, lengths: sqrt(add(sum(mul(table, table), 0), tiny)), counts };
    },
    predict: ({ weights: each, table, lengths, counts }, x) => {
      const ids = requireRows("textCentroid", requireOneTensor("textCentroid", x));
      const [n, length] = ids.shape as [number, number];
      const entries = reshape(unitEntries(ids, each, repeats), [n, length, 1]);
      const products = sum(mul(gather(table, ids), entries), 1);
      return withoutEmptyClasses(mul(div(products, lengths), temperature), counts);
    },
  };
}

/** The class means of one task's features. */
export type FeatureCentroids = {
  /** [ways, features] */
  readonly centroids: Tensor;
  /** Support examples of each class, [ways]. */
  readonly counts: Tensor;
};

/** Options of `featureCentroid`. */
export interface FeatureCentroidOptions {
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** What made the features, as results name it: "MiniLM". */
  readonly of?: string;
  /** Logits are so many times the cosine, 10 by default. */
  readonly temperature?: number;
}

/**
 * The nearest class mean by cosine of features as they are, those of a frozen encoder: logits [n, ways] are
 * temperature cos(x, c_k), c_k the mean of s / |s| over the support examples s of class k. It has nothing to train.
 *
 * Tasks: x float [n, ...], flattened.
 *
 * @throws IL102 where `ways` is below 2 or the temperature not above 0
 * @example
 * const learner = featureCentroid({ ways: 5, of: "MiniLM" });
 * await evaluate({ learner, params: learner.init(key(0)), tasks });
 */
export function featureCentroid(options: FeatureCentroidOptions): Adapter<{ readonly none: Tensor }, FeatureCentroids> {
  const { ways, of, temperature = 10 } = options;
  requireWays("featureCentroid", ways);
  requireTemperature("featureCentroid", temperature);
  const rows = (x: Tensor): Tensor => reshape(requireOneTensor("featureCentroid", x), [x.shape[0]!, -1]);
  return {
    name: of === undefined ? "centroid of features" : `centroid of ${of} features`,
    description: { temperature },
    loss: crossEntropy,
    classes: ways,
    init: () => ({ none: tensor(0) }),
    adapt: (_params, support) => {
      const members = memberships(support, ways);
      return { centroids: classMeans(unitRows(rows(support.x)), members), counts: sum(members, 0) };
    },
    predict: ({ centroids, counts }, x) =>
      withoutEmptyClasses(mul(cosineSimilarities(rows(x), centroids), temperature), counts),
  };
}

function requireTemperature(learner: string, temperature: number): void {
  if (temperature > 0 && Number.isFinite(temperature)) return;
  throw new GraphError("IL102", learner, `temperature ${temperature}`, "Use a number above 0");
}

/** @internal Passes on rows of ids. */
export function requireRows(learner: string, ids: Tensor): Tensor {
  if (ids.rank === 2 && ids.dtype === "int32") return ids;
  const problem = `inputs ${formatShape(ids.shape)} of ${ids.dtype}`;
  throw new GraphError("IL202", learner, problem, "Give int32 ids [n, length]: idsOf(coding, texts)");
}
