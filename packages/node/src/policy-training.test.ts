/** Policies that adapt: what is collected for them, and how they are trained. */
import {
  adam,
  anil,
  boil,
  type Collector,
  evaluate,
  fomaml,
  key,
  maml,
  metaSgd,
  sgd,
  type TrainingEvent,
  train,
} from "@innerloop/core";
import {
  box,
  environmentFamily,
  exploring,
  navigation2d,
  type PolicyTargets,
  type ProximalOptions,
  policyCollector,
  policyNetwork,
  policySurrogate,
  proximal,
  trustRegion,
} from "@innerloop/core/reinforcement";
import { outerState, planTraining, stackTasks, taskKeys } from "@innerloop/core/training";
import { compile, leaves, type Tensor, type Tree, tensor, toNumbers } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { MemoryStore } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const family = navigation2d({ horizon: 12 });
const [episodes, tasksOfBatch] = [4, 3];
const learnerOf = (steps: number) =>
  maml({
    model: policyNetwork({ ...family, hidden: [8] }),
    loss: policySurrogate(family.action),
    inner: sgd({ learningRate: 0.3 }),
    steps,
    ...(steps > 1 ? { minibatch: { size: episodes } } : {}),
  });
const collectorOf = (steps: number): Collector<Tree, Tensor, PolicyTargets> =>
  policyCollector({ family, episodes, steps });
const valuesOf = (tree: Tree): number[][] => leaves(tree).map(toNumbers);

describe("episodes that a policy is adapted by", () => {
  const learner = learnerOf(2);
  const params = learner.init(key(1));
  const collector = collectorOf(2);
  const collected = (first: number, count: number, how: Collector<Tree, Tensor, PolicyTargets> = collector) =>
    how.collectMany!(params, 5, first, count, executor, learner);

  test("are those of their address: alone, or beside those of other tasks", async () => {
    const together = await collected(3, 2);
    const alone = [await collected(3, 1), await collected(4, 1)].flat();
    valuesOf(together).forEach((values, leaf) => {
      const others = valuesOf(alone)[leaf]!;
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(others[i]!, 4);
      });
    });
    expect(valuesOf(await collected(3, 2))).toEqual(valuesOf(together));
    expect(valuesOf(together[0]!)).not.toEqual(valuesOf(together[1]!));
  });

  test("come by step: those of the first by the first policy, those of the next by the adapted one", async () => {
    const [task] = await collected(7, 1);
    const rowsOf = (tree: Tree, stage: number): number[][] =>
      leaves(tree).map((leaf) => {
        const each = leaf.size / leaf.shape[0]!;
        const values = toNumbers(leaf);
        return Array.from({ length: episodes }, (_, row) =>
          values.slice((row * 2 + stage) * each, (row * 2 + stage + 1) * each),
        ).flat();
      });
    const [first] = await collected(7, 1, collectorOf(0));
    expect(rowsOf(task!.support as unknown as Tree, 0)).toEqual(valuesOf(first!.query as unknown as Tree));
    const [second] = await collected(7, 1, collectorOf(1));
    expect(rowsOf(task!.support as unknown as Tree, 1)).toEqual(valuesOf(second!.query as unknown as Tree));
    expect(rowsOf(task!.support as unknown as Tree, 1)).not.toEqual(rowsOf(task!.support as unknown as Tree, 0));
  });

  test("are evaluated after several numbers of steps from one collection, as from one for each", async () => {
    let collections = 0;
    const counting: typeof family = {
      ...family,
      vectorized: (...at) => {
        collections++;
        return family.vectorized(...at);
      },
    };
    const tasks = policyCollector({ family: counting, episodes, steps: 2 });
    const setting = { learner, params, count: 5, steps: [2, 0, 1], executor };
    const together = await evaluate({ ...setting, tasks });
    expect(collections).toBe(1);
    const { collectStages: _, ...apart } = tasks;
    expect(await evaluate({ ...setting, tasks: apart })).toEqual(together);
    expect(collections).toBe(4);
    expect(together.rows.map(({ steps }) => steps)).toEqual([2, 0, 1]);
    expect(together.values[0]).not.toEqual(together.values[2]);
    const odd = { ...collectorOf(2), collectStages: async () => [] };
    await expect(evaluate({ ...setting, tasks: odd })).rejects.toThrow(/tasks of 0 numbers of steps .* 3 were asked/);
  });

  test("hold what the policy that acted gave, and end with the episode", async () => {
    const near = policyCollector({
      family: navigation2d({ horizon: 12 }),
      episodes,
      steps: 1,
      advantages: { discount: 0.9 },
    });
    const tasks = await collected(0, 6, near);
    const output = compile(
      (at: Tree, set: (typeof tasks)[number]["support"]) =>
        learner.predict(learner.adapt(at, set, { steps: 0 }), set.x),
      { executor },
    );
    for (const { support } of tasks) {
      const given = toNumbers(await output(params, support));
      const taken = toNumbers(support.y.taken);
      toNumbers(support.y.acted).forEach((value, i) => {
        if (taken[Math.floor(i / 4)]) expect(value).toBeCloseTo(given[i]!, 4);
        else expect(value).toBe(0);
      });
      toNumbers(support.y.advantage).forEach((value, i) => {
        if (!taken[i]) expect(value).toBe(0);
      });
    }
  });
});

