import type { Evaluation } from "@innerloop/core";
import { adaptationWarning } from "@innerloop/core/training";
import { describe, expect, it } from "vitest";
import { bestRow } from "../runs/adaptation-steps.js";
import { adaptationWarningOf, chosenText, curveOf } from "./adaptation-warning.js";
import { described } from "./described.fixture.js";

const of = (name: string, means: Record<number, number>, more: Partial<Evaluation> = {}): Evaluation =>
  described({
    learner: "MAML",
    protocol: { steps: 1 },
    rows: Object.entries(means).map(([steps, mean]) => ({
      steps: Number(steps),
      figures: { loss: { mean: 1, interval: 0.1 }, [name]: { mean, interval: 0.1 } },
    })),
    values: [],
    ...more,
  });
const told = (...given: Parameters<typeof of>): string | undefined => adaptationWarningOf(curveOf(of(...given)));
const draws: Evaluation["draws"] = { of: "groups", count: 12, examples: 132, tasks: [] };

describe("beside a table", () => {
  it("says where adapting makes held-out tasks no better, what is best, and what stands behind it", () => {
    expect(told("loss", { 0: 0.8, 5: 1.06, 10: 1.16 }, { draws })).toBe(
      "adaptation makes held-out tasks no better: loss is 0.800 before, 1.060 after 5 steps, 1.160 after 10 steps; best without adapting: try another inner learning rate, or train longer. Behind it are 12 held-out groups (132 rows), which is few",
    );
    expect(told("accuracy", { 0: 0.2, 1: 0.6, 50: 0.19 })).toMatch(
      /^adaptation does not help after every number of steps: accuracy is 20\.0% before, 19\.0% after 50 steps; best after 1 step, 60\.0%$/,
    );
    expect(told("loss", { 0: 3, 5: Number.NaN })).toMatch(/3\.000 before, diverged after 5 steps/);
  });

  it("says nothing where every number of steps helps, or nothing is known before", () => {
    expect(told("accuracy", { 0: 0.2, 1: 0.3 })).toBeUndefined();
    expect(told("loss", { 1: 0.2, 5: 0.3 })).toBeUndefined();
    expect(told("accuracy", { 0: 0.2 }, { protocol: {} })).toBeUndefined();
  });
});

describe("the steps of adaptation", () => {
  it("are the fewest with the best leading figure", () => {
    expect(bestRow(of("accuracy", { 0: 0.2, 1: 0.6, 5: 0.6, 10: 0.5 }))?.steps).toBe(1);
    expect(bestRow(of("loss", { 0: 0.8, 5: 1.06, 10: Number.NaN }))?.steps).toBe(0);
    expect(bestRow(of("loss", { 0: Number.NaN }))).toBeUndefined();
  });

  it("are told with what they were chosen by", () => {
    expect(chosenText({ figure: "accuracy", tasks: 100, pool: draws })).toBe(
      "* the steps that adapt takes: best accuracy on 100 validation tasks from 12 groups (132 rows)",
    );
  });
});

describe("while training", () => {
  it("classes are judged by accuracy, and more steps are looked at before it is said that none help", () => {
    expect(adaptationWarning(of("accuracy", { 0: 0.2, 1: 0.34 }))).toBeUndefined();
    const stuck = of("accuracy", { 0: 0.2, 5: 0.2 });
    expect(adaptationWarning(stuck)).toMatch(/^adaptation does not help: the accuracy .* 0\.2000 after 5 steps\. Try/);
    expect(adaptationWarning(stuck, of("accuracy", { 0: 0.2, 50: 0.6 }))).toBe(
      "adaptation does not help yet in as many steps as training takes: the accuracy on held-out tasks is 0.2000 before and 0.2000 after 5 steps, but 0.6000 after 50 steps",
    );
    expect(adaptationWarning(stuck, of("accuracy", { 0: 0.2, 50: 0.1 }))).toMatch(/^adaptation does not help: /);
  });
});
