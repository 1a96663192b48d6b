/** Laws of all families of the library's own, and each beside a plain environment by its definition. */
import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import { bernoulliBandits } from "./bandits.js";
import {
  actionSize,
  box,
  discrete,
  type Environment,
  EnvironmentError,
  type EnvironmentTask,
  observationSize,
  type RandomAddress,
  type VectorEnvironment,
} from "./environment.js";
import { navigation2d } from "./navigation.js";
import type { RowFamily } from "./row-dynamics.js";
import { tabularMdps } from "./tabular-mdp.js";
import { vectorEnvironment } from "./vector-environment.js";

/** MAML's PointEnvRandGoal within rllab's `normalize`. */
function point({ goal }: { goal: readonly number[] }): Environment {
  let at = [0, 0];
  return {
    observation: box({ shape: 2 }),
    action: box({ shape: 2, low: -1, high: 1 }),
    reset() {
      at = [0, 0];
      return { observation: at };
    },
    step(action) {
      at = at.map((x, i) => x + 0.1 * Math.min(1, Math.max(-1, (action as Float32Array)[i]!)));
      const [dx, dy] = at.map((x, i) => x - goal[i]!) as [number, number];
      const terminated = Math.abs(dx) < 0.01 && Math.abs(dy) < 0.01;
      return { observation: at, reward: -Math.sqrt(dx ** 2 + dy ** 2), terminated, truncated: false };
    },
  };
}

function bandit({ means }: { means: readonly number[] }): Environment {
  let uniforms: number[] = [];
  return {
    observation: box({ shape: 1, low: 0, high: 1 }),
    action: discrete(means.length),
    reset(source) {
      uniforms = Array.from({ length: 7 }, () => source.uniform());
      return { observation: [1] };
    },
    step: (arm) => ({
      observation: [1],
      reward: uniforms.shift()! < means[arm as number]! ? 1 : 0,
      terminated: false,
      truncated: false,
    }),
  };
}

function process({
  transitions,
  rewards,
}: {
  transitions: readonly number[];
  rewards: readonly number[];
}): Environment {
  let [state, draws] = [0, [] as number[]];
  return {
    observation: discrete(4),
    action: discrete(3),
    reset(source) {
      draws = Array.from({ length: 5 }, () => [source.uniform(), source.normal()]).flat();
      state = 0;
      return { observation: state };
    },
    step(action) {
      const pair = state * 3 + (action as number);
      const [chance, noise] = draws.splice(0, 2) as [number, number];
      let [sum, next] = [transitions[pair * 4]!, 0];
      while (next < 3 && chance >= sum) sum += transitions[pair * 4 + ++next]!;
      state = next;
      return { observation: state, reward: rewards[pair]! + noise, terminated: false, truncated: false };
    },
  };
}

interface Case {
  readonly family: RowFamily<EnvironmentTask>;
  readonly plain: (task: never) => Environment;
}

const cases: readonly Case[] = [
  { family: navigation2d({ horizon: 12 }), plain: point },
  { family: bernoulliBandits({ arms: 3, pulls: 7 }), plain: bandit },
  { family: tabularMdps({ states: 4, actions: 3, horizon: 5 }), plain: process },
];

const tasksOf = (family: Case["family"], count: number): EnvironmentTask[] =>
  Array.from({ length: count }, (_, index) => family.task(11, index));
const addressesOf = (rows: number, first = 0): RandomAddress[] =>
  Array.from({ length: rows }, (_, row) => [2, 8, first + row]);

/** Actions of a row at a time: of an address, so that they are the same beside whatever other rows. */
function actionsAt(family: Case["family"], rows: number, t: number, first = 0): Float32Array | Int32Array {
  const source = (row: number) => random(77, first + row, t);
  const { action } = family;
  if (action.kind === "discrete") return Int32Array.from({ length: rows }, (_, row) => source(row).integer(action.n));
  const size = actionSize(action);
  return Float32Array.from({ length: rows * size }, (_, i) =>
    random(78, first + Math.floor(i / size), t, i % size).normal(),
  );
}

