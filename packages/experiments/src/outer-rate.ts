/** The rate of outer updates over a run. */
import { cosineSchedule, linearSchedule, type Schedule } from "@innerloop/core";
import type { TrainingValues } from "./options/training-options.js";

const schedules = {
  constant: (rate) => rate,
  cosine: (rate, steps) => cosineSchedule(rate, 0, steps),
  linear: (rate, steps) => linearSchedule(rate, 0, steps),
} as const satisfies Readonly<Record<TrainingValues["schedule"], (rate: number, steps: number) => number | Schedule>>;

/**
 * The learning rate of the updates that options ask for, over all their steps.
 *
 * @param stepsOfUpdate steps that the optimizer makes in one update
 */
export const outerRateOf = (
  { outerRate, schedule, iterations }: Pick<TrainingValues, "outerRate" | "schedule" | "iterations">,
  stepsOfUpdate = 1,
): number | Schedule => schedules[schedule](outerRate, iterations * stepsOfUpdate);
