import { expect, test } from "vitest";
import type { Random } from "../../random/random.js";
import { random } from "../../random/random.js";
import {
  box,
  discrete,
  type Environment,
  EnvironmentError,
  type RandomAddress,
  requireActions,
  type Step,
} from "./environment.js";
import { environmentFamily, vectorEnvironment } from "./vector-environment.js";

/** A point on a line that is blown about, until it is past its end. */
function windy({ end }: { end: number }): Environment {
  let [x, gust, t] = [0, new Float64Array(8), 0];
  return {
    observation: box({ shape: 2 }),
    action: box({ low: [-2], high: [4] }),
    reset(source: Random) {
      gust = Float64Array.from(gust, () => source.normal(0, 0.01));
      [x, t] = [0, 0];
      return { observation: [x, end] };
    },
    step(action) {
      x += (action as Float32Array)[0]! + gust[t++ % gust.length]!;
      return { observation: [x, end], reward: -Math.abs(end - x), terminated: x >= end, truncated: false };
    },
    state: () => Float64Array.from([x, t, ...gust]),
    restore(state) {
      [x, t] = [state[0]!, state[1]!];
      gust = state.slice(2);
    },
  };
}

const addresses = (rows: number): RandomAddress[] => Array.from({ length: rows }, (_, row) => [5, row]);
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof EnvironmentError) return error.message;
    throw error;
  }
  return "no error";
};

test("rows are tasks by episodes, episodes end by themselves, and ended rows stand still", async () => {
  const environment = vectorEnvironment(windy, [{ end: 1 }, { end: 3 }], 2, { horizon: 4 });
  expect(environment.rows).toBe(4);
  await environment.reset(addresses(4));
  expect([...environment.observations]).toEqual([0, 1, 0, 1, 0, 3, 0, 3]);
  const seen: number[][] = [];
  for (let t = 0; t < 4; t++) {
    await environment.step(Float32Array.from([0.9, 0.3, 1.01, 0.5]));
    seen.push([...environment.terminated, ...environment.truncated]);
  }
  expect(seen).toEqual([
    [0, 0, 0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0, 0, 0],
    [1, 0, 1, 0, 0, 0, 0, 0],
    [1, 1, 1, 0, 0, 0, 0, 1],
  ]);
  const still = [...environment.observations];
  expect(environment.rewards[0]).toBe(0);
  // An ended row's action may be anything.
  await environment.step(new Float32Array(4).fill(Number.NaN));
  expect([...environment.observations]).toEqual(still);
  expect([...environment.rewards]).toEqual([0, 0, 0, 0]);
});

test("the trajectory of a row is of its task, address and actions alone", async () => {
  const play = async (tasks: { end: number }[], episodes: number, given: RandomAddress[], row: number) => {
    const environment = vectorEnvironment(windy, tasks, episodes);
    await environment.reset(given);
    const seen: number[] = [];
    for (let t = 0; t < 6; t++) {
      await environment.step(new Float32Array(environment.rows).fill(0.3));
      seen.push(environment.rewards[row]!, ...environment.observations.subarray(2 * row, 2 * row + 2));
    }
    return seen;
  };
  const alone = await play([{ end: 1 }], 1, [[9, 4]], 0);
  expect(await play([{ end: 7 }, { end: 1 }], 2, [[1], [2], [3], [9, 4]], 3)).toEqual(alone);
  expect(await play([{ end: 1 }], 1, [[9, 5]], 0)).not.toEqual(alone);
});

test("a restored state goes on in the same bits, in another object", async () => {
  const make = () => vectorEnvironment(windy, [{ end: 1 }, { end: 3 }], 1, { horizon: 5 });
  const step = Float32Array.from([0.4, 0.7]);
  const first = make();
  await first.reset(addresses(2));
  await first.step(step);
  const state = first.state();
  const second = make();
  second.restore(state);
  expect(second.observations).toEqual(first.observations);
  expect(second.rewards).toEqual(first.rewards);
  for (let t = 0; t < 5; t++) {
    await first.step(step);
    await second.step(step);
    expect(second.state()).toEqual(first.state());
  }
  expect([...second.terminated, ...second.truncated]).toEqual([1, 1, 0, 0]);
  expect(await codeOf(() => second.restore(state.subarray(1)))).toMatch(/^ILE205 environment: /);
  const { state: _, ...forgetful } = windy({ end: 1 });
  const without = vectorEnvironment(() => forgetful, [{}], 1);
  await without.reset([[1]]);
  expect(await codeOf(() => without.state())).toMatch(/^ILE205 environment, row 0, step 0: its state is undefined/);
});

