/** Tasks whose inputs are trees of tensors, through training, evaluation and use. */
import {
  adam,
  crossEntropy,
  evaluate,
  fromScratch,
  key,
  type Layer,
  type Learner,
  type Loss,
  maml,
  meanSquaredError,
  mlp,
  predictedClasses,
  prototypicalNetwork,
  type Run,
  random,
  sgd,
  type Task,
  type TaskSource,
  train,
} from "@innerloop/core";
import { linear, relu, sequential } from "@innerloop/core/layers";
import type { AnyLearner } from "@innerloop/core/learners";
import { add, compile, mapTree, type Tensor, type Tree, tensor, toNumbers } from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { embeddingBag, type Sentences, topics } from "./topics.fixture.js";
import { MemoryStore } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const ways = 3;
const tasks = topics({ ways, shots: 2, queries: 5 });
const model = sequential<Sentences>([embeddingBag(8), linear({ inputs: 8, outputs: ways })]);
const gradient = maml({ model, loss: crossEntropy, inner: sgd({ learningRate: 4 }), steps: 2 });
const metric = prototypicalNetwork({ model: embeddingBag(8), ways });
const setting = {
  tasks,
  optimizer: adam({ learningRate: 2e-2 }),
  metaBatchSize: 8,
  iterations: 150,
  seed: 2,
  executor,
  progress: false,
};

let adapted: Run<Tree, Sentences>;
beforeAll(async () => {
  adapted = await train({ ...setting, learner: gradient });
});

describe("learners of sentences", () => {
  const accuracy = async (run: Run<Tree, Sentences>) => {
    const { rows } = await run.evaluate({ count: 200 });
    return rows.map(({ figures }) => figures.accuracy!);
  };
  const chance = 1 / ways;

  test("MAML learns them: far above chance on new tasks, and above what adapting without learning to comes to", async () => {
    const [before, after] = await accuracy(adapted);
    expect(before!.mean).toBeLessThan(chance + 0.1);
    expect(after!.mean - after!.interval, `${after!.mean}`).toBeGreaterThan(0.7);
    const baseline = fromScratch({ model, loss: crossEntropy, inner: sgd({ learningRate: 4 }), steps: 2 });
    const params = model.init(key(2));
    const plain = await evaluate({ learner: baseline, params, tasks, count: 200, executor, seed: 2 });
    const untrained = plain.rows.at(-1)!.figures.accuracy!;
    expect(after!.mean - after!.interval).toBeGreaterThan(untrained.mean + untrained.interval);
  });

  test("prototypical networks do", async () => {
    const untrained = await train({ ...setting, learner: metric, iterations: 0 });
    const run = await train({ ...setting, learner: metric });
    const [[first], [last]] = [await accuracy(untrained), await accuracy(run)];
    expect(last!.mean - last!.interval, `${last!.mean}`).toBeGreaterThan(0.7);
    expect(last!.mean - last!.interval).toBeGreaterThan(first!.mean + first!.interval);
  });

  test("tasks of different sizes and mini-batches do as well, and what is padded is left out", async () => {
    const varying = topics({ ways, shots: { from: 1, to: 4 }, queries: 3 });
    const inner = sgd({ learningRate: 4 });
    const losses: number[] = [];
    const learner = maml({ model, loss: crossEntropy, inner, steps: 2, minibatch: { size: 6 } });
    const run = await train({
      ...setting,
      learner,
      tasks: varying,
      iterations: 80,
      onEvent: (event) => {
        if (event.type === "iteration") losses.push(event.loss);
      },
    });
    const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    expect(mean(losses.slice(-20))).toBeLessThan(0.8 * mean(losses.slice(0, 20)));
    // Rows that are not there hold other words: nothing changes.
    const { support, query } = varying.sample(7, 3);
    const there = support.present!.data as Float32Array;
    const spoilt = {
      ...support,
      x: {
        tokens: tensor(
          (support.x.tokens.data as Int32Array).map((id, i) => (there[Math.floor(i / 6)] ? id : 5)),
          support.x.tokens.shape,
        ),
        mask: tensor(
          (support.x.mask.data as Float32Array).map((m, i) => (there[Math.floor(i / 6)] ? m : 1)),
          support.x.mask.shape,
        ),
      },
    };
    const predicted = compile(
      (params: Tree, given: typeof support, x: Sentences) => learner.predict(learner.adapt(params, given), x),
      { executor },
    );
    const [plain, others] = [
      await predicted(run.params, support, query.x),
      await predicted(run.params, spoilt, query.x),
    ];
    expect(there).toContain(0);
    expect(toNumbers(others)).toEqual(toNumbers(plain));
  });

  test("chunks of a batch add up to the batch, and a resumed run ends in the same bytes", async () => {
    const small = { ...setting, learner: gradient, iterations: 4 };
    const [whole, chunked] = [await train({ ...small, chunkSize: 8 }), await train({ ...small, chunkSize: 3 })];
    const [a, b] = [whole, chunked].map(({ params }) => toNumbers((params as { "1": { weight: Tensor } })["1"].weight));
    a!.forEach((value, i) => {
      expect(value).toBeCloseTo(b![i]!, 4);
    });
    const [once, twice] = [new MemoryStore(), new MemoryStore()];
    await train({ ...small, checkpoints: { store: once, every: 4 } });
    await train({ ...small, iterations: 2, checkpoints: { store: twice, every: 2 } });
    await train({ ...small, checkpoints: { store: twice, every: 2, resume: true } });
    expect(await twice.load("last")).toEqual(await once.load("last"));
  });
});

