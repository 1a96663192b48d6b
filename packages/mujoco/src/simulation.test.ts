import { describe, expect, test } from "vitest";
import { antProtocols } from "./ant.js";
import { type EpisodeRows, episodeRows, rowSizes } from "./episode-rows.js";
import { readModel } from "./model-files.js";
import { openSimulation, type Simulation } from "./simulation.js";

const settings = antProtocols.gymnasium;
const model = readModel("ant");

/** Rows of ants that fall from different heights. */
function fallingAnts(simulation: Simulation, count = 4): EpisodeRows {
  const rows = episodeRows(count, rowSizes(settings));
  for (let row = 0; row < count; row++) {
    rows.states.set([0, 0, 0.5 + 0.1 * row, 1], row * rows.sizes.state);
    rows.goals.set([1, 0, Number.NaN], row * rows.sizes.goal);
  }
  expect(simulation.run("begin", rows, 0, count)).toEqual([]);
  return rows;
}

const stateOf = ({ states, sizes }: EpisodeRows, row: number): Float64Array =>
  states.slice(row * sizes.state, (row + 1) * sizes.state);

describe("a row that diverges", () => {
  test.each([
    ["velocity", 15, 1e11, "qvel is not finite or beyond 1e10"],
    ["place", 2, Number.NaN, "qpos is not finite"],
    ["place", 0, -2e10, "qpos is not finite or beyond 1e10"],
    ["warm start", 15 + 14, Number.NaN, "qpos is not finite"],
  ] as const)("by its %s is told, and no other has other bits for it", async (_, number, value, problem) => {
    const simulation = await openSimulation(settings, model);
    const expected = fallingAnts(simulation);
    expect(simulation.run("step", expected, 0, 4)).toEqual([]);
    const rows = fallingAnts(simulation);
    rows.states[2 * rows.sizes.state + number] = value;
    const faults = simulation.run("step", rows, 0, 4);
    expect(faults).toEqual([{ row: 2, problem }]);
    for (const row of [0, 1, 3]) expect(stateOf(rows, row)).toEqual(stateOf(expected, row));
    // What comes after is not touched by it.
    const after = fallingAnts(simulation);
    expect(simulation.run("step", after, 0, 4)).toEqual([]);
    expect(after.states).toEqual(expected.states);
    simulation.close();
  });

  test("cannot begin either", async () => {
    const simulation = await openSimulation(settings, model);
    const rows = fallingAnts(simulation);
    rows.states[rows.sizes.state + 3] = Number.POSITIVE_INFINITY;
    expect(simulation.run("begin", rows, 0, 4)).toEqual([{ row: 1, problem: "qpos is not finite" }]);
    simulation.close();
  });
});

test("an error of MuJoCo's is the row's, and the simulation goes on", async () => {
  const tight = model.replace("<option", '<size memory="12K"/>\n  <option');
  const simulation = await openSimulation(settings, tight);
  const rows = episodeRows(2, rowSizes(settings));
  // High in the air there are no contacts to hold; below the floor there are many.
  rows.states.set([0, 0, 3, 1], 0);
  rows.states.set([0, 0, 0.05, 1], rows.sizes.state);
  const faults = simulation.run("begin", rows, 0, 2);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatchObject({ row: 1, problem: expect.stringMatching(/^MuJoCo failed: .*memory|too many/s) });
  expect(simulation.run("begin", rows, 0, 1)).toEqual([]);
  simulation.close();
});

test("a heap that grows leaves simulations as they are", async () => {
  const simulation = await openSimulation(settings, model);
  const expected = fallingAnts(simulation);
  expect(simulation.run("step", expected, 0, 4)).toEqual([]);
  // Each has megabytes of its own, which are no longer there after the first or second.
  const others = await Promise.all(Array.from({ length: 6 }, () => openSimulation(settings, model)));
  const rows = fallingAnts(simulation);
  expect(simulation.run("step", rows, 0, 4)).toEqual([]);
  expect(rows.states).toEqual(expected.states);
  for (const each of [simulation, ...others]) each.close();
});

test("a model that is none of the body is refused", async () => {
  await expect(openSimulation(settings, readModel("half-cheetah"))).rejects.toThrow(
    /the model of ant has sizes 9, 9, 6, 8, 0/,
  );
});
