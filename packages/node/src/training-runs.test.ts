import {
  adam,
  anil,
  boil,
  convNet,
  crossEntropy,
  episodes,
  evaluate,
  fomaml,
  fromScratch,
  jointTraining,
  key,
  type Layer,
  type Learner,
  labelledExamples,
  linearSchedule,
  maml,
  meanSquaredError,
  metaSgd,
  mlp,
  nearestNeighbour,
  prototypicalNetwork,
  random,
  reptile,
  sgd,
  sinusoids,
  type TaskSource,
  type TrainingEvent,
  train,
} from "@innerloop/core";
import { batchNorm, dropout, linear, relu, sequential } from "@innerloop/core/layers";
import { type Executor, leaves, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { workerPoolExecutor } from "./executor/worker-pool-executor.js";
import { lineOf, MemoryStore, sinusoidRun } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const small = sinusoidRun(executor);
const valuesOf = (tree: Tree): number[][] => leaves(tree).map((leaf) => Array.from(leaf.data as Float32Array));
const flatValues = (tree: Tree): number[] => valuesOf(tree).flat();
const largestDifference = (a: Tree, b: Tree): number => {
  const other = flatValues(b);
  return flatValues(a).reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
};

describe("MAML on sinusoids", () => {
  test("a few hundred updates make held-out tasks better after a step, and far better after ten", async () => {
    const run = await train({ ...small, metaBatchSize: 25, iterations: 500 });
    const { rows, protocol } = await run.evaluate({ count: 200, steps: [0, 1, 10] });
    const untrained = await evaluate({
      learner: small.learner,
      params: small.learner.init(key(3)),
      tasks: small.tasks,
      count: 200,
      executor,
    });
    const loss = rows.map((row) => row.figures.loss!);
    expect(loss[1]!.mean + loss[1]!.interval).toBeLessThan(loss[0]!.mean - loss[0]!.interval);
    expect(loss[2]!.mean + loss[2]!.interval).toBeLessThan(0.7 * loss[0]!.mean);
    expect(loss[2]!.mean).toBeLessThan(0.5 * untrained.rows[1]!.figures.loss!.mean);
    expect(protocol).toMatchObject({ family: "sinusoids", shots: 10, order: 2, tasks: 200 });
  });

  test("a trained run adapts to a user's own points and predicts", async () => {
    const run = await train({ ...small, iterations: 300 });
    const x = [[-3], [-1.5], [0], [1], [2], [3.5]];
    const y = x.map(([at]) => [3 * Math.sin(at! - 1)]);
    const error = async (steps: number): Promise<number> => {
      const task = await run.adapt({ x, y }, { steps });
      const predicted = await task.predict(x);
      expect(predicted.shape).toEqual([6, 1]);
      return y.reduce((total, [wanted], i) => total + (Number(predicted.data![i]) - wanted!) ** 2, 0);
    };
    expect(await error(10)).toBeLessThan(0.7 * (await error(0)));
    // Adapting leaves the run as it was.
    expect(await error(0)).toBe(await error(0));
  });
});

/** Points of three blobs per class in a plane, far fewer than a model needs without learning to learn. */
function blobs(): TaskSource {
  const source = random(4);
  const classes = Array.from({ length: 12 }, (_, i) => {
    const centre = [source.uniform(-2, 2), source.uniform(-2, 2), source.uniform(-2, 2), source.uniform(-2, 2)];
    const examples = Array.from({ length: 8 }, () => centre.map((value) => value + source.normal(0, 0.2)));
    return { name: `class ${i}`, examples };
  });
  return episodes(labelledExamples({ name: "blobs", exampleShape: [2, 2], classes }), {
    ways: 3,
    shots: 2,
    queries: 3,
  });
}

describe("every learner trains on onnxruntime, and its loss falls", () => {
  const model = mlp({ sizes: [4, 16, 3], activation: "tanh" });
  const inner = sgd({ learningRate: 0.2 });
  const options = { model, loss: crossEntropy, inner };
  const layers = (...list: readonly Layer[]): Layer => sequential(list);
  const flatInput = mlp({ sizes: [4, 16], activation: "tanh" });
  const images = convNet({ imageShape: [2, 2, 1], ways: 3, filters: 4, blocks: 1 });
  const learners: readonly (readonly [string, Learner])[] = [
    ["MAML", maml({ ...options, steps: 2 })],
    ["FOMAML", fomaml({ ...options, steps: 2 })],
    ["ANIL", anil(options)],
    ["BOIL", boil(options)],
    ["Meta-SGD", metaSgd({ model, loss: crossEntropy, learningRate: 0.2 })],
    ["Reptile", reptile({ ...options, steps: 3, innerBatchSize: 4 })],
    ["joint pre-training", jointTraining(options)],
    ["MAML with inner Adam", maml({ ...options, inner: adam({ learningRate: 0.02 }), steps: 2 })],
    ["MAML with transductive batch normalisation", maml({ ...options, model: images })],
    [
      "MAML with the support set's statistics",
      maml({
        ...options,
        model: convNet({ imageShape: [2, 2, 1], ways: 3, filters: 4, blocks: 1, batchNorm: "support" }),
      }),
    ],
    [
      "MAML with running statistics",
      maml({
        ...options,
        model: layers(
          flatInput,
          batchNorm({ channels: 16, mode: "running" }),
          relu(),
          linear({ inputs: 16, outputs: 3 }),
        ),
      }),
    ],
    [
      "Meta-SGD with running statistics",
      metaSgd({
        model: layers(
          flatInput,
          batchNorm({ channels: 16, mode: "running" }),
          relu(),
          linear({ inputs: 16, outputs: 3 }),
        ),
        loss: crossEntropy,
      }),
    ],
    ["prototypical network", prototypicalNetwork({ model: flatInput, ways: 3 })],
    [
      "MAML with dropout",
      maml({ ...options, model: layers(flatInput, dropout({ rate: 0.2 }), linear({ inputs: 16, outputs: 3 })) }),
    ],
  ];

  test.each(learners)("%s", async (name, learner) => {
    const losses: number[] = [];
    const run = await train({
      learner,
      tasks: blobs(),
      optimizer: name === "Reptile" ? sgd({ learningRate: linearSchedule(1, 0.2, 60) }) : adam({ learningRate: 0.02 }),
      metaBatchSize: 6,
      iterations: 60,
      executor,
      onEvent: (event) => {
        if (event.type === "iteration") losses.push(event.loss);
      },
    });
    const mean = (list: number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    if (name !== "joint pre-training") expect(mean(losses.slice(-15))).toBeLessThan(0.9 * mean(losses.slice(0, 5)));
    const { rows } = await run.evaluate({ count: 30 });
    for (const row of rows) {
      expect(Object.keys(row.figures)).toEqual(["loss", "accuracy", "calibrationError"]);
      expect(row.figures.loss!.mean).toBeGreaterThan(0);
    }
    const task = await run.adapt({
      x: [
        [
          [0, 0],
          [0, 0],
        ],
        [
          [1, 1],
          [1, 1],
        ],
        [
          [2, 1],
          [0, 1],
        ],
      ],
      y: [0, 1, 2],
    });
    expect(
      (
        await task.predict([
          [
            [1, 1],
            [1, 1],
          ],
        ])
      ).shape,
    ).toEqual([1, 3]);
  });

  test("running statistics move in training, and weight decay leaves them alone", async () => {
    const normal = layers(flatInput, batchNorm({ channels: 16, mode: "running" }), linear({ inputs: 16, outputs: 3 }));
    const averages = async (weightDecay: number, chunkSize: number) => {
      const run = await train({
        learner: maml({ ...options, model: normal, inner: sgd({ learningRate: 0 }) }),
        tasks: blobs(),
        // At a rate of 0 the weights stay, so that decay could only show in the averages.
        optimizer: sgd({ learningRate: 0, momentum: 0.9, weightDecay }),
        metaBatchSize: 6,
        iterations: 40,
        chunkSize,
        executor,
      });
      const { runningMean, runningVariance } = (run.params as Record<string, Record<string, Tensor>>)["1"]!;
      return [
        Array.from(runningMean!.data as Float32Array),
        Array.from(runningVariance!.data as Float32Array),
      ] as const;
    };
    const [means, variances] = await averages(0, 6);
    expect(Math.max(...means.map(Math.abs))).toBeGreaterThan(0.05);
    for (const variance of variances) expect(variance).toBeGreaterThan(0);
    expect(await averages(0.5, 6)).toEqual([means, variances]);
    const [chunked] = await averages(0.5, 4);
    chunked.forEach((value, i) => {
      expect(value).toBeCloseTo(means[i]!, 5);
    });
  });

  test("baselines are evaluated on the same tasks", async () => {
    const tasks = blobs();
    const evaluated = await Promise.all(
      [fromScratch({ ...options, steps: 20 }), nearestNeighbour({ ways: 3 })].map((learner) =>
        evaluate({ learner, params: learner.init(key(1)), tasks, count: 50, executor }),
      ),
    );
    expect(evaluated[0]!.rows.map((row) => row.steps)).toEqual([0, 20]);
    expect(evaluated[1]!.rows.map((row) => row.steps)).toEqual([0]);
    const [before, after] = evaluated[0]!.rows.map((row) => row.figures.accuracy!.mean);
    expect(after!).toBeGreaterThan(before! + 0.1);
    expect(evaluated[1]!.rows[0]!.figures.accuracy!.mean).toBeGreaterThan(0.8);
    expect(evaluated[0]!.protocol.seed).toBe(evaluated[1]!.protocol.seed);
  });
});

describe("chunks", () => {
  const losses = async (chunkSize: number, on: Executor = executor): Promise<{ losses: number[]; params: Tree }> => {
    const seen: number[] = [];
    const run = await train({
      ...small,
      executor: on,
      chunkSize,
      onEvent: (event) => {
        if (event.type === "iteration") seen.push(event.loss);
      },
    });
    return { losses: seen, params: run.params };
  };

  test("3 of 8 at a time is the same as all at once, but for rounding", async () => {
    const [whole, chunked] = [await losses(8), await losses(3)];
    whole.losses.forEach((value, i) => {
      expect(Math.abs(value - chunked.losses[i]!)).toBeLessThan(1e-5 * Math.abs(value));
    });
    expect(largestDifference(whole.params, chunked.params)).toBeLessThan(1e-5);
  });

  test("the worker pool's result is that of one thread, bit for bit", async () => {
    const pool = workerPoolExecutor({ workers: 2 });
    try {
      for (const chunkSize of [3, 4]) {
        const [many, one] = [await losses(chunkSize, pool), await losses(chunkSize)];
        expect(many.losses).toEqual(one.losses);
        expect(flatValues(many.params)).toEqual(flatValues(one.params));
      }
    } finally {
      await pool.close();
    }
  });

  test("is kept by what resumes, and so is recomputation", async () => {
    const store = new MemoryStore();
    const checkpoints = { store, every: 5 };
    await train({ ...small, iterations: 5, chunkSize: 3, recompute: true, checkpoints });
    const events: TrainingEvent[] = [];
    await train({
      ...small,
      iterations: 6,
      checkpoints: { ...checkpoints, resume: true },
      onEvent: (event) => events.push(event),
    });
    expect(events[0]).toMatchObject({ type: "start", iteration: 5, chunkSize: 3, recompute: 1 });
  });
});

describe("events", () => {
  test("come in order", async () => {
    const lines: string[] = [];
    await train({
      ...small,
      iterations: 5,
      validation: { every: 2, count: 20 },
      checkpoints: { store: new MemoryStore(), every: 4 },
      onEvent: (event) => {
        if (event.type !== "warning") lines.push(lineOf(event));
      },
    });
    expect(lines).toEqual([
      "start 0",
      "iteration 1",
      "iteration 2",
      "validation 2",
      "iteration 3",
      "iteration 4",
      "validation 4",
      "checkpoint 4",
      "iteration 5",
      "validation 5",
      "checkpoint 5",
      "end 5 finished",
    ]);
  });

  test("of a run of no iterations are start and end, and the parameters are the first ones", async () => {
    const lines: string[] = [];
    const run = await train({ ...small, iterations: 0, onEvent: (event) => lines.push(lineOf(event)) });
    expect(lines).toEqual(["start 0", "end 0 finished"]);
    expect(flatValues(run.params)).toEqual(flatValues(small.learner.init(key(3))));
  });

  const warnings = async (learner: Learner): Promise<string[]> => {
    const found: string[] = [];
    await train({
      ...small,
      learner,
      iterations: 4,
      validation: { every: 4, count: 20 },
      onEvent: (event) => {
        if (event.type === "warning") found.push(event.message);
      },
    });
    return found;
  };
  const withRate = (learningRate: number) =>
    fomaml({
      model: mlp({ sizes: [1, 8, 1], activation: "tanh" }),
      loss: meanSquaredError,
      inner: sgd({ learningRate }),
    });

  test("warn where adaptation does not help: with an absurd rate, and with none; not with a good one", async () => {
    expect(await warnings(withRate(5))).toEqual([expect.stringMatching(/adaptation does not help: .* after 1 step\./)]);
    expect(await warnings(withRate(0))).toHaveLength(1);
    expect(await warnings(withRate(0.02))).toEqual([]);
  });
});

describe("early stop", () => {
  // With an outer rate of 0 nothing ever gets better than the first validation.
  const stuck = {
    ...small,
    optimizer: sgd({ learningRate: 0 }),
    iterations: 20,
    validation: { every: 2, count: 10, patience: 3 },
  };

  test("after so many validations without a better one; what resumes stays stopped, with equal bytes", async () => {
    const store = new MemoryStore();
    const checkpoints = { store, every: 100 };
    const run = await train({ ...stuck, checkpoints });
    expect([run.reason, run.iteration]).toEqual(["early stop", 8]);
    expect(store.saved.map(({ name }) => name)).toEqual(["best", "last"]);
    const again = await train({ ...stuck, checkpoints: { ...checkpoints, resume: true } });
    expect([again.reason, again.iteration]).toEqual(["early stop", 8]);
    expect(flatValues(again.params)).toEqual(flatValues(run.params));
  });

  test("not while it gets better", async () => {
    const run = await train({
      ...small,
      iterations: 12,
      optimizer: adam({ learningRate: 3e-3 }),
      validation: { every: 4, count: 20, patience: 3 },
    });
    expect([run.reason, run.iteration]).toEqual(["finished", 12]);
  });
});

describe("errors", () => {
  const diverging = { ...small, optimizer: sgd({ learningRate: 1e12 }) };

  test("a loss that is no number ends the run with ILR102, and no checkpoint holds such parameters", async () => {
    const store = new MemoryStore();
    await expect(train({ ...diverging, checkpoints: { store, every: 1 } })).rejects.toThrow(
      /^ILR102 train: .*(loss|parameter)/,
    );
    for (const { bytes } of store.saved) {
      const values = new Float32Array(bytes.slice(8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))).buffer);
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  test("parameters that are no numbers are not handed back, though the last loss was one", async () => {
    await expect(
      train({ ...small, optimizer: sgd({ learningRate: Number.MAX_VALUE }), iterations: 1 }),
    ).rejects.toThrow(/^ILR102 train: parameter .* after iteration 1/);
  });

  test("a validation that is no number is never the best one", async () => {
    const store = new MemoryStore();
    const source = sinusoids({ shots: 10 });
    const broken: TaskSource = {
      ...source,
      sample: (seed, index) => {
        const { support, query } = source.sample(seed, index);
        return {
          support,
          // Its square is beyond float32.
          query: { x: query.x, y: tensor(new Float32Array(query.y.size).fill(1e30), query.y.shape) },
        };
      },
    };
    await train({
      ...small,
      iterations: 2,
      tasks: { train: source, validation: broken },
      validation: { every: 1, count: 2 },
      checkpoints: { store, every: 1 },
    });
    expect(store.saved.map(({ name }) => name)).toEqual(["last", "last"]);
    await train({ ...small, iterations: 3, checkpoints: { store, every: 1, resume: true } });
  });

  test.each([
    ["metaBatchSize", { metaBatchSize: 0 }],
    ["iterations", { iterations: -1 }],
    ["iterations", { iterations: 1.5 }],
    ["chunkSize", { chunkSize: 0 }],
    ["validation.every", { validation: { every: 0 } }],
    ["validation.count", { validation: { every: 1, count: 0 } }],
    ["validation.patience", { validation: { every: 1, patience: 0 } }],
    ["checkpoints.every", { checkpoints: { every: 0, store: new MemoryStore() } }],
  ])("%s out of range: ILR101", async (name, options) => {
    await expect(train({ ...small, ...options })).rejects.toThrow(new RegExp(`^ILR101 ${name.replace(".", "\\.")}`));
  });

  test("tasks of other shapes: ILR105 of a source that says which, ILR101 of one that does not", async () => {
    const [two, three] = [sinusoids({ shots: 2 }), sinusoids({ shots: 3 })];
    const mixed: TaskSource = { ...two, sample: (seed, index) => (index % 2 ? three : two).sample(seed, index) };
    await expect(train({ ...small, tasks: mixed })).rejects.toThrow(
      /^ILR105 train: task 1 of sinusoids: support\.x is float32\[3, 1\], and its spec says float32\[2, 1\]/,
    );
    const { spec: _, ...undeclared } = mixed;
    await expect(train({ ...small, tasks: undeclared })).rejects.toThrow(/^ILR101 tasks/);
  });

  test("evaluation refuses counts and steps that are none", async () => {
    const given = { learner: small.learner, params: small.learner.init(key(0)), tasks: small.tasks, executor };
    await expect(evaluate({ ...given, count: 0 })).rejects.toThrow(/^ILR101 count/);
    await expect(evaluate({ ...given, steps: [1, -1] })).rejects.toThrow(/^ILR101 steps/);
    await expect(evaluate({ ...given, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

describe("evaluation", () => {
  const params = small.learner.init(key(1));
  const given = { learner: small.learner, params, tasks: small.tasks, count: 50, executor, seed: 1 };

  test("has mean and 95% interval over tasks, and each task's value at its address", async () => {
    const { rows, values } = await evaluate({ ...given, steps: [0, 1, 4] });
    expect(rows.map((row) => row.steps)).toEqual([0, 1, 4]);
    rows.forEach((row, i) => {
      const list = [...values[i]!.loss!];
      const mean = list.reduce((a, b) => a + b, 0) / 50;
      const deviation = Math.sqrt(list.reduce((total, v) => total + (v - mean) ** 2, 0) / 49);
      expect(row.figures.loss!.mean).toBeCloseTo(mean, 10);
      expect(row.figures.loss!.interval).toBeCloseTo((1.96 * deviation) / Math.sqrt(50), 10);
    });
  });

  test("a task's value does not depend on how many others there are, nor on chunks", async () => {
    const all = await evaluate(given);
    const few = await evaluate({ ...given, count: 7 });
    const progress: number[] = [];
    const single = await evaluate({ ...given, count: 7, memoryBudget: 1, onProgress: (done) => progress.push(done) });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7]);
    few.values[1]!.loss!.forEach((value, i) => {
      expect(Math.abs(all.values[1]!.loss![i]! - value)).toBeLessThan(1e-5 * value);
      expect(Math.abs(single.values[1]!.loss![i]! - value)).toBeLessThan(1e-5 * value);
    });
    expect(few.protocol.seed).toBe(all.protocol.seed);
    expect((await evaluate({ ...given, seed: 2 })).values[0]!.loss).not.toEqual(all.values[0]!.loss);
  });
});
