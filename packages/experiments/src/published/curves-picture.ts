/** Curves of the trainings of a table: which way of training gets how far with how much. */
import { type PlottedLine, trainingPicture } from "../figures/return-pictures.js";
import type { Picture } from "../figures/svg-picture.js";
import type { RowResult } from "./collected-results.js";
import type { Table } from "./table.js";

/**
 * The picture of validations along the trainings of a table that asks for it: a line for each learner, at the updates that all
 * of its trainings were validated after; of several trainings the mean, with the 95% interval of their spread.
 *
 * @returns undefined where the table does not ask, or no training was validated twice
 */
export function curvesPicture(
  { title, curves, rows, metric }: Table,
  results: Readonly<Record<string, RowResult>>,
): Picture | undefined {
  if (curves === undefined) return undefined;
  const learners = [...new Set(rows.map(({ learner }) => learner))];
  const counts = new Set<number>();
  const lines = learners.flatMap((name): PlottedLine[] => {
    const found = rows.flatMap((row) => {
      const result = row.learner === name ? results[row.name] : undefined;
      return result ? [result.curve] : [];
    });
    const [first, ...others] = found;
    const points = (first ?? []).flatMap(({ updates, mean }) => {
      const same = others.map((curve) => curve.find((point) => point.updates === updates)?.mean);
      const means = [mean, ...same.filter((value) => value !== undefined)];
      return means.length === found.length ? [{ at: updates, ...meanOf(means) }] : [];
    });
    if (points.length < 2) return [];
    counts.add(found.length);
    return [{ name, points }];
  });
  if (lines.length === 0) return undefined;
  const each = [...counts].sort((a, b) => a - b).join(" or ");
  return trainingPicture({
    title: `${title}: validations along training`,
    text: `The ${metric} on validation tasks; of each line the mean over ${each} trainings from starts of their own, with the 95% interval of their spread.`,
    acrossTitle: curves,
    upTitle: metric,
    lines,
  });
}

/** The mean of a few values, and 1.96 standard errors of it; of one there is none. */
function meanOf(values: readonly number[]): { readonly mean: number; readonly interval?: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length < 2) return { mean };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, interval: 1.96 * Math.sqrt(variance / values.length) };
}
