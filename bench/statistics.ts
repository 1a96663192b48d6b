/** The middle of several values; of an even number the mean of the two in the middle. */
export function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const at = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[at]! : (sorted[at - 1]! + sorted[at]!) / 2;
}

/** Middle and range over rounds. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export const spread = (list: readonly number[]): Spread => ({
  median: median(list),
  low: Math.min(...list),
  high: Math.max(...list),
});

/** The spread of a_r / b_r, round by round: what slows the machine for a while slows both. */
export const ratioSpread = (a: readonly number[], b: readonly number[]): Spread =>
  spread(a.map((value, round) => value / b[round]!));

/** y = intercept + slope x by least squares, and the share of the variance that it explains. */
export interface Line {
  readonly slope: number;
  readonly intercept: number;
  readonly r2: number;
}

export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const mean = (pick: (point: readonly [number, number]) => number): number =>
    points.reduce((total, point) => total + pick(point), 0) / points.length;
  const [x, y] = [mean((p) => p[0]), mean((p) => p[1])];
  const [xx, xy, yy] = [
    mean((p) => (p[0] - x) ** 2),
    mean((p) => (p[0] - x) * (p[1] - y)),
    mean((p) => (p[1] - y) ** 2),
  ];
  const slope = xy / xx;
  return { slope, intercept: y - slope * x, r2: (xy * xy) / (xx * yy) };
}
