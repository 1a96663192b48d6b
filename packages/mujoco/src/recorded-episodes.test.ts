import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { antProtocols } from "./ant.js";
import { type Body, mujocoVersion } from "./bodies.js";
import { episodeRows, rowSizes } from "./episode-rows.js";
import { type GoalName, goals } from "./goals.js";
import { halfCheetahProtocols } from "./half-cheetah.js";
import type { LocomotionSettings } from "./locomotion-settings.js";
import { readModel } from "./model-files.js";
import { openSimulation } from "./simulation.js";

/** An episode as fixtures/episodes.py writes it. */
interface RecordedEpisode {
  readonly body: Body;
  readonly protocol: string;
  readonly goal: GoalName;
  readonly task: Readonly<Record<string, unknown>>;
  readonly start: readonly number[];
  readonly firstObservation: readonly number[];
  readonly actions: readonly (readonly number[])[];
  readonly qpos: readonly (readonly number[])[];
  readonly rewards: readonly number[];
  readonly terminated: readonly boolean[];
  readonly lastObservation: readonly number[];
}

const recorded = JSON.parse(readFileSync(new URL("fixtures/episodes.json", import.meta.url), "utf8")) as {
  readonly mujoco: string;
  readonly cases: readonly RecordedEpisode[];
};

const protocols: Readonly<Record<Body, Readonly<Record<string, LocomotionSettings>>>> = {
  "half-cheetah": halfCheetahProtocols,
  ant: antProtocols,
};

/** The simulation and one row of it, begun where the recorded episode did. */
async function begun({ body, protocol, goal, task, start }: RecordedEpisode) {
  const settings = protocols[body][protocol]!;
  const simulation = await openSimulation(settings, readModel(body));
  const rows = episodeRows(1, rowSizes(settings));
  rows.states.set(start);
  rows.goals.set((goals[goal] as (typeof goals)["direction"]).rewarded(task as { direction: 1 }));
  expect(simulation.run("begin", rows, 0, 1)).toEqual([]);
  return { settings, simulation, rows };
}

const largestDifference = (found: ArrayLike<number>, wanted: readonly number[]): number =>
  Math.max(...wanted.map((value, i) => Math.abs(value - found[i]!)));

describe.each(recorded.cases)("$body by $protocol, $goal", (episode) => {
  test("goes as recorded: qpos to 1e-9, rewards, observations and the end", async () => {
    expect(recorded.mujoco).toBe(mujocoVersion);
    const { simulation, rows } = await begun(episode);
    expect(rows.observations).toHaveLength(episode.firstObservation.length);
    expect(largestDifference(rows.observations, episode.firstObservation)).toBeLessThan(1e-6);
    for (const [step, action] of episode.actions.entries()) {
      rows.actions.set(action);
      expect(simulation.run("step", rows, 0, 1)).toEqual([]);
      const wanted = episode.qpos[step]!;
      expect(largestDifference(rows.states.subarray(0, wanted.length), wanted), `qpos of step ${step}`).toBeLessThan(
        1e-9,
      );
      expect(Math.abs(rows.rewards[0]! - episode.rewards[step]!), `reward of step ${step}`).toBeLessThan(2e-6);
      expect(rows.terminated[0] === 1, `end of step ${step}`).toBe(episode.terminated[step]);
    }
    expect(largestDifference(rows.observations, episode.lastObservation)).toBeLessThan(2e-6);
    simulation.close();
  });
});