describe("a run of sentences", () => {
  const { support, query } = tasks.sample(99, 0);
  const nested = ({ tokens, mask }: Sentences) => ({ tokens: rowsOf(tokens), mask: rowsOf(mask) });
  const rowsOf = (x: Tensor): number[][] =>
    Array.from({ length: x.shape[0]! }, (_, i) => Array.from(x.data!.slice(i * 6, i * 6 + 6), Number));
  const plain = { x: nested(support.x), y: toNumbers(support.y) };

  test("adapts to nested arrays and predicts of them, as of tensors and typed arrays", async () => {
    const answers: number[][] = [];
    for (const given of [
      plain,
      support,
      { x: { mask: plain.x.mask, tokens: new Int32Array(plain.x.tokens.flat()) }, y: support.y },
    ]) {
      const task = await adapted.adapt(given);
      for (const x of [query.x, nested(query.x)]) answers.push(toNumbers(await task.predict(x)));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const predicted = predictedClasses(tensor(answers[0]!, [15, ways], "float32"));
    const right = predicted.filter((label, i) => label === toNumbers(query.y)[i]).length;
    expect(right).toBeGreaterThan(9);
  });

  test("takes sets of other sizes than in training, padded, with the answers of the sets by themselves", async () => {
    const first = (tree: Sentences, n: number) => mapTree((x) => tensor(x.data!.slice(0, 6 * n), [n, 6]), tree);
    const few = { x: first(support.x, 5), y: tensor((support.y.data as Int32Array).slice(0, 5)) };
    const asked = first(query.x, 7);
    const task = await adapted.adapt(few);
    const found = await task.predict(asked);
    const direct = compile(
      (params: Tree, given: typeof few, x: Sentences) => gradient.predict(gradient.adapt(params, given), x),
      { executor },
    );
    expect(found.shape).toEqual([7, ways]);
    const expected = toNumbers(await direct(adapted.params, few, asked));
    toNumbers(found).forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected[i]!)));
    });
  });

  const withRow = (part: "tokens" | "mask", row: unknown) => ({
    ...plain,
    x: { ...plain.x, [part]: plain.x[part].map((given, i) => (i === 3 ? row : given)) },
  });
  test.each([
    ["x.tokens[3][1] is NaN", withRow("tokens", [1, Number.NaN, 2, 3, 4, 5])],
    ["x.mask[3][0] is Infinity", withRow("mask", [Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0])],
    ["x.tokens[3][2] is 40, and these are whole numbers from 0 to 39", withRow("tokens", [1, 1, 40, 1, 1, 1])],
    ["x.tokens[3][0] is -1, and these are whole numbers from 0 to 39", withRow("tokens", [-1, 1, 4, 1, 1, 1])],
    ["x.tokens[3][0] is 0.5, and these are whole numbers", withRow("tokens", [0.5, 1, 4, 1, 1, 1])],
    ['x.tokens[3][0] is "cat" (text)', withRow("tokens", ["cat", 1, 4, 1, 1, 1])],
    ["x.tokens[3] has 2 values, where 6 were expected", withRow("tokens", [1, 2])],
    ["x.mask is not there. Give x as { tokens, mask }", { ...plain, x: { tokens: plain.x.tokens } }],
    ["x.length is no part of x. Give x as { tokens, mask }", { ...plain, x: { ...plain.x, length: [1] } }],
    ["x is an array of 6. Give x as { tokens, mask }", { ...plain, x: plain.x.tokens }],
    ["x is the tensor int32[6, 6]. Give x as", { ...plain, x: support.x.tokens }],
    ["x is undefined. Give x as", { y: plain.y }],
    ["x.tokens has 6 rows and x.mask 5", { ...plain, x: { ...plain.x, mask: plain.x.mask.slice(1) } }],
    ["x.tokens has 6 rows and y 5", { ...plain, y: plain.y.slice(1) }],
    ["y[0] is 3, and this run tells 3 classes apart", { ...plain, y: [3, 0, 1, 1, 2, 2] }],
  ])("refuses, and names the tensor: %s", async (problem, given) => {
    await expect(adapted.adapt(given as typeof plain)).rejects.toThrow(`ILR105 run.adapt: ${problem}`);
  });

  test("refuses to predict of what is none", async () => {
    const task = await adapted.adapt(plain);
    await expect(task.predict({ ...plain.x, mask: plain.x.mask.slice(1) })).rejects.toThrow(
      "ILR105 task.predict: x.tokens has 6 rows and x.mask 5. Give as many rows of x.mask as of x.tokens",
    );
    await expect(task.predict(withRow("mask", [Number.NaN]).x as typeof plain.x)).rejects.toThrow(
      /^ILR105 task\.predict: x\.mask\[3\]/,
    );
  });
});

