import { type Tensor, type Tree, tensor, vmap } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { idsOf } from "../../domains/text/text-coding.js";
import { noiseTensor, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { key, random } from "../../random/random.js";
import type { Examples, Task } from "../../tasks/task.js";
import { stackTasks } from "../../training/task-batch.js";
import { largestDifference, predictions } from "../metric/metric-learner.fixture.js";
import { featureCentroid, textCentroid } from "./text-centroids.js";

const [count, length, ways] = [40, 9, 3];
const source = random(11);
const weights = Float32Array.from({ length: count }, (_, i) => (i === 0 ? 0 : 0.5 + source.uniform(0, 2)));

/** Rows of ids with padding behind them, distinct or not. */
const rowsOf = (n: number, distinct: boolean): number[][] =>
  Array.from({ length: n }, () => {
    const present = 3 + source.integer(length - 3);
    const few = source.shuffle(Array.from({ length: 12 }, (_, i) => i + 1));
    const ids = Array.from({ length: present }, (_, i) => (distinct ? few[i]! : 1 + source.integer(6)));
    return [...ids, ...new Array<number>(length - present).fill(0)];
  });

const examples = (rows: readonly number[][], y: readonly number[]): Examples => ({
  x: tensor(Int32Array.from(rows.flat()), [rows.length, length]),
  y: tensor(Int32Array.from(y), [y.length]),
});

/** The same by plain loops over wide vectors. */
function expectedLogits(support: readonly number[][], y: readonly number[], query: readonly number[][]): number[] {
  const vector = (row: readonly number[]): number[] => {
    const wide = Array.from({ length: count }, (_, id) => {
      const tf = row.filter((each) => each === id).length;
      return id > 0 && tf > 0 ? (1 + Math.log(tf)) * weights[id]! : 0;
    });
    const norm = Math.hypot(...wide);
    return wide.map((value) => value / norm);
  };
  const centroids = Array.from({ length: ways }, (_, k) => {
    const own = support.filter((_, i) => y[i] === k).map(vector);
    return Array.from({ length: count }, (_, id) => own.reduce((sum, v) => sum + v[id]!, 0) / own.length);
  });
  return query.flatMap((row) => {
    const v = vector(row);
    return centroids.map((c) => (15 * v.reduce((sum, value, id) => sum + value * c[id]!, 0)) / Math.hypot(...c));
  });
}

describe.each([
  ["words, which repeat", true],
  ["n-grams, which are distinct", false],
] as const)("the tf-idf centroid of %s", (_, repeats) => {
  const learner = textCentroid({ ways, weights, of: "ids", repeats });
  const params = learner.init(key(0));
  const y = [0, 1, 2, 2, 1, 0, 1];
  const [support, query] = [rowsOf(y.length, !repeats), rowsOf(5, !repeats)];
  const task: Task = { support: examples(support, y), query: examples(query, [0, 1, 2, 0, 1]) };
  const logits = predictions(learner, params, task);

  test("is the cosine with means of vectors as wide as there are ids", () => {
    expect(largestDifference(logits, expectedLogits(support, y, query))).toBeLessThan(1e-5);
    expect(Math.max(...logits)).toBeLessThanOrEqual(15 + 1e-5);
  });

  test("rows that are not there, and rows of no class, change nothing", () => {
    const strange = rowsOf(2, !repeats);
    const more: Examples = { ...examples([...support, ...strange], [...y, -1, 1]), present: present(y.length + 1, 1) };
    const found = valuesIn(learner.predict(learner.adapt(params, more), task.query.x));
    expect(largestDifference(found, logits)).toBeLessThan(1e-9);
  });

  test("a class without examples gets no probability", () => {
    const two = examples(support.slice(0, 2), [0, 2]);
    const found = valuesIn(learner.predict(learner.adapt(params, two), task.query.x));
    for (let row = 0; row < 5; row++) {
      expect(found[row * ways + 1]).toBeLessThan(-1e8);
      expect(found[row * ways]).toBeGreaterThan(-1e-6);
    }
  });

  test("many tasks at once are each by itself", () => {
    const other: Task = {
      support: examples(rowsOf(y.length, !repeats), y),
      query: examples(rowsOf(5, !repeats), [0, 1, 2, 0, 1]),
    };
    const both = stackTasks([task, other]);
    const one = (each: Task): Tree => learner.predict(learner.adapt(params, each.support), each.query.x);
    const found = valuesIn(vmap(one as (each: Tree) => Tree)(both as unknown as Tree) as Tensor);
    expect(largestDifference(found, [...logits, ...predictions(learner, params, other)])).toBeLessThan(1e-9);
  });
});

const present = (there: number, not: number): Tensor =>
  tensor([...new Array<number>(there).fill(1), ...new Array<number>(not).fill(0)], [there + not], "float32");

describe("textCentroid", () => {
  test("a text of padding alone is as near to every class, and a finite number", () => {
    const learner = textCentroid({ ways: 2, weights, of: "ids", repeats: true });
    const support = examples(
      [
        [1, 2, 3, 0, 0, 0, 0, 0, 0],
        [4, 5, 0, 0, 0, 0, 0, 0, 0],
      ],
      [0, 1],
    );
    const empty = examples([new Array<number>(length).fill(0)], [0]);
    expect(valuesIn(learner.predict(learner.adapt(learner.init(key(0)), support), empty.x))).toEqual([0, 0]);
    const withEmpty = examples([new Array<number>(length).fill(0), [4, 5, 0, 0, 0, 0, 0, 0, 0]], [0, 1]);
    const found = valuesIn(learner.predict(learner.adapt(learner.init(key(0)), withEmpty), support.x));
    expect(found[0]).toBe(0);
    expect(found[3]).toBeCloseTo(15, 4);
  });

  test("knows sentences by their words, in other forms by their n-grams", () => {
    const coding = { kind: "ngrams", buckets: 4096, length: 160 } as const;
    const learner = textCentroid({
      ways: 2,
      weights: new Float32Array(4096).fill(1).fill(0, 0, 1),
      of: "n-grams",
      repeats: false,
    });
    const coded = (texts: readonly string[]): Tensor => tensor(idsOf(coding, texts).ids, [texts.length, 160]);
    const support = { x: coded(["play some music", "book a table"]), y: tensor(Int32Array.from([0, 1]), [2]) };
    const query = coded(["playing musical songs", "booked tables"]);
    const [a, b, c, d] = valuesIn(learner.predict(learner.adapt(learner.init(key(0)), support), query));
    expect(a! - b!).toBeGreaterThan(1);
    expect(d! - c!).toBeGreaterThan(1);
  });

  test("says what it is, and refuses what it cannot be", () => {
    const options = { ways: 5, weights, of: "n-grams", repeats: false };
    expect(textCentroid(options).name).toBe("tf-idf centroid of n-grams");
    expect(textCentroid(options).description).toEqual({ ids: "n-grams", temperature: 15 });
    expect(() => textCentroid({ ...options, ways: 1 })).toThrow(/^IL102 textCentroid: 1 ways/);
    expect(() => textCentroid({ ...options, temperature: 0 })).toThrow(/^IL102 textCentroid: temperature 0/);
    expect(() => textCentroid({ ...options, weights: new Float32Array(1) })).toThrow(/^IL102 textCentroid: 1 weights/);
    const learner = textCentroid({ ...options, ways: 2 });
    const floats = { x: noiseTensor([2, 4], 1), y: tensor(Int32Array.from([0, 1]), [2]) };
    expect(() => learner.adapt(learner.init(key(0)), floats)).toThrow(
      /^IL202 textCentroid: inputs \[2, 4\] of float32/,
    );
  });
});

describe("featureCentroid", () => {
  test("is the cosine with means of features of length 1", () => {
    const learner = featureCentroid({ ways: 2 });
    const [x, queries] = [noiseTensor([4, 2, 3], 1), noiseTensor([3, 2, 3], 2)];
    const support = { x, y: tensor(Int32Array.from([0, 1, 1, 0]), [4]) };
    const rows = (values: Tensor): number[][] =>
      Array.from({ length: values.shape[0]! }, (_, i) => numbersOf(values)[0]!.slice(i * 6, i * 6 + 6));
    const unit = (row: readonly number[]): number[] => row.map((value) => value / Math.hypot(...row));
    const s = rows(x).map(unit);
    const centroids = [
      [s[0]!, s[3]!],
      [s[1]!, s[2]!],
    ].map(([a, b]) => unit(a!.map((value, j) => value + b![j]!)));
    const expected = rows(queries).flatMap((row) =>
      centroids.map((c) => 10 * unit(row).reduce((sum, value, j) => sum + value * c[j]!, 0)),
    );
    const found = valuesIn(learner.predict(learner.adapt(learner.init(key(0)), support), queries));
    expect(largestDifference(found, expected)).toBeLessThan(1e-6);
  });

  test("names its features, leaves out classes without examples, refuses what it cannot be", () => {
    expect(featureCentroid({ ways: 2, of: "MiniLM" }).name).toBe("centroid of MiniLM features");
    const learner = featureCentroid({ ways: 3 });
    const support = { x: noiseTensor([2, 4], 1), y: tensor(Int32Array.from([0, 2]), [2]) };
    const found = valuesIn(learner.predict(learner.adapt(learner.init(key(0)), support), noiseTensor([1, 4], 2)));
    expect(found[1]).toBeLessThan(-1e8);
    expect(() => featureCentroid({ ways: 0 })).toThrow(/^IL102 featureCentroid/);
    expect(() => featureCentroid({ ways: 2, temperature: Number.NaN })).toThrow(/^IL102 featureCentroid/);
  });
});
