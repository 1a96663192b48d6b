import { describe, expect, it } from "vitest";
import { affordablePart, evaluationSecondsEstimate, hasRoom } from "./budget.js";

const slow = { fullUpdates: 1000, secondsPerUpdate: 0.3, overheadSeconds: 20 };
const quick = { fullUpdates: 5000, secondsPerUpdate: 0.02, overheadSeconds: 10 };

describe("a budget", () => {
  it("is shared in proportion to the full costs, and used up", () => {
    const part = affordablePart([slow, quick], 130);
    // 130 s less 30 s of overheads, of 300 s and 100 s.
    expect(part).toBeCloseTo(0.25, 12);
    const taken = [slow, quick].reduce(
      (sum, row) => sum + row.overheadSeconds + part * row.fullUpdates * row.secondsPerUpdate,
      0,
    );
    expect(taken).toBeCloseTo(130, 9);
  });

  it("gives what a row has saved to those that follow, and no row more than all", () => {
    // The slow row is done and took 60 s instead of its 95.
    expect(affordablePart([quick], 130 - 60)).toBeCloseTo(0.6, 12);
    expect(affordablePart([quick], 1000)).toBe(1);
    expect(affordablePart([slow, quick], 25)).toBe(0);
  });

  it("has room for another row while all of them get a part that says something, and always for the first", () => {
    // 130 s less overheads are a quarter of both.
    expect(hasRoom([slow, quick], 130)).toBe(true);
    expect(hasRoom([slow, quick], 45)).toBe(false);
    expect(hasRoom([slow], 25)).toBe(true);
    expect(hasRoom([slow], 10)).toBe(false);
  });

  it("counts evaluations by their tasks and steps", () => {
    const pace = { secondsPerUpdate: 0.4, metaBatch: 4, steps: 1 };
    const one = evaluationSecondsEstimate({ ...pace, evaluations: [{ tasks: 600, steps: 1 }] });
    expect(one).toBeCloseTo(60, 9);
    const two = [
      { tasks: 600, steps: 1 },
      { tasks: 300, steps: 9 },
    ];
    expect(evaluationSecondsEstimate({ ...pace, evaluations: two })).toBeCloseTo(60 + 150, 9);
  });
});
