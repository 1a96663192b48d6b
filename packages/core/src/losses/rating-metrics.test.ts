import { grad, type Tensor, tensor, vmap } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, namedValues, noiseTensor, valuesIn } from "../numerical.fixture.js";
import { type Random, random } from "../random/random.js";
import type { PooledMetric } from "./metric.js";
import { hitRate, implicitMetrics, ndcg, pairAccuracy } from "./ranking-metrics.js";
import { coldItemMae, ratingLoss, ratingMae, ratingMetrics, ratingRmse, warmItemMae } from "./rating-metrics.js";
import type { RatingTarget, RatingUnits } from "./rating-target.js";

const units: RatingUnits = { mean: 6, deviation: 2, scale: { least: 0, most: 10 } };
const seed = 20_240_607;

/** Ratings and predictions of one user in the units of ratings, with rows of padding among them. */
interface Case {
  readonly ratings: readonly number[];
  readonly predictions: readonly number[];
  readonly cold: readonly boolean[];
  readonly present: readonly boolean[];
}

/** Few values, so that there are ties of both; every eighth user rates all alike, every eleventh all 0. */
function drawn(index: number): Case {
  const source: Random = random(seed, index);
  const rows = 1 + source.integer(6);
  const list = <T>(draw: () => T): T[] => Array.from({ length: rows }, draw);
  const alike = source.integer(11);
  const ratings = list(() => (index % 11 === 0 ? 0 : index % 8 === 0 ? alike : source.integer(11)));
  const isWhole = source.integer(2) === 0;
  const predictions = list(() => (isWhole ? source.integer(5) * 3 - 1 : source.uniform(-1, 11)));
  const present = list(() => source.integer(4) > 0);
  if (!present.includes(true)) present[0] = true;
  return { ratings, predictions, cold: list(() => source.integer(3) === 0), present };
}

const column = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), [values.length, 1]);
const standardised = (values: readonly number[]): Tensor => column(values.map((value) => (value - 6) / 2));

/** A case as tensors: what is padding has values that would show. */
function tensorsOf({ ratings, predictions, cold, present }: Case): readonly [Tensor, RatingTarget, Tensor] {
  const shown = (values: readonly number[], padding: number): readonly number[] =>
    values.map((value, i) => (present[i] ? value : padding));
  const target = {
    rating: standardised(shown(ratings, 9)),
    cold: column(
      shown(
        cold.map((is) => (is ? 1 : 0)),
        1,
      ),
    ),
  };
  return [standardised(shown(predictions, 40)), target, tensor(present.map((is) => (is ? 1 : 0)))];
}

/** The rows that are there. */
const there = ({ ratings, predictions, cold, present }: Case) =>
  present.flatMap((is, i) => (is ? [{ rating: ratings[i]!, said: predictions[i]!, cold: cold[i]! }] : []));

type Row = ReturnType<typeof there>[number];
const error = ({ rating, said }: Row): number => Math.abs(Math.min(10, Math.max(0, said)) - rating);
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** All orders of rows whose scores do not rise. */
function ordersBy(rows: readonly Row[], score: (row: Row) => number): (readonly Row[])[] {
  if (rows.length === 0) return [[]];
  const best = Math.max(...rows.map(score));
  return rows.flatMap((row, i) =>
    score(row) === best
      ? ordersBy([...rows.slice(0, i), ...rows.slice(i + 1)], score).map((rest) => [row, ...rest])
      : [],
  );
}

/** nDCG@k as the mean over all orders that the predictions allow, each written out. */
function ndcgOf(rows: readonly Row[], k: number): number {
  const dcg = (order: readonly Row[]): number =>
    order.slice(0, k).reduce((sum, { rating }, place) => sum + (2 ** rating - 1) / Math.log2(place + 2), 0);
  const ideal = dcg([...rows].sort((a, b) => b.rating - a.rating));
  return ideal === 0 ? 1 : meanOf(ordersBy(rows, ({ said }) => said).map(dcg)) / ideal;
}

/** The share of different pairs in the right order; undefined without one. */
function pairsOf(rows: readonly Row[]): number | undefined {
  const found = rows.flatMap((a) =>
    rows.flatMap((b) => (a.rating > b.rating ? [a.said > b.said ? 1 : a.said < b.said ? 0 : 0.5] : [])),
  );
  return found.length === 0 ? undefined : meanOf(found);
}

/** The share of rows rated above the middle that are among the first k, over all orders; undefined without one. */
function hitsOf(rows: readonly Row[], k: number): number | undefined {
  const isTaken = ({ rating }: Row): boolean => rating > 5;
  const taken = rows.filter(isTaken).length;
  if (taken === 0) return undefined;
  return meanOf(ordersBy(rows, ({ said }) => said).map((order) => order.slice(0, k).filter(isTaken).length / taken));
}

const cases = Array.from({ length: 1000 }, (_, index) => drawn(index));

/** The figure of some cases together, each counted so many times. */
function pooled(metric: PooledMetric<Tensor, RatingTarget>, of: readonly Case[], times?: readonly number[]): number {
  const statistics = of.map((each) => {
    const values = namedValues(metric.pooled.statistics(...tensorsOf(each)));
    return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, tensor(list[0]!)]));
  });
  return metric.pooled.combine(statistics)(times ?? of.map(() => 1));
}

