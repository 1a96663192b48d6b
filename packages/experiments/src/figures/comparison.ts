/** Runs compared task by task with the first of them. */
import { type Estimated, type Evaluation, type FigureDescription, figureDifference } from "@innerloop/core";
import { isStepless, sameFigure } from "./results-cells.js";

/** An interval of a difference in words: of figures of which neither more nor less is better, "more" or "less". */
export type Verdict = "better" | "worse" | "more" | "less" | "no difference seen" | "not a number";

/** A run's figure beside that of the first run. */
export interface ComparedRun {
  /** Adaptation steps that it is the figure of; undefined for learners that take none. */
  readonly steps: number | undefined;
  readonly figure: Estimated;
  /** This run minus the first, over the same tasks; undefined for the first itself. */
  readonly difference?: Estimated;
  readonly verdict?: Verdict;
}

/** One figure of several runs on the same tasks, each beside that of the first. */
export interface Comparison extends FigureDescription {
  /** The number of steps that all have taken, or that each is taken at the last of its own. */
  readonly at: number | "last";
  /** In the order of the runs; undefined for one that has no figure there. */
  readonly runs: readonly (ComparedRun | undefined)[];
}

/**
 * Every figure of the first run, after each number of steps that it shares with another, and of each run after the
 * last of its own steps where those are not all the same.
 *
 * The best of several steps is not among them: choosing it by the tasks that it is then reported on flatters it.
 */
export function comparisons(evaluations: readonly Evaluation[]): Comparison[] {
  const [first, ...others] = evaluations;
  if (!first) return [];
  const rowOf = (evaluation: Evaluation, at: number | "last"): number => {
    if (at === "last") return evaluation.rows.length - 1;
    return isStepless(evaluation) ? -1 : evaluation.rows.findIndex(({ steps }) => steps === at);
  };
  const ascending = evaluations.map(inOrderOfSteps);
  const shared = ascending[0]!.rows
    .map(({ steps }) => steps)
    .filter((steps) => rowOf(first, steps) >= 0 && others.some((other) => rowOf(other, steps) >= 0));
  const lasts = new Set(ascending.map((each) => (isStepless(each) ? "none" : each.rows.at(-1)!.steps)));
  const places: (number | "last")[] = [...shared, ...(lasts.size > 1 || lasts.has("none") ? (["last"] as const) : [])];
  return first.figures.flatMap((described) =>
    places.map((at): Comparison => {
      const base = rowOf(ascending[0]!, at);
      return {
        ...described,
        at,
        runs: ascending.map((evaluation, index) => {
          const row = rowOf(evaluation, at);
          const own = sameFigure(evaluation, described)?.name;
          const figure = own === undefined ? undefined : evaluation.rows[row]?.figures[own];
          if (own === undefined || !figure) return undefined;
          const steps = isStepless(evaluation) ? undefined : evaluation.rows[row]!.steps;
          if (index === 0) return { steps, figure };
          const difference = figureDifference([evaluation, row, own], [ascending[0]!, base, described.name]);
          return { steps, figure, difference, verdict: verdictOf(difference, described.better) };
        }),
      };
    }),
  );
}

/** Rows, and what belongs to them, by their number of steps. */
function inOrderOfSteps(evaluation: Evaluation): Evaluation {
  const order = evaluation.rows
    .map((_, row) => row)
    .sort((a, b) => evaluation.rows[a]!.steps - evaluation.rows[b]!.steps);
  const sorted = <T>(list: readonly T[]): T[] => order.map((row) => list[row]!);
  return {
    ...evaluation,
    ...(evaluation.byClass ? { byClass: sorted(evaluation.byClass) } : {}),
    rows: sorted(evaluation.rows),
    values: sorted(evaluation.values),
    ...(evaluation.pooled ? { pooled: sorted(evaluation.pooled) } : {}),
  };
}

/** The verdict of an interval: 0 lies in it, or on which side of it. */
export function verdictOf({ mean, interval }: Estimated, better: FigureDescription["better"]): Verdict {
  if (Number.isNaN(mean) || Number.isNaN(interval)) return "not a number";
  if (Math.abs(mean) <= interval) return "no difference seen";
  if (better === undefined) return mean > 0 ? "more" : "less";
  return mean > 0 === (better === "higher") ? "better" : "worse";
}
