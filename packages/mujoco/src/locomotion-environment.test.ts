import type { RandomAddress, VectorEnvironment } from "@innerloop/core/reinforcement";
import { describe, expect, test } from "vitest";
import { ant, antProtocols } from "./ant.js";
import { halfCheetah } from "./half-cheetah.js";
import type { LocomotionFamily } from "./locomotion-family.js";

const addresses = (rows: number): RandomAddress[] => Array.from({ length: rows }, (_, row) => [5, row]);

/** Actions of a step, some beyond the bounds; those of a row are the same whatever rows are beside it. */
function actionsOf(family: LocomotionFamily, rows: readonly number[], step: number): Float32Array {
  const { shape, high } = family.action as { shape: readonly [number]; high: readonly number[] };
  return Float32Array.from({ length: rows.length * shape[0] }, (_, i) => {
    const row = rows[Math.floor(i / shape[0])]!;
    return 1.3 * high[0]! * Math.sin(1 + 7 * row + 3 * step + 5 * (i % shape[0]) + row * step);
  });
}

async function run(environment: VectorEnvironment, family: LocomotionFamily, from: number, to: number): Promise<void> {
  const rows = Array.from({ length: environment.rows }, (_, row) => row);
  for (let step = from; step < to; step++) await environment.step(actionsOf(family, rows, step));
}

const families = {
  "half-cheetah": () => halfCheetah({ goal: "velocity", workers: 0, settings: { horizon: 12 } }),
  ant: () => ant({ goal: "direction-2d", protocol: "promp", workers: 0, settings: { healthyHeights: [0.55, 0.95] } }),
};

describe.each(Object.entries(families))("rows of %s", (_, make) => {
  test("begin and go on by their address and task alone, beside whatever rows", async () => {
    const family = make() as LocomotionFamily;
    const tasks = [0, 1, 2].map((index) => family.task(3, index));
    const all = family.vectorized(tasks, 2);
    await all.reset(addresses(6));
    await run(all, family, 0, 10);
    // Rows 2 and 3, alone and begun a second time.
    const alone = family.vectorized([tasks[1]!], 2);
    await alone.reset(addresses(2));
    await alone.reset([
      [5, 2],
      [5, 3],
    ]);
    for (let step = 0; step < 10; step++) await alone.step(actionsOf(family, [2, 3], step));
    const n = all.observations.length / 6;
    expect(alone.observations).toEqual(all.observations.slice(2 * n, 4 * n));
    expect(alone.rewards).toEqual(all.rewards.slice(2, 4));
    expect(all.observations.slice(2 * n, 3 * n)).not.toEqual(all.observations.slice(3 * n, 4 * n));
    await family.close();
  });

  test("go on from a state bit for bit, in another environment", async () => {
    const family = make() as LocomotionFamily;
    const tasks = [0, 1].map((index) => family.task(3, index));
    const first = family.vectorized(tasks, 2);
    await first.reset(addresses(4));
    await run(first, family, 0, 5);
    const state = first.state();
    await run(first, family, 5, 12);
    const second = family.vectorized(tasks, 2);
    second.restore(state);
    expect(second.state()).toEqual(state);
    await run(second, family, 5, 12);
    expect(second.state()).toEqual(first.state());
    expect(second.observations).toEqual(first.observations);
    await family.close();
  });
});

test("episodes are cut off at the horizon, and stay as they were", async () => {
  const family = halfCheetah({ goal: "direction", workers: 0, settings: { horizon: 3 } });
  const environment = family.vectorized([{ direction: 1 }], 2);
  await environment.reset(addresses(2));
  await run(environment, family, 0, 2);
  expect([...environment.truncated]).toEqual([0, 0]);
  await run(environment, family, 2, 3);
  expect([...environment.truncated, ...environment.terminated]).toEqual([1, 1, 0, 0]);
  expect(environment.rewards[0]).not.toBe(0);
  const shown = environment.observations.slice();
  // What has ended asks for no action: not even a number.
  await environment.step(new Float32Array(12).fill(Number.NaN));
  expect(environment.observations).toEqual(shown);
  expect([...environment.rewards, ...environment.truncated]).toEqual([0, 0, 1, 1]);
  // Steps of the first row, and its flags.
  expect([...environment.state().subarray(0, 4)]).toEqual([3, 0, 1, 0]);
  await family.close();
});

test("an ant that leaves the healthy heights terminates, and the other goes on", async () => {
  const family = ant({ goal: "direction", workers: 0, settings: { healthyHeights: [0.2, 0.56] } });
  const environment = family.vectorized([{ direction: 1 }, { direction: -1 }], 4);
  await environment.reset(addresses(8));
  let steps = 0;
  while (environment.terminated.every((flag) => flag === 0)) await run(environment, family, steps, ++steps);
  const ended = environment.terminated.indexOf(1);
  const going = environment.terminated.indexOf(0);
  expect(going).toBeGreaterThanOrEqual(0);
  const heights = (row: number) => environment.observations[125 * row + 2]!;
  expect(heights(ended) < 0.2 || heights(ended) > 0.56).toBe(true);
  const before = [heights(ended), heights(going)];
  await run(environment, family, steps, steps + 1);
  expect(heights(ended)).toBe(before[0]);
  expect(heights(going)).not.toBe(before[1]);
  expect([environment.rewards[ended], environment.truncated[ended]]).toEqual([0, 0]);
  await family.close();
});

