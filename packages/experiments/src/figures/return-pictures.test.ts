/** Plots of figures with intervals: what is where, and how lines are told apart. */
import type { Evaluation } from "@innerloop/core";
import { describe, expect, test } from "vitest";
import { stepsPicture, trainingPicture } from "./return-pictures.js";
import { type Picture, svgElement } from "./svg-picture.js";

const figures = [{ name: "return", title: "return", better: "higher" }] as const;
const evaluated = (
  learner: string,
  means: Readonly<Record<number, number>>,
  protocol: Evaluation["protocol"] = { steps: 1 },
): Evaluation => ({
  learner,
  protocol,
  figures,
  rows: Object.entries(means).map(([steps, mean]) => ({
    steps: Number(steps),
    figures: { return: { mean, interval: 2 } },
  })),
  values: [],
});
const linesOf = ({ content }: Picture): number[][][] =>
  [...content.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) =>
    points!.split(" ").map((point) => point.split(",").map(Number)),
  );
const namesAt = ({ content }: Picture): [string, number][] =>
  [...content.matchAll(/<g><text x="[\d.]+" y="([\d.]+)"[^>]*>([^<]*)</g)].map(([, y, name]) => [name!, Number(y)]);

describe("returns by steps", () => {
  const learner = evaluated("MAML", { 0: -40, 1: -12, 3: -4 });
  const scratch = evaluated("random start", { 0: -80, 1: -60, 3: -45 });
  const oracle = evaluated("oracle <told>", { 0: -2 }, {});

  test("stand at their steps with their intervals, and who takes no steps is a level line", () => {
    const picture = stepsPicture([learner, scratch, oracle])!;
    expect(picture.title).toBe("return by adaptation steps");
    const [first, second, third] = linesOf(picture) as [number[][], number[][], number[][]];
    const [x0, x1, x3] = first.map(([x]) => x!) as [number, number, number];
    expect((x3 - x0) / (x1 - x0)).toBeCloseTo(3, 1);
    const unit = (first[0]![1]! - first[1]![1]!) / 28;
    expect((second[0]![1]! - first[0]![1]!) / unit).toBeCloseTo(40, 0);
    expect(third.map(([x]) => x)).toEqual([x0, x3]);
    expect(third[0]![1]).toBe(third[1]![1]);
    // The interval of the first point: from 2 below to 2 above.
    const bar = new RegExp(`<line x1="${x0}" y1="([\\d.]+)" x2="${x0}" y2="([\\d.]+)"`).exec(picture.content)!;
    expect((Number(bar[1]) - Number(bar[2])) / unit).toBeCloseTo(4, 0);
    expect(picture.content).toContain("oracle &lt;told&gt;");
    expect(svgElement(picture)).not.toMatch(/NaN|undefined/);
    expect(picture.content.match(/<polyline[^>]*stroke-dasharray/g)).toHaveLength(2);
  });

  test("names of lines that end together are moved apart, within the picture", () => {
    const close = ["a", "b", "c", "d"].map((name, i) => evaluated(name, { 0: -50, 1: -2 - i / 100 }));
    const picture = stepsPicture([learner, ...close])!;
    const places = namesAt(picture);
    expect(places.map(([name]) => name)).toEqual(["MAML", "a", "b", "c", "d"]);
    const sorted = places.map(([, y]) => y).sort((a, b) => a - b);
    for (let i = 1; i < sorted.length; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(16.9);
    expect(sorted[0]).toBeGreaterThan(0);
    expect(sorted.at(-1)).toBeLessThan(picture.height);
  });

  test("of one number of steps there is no line, and what diverged is left out", () => {
    expect(stepsPicture([evaluated("MAML", { 1: -3 })])).toBeUndefined();
    const picture = stepsPicture([learner, evaluated("diverged", { 0: Number.NaN, 1: Number.NaN })])!;
    expect(linesOf(picture)).toHaveLength(1);
  });
});

describe("curves of training", () => {
  const setting = { title: "return over training", text: "", acrossTitle: "environment steps", upTitle: "return" };

  test("are in millions where there are so many", () => {
    const points = [1, 2, 3].map((n) => ({ at: n * 1e6, mean: -30 / n }));
    const picture = trainingPicture({ ...setting, lines: [{ name: "after", points }] });
    expect(picture.content).toContain(">environment steps (millions)</text>");
    expect(picture.content).not.toContain("e+");
    const few = trainingPicture({
      ...setting,
      lines: [
        {
          name: "after",
          points: [
            { at: 0, mean: 1 },
            { at: 5e4, mean: 2 },
          ],
        },
      ],
    });
    expect(few.content).toContain(">environment steps</text>");
    expect(few.content).toContain(">40,000</text>");
  });

  test("of many points have no marks, and of values that are all the same have an axis", () => {
    const points = Array.from({ length: 300 }, (_, i) => ({ at: i, mean: 7 }));
    const picture = trainingPicture({ ...setting, lines: [{ name: "after", points }] });
    expect(picture.content).not.toContain("<circle");
    expect(picture.content).not.toMatch(/NaN|Infinity/);
    expect(new Set(linesOf(picture)[0]!.map(([, y]) => y)).size).toBe(1);
  });
});
