/** Pictures of episodes: what is where, and that no text of others is markup. */
import {
  type AdaptedEpisodes,
  bernoulliBandits,
  box,
  type EnvironmentFamily,
  type EpisodePicture,
  navigation2d,
  tabularMdps,
} from "@innerloop/core/reinforcement";
import { describe, expect, test } from "vitest";
import { afterText, choiceCounts, episodePictures, meanOverTime, returnText } from "./episode-pictures.js";
import { madeUpEpisode, madeUpStages } from "./episodes.fixture.js";
import { type Picture, svgElement, svgFile } from "./svg-picture.js";

/** Coordinates of the lines of a picture, those that are thin before those that are thick. */
const linesOf = ({ content }: Picture): number[][][] =>
  [...content.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) =>
    points!.split(" ").map((point) => point.split(",").map(Number)),
  );

/** Every tag is closed, in order, and every attribute has an end: what a browser reads strictly. */
function requireWellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?:\s+[a-zA-Z:0-9-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, end, name, _more, alone) => {
      if (end) expect(open.pop()).toBe(name);
      else if (!alone) open.push(name);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest).not.toContain("<");
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
}

describe("paths", () => {
  const family = navigation2d();
  const goal = [0.4, -0.2] as const;
  const up = madeUpEpisode([
    [0, 0],
    [0, 0.1],
    [0.1, 0.3],
  ]);
  const toGoal = madeUpEpisode([[0, 0], [0.2, -0.1], [...goal]]);
  const [picture] = episodePictures(family, madeUpStages({ goal }, [[up, up], [toGoal]])) as [Picture];

  test("begin where episodes begin and end where they end, all on one scale, which both axes have", () => {
    const lines = linesOf(picture);
    // Two episodes, the mean of them upon a line of paper, and a single one, which is its own mean.
    expect(lines.map(({ length }) => length)).toEqual([3, 3, 3, 3, 3]);
    const [first, , , , last] = lines as [number[][], ...number[][][]] & { 4: number[][] };
    const [from, , to] = first as [number[], number[], number[]];
    const scale = (to[0]! - from[0]!) / 0.1;
    expect(scale).toBeGreaterThan(0);
    // Up in the plane is up in the picture.
    expect((from[1]! - to[1]!) / 0.3).toBeCloseTo(scale, -1);
    expect((last![2]![0]! - last![0]![0]!) / 0.4).toBeCloseTo(scale, -1);
    const mark = /<title>goal<\/title><circle cx="([\d.]+)" cy="([\d.]+)"/g;
    const goals = [...picture.content.matchAll(mark)].map(([, x, y]) => [Number(x), Number(y)]);
    expect(goals).toHaveLength(2);
    expect(goals[1]).toEqual(last![2]);
  });

  test("have above them the number of steps and the return with its interval, and titles where a pointer rests", () => {
    for (const text of ["before", "after 1 step", "return -10.0 ± 2.0", "return -5.0 ± 2.0"])
      expect(picture.content).toContain(`>${text}</text>`);
    expect(picture.content).toContain("<title>episode 1: return -2.0, 2 steps</title>");
    expect(picture.text).toContain("2 episodes of one task each");
    expect(picture.text).toContain("the cross in a circle is the goal");
    requireWellFormed(svgElement(picture));
  });

  test("a file of pictures is one of its own: with its name space, and texts for light and dark paper", () => {
    const file = svgFile("Episodes of <navigation>", [picture, picture]);
    requireWellFormed(file);
    expect(file).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="760"/);
    expect(file).toContain("Episodes of &lt;navigation&gt;");
    expect(file.match(/path of the point, before and after adaptation/g)).toHaveLength(2);
    expect(file).toContain("prefers-color-scheme: dark");
  });

  test("of very long episodes are thinned, to the end", () => {
    const long = madeUpEpisode(Array.from({ length: 5001 }, (_, t) => [t / 5000, 0]));
    const short = madeUpEpisode([
      [0, 0],
      [1, 0],
    ]);
    const [drawn] = episodePictures(family, madeUpStages({ goal }, [[long], [short]])) as [Picture];
    const [thinned, whole] = linesOf(drawn) as [number[][], number[][]];
    expect(thinned.length).toBeLessThan(203);
    // A panel further to the right.
    expect(thinned.at(-1)![1]).toBe(whole.at(-1)![1]);
    expect(thinned.at(-1)![0]! - thinned[0]![0]!).toBeCloseTo(whole[1]![0]! - whole[0]![0]!, 0);
  });
});

