/** Training on data that depend on the parameters: a learner that chooses which arms it pulls. */
import {
  adam,
  type Collector,
  evaluate,
  key,
  type Learner,
  maml,
  meanSquaredError,
  mlp,
  random,
  sgd,
  type Task,
  type TaskSource,
  train,
} from "@innerloop/core";
import { splitSeed } from "@innerloop/core/tasks";
import {
  type CompiledFunction,
  compile,
  type Executor,
  leaves,
  type Tensor,
  type Tree,
  tensor,
  toNumbers,
} from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { lineOf, MemoryStore } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const model = mlp({ sizes: [2, 12, 1], activation: "tanh" });
const learner: Learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }), steps: 1 });

const [arms, pulls, queries] = [12, 5, 8];
const spec = {
  x: { shape: [2], dtype: "float32" },
  y: { shape: [1], dtype: "float32" },
  support: { rows: pulls },
  query: { rows: queries },
} as const;

interface Pulled {
  readonly seed: number;
  readonly index: number;
  readonly params: Tree;
}

/**
 * Arms are points of the plane, whose reward is w . x + b with w and b of the task. The policy values all of them and pulls
 * those of the largest value plus Gumbel noise; the query set are other arms, drawn evenly.
 */
function bandit(options: { readonly together?: boolean; readonly onPull?: (pulled: Pulled) => void } = {}): Collector {
  const programs = new WeakMap<Executor, CompiledFunction<readonly [Tree, Tensor], Tensor>>();
  const valued = (params: Tree, x: Tensor, on: Executor): Promise<Tensor> => {
    let program = programs.get(on);
    if (!program) {
      program = compile((theta: Tree, points: Tensor) => model.apply(theta, points), { executor: on });
      programs.set(on, program);
    }
    return program(params, x);
  };
  const collect: Collector["collect"] = async (params, seed, index, on) => {
    options.onPull?.({ seed, index, params });
    const draw = random(seed, index);
    const [a, b, c] = [draw.normal(), draw.normal(), draw.normal()];
    const points = (n: number) => Array.from({ length: n }, () => [draw.uniform(-1, 1), draw.uniform(-1, 1)]);
    const reward = ([u, v]: number[]): number[] => [a * u! + b * v! + c];
    const offered = points(arms);
    const values = toNumbers(await valued(params, tensor(offered, [arms, 2], "float32"), on));
    const scores = values.map((value) => 3 * value - Math.log(-Math.log(draw.uniform())));
    const order = Array.from(scores.keys()).sort((i, j) => scores[j]! - scores[i]!);
    const set = (chosen: number[][]) => ({
      x: tensor(chosen, [chosen.length, 2], "float32"),
      y: tensor(chosen.map(reward), [chosen.length, 1], "float32"),
    });
    return { support: set(order.slice(0, pulls).map((i) => offered[i]!)), query: set(points(queries)) };
  };
  return {
    name: "bandit",
    description: { arms, pulls },
    spec,
    collect,
    ...(options.together
      ? {
          collectMany: (params, seed, first, count, on, by) =>
            Promise.all(Array.from({ length: count }, (_, i) => collect(params, seed, first + i, on, by))),
        }
      : {}),
  };
}

const iterations = 5;
const setting = (tasks: Collector | { train: Collector; validation: TaskSource | Collector } = bandit()) => ({
  learner,
  tasks,
  optimizer: adam({ learningRate: 1e-2 }),
  metaBatchSize: 4,
  iterations,
  seed: 3,
  executor,
  progress: false,
});
const valuesOf = (tree: Tree): number[][] => leaves(tree).map(toNumbers);

describe("a collector", () => {
  test("gives other data for other parameters, and the same for the same", async () => {
    const [theta, other] = [learner.init(key(1)), learner.init(key(2))];
    const collector = bandit();
    const support = async (params: Tree) =>
      valuesOf((await collector.collect(params, 1, 7, executor, learner)).support);
    expect(await support(theta)).toEqual(await support(theta));
    expect(await support(theta)).not.toEqual(await support(other));
  });

  test("collects once for each task of an update, with its parameters, and never ahead", async () => {
    const log: string[] = [];
    const seen: Pulled[] = [];
    const collector = bandit({
      onPull: (pulled) => {
        seen.push(pulled);
        log.push(`task ${pulled.index}`);
      },
    });
    const store = new MemoryStore();
    await train({
      ...setting({ train: collector, validation: bandit() }),
      checkpoints: { store, every: 1 },
      onEvent: (event) => {
        if (event.type === "iteration") log.push(lineOf(event));
      },
    });
    const expected = Array.from({ length: iterations }, (_, i) => [
      ...Array.from({ length: 4 }, (_, j) => `task ${4 * i + j}`),
      `iteration ${i + 1}`,
    ]).flat();
    expect(log).toEqual(expected);
    // The tasks of one update have the same parameters, those of the next ones others.
    const distinct = new Set(seen.map(({ params }) => JSON.stringify(valuesOf(params))));
    expect(distinct.size).toBe(iterations);
    expect(valuesOf(seen[0]!.params)).toEqual(valuesOf(seen[3]!.params));
    expect(valuesOf(seen[3]!.params)).not.toEqual(valuesOf(seen[4]!.params));
  });

  test("that collects tasks together comes to the same bytes", async () => {
    const [apart, together] = [new MemoryStore(), new MemoryStore()];
    await train({ ...setting(), checkpoints: { store: apart, every: iterations } });
    await train({ ...setting(bandit({ together: true })), checkpoints: { store: together, every: iterations } });
    expect(await together.load("last")).toEqual(await apart.load("last"));
  });

  test("trains a learner that adapts to what it chose", async () => {
    const run = await train({ ...setting(), iterations: 150 });
    const { rows } = await run.evaluate({ count: 100 });
    const [before, after] = rows.map(({ figures }) => figures.loss!);
    expect(after!.mean + after!.interval).toBeLessThan(before!.mean - before!.interval);
    // By hand, and with sets of another size than it collects.
    const task = await run.adapt({
      x: [
        [0, 1],
        [1, 0],
        [0.5, 0.5],
      ],
      y: [[1], [1], [1]],
    });
    expect((await task.predict([[0, 0]])).shape).toEqual([1, 1]);
    await expect(run.adapt({ x: [[0, Number.NaN]], y: [[1]] })).rejects.toThrow(
      /^ILR105 run\.adapt: x\[0\]\[1\] is NaN/,
    );
  });

  test("is evaluated with the parameters that are evaluated", async () => {
    const [theta, other] = [learner.init(key(1)), learner.init(key(2))];
    const pulled: Tree[] = [];
    const tasks = bandit({ onPull: ({ params }) => pulled.push(params) });
    for (const params of [theta, other]) await evaluate({ learner, params, tasks, count: 3, executor });
    expect(pulled.every((params) => params === theta || params === other)).toBe(true);
    expect(new Set(pulled).size).toBe(2);
  });
});