test("actions beyond the bounds are clipped; a family scales those of [-1, 1] to the range", async () => {
  const raw = vectorEnvironment(windy, [{ end: 90 }], 1);
  await raw.reset([[1]]);
  await raw.step(Float32Array.from([1e6]));
  expect(raw.observations[0]).toBeCloseTo(4, 0);
  const options = { name: "windy", horizon: 3, task: () => ({ end: 90 }), make: windy };
  const family = environmentFamily(options);
  expect(family.action).toEqual(box({ shape: 1, low: -1, high: 1 }));
  expect(family.description).toEqual({ horizon: 3, actions: "[-1, 1], scaled to the range" });
  const unscaled = environmentFamily({ ...options, scaledActions: false });
  expect(unscaled.action).toEqual(box({ low: [-2], high: [4] }));
  for (const [units, moved] of [
    [-1, -2],
    [0, 1],
    [0.5, 2.5],
    [7, 4],
  ] as const) {
    const environment = family.vectorized([{ end: 90 }], 1);
    await environment.reset([[1]]);
    await environment.step(Float32Array.from([units]));
    expect(environment.observations[0]).toBeCloseTo(moved, 1);
    // States pass through the scaling.
    environment.restore(environment.state());
    await environment.step(Float32Array.from([units]));
    await environment.step(Float32Array.from([units]));
    expect(environment.truncated[0]).toBe(1);
  }
});

test("discrete observations are one-hot, and discrete actions arrive as numbers", async () => {
  const taken: unknown[] = [];
  let at = 0;
  const ring: Environment = {
    observation: discrete(3),
    action: discrete(2),
    reset() {
      at = 0;
      return { observation: at };
    },
    step(action) {
      taken.push(action);
      at = (at + 1) % 3;
      return { observation: at, reward: at, terminated: false, truncated: at === 2 };
    },
  };
  const environment = vectorEnvironment(() => ring, [{}], 1);
  await environment.reset([[1]]);
  expect([...environment.observations]).toEqual([1, 0, 0]);
  await environment.step(Int32Array.of(1));
  expect([...environment.observations]).toEqual([0, 1, 0]);
  await environment.step(Int32Array.of(0));
  expect(taken).toEqual([1, 0]);
  expect([...environment.truncated, ...environment.terminated]).toEqual([1, 0]);
});

test("what an environment gives that is none is refused, with row, step and value", async () => {
  const good: Step = { observation: [1, 2], reward: 1, terminated: false, truncated: false };
  const faults: [Partial<Record<keyof Step, unknown>> | null, RegExp][] = [
    [{ observation: [1, Number.NaN] }, /^ILE203 odd, row 1, step 2: number 1 of the observation is NaN\. /],
    [{ observation: ["1", 2] }, /^ILE203 odd, row 1, step 2: number 0 of the observation is "1" \(text\)\. /],
    [{ observation: [1e39, 2] }, /^ILE203 odd, row 1, step 2: number 0 of the observation is 1e\+39\. /],
    [{ observation: [1] }, /^ILE202 odd, row 1, step 2: the observation has 1 numbers, of a space of 2 numbers\. /],
    [{ observation: undefined }, /^ILE202 odd, row 1, step 2: the observation is undefined, /],
    [{ reward: Number.NaN }, /^ILE203 odd, row 1, step 2: the reward is NaN\. /],
    [{ reward: "1" }, /^ILE203 odd, row 1, step 2: the reward is "1" \(text\)\. /],
    [{ truncated: undefined }, /^ILE202 odd, row 1, step 2: terminated is false, and truncated is undefined\. /],
    [null, /^ILE202 odd, row 1, step 2: the observation is undefined, /],
  ];
  for (const [fault, message] of faults) {
    let made = 0;
    const environment = vectorEnvironment(
      () => {
        const row = made++;
        let t = 0;
        return {
          observation: box({ shape: 2 }),
          action: discrete(2),
          reset: () => ({ observation: [0, 0] }),
          step: () =>
            t++ === 2 && row === 1 ? (fault === null ? (null as never) : ({ ...good, ...fault } as Step)) : good,
        };
      },
      [{}, {}],
      1,
      { name: "odd" },
    );
    await environment.reset(addresses(2));
    const act = () => environment.step(new Int32Array(2));
    await act();
    await act();
    expect(await codeOf(act)).toMatch(message);
  }
  const failing = vectorEnvironment(
    (): Environment => ({
      ...windy({ end: 1 }),
      step: () => {
        throw new TypeError("no wind");
      },
    }),
    [{ end: 1 }],
    1,
  );
  await failing.reset([[1]]);
  const error = await failing.step(new Float32Array(1)).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "ILE202", environment: "environment", row: 0, step: 0 });
  expect((error as Error).message).toContain("step() failed: no wind. See the cause");
  expect((error as Error).cause).toBeInstanceOf(TypeError);
});

