/** Episodes of one task to be looked at: the same as those of an evaluation, and seen to their end. */
import { evaluate, key, maml, sgd } from "@innerloop/core";
import {
  adaptedEpisodes,
  bernoulliBandits,
  navigation2d,
  type PlayedEpisode,
  policyCollector,
  policyNetwork,
  policySurrogate,
  recurrentPolicy,
  tabularMdps,
  trialCollector,
} from "@innerloop/core/reinforcement";
import { splitSeed } from "@innerloop/core/tasks";
import { toNumbers } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const family = navigation2d({ horizon: 12 });
const episodes = 4;
const learner = maml({
  model: policyNetwork({ ...family, hidden: [8] }),
  loss: policySurrogate(family.action),
  inner: sgd({ learningRate: 0.3 }),
  steps: 2,
  minibatch: { size: episodes },
});
const params = learner.init(key(1));
const setting = { family, learner, params, episodes, executor };

/** Numbers of an episode in a padded set, as the collector has it. */
const padded = (values: ArrayLike<number>, width: number): number[] =>
  Array.from({ length: family.horizon * width }, (_, i) => values[i] ?? 0);

describe("episodes of navigation", () => {
  test("are those that the collector gives at their address, before and after each step", async () => {
    const { task, after } = await adaptedEpisodes({ ...setting, seed: 5, index: 7, steps: [0, 1, 2] });
    expect(task).toEqual(family.task(5, 7));
    for (const { steps, episodes: played, return: mean } of after) {
      const collector = policyCollector({ family, episodes, steps });
      const { query } = await collector.collect(params, 5, 7, executor, learner);
      expect(played).toHaveLength(episodes);
      const values = (of: (episode: PlayedEpisode) => number[]): number[] => played.flatMap(of);
      expect(values(({ rewards }) => padded(rewards, 1))).toEqual(toNumbers(query.y.reward));
      expect(values(({ actions }) => padded(actions, 2))).toEqual(toNumbers(query.y.action));
      expect(values(({ observations, length }) => padded(observations.subarray(0, 2 * length), 2))).toEqual(
        toNumbers(query.x),
      );
      const returns = played.map((episode) => episode.rewards.reduce((sum, reward) => sum + reward, 0));
      expect(mean.mean).toBeCloseTo(returns.reduce((sum, each) => sum + each, 0) / episodes, 5);
      expect(mean.interval).toBeGreaterThan(0);
    }
    // Other policies, other episodes.
    expect(new Set(after.map(({ return: { mean } }) => mean)).size).toBe(3);
  });

  test("are those that evaluations count: the same returns, task by task", async () => {
    const tasks = policyCollector({ family, episodes, steps: 2 });
    const { values } = await evaluate({ learner, params, tasks, count: 3, steps: [0, 1, 2], seed: 4, executor });
    const seed = splitSeed(4, "test");
    for (const index of [0, 2]) {
      const { after } = await adaptedEpisodes({ ...setting, seed, index, steps: [0, 1, 2] });
      after.forEach(({ return: { mean } }, k) => {
        expect(mean).toBeCloseTo(values[k]!.return![index]!, 4);
      });
    }
  });

  test("of one's own task are about that task, and those of fewer steps stay as they are", async () => {
    const task = { goal: [0.3, -0.1] };
    const own = await adaptedEpisodes({ ...setting, task, steps: [0, 2] });
    expect(own.task).toEqual(task);
    for (const { episodes: played } of own.after) {
      for (const { observations, rewards } of played) {
        const [x, y] = observations.subarray(2, 4) as ArrayLike<number> as [number, number];
        expect(rewards[0]).toBeCloseTo(-Math.hypot(x - 0.3, y + 0.1), 5);
      }
    }
    const [first] = (await adaptedEpisodes({ ...setting, task, steps: [0] })).after;
    expect(first).toEqual(own.after[0]);
    expect((await adaptedEpisodes({ ...setting, task, steps: [0], seed: 1 })).after[0]).not.toEqual(first);
    expect(own.after.map(({ steps }) => steps)).toEqual([0, 2]);
  });

  test("have what is seen after their last step, and tell those that were cut off from those that ended", async () => {
    // A goal that chance comes upon: the point starts beside it.
    const { after } = await adaptedEpisodes({
      ...setting,
      episodes: 40,
      task: { goal: [0.02, 0.02] },
      steps: [0, 1],
    });
    const played = after.flatMap((each) => each.episodes);
    const isEnded = ({ length }: PlayedEpisode): boolean => length < family.horizon;
    expect(played.some(isEnded)).toBe(true);
    expect(played.every(isEnded)).toBe(false);
    for (const episode of played) {
      const { length, observations, actions, terminated } = episode;
      expect(observations).toHaveLength(2 * (length + 1));
      for (const axis of [0, 1]) {
        const [before, last] = [length - 1, length].map((t) => observations[2 * t + axis]!) as [number, number];
        const action = Math.min(1, Math.max(-1, actions[2 * (length - 1) + axis]!));
        expect(last).toBeCloseTo(before + 0.1 * action, 5);
        if (terminated) expect(Math.abs(last - 0.02)).toBeLessThan(0.0101);
      }
      if (isEnded(episode)) expect(terminated).toBe(true);
    }
    expect(after[0]!.length).toBe(after[0]!.episodes.reduce((sum, { length }) => sum + length, 0) / 40);
  });

  test("of what is no task, no number of steps or no number of episodes are refused", async () => {
    const asked = (more: object) => adaptedEpisodes({ ...setting, ...more });
    await expect(asked({ task: { goal: [1] } })).rejects.toThrow(/^ILE102 navigation-2d: goal is /);
    await expect(asked({ steps: [] })).rejects.toThrow(/^ILR101 adaptedEpisodes: steps are \[\]/);
    await expect(asked({ steps: [0, 0.5] })).rejects.toThrow(/^ILR101 /);
    await expect(asked({ episodes: 0 })).rejects.toThrow(/^ILE101 adaptedEpisodes: episodes is 0/);
    await expect(asked({ seed: -1 })).rejects.toThrow(/^ILE101 adaptedEpisodes: seed is -1/);
  });
});

