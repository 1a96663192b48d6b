import {
  accuracy,
  binaryCrossEntropy,
  type ColumnSpec,
  crossEntropy,
  type Evaluation,
  type Examples,
  episodes,
  evaluate,
  figureDifference,
  key,
  type Learner,
  type Loss,
  labelledExamples,
  maml,
  meanSquaredError,
  nearestNeighbour,
  type PooledMetric,
  pooledFigure,
  prototypicalNetwork,
  random,
  sgd,
  type Task,
  type TaskConfidence,
  type TaskMetric,
  type TaskSource,
  train,
  withMetrics,
} from "@innerloop/core";
import { linear } from "@innerloop/core/layers";
import { figuresOf, pooledEstimate } from "@innerloop/core/training";
import {
  add,
  argMax,
  compile,
  div,
  equal,
  greater,
  leaves,
  log,
  mul,
  ones,
  reshape,
  sliceAxis,
  softmax,
  sum,
  type Tensor,
  type Tree,
  tensor,
  toNumbers,
  where,
} from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

/** Points around three centres; `padding` rows of nonsense follow the queries, and are said not to be there. */
function points(padding: number): TaskSource {
  return {
    name: "points",
    description: { ways: 3 },
    spec: {
      x: { shape: [2], dtype: "float32" },
      y: { shape: [], dtype: "int32", classes: { count: 3 } },
      support: { rows: 6 },
      query: { rows: 12 + padding, ...(padding > 0 ? { present: true } : {}) },
    },
    sample: (seed, index): Task => {
      const source = random(seed, index);
      const centres = Array.from({ length: 3 }, () => [source.normal(), source.normal()] as const);
      const set = (each: number): Examples => {
        const y = Array.from({ length: 3 * each }, (_, i) => i % 3);
        const x = y.flatMap((c) => centres[c]!.map((at) => at + 0.5 * source.normal()));
        return { x: tensor(x, [y.length, 2], "float32"), y: tensor(y, [y.length], "int32") };
      };
      const [support, query] = [set(2), set(4)];
      if (padding === 0) return { support, query };
      const nonsense = Array.from({ length: 2 * padding }, (_, i) => 50 - 31 * i);
      const n = 12 + padding;
      return {
        support,
        query: {
          x: tensor([...toNumbers(query.x), ...nonsense], [n, 2], "float32"),
          y: tensor([...toNumbers(query.y), ...new Array<number>(padding).fill(1)], [n], "int32"),
          present: tensor(
            Array.from({ length: n }, (_, i) => (i < 12 ? 1 : 0)),
            [n],
            "float32",
          ),
        },
      };
    },
  };
}

const learner = (loss: Loss = crossEntropy, outputs = 3) =>
  maml({ model: linear({ inputs: 2, outputs }), loss, inner: sgd({ learningRate: 0.5 }), steps: 3 });
/** The confidence of each task in a row of an evaluation. */
const confidenceIn = ({ pooled }: Evaluation, row: number) =>
  pooled![row]!.calibrationError!.statistics.map((task) => {
    const { topProbability, correct } = task as TaskConfidence;
    return { topProbability: toNumbers(topProbability), correct: toNumbers(correct) };
  });
const given = { learner: learner(), params: learner().init(key(3)), count: 20, seed: 5, steps: [0, 3], executor };