test("the velocity of the root is where the family says, and moves the body by as much", async () => {
  const family = ant({
    goal: "velocity",
    workers: 0,
    settings: { start: { ...antProtocols.maml.start, velocityNoise: 1 } },
  });
  const environment = family.vectorized([{ velocity: 1 }], 1);
  await environment.reset([[5, 1]]);
  await environment.step(new Float32Array(8));
  const [x, velocity] = [environment.observations[0]!, environment.observations[family.xVelocityAt]!];
  await environment.step(new Float32Array(8));
  const moved = (environment.observations[0]! - x) / family.settings.timestep;
  expect(Math.abs(velocity)).toBeGreaterThan(0.1);
  // RK4 moves by a mean of the velocities within the frame, the last of which is the next one.
  const next = environment.observations[family.xVelocityAt]!;
  expect(Math.abs(moved - (velocity + next) / 2)).toBeLessThan(0.25 * Math.abs(velocity));
  await family.close();
});

test("the reward of a direction is that of the other, but for its sign and the costs", async () => {
  const family = halfCheetah({ goal: "direction", workers: 0, settings: { horizon: 5 } });
  const environment = family.vectorized([{ direction: 1 }, { direction: -1 }], 1);
  await environment.reset([
    [5, 0],
    [5, 0],
  ]);
  const actions = actionsOf(family, [0], 0);
  await environment.step(Float32Array.from([...actions, ...actions]));
  const cost = 0.05 * actions.reduce((sum, action) => sum + Math.min(1, Math.abs(action)) ** 2, 0);
  expect(environment.rewards[0]! + environment.rewards[1]!).toBeCloseTo(-2 * cost, 5);
  expect(environment.rewards[0]).not.toBeCloseTo(environment.rewards[1]!, 2);
  await family.close();
});

describe("what cannot go on is told", () => {
  test("a simulation that diverges: row, step, task, state and action; nothing has changed", async () => {
    // A frame of 0.1 s is far too long for these joints.
    const family = halfCheetah({ goal: "velocity", workers: 0, settings: { timestep: 0.1, frameSkip: 20 } });
    const environment = family.vectorized([{ velocity: 1 }, { velocity: 2 }], 2);
    await environment.reset(addresses(4));
    let before = environment.state();
    const steps = async (): Promise<void> => {
      for (let step = 0; step < 200; step++) {
        before = environment.state();
        await run(environment, family, step, step + 1);
      }
    };
    const error = (await steps().catch((thrown) => thrown)) as Record<string, unknown>;
    expect(error).toMatchObject({ name: "DivergenceError", code: "ILE301", environment: "half-cheetah-velocity" });
    expect(error.message).toMatch(
      /^ILE301 half-cheetah-velocity, row \d, step \d+: q\w+ is not finite.*from qpos \[.*\] under the action \[/,
    );
    const row = error.row as number;
    expect(error.task).toEqual({ velocity: row < 2 ? 1 : 2 });
    expect(error.action).toHaveLength(6);
    expect(environment.state()).toEqual(before);
    const size = before.length / 4;
    expect(error.step).toBe(before[row * size]);
    expect(error.state).toEqual([...before.subarray(row * size + 4, row * size + 4 + 18)]);
    // The same row and step on workers.
    const onWorkers = halfCheetah({ goal: "velocity", workers: 2, settings: { timestep: 0.1, frameSkip: 20 } });
    const other = onWorkers.vectorized([{ velocity: 1 }, { velocity: 2 }], 2);
    await other.reset(addresses(4));
    await expect(run(other, onWorkers, 0, 200)).rejects.toMatchObject({ message: error.message });
    await Promise.all([family.close(), onWorkers.close()]);
  });

  test("states of other rows, use before the first reset, after close, and while a step runs", async () => {
    const family = ant({ goal: "velocity", workers: 0 });
    const environment = family.vectorized([{ velocity: 1 }], 2);
    await expect(environment.step(new Float32Array(16))).rejects.toMatchObject({ code: "ILE204" });
    expect(() => environment.state()).toThrow(/ILE204 ant-velocity: no episode was begun/);
    await expect(environment.reset(addresses(3))).rejects.toThrow(/ILE101 .*3 addresses for 2 rows/);
    await environment.reset(addresses(2));
    const state = environment.state();
    for (const wrong of [state.slice(1), Float64Array.of(), state.map((value, i) => (i === 1 ? 2 : value))]) {
      expect(() => environment.restore(wrong)).toThrow(/ILE205/);
    }
    await expect(environment.step(new Float32Array(15))).rejects.toMatchObject({ code: "ILE201" });
    await expect(environment.step(new Float32Array(16).fill(Number.NaN))).rejects.toThrow(
      /ILE201 ant-velocity, row 0, step 0/,
    );
    const step = environment.step(new Float32Array(16));
    await expect(environment.step(new Float32Array(16))).rejects.toThrow(/ILE204 .*a step is still running/);
    await step;
    await environment.close();
    await environment.close();
    await expect(environment.step(new Float32Array(16))).rejects.toThrow(/ILE204 .*it is closed/);
    await family.close();
    expect(() => family.vectorized([{ velocity: 1 }], 1)).toThrow(/ILE204 .*its family is closed/);
  });
});