test("a user's own environment is acted in, and an episode that ends early is no longer counted", async () => {
  const short = environmentFamily({
    name: "corridor",
    horizon: 6,
    task: (_seed: number, index: number) => ({ end: 1 + (index % 2) }),
    make: ({ end }: { readonly end: number }) => {
      let x = 0;
      return {
        observation: box({ shape: 1 }),
        action: box({ shape: 1, low: -1, high: 1 }),
        reset: () => {
          x = 0;
          return { observation: [x] };
        },
        step: () => {
          x++;
          return { observation: [x], reward: -1, terminated: x === end, truncated: false };
        },
      };
    },
  });
  const learner = maml({
    model: policyNetwork({ ...short, hidden: [4] }),
    loss: policySurrogate(short.action),
    inner: sgd({ learningRate: 0.1 }),
    steps: 1,
  });
  const tasks = policyCollector({ family: short, episodes: 2, steps: 1 });
  const { rows } = await evaluate({ learner, params: learner.init(key(1)), tasks, count: 4, steps: [0, 1], executor });
  // Tasks end after one step and after two, in turn: -1.5 in the mean.
  for (const { figures } of rows) expect(figures.return).toMatchObject({ mean: -1.5 });
});

test("where all that is done is worth the same nothing is learned, and nothing is NaN", async () => {
  const even = environmentFamily({
    name: "nothing",
    horizon: 5,
    task: () => ({}),
    make: () => ({
      observation: box({ shape: 1 }),
      action: box({ shape: 1, low: -1, high: 1 }),
      reset: () => ({ observation: [1] }),
      step: () => ({ observation: [1], reward: 0, terminated: false, truncated: false }),
    }),
  });
  const learner = maml({
    model: policyNetwork({ ...even, hidden: [4] }),
    loss: policySurrogate(even.action),
    inner: sgd({ learningRate: 0.1 }),
    steps: 1,
  });
  const first = valuesOf(learner.init(key(0)) as Tree);
  for (const optimizer of [adam({ learningRate: 1e-2 }), trustRegion(even.action)]) {
    const { params } = await train({
      learner,
      tasks: policyCollector({ family: even, episodes: 3, steps: 1 }),
      optimizer,
      metaBatchSize: 2,
      iterations: 2,
      executor,
      progress: false,
    });
    expect(valuesOf(params)).toEqual(first);
  }
});

