import { calibrationError, type Evaluation, estimated, type PooledTasks, random } from "@innerloop/core";
import { pooledEstimate } from "@innerloop/core/training";
import { tensor } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { comparisons, verdictOf } from "./comparison.js";
import { described } from "./described.fixture.js";

const count = 200;
const { pooled: calibration } = calibrationError({ topProbability: (p) => p, correct: (_, y) => y });

/** Figures of tasks that are hard for everybody or easy for everybody, moved by `shift`. */
function madeUp(
  shift: number,
  { steps = [0, 5], seed = 1, loss = "negative log-likelihood", stepless = false, calibrated = true } = {},
): Evaluation {
  const ease = random(7);
  const shared = Array.from({ length: count }, () => ease.normal());
  const values = steps.map((n) => {
    const own = random(seed, n);
    const list = (scale: number) => Float64Array.from(shared, (v) => scale * (v + 0.1 * own.normal() + shift + n / 10));
    return { loss: list(-1), accuracy: list(0.01) };
  });
  const confidence = steps.map((n): PooledTasks => {
    const own = random(seed, n, 1);
    const statistics = shared.map(() => {
      const p = Array.from({ length: 5 }, () => own.uniform(0.4, 0.8));
      const correct = p.map((share) => (own.uniform() < share - 0.1 * shift ? 1 : 0));
      return { topProbability: tensor(p), correct: tensor(correct) };
    });
    return { figure: calibration, statistics };
  });
  return described({
    learner: "made up",
    protocol: stepless ? { loss } : { steps: 1, loss },
    values,
    ...(calibrated ? { pooled: confidence.map((calibrationError) => ({ calibrationError })) } : {}),
    rows: steps.map((n, row) => ({
      steps: n,
      figures: {
        loss: estimated(values[row]!.loss),
        accuracy: estimated(values[row]!.accuracy),
        ...(calibrated ? { calibrationError: pooledEstimate(confidence[row]!) } : {}),
      },
    })),
  });
}

const at = (list: ReturnType<typeof comparisons>, name: string, steps: number | "last") =>
  list.find((each) => each.name === name && each.at === steps)!;

describe("runs compared on the same tasks", () => {
  it("of a run with itself are exactly 0 in every figure", () => {
    const run = madeUp(0);
    const all = comparisons([run, run]);
    expect(all.map(({ name, at: place }) => [name, place])).toEqual(
      ["accuracy", "loss", "calibrationError"].flatMap((name) => [
        [name, 0],
        [name, 5],
      ]),
    );
    for (const { runs } of all) {
      expect(runs[0]!.difference).toBeUndefined();
      expect(runs[1]).toMatchObject({ difference: { mean: 0, interval: 0 }, verdict: "no difference seen" });
      expect(runs[1]!.figure).toEqual(runs[0]!.figure);
    }
  });

  it("have narrower intervals than runs on tasks of their own", () => {
    const [a, b] = [madeUp(0), madeUp(0.06, { seed: 2 })];
    for (const name of ["accuracy", "loss"]) {
      const [first, second] = at(comparisons([a, b]), name, 5).runs;
      const unpaired = Math.hypot(first!.figure.interval, second!.figure.interval);
      expect(second!.difference!.interval).toBeLessThan(0.3 * unpaired);
      expect(second!.difference!.mean).toBeCloseTo(second!.figure.mean - first!.figure.mean, 12);
      // What is seen of the difference is lost in the unpaired intervals.
      expect(second!.verdict).toBe("better");
      expect(Math.abs(second!.difference!.mean)).toBeLessThan(unpaired);
    }
    expect(at(comparisons([b, a]), "accuracy", 5).runs[1]!.verdict).toBe("worse");
  });

  it("are wrong about equal runs in about 1 of 20 cases", () => {
    const verdicts = Array.from({ length: 200 }, (_, i) => {
      const pair = [10 + 2 * i, 11 + 2 * i].map((seed) => madeUp(0, { seed, steps: [0], calibrated: false }));
      return at(comparisons(pair), "accuracy", 0).runs[1]!.verdict;
    });
    const wrong = verdicts.filter((verdict) => verdict !== "no difference seen").length;
    // Binomial(200, 0.05): 10, with a deviation of 3.1.
    expect(wrong).toBeGreaterThan(0);
    expect(wrong).toBeLessThan(23);
  });

  it("meet at the steps that they share, and each at its last", () => {
    const all = comparisons([
      madeUp(0, { steps: [0, 1, 5] }),
      madeUp(0.5, { steps: [10, 1], seed: 2 }),
      madeUp(0.5, { steps: [0], seed: 3, stepless: true }),
    ]);
    const accuracy = all.filter(({ name }) => name === "accuracy");
    expect(
      accuracy.map(({ at: place, runs }) => [place, runs.map((run) => run?.steps ?? (run ? "none" : "absent"))]),
    ).toEqual([
      [1, [1, 1, "absent"]],
      ["last", [5, 10, "none"]],
    ]);
    // Rows are found by their steps, in whatever order they were asked for.
    expect(accuracy[0]!.runs[1]!.figure).toEqual(madeUp(0.5, { steps: [1], seed: 2 }).rows[0]!.figures.accuracy);
  });

  it("compare no loss with another, and an error with the same error under another name", () => {
    const [a, b] = [madeUp(0), madeUp(0, { loss: "mean squared error", seed: 2 })];
    expect(at(comparisons([a, b]), "loss", 5).runs[1]).toBeUndefined();
    expect(at(comparisons([a, b]), "accuracy", 5).runs[1]).toBeDefined();
    const squared = madeUp(0.5, { loss: "mean squared error", seed: 2 });
    const { figures: _, ...others } = a;
    const likelihood = described({
      ...others,
      values: a.values.map(({ loss }) => ({ loss: loss!, meanSquaredError: loss! })),
      rows: a.rows.map((row) => ({
        ...row,
        figures: { loss: row.figures.loss!, meanSquaredError: row.figures.loss! },
      })),
    });
    const [first, second] = at(comparisons([likelihood, squared]), "meanSquaredError", 5).runs;
    expect(second!.difference!.mean).toBeCloseTo(squared.rows[1]!.figures.loss!.mean - first!.figure.mean, 12);
    expect(second!.verdict).toBe("better");
  });
});

it("a verdict says on which side of 0 the interval lies, where it does", () => {
  const difference = { mean: 0.2, interval: 0.1 };
  const directions = ["higher", "lower", undefined] as const;
  expect(directions.map((better) => verdictOf(difference, better))).toEqual(["better", "worse", "more"]);
  expect(verdictOf({ mean: -0.2, interval: 0.1 }, undefined)).toBe("less");
  expect(verdictOf({ mean: 0.1, interval: 0.1 }, "higher")).toBe("no difference seen");
  expect(verdictOf({ mean: Number.NaN, interval: 1 }, "higher")).toBe("not a number");
  expect(verdictOf({ mean: 1, interval: Number.POSITIVE_INFINITY }, "higher")).toBe("no difference seen");
});