describe("tasks of a source of sentences", () => {
  const spoilt = (spoil: (task: Task<Sentences>) => unknown): TaskSource<Sentences> => ({
    ...tasks,
    sample: (seed, index) => {
      const task = tasks.sample(seed, index);
      return (index === 1 ? spoil(task) : task) as Task<Sentences>;
    },
  });
  const withX =
    (change: (x: Sentences) => unknown) =>
    ({ support, query }: Task<Sentences>) => ({
      support,
      query: { ...query, x: change(query.x) },
    });
  const changed = (x: Tensor, value: number): Tensor => {
    const copy = x.data!.slice() as Float32Array;
    copy[8] = value;
    return tensor(copy, x.shape, x.dtype);
  };
  test.each([
    ["query.x.mask[1][2] is NaN", withX((x) => ({ ...x, mask: changed(x.mask, Number.NaN) }))],
    [
      "query.x.tokens[1][2] is 40, and these are whole numbers",
      withX((x) => ({ ...x, tokens: changed(x.tokens, 40) })),
    ],
    ["query.x.mask is not there", withX(({ tokens }) => ({ tokens }))],
    ["query.x.more is no part of query.x", withX((x) => ({ ...x, more: x.mask }))],
    ["query.x is the tensor float32[15, 6]", withX(({ mask }) => mask)],
    ["query.x.mask is an array of 2", withX((x) => ({ ...x, mask: [1, 2] }))],
    [
      "query.x.tokens is float32[15, 6], and its spec says int32[15, 6]",
      withX((x) => ({ ...x, tokens: tensor(toNumbers(x.tokens), [15, 6], "float32") })),
    ],
    [
      "query.x.tokens has 15 rows and query.x.mask 14",
      withX((x) => ({ ...x, mask: tensor(x.mask.data!.slice(6), [14, 6]) })),
    ],
  ])("are refused, in training and evaluation: %s", async (problem, spoil) => {
    const source = spoilt(spoil);
    await expect(train({ ...setting, learner: gradient, tasks: source })).rejects.toThrow(
      `ILR105 train: task 1 of topics: ${problem}`,
    );
    await expect(
      evaluate({ learner: gradient, params: adapted.params, tasks: source, count: 4, executor }),
    ).rejects.toThrow(`ILR105 evaluate: task 1 of topics: ${problem}`);
  });

  test("need no spec: what it says of shapes is then seen in the first task", async () => {
    const { spec: _, ...plain } = tasks;
    const given: number[] = [];
    const counting: TaskSource<Sentences> = {
      ...plain,
      sample: (seed, index) => {
        given.push(index);
        return tasks.sample(seed, index);
      },
    };
    const run = await train({ ...setting, learner: gradient, tasks: counting, iterations: 2 });
    const same = await train({ ...setting, learner: gradient, iterations: 2 });
    const weights = (one: Run<Tree, Sentences>) => toNumbers((one.params as { "0": { weight: Tensor } })["0"].weight);
    expect(weights(run)).toEqual(weights(same));
    // For the spec and for the first update: to train, 2 x 8 of them; to look at adaptation, 100.
    expect(given.filter((index) => index === 0).length).toBeLessThanOrEqual(4);
    const { support } = tasks.sample(1, 0);
    expect((await (await run.adapt(support)).predict(support.x)).shape).toEqual([6, ways]);
  });

  test("a learner of one tensor is not one of them, by its type", () => {
    const one: Learner = maml({ model: mlp({ sizes: [6, 3] }), loss: crossEntropy, inner: sgd({ learningRate: 1 }) });
    // @ts-expect-error Sentences are no tensor.
    const wrong = () => train({ ...setting, learner: one });
    const any: AnyLearner = one;
    expect([wrong.length, any.name]).toEqual([0, "MAML"]);
  });
});