describe.each([
  ["Adam", adam({ learningRate: 1e-2 })],
  // A Fisher matrix of few episodes is all but singular: without damping, rounding moves what it leaves free.
  ["a trust region", trustRegion(family.action, { damping: 0.01, fisherShare: 1 })],
  ["proximal steps", proximal(family.action, { epochs: 3, learningRate: 0.02, kl: 0.5 })],
] as const)("policies trained by %s", (_name, optimizer) => {
  const learner = learnerOf(1);
  const setting = {
    learner,
    tasks: collectorOf(1),
    optimizer,
    metaBatchSize: tasksOfBatch,
    seed: 2,
    executor,
    progress: false,
  };

  test("end in the same bits where they were stopped on the way", async () => {
    const whole = await train({ ...setting, iterations: 4 });
    const store = new MemoryStore();
    const stopped = new AbortController();
    await train({
      ...setting,
      iterations: 4,
      checkpoints: { store, every: 1 },
      signal: stopped.signal,
      onEvent: (event) => {
        if (event.type === "iteration" && event.iteration === 2) stopped.abort();
      },
    });
    const resumed = await train({ ...setting, iterations: 4, checkpoints: { store, every: 1, resume: true } });
    expect(resumed.iteration).toBe(4);
    expect(valuesOf(resumed.params)).toEqual(valuesOf(whole.params));
    expect(valuesOf(whole.params)).not.toEqual(valuesOf((await train({ ...setting, iterations: 3 })).params));
  });

  test("come to the same, whatever number of tasks runs at once", async () => {
    const flat = (tree: Tree): number[] => valuesOf(tree).flat();
    const distance = (a: readonly number[], b: readonly number[]): number =>
      Math.hypot(...a.map((value, i) => value - b[i]!));
    const after = async (chunkSize: number, iterations: number): Promise<number[]> =>
      flat((await train({ ...setting, iterations, chunkSize })).params);
    const first = await after(tasksOfBatch, 0);
    const [all, one] = [await after(tasksOfBatch, 1), await after(1, 1)];
    expect(distance(all, first)).toBeGreaterThan(0.05);
    // Sums of other orders differ by rounding, which conjugate gradients make more of.
    expect(distance(all, one)).toBeLessThan(0.02 * distance(all, first));
  });
});

describe("proximal steps", () => {
  const setting = { tasks: collectorOf(1), metaBatchSize: tasksOfBatch, seed: 2, executor, progress: false };
  const after = async (optimizer: Parameters<typeof train>[0]["optimizer"], steps = 1): Promise<number[]> => {
    const learner = learnerOf(steps);
    const { params } = await train({ ...setting, tasks: collectorOf(steps), learner, optimizer, iterations: 1 });
    return valuesOf(params).flat();
  };
  const farthest = (a: readonly number[], b: readonly number[]): number =>
    Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

  test.each([0, 1, 2])("the first of a batch is the meta-gradient's, of %d inner steps", async (steps) => {
    // All ratios are 1 and KL(pi_old || pi) is least at the policy that acted: so the coefficient of the KL moves nothing yet.
    const once = proximal(family.action, { epochs: 1, learningRate: 1e-3, kl: 10 });
    const [first, plain] = [await after(once, steps), await after(adam({ learningRate: 1e-3 }), steps)];
    // Adam's first step is of the rate's length wherever there is a gradient; a wrong sign is two of them away.
    expect(farthest(first, plain)).toBeLessThan(1e-4);
    const twice = await after(proximal(family.action, { epochs: 2, learningRate: 1e-3, kl: 10 }), steps);
    expect(farthest(twice, plain)).toBeGreaterThan(5e-4);
  });

  test("keep nearer to the policy that acted where ratios are cut, or the KL before adaptation counts", async () => {
    const klAfter = async (options: ProximalOptions): Promise<Readonly<Record<string, number>>> => {
      const metrics: Readonly<Record<string, number>>[] = [];
      const optimizer = proximal(family.action, { epochs: 20, learningRate: 0.02, kl: 0, ...options });
      const onEvent = (event: TrainingEvent): void => {
        if (event.type === "iteration") metrics.push(event.metrics);
      };
      await train({ ...setting, learner: learnerOf(1), optimizer, iterations: 1, onEvent });
      return metrics[0]!;
    };
    const free = await klAfter({ clip: 0.999 });
    const cut = await klAfter({ clip: 0.05 });
    const held = await klAfter({ clip: 0.999, kl: 10 });
    expect(cut.kl).toBeLessThan(0.7 * free.kl!);
    expect(cut.clipped).toBeGreaterThan(free.clipped!);
    expect(held.innerKl).toBeLessThan(0.7 * free.innerKl!);
  });

  test("halve the coefficient of a KL that is below its target, and double that of one above", async () => {
    const coefficientAfter = async (klTarget: number): Promise<number> => {
      const used: number[] = [];
      const optimizer = proximal(family.action, { learningRate: 0.01, kl: 0.25, klTarget });
      const onEvent = (event: TrainingEvent): void => {
        if (event.type === "iteration") used.push(event.metrics.klCoefficient!);
      };
      await train({ ...setting, learner: learnerOf(1), optimizer, iterations: 3, onEvent });
      return used[2]!;
    };
    expect(await coefficientAfter(1e3)).toBe(0.25 / 4);
    expect(await coefficientAfter(1e-9)).toBe(0.25 * 4);
  });
});

