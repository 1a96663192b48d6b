import { describe, expect, test } from "vitest";
import { type AntProtocol, ant, antProtocols } from "./ant.js";
import { type Body, bodies } from "./bodies.js";
import { type HalfCheetahProtocol, halfCheetah, halfCheetahProtocols } from "./half-cheetah.js";
import { readModel } from "./model-files.js";

describe("tasks", () => {
  test("are addressed: directions, velocities within the protocol's, directions of the plane", () => {
    const direction = halfCheetah({ goal: "direction", workers: 0 });
    const directions = Array.from({ length: 400 }, (_, index) => direction.task(1, index).direction);
    expect(new Set(directions)).toEqual(new Set([-1, 1]));
    // 400 throws of a coin: four deviations are 40 of them.
    expect(Math.abs(directions.reduce<number>((sum, each) => sum + each, 0))).toBeLessThan(80);
    expect(direction.task(1, 7)).toEqual(direction.task(1, 7));
    const velocity = halfCheetah({ goal: "velocity", protocol: "promp", workers: 0 });
    const velocities = Array.from({ length: 400 }, (_, index) => velocity.task(1, index).velocity);
    expect(Math.min(...velocities)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...velocities)).toBeGreaterThan(2.5);
    expect(Math.max(...velocities)).toBeLessThan(3);
    expect(velocity.task(2, 0)).not.toEqual(velocity.task(1, 0));
    const plane = ant({ goal: "direction-2d", workers: 0 });
    const angles = Array.from({ length: 400 }, (_, index) => {
      const [x, y] = plane.task(1, index).direction;
      expect(Math.hypot(x, y)).toBeCloseTo(1, 12);
      return Math.atan2(y, x);
    });
    for (const quarter of [-2, -1, 0, 1]) {
      const within = angles.filter((angle) => Math.floor(angle / (Math.PI / 2)) === quarter);
      expect(within.length).toBeGreaterThan(60);
    }
    expect([...plane.context({ direction: [0.6, 0.8] })]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
    expect([...velocity.context({ velocity: 1.5 })]).toEqual([1.5]);
    expect([...direction.context({ direction: -1 })]).toEqual([-1]);
  });

  test("from outside are read, and what is none of the family is refused", () => {
    const direction = ant({ goal: "direction", workers: 0 });
    const velocity = ant({ goal: "velocity", workers: 0 });
    const plane = ant({ goal: "direction-2d", workers: 0 });
    expect(direction.parseTask(JSON.parse('{"direction":-1}'))).toEqual({ direction: -1 });
    expect(velocity.parseTask({ velocity: 5 })).toEqual({ velocity: 5 });
    expect(plane.parseTask({ direction: [0.6, -0.8] })).toEqual({ direction: [0.6, -0.8] });
    const others = [null, 1, "direction", [], {}, [1], { direction: 2 }, { direction: "1" }, { velocity: Number.NaN }];
    const hostile = [
      { velocity: 1e9 },
      { velocity: [1] },
      { velocity: 1, direction: 1 },
      { direction: [1, 1] },
      { direction: [1, 0, 0] },
      1n,
      Symbol("x"),
    ];
    for (const json of [...others, ...hostile]) {
      for (const family of [direction, velocity, plane]) {
        expect(() => family.parseTask(json)).toThrow(/^ILE102 ant-.*the task is .* Give \{ "/);
      }
    }
    expect(() => plane.parseTask({ direction: 1 })).toThrow("the task is { direction: 1 }");
    expect(() => velocity.vectorized([{ velocity: Number.POSITIVE_INFINITY }], 1)).toThrow(/ILE102/);
    expect(() => velocity.vectorized([], 1)).toThrow(/ILE101/);
    expect(() => velocity.vectorized([{ velocity: 1 }], 0)).toThrow(/ILE101/);
  });
});

describe("protocols", () => {
  const protocols = [
    ...Object.keys(halfCheetahProtocols).map((name) =>
      halfCheetah({ goal: "direction", protocol: name as HalfCheetahProtocol, workers: 0 }),
    ),
    ...Object.keys(antProtocols).map((name) => ant({ goal: "direction", protocol: name as AntProtocol, workers: 0 })),
  ];

  test("have the published constants, all of them in the description", () => {
    const table = protocols.map(({ name, description, observation, action }) => [
      name,
      description.protocol,
      description.frameSkip,
      description.horizon,
      (observation as { shape: readonly number[] }).shape[0],
      (action as { high: readonly number[] }).high[0],
      description["reward.controlCost"],
    ]);
    expect(table).toEqual([
      ["half-cheetah-direction", "maml", 1, 200, 20, 1, 0.05],
      ["half-cheetah-direction", "promp", 5, 100, 17, 10, 0.05],
      ["half-cheetah-direction", "learn2learn", 5, 100, 20, 1, 0.05],
      ["half-cheetah-direction", "pytorch-maml-rl", 5, 200, 20, 1, 0.05],
      ["half-cheetah-direction", "gymnasium", 5, 1000, 17, 1, 0.1],
      ["ant-direction", "maml", 1, 200, 125, 1, 0.005],
      ["ant-direction", "promp", 5, 200, 111, 10, 0.5],
      ["ant-direction", "learn2learn", 5, 100, 111, 1, 0.5],
      ["ant-direction", "pytorch-maml-rl", 5, 200, 123, 1, 0.005],
      ["ant-direction", "gymnasium", 5, 1000, 105, 1, 0.5],
    ]);
    expect(new Set(protocols.map(({ description }) => JSON.stringify(description))).size).toBe(protocols.length);
    expect(protocols[5]!.description).toMatchObject({
      simulator: "MuJoCo 3.14.0",
      model: "ant.xml, sha256 cd5f83ef0ea35b09",
      goals: "direction -1 or 1, equally likely",
      timestep: 0.02,
      contactImpedance: "0.8 0.8 0.01",
      "start.positionNoise.distribution": "normal",
      "start.positionNoise.scale": 0.01,
      healthyHeights: "0.2 1",
      "reward.velocity": "centre of mass",
      "reward.contactCost": 0.0005,
      "reward.alive": 0.05,
    });
  });

  test("can be changed, which the description tells, within ranges", () => {
    const changed = halfCheetah({
      goal: "velocity",
      protocol: "gymnasium",
      workers: 0,
      settings: { goalVelocities: [1, 2] },
    });
    expect(changed.description).toMatchObject({
      protocol: "gymnasium, changed",
      goals: "velocity uniform from 1 to 2 m/s",
    });
    expect(() => ant({ goal: "velocity", protocol: "promp" })).toThrow(
      /ILE101 ant-velocity: promp has no velocity tasks/,
    );
    const { start, observation, reward } = halfCheetahProtocols.maml;
    const wrong: readonly (readonly [name: string, settings: object])[] = [
      ...[0, 1, "0.01", Number.NaN].map((timestep) => ["timestep", { timestep }] as const),
      ["frameSkip", { frameSkip: 0.5 }],
      ["horizon", { horizon: 0 }],
      ["actionBound", { actionBound: Number.NaN }],
      ["contactImpedance", { contactImpedance: [1, 2] }],
      ["start.positions", { start: { ...start, positions: [1] } }],
      ["start.velocityNoise", { start: { ...start, velocityNoise: -1 } }],
      ["start.positionNoise.scale", { start: { ...start, positionNoise: { distribution: "normal", scale: -1 } } }],
      ["start.positionNoise.distribution", { start: { ...start, positionNoise: { distribution: "none", scale: 1 } } }],
      ["observation.positionsFrom", { observation: { positionsFrom: 10 } }],
      ["observation.contactForces", { observation: { ...observation, contactForces: "some" } }],
      ["observation.torsoPlace", { observation: { ...observation, torsoPlace: "here" } }],
      ["reward.velocity", { reward: { ...reward, velocity: "fast" } }],
      ["reward.alive", { reward: { ...reward, alive: "1" } }],
      ["healthyHeights", { healthyHeights: [1, Number.NaN] }],
      ["goalVelocities", { goalVelocities: [2, 1] }],
    ];
    for (const [name, settings] of wrong) {
      const make = () => halfCheetah({ goal: "direction", settings });
      expect(make, name).toThrow(new RegExp(`^ILE101 half-cheetah-direction: ${name} is .* Give `));
    }
    for (const workers of [-1, 1.5, Number.NaN]) {
      expect(() => ant({ goal: "direction", workers })).toThrow(/ILE101 ant-direction: workers is/);
    }
  });
});

test("starts have the protocol's noise", async () => {
  const family = halfCheetah({ goal: "direction", protocol: "promp", workers: 0 });
  const environment = family.vectorized([{ direction: 1 }], 200);
  await environment.reset(Array.from({ length: 200 }, (_, row) => [1, row]));
  const numbers = (from: number, to: number) =>
    Array.from({ length: 200 }, (_, row) => [
      ...environment.observations.subarray(17 * row + from, 17 * row + to),
    ]).flat();
  const deviation = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  // 1,600 uniform numbers in +-0.1, of deviation 0.1 / sqrt(3), and 1,800 normal ones: to 5 of their own deviations.
  expect(Math.max(...numbers(0, 8).map(Math.abs))).toBeLessThan(0.1);
  expect(deviation(numbers(0, 8))).toBeCloseTo(0.1 / Math.sqrt(3), 2);
  expect(deviation(numbers(8, 17))).toBeGreaterThan(0.09);
  expect(deviation(numbers(8, 17))).toBeLessThan(0.11);
  expect(Math.max(...numbers(8, 17).map(Math.abs))).toBeGreaterThan(0.2);
  await family.close();
});

test("the models' files are those that results are for", () => {
  for (const body of Object.keys(bodies) as Body[]) expect(readModel(body)).toMatch(/^(<!--|<mujoco)/);
});

describe("pictures", () => {
  /** What a picture tells of rows in which number i is i. */
  const row = (family: { observation: { shape?: readonly number[] } }): Float32Array =>
    Float32Array.from({ length: family.observation.shape![0]! }, (_, i) => i);
  const shown = (family: ReturnType<typeof halfCheetah> | ReturnType<typeof ant>, task: never) =>
    family.pictures!.map((picture) => {
      if (picture.kind === "choices") throw new Error("nothing is chosen here");
      const at = [picture.at(row(family as never), task)].flat();
      if (picture.kind === "path") return { title: picture.title, at, direction: picture.direction?.(task) };
      return { title: picture.title, at, wanted: picture.wanted!(task), stepSeconds: picture.stepSeconds };
    });

  test("of the half-cheetah are of its velocity, and of the one that is wanted", () => {
    const family = halfCheetah({ goal: "velocity", workers: 0 });
    const at = [family.xVelocityAt];
    expect(shown(family as never, { velocity: 1.5 } as never)).toEqual([
      { title: "velocity along x", at, wanted: 1.5, stepSeconds: 0.01 },
    ]);
    const backward = halfCheetah({ goal: "direction", protocol: "promp", workers: 0 });
    expect(shown(backward as never, { direction: -1 } as never)).toEqual([
      {
        title: "velocity in the wanted direction",
        at: [-backward.xVelocityAt],
        wanted: undefined,
        stepSeconds: 0.05,
      },
    ]);
  });

  test("of the ant are of its path too, where it observes its place", () => {
    const family = ant({ goal: "direction-2d", workers: 0 });
    const [n, v] = [(family.observation as { shape: readonly number[] }).shape[0]!, family.xVelocityAt];
    const velocity = { title: "velocity in the wanted direction", at: [expect.closeTo(0.6 * v + 0.8 * (v + 1), 5)] };
    expect(shown(family as never, { direction: [0.6, 0.8] } as never)).toEqual([
      { title: "path from above", at: [n - 3, n - 2], direction: [0.6, 0.8] },
      { ...velocity, wanted: undefined, stepSeconds: 0.02 },
    ]);
    const blind = ant({ goal: "direction-2d", protocol: "promp", workers: 0 });
    expect(shown(blind as never, { direction: [1, 0] } as never).map(({ title }) => title)).toEqual([velocity.title]);
    const runner = ant({ goal: "velocity", workers: 0 });
    expect(shown(runner as never, { velocity: 2 } as never)).toMatchObject([
      { title: "velocity along x", at: [v], wanted: 2 },
      { title: "path from above", direction: undefined },
    ]);
  });
});