describe("evaluation of a classifier", () => {
  test("says how sure each prediction is, and whether it is right", async () => {
    const tasks = points(0);
    const evaluation = await evaluate({ ...given, tasks });
    const { protocol, rows, values } = evaluation;
    const confidence = confidenceIn(evaluation, 1);
    const probabilities = compile(
      (params: Tree, support: Examples, x: Tensor) =>
        softmax(given.learner.predict(given.learner.adapt(params, support, { steps: 3 }), x), -1),
      { executor },
    );
    for (const index of [0, 7, 19]) {
      const { support, query } = tasks.sample(Number(protocol.seed), index);
      const p = toNumbers(await probabilities(given.params, support, query.x));
      const { topProbability, correct } = confidence[index]!;
      expect([topProbability.length, correct.length]).toEqual([12, 12]);
      Array.from(query.y.data!, Number).forEach((label, i) => {
        const row = p.slice(3 * i, 3 * i + 3);
        expect(topProbability[i]).toBeCloseTo(Math.max(...row), 5);
        expect(correct[i]).toBe(row[label] === Math.max(...row) ? 1 : 0);
      });
      const right = Array.from(correct).reduce((a, b) => a + b, 0) / 12;
      expect(values[1]!.accuracy![index]).toBeCloseTo(right, 6);
    }
    expect(rows.map(({ figures }) => Object.keys(figures))).toEqual([
      ["loss", "accuracy", "calibrationError"],
      ["loss", "accuracy", "calibrationError"],
    ]);
    expect(rows[1]!.figures.calibrationError).toEqual(pooledEstimate(evaluation.pooled![1]!.calibrationError!));
    expect(evaluation.figures).toEqual(figuresOf(crossEntropy));
    expect(rows[1]!.figures.calibrationError!.interval).toBeGreaterThan(0);
    expect(protocol.loss).toBe("negative log-likelihood");
  });

  test("leaves padding out of every figure", async () => {
    const whole = await evaluate({ ...given, tasks: points(0) });
    const padded = await evaluate({ ...given, tasks: points(5) });
    expect(padded.pooled![1]!.calibrationError!.statistics).toHaveLength(20);
    expect(Object.keys(padded.rows[1]!.figures)).toEqual(["loss", "accuracy", "calibrationError"]);
    for (const [row, { figures }] of padded.rows.entries()) {
      for (const [name, { mean, interval }] of Object.entries(figures)) {
        expect(mean, name).toBeCloseTo(whole.rows[row]!.figures[name]!.mean, 5);
        expect(interval, name).toBeCloseTo(whole.rows[row]!.figures[name]!.interval, 5);
      }
    }
  });

  test("is the same in chunks of one task", async () => {
    const tasks = points(2);
    const all = await evaluate({ ...given, tasks });
    const single = await evaluate({ ...given, tasks, memoryBudget: 1 });
    const others = confidenceIn(single, 1);
    confidenceIn(all, 1).forEach(({ topProbability }, task) => {
      topProbability.forEach((p, i) => {
        expect(others[task]!.topProbability[i]).toBeCloseTo(p, 5);
      });
    });
  });
});

test("a learner of fewer classes than the tasks have is refused, not judged on those that it knows", async () => {
  const narrow = learner(crossEntropy, 2);
  const asked = { learner: narrow, params: narrow.init(key(1)), executor, tasks: points(0) };
  await expect(evaluate(asked)).rejects.toThrow(
    /^ILR101 evaluate: tasks of 3 classes \(points\) for MAML, which tells 2 apart\. Make it with ways: 3/,
  );
  const metric = prototypicalNetwork({ model: linear({ inputs: 2, outputs: 2 }), ways: 2 });
  await expect(evaluate({ ...asked, learner: metric as Learner, params: metric.init(key(1)) })).rejects.toThrow(
    /^ILR101 evaluate: tasks of 3 classes \(points\) for prototypical network/,
  );
  const training = {
    tasks: points(0),
    optimizer: sgd({ learningRate: 0.1 }),
    metaBatchSize: 2,
    iterations: 1,
    executor,
  };
  await expect(train({ ...training, learner: narrow })).rejects.toThrow(/^ILR101 train: tasks of 3 classes/);
  await expect(train({ ...training, learner: metric as Learner })).rejects.toThrow(/^ILR101 train: tasks of 3 classes/);
});

