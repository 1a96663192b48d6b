/** What an order of items is judged by, where equal predictions stand for every order of them alike. */
import {
  add,
  cast,
  clip,
  div,
  equal,
  exp,
  expandAxis,
  GraphError,
  gather,
  greater,
  max,
  mul,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
} from "@innerloop/graph";
import type { Metric, PooledMetric, TaskMetric } from "./metric.js";
import {
  meanOfRatios,
  presentRows,
  type RatingTarget,
  type RatingUnits,
  ratingRows,
  sumWhere,
} from "./rating-target.js";

/**
 * The places of rows, the first so many of them, in an order of all by falling scores: of each, how many rows are before it,
 * and how many equal it, itself too.
 */
function placesBy(scores: Tensor, there: Tensor, rows: number): { readonly before: Tensor; readonly equals: Tensor } {
  const [own, others] = [expandAxis(firstRows(scores, rows), 1), expandAxis(scores, 0)];
  const among = (which: Tensor): Tensor => sum(mul(cast(which, "float32"), expandAxis(there, 0)), 1);
  return { before: among(greater(others, own)), equals: among(equal(others, own)) };
}

/** Options of figures of an order. */
export interface RankedRows {
  /**
   * Rows, the first so many, beside which no row is of an item that was taken: of a thousand candidates that a few stand among,
   * only these few are placed. Their ratings alone count; all rows' unless given.
   */
  readonly first?: number;
}

const firstRows = (x: Tensor, rows: number): Tensor => (rows < x.shape[0]! ? sliceAxis(x, 0, 0, rows) : x);

/**
 * DCG@k of gains [n], or of the first rows alone where others gain nothing, in the order of scores [n], equal scores in random order: of each row its gain by the mean discount of the
 * places that it shares, (D(before + equals) - D(before)) / equals, D(j) = sum over the first min(j, k) places of
 * 1 / log2(place + 1).
 */
function expectedDcg(k: number, gains: Tensor, scores: Tensor, there: Tensor): Tensor {
  const n = scores.shape[0]!;
  const rows = gains.shape[0]!;
  const discounts = new Float32Array(n + 1);
  for (let place = 1, sum = 0; place <= n; place++) {
    if (place <= k) sum += 1 / Math.log2(place + 1);
    discounts[place] = sum;
  }
  const table = tensor(discounts, [n + 1]);
  const upTo = (count: Tensor): Tensor => gather(table, cast(count, "int32"));
  const { before, equals } = placesBy(scores, there, rows);
  return sumWhere(mul(gains, div(sub(upTo(add(before, equals)), upTo(before)), equals)), firstRows(there, rows));
}

/** Ratings within this share of the scale of its least gain gain nothing: what float32 leaves of exactly 0. */
const noGain = 1e-5;
/** Powers of 2 that gains reach at most, which are scaled where ratings are larger: nDCG is a ratio. */
const mostPower = 64;

/** 2^rating - 1 of each row; of scales below 0 that have their least rating at 0. */
function gainsOf({ mean, deviation, scale }: RatingUnits, rating: Tensor): Tensor {
  const least = Math.min(0, scale.least);
  const above = sub(add(mul(rating, deviation), mean), least);
  const shift = Math.max(0, scale.most - least - mostPower);
  const gains = sub(exp(mul(sub(above, shift), Math.LN2)), 2 ** -shift);
  return where(greater(above, noGain * (scale.most - scale.least)), gains, 0);
}

/**
 * nDCG@k of a user's queries (Jarvelin & Kekalainen 2002, with the exponential gain of Burges et al. 2005), among the
 * queries that are there:
 *
 *   DCG@k / ideal DCG@k,   DCG@k = sum over the first k places of (2^rating - 1) / log2(place + 1)
 *
 * Equal predictions stand for all their orders alike: DCG is its mean over them (McSherry & Najork 2008), so that a
 * constant has what a random order has in the mean, whatever the order of the rows. Where no query gains anything every
 * order is ideal, and nDCG is 1. With fewer queries than k it is over those there are.
 *
 * @param k places, a whole number of at least 1
 * @throws IL102 where k is none; IL202 where there is not one rating for each row
 */
export function ndcg(
  k: number,
  units: RatingUnits,
  { first = Number.POSITIVE_INFINITY }: RankedRows = {},
): TaskMetric<Tensor, RatingTarget> {
  requirePlacesCounted("ndcg", k);
  return {
    name: `ndcg${k}`,
    title: `nDCG@${k}`,
    better: "higher",
    note: "by gains 2^rating - 1 among a user's queries, equal predictions in random order",
    compute: (prediction, target, present) => {
      const { predicted, rating } = ratingRows("ndcg", prediction, target);
      const there = presentRows(prediction.shape[0]!, present);
      const [own, ownThere] = [firstRows(rating, first), firstRows(there, first)];
      const gains = gainsOf(units, own);
      const ideal = expectedDcg(k, gains, own, ownThere);
      const found = expectedDcg(k, gains, predicted, there);
      const isThere = greater(ideal, 0);
      return where(isThere, div(found, where(isThere, ideal, 1)), 1);
    },
  };
}

