/** An axis of a picture: where values lie on it, and where its ticks are. */
export interface Axis {
  /** The place of a value: 0 at the low end, 1 at the high one. */
  at(value: number): number;
  readonly ticks: readonly number[];
}

/** The factor between values from which on a linear axis would hide the smaller ones. */
const wide = 8;

/** From `low` or below to `high` or above, with ticks at round numbers: multiples of 1, 2 or 5 times a power of ten. */
export function linearAxis(low: number, high: number, about = 5): Axis {
  const step = roundStep((high - low || Math.abs(high) || 1) / about);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.max(Math.ceil(high / step - 1e-9), 1)];
  // Whole numbers of steps: sums of steps would not be round.
  const ticks = Array.from({ length: Math.max(1, last - first) + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  const [from, to] = [ticks[0]!, ticks.at(-1)!];
  return { at: (value) => (value - from) / (to - from), ticks };
}

/** The axis of losses: logarithmic where they are far apart and above 0, with ticks at 1, 2 and 5 times powers of ten. */
export function lossAxis(values: readonly number[]): Axis {
  const [low, high] = [least(values), most(values)];
  if (!(low > 0 && high / low >= wide)) return linearAxis(Math.min(0, low), high);
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const rounds = to - from > 3 ? [1] : [1, 2, 5];
  const all = Array.from({ length: to - from + 1 }, (_, i) => rounds.map((n) => n * 10 ** (from + i))).flat();
  // The last tick at or below the least value begins the axis, the first at or above the largest ends it.
  const begin = all.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const end = all.findIndex((tick) => tick >= high * (1 - 1e-9));
  const ticks = all.slice(begin, end + 1).map((tick) => Number(tick.toPrecision(12)));
  const [start, stop] = [Math.log(ticks[0]!), Math.log(ticks.at(-1)!)];
  return { at: (value) => (Math.log(value) - start) / (stop - start), ticks };
}

/** Not by spreading: there may be more values than a call takes arguments. */
export const least = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
export const most = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

/** The least of 1, 2, 5 times a power of ten that is no less. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((n) => n * power >= least * (1 - 1e-9))!;
  return factor * power;
}

/** Numbers of ticks with as many digits as tell them apart: 0.05, 0.10, 0.15. */
export function tickTexts(ticks: readonly number[], shown: (value: number, digits: number) => string): string[] {
  for (let digits = 0; digits < 12; digits++) {
    const texts = ticks.map((tick) => shown(tick, digits));
    const isExact = ticks.every(
      (tick, i) => Math.abs(Number.parseFloat(texts[i]!.replaceAll(",", "")) - tick) <= 1e-9 * Math.abs(tick),
    );
    if (isExact) return texts;
  }
  return ticks.map((tick) => tick.toPrecision(3));
}
