/** An axis of a picture: where values lie on it, and where its ticks are. */
export interface Axis {
  /** The place of a value: 0 at the low end, 1 at the high one. */
  at(value: number): number;
  readonly ticks: readonly number[];
  readonly isLogarithmic?: true;
}

/** Ticks at powers of ten beyond these are too many to read. */
const mostDecades = 6;

/** The factor between values from which on a linear axis would hide the smaller ones. */
const wide = 8;

/** From `low` or below to `high` or above, with ticks at round numbers: multiples of 1, 2 or 5 times a power of ten. */
export function linearAxis(low: number, high: number, about = 5): Axis {
  const step = roundStep((high - low || Math.abs(high) || 1) / about);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
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
  /** Powers of ten from tick to tick. */
  const stride = Math.max(1, Math.ceil((to - from) / mostDecades));
  const powers = Array.from({ length: Math.ceil((to - from) / stride) + 1 }, (_, i) => from + i * stride);
  const all = powers.flatMap((power) => rounds.map((n) => n * 10 ** power));
  // The last tick at or below the least value begins the axis, the first at or above the largest ends it.
  const begin = all.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const end = all.findIndex((tick) => tick >= high * (1 - 1e-9));
  const ticks = all.slice(begin, end + 1).map((tick) => Number(tick.toPrecision(12)));
  const [start, stop] = [Math.log(ticks[0]!), Math.log(ticks.at(-1)!)];
  return { at: (value) => (Math.log(value) - start) / (stop - start), ticks, isLogarithmic: true };
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

/** Ticks with as many digits as tell them apart, 0.05, 0.10, 0.15; far from 1 as 1e-5, 2e+7. */
export function tickTexts(ticks: readonly number[]): string[] {
  const sizes = ticks.filter((tick) => tick !== 0).map(Math.abs);
  if (sizes.some((size) => size >= 1e6 || size < 1e-3))
    return ticks.map((tick) => (tick === 0 ? "0" : tick.toExponential()));
  for (let digits = 0; ; digits++) {
    const texts = ticks.map((tick) =>
      tick.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    );
    // On a logarithmic axis small ticks need digits that large ones do not.
    const isExact = (text: string, tick: number): boolean => Math.abs(Number(text.replaceAll(",", "")) - tick) <= 1e-9;
    if (digits === 6 || texts.every((text, i) => isExact(text, ticks[i]!))) return texts;
  }
}
