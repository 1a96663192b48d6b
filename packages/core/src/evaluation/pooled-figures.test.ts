import { mul, onesLike, sub, sum, type Tensor, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { calibrationError } from "../losses/calibration.js";
import { type PooledMetric, pooledFigure } from "../losses/metric.js";
import { valuesIn } from "../numerical.fixture.js";
import { random } from "../random/random.js";
import { pairedDifference } from "./estimated.js";
import { type PooledTasks, pooledDifference, pooledEstimate } from "./pooled-figures.js";

const scalarOf = (x: Tensor): number => Number(x.data![0]);

/** F1 of yes and no over all tasks together, as a user would write it: from the counts of each task. */
const f1: PooledMetric = {
  name: "f1",
  title: "F1",
  better: "higher",
  share: true,
  pooled: pooledFigure({
    statistics: (prediction: Tensor, y: Tensor, present = onesLike(y)) => {
      const [said, is] = [mul(prediction, present), mul(y, present)];
      return { hits: sum(mul(said, is)), said: sum(said), is: sum(is) };
    },
    combine: (tasks) => {
      const counts = tasks.map(({ hits, said, is }) => [scalarOf(hits), scalarOf(said) + scalarOf(is)] as const);
      return (times) => {
        const total = (which: 0 | 1): number => counts.reduce((all, of, i) => all + times[i]! * of[which], 0);
        return (2 * total(0)) / total(1);
      };
    },
  }),
};

/** Average precision of a ranking over all tasks: each has another number of scored candidates. */
const averagePrecision: PooledMetric = {
  name: "ap",
  title: "average precision",
  better: "higher",
  share: true,
  pooled: pooledFigure({
    statistics: (prediction: Tensor, y: Tensor, present = onesLike(y)) => ({ scores: prediction, matches: y, present }),
    combine: (tasks) => {
      const ranked = tasks
        .flatMap(({ scores, matches, present }, task) =>
          Array.from({ length: scores.size }, (_, i) => i)
            .filter((i) => Number(present.data![i]) > 0)
            .map((i) => ({ task, score: Number(scores.data![i]), match: Number(matches.data![i]) })),
        )
        .sort((a, b) => b.score - a.score);
      return (times) => {
        let [hits, seen, precision] = [0, 0, 0];
        for (const { task, match } of ranked) {
          for (let time = 0; time < times[task]!; time++) {
            seen++;
            hits += match;
            if (match === 1) precision += hits / seen;
          }
        }
        return precision / hits;
      };
    },
  }),
};

/** The root of the mean over all rows of all tasks, which is no mean of the roots of each. */
const rootMeanSquare: PooledMetric = {
  name: "rmse",
  title: "root mean squared error",
  unit: "min",
  better: "lower",
  pooled: pooledFigure({
    statistics: (prediction: Tensor, y: Tensor, present = onesLike(y)) => {
      const error = mul(sub(prediction, y), present);
      return { squares: sum(mul(error, error)), rows: sum(present) };
    },
    combine: (tasks) => (times) => {
      const total = (of: (task: (typeof tasks)[number]) => Tensor): number =>
        tasks.reduce((all, task, i) => all + times[i]! * scalarOf(of(task)), 0);
      return Math.sqrt(total(({ squares }) => squares) / total(({ rows }) => rows));
    },
  }),
};

/** What `statistics` makes of a task, as an evaluation has it: with values. */
function collected({ pooled }: PooledMetric, prediction: number[], y: number[], present?: number[]) {
  const made = pooled.statistics(tensor(prediction), tensor(y), present && tensor(present)) as Record<string, Tensor>;
  return Object.fromEntries(Object.entries(made).map(([name, x]) => [name, tensor(valuesIn(x), x.shape)]));
}

const of = (metric: PooledMetric, statistics: PooledTasks["statistics"]): PooledTasks => ({
  figure: metric.pooled,
  statistics,
});

describe("figures over a whole data set", () => {
  test("are of all tasks together, which the mean over tasks is not", () => {
    const tasks = [collected(f1, [1, 1, 0, 0], [1, 0, 0, 0]), collected(f1, [1, 1, 1, 0], [1, 1, 1, 1])];
    // 4 hits, 5 said, 5 are; of each by itself 2/3 and 6/7.
    expect(pooledEstimate(of(f1, tasks)).mean).toBeCloseTo(0.8, 12);
    const errors = [collected(rootMeanSquare, [1], [0]), collected(rootMeanSquare, [3, 3, 3], [0, 0, 0])];
    expect(pooledEstimate(of(rootMeanSquare, errors)).mean).toBeCloseTo(Math.sqrt(28 / 4), 6);
    const rankings = [collected(averagePrecision, [0.9, 0.2], [1, 0]), collected(averagePrecision, [0.5, 0.1], [0, 1])];
    expect(pooledEstimate(of(averagePrecision, rankings)).mean).toBeCloseTo((1 + 2 / 4) / 2, 6);
  });

  test.each([f1, averagePrecision, rootMeanSquare])("$title leaves padding out", (metric) => {
    const whole = [collected(metric, [1, 0, 1], [1, 0, 0]), collected(metric, [1, 1, 0], [1, 0, 1])];
    const padded = [
      collected(metric, [1, 0, 1, 1, 0], [1, 0, 0, 0, 1], [1, 1, 1, 0, 0]),
      collected(metric, [1, 1, 0, 1, 0], [1, 0, 1, 0, 1], [1, 1, 1, 0, 0]),
    ];
    expect(pooledEstimate(of(metric, padded))).toEqual(pooledEstimate(of(metric, whole)));
  });

  test("have no interval of a single task, and show a value that is none", () => {
    expect(pooledEstimate(of(f1, [collected(f1, [1], [1])]))).toEqual({ mean: 1, interval: Number.POSITIVE_INFINITY });
    expect(pooledEstimate(of(f1, [collected(f1, [0], [0])])).mean).toBeNaN();
  });
});

describe("the interval of a bootstrap over tasks", () => {
  /** Tasks differ in how hard they are, and their rows go together: an interval over rows would be far too narrow. */
  function drawn(tasks: number, seed: number): PooledTasks {
    const source = random(seed);
    const statistics = Array.from({ length: tasks }, () => {
      const skill = source.uniform(0.3, 1);
      const y = Array.from({ length: 20 }, () => (source.uniform() < 0.4 ? 1 : 0));
      return collected(
        f1,
        y.map((is) => (source.uniform() < skill ? is : 1 - is)),
        y,
      );
    });
    return of(f1, statistics);
  }

  test("holds the figure of all tasks there are in about 95 of 100 cases", () => {
    const truth = pooledEstimate(drawn(20_000, 1)).mean;
    const seeds = Array.from({ length: 200 }, (_, i) => 100 + i);
    const intervals = seeds.map((seed) => pooledEstimate(drawn(60, seed)));
    const held = intervals.filter(({ mean: found, interval }) => Math.abs(found - truth) <= interval).length;
    // Binomial(200, 0.95): 190, with a deviation of 3.1. Seeds are fixed: it is the same number every time.
    expect(held / seeds.length).toBeGreaterThan(0.9);
    expect(held / seeds.length).toBeLessThan(0.99);
  });

  test("is the same every time, and narrows with the root of the number of tasks", () => {
    expect(pooledEstimate(drawn(60, 7))).toEqual(pooledEstimate(drawn(60, 7)));
    const ratio = pooledEstimate(drawn(100, 8)).interval / pooledEstimate(drawn(900, 8)).interval;
    expect(Math.abs(ratio - 3)).toBeLessThan(0.7);
  });
});

describe("differences on the same tasks", () => {
  const calibration = calibrationError({ topProbability: (prediction) => prediction, correct: (_, y) => y });
  const confidences = (optimism: number, tasks = 200) => {
    const source = random(3);
    const statistics = Array.from({ length: tasks }, () => {
      const shares = Array.from({ length: 20 }, () => source.uniform(0.3, 0.8));
      return {
        topProbability: tensor(
          shares.map((p) => p + optimism),
          [20],
          "float64",
        ),
        correct: tensor(
          shares.map((p) => (source.uniform() < p ? 1 : 0)),
          [20],
          "float64",
        ),
      };
    });
    return of(calibration, statistics);
  };

  test("of calibration: exactly 0 with itself, and narrower than of independent ones", () => {
    const tasks = confidences(0.1);
    expect(pooledDifference(tasks, tasks)).toEqual({ mean: 0, interval: 0 });
    expect(() => pooledDifference(tasks, { ...tasks, statistics: tasks.statistics.slice(1) })).toThrow(
      /^ILR101 pooledDifference: 200 tasks, 199 tasks/,
    );
    const surer = confidences(0.15);
    const difference = pooledDifference(surer, tasks);
    const [first, second] = [pooledEstimate(surer), pooledEstimate(tasks)];
    expect(difference.mean).toBeCloseTo(first.mean - second.mean, 12);
    expect(difference.interval).toBeLessThan(0.5 * Math.hypot(first.interval, second.interval));
  });

  test("of values per task: the mean is that of the two, what they share cancels", () => {
    const source = random(4);
    const hard = Array.from({ length: 300 }, () => source.normal());
    const a = hard.map((value) => value + 0.1 * source.normal());
    const b = hard.map((value) => value + 0.1 * source.normal() - 0.05);
    const { mean: found, interval } = pairedDifference(a, b);
    expect(Math.abs(found - 0.05)).toBeLessThan(2 * interval);
    expect(interval).toBeLessThan((1.2 * 1.96 * 0.1 * Math.SQRT2) / Math.sqrt(300));
    expect(pairedDifference(a, a)).toEqual({ mean: 0, interval: 0 });
    expect(() => pairedDifference([1], [1, 2])).toThrow(/^ILR101 pairedDifference: 1 values beside 2/);
  });
});
