/** Advantages of the steps of trials, over a baseline that is fitted to all trials of a batch. */
import {
  discountedReturns,
  type Episodes,
  generalizedAdvantages,
  ridgeCoefficients,
  standardized,
} from "./advantages.js";
import { EnvironmentError } from "./environment.js";

/** Trials of one batch, each padded to the same number of steps. */
export interface Trials {
  readonly trials: number;
  readonly steps: number;
  /** [trials, steps] */
  readonly rewards: Float32Array;
  /** [trials, steps]: 1 for steps that were taken, which come first. */
  readonly taken: ArrayLike<number>;
  /** [trials, steps, k]: what is known before the action of each step, as numbers. */
  readonly features: Float32Array;
}

/** Options of `trialAdvantages`. */
export interface TrialAdvantageOptions {
  /** gamma, in [0, 1]: 0.99 by default. */
  readonly discount?: number;
  /** lambda, in [0, 1]: 0.3 by default, as RL^2 has it. */
  readonly lambda?: number;
}

/**
 * Advantages of trials that have been collected together: generalised estimates over a baseline, standardised over all steps
 * that were taken,
 *
 *   V_t = mean_t(R) + w (f_t - mean_t(f)),    mean_t over the trials, f_t what the policy remembers,
 *
 * R the discounted returns, w by ridge regression (as `ridgeBaseline`) over all steps of all trials. So the value of a step is
 * a mean over trials that have got as far, and what the policy knows of this one beside it: an own network for it (RL^2's) is
 * not needed, as the memory that the policy learns is there.
 *
 * What a critic learns of the rest of a trial is (R_t - mean_t(R)) / deviation: where it learns with the policy, f_t comes to
 * hold it.
 *
 * @returns float32 [trials, steps] both; 0 in padding, and in a trial that is alone
 * @throws EnvironmentError ILE101 where arrays do not fit, ILE203 where features or rewards are not finite
 */
export function trialAdvantages(
  batch: Trials,
  { discount = 0.99, lambda = 0.3 }: TrialAdvantageOptions = {},
): { readonly advantages: Float32Array; readonly values: Float32Array } {
  const { trials, steps, rewards, taken, features } = batch;
  const episodes: Episodes = { episodes: trials, horizon: steps, observations: features, rewards, present: taken };
  const returns = discountedReturns(episodes, discount);
  const { values, rest } = rememberedValues(batch, returns);
  return {
    advantages: Float32Array.from(standardized(generalizedAdvantages(episodes, values, { discount, lambda }), taken)),
    values: Float32Array.from(standardized(rest, taken)),
  };
}

/** V_t, and R_t - mean_t(R), [trials, steps] both; 0 in padding. */
function rememberedValues(
  { trials, steps, taken, features }: Trials,
  returns: Float64Array,
): { readonly values: Float64Array; readonly rest: Float64Array } {
  const width = features.length / (trials * steps);
  const [counts, level] = [new Float64Array(steps), new Float64Array(steps)];
  const centre = new Float64Array(steps * width);
  for (let trial = 0; trial < trials; trial++) {
    for (let t = 0; t < steps; t++) {
      const at = trial * steps + t;
      if (!(taken[at]! > 0)) break;
      counts[t]!++;
      level[t]! += returns[at]!;
      for (let i = 0; i < width; i++) centre[t * width + i]! += features[at * width + i]!;
    }
  }
  for (let t = 0; t < steps; t++) {
    const count = Math.max(1, counts[t]!);
    level[t]! /= count;
    for (let i = 0; i < width; i++) centre[t * width + i]! /= count;
  }
  const rest = new Float64Array(trials * steps);
  const gram = new Float64Array(width * width);
  const moments = new Float64Array(width);
  const row = new Float64Array(width);
  const centred = (at: number, t: number): void => {
    for (let i = 0; i < width; i++) row[i] = features[at * width + i]! - centre[t * width + i]!;
  };
  for (let trial = 0; trial < trials; trial++) {
    for (let t = 0; t < steps; t++) {
      const at = trial * steps + t;
      if (!(taken[at]! > 0)) break;
      centred(at, t);
      rest[at] = returns[at]! - level[t]!;
      for (let i = 0; i < width; i++) {
        const value = row[i]!;
        moments[i]! += value * rest[at]!;
        for (let j = 0; j <= i; j++) gram[i * width + j]! += value * row[j]!;
      }
    }
  }
  if (!(gram.every(Number.isFinite) && moments.every(Number.isFinite))) {
    const problem = "what was remembered, or a reward, is not finite";
    throw new EnvironmentError("ILE203", { environment: "trialAdvantages" }, problem, "See what the environment gave");
  }
  const { coefficients } = ridgeCoefficients(gram, moments);
  const values = new Float64Array(trials * steps);
  for (let trial = 0; trial < trials; trial++) {
    for (let t = 0; t < steps; t++) {
      const at = trial * steps + t;
      if (!(taken[at]! > 0)) break;
      centred(at, t);
      values[at] = level[t]!;
      for (let i = 0; i < width; i++) values[at]! += coefficients[i]! * row[i]!;
    }
  }
  return { values, rest };
}
