import { describe, expect, test } from "vitest";
import { noise } from "../../numerical.fixture.js";
import { discountedReturns } from "./advantages.js";
import { type Trials, trialAdvantages } from "./trial-advantages.js";

const [trials, steps, width] = [40, 5, 3];
const rewards = Float32Array.from(noise(trials * steps, 1));
const features = Float32Array.from(noise(trials * steps * width, 2));
/** Every third trial ends a step early; what padding holds means nothing. */
const taken = Float32Array.from({ length: trials * steps }, (_, i) =>
  i % steps === steps - 1 && Math.floor(i / steps) % 3 === 0 ? 0 : 1,
);
const batch: Trials = { trials, steps, rewards, taken, features };

describe("advantages of trials", () => {
  const { advantages: found, values } = trialAdvantages(batch, { discount: 0.9, lambda: 1 });
  const placesOf = (t: number): number[] =>
    Array.from({ length: trials }, (_, trial) => trial * steps + t).filter((at) => taken[at]! > 0);

  test.each([
    ["advantages", found],
    ["values", values],
  ])("%s are standardised over all steps that were taken, and 0 in padding", (_name, given) => {
    const those = Array.from(given).filter((_, i) => taken[i]! > 0);
    expect(those.reduce((sum, value) => sum + value, 0) / those.length).toBeCloseTo(0, 5);
    expect(those.reduce((sum, value) => sum + value ** 2, 0) / those.length).toBeCloseTo(1, 5);
    given.forEach((value, i) => {
      if (!(taken[i]! > 0)) expect(value).toBe(0);
    });
  });

  test("of lambda 1 are residuals: of no step's mean, and of nothing that is linear in what is remembered", () => {
    const along = new Array<number>(width).fill(0);
    for (let t = 0; t < steps; t++) {
      const places = placesOf(t);
      expect(places.reduce((sum, at) => sum + found[at]!, 0) / places.length).toBeCloseTo(0, 5);
      for (let i = 0; i < width; i++) {
        const centre = places.reduce((sum, at) => sum + features[at * width + i]!, 0) / places.length;
        for (const at of places) along[i]! += found[at]! * (features[at * width + i]! - centre);
      }
    }
    for (const product of along) expect(Math.abs(product)).toBeLessThan(1e-3);
    // Returns themselves are correlated with them.
    const returns = discountedReturns(
      { episodes: trials, horizon: steps, observations: features, rewards, present: taken },
      0.9,
    );
    const raw = placesOf(0).map((at) => returns[at]! * features[at * width]!);
    expect(Math.abs(raw.reduce((a, b) => a + b, 0))).toBeGreaterThan(1e-3);
  });

  test("are those by hand where nothing is remembered", () => {
    const { advantages, values } = trialAdvantages(
      {
        trials: 2,
        steps: 2,
        rewards: Float32Array.of(1, 0, 0, 2),
        taken: [1, 1, 1, 1],
        features: new Float32Array(4),
      },
      { discount: 0.5, lambda: 0.5 },
    );
    // Returns (1, 0) and (1, 2), V = (1, 1), delta (0.5, -1) and (-0.5, 1), A_0 = delta_0 + 0.25 delta_1.
    const deviation = Math.sqrt((2 * 0.25 ** 2 + 2) / 4);
    [0.25, -1, -0.25, 1].forEach((value, i) => {
      expect(advantages[i]).toBeCloseTo(value / deviation, 5);
    });
    // What is left of returns, (0, -1) and (0, 1).
    [0, -Math.SQRT2, 0, Math.SQRT2].forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 5);
    });
  });

  test("of a trial that is alone are 0", () => {
    const alone = {
      trials: 1,
      steps,
      rewards: rewards.slice(0, steps),
      taken: taken.slice(5, 10),
      features: features.slice(0, steps * width),
    };
    expect(Array.from(trialAdvantages(alone).advantages)).toEqual(new Array(steps).fill(0));
  });

  test("refuse what is not finite", () => {
    const odd = Float32Array.from(features);
    odd[4] = Number.NaN;
    expect(() => trialAdvantages({ ...batch, features: odd })).toThrow(/ILE203 trialAdvantages/);
  });
});
