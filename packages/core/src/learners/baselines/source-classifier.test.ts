import { tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { noise, valuesIn } from "../../numerical.fixture.js";
import { key, random } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { largestDifference } from "../metric/metric-learner.fixture.js";
import {
  type DenseRows,
  fitLogistic,
  type LogisticFit,
  type LogisticFitProgress,
  type SparseRows,
} from "./logistic-fit.js";
import { fitSource, sourceClassifier, tfIdfRows } from "./source-classifier.js";
import { unitEntries } from "./text-centroids.js";

const [n, width, classes] = [60, 5, 3];
const values = Float32Array.from(noise(n * width, 1));
const labels = Int32Array.from({ length: n }, (_, i) => {
  const [a, b] = [values[i * width]!, values[i * width + 1]!];
  return random(3, i).uniform(0, 1) < 0.2 ? i % classes : a > 0.3 ? 0 : b > 0 ? 1 : 2;
});
const dense: DenseRows = { values, width };

/** The same rows as sparse ones, in columns of a wider space of which most are of no row. */
const sparse: SparseRows = {
  starts: Int32Array.from({ length: n + 1 }, (_, i) => i * width),
  columns: Int32Array.from({ length: n * width }, (_, e) => 3 + 7 * (e % width)),
  values,
  width: 50,
};

/** Probabilities of classes for each row. */
function probabilities({ weights, bias }: LogisticFit): number[][] {
  return Array.from({ length: n }, (_, i) => {
    const scores = Array.from(bias, (b, k) => {
      let sum = b;
      for (let j = 0; j < width; j++) sum += weights[k * width + j]! * values[i * width + j]!;
      return Math.exp(sum);
    });
    const total = scores.reduce((a, b) => a + b, 0);
    return scores.map((score) => score / total);
  });
}

describe("fitLogistic", () => {
  const penalty = 0.01;

  test("ends where the gradient is 0: lambda w = mean (y - p) x, and mean p is the share of each class", async () => {
    const fit = await fitLogistic(dense, labels, classes, { penalty, tolerance: 1e-9 });
    expect(fit.converged).toBe(true);
    const p = probabilities(fit);
    for (let k = 0; k < classes; k++) {
      const residual = p.map((row, i) => (labels[i] === k ? 1 : 0) - row[k]!);
      expect(residual.reduce((a, b) => a + b, 0) / n).toBeCloseTo(0, 8);
      for (let j = 0; j < width; j++) {
        const mean = residual.reduce((sum, r, i) => sum + r * values[i * width + j]!, 0) / n;
        expect(penalty * fit.weights[k * width + j]!).toBeCloseTo(mean, 8);
      }
    }
    // The loss that it says is that of these weights.
    const squares = fit.weights.reduce((sum, w) => sum + w * w, 0);
    const loss = p.reduce((sum, row, i) => sum - Math.log(row[labels[i]!]!), 0) / n + (penalty / 2) * squares;
    expect(fit.loss).toBeCloseTo(loss, 9);
    // Of an optimum the weights of classes sum to 0 in each column.
    for (let j = 0; j < width; j++)
      expect(fit.weights[j]! + fit.weights[width + j]! + fit.weights[2 * width + j]!).toBeCloseTo(0, 6);
  });

  test("of rows that say nothing, the bias is the logarithm of the classes' shares", async () => {
    const y = Int32Array.from([0, 0, 0, 1]);
    const { bias, weights } = await fitLogistic({ values: new Float32Array(4), width: 1 }, y, 2, {
      penalty,
      tolerance: 1e-10,
    });
    expect(bias[0]! - bias[1]!).toBeCloseTo(Math.log(3), 7);
    expect([...weights]).toEqual([0, 0]);
  });

  test("sparse rows are the same rows, columns that none has keep a weight of 0", async () => {
    const [a, b] = [
      await fitLogistic(dense, labels, classes, { penalty }),
      await fitLogistic(sparse, labels, classes, { penalty }),
    ];
    expect(b.weights).toHaveLength(classes * 50);
    for (let k = 0; k < classes; k++)
      for (let column = 0; column < 50; column++) {
        const j = (column - 3) / 7;
        const expected = Number.isInteger(j) && j >= 0 && j < width ? a.weights[k * width + j]! : 0;
        expect(b.weights[k * 50 + column]).toBeCloseTo(expected, 9);
      }
    expect(b.loss).toBeCloseTo(a.loss, 12);
  });

  test("classes that rows tell apart without error end too, where the penalty holds the weights", async () => {
    const y = Int32Array.from({ length: n }, (_, i) => (values[i * width]! > 0 ? 1 : 0));
    const fit = await fitLogistic(dense, y, 2, { penalty: 1e-6 });
    expect(fit.converged).toBe(true);
    expect(fit.loss).toBeLessThan(0.02);
  });

  test("the same rows give the same bits, the loss falls with every step, and a few steps say that they were few", async () => {
    const seen: LogisticFitProgress[] = [];
    const fit = await fitLogistic(dense, labels, classes, { penalty, onProgress: (at) => seen.push(at) });
    const again = await fitLogistic(dense, labels, classes, { penalty });
    expect(again.weights).toEqual(fit.weights);
    expect(seen.map(({ steps }) => steps)).toEqual(Array.from({ length: fit.steps }, (_, i) => i + 1));
    expect(seen.every(({ loss }, i) => i === 0 || loss <= seen[i - 1]!.loss)).toBe(true);
    const short = await fitLogistic(dense, labels, classes, { penalty, mostSteps: 2 });
    expect([short.steps, short.converged]).toEqual([2, false]);
  });

  test("ends where the signal says", async () => {
    const stop = new AbortController();
    const fit = fitLogistic(dense, labels, classes, {
      penalty,
      signal: stop.signal,
      onProgress: ({ steps }) => {
        if (steps === 2) stop.abort(new Error("enough"));
      },
    });
    await expect(fit).rejects.toThrow("enough");
  });

  test.each<[string, DenseRows, Int32Array, number, number, RegExp]>([
    ["no penalty", dense, labels, classes, 0, /^IL102 logistic regression: penalty 0/],
    ["one class", dense, labels, 1, penalty, /^IL102 logistic regression: 1 classes/],
    ["no rows", { values: new Float32Array(0), width }, new Int32Array(0), 2, penalty, /^IL202/],
    ["a label too few", dense, labels.slice(1), classes, penalty, /^IL202 logistic regression: 59 labels for 60 rows/],
    ["a label of no class", dense, labels.map((y) => y + 1), classes, penalty, /^IL102 .*a label of 3/],
    ["a missing value", { values: values.with(7, Number.NaN), width }, labels, classes, penalty, /value 7 .*NaN/],
  ])("%s is refused", async (_, rows, y, of, lambda, message) => {
    await expect(fitLogistic(rows, y, of, { penalty: lambda })).rejects.toThrow(message);
  });
});

describe("the source-only classifier", () => {
  const weights = Float32Array.from({ length: 30 }, (_, i) => (i === 0 ? 0 : 1 + (i % 4)));
  const length = 6;
  const ids = Int32Array.from({ length: n * length }, (_, i) =>
    i % length > 3 + (i % 2) ? 0 : 1 + random(5, i).integer(29),
  );
  const y = Int32Array.from({ length: n }, (_, i) =>
    ids.subarray(i * length, i * length + 4).some((id) => id < 5) ? 1 : 0,
  );
  const weighting = { weights, of: "words", repeats: true };
  const anything: Examples = { x: tensor(ids.slice(0, length), [1, length]), y: tensor(Int32Array.from([1]), [1]) };

  test("sparse rows are the entries that the graph makes", () => {
    const rows = tfIdfRows(ids, length, weighting);
    const entries = valuesIn(unitEntries(tensor(ids, [n, length]), tensor(weights, [30]), true));
    const wide = (row: number): number[] => {
      const vector = new Array<number>(30).fill(0);
      for (let e = rows.starts[row]!; e < rows.starts[row + 1]!; e++) vector[rows.columns[e]!]! += rows.values[e]!;
      return vector;
    };
    for (let row = 0; row < n; row++) {
      const fromGraph = new Array<number>(30).fill(0);
      for (let i = row * length; i < (row + 1) * length; i++) fromGraph[ids[i]!]! += entries[i]!;
      expect(largestDifference(wide(row), fromGraph)).toBeLessThan(1e-6);
      expect(Math.hypot(...fromGraph)).toBeCloseTo(1, 6);
    }
    expect(() => tfIdfRows(Int32Array.from([30]), 1, weighting)).toThrow(/^IL102 tfIdfRows: row 0 has the id 30/);
  });

  test("of ids: logits are t(x) W + b whatever the support set, and it has learned the training examples", async () => {
    const fitted = await fitSource({ x: ids, y }, { classes: 2, ids: weighting, penalty: 1e-3 });
    const learner = sourceClassifier(fitted);
    const params = learner.init(key(0));
    const found = valuesIn(learner.predict(learner.adapt(params, anything), tensor(ids, [n, length])));
    const rows = tfIdfRows(ids, length, weighting);
    const expected = Array.from({ length: n * 2 }, (_, at) => {
      const [row, k] = [at >> 1, at % 2];
      let sum = fitted.bias[k]!;
      for (let e = rows.starts[row]!; e < rows.starts[row + 1]!; e++)
        sum += rows.values[e]! * fitted.weights[rows.columns[e]! * 2 + k]!;
      return sum;
    });
    expect(largestDifference(found, expected)).toBeLessThan(1e-4);
    const right = Array.from(y, (label, i) => (found[2 * i + label]! > found[2 * i + 1 - label]! ? 1 : 0));
    expect(right.reduce<number>((a, b) => a + b, 0) / n).toBeGreaterThan(0.95);
    expect(learner.name).toBe("source-only classifier of words");
    expect(learner.description).toEqual({ method: "logistic regression", examples: n, penalty: 1e-3 });
    expect(fitted.converged).toBe(true);
  });

  test("of features: logits are x W + b", async () => {
    const fitted = await fitSource({ x: values, y: labels }, { classes, of: "MiniLM features" });
    const learner = sourceClassifier(fitted);
    const x = tensor(values, [n, width]);
    const found = valuesIn(learner.predict(learner.adapt(learner.init(key(0)), anything), x));
    const first = Array.from(fitted.bias, (b, k) => {
      let sum = b;
      for (let j = 0; j < width; j++) sum += values[j]! * fitted.weights[j * classes + k]!;
      return sum;
    });
    expect(largestDifference(found.slice(0, classes), first)).toBeLessThan(1e-4);
    expect(learner.name).toBe("source-only classifier of MiniLM features");
  });

  test("ids without weights, features with them, and rows of no length are refused", async () => {
    await expect(fitSource({ x: ids, y }, { classes: 2 })).rejects.toThrow(/^IL103 fitSource: inputs are ids/);
    await expect(fitSource({ x: values, y: labels }, { classes, ids: weighting })).rejects.toThrow(/^IL103 fitSource/);
    await expect(fitSource({ x: values.slice(1), y: labels }, { classes })).rejects.toThrow(
      /^IL202 fitSource: 299 num/,
    );
    await expect(fitSource({ x: values, y: new Int32Array(0) }, { classes })).rejects.toThrow(/^IL202 fitSource/);
  });
});