test("actions of the wrong kind, number or value are refused before any row is stepped", async () => {
  const environment = vectorEnvironment(windy, [{ end: 9 }], 2);
  expect(await codeOf(() => environment.step(new Float32Array(2)))).toMatch(/^ILE204 .* no episode was begun/);
  await environment.reset(addresses(2));
  expect(await codeOf(() => environment.step(new Int32Array(2)))).toMatch(/^ILE201 .* actions are of Int32Array\. /);
  expect(await codeOf(() => environment.step(new Float32Array(3)))).toMatch(/^ILE201 .* 3 numbers for 2 rows\. /);
  expect(await codeOf(() => environment.step(Float32Array.of(1, Number.NaN)))).toMatch(
    /^ILE201 environment, row 1, step 0: the action is NaN\. /,
  );
  expect([...environment.observations]).toEqual([0, 9, 0, 9]);
  const refused = () =>
    requireActions(
      "x",
      discrete(3),
      2,
      Int32Array.of(0, 3),
      () => false,
      () => 4,
    );
  expect(await codeOf(refused)).toBe("ILE201 x, row 1, step 4: the action is 3. Actions are whole numbers from 0 to 2");
  expect(await codeOf(() => environment.reset(addresses(3)))).toMatch(/^ILE101 .* 3 addresses for 2 rows\. /);
  await environment.close();
  expect(await codeOf(() => environment.step(new Float32Array(2)))).toMatch(/^ILE204 environment: it is closed\. /);
});

test("spaces, rows and families are checked when they are made", async () => {
  expect(box({ shape: 2, low: [-1, 0] })).toEqual({
    kind: "box",
    shape: [2],
    low: [-1, 0],
    high: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  });
  const refusals: [() => unknown, RegExp][] = [
    [() => box({}), /^ILE101 box: shape is undefined\. /],
    [() => box({ shape: 0 }), /^ILE101 box: shape is 0\. /],
    [() => box({ shape: 2, low: [0] }), /^ILE101 box: low is an array of 1, for 2 numbers\. /],
    [() => box({ low: [0, 2], high: 1 }), /^ILE101 box: low\[1\] is 2, and high\[1\] is 1\. /],
    [() => discrete(1.5), /^ILE101 discrete: n is 1\.5\. /],
    [() => vectorEnvironment(windy, [], 1), /^ILE101 environment: there are no tasks\. /],
    [() => vectorEnvironment(windy, [{ end: 1 }], 0), /^ILE101 environment: episodes is 0\. /],
    [
      () => vectorEnvironment(({ end }) => ({ ...windy({ end }), action: discrete(end) }), [{ end: 2 }, { end: 3 }], 1),
      /^ILE101 environment, row 1: its spaces are others than those of row 0\. /,
    ],
    [
      () =>
        environmentFamily({
          name: "free",
          horizon: 2,
          task: () => ({ end: 1 }),
          make: (task) => ({ ...windy(task), action: box({ shape: 1 }) }),
          scaledActions: true,
        }),
      /^ILE101 free: actions without bounds cannot be scaled\. /,
    ],
  ];
  for (const [run, message] of refusals) expect(await codeOf(run)).toMatch(message);
  // Where chance comes from, an environment is told by address.
  const source = random(3, 1);
  const environment = vectorEnvironment(windy, [{ end: 9 }], 1);
  await environment.reset([[3, 1]]);
  await environment.step(Float32Array.of(0));
  expect(environment.observations[0]).toBe(Math.fround(source.normal(0, 0.01)));
});
