/** Numbers of the gamma distribution, and of what is made of them. */
import type { Random } from "./random.js";

/**
 * A number of the gamma distribution of this shape, at least 1, and scale 1 (Marsaglia and Tsang 2000): d v with
 * v = (1 + x / sqrt(9 d))^3, d = shape - 1/3, x normal, accepted where log u < x^2 / 2 + d - d v + d log v.
 */
export function gammaNumber(source: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = source.normal();
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root ** 3;
    if (Math.log(1 - source.uniform()) < x * x * 0.5 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A number of the beta distribution, of two parameters that are at least 1. */
export function betaNumber(source: Random, a: number, b: number): number {
  const x = gammaNumber(source, a);
  return x / (x + gammaNumber(source, b));
}