test("float32 keeps the distances between inputs that are far from the origin", async () => {
  const far = (by: number): TaskSource => {
    const near = points(0);
    const moved = ({ x, y }: Examples): Examples => ({
      x: tensor(
        toNumbers(x).map((value) => value + by),
        x.shape,
        "float32",
      ),
      y,
    });
    return {
      ...near,
      sample: (seed, index) => {
        const { support, query } = near.sample(seed, index);
        return { support: moved(support), query: moved(query) };
      },
    };
  };
  const pixels = nearestNeighbour({ ways: 3 });
  const accuracy = async (by: number): Promise<number> => {
    const asked = { learner: pixels, params: pixels.init(key(0)), tasks: far(by), count: 50, executor };
    return (await evaluate(asked)).rows[0]!.figures.accuracy!.mean;
  };
  expect(await accuracy(20_000)).toBeCloseTo(await accuracy(0), 1);
});

describe("tasks of few classes", () => {
  const classes = Array.from({ length: 5 }, (_, c) => ({
    name: `c${c}`,
    // Class 0 lies among the others, which lie apart: its queries are hard.
    examples: Array.from({ length: 40 }, (_each, i) =>
      random(c, i).normal(c === 0 ? 0 : 3 * Math.cos(c), c === 0 ? 4 : 1),
    ),
  }));
  const data = labelledExamples({ name: "few", exampleShape: [1], classes });
  const evaluated = (ways: number, seen = false) => {
    const source = episodes(data, { ways, shots: 2, queries: 3 });
    const tasks = seen ? { ...source, pool: { ...source.pool!, seen: true as const } } : source;
    const pixels = nearestNeighbour({ ways });
    return evaluate({ learner: pixels, params: pixels.init(key(0)), tasks, count: 80, executor });
  };

  test("have an interval that counts them, from what classes do to tasks, or where tasks have all, to their queries", async () => {
    for (const ways of [2, 5]) {
      const { rows, draws, byClass, values } = await evaluated(ways);
      const { interval, poolInterval } = rows[0]!.figures.accuracy!;
      expect(draws).toMatchObject({ of: "classes", count: 5, examples: 200 });
      expect(poolInterval).toBeGreaterThan(2 * interval);
      expect(byClass === undefined).toBe(ways === 2);
      for (const [task, list] of (byClass?.[0]?.accuracy ?? []).entries()) {
        const mean = list.reduce((a, b) => a + b, 0) / ways;
        expect(mean).toBeCloseTo(values[0]!.accuracy![task]!, 5);
      }
    }
  });

  test("have none where training has seen these classes, and a difference of a learner to itself is 0", async () => {
    const { rows, draws } = await evaluated(2, true);
    expect(draws).toMatchObject({ count: 5, seen: true });
    expect(rows[0]!.figures.accuracy!.poolInterval).toBeUndefined();
    const all = await evaluated(5);
    const difference = figureDifference([all, 0, "accuracy"], [all, 0, "accuracy"]);
    expect(difference).toEqual({ mean: 0, interval: 0, poolInterval: 0 });
  });
});

test("of yes and no, the top probability is that of the likelier one", async () => {
  const tasks: TaskSource = {
    name: "signs",
    description: {},
    sample: (seed, index) => {
      const source = random(seed, index);
      const x = Array.from({ length: 8 }, () => source.normal());
      const set: Examples = {
        x: tensor(x, [4, 2], "float32"),
        y: tensor(
          x.slice(0, 4).map((v) => (v > 0 ? 1 : 0)),
          [4, 1],
          "float32",
        ),
      };
      return { support: set, query: set };
    },
  };
  const binary = learner(binaryCrossEntropy, 1);
  const params = binary.init(key(1));
  const evaluation = await evaluate({ ...given, learner: binary, params, tasks, steps: [0] });
  const [first] = confidenceIn(evaluation, 0);
  const logits = compile(
    (theta: Tree, x: Tensor) => binary.predict(binary.adapt(theta, { x, y: x }, { steps: 0 }), x),
    {
      executor,
    },
  );
  const { query } = tasks.sample(
    Number((await evaluate({ ...given, learner: binary, params, tasks })).protocol.seed),
    0,
  );
  toNumbers(await logits(params, query.x)).forEach((logit, i) => {
    const p = 1 / (1 + Math.exp(-logit));
    expect(first!.topProbability[i]).toBeCloseTo(Math.max(p, 1 - p), 5);
    expect(first!.correct[i]).toBe(p > 0.5 === (query.y.data![i] === 1) ? 1 : 0);
  });
  const right = first!.correct.reduce((a, b) => a + b, 0) / 4;
  expect(evaluation.values[0]!.accuracy![0]).toBeCloseTo(right, 6);
});

