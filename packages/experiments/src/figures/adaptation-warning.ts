/** Where adapting makes held-out tasks worse: said beside every table of results. */
import type { Evaluation, FigureDescription } from "@innerloop/core";
import { count, counted } from "../words.js";
import { figure } from "./figure-text.js";
import { figureTitle, isStepless, leadingFigure, type Pool, poolText } from "./results-cells.js";

/** A figure after numbers of steps. */
export interface StepsCurve {
  readonly figure: Pick<FigureDescription, "title" | "unit" | "better" | "share">;
  readonly points: readonly { readonly steps: number; readonly mean: number | null }[];
  readonly pool?: Pool | undefined;
}

/** The leading figure of an evaluation after each of its numbers of steps. */
export function curveOf(evaluation: Evaluation): StepsCurve {
  const leading = leadingFigure(evaluation);
  return {
    figure: leading,
    points: isStepless(evaluation)
      ? []
      : evaluation.rows.map(({ steps, figures }) => ({ steps, mean: figures[leading.name]!.mean })),
    pool: evaluation.draws,
  };
}

/**
 * The warning where held-out tasks are no better after some numbers of steps than before: which, what is best, and how
 * much stands behind it. Undefined where every number of steps helps, or nothing before adapting is known.
 */
export function adaptationWarningOf({ figure: described, points, pool }: StepsCurve): string | undefined {
  const worth = (mean: number | null): number =>
    mean === null || !Number.isFinite(mean)
      ? Number.NEGATIVE_INFINITY
      : (described.better === "higher" ? 1 : -1) * mean;
  const before = points.find(({ steps }) => steps === 0);
  if (!before) return undefined;
  const sorted = points.filter(({ steps }) => steps > 0).sort((a, b) => a.steps - b.steps);
  const worse = sorted.filter(({ mean }) => worth(mean) <= worth(before.mean));
  if (worse.length === 0) return undefined;
  const best = sorted.reduce((a, b) => (worth(b.mean) > worth(a.mean) ? b : a), before);
  const shown = (mean: number | null): string =>
    mean === null || !Number.isFinite(mean) ? "diverged" : figure(described, mean);
  const after = worse.map(({ steps, mean }) => `${shown(mean)} after ${counted(steps, "step")}`).join(", ");
  const choice =
    best === before
      ? "best without adapting: try another inner learning rate, or train longer"
      : `best after ${counted(best.steps, "step")}, ${shown(best.mean)}`;
  const behind = pool
    ? `. Behind it are ${poolText(pool, true)}${pool.count < fewClasses ? ", which is few" : ""}`
    : "";
  const verdict =
    best === before
      ? "adaptation makes held-out tasks no better"
      : "adaptation does not help after every number of steps";
  return `${verdict}: ${figureTitle(described)} is ${shown(before.mean)} before, ${after}; ${choice}${behind}`;
}

/** Below so many classes or groups a table says little of others. */
const fewClasses = 20;

/** The sentence on how the steps were chosen that a table marks: `* chosen for adapt: best accuracy on 100 validation tasks from ...`. */
export const chosenText = (chosen: {
  readonly figure: string;
  readonly tasks: number;
  readonly pool?: Pool;
}): string => {
  const pool = chosen.pool ? ` from ${poolText(chosen.pool, false)}` : "";
  return `* the steps that adapt takes: best ${chosen.figure} on ${count(chosen.tasks)} validation tasks${pool}`;
};
