/** How trainings share a time that is too short for all of them. */

/** The time that a training takes. */
export interface RowCost {
  readonly fullUpdates: number;
  readonly secondsPerUpdate: number;
  /** What a row takes besides its updates: compiling, validations, evaluations. */
  readonly overheadSeconds: number;
}

/**
 * The part of its full number of updates that each row can have, from 0 to 1: the same for all, so that each gets time
 * in proportion to its full cost.
 *
 *     part = (seconds - sum of overheads) / sum of full costs
 */
export function affordablePart(rows: readonly RowCost[], seconds: number): number {
  const overhead = rows.reduce((sum, row) => sum + row.overheadSeconds, 0);
  const full = rows.reduce((sum, row) => sum + row.fullUpdates * row.secondsPerUpdate, 0);
  return Math.min(1, Math.max(0, (seconds - overhead) / full));
}

/** Trainings of less than this part of their updates say too little of a learner: one row fewer is better. */
const leastPart = 0.05;

/**
 * True where the rows so far leave time for another one: a table loses rows at its end, where the less telling ones are,
 * before all its trainings become too short to say anything. The first row always has what there is.
 */
export const hasRoom = (rows: readonly RowCost[], seconds: number): boolean =>
  rows.length <= 1 ? affordablePart(rows, seconds) > 0 : affordablePart(rows, seconds) >= leastPart;

/**
 * Seconds that evaluations take, from the pace of training: an adaptation step in an evaluation costs no more than one
 * in training, through which the meta-gradient goes as well.
 */
export function evaluationSecondsEstimate(setting: {
  readonly secondsPerUpdate: number;
  readonly metaBatch: number;
  readonly steps: number;
  /** Of each evaluation: its tasks, in number of tasks of training's size, and the most adaptation steps that it takes. */
  readonly evaluations: readonly { readonly tasks: number; readonly steps: number }[];
}): number {
  const perTaskAndStep = setting.secondsPerUpdate / (setting.metaBatch * (setting.steps + 1));
  return setting.evaluations.reduce((sum, { tasks, steps }) => sum + tasks * (steps + 1) * perTaskAndStep, 0);
}
