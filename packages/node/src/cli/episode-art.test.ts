/** Episodes on a terminal: what is where. */
import {
  type AdaptedEpisodes,
  bernoulliBandits,
  box,
  type EnvironmentFamily,
  navigation2d,
  type PlayedEpisode,
  tabularMdps,
} from "@innerloop/core/reinforcement";
import { expect, test } from "vitest";
import { episodeArt } from "./episode-art.js";
import { paintFor, widthOf } from "./terminal.js";

const paint = paintFor(false);
const played = (observations: readonly (readonly number[])[], actions: readonly number[] = []): PlayedEpisode => ({
  length: observations.length - 1,
  observations: Float32Array.from(observations.flat()),
  actions: Int32Array.from(actions),
  rewards: new Float32Array(observations.length - 1),
  return: 0,
  terminated: false,
});
const after = (task: object, ...stages: readonly (readonly PlayedEpisode[])[]): AdaptedEpisodes => ({
  task: task as AdaptedEpisodes["task"],
  after: stages.map((episodes, steps) => ({ steps, episodes, return: { mean: 0, interval: 1 }, length: 1 })),
});
const art = (family: unknown, episodes: AdaptedEpisodes, width = 80): readonly string[] =>
  episodeArt({ family: family as EnvironmentFamily, episodes, paint, width });

test("paths go from the start to where they end, beside each other, the goal in each", () => {
  const task = { goal: [1, 1] };
  const line = played([
    [0, 0],
    [1, 0],
  ]);
  const lines = art(navigation2d(), after(task, [line], [played([[0, 0], task.goal])]));
  expect(lines[0]).toBe("  before             after 1 step");
  expect(lines).toHaveLength(10);
  const [top, bottom] = [[...lines[1]!], [...lines[8]!]];
  // Up in the plane is up, and to the right is to the right.
  expect([top.indexOf("◎"), top.lastIndexOf("◎")]).toEqual([17, 36]);
  expect([bottom.indexOf("○"), bottom.lastIndexOf("○")]).toEqual([2, 21]);
  expect(bottom.slice(3, 18).every((letter) => letter === "⣀")).toBe(true);
  // The other one goes up: halfway it is in the middle.
  expect(lines[4]!.slice(21 + 7, 21 + 10)).toMatch(/[⠁-⣿]/);
  expect(lines[9]).toMatch(/^ {2}path of the point: ○ the start, ◎ the goal, /);
});

test("drawings that do not fit beside each other stand below each other", () => {
  const stages = Array.from({ length: 4 }, () => [
    played([
      [0, 0],
      [1, 1],
    ]),
  ]);
  const lines = art(navigation2d(), after({ goal: [1, 1] }, ...stages), 40);
  expect(lines.filter((line) => line.includes("after 2 steps"))).toEqual(["  after 2 steps      after 3 steps"]);
  expect(lines.slice(0, -1).every((line) => widthOf(line) <= 40)).toBe(true);
  expect(art(navigation2d(), after({ goal: [1, 1] }, ...stages), 80)).toHaveLength(10);
});

test("series are bars of one line on one scale, shorter where episodes end sooner", () => {
  const family = {
    observation: box({ shape: 1 }),
    pictures: [
      { kind: "series", title: "velocity", unit: "m/s", stepSeconds: 0.1, at: ([v]: number[]) => v, wanted: () => 3 },
    ],
  };
  const rising = played(Array.from({ length: 41 }, (_, t) => [t / 10]));
  const still = played(Array.from({ length: 21 }, () => [0]));
  const lines = art(family, after({}, [still], [rising]));
  expect(lines[0]).toMatch(/^ {2}before +▁{20,21} +0\.00 m\/s$/);
  expect(lines[1]).toMatch(/^ {2}after 1 step +▁+▂+▃+▄+▅+▆+▇+█+ +2\.00 m\/s$/);
  expect(lines[2]).toBe("  velocity: from 0.00 to 4.00 m/s, over 4.0 s, and its mean; wanted is 3.00 m/s");
});

test("of more stages than fit beside each other the first and the last are told, and some between", () => {
  const pulled = Array.from({ length: 10 }, () => [played([[1], [1]], [0])]);
  const [header, ...rows] = art(bernoulliBandits({ arms: 2, pulls: 1 }), after({ means: [0, 1] }, ...pulled));
  expect(header!.trim().split(/ {2,}/)).toEqual([
    "arms pulled",
    "before",
    "after 3 steps",
    "after 6 steps",
    "after 9 steps",
  ]);
  for (const line of [header!, ...rows]) expect(widthOf(line)).toBeLessThanOrEqual(80);
});

test("choices are shares of each arm; in several states the share of the best of each", () => {
  const pulled = (...actions: number[]) => played(new Array(actions.length + 1).fill([1]), actions);
  const lines = art(
    bernoulliBandits({ arms: 2, pulls: 4 }),
    after({ means: [0.25, 0.5] }, [pulled(0, 0, 1, 0)], [pulled(1, 1, 1, 1)]),
  );
  expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["arms pulled", "before", "after 1 step"],
    ["arm 1 (0.25)", "75%", "0%"],
    ["arm 2 (0.50)", "25%", "100%"],
    ["in brackets the probability of paying, which the policy is not told"],
  ]);
  const [first, second] = [
    [1, 0],
    [0, 1],
  ] as const;
  const task = { transitions: [], rewards: [0, 5, 1, 0] };
  const mdp = art(
    tabularMdps({ states: 2, actions: 2 }),
    after(task, [played([first, second, first], [0, 1])], [played([first, second, first], [1, 1])]),
  );
  expect(mdp.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["actions taken", "before", "after 1 step"],
    ["of the highest mean reward of its state", "0%", "50%"],
  ]);
});