/** Everything that can be seen of some steps. */
async function played(family: Case["family"], environment: VectorEnvironment, steps: number, first = 0, from = 0) {
  const seen: Record<string, number[]>[] = [];
  for (let t = from; t < from + steps; t++) {
    await environment.step(actionsAt(family, environment.rows, t, first));
    seen.push({
      observations: [...environment.observations],
      rewards: [...environment.rewards],
      terminated: [...environment.terminated],
      truncated: [...environment.truncated],
    });
  }
  return seen;
}

describe.each(cases)("$family.name", ({ family, plain }) => {
  const steps = family.horizon + 1;

  test("vectorised, one episode at a time and written out plainly: the same bits", async () => {
    const tasks = tasksOf(family, 3);
    const forms = [
      family.vectorized(tasks, 4),
      vectorEnvironment(family.environment, tasks, 4),
      vectorEnvironment(plain as (task: EnvironmentTask) => Environment, tasks, 4, { horizon: family.horizon }),
    ];
    const seen: [number[], Awaited<ReturnType<typeof played>>][] = [];
    for (const environment of forms) {
      await environment.reset(addressesOf(12));
      seen.push([[...environment.observations], await played(family, environment, steps)]);
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
    // Rows differ, and all have ended.
    expect(new Set(seen[0]![1].flatMap(({ rewards }) => rewards!)).size).toBeGreaterThan(1);
    expect(forms[0]!.terminated.map((flag, row) => flag | forms[0]!.truncated[row]!)).toEqual(
      new Uint8Array(12).fill(1),
    );
  });

  test("a row is the same whatever the other rows", async () => {
    const tasks = tasksOf(family, 3);
    const together = family.vectorized(tasks, 2);
    await together.reset(addressesOf(6));
    const all = await played(family, together, steps);
    const alone = family.vectorized(tasks.slice(1, 2), 2);
    await alone.reset(addressesOf(2, 2));
    const part = await played(family, alone, steps, 2);
    const size = observationSize(family.observation);
    expect(part.map(({ rewards }) => rewards)).toEqual(all.map(({ rewards }) => rewards!.slice(2, 4)));
    expect(part.map(({ observations }) => observations)).toEqual(
      all.map(({ observations }) => observations!.slice(2 * size, 4 * size)),
    );
  });

  test("a restored state goes on in the same bits, in both forms", async () => {
    const tasks = tasksOf(family, 2);
    for (const make of [() => family.vectorized(tasks, 2), () => vectorEnvironment(family.environment, tasks, 2)]) {
      const first = make();
      await first.reset(addressesOf(4));
      await played(family, first, 3);
      const second = make();
      second.restore(first.state());
      expect(second.observations).toEqual(first.observations);
      expect(second.rewards).toEqual(first.rewards);
      const rest = await played(family, first, steps, 0, 3);
      expect(await played(family, second, steps, 0, 3)).toEqual(rest);
      expect(() => second.restore(first.state().subarray(1))).toThrow(/^ILE205 /);
    }
  });

  test("tasks are of their address, and parsed from what JSON holds of them", () => {
    const task = family.task(3, 5);
    expect(family.task(3, 5)).toEqual(task);
    expect(family.task(3, 6)).not.toEqual(task);
    expect(family.task(4, 5)).not.toEqual(task);
    expect(family.parseTask(JSON.parse(JSON.stringify(task)))).toEqual(task);
    expect(family.context(task).length).toBe(family.context(family.task(3, 6)).length);
    const field = Object.keys(task)[0]!;
    const numbers = task[field] as number[];
    const none = [null, [], "goal", 3, {}, { ...task, more: 1 }];
    const wrong = [undefined, null, "1, 2", {}, numbers.slice(1), [...numbers, 0.5], numbers.map(String)];
    const values = [Number.NaN, Number.POSITIVE_INFINITY, null].map((value) => numbers.with(1, value as number));
    for (const json of [...none, ...[...wrong, ...values].map((value) => ({ ...task, [field]: value }))]) {
      expect(() => family.parseTask(json), JSON.stringify(json)).toThrow(EnvironmentError);
      expect(() => family.parseTask(json)).toThrow(/^ILE102 /);
      expect(() => family.vectorized([json as EnvironmentTask], 1)).toThrow(/^ILE102 /);
    }
  });

  test("its pictures are drawn of what is observed, and of the task", async () => {
    const task = family.task(1, 2);
    const environment = family.vectorized([task], 1);
    await environment.reset(addressesOf(1));
    expect(family.pictures!.length).toBeGreaterThan(0);
    for (let t = 0; t < 3; t++) {
      const observation = environment.observations;
      for (const picture of family.pictures!) {
        if (picture.kind === "choices") {
          const { names, situations, worth } = picture;
          expect(names).toHaveLength((family.action as { n: number }).n);
          const situation = situations?.at(observation) ?? 0;
          expect(situations?.names[situation] ?? "the only one").toEqual(expect.any(String));
          expect(worth!.of(task)).toHaveLength(names.length * (situations?.names.length ?? 1));
        } else {
          const drawn = [picture.at(observation, task), picture.kind === "path" ? picture.goal!(task) : 0].flat();
          expect(drawn.every(Number.isFinite)).toBe(true);
        }
      }
      await environment.step(actionsAt(family, 1, t));
    }
  });

  test("the order of things is kept: reset before step, none after close, actions of the space", async () => {
    const environment = family.vectorized(tasksOf(family, 1), 1);
    const actions = actionsAt(family, 1, 0);
    await expect(environment.step(actions)).rejects.toThrow(/^ILE204 /);
    expect(() => environment.state()).toThrow(/^ILE204 /);
    await expect(environment.reset([])).rejects.toThrow(/^ILE101 /);
    await environment.reset([[1]]);
    await expect(environment.step(new Float64Array(actions) as never)).rejects.toThrow(/^ILE201 /);
    await environment.close();
    await expect(environment.step(actions)).rejects.toThrow(/^ILE204 /);
  });
});

test("navigation: an episode ends within 0.01 of the goal, and is cut off at the horizon", async () => {
  const environment = navigation2d({ horizon: 3 }).vectorized([{ goal: [0.1, 0.205] }, { goal: [0.5, 0] }], 1);
  await environment.reset(addressesOf(2));
  await environment.step(Float32Array.of(0, 50, 1, 0));
  expect([...environment.observations]).toEqual([0, 0.1, 0.1, 0].map(Math.fround));
  expect(environment.rewards[0]).toBeCloseTo(-Math.hypot(0.1, 0.105), 6);
  await environment.step(Float32Array.of(1, 1, 1, 0));
  expect([...environment.terminated, ...environment.truncated]).toEqual([1, 0, 0, 0]);
  await environment.step(Float32Array.of(1, 1, 1, 0));
  expect([...environment.terminated, ...environment.truncated]).toEqual([1, 0, 0, 1]);
  const squared = navigation2d({ reward: "squared-distance" }).vectorized([{ goal: [0.3, 0.4] }], 1);
  await squared.reset([[1]]);
  await squared.step(Float32Array.of(0, 0));
  expect(squared.rewards[0]).toBeCloseTo(-0.25, 6);
  expect(() => navigation2d({ reward: "cubed" as never })).toThrow(/^ILE101 navigation-2d: reward is "cubed"/);
  expect(() => navigation2d({ goalRange: 0 })).toThrow(/^ILE101 /);
});

test("a bandit pays with its arms' means, and tasks have uniform ones", async () => {
  const [arms, pulls, episodes] = [3, 50, 200];
  const family = bernoulliBandits({ arms, pulls });
  const means = [0.1, 0.5, 0.9];
  const environment = family.vectorized([{ means }], episodes);
  await environment.reset(addressesOf(episodes));
  const paid = [0, 0, 0];
  for (let t = 0; t < pulls; t++) {
    await environment.step(Int32Array.from({ length: episodes }, (_, row) => (row + t) % arms));
    for (const [row, reward] of environment.rewards.entries()) paid[(row + t) % arms]! += reward;
  }
  // 3,333 pulls of each arm: a deviation of 0.009 at most.
  for (const [arm, total] of paid.entries()) expect(total / ((pulls * episodes) / arms)).toBeCloseTo(means[arm]!, 1);
  const all = Array.from({ length: 4000 }, (_, index) => family.task(1, index).means).flat();
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * all.length));
  expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
});

