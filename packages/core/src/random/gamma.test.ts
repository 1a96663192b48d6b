import { expect, test } from "vitest";
import { betaNumber, gammaNumber } from "./gamma.js";
import { random } from "./random.js";

/** Of 20,000 numbers: mean, and mean of squares about it. */
function moments(draw: () => number): [mean: number, variance: number] {
  const values = Array.from({ length: 20_000 }, draw);
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  return [mean, values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length];
}

test("gamma numbers have mean and variance of their shape, and are those of their stream", () => {
  for (const [i, shape] of [1, 1.5, 4, 30].entries()) {
    const source = random(1, i);
    const [mean, variance] = moments(() => gammaNumber(source, shape));
    expect(Math.abs(mean / shape - 1), `${shape}`).toBeLessThan(4 / Math.sqrt(20_000 * shape));
    // The fourth moment about the mean is 3 shape^2 + 6 shape.
    const deviation = Math.sqrt((2 * shape ** 2 + 6 * shape) / 20_000);
    expect(Math.abs(variance - shape), `${shape}`).toBeLessThan(4 * deviation);
  }
  expect(gammaNumber(random(3, 1), 2)).toBe(gammaNumber(random(3, 1), 2));
  expect(gammaNumber(random(3, 1), 2)).not.toBe(gammaNumber(random(3, 2), 2));
});

test("gamma numbers of shape 1 are exponential, beta numbers have the beta distribution's moments", () => {
  const source = random(2);
  let above = 0;
  for (let i = 0; i < 20_000; i++) if (gammaNumber(source, 1) > 1) above++;
  const share = Math.exp(-1);
  expect(Math.abs(above / 20_000 - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / 20_000));
  for (const [a, b] of [
    [1, 1],
    [3, 1],
    [7, 12],
  ] as const) {
    const [mean, variance] = moments(() => betaNumber(source, a, b));
    const expected = (a * b) / ((a + b) ** 2 * (a + b + 1));
    expect(Math.abs(mean - a / (a + b))).toBeLessThan(4 * Math.sqrt(expected / 20_000));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.05);
  }
});