/** Each case by itself: undefined where it has no such figure. */
const alone = (metric: PooledMetric<Tensor, RatingTarget>, each: Case): number | undefined => {
  const value = pooled(metric, [each]);
  return Number.isNaN(value) ? undefined : value;
};

const close = (found: number | undefined, wanted: number | undefined, index: number): void => {
  if (wanted === undefined) expect(found, `case ${index} of seed ${seed}`).toBeUndefined();
  else expect(found, `case ${index} of seed ${seed}`).toBeCloseTo(wanted, 4);
};

describe("a thousand random users, with ties and padding", () => {
  test("have the nDCG that all orders of equal predictions have in the mean", () => {
    for (const k of [1, 3, 5]) {
      const metric = ndcg(k, units);
      cases.forEach((each, index) => {
        close(valuesIn(metric.compute(...tensorsOf(each)))[0], ndcgOf(there(each), k), index);
      });
    }
  });

  test("have the errors of the rows that are there, clipped to the scale", () => {
    const among = (rows: readonly Row[]): number | undefined =>
      rows.length === 0 ? undefined : meanOf(rows.map(error));
    const [mae, warm, cold, rmse] = [ratingMae(units), warmItemMae(units), coldItemMae(units), ratingRmse(units)];
    cases.forEach((each, index) => {
      const rows = there(each);
      close(valuesIn(mae.compute(...tensorsOf(each)))[0], among(rows), index);
      close(alone(warm, each), among(rows.filter((row) => !row.cold)), index);
      close(alone(cold, each), among(rows.filter((row) => row.cold)), index);
      close(alone(rmse, each), Math.sqrt(meanOf(rows.map((row) => error(row) ** 2))), index);
    });
  });

  test("have the pairs in order and the hits that are counted one by one", () => {
    const [two, ten] = [hitRate(2, units), hitRate(10, units)];
    cases.forEach((each, index) => {
      const rows = there(each);
      close(alone(pairAccuracy, each), pairsOf(rows), index);
      close(alone(two, each), hitsOf(rows, 2), index);
      close(alone(ten, each), hitsOf(rows, 10), index);
    });
  });

  test("make means over the users that have a figure, and a root over all queries", () => {
    const some = cases.slice(0, 60);
    const times = some.map((_, i) => i % 3);
    const over = (value: (rows: readonly Row[]) => number | undefined): number => {
      const all = some.flatMap((each, i) => Array<number | undefined>(times[i]!).fill(value(there(each))));
      return meanOf(all.filter((each) => each !== undefined));
    };
    expect(pooled(pairAccuracy, some, times)).toBeCloseTo(over(pairsOf), 5);
    const coldOf = (rows: readonly Row[]): number | undefined =>
      rows.some(({ cold }) => cold) ? meanOf(rows.filter(({ cold }) => cold).map(error)) : undefined;
    expect(pooled(coldItemMae(units), some, times)).toBeCloseTo(over(coldOf), 5);
    const squares = some.flatMap((each, i) => Array<readonly Row[]>(times[i]!).fill(there(each)).flat());
    expect(pooled(ratingRmse(units), some, times)).toBeCloseTo(
      Math.sqrt(meanOf(squares.map((row) => error(row) ** 2))),
      5,
    );
    // A draw in which nobody has a figure stands for all; of nobody at all there is none.
    const [with_, without] = [
      some.filter((each) => coldOf(there(each)) !== undefined),
      some.filter((each) => !coldOf(there(each))),
    ];
    const mixed = [with_[0]!, without[0]!];
    expect(pooled(coldItemMae(units), mixed, [0, 2])).toBeCloseTo(coldOf(there(with_[0]!))!, 5);
    expect(pooled(coldItemMae(units), [without[0]!])).toBeNaN();
  });
});

