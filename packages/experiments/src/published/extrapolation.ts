/** Where a learning curve leads: the curve a + b n^-c through the errors after n updates. */

/** A point of a learning curve. */
export interface CurvePoint {
  readonly updates: number;
  /** A loss, or 1 - accuracy. */
  readonly error: number;
}

/** The curve a + b n^-c. */
export interface LearningCurve {
  /** The error after very many updates, at least 0. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Root of the mean squared distance of the points from the curve, as a share of their errors. */
  readonly residual: number;
  at(updates: number): number;
}

/** Fewer points than this say nothing about a curve of three parameters. */
export const fewestPoints = 5;

/** A curve is not followed further than to so many times the updates of its last point. */
export const furthest = 10;

const exponents = Array.from({ length: 60 }, (_, i) => 0.05 * (2 / 0.05) ** (i / 59));

/**
 * The curve a + b n^-c (a, b >= 0, c from 0.05 to 2) of least squared distance relative to the errors, so that the first
 * points, whose errors are large, do not outweigh those that tell where it leads; undefined with fewer than five points,
 * or where the errors do not fall.
 *
 * For each exponent of a fine grid, a and b are the solution of a linear problem, with a = 0 where it would be below.
 */
export function fitLearningCurve(points: readonly CurvePoint[]): LearningCurve | undefined {
  if (points.length < fewestPoints) return undefined;
  const weights = points.map(({ error }) => 1 / Math.max(error, 1e-6) ** 2);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value, i) => sum + weights[i]! * value, 0) / total;
  const y = points.map(({ error }) => error);
  let best: LearningCurve | undefined;
  for (const c of exponents) {
    const x = points.map(({ updates }) => updates ** -c);
    const [meanX, meanY] = [mean(x), mean(y)];
    const covariance = mean(x.map((value, i) => (value - meanX) * (y[i]! - meanY)));
    const variance = mean(x.map((value) => (value - meanX) ** 2));
    let b = covariance / variance;
    let a = meanY - b * meanX;
    if (a < 0) {
      a = 0;
      b = mean(x.map((value, i) => value * y[i]!)) / mean(x.map((value) => value ** 2));
    }
    if (!(b > 0)) continue;
    const at = (updates: number): number => a + b * updates ** -c;
    const squares = points.map(({ updates, error }) => (error - at(updates)) ** 2);
    const residual = Math.sqrt((mean(squares) * total) / points.length);
    if (!best || residual < best.residual) best = { a, b, c, residual, at };
  }
  return best;
}