test("regression has no calibration", async () => {
  const tasks: TaskSource = {
    name: "lines",
    description: {},
    sample: (seed, index) => {
      const x = tensor([random(seed, index).normal(), 1, 2, 3], [2, 2], "float32");
      return { support: { x, y: x }, query: { x, y: x } };
    },
  };
  const regression = learner(meanSquaredError, 2);
  const evaluation = await evaluate({ ...given, learner: regression, params: regression.init(key(1)), tasks });
  expect(Object.keys(evaluation.rows[0]!.figures)).toEqual(["loss"]);
  expect(evaluation.pooled).toBeUndefined();
  expect(evaluation.protocol.loss).toBe("mean squared error");
  expect(leaves(regression.init(key(1))).length).toBe(2);
});

describe("figures of one's own", () => {
  /** nDCG of ranking the queries by how much they are of class 0: it looks at all of them together. */
  const discountedGain: TaskMetric = {
    name: "ndcg",
    title: "nDCG",
    better: "higher",
    compute: (logits, y, present = ones(y.shape)) => {
      const n = y.size;
      const gains = mul(where(equal(y, 0), 1, 0), present);
      const rank = (values: Tensor): Tensor => {
        const above = where(greater(reshape(values, [1, n]), reshape(values, [n, 1])), 1, 0);
        return add(sum(mul(above, reshape(present, [1, n])), -1), 1);
      };
      const gained = sum(div(gains, log(add(rank(reshape(sliceAxis(logits, -1, 0, 1), [n])), 1))));
      // Ties in the ideal order stand at one place, 1: a perfect ranking is told by the number of gains alone.
      return div(gained, sum(gains));
    },
  };
  /** Precision of class 0 over the queries of all tasks together. */
  const precision: PooledMetric = {
    name: "precision",
    title: "precision",
    better: "higher",
    share: true,
    pooled: pooledFigure({
      statistics: (logits: Tensor, y: Tensor, present = ones(y.shape)) => {
        const said = mul(where(equal(argMax(logits, -1), 0), 1, 0), present);
        return { said: sum(said), hits: sum(mul(said, where(equal(y, 0), 1, 0))) };
      },
      combine: (tasks) => {
        const counts = tasks.map(({ said, hits }) => [toNumbers(said)[0]!, toNumbers(hits)[0]!] as const);
        return (times) => {
          const total = (which: 0 | 1): number => counts.reduce((all, of, i) => all + times[i]! * of[which], 0);
          return total(1) / total(0);
        };
      },
    }),
  };
  const own = learner(withMetrics(crossEntropy, [discountedGain, precision]));

  test("are the same of padded tasks as of the tasks themselves, a ranking and a pooled one as well", async () => {
    const asked = { ...given, learner: own };
    const whole = await evaluate({ ...asked, tasks: points(0) });
    const padded = await evaluate({ ...asked, tasks: points(5) });
    for (const row of [0, 1]) {
      for (const name of ["ndcg", "precision", "accuracy", "loss", "calibrationError"]) {
        const [a, b] = [whole, padded].map(({ rows }) => rows[row]!.figures[name]!);
        expect(b!.mean, name).toBeCloseTo(a!.mean, 5);
        expect(b!.interval, name).toBeCloseTo(a!.interval, 5);
      }
      padded.values[row]!.ndcg!.forEach((value, task) => {
        expect(value).toBeCloseTo(whole.values[row]!.ndcg![task]!, 5);
      });
    }
    expect(whole.figures.map(({ name }) => name)).toEqual([
      "ndcg",
      "loss",
      "accuracy",
      "precision",
      "calibrationError",
    ]);
  });

  test("that are pooled are differences of the pools, and are compared with nothing else", async () => {
    const asked = { ...given, learner: own, tasks: points(2) };
    const [all, some] = [await evaluate(asked), await evaluate({ ...asked, count: 12 })];
    expect(figureDifference([all, 1, "precision"], [all, 1, "precision"])).toEqual({ mean: 0, interval: 0 });
    const learned = figureDifference([all, 1, "precision"], [all, 0, "precision"]);
    const [after, before] = [1, 0].map((row) => all.rows[row]!.figures.precision!.mean);
    expect(learned.mean).toBeCloseTo(after! - before!, 12);
    const shorter = figureDifference([some, 1, "precision"], [all, 1, "precision"], { tasks: 12 });
    expect(shorter).toEqual({ mean: 0, interval: 0 });
    expect(() => figureDifference([all, 1, "precision"], [all, 1, "accuracy"])).toThrow(
      /^ILR101 figureDifference: there are no values of precision of MAML to compare. Its figures are ndcg, /,
    );
  });

  test("that take no mask are refused where tasks are padded, by name", async () => {
    const plain: Loss = Object.assign((logits: Tensor, y: Tensor) => crossEntropy(logits, y), { title: "my loss" });
    const blind: TaskMetric = { ...accuracy, name: "mine", title: "mine", compute: (z, y) => accuracy.compute(z, y) };
    const pooled: PooledMetric = {
      name: "blind",
      title: "blind",
      pooled: { ...precision.pooled, statistics: (logits, y) => precision.pooled.statistics(logits, y) },
    };
    const refused = (loss: Loss) => evaluate({ ...given, learner: learner(loss), tasks: points(5) });
    await expect(refused(plain)).rejects.toThrow(/^ILR107 my loss: it takes no mask, and some of the 17 rows/);
    await expect(refused(withMetrics(crossEntropy, [blind]))).rejects.toThrow(/^ILR107 mine: it takes no mask/);
    await expect(refused(withMetrics(crossEntropy, [pooled]))).rejects.toThrow(/^ILR107 blind: it takes no mask/);
    const evaluated = await evaluate({ ...given, learner: learner(plain), tasks: points(0) });
    const usual = await evaluate({ ...given, tasks: points(0) });
    expect(evaluated.rows[1]!.figures.loss!.mean).toBeCloseTo(usual.rows[1]!.figures.loss!.mean, 6);
  });
});