describe("ranking", () => {
  const compute = (k: number, ratings: readonly number[], said: readonly number[], of = units): number =>
    valuesIn(
      ndcg(k, of).compute(column(said), {
        rating: column(ratings.map((value) => (value - of.mean) / of.deviation)),
        cold: column(ratings.map(() => 0)),
      }),
    )[0]!;

  test("is the same mapped over tasks", () => {
    const some = cases.filter(({ ratings }) => ratings.length === 5).slice(0, 20);
    const stacked = (parts: readonly Tensor[]): Tensor =>
      tensor(Float32Array.from(parts.flatMap((part) => valuesIn(part))), [parts.length, ...parts[0]!.shape]);
    const all = some.map(tensorsOf);
    const target = {
      rating: stacked(all.map(([, { rating }]) => rating)),
      cold: stacked(all.map(([, { cold }]) => cold)),
    };
    const each = vmap((p: Tensor, y: RatingTarget, present: Tensor) => ndcg(3, units).compute(p, y, present))(
      stacked(all.map(([p]) => p)),
      target,
      stacked(all.map(([, , present]) => present)),
    );
    valuesIn(each).forEach((value, i) => {
      expect(value).toBeCloseTo(ndcgOf(there(some[i]!), 3), 4);
    });
  });

  test("gains of scales that reach far up or below 0 stay numbers in order", () => {
    const far: RatingUnits = { mean: 100, deviation: 50, scale: { least: 0, most: 200 } };
    expect(compute(3, [200, 10, 0], [3, 2, 1], far)).toBeCloseTo(1, 6);
    expect(compute(3, [200, 10, 0], [1, 2, 3], far)).toBeCloseTo(1 / Math.log2(4), 5);
    const below: RatingUnits = { mean: 0, deviation: 1, scale: { least: -3, most: 3 } };
    expect(compute(2, [-3, 0], [2, 1], below)).toBeCloseTo(1 / Math.log2(3), 6);
  });

  test("without a gain is ideal in every order, and a prediction that is no number shows", () => {
    expect(compute(3, [0, 0, 0], [1, 2, 3])).toBe(1);
    expect(compute(3, [1, 2, 3], [1, Number.NaN, 3])).toBeNaN();
  });

  test("of what was taken: nDCG and hits of the place of one among many", () => {
    const [gain, hits] = implicitMetrics(10) as [ReturnType<typeof ndcg>, PooledMetric<Tensor, RatingTarget>];
    const rating = column(Array.from({ length: 30 }, (_, i) => (i === 7 ? 1 : 0)));
    const target = { rating, cold: column(Array<number>(30).fill(0)) };
    const at = (place: number): Tensor =>
      column(Array.from({ length: 30 }, (_, i) => (i === 7 ? 30.5 - place : 29 - i + (i > 7 ? 1 : 0))));
    const hit = (said: Tensor): number[] => Object.values(namedValues(hits.pooled.statistics(said, target))).flat();
    for (const place of [1, 2, 10, 11, 20]) {
      expect(hit(at(place)), `place ${place}`).toEqual([place <= 10 ? 1 : 0, 1]);
      expect(valuesIn(gain.compute(at(place), target))[0]).toBeCloseTo(place <= 10 ? 1 / Math.log2(place + 1) : 0, 6);
    }
    expect(hit(column(Array<number>(30).fill(Number.NaN)))).toEqual([0, 1]);
  });

  test("of a few taken before many that were not: the same, with these few placed alone", () => {
    for (let index = 0; index < 300; index++) {
      const source: Random = random(seed, index, 1);
      const [held, rows] = [1 + source.integer(4), 5 + source.integer(40)];
      const there = Array.from({ length: rows }, () => (source.integer(6) > 0 ? 1 : 0));
      there[0] = 1;
      const rating = column(Array.from({ length: rows }, (_, i) => (i < held ? 1 : 0)));
      const target = { rating, cold: column(Array<number>(rows).fill(0)) };
      const said = column(Array.from({ length: rows }, () => source.integer(9)));
      const present = tensor(there);
      const [whole, few] = [implicitMetrics(3), implicitMetrics(3, { first: held })];
      whole.forEach((metric, i) => {
        const of = (each: (typeof whole)[number]): readonly number[] =>
          each.pooled
            ? Object.values(namedValues(each.pooled.statistics(said, target, present))).flat()
            : valuesIn(each.compute(said, target, present));
        of(metric).forEach((value, j) => {
          expect(of(few[i]!)[j], `${metric.name}, case ${index}`).toBeCloseTo(value, 4);
        });
      });
    }
  });

  test("takes whole places, and one rating for each row", () => {
    expect(() => ndcg(0, units)).toThrow("IL102");
    expect(() => hitRate(2.5)).toThrow("IL102");
    const target = { rating: tensor([1, 2]), cold: tensor([0, 0]) };
    expect(() => ndcg(3, units).compute(tensor([1, 2]), target)).toThrow("IL202");
    expect(() => pairAccuracy.pooled.statistics(column([1]), target)).toThrow("IL202");
  });
});

describe("the loss of ratings", () => {
  const target = { rating: column([0.5, -1, 2]), cold: column([0, 1, 0]) };
  test("is the squared error of those that are there, with its gradient", () => {
    const loss = ratingLoss(units);
    expect(valuesIn(loss(column([0, 0, 0]), target))[0]).toBeCloseTo((0.25 + 1 + 4) / 3, 6);
    expect(valuesIn(loss(column([0, 0, 0]), target, tensor([1, 0, 1])))[0]).toBeCloseTo((0.25 + 4) / 2, 6);
    const at = noiseTensor([3, 1], 5);
    const value = (p: Tensor): Tensor => loss(p, target, tensor([1, 0, 1]));
    expect(gradientError(value, at, grad(value)(at))).toBeLessThan(1e-7);
  });

  test("has metrics of different names, led by the error, and none of cold items where there are none", () => {
    const names = ratingMetrics(units).map(({ name }) => name);
    expect(names).toEqual(["mae", "warmMae", "coldMae", "rmse", "ndcg1", "ndcg3", "ndcg5", "pairAccuracy"]);
    expect(ratingMetrics(units, { coldItems: false }).map(({ name }) => name)).not.toContain("coldMae");
  });
});
