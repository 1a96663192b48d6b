import { random } from "@innerloop/core";
import { describe, expect, it } from "vitest";
import { fitLearningCurve } from "./extrapolation.js";

const curve = (a: number, b: number, c: number, noise = 0) => {
  const source = random(5);
  return Array.from({ length: 20 }, (_, i) => {
    const updates = 500 * (i + 1);
    return { updates, error: (a + b * updates ** -c) * (1 + noise * (source.uniform() - 0.5)) };
  });
};

describe("a learning curve", () => {
  it.each([
    [0.02, 3, 0.7],
    [0, 5, 0.5],
    [0.3, 1, 0.2],
  ])("a = %d, b = %d, c = %d is found again, and goes on as it does", (a, b, c) => {
    const fit = fitLearningCurve(curve(a, b, c))!;
    expect(fit.c).toBeCloseTo(c, 1);
    expect(fit.residual).toBeLessThan(2e-3);
    expect(Math.abs(fit.at(60_000) - (a + b * 60_000 ** -c))).toBeLessThan(0.1 * (b * 10_000 ** -c));
  });

  it("has the residual of its points' noise", () => {
    const { residual } = fitLearningCurve(curve(0.02, 3, 0.7, 0.1))!;
    // The deviation of U[-0.05, 0.05] is 0.029; three parameters take a little of it.
    expect(residual).toBeGreaterThan(0.015);
    expect(residual).toBeLessThan(0.045);
  });

  it("is about where the errors lead, and not about the first of them", () => {
    const [, ...later] = curve(0.02, 3, 0.7);
    const fit = fitLearningCurve([{ updates: 500, error: 3 }, ...later])!;
    expect(Math.abs(fit.at(60_000) - (0.02 + 3 * 60_000 ** -0.7))).toBeLessThan(0.01);
  });

  it("never goes below 0", () => {
    const steep = curve(0, 1, 0).map(({ updates }) => ({ updates, error: 0.5 - updates / 25_000 }));
    expect(fitLearningCurve(steep)!.at(1e9)).toBeGreaterThanOrEqual(0);
  });

  it("is not made of four points, or of errors that do not fall", () => {
    expect(fitLearningCurve(curve(0.02, 3, 0.7).slice(0, 4))).toBeUndefined();
    expect(fitLearningCurve(curve(0.02, 3, 0.7).slice(0, 5))).toBeDefined();
    const rising = curve(0, 0, 1).map(({ updates }) => ({ updates, error: 0.1 + updates / 1e5 }));
    expect(fitLearningCurve(rising)).toBeUndefined();
  });
});