describe("a table of targets in units", () => {
  const lines = (targets: readonly ColumnSpec[]): TaskSource => ({
    name: "lines",
    description: {},
    spec: {
      x: { shape: [targets.length], dtype: "float32" },
      y: { shape: [targets.length], dtype: "float32", columns: targets },
      support: { rows: 4 },
      query: { rows: 4 },
    },
    sample: (seed, index) => {
      const source = random(seed, index);
      const x = tensor(
        Array.from({ length: 4 * targets.length }, () => source.normal()),
        [4, targets.length],
        "float32",
      );
      return { support: { x, y: x }, query: { x, y: x } };
    },
  });
  const minutes = { name: "minutes", mean: 10, deviation: 3 };
  const evaluated = async (targets: readonly ColumnSpec[]) => {
    const n = targets.length;
    const regression = maml({
      model: linear({ inputs: n, outputs: n }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.1 }),
      steps: 1,
    });
    return evaluate({
      ...given,
      learner: regression,
      params: regression.init(key(1)),
      tasks: lines(targets),
      steps: [0],
    });
  };

  test("leads with the error in the unit of the one target, and of several with the loss", async () => {
    const one = await evaluated([minutes]);
    expect(one.figures.map(({ title }) => title)).toEqual([
      "root mean squared error of minutes",
      "mean squared error",
      "mean absolute error of minutes",
    ]);
    expect(one.values[0]!["rootMeanSquaredError of minutes"]![0]).toBeCloseTo(
      3 * Math.sqrt(one.values[0]!.loss![0]!),
      5,
    );
    const two = await evaluated([minutes, { name: "euros", mean: 0, deviation: 1 }]);
    expect(two.figures[0]!.title).toBe("mean squared error");
    expect(two.figures).toHaveLength(5);
  });
});