describe.each([
  ["validated on a collector", undefined],
  [
    "validated on a source",
    {
      name: "arms",
      description: {},
      sample: (seed: number, index: number): Task => {
        const draw = random(seed, index);
        const set = (n: number) => ({
          x: tensor(
            Array.from({ length: n }, () => [draw.normal(), draw.normal()]),
            [n, 2],
            "float32",
          ),
          y: tensor(
            Array.from({ length: n }, () => [draw.normal()]),
            [n, 1],
            "float32",
          ),
        });
        return { support: set(pulls), query: set(queries) };
      },
    } satisfies TaskSource,
  ],
] as const)("interrupted and resumed, %s", (_name, validation) => {
  const options = (store: MemoryStore, collector = bandit()) => ({
    ...setting(validation ? { train: collector, validation } : collector),
    chunkSize: 3,
    validation: { every: 2, count: 3 },
    checkpoints: { store, every: 2, resume: true },
  });

  test("at every update: the last and the best checkpoint have the bytes of the uninterrupted run's", async () => {
    const whole = new MemoryStore();
    await train(options(whole));
    for (let stopAt = 0; stopAt <= iterations; stopAt++) {
      const store = new MemoryStore();
      const controller = new AbortController();
      if (stopAt === 0) controller.abort();
      const first = await train({
        ...options(store),
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === "iteration" && event.iteration === stopAt) controller.abort();
        },
      });
      expect(first.iteration).toBe(stopAt);
      await train(options(store));
      expect(await store.load("last"), `stopped at ${stopAt}`).toEqual(await whole.load("last"));
      expect(await store.load("best"), `stopped at ${stopAt}`).toEqual(await whole.load("best"));
    }
  });

  test("while it collects: no update is made of what came of it, and the run goes on as if nothing had been", async () => {
    const whole = new MemoryStore();
    await train(options(whole));
    for (const at of [0, 6, 13]) {
      const store = new MemoryStore();
      const controller = new AbortController();
      const collector = bandit({
        onPull: ({ index, seed }) => {
          if (index === at && seed === splitSeed(3, "train")) controller.abort();
        },
      });
      const stopped = await train({ ...options(store, collector), signal: controller.signal });
      expect([stopped.reason, stopped.iteration]).toEqual(["interrupted", Math.floor(at / 4)]);
      await train(options(store));
      expect(await store.load("last"), `stopped at task ${at}`).toEqual(await whole.load("last"));
    }
  });
});

describe("what a collector gives", () => {
  const spoilt = (spoil: (task: Task) => unknown): Collector => {
    const plain = bandit();
    return {
      ...plain,
      collect: async (params, seed, index, on, by) => {
        const task = await plain.collect(params, seed, index, on, by);
        return (index === 5 ? spoil(task) : task) as Task;
      },
    };
  };
  const nan = (x: Tensor): Tensor =>
    tensor(
      (x.data as Float32Array).map((v, i) => (i === 3 ? Number.NaN : v)),
      x.shape,
    );
  test.each([
    ["support.x[1][1] is NaN", ({ support, query }: Task) => ({ support: { ...support, x: nan(support.x) }, query })],
    ["query.y is undefined", ({ support, query: { x } }: Task) => ({ support, query: { x } })],
    ["support.x is float32[8, 2], and its spec says float32[5, 2]", ({ query }: Task) => ({ support: query, query })],
    ["support.x is undefined", () => undefined],
  ])("is held to its spec: %s", async (problem, spoil) => {
    await expect(train(setting(spoilt(spoil)))).rejects.toThrow(`ILR105 train: task 5 of bandit: ${problem}`);
  });

  test("is a task for each address, of a spec that describes some", async () => {
    const short: Collector = { ...bandit(), collectMany: () => Promise.resolve([]) };
    await expect(train(setting(short))).rejects.toThrow(
      /^ILR101 bandit: 0 tasks were collected where 4 were asked for/,
    );
    const { spec: _, ...without } = bandit();
    await expect(train(setting(without as unknown as Collector))).rejects.toThrow(
      /^ILT202 bandit: a collector has no spec\. /,
    );
  });
});
