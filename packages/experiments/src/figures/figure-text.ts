/** Figures as text, as people read them. */
import type { FigureDescription } from "@innerloop/core";

/** As much of a figure's description as decides what its values look like. */
type Shown = Pick<FigureDescription, "share">;

/** A figure of a loss or metric: shares as percentages. */
export function figure({ share }: Shown, value: number): string {
  if (share) return `${(100 * value).toFixed(1)}%`;
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1000 ? value.toFixed(3) : value.toPrecision(3);
}

/** `97.9% ± 0.6`; a mean over tasks of which one came out as no number has none, and is null where it was read from JSON. */
export const withInterval = (
  shown: Shown,
  { mean, interval }: { readonly mean: number | null; readonly interval: number | null },
): string =>
  mean === null || !Number.isFinite(mean)
    ? "diverged"
    : `${figure(shown, mean)} ± ${figure(shown, interval ?? Number.POSITIVE_INFINITY).replace("%", "")}`;

/** `± 9.2`: half an interval by itself; empty where there is none, and `unknown` where nothing bounds it. */
export const plusMinus = (shown: Shown, interval: number | null | undefined): string =>
  interval === undefined
    ? ""
    : interval === null || !Number.isFinite(interval) || (shown.share && interval >= 1)
      ? "unknown"
      : `± ${figure(shown, interval).replace("%", "")}`;
