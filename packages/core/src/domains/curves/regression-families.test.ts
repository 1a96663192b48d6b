import { describe, expect, it, test } from "vitest";
import { type FineTuningOptions, jointTraining } from "../../learners/baselines/baselines.js";
import { type MamlOptions, maml } from "../../learners/gradient/maml.js";
import { meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { numbersOf } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import { type Examples, type Task, type TaskSource, withoutPadding } from "../../tasks/task.js";
import { type CurveTaskOptions, curveTasks } from "./curve-tasks.js";
import { gaussianProcesses, harmonics, lines, steps } from "./regression-families.js";
import { sinusoids } from "./sinusoid.js";

const families: Readonly<Record<string, (options: CurveTaskOptions) => TaskSource>> = {
  sinusoids,
  harmonics,
  lines,
  steps,
  gaussianProcesses,
};
const named = Object.entries(families);

const points = ({ x, y }: Examples): [x: number, y: number][] =>
  Array.from(x.data as Float32Array, (value, i) => [value, Number(y.data![i])]);
const allPoints = ({ support, query }: Task) => [...points(support), ...points(query)];
const bits = (task: Task): string => numbersOf(task).join("|");

describe.each(named)("%s", (_name, family) => {
  it("has tasks of the stated shapes, a function of their address", () => {
    const source = family({ shots: 4, queries: 7 });
    const { support, query } = source.sample(1, 2);
    expect([support.x, support.y].map(({ shape, dtype }) => [shape, dtype])).toEqual([
      [[4, 1], "float32"],
      [[4, 1], "float32"],
    ]);
    expect([query.x.shape, query.y.shape]).toEqual([
      [7, 1],
      [7, 1],
    ]);
    expect(support.present ?? query.present).toBeUndefined();
    expect(bits(source.sample(1, 2))).toBe(bits(source.sample(1, 2)));
    expect(bits(source.sample(1, 2))).not.toBe(bits(source.sample(1, 3)));
    expect(bits(source.sample(1, 2))).not.toBe(bits(source.sample(2, 2)));
    expect(allPoints(source.sample(1, 2)).flat().every(Number.isFinite)).toBe(true);
    expect(family({}).sample(1, 0).query.x.shape).toEqual([10, 1]);
    expect(source.description).toMatchObject({ shots: 4, queries: 7 });
    expect(source.spec?.y.classes).toBeUndefined();
  });

  it("pads tasks that vary to the largest", () => {
    const source = family({ shots: { from: 2, to: 6 }, queries: { from: 1, to: 3 }, noise: 0.5 });
    expect(source.description).toMatchObject({ shots: "2 to 6", queries: "1 to 3", noise: 0.5 });
    const seen = new Map<string, number>();
    const n = 3000;
    for (let index = 0; index < n; index++) {
      const task = source.sample(1, index);
      const counts = [task.support, task.query].map(({ x, y, present }) => {
        const rows = (present!.data as Float32Array).reduce((a, b) => a + b, 0);
        const after = [x, y, present!].flatMap(({ data }) => Array.from((data as Float32Array).subarray(rows)));
        expect(after.every((value) => value === 0)).toBe(true);
        expect((present!.data as Float32Array).subarray(0, rows).every((value) => value === 1)).toBe(true);
        expect(x.shape).toEqual(y.shape);
        return rows;
      });
      expect([task.support.x.shape[0], task.query.x.shape[0]]).toEqual([6, 3]);
      seen.set(counts.join(), (seen.get(counts.join()) ?? 0) + 1);
    }
    expect(seen.size).toBe(15);
    for (const count of seen.values()) expect(Math.abs(count - n / 15) / Math.sqrt((n * 14) / 225)).toBeLessThan(5);
  });
});

test("queries are as many as the most shots unless given", () => {
  const { query } = lines({ shots: { from: 1, to: 4 } }).sample(1, 0);
  expect(query.present!.data).toEqual(new Float32Array([1, 1, 1, 1]));
});

test("a curve does not depend on how many points it is looked at", () => {
  const slopeOf = (options: CurveTaskOptions) => {
    const [[x0, y0], [x1, y1]] = allPoints(withoutPadding(lines(options).sample(3, 8))) as [
      [number, number],
      [number, number],
    ];
    return (y1 - y0) / (x1 - x0);
  };
  expect(slopeOf({ shots: { from: 2, to: 9 } })).toBeCloseTo(slopeOf({ shots: 2 }), 4);
});

test("harmonics are sums of a sine and one of twice its frequency, of mean square 1", () => {
  const source = harmonics({ shots: 4, queries: 8, frequency: [6, 6] });
  const basis = (x: number) => [Math.sin(6 * x), Math.cos(6 * x), Math.sin(12 * x), Math.cos(12 * x)];
  let checked = 0;
  for (let index = 0; index < 20; index++) {
    const task = source.sample(2, index);
    const { coefficients, determinant } = solved(points(task.support).map(([x, y]) => [...basis(x), y]));
    // Where the four points tell little of the curve, rounding is all that one sees.
    if (Math.abs(determinant) < 0.05) continue;
    checked++;
    for (const [x, y] of points(task.query)) {
      const value = basis(x).reduce((sum, b, i) => sum + b * coefficients[i]!, 0);
      expect(Math.abs(value - y)).toBeLessThan(1e-3);
    }
  }
  expect(checked).toBeGreaterThan(10);
  const n = 4000;
  const squares = Array.from(
    { length: n },
    (_, i) => Number(harmonics({ shots: 1 }).sample(1, i).support.y.data![0]!) ** 2,
  );
  const mean = squares.reduce((a, b) => a + b, 0) / n;
  const deviation = Math.sqrt(squares.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
  expect(Math.abs(mean - 1)).toBeLessThan((4 * deviation) / Math.sqrt(n));
});

/** The solution of rows [a..., b] by Gaussian elimination, and the determinant. */
function solved(rows: readonly (readonly number[])[]): { coefficients: number[]; determinant: number } {
  const a = rows.map((row) => [...row]);
  const n = a.length;
  let determinant = 1;
  for (let c = 0; c < n; c++) {
    const pivot = a.slice(c).reduce((best, row, i) => (Math.abs(row[c]!) > Math.abs(a[best]![c]!) ? c + i : best), c);
    [a[c], a[pivot]] = [a[pivot]!, a[c]!];
    determinant *= a[c]![c]!;
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const factor = a[r]![c]! / a[c]![c]!;
      a[r] = a[r]!.map((value, k) => value - factor * a[c]![k]!);
    }
  }
  return { coefficients: a.map((row, i) => row[n]! / row[i]!), determinant };
}

test("lines are straight, with slopes and intercepts of the ranges; noise has its deviation", () => {
  const options = { shots: 2, queries: 3, slope: [1, 2], intercept: [-1, 0] } as const;
  for (let index = 0; index < 50; index++) {
    const task = lines(options).sample(1, index);
    const [first, second] = points(task.support) as [[number, number], [number, number]];
    const slope = (second[1] - first[1]) / (second[0] - first[0]);
    const intercept = first[1] - slope * first[0];
    if (Math.abs(first[0] - second[0]) < 0.1) continue;
    expect(slope > 0.9999 && slope < 2.0001 && intercept > -1.0001 && intercept < 0.0001).toBe(true);
    for (const [x, y] of points(task.query)) expect(slope * x + intercept).toBeCloseTo(y, 3);
  }
  // The same curves and inputs with noise and without: the differences are the noise.
  const noisy = lines({ ...options, noise: 0.5 });
  const n = 1000;
  const noise = Array.from({ length: n }, (_, i) => {
    const [with_, without] = [noisy.sample(1, i), lines(options).sample(1, i)];
    return allPoints(with_).map(([x, y], j) => {
      const [sameX, clean] = allPoints(without)[j]!;
      expect(x).toBe(sameX);
      return y - clean;
    });
  }).flat();
  const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
  const variance = noise.reduce((a, b) => a + b * b, 0) / noise.length;
  expect(Math.abs(mean)).toBeLessThan((5 * 0.5) / Math.sqrt(5 * n));
  expect(Math.abs(variance - 0.25)).toBeLessThan(5 * 0.25 * Math.sqrt(2 / (5 * n)));
});

test("steps have so many pieces at most, each an interval of its own level", () => {
  const pieces: number[] = [];
  for (let index = 0; index < 100; index++) {
    const sorted = allPoints(steps({ shots: 40, queries: 40, pieces: 4 }).sample(1, index)).sort((a, b) => a[0] - b[0]);
    const changes = sorted.filter(([, y], i) => i > 0 && y !== sorted[i - 1]![1]).length;
    const levels = new Set(sorted.map(([, y]) => y));
    expect(levels.size).toBe(changes + 1);
    expect([...levels].every((y) => y >= -3 && y < 3)).toBe(true);
    pieces.push(levels.size);
  }
  expect(Math.max(...pieces)).toBe(4);
  expect(pieces.filter((n) => n === 4).length).toBeGreaterThan(50);
});

test("Gaussian processes have the covariance of their kernel", () => {
  const source = gaussianProcesses({
    shots: 1,
    queries: 1,
    lengthScale: [0.5, 0.5],
    deviation: [2, 2],
    noise: 0,
    x: [0, 1],
  });
  const kernel = (distance: number, lengthScale: number) => 4 * Math.exp((-0.5 * distance ** 2) / lengthScale ** 2);
  /** How far the products of two values are from a kernel's covariances, in deviations of that sum. */
  const disagreement = (lengthScale: number): number => {
    let [sum, variance] = [0, 0];
    for (let index = 0; index < 4000; index++) {
      const [[x0, y0], [x1, y1]] = allPoints(source.sample(6, index)) as [[number, number], [number, number]];
      const k = kernel(x0 - x1, lengthScale);
      sum += y0 * y1 - k;
      variance += 16 + k * k;
    }
    return Math.abs(sum) / Math.sqrt(variance);
  };
  expect(disagreement(0.5)).toBeLessThan(4);
  expect(disagreement(0.35)).toBeGreaterThan(5);
  expect(disagreement(0.75)).toBeGreaterThan(5);
  // Many points close together: the matrix is singular but for the jitter.
  const crowded = gaussianProcesses({ shots: 100, queries: 100, x: [0, 0.01] });
  for (let index = 0; index < 5; index++)
    expect(allPoints(crowded.sample(1, index)).flat().every(Number.isFinite)).toBe(true);
});

test("a family of one's own is a function from random numbers to a curve", () => {
  const parabolas = curveTasks(
    {
      name: "parabolas",
      description: { a: "1 to 2" },
      curve: (source) => {
        const a = source.uniform(1, 2);
        return { input: () => source.uniform(-1, 1), values: (x) => x.map((value) => a * value * value) };
      },
    },
    { shots: 3 },
  );
  const [[x, y], [z, w]] = allPoints(parabolas.sample(1, 0)) as [[number, number], [number, number]];
  expect(y / (x * x)).toBeCloseTo(w / (z * z), 4);
  expect(parabolas.description).toEqual({ shots: 3, queries: 3, a: "1 to 2" });
});

test("a family whose values are no numbers, or too few, is refused", () => {
  const made = (values: (x: Float32Array) => Float32Array, input = () => 1) =>
    curveTasks({ name: "odd", description: {}, curve: () => ({ input, values }) }, { shots: 3 });
  expect(() => made(() => Float32Array.of(7)).sample(0, 0)).toThrow(/^ILT301 odd: 1 values for 6 inputs/);
  expect(() => made((x) => x.map(() => Number.NaN)).sample(0, 0)).toThrow(/^ILT302 odd: NaN among the values/);
  const endless = () => Number.POSITIVE_INFINITY;
  expect(() => made((x) => x, endless).sample(0, 0)).toThrow(/^ILT302 odd: Infinity among the inputs/);
});

test.each([
  ["MAML", (options: MamlOptions) => maml(options)],
  ["joint pre-training", (options: FineTuningOptions) => jointTraining(options)],
] as const)("%s: a padded curve has the loss and gradient of the same one unpadded", (_name, make) => {
  const model = mlp({ sizes: [1, 4, 1], activation: "tanh" });
  const learner = make({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.05 }), steps: 2 });
  const source = sinusoids({ shots: { from: 1, to: 6 }, queries: { from: 1, to: 6 } });
  for (let index = 0; index < 4; index++) {
    const task = source.sample(1, index);
    const found = [task, withoutPadding(task)].map((t) => {
      const { loss, gradient } = learner.metaGradient(learner.init(key(1)), t);
      return numbersOf({ loss, gradient }).flat();
    });
    // Means are products with 1/n, a float32 constant where n is fixed.
    found[0]!.forEach((value, i) => {
      expect(Math.abs(value - found[1]![i]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
    });
  }
});

test("options that make no family are refused", () => {
  expect(() => lines({ shots: { from: 3, to: 1 } })).toThrow(/ILT201 lines: shots\.to is 1/);
  expect(() => lines({ slope: [1, Number.NaN] })).toThrow(
    /ILT201 lines: slope is \[1, NaN\]\. Give two finite numbers/,
  );
  expect(() => harmonics({ frequency: [2, 1] })).toThrow(/ILT201 harmonics: frequency is \[2, 1\]/);
  expect(() => harmonics({ noise: -1 })).toThrow(/ILT201 harmonics: noise is -1\. Give a standard deviation/);
  expect(() => steps({ pieces: 0 })).toThrow(/ILT201 steps: pieces is 0/);
  expect(() => gaussianProcesses({ lengthScale: [0, 1] })).toThrow(/ILT201 gaussianProcesses: lengthScale begins at 0/);
});