describe("series", () => {
  type Runner = { readonly velocity: number };
  const series: EpisodePicture<Runner> = {
    kind: "series",
    title: "velocity <along> x",
    unit: "m/s",
    stepSeconds: 0.5,
    at: (observation) => observation[1]!,
    wanted: ({ velocity }) => velocity,
  };
  const family = {
    observation: box({ shape: 2 }),
    action: box({ shape: 1 }),
    pictures: [series],
  } as unknown as EnvironmentFamily<Runner>;
  const rows = (...values: readonly number[]) => madeUpEpisode(values.map((value) => [9, value]));
  const episodes = madeUpStages({ velocity: 3 }, [
    [rows(0, 1, 2), rows(0, 3)],
    [rows(0, 4, 3), rows(0, 2)],
  ]);

  test("are over seconds, with the mean as long as half of the episodes go on, and the value that is wanted", () => {
    const [picture] = episodePictures(family, episodes) as [Picture];
    requireWellFormed(svgElement(picture));
    const [first, second, mean] = linesOf(picture) as [number[][], number[][], number[][]];
    expect([first.length, second.length, mean.length]).toEqual([3, 2, 3]);
    expect(mean[1]![1]).toBeCloseTo((first[1]![1]! + second[1]![1]!) / 2, 0);
    expect(mean[2]).toEqual(first[2]);
    const dashed = /y1="([\d.]+)"[^>]*stroke-dasharray/.exec(picture.content);
    expect(Number(dashed![1])).toBeCloseTo(second[1]![1]!, 0);
    expect(picture.content).toContain(">time (s)</text>");
    expect(picture.title).toBe("velocity <along> x over time, before and after adaptation");
    expect(svgElement(picture)).toContain('aria-label="velocity &lt;along&gt; x over time');
  });

  test("without a wanted value have no line of it, and without seconds go by steps", () => {
    const { wanted: _wanted, stepSeconds: _seconds, ...rest } = series as Required<typeof series>;
    const [picture] = episodePictures({ ...family, pictures: [rest as typeof series] }, episodes) as [Picture];
    expect(picture.content).not.toContain("dasharray");
    expect(picture.text).not.toContain("dashed");
    expect(picture.content).toContain(">time (steps)</text>");
  });

  test("means are of those that go on, until fewer than half of them do", () => {
    expect(meanOverTime([[0, 2, 4, 8], [2], [4, 4, 6]])).toEqual([2, 3, 5]);
    expect(meanOverTime([[1, 2]])).toEqual([1, 2]);
  });
});

describe("choices", () => {
  test("of a bandit are bars, with the arm that pays best marked", () => {
    const family = bernoulliBandits({ arms: 3, pulls: 4 });
    const pulled = (...actions: number[]) => madeUpEpisode(new Array(actions.length + 1).fill([1]), { actions });
    const episodes = madeUpStages({ means: [0.1, 0.75, 0.2] }, [[pulled(0, 1, 2, 0)], [pulled(1, 1, 1, 2)]]);
    const [picture] = episodePictures(family, episodes as AdaptedEpisodes<never>) as [Picture];
    requireWellFormed(svgElement(picture));
    const widths = [...picture.content.matchAll(/<rect [^>]*?width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths.map((width) => Math.round((4 * width) / (widths[0]! * 2)))).toEqual([2, 1, 1, 0, 3, 1]);
    expect(picture.content).toContain(">▸ arm 2 0.75</text>");
    for (const share of ["50%", "25%", "75%", "0%"]) expect(picture.content).toContain(`>${share}</text>`);
    expect(picture.text).toContain("probability of paying, which the policy is not told");
  });

  test("of many arms are those of the most chosen ones", () => {
    const family = bernoulliBandits({ arms: 100, pulls: 3 });
    const chosen = madeUpEpisode(new Array(4).fill([1]), { actions: [97, 97, 3] });
    const task = { means: Array.from({ length: 100 }, (_, i) => i / 100) };
    const [picture] = episodePictures(family, madeUpStages(task, [[chosen]])) as [Picture];
    expect(picture.content.match(/<rect /g)).toHaveLength(24);
    expect(picture.content).toContain(">67%</text>");
    expect(picture.text).toContain("the 24 most chosen of 100");
  });

  test("in several situations are cells, and counted by situation", () => {
    const family = tabularMdps({ states: 2, actions: 2, horizon: 3 });
    const [first, second] = [
      [1, 0],
      [0, 1],
    ];
    const episode = madeUpEpisode([first!, second!, second!, first!], { actions: [1, 0, 0] });
    const task = { transitions: [1, 0, 1, 0, 1, 0, 1, 0], rewards: [0, 5, 1, 0] };
    const [choices] = family.pictures!;
    expect([...choiceCounts(choices as never, family as never, [episode])]).toEqual([0, 1, 2, 0]);
    const [picture] = episodePictures(family, madeUpStages(task, [[episode]])) as [Picture];
    requireWellFormed(svgElement(picture));
    const filled = [...picture.content.matchAll(/fill-opacity="([\d.]+)"/g)].map(([, share]) => Number(share));
    expect(filled).toEqual([0, 1, 1, 0]);
    expect(picture.content).toContain("<title>state 1, action 0: 2 of 2, mean reward 1.00</title>");
    // A frame around the best of each situation that was met.
    expect(picture.content.match(/fill="none" stroke="#2b8a3e"/g)).toHaveLength(2);
  });
});

test("returns have as many digits as their interval tells, and none of it where there is one episode", () => {
  expect(returnText({ mean: -3.3333, interval: 0.561 })).toBe("-3.33 ± 0.56");
  expect(returnText({ mean: -40.41, interval: 4.06 })).toBe("-40.4 ± 4.1");
  expect(returnText({ mean: 312.34, interval: 120 })).toBe("312 ± 120");
  expect(returnText({ mean: -40.41, interval: Number.POSITIVE_INFINITY })).toBe("-40.4");
  expect([0, 1, 3].map((steps) => afterText({ steps }))).toEqual(["before", "after 1 step", "after 3 steps"]);
  const trial = [0, 1].map((remembered) => afterText({ steps: 0, remembered }));
  expect(trial).toEqual(["first episode", "after 1 episode"]);
});

test("a family that says nothing of pictures has none", () => {
  const { pictures: _pictures, ...family } = navigation2d();
  expect(episodePictures(family as never, madeUpStages({}, [[madeUpEpisode([[0, 0]])]]))).toEqual([]);
});