function requirePlacesCounted(operation: string, k: number): void {
  if (Number.isSafeInteger(k) && k >= 1) return;
  throw new GraphError("IL102", operation, `${k} places`, "Give a whole number of at least 1");
}

/** `pairAccuracy` of pairs whose higher rating is one of the first rows. */
const pairAccuracyAmong = ({ first = Number.POSITIVE_INFINITY }: RankedRows): PooledMetric<Tensor, RatingTarget> => ({
  name: "pairAccuracy",
  title: "pairs in the right order",
  better: "higher",
  share: true,
  note: "of each user's pairs of different ratings, over the users that have one",
  pooled: meanOfRatios((prediction, target, present) => {
    const { predicted, rating } = ratingRows("pairAccuracy", prediction, target);
    const there = presentRows(prediction.shape[0]!, present);
    const pairs = (x: Tensor): readonly [Tensor, Tensor] => [expandAxis(firstRows(x, first), 1), expandAxis(x, 0)];
    const both = mul(...pairs(there));
    const counted = mul(both, cast(greater(...pairs(rating)), "float32"));
    const [above, below] = pairs(predicted);
    const right = add(cast(greater(above, below), "float32"), mul(cast(equal(above, below), "float32"), 0.5));
    return { total: sum(mul(counted, right)), count: sum(counted) };
  }),
});

/**
 * The share of a user's pairs of items with different ratings that the predictions put in the right order, and over users
 * its mean; equal predictions count one half. It is (tau_b's numerator + pairs) / (2 pairs), and 0.5 by chance. Users
 * without two different ratings are left out. Of ratings 1 and 0 it is the area under the ROC curve.
 */
export const pairAccuracy: PooledMetric<Tensor, RatingTarget> = pairAccuracyAmong({});

/** Ratings of implicit feedback: 1 for what a user took, 0 for what is drawn against it. */
const taken: RatingUnits = { mean: 0, deviation: 1, scale: { least: 0, most: 1 } };

/**
 * The share of the items that a user took, rating 1, which are among the first k of the queries, and over users its mean:
 * with one such item beside sampled others the hit rate of He et al. (2017). Equal predictions stand for all their orders
 * alike. Users who took none of the queries are left out.
 *
 * Against sampled items it is higher than against all, and can order models otherwise (Krichene & Rendle 2020): say which.
 *
 * @param k places, a whole number of at least 1
 * @throws IL102 where k is none; IL202 where there is not one rating for each row
 */
export function hitRate(
  k: number,
  units: RatingUnits = taken,
  { first = Number.POSITIVE_INFINITY }: RankedRows = {},
): PooledMetric<Tensor, RatingTarget> {
  requirePlacesCounted("hitRate", k);
  return {
    name: `hitRate${k}`,
    title: `hit rate@${k}`,
    better: "higher",
    share: true,
    note: "of the items taken among a user's queries, equal predictions in random order",
    pooled: meanOfRatios((prediction, target, present) => {
      const { predicted, rating } = ratingRows("hitRate", prediction, target);
      const there = presentRows(prediction.shape[0]!, present);
      const middle = (units.scale.least + units.scale.most) / 2;
      const own = firstRows(rating, first);
      const isTaken = cast(greater(add(mul(own, units.deviation), units.mean), middle), "float32");
      const counted = mul(isTaken, firstRows(there, first));
      const { before, equals } = placesBy(predicted, there, own.shape[0]!);
      // Of so many that share places from `before` on, as many are among the first k as there are places left.
      // What is not a number equals nothing, and is no hit.
      const share = clip(div(sub(k, before), max(equals, 1)), 0, 1);
      const chance = where(greater(equals, 0), share, 0);
      return { total: sumWhere(chance, counted), count: sum(counted) };
    }),
  };
}

/** The metrics of implicit feedback: nDCG@k, which leads, the hit rate at k, and the pairs in the right order. */
export const implicitMetrics = (k = 10, rows: RankedRows = {}): readonly Metric<Tensor, RatingTarget>[] => [
  { ...ndcg(k, taken, rows), note: "of the items taken among a user's candidates, equal predictions in random order" },
  { ...hitRate(k, taken, rows), note: "the share of a user's items taken that are among the first" },
  { ...pairAccuracyAmong(rows), note: "of an item taken and one that was not, the area under the ROC curve" },
];
