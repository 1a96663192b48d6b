/** Policies that remember a trial: what is collected for them, and how they are trained. */
import { evaluate, key, train } from "@innerloop/core";
import {
  bernoulliBandits,
  box,
  discrete,
  type EnvironmentFamily,
  environmentFamily,
  policyCollector,
  proximal,
  recurrentPolicy,
  snailPolicy,
  tabularMdps,
  trialCollector,
} from "@innerloop/core/reinforcement";
import { compile, leaves, type Tensor, type Tree, toNumbers } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { MemoryStore } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const valuesOf = (tree: Tree): number[][] => leaves(tree).map(toNumbers);

/** Corridors whose end ends an episode early, three episodes in a trial. */
const corridors: EnvironmentFamily = {
  ...environmentFamily({
    name: "corridor",
    horizon: 4,
    task: (_seed: number, index: number) => ({ end: 2 + (index % 3) }),
    make: ({ end }: { readonly end: number }) => {
      let x = 0;
      return {
        observation: box({ shape: 1 }),
        action: box({ shape: 2, low: -1, high: 1 }),
        reset: () => {
          x = 0;
          return { observation: [x] };
        },
        step: () => {
          x++;
          return { observation: [x], reward: x / 10, terminated: x === end, truncated: false };
        },
      };
    },
  }),
  trial: { episodes: 3 },
};
const mdps = tabularMdps({ states: 3, actions: 2, horizon: 3, episodes: 2 });

describe.each([
  ["RL^2", (family: EnvironmentFamily) => recurrentPolicy({ ...family, units: 6 })],
  [
    "SNAIL",
    (family: EnvironmentFamily) =>
      snailPolicy({ ...family, steps: family.horizon * family.trial!.episodes, filters: 4 }),
  ],
] as const)("trials of %s", (_name, learnerOf) => {
  test.each([
    ["of episodes of one length", mdps as EnvironmentFamily],
    ["of episodes that end early", corridors],
  ])(
    "%s are acted in as the policy predicts for the whole trial, its memory kept over episodes",
    async (_of, family) => {
      const learner = learnerOf(family);
      const params = learner.init(key(3));
      const collector = trialCollector({ family });
      const tasks = await collector.collectMany!(params, 5, 2, 4, executor, learner);
      const output = compile((at: Tree, x: Tensor) => learner.predict(at, x), { executor });
      for (const { query } of tasks) {
        const width = query.y.acted.shape[2]!;
        const given = toNumbers(await output(params, query.x));
        const taken = toNumbers(query.y.taken);
        toNumbers(query.y.acted).forEach((value, i) => {
          if (taken[Math.floor(i / width)]) expect(value).toBeCloseTo(given[i]!, 5);
          else expect(value).toBe(0);
        });
      }
    },
  );

  test("are those of their address: each begins without a memory of those beside it", async () => {
    const learner = learnerOf(mdps as EnvironmentFamily);
    const params = learner.init(key(3));
    const collector = trialCollector({ family: mdps as EnvironmentFamily });
    const together = await collector.collectMany!(params, 5, 2, 3, executor, learner);
    const alone = await collector.collect(params, 5, 3, executor, learner);
    // These depend on what is collected beside.
    const done = { ...alone.query.y, advantage: {}, value: {} };
    const other = { ...together[1]!.query.y, advantage: {}, value: {} };
    valuesOf({ x: alone.query.x, ...done }).forEach((values, leaf) => {
      const others = valuesOf({ x: together[1]!.query.x, ...other })[leaf]!;
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(others[i]!, 5);
      });
    });
    expect(valuesOf(together[0]!)).not.toEqual(valuesOf(together[1]!));
    expect(valuesOf(await collector.collectMany!(params, 5, 2, 3, executor, learner))).toEqual(valuesOf(together));
  });
});

