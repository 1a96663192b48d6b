/** Pictures of a training's events, of which a file may hold anything. */
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../runs/run-store.js";
import { trainingPictures } from "./practice.js";

const update = (iteration: number, figures: object): RunEvent =>
  ({ type: "iteration", iteration, metrics: figures }) as unknown as RunEvent;
const judged = (iteration: number, mean: unknown, interval: unknown = 1): RunEvent =>
  ({
    type: "validation",
    iteration,
    evaluation: { rows: [{ figures: {} }, { figures: { return: { mean, interval } } }] },
  }) as unknown as RunEvent;

describe("the return over training", () => {
  it("stands at the environment steps that were made until then, before adaptation, after it and of validation", () => {
    const events = [
      update(1, { environmentSteps: 1000, before: -40, return: -30 }),
      update(2, { environmentSteps: 3000, before: -38, return: -20 }),
      judged(2, -25),
      update(3, { environmentSteps: 4000, before: -36, return: -10 }),
    ];
    const [picture] = trainingPictures(events);
    expect(trainingPictures(events)).toHaveLength(1);
    const lines = [...picture!.content.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) =>
      points!.split(" ").map((point) => point.split(",").map(Number)),
    );
    expect(lines.map(({ length }) => length)).toEqual([3, 3, 1]);
    const [after, before, validation] = lines as [number[][], number[][], number[][]];
    const scale = (after[2]![0]! - after[0]![0]!) / 7000;
    expect((after[1]![0]! - after[0]![0]!) / scale).toBeCloseTo(3000, -2);
    expect(before.map(([x]) => x)).toEqual(after.map(([x]) => x));
    expect(validation[0]![0]).toBe(after[1]![0]);
    // Between those of its update: higher than -36, and lower than -10.
    expect(validation[0]![1]).toBeGreaterThan(after[1]![1]!);
    for (const name of ["after adaptation", "before", "validation, after"])
      expect(picture!.content).toContain(`>${name}</text>`);
  });

  it("of policies that remember is that of trials, and there is none before", () => {
    const events = [1, 2].map((n) => update(n, { environmentSteps: 1000, return: n }));
    const [picture] = trainingPictures([...events, judged(2, 2)]);
    expect(picture!.text).toContain("of a trial, of the tasks of each update, and");
    expect(picture!.content).toContain(">training</text>");
    expect(picture!.content).not.toMatch(/before|adaptation/);
  });

  it("is not drawn of a single update, of others than policies, or of what is no figure", () => {
    const one = update(1, { environmentSteps: 1000, before: -40, return: -30 });
    expect(trainingPictures([one])).toEqual([]);
    expect(trainingPictures([update(1, { loss: 1 }), update(2, { loss: 0 })])).toEqual([]);
    const hostile = [
      one,
      update(2, { environmentSteps: Number.POSITIVE_INFINITY, before: "1", return: {} }),
      { type: "validation", iteration: 2, evaluation: "none" } as unknown as RunEvent,
      judged(2, "<script>"),
      judged(2, Number.POSITIVE_INFINITY),
      update(3, { environmentSteps: 1000, before: 1e300, return: -20 }),
      update(4, null as unknown as object),
    ];
    const [picture] = trainingPictures(hostile);
    expect(picture!.content).not.toMatch(/NaN|Infinity|script/);
    expect(picture!.content.match(/<polyline/g)).toHaveLength(2);
  });
});