test("tabular MDPs have flat Dirichlet transitions, normal rewards of mean 1, and follow their tables", async () => {
  const family = tabularMdps({ states: 3, actions: 2, horizon: 400 });
  const tasks = Array.from({ length: 2000 }, (_, index) => family.task(1, index));
  const moments = (values: number[]): [number, number] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length];
  };
  // Dirichlet(1) of n: mean 1 / n, variance (n - 1) / (n^2 (n + 1)).
  const [share, spread] = moments(tasks.map(({ transitions }) => transitions[1]!));
  expect(Math.abs(share - 1 / 3)).toBeLessThan(4 * Math.sqrt(1 / 18 / 2000));
  expect(Math.abs(spread - 1 / 18)).toBeLessThan(0.006);
  const [reward, deviation] = moments(tasks.flatMap(({ rewards }) => rewards));
  expect(Math.abs(reward - 1)).toBeLessThan(4 / Math.sqrt(12000));
  expect(Math.abs(deviation - 1)).toBeLessThan(0.06);

  const transitions = [0.2, 0.3, 0.5, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0.5, 0.25, 0.25, 0, 0, 1];
  const environment = family.vectorized([{ transitions, rewards: [1, 2, 3, 4, 5, 6] }], 30);
  await environment.reset(addressesOf(30));
  const counts = new Float64Array(18);
  const paid = new Float64Array(6);
  const taken = new Float64Array(6);
  for (let t = 0; t < 400; t++) {
    const actions = Int32Array.from({ length: 30 }, (_, row) => (row + (t >> 1)) % 2);
    const before = Array.from({ length: 30 }, (_, row) => environment.observations.indexOf(1, row * 3) - row * 3);
    if (t === 0) expect(new Set(before)).toEqual(new Set([0]));
    await environment.step(actions);
    for (const [row, state] of before.entries()) {
      const pair = state * 2 + actions[row]!;
      counts[pair * 3 + environment.observations.indexOf(1, row * 3) - row * 3]! += 1;
      taken[pair]! += 1;
      paid[pair]! += environment.rewards[row]!;
    }
  }
  for (const [i, probability] of transitions.entries()) {
    const pair = Math.floor(i / 3);
    if (taken[pair] === 0) continue;
    const tolerance = 4 * Math.sqrt((probability * (1 - probability)) / taken[pair]!);
    expect(Math.abs(counts[i]! / taken[pair]! - probability), `row ${i}`).toBeLessThanOrEqual(tolerance);
  }
  for (const [pair, total] of paid.entries())
    if (taken[pair]! > 0) expect(Math.abs(total / taken[pair]! - pair - 1)).toBeLessThan(4 / Math.sqrt(taken[pair]!));
  expect(() => family.parseTask({ transitions: transitions.with(0, 0.3), rewards: [1, 2, 3, 4, 5, 6] })).toThrow(
    /^ILE102 tabular-mdp: the probabilities of row 0 of transitions add up to 1\.1\. /,
  );
  expect(tabularMdps().trial).toEqual({ episodes: 10 });
});