test.each([
  ["Adam", adam({ learningRate: 1e-2 })],
  ["a trust region", trustRegion(family.action, { damping: 0.01, fisherShare: 1 })],
  ["ProMP's steps", proximal(family.action, { epochs: 2, learningRate: 1e-2 })],
] as const)("%s takes an exploration term, of whatever number of tasks at once", async (_name, outer) => {
  const flat = (tree: Tree): number[] => valuesOf(tree).flat();
  const after = async (optimizer: typeof outer | ReturnType<typeof exploring>, chunkSize = tasksOfBatch) => {
    const setting = { learner: learnerOf(1), tasks: collectorOf(1), metaBatchSize: tasksOfBatch, seed: 2 };
    return flat((await train({ ...setting, optimizer, iterations: 1, chunkSize, executor, progress: false })).params);
  };
  const distance = (a: readonly number[], b: readonly number[]): number =>
    Math.hypot(...a.map((value, i) => value - b[i]!));
  const { action } = family;
  const plain = await after(outer);
  const explored = exploring(outer, { action, exploration: 10 });
  const with10 = await after(explored);
  expect(distance(with10, plain)).toBeGreaterThan(0.01);
  // The credit is of all tasks of a batch, not of those of a run.
  expect(distance(with10, await after(explored, 1))).toBeLessThan(0.02 * distance(with10, plain));
  expect(distance(plain, await after(exploring(outer, { action, exploration: 0 })))).toBeLessThan(1e-5);
});

const ofPolicies = {
  model: policyNetwork({ ...family, hidden: [8] }),
  loss: policySurrogate(family.action),
  inner: sgd({ learningRate: 0.3 }),
  steps: 1,
};
test.each([
  ["FOMAML", fomaml(ofPolicies)],
  ["ANIL", anil(ofPolicies)],
  ["BOIL", boil(ofPolicies)],
  ["Meta-SGD", metaSgd({ model: ofPolicies.model, loss: ofPolicies.loss, learningRate: 0.3 })],
])("%s adapts and trains policies as it does models", async (_name, learner) => {
  const setting = {
    learner,
    tasks: collectorOf(1),
    metaBatchSize: 2,
    iterations: 1,
    seed: 2,
    executor,
    progress: false,
  };
  for (const optimizer of [adam({ learningRate: 1e-2 }), trustRegion(family.action, { fisherShare: 1 })]) {
    const first = await train({ ...setting, optimizer, iterations: 0 });
    const { params } = await train({ ...setting, optimizer });
    expect(valuesOf(params)).not.toEqual(valuesOf(first.params));
    const { rows } = await evaluate({ learner, params, tasks: setting.tasks, count: 3, executor });
    expect(rows.map(({ steps }) => steps)).toEqual([0, 1]);
    // Other episodes, by another policy.
    expect(rows[1]!.figures.return!.mean).not.toBe(rows[0]!.figures.return!.mean);
  }
});

