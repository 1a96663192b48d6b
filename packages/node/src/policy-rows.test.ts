/** Rows beside learners of policies: known policies, oracles, and the reward of a trial that all are judged by. */
import { type Collector, evaluate, key, maml, sgd } from "@innerloop/core";
import {
  banditOracle,
  bernoulliBandits,
  knownPolicyRow,
  navigation2d,
  type PolicyTargets,
  playTrials,
  policyCollector,
  policyNetwork,
  policySurrogate,
  thompsonSampling,
  toldFamily,
} from "@innerloop/core/reinforcement";
import { splitSeed } from "@innerloop/core/tasks";
import { type Tensor, type Tree, toNumbers } from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

test("a known policy as a row earns what it earns in the trials at the same addresses", async () => {
  const family = bernoulliBandits({ arms: 3, pulls: 8 });
  for (const policy of [thompsonSampling(), banditOracle()]) {
    const { adapter, tasks, oracle } = knownPolicyRow(family, policy);
    const { rows, values } = await evaluate({ learner: adapter, params: {}, tasks, count: 50, seed: 3, executor });
    const played = await playTrials(family, policy, { seed: splitSeed(3, "test"), trials: 50 });
    expect(Array.from(values[0]!.trial!)).toEqual(Array.from(played.rewards));
    expect(rows[0]!.figures.trial!.mean).toBeCloseTo(played.mean, 6);
    expect(oracle).toBe(policy.oracle);
  }
});

test("what an oracle observes is the environment's own observation, with its task behind", async () => {
  const family = navigation2d({ horizon: 5 });
  const told = toldFamily(family);
  const tasks = [{ goal: [0.3, -0.1] }, { goal: [-0.2, 0.4] }];
  const [plain, knowing] = [family, told].map((each) => each.vectorized(tasks as never, 2));
  const addresses = [0, 1, 2, 3].map((row) => [7, row] as const);
  const actions = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i));
  for (const environment of [plain!, knowing!]) {
    await environment.reset(addresses);
    await environment.step(actions);
  }
  for (let row = 0; row < 4; row++) {
    const seen = Array.from(knowing!.observations.subarray(row * 4, row * 4 + 4));
    expect(seen.slice(0, 2)).toEqual(Array.from(plain!.observations.subarray(row * 2, row * 2 + 2)));
    expect(seen.slice(2)).toEqual(Array.from(Float32Array.from(tasks[Math.floor(row / 2)]!.goal)));
  }
  expect(Array.from(knowing!.rewards)).toEqual(Array.from(plain!.rewards));
  const { context: _, ...untold } = family;
  expect(() => toldFamily(untold as never)).toThrow(/ILE101 navigation-2d: nothing tells its tasks/);
});

test("the reward of a trial is that of all its episodes, those before adaptation included", async () => {
  const family = bernoulliBandits({ arms: 3, pulls: 6, episodes: 6 });
  const learner = maml({
    model: policyNetwork({ ...family, hidden: [4] }),
    loss: policySurrogate(family.action, { trials: true }),
    inner: sgd({ learningRate: 1 }),
    steps: 2,
    minibatch: { size: 2 },
  });
  const collector = policyCollector({ family, episodes: 2, steps: 2 }) as Collector<Tree, Tensor, PolicyTargets>;
  const task = await collector.collect(learner.init(key(1)), 5, 0, executor, learner as never);
  const total = [task.support, task.query].flatMap(({ y }) => toNumbers(y.reward)).reduce((sum, r) => sum + r, 0);
  expect(toNumbers(task.query.y.reward)).toHaveLength(2);
  expect(toNumbers(task.support.y.reward)).toHaveLength(4);
  expect(toNumbers(task.query.y.trial!)).toEqual([total, total]);
  const { figures } = await evaluate({
    learner,
    params: learner.init(key(1)),
    tasks: collector,
    count: 3,
    steps: [2],
    executor,
  });
  // What says nothing but of an update is not told of an evaluation.
  expect(figures.map(({ name }) => name)).toEqual(["trial", "return"]);
  expect(() => bernoulliBandits({ pulls: 5, episodes: 2 })).toThrow(/ILE101 bandits: 5 pulls in 2 episodes/);
});