test("episodes of a bandit have indices as actions, and the arm that pays is pulled more after a step", async () => {
  const bandits = bernoulliBandits({ arms: 3, pulls: 6 });
  const puller = maml({
    model: policyNetwork({ ...bandits, hidden: [4] }),
    loss: policySurrogate(bandits.action),
    inner: sgd({ learningRate: 1 }),
    steps: 1,
  });
  const means = [0, 1, 0];
  const { after } = await adaptedEpisodes({
    family: bandits,
    learner: puller,
    params: puller.init(key(1)),
    task: { means },
    steps: [0, 1],
    episodes: 30,
    executor,
  });
  for (const { episodes: played } of after) {
    for (const { actions, rewards, length } of played) {
      expect(length).toBe(6);
      expect(actions).toBeInstanceOf(Int32Array);
      expect([...rewards]).toEqual([...actions].map((arm) => means[arm]!));
    }
  }
  expect(after[1]!.return.mean).toBeGreaterThan(after[0]!.return.mean);
});

describe("trials of a policy with a memory", () => {
  const mdps = tabularMdps({ states: 3, actions: 2, horizon: 4, episodes: 3 });
  const remembering = recurrentPolicy({ ...mdps, units: 5 });
  const memoryParams = remembering.init(key(1));
  const asked = { learner: remembering, params: memoryParams, executor };

  test("are shown episode by episode: those that the collector gives at the same addresses", async () => {
    const { task, after } = await adaptedEpisodes({ ...asked, family: mdps, seed: 5, index: 2, episodes: 2 });
    expect(task).toEqual(mdps.task(5, 2));
    expect(after.map(({ steps, remembered }) => [steps, remembered])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
    const { query } = await trialCollector({ family: mdps }).collect(memoryParams, 5, 2, executor, remembering);
    const first = after.map(({ episodes: trials }) => trials[0]!);
    expect(first.flatMap(({ rewards }) => [...rewards])).toEqual(toNumbers(query.y.reward));
    expect(first.flatMap(({ actions }) => [...actions])).toEqual(toNumbers(query.y.action));
    for (const { observations } of first) {
      expect(observations).toHaveLength(3 * 5);
      // Episodes begin in state 0, and each observation is one state.
      expect([...observations.subarray(0, 3)]).toEqual([1, 0, 0]);
      expect(observations.reduce((a, b) => a + b, 0)).toBe(5);
    }
    for (const { episodes: trials, return: mean } of after) {
      expect(trials).toHaveLength(2);
      expect(mean.mean).toBeCloseTo((trials[0]!.return + trials[1]!.return) / 2, 9);
    }
    expect(after[0]!.episodes[0]!.actions).not.toEqual(after[0]!.episodes[1]!.actions);
  });

  test("whose episodes end early lie after each other", async () => {
    const short = navigation2d({ horizon: 6 });
    const runner = recurrentPolicy({ ...short, units: 4 });
    const trials = await adaptedEpisodes({
      family: { ...short, trial: { episodes: 3 } },
      learner: runner,
      params: runner.init(key(2)),
      task: { goal: [0.02, 0.02] },
      episodes: 60,
      executor,
    });
    const played = trials.after.flatMap((each) => each.episodes);
    expect(played.some(({ length }) => length < 6)).toBe(true);
    for (const { length, observations, rewards } of played) {
      expect([...observations.subarray(0, 2)]).toEqual([0, 0]);
      for (let t = 0; t < length; t++) {
        const [x, y] = observations.subarray(2 * t + 2, 2 * t + 4) as ArrayLike<number> as [number, number];
        expect(rewards[t]).toBeCloseTo(-Math.hypot(x - 0.02, y - 0.02), 5);
      }
    }
  });

  test("take no steps", async () => {
    await expect(adaptedEpisodes({ ...asked, family: mdps, steps: [0, 1] })).rejects.toThrow(
      /^ILR101 adaptedEpisodes: steps are \[0, 1\] for RL\^2, which remembers and takes none/,
    );
  });
});