test.each([0.02, 0.002])("a trust region's step keeps to its bound of %d", async (kl) => {
  const metrics: Readonly<Record<string, number>>[] = [];
  await train({
    learner: learnerOf(1),
    tasks: collectorOf(1),
    optimizer: trustRegion(family.action, { kl, fisherShare: 1 }),
    metaBatchSize: tasksOfBatch,
    iterations: 1,
    seed: 2,
    executor,
    onEvent: (event) => {
      if (event.type === "iteration") metrics.push(event.metrics);
    },
  });
  expect(metrics[0]!.step).toBeGreaterThan(0);
  // The bound is of use: a step half as far in KL would not be the longest.
  expect(metrics[0]!.kl).toBeGreaterThan(kl / 4);
  expect(metrics[0]!.kl).toBeLessThanOrEqual(kl);
});

test("products of some of the tasks give a step of their own, which keeps to the bound of all", async () => {
  const updated = async (fisherTasks: number) => {
    const metrics: Readonly<Record<string, number>>[] = [];
    const { params } = await train({
      learner: learnerOf(1),
      tasks: collectorOf(1),
      optimizer: trustRegion(family.action, { damping: 0.01, fisherShare: 1, fisherTasks }),
      metaBatchSize: tasksOfBatch,
      iterations: 1,
      seed: 2,
      executor,
      onEvent: (event) => {
        if (event.type === "iteration") metrics.push(event.metrics);
      },
    });
    return { params: valuesOf(params), step: metrics[0]!.step!, kl: metrics[0]!.kl! };
  };
  const [all, two] = [await updated(1), await updated(0.67)];
  expect(two.params).not.toEqual(all.params);
  expect(two.step).toBeGreaterThan(0);
  expect(two.kl).toBeLessThanOrEqual(0.01);
});

test("a trust region runs fewer tasks at once than a meta-gradient: as many as fit the cache of a core", async () => {
  const long = navigation2d({ horizon: 100 });
  const learner = maml({
    model: policyNetwork(long),
    loss: policySurrogate(long.action),
    inner: sgd({ learningRate: 0.3 }),
    steps: 1,
  });
  const params = learner.init(key(1));
  const tasks = await policyCollector({ family: long, episodes: 20 }).collectMany!(params, 1, 0, 8, executor, learner);
  const batch = { tasks: stackTasks(tasks), keys: taskKeys(1, 0, 8), iteration: tensor(0) };
  const chunkSize = async (optimizer: Parameters<typeof planTraining>[0]["optimizer"]): Promise<number> => {
    const setting = { learner: learner as never, optimizer, executor, metaBatchSize: 8, params, batch };
    return (await planTraining({ ...setting, state: outerState(learner, optimizer, params) })).chunkSize;
  };
  expect(await chunkSize(trustRegion(long.action))).toBeLessThanOrEqual(2);
  expect(await chunkSize(adam({ learningRate: 1e-3 }))).toBeGreaterThan(2);
});

test("navigation is learned: after one step of adaptation the return is higher, and so it is after training", async () => {
  const learner = learnerOf(1);
  const tasks = policyCollector({ family, episodes: 10, steps: 1 });
  const judged = async (params: Tree): Promise<number[]> => {
    const { rows } = await evaluate({ learner, params, tasks, count: 20, executor });
    return rows.map(({ figures }) => figures.return!.mean);
  };
  const first = await judged(learner.init(key(3)));
  const { params } = await train({
    learner,
    tasks,
    optimizer: trustRegion(family.action),
    metaBatchSize: 10,
    iterations: 15,
    seed: 3,
    executor,
    progress: false,
  });
  const [before, after] = await judged(params);
  expect(after).toBeGreaterThan(before! + 0.3);
  expect(after).toBeGreaterThan(first[1]! + 0.5);
});