describe("predictions that are trees", () => {
  type Spot = { readonly place: Tensor; readonly size: Tensor };
  const [body, place, size] = [
    sequential([linear({ inputs: 1, outputs: 16 }), relu()]),
    linear({ inputs: 16, outputs: 2 }),
    linear({ inputs: 16, outputs: 1 }),
  ];
  type Params = {
    readonly body: ReturnType<typeof body.init>;
    readonly place: ReturnType<typeof place.init>;
    readonly size: ReturnType<typeof size.init>;
  };
  const spots: Layer<Tree, Tensor, Spot> = {
    init: (at) => ({ body: body.init(at), place: place.init(at), size: size.init(at) }),
    apply: (params, x) => {
      const own = params as Params;
      const features = body.apply(own.body, x);
      return { place: place.apply(own.place, features), size: size.apply(own.size, features) };
    },
  };
  const loss: Loss<Spot, Spot> = Object.assign(
    (found: Spot, y: Spot) => add(meanSquaredError(found.place, y.place), meanSquaredError(found.size, y.size)),
    { title: "squared error of places and sizes" },
  );
  const source: TaskSource<Tensor, Spot> = {
    name: "spots",
    description: {},
    spec: {
      x: { shape: [1], dtype: "float32" },
      y: { place: { shape: [2], dtype: "float32" }, size: { shape: [1], dtype: "float32" } },
      support: { rows: 6 },
      query: { rows: 8 },
    },
    sample: (seed, index) => {
      const draw = random(seed, index);
      const [a, b] = [draw.uniform(-2, 2), draw.uniform(-2, 2)];
      const set = (rows: number) => {
        const x = Array.from({ length: rows }, () => draw.uniform(-1, 1));
        return {
          x: tensor(x, [rows, 1], "float32"),
          y: {
            place: tensor(
              x.flatMap((v) => [a * v, b]),
              [rows, 2],
              "float32",
            ),
            size: tensor(
              x.map((v) => b * v),
              [rows, 1],
              "float32",
            ),
          },
        };
      };
      return { support: set(6), query: set(8) };
    },
  };

  test("are trained, evaluated, adapted to and predicted", async () => {
    const learner = maml({ model: spots, loss, inner: sgd({ learningRate: 0.1 }), steps: 3 });
    const run = await train({
      ...setting,
      learner,
      tasks: source,
      iterations: 60,
      optimizer: adam({ learningRate: 1e-2 }),
    });
    const { rows } = await run.evaluate({ count: 100 });
    const [before, after] = rows.map(({ figures }) => figures.loss!);
    expect(after!.mean + after!.interval).toBeLessThan(before!.mean - before!.interval);
    const y = {
      place: [
        [1, 1],
        [0, 1],
        [-1, 1],
      ],
      size: [[1], [0], [-1]],
    };
    const task = await run.adapt({ x: [[1], [0], [-1]], y });
    const found = await task.predict([[0.5], [0.25]]);
    expect([found.place.shape, found.size.shape]).toEqual([
      [2, 2],
      [2, 1],
    ]);
    await expect(run.adapt({ x: [[1]], y: { place: [[1, 1]], size: [[Number.NaN]] } })).rejects.toThrow(
      /^ILR105 run\.adapt: y\.size\[0\]\[0\] is NaN/,
    );
  });
});