test("what a policy is told: the last action and reward, and where an episode has ended", async () => {
  const learner = recurrentPolicy({ ...corridors, units: 3 });
  const [task] = await trialCollector({ family: corridors }).collectMany!(
    learner.init(key(1)),
    5,
    0,
    1,
    executor,
    learner,
  );
  // Episodes of two steps of four: three of them are six of twelve.
  const { x, y } = task!.query;
  expect(x.shape).toEqual([1, 12, 5]);
  expect(toNumbers(y.taken)).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  const rows = Array.from({ length: 12 }, (_, t) => toNumbers(x).slice(t * 5, (t + 1) * 5));
  const actions = toNumbers(y.action);
  for (let t = 0; t < 6; t++) {
    const begins = t % 2 === 0;
    expect(rows[t]![0]).toBe(t % 2);
    expect(rows[t]!.slice(1, 3)).toEqual(t === 0 ? [0, 0] : actions.slice(2 * t - 2, 2 * t));
    expect(rows[t]![3]).toBeCloseTo(t === 0 ? 0 : begins ? 0.2 : 0.1, 6);
    expect(rows[t]![4]).toBe(begins && t > 0 ? 1 : 0);
  }
  const discreteRows = await trialCollector({ family: mdps as EnvironmentFamily }).collect(
    recurrentPolicy({ ...mdps, units: 3 }).init(key(1)),
    5,
    0,
    executor,
    recurrentPolicy({ ...mdps, units: 3 }),
  );
  const told = toNumbers(discreteRows.query.x);
  toNumbers(discreteRows.query.y.action).forEach((action, t) => {
    if (t < 5) expect(told.slice((t + 1) * 7 + 3, (t + 1) * 7 + 5)).toEqual(action === 0 ? [1, 0] : [0, 1]);
  });
});

test("collectors refuse learners of the other kind", async () => {
  const family = bernoulliBandits({ arms: 2, pulls: 3 }) as unknown as EnvironmentFamily;
  const learner = recurrentPolicy({ ...family, units: 3 });
  const params = learner.init(key(1));
  await expect(policyCollector({ family }).collect(params, 1, 0, executor, learner)).rejects.toThrow(
    /ILE101 policyCollector: RL\^2 remembers a trial/,
  );
  const { memory: _, ...without } = learner;
  await expect(trialCollector({ family }).collect(params, 1, 0, executor, without)).rejects.toThrow(
    /ILE101 trialCollector: RL\^2 has no memory/,
  );
});

describe("training on bandits of two arms", () => {
  const family = bernoulliBandits({ arms: 2, pulls: 10 }) as unknown as EnvironmentFamily;
  const learner = recurrentPolicy({ ...family, units: 16 });
  const setting = {
    learner,
    tasks: trialCollector({ family, advantages: { lambda: 0.9 } }),
    optimizer: proximal(discrete(2), { learningRate: 3e-3, clip: 0.2, entropy: 0.02 }),
    metaBatchSize: 200,
    seed: 4,
    executor,
    progress: false,
  };

  test("raises the return of a trial well above that of chance", async () => {
    const { params } = await train({ ...setting, iterations: 30 });
    const { rows } = await evaluate({ learner, params, tasks: setting.tasks, count: 500, executor });
    expect(rows).toHaveLength(1);
    // Chance is 5, whoever knows the arms has 6.67.
    const { mean, interval } = rows[0]!.figures.return!;
    expect(mean - interval).toBeGreaterThan(5.2);
  });

  test("a critic that learns beside the policy tells what the rest of a trial brings", async () => {
    const judged = recurrentPolicy({ ...family, units: 16, critic: 0.5 });
    const { params } = await train({ ...setting, learner: judged, iterations: 30 });
    const tasks = await setting.tasks.collectMany!(params, 77, 0, 300, executor, judged);
    const read = compile((at: Tree, x: Tensor) => judged.predict(at, x), { executor });
    let [left, all] = [0, 0];
    for (const { query } of tasks) {
      const given = toNumbers(await read(params, query.x));
      toNumbers(query.y.value!).forEach((value, t) => {
        left += (value - given[3 * t + 2]!) ** 2;
        all += value ** 2;
      });
    }
    expect(left / all).toBeLessThan(0.9);
  });

  test("ends in the same bits where it was stopped on the way, and near them whatever runs at once", async () => {
    const small = { ...setting, metaBatchSize: 20 };
    const whole = await train({ ...small, iterations: 4 });
    const store = new MemoryStore();
    const stopped = new AbortController();
    await train({
      ...small,
      iterations: 4,
      checkpoints: { store, every: 1 },
      signal: stopped.signal,
      onEvent: (event) => {
        if (event.type === "iteration" && event.iteration === 2) stopped.abort();
      },
    });
    const resumed = await train({ ...small, iterations: 4, checkpoints: { store, every: 1, resume: true } });
    expect(valuesOf(resumed.params)).toEqual(valuesOf(whole.params));
    const inChunks = await train({ ...small, iterations: 1, chunkSize: 7 });
    const atOnce = await train({ ...small, iterations: 1, chunkSize: 20 });
    const [a, b] = [valuesOf(inChunks.params).flat(), valuesOf(atOnce.params).flat()];
    expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-3);
  });
});
