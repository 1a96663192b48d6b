/** Returns, baselines and advantages of the episodes of a task, in float64: they are constants to the graph. */

import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import { shownValue } from "../../tasks/value-gate.js";
import { EnvironmentError } from "./environment.js";

/** N episodes of one task, each padded to H steps. */
export interface Episodes {
  readonly episodes: number;
  readonly horizon: number;
  /** [N, H, n]: what was observed before each action. */
  readonly observations: Float32Array;
  /** [N, H]: what followed each action. */
  readonly rewards: Float32Array;
  /** [N, H]: 1 for steps that were made, which come first, 0 for padding, whose other numbers mean nothing. */
  readonly present: ArrayLike<number>;
  /** [N]: 1 where the episode has ended by the task's own rules, and was not cut off. */
  readonly terminated?: ArrayLike<number>;
}

const operation = "advantages";

/**
 * The steps that each episode made, [N].
 *
 * @throws EnvironmentError ILE101 where arrays do not fit the sizes, or padding is not at the end
 */
export function episodeLengths({
  episodes,
  horizon,
  observations,
  rewards,
  present,
  terminated,
}: Episodes): Int32Array {
  const steps = episodes * horizon;
  const sizes = { rewards: rewards.length, present: present.length };
  for (const [name, size] of Object.entries(sizes)) {
    if (size !== steps)
      refuse(`${name} has ${size} numbers, of ${episodes} x ${horizon} steps`, "Give one for each step");
  }
  if (steps === 0 || observations.length % steps !== 0) {
    refuse(`observations has ${observations.length} numbers, of ${steps} steps`, "Give as many for each step");
  }
  if (terminated && terminated.length !== episodes) {
    refuse(`terminated has ${terminated.length} numbers, of ${episodes} episodes`, "Give one for each episode");
  }
  return Int32Array.from({ length: episodes }, (_, episode) => {
    let length = 0;
    while (length < horizon && present[episode * horizon + length]! > 0) length++;
    for (let t = length; t < horizon; t++) {
      if (present[episode * horizon + t]! > 0)
        refuse(`step ${t} of episode ${episode} is there, and one before is not`, "Let padding come last");
    }
    return length;
  });
}

/**
 * Discounted returns R_t = r_t + gamma R_{t+1}, [N, H]; 0 in padding.
 *
 * @param discount gamma, in [0, 1]
 */
export function discountedReturns(batch: Episodes, discount: number): Float64Array {
  requireShare("discount", discount);
  const returns = new Float64Array(batch.episodes * batch.horizon);
  for (const [episode, length] of episodeLengths(batch).entries()) {
    let following = 0;
    for (let t = length - 1; t >= 0; t--) {
      const at = episode * batch.horizon + t;
      following = batch.rewards[at]! + discount * following;
      returns[at] = following;
    }
  }
  return returns;
}

/** Options of generalised advantage estimation. */
export interface AdvantageOptions {
  /** gamma, in [0, 1]. */
  readonly discount: number;
  /** lambda, in [0, 1]; 1 by default. */
  readonly lambda?: number;
  /**
   * [N]: V of what was observed last, for episodes that were cut off and would have gone on. By default it is 0: where the
   * horizon is part of the task, nothing follows. Episodes that terminated have none.
   */
  readonly lastValues?: ArrayLike<number>;
}

/**
 * Generalised advantage estimates (Schulman et al. 2016), [N, H]; 0 in padding:
 *
 *   A_t = sum_l (gamma lambda)^l delta_{t+l},    delta_t = r_t + gamma V_{t+1} - V_t
 *
 * With lambda 1 these are returns less the baseline, R_t - V_t.
 *
 * @param values V_t, [N, H]
 * @throws EnvironmentError ILE101 for shares out of [0, 1], or arrays that do not fit
 */
export function generalizedAdvantages(
  batch: Episodes,
  values: ArrayLike<number>,
  { discount, lambda = 1, lastValues }: AdvantageOptions,
): Float64Array {
  requireShare("discount", discount);
  requireShare("lambda", lambda);
  const lengths = episodeLengths(batch);
  const advantages = new Float64Array(batch.episodes * batch.horizon);
  if (values.length !== advantages.length)
    refuse(`values has ${values.length} numbers, of ${advantages.length} steps`, "Give one for each step");
  if (lastValues && (lastValues.length !== batch.episodes || !batch.terminated))
    refuse("lastValues without `terminated`, or not one for each episode", "Give both for each episode");
  for (const [episode, length] of lengths.entries()) {
    let next = lastValues && batch.terminated![episode] === 0 ? lastValues[episode]! : 0;
    let advantage = 0;
    for (let t = length - 1; t >= 0; t--) {
      const at = episode * batch.horizon + t;
      advantage = batch.rewards[at]! + discount * next - values[at]! + discount * lambda * advantage;
      advantages[at] = advantage;
      next = values[at]!;
    }
  }
  return advantages;
}

/** A baseline that is fitted to the episodes of a task. */
export interface RidgeBaseline {
  /** Of the features, in their order. */
  readonly coefficients: Float64Array;
  /** The number that was added to the diagonal in the end. */
  readonly regularization: number;
  /** V_t, [N, H]; 0 in padding. */
  values(batch: Episodes): Float64Array;
}

const leastRegularization = 1e-5;
/** Past these it is not rounding that is at fault. */
const mostPowers = 20;
const observationBound = 10;
/** The unit of time in features. */
const stepsOfOne = 100;

/**
 * The linear baseline of Duan et al. (2016), as in rllab and the codes of MAML and ProMP: ridge regression of the returns on
 *
 *   [o, o^2, u, u^2, u^3, 1],    u = t / 100,    o clipped to +-10
 *
 * fitted per task and anew for every batch: (F^T F + c I) w = F^T R by Cholesky's factors, with c = 1e-5, ten times as much
 * while the matrix has none.
 *
 * @param returns [N, H], as `discountedReturns` gives them
 * @throws EnvironmentError ILE203 where observations or returns are not finite
 */
export function ridgeBaseline(batch: Episodes, returns: ArrayLike<number>): RidgeBaseline {
  const size = batch.observations.length / (batch.episodes * batch.horizon);
  const width = 2 * size + 4;
  const lengths = episodeLengths(batch);
  const gram = new Float64Array(width * width);
  const moments = new Float64Array(width);
  // Four rows at once: each number of the matrix is read and written for all of them.
  const rows = [0, 1, 2, 3].map(() => new Float64Array(width)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const values = new Float64Array(4);
  let filled = 0;
  const take = (): void => {
    const [a, b, c, d] = rows;
    for (let i = 0; i < width; i++) {
      const [ai, bi, ci, di] = [a[i]!, b[i]!, c[i]!, d[i]!];
      // Contact forces, for instance, are 0 most of the time.
      if (ai === 0 && bi === 0 && ci === 0 && di === 0) continue;
      moments[i]! += ai * values[0]! + bi * values[1]! + ci * values[2]! + di * values[3]!;
      const at = i * width;
      for (let j = 0; j <= i; j++) gram[at + j]! += ai * a[j]! + bi * b[j]! + ci * c[j]! + di * d[j]!;
    }
    filled = 0;
  };
  for (const [episode, length] of lengths.entries()) {
    for (let t = 0; t < length; t++) {
      writeFeatures(batch, size, episode, t, rows[filled]!);
      values[filled++] = returns[episode * batch.horizon + t]!;
      if (filled === 4) take();
    }
  }
  if (filled > 0) {
    for (const row of rows.slice(filled)) row.fill(0);
    values.fill(0, filled);
    take();
  }
  if (!(gram.every(Number.isFinite) && moments.every(Number.isFinite))) {
    const problem = "observations or returns are not finite";
    throw new EnvironmentError("ILE203", { environment: operation }, problem, "See what the environment gave");
  }
  const { coefficients, regularization } = ridgeCoefficients(gram, moments);
  return { coefficients, regularization, values: (other) => linearValues(other, size, coefficients) };
}

/**
 * @internal The solution w of (G + c I) w = m, with c = 1e-5 or the first of ten, a hundred ... times as much with which the
 * matrix has Cholesky factors.
 *
 * @param gram G, [k, k]: its lower triangle
 * @param moments m, [k]
 * @throws EnvironmentError ILE203 where there is none
 */
export function ridgeCoefficients(
  gram: Float64Array,
  moments: Float64Array,
): Pick<RidgeBaseline, "coefficients" | "regularization"> {
  const width = moments.length;
  for (let power = 0; power < mostPowers; power++) {
    const regularization = leastRegularization * 10 ** power;
    const matrix = gram.slice();
    for (let i = 0; i < width; i++) matrix[i * width + i]! += regularization;
    const coefficients = solveSymmetric(matrix, moments.slice());
    if (coefficients.every(Number.isFinite)) return { coefficients, regularization };
  }
  const problem = "the baseline's matrix is not positive definite however large its diagonal";
  throw new EnvironmentError("ILE203", { environment: operation }, problem, "See what the environment gave");
}

function linearValues(batch: Episodes, size: number, coefficients: Float64Array): Float64Array {
  const features = new Float64Array(coefficients.length);
  const values = new Float64Array(batch.episodes * batch.horizon);
  for (const [episode, length] of episodeLengths(batch).entries()) {
    for (let t = 0; t < length; t++) {
      writeFeatures(batch, size, episode, t, features);
      let value = 0;
      for (let i = 0; i < features.length; i++) value += features[i]! * coefficients[i]!;
      values[episode * batch.horizon + t] = value;
    }
  }
  return values;
}

function writeFeatures(
  { horizon, observations }: Episodes,
  size: number,
  episode: number,
  t: number,
  to: Float64Array,
) {
  const from = (episode * horizon + t) * size;
  for (let i = 0; i < size; i++) {
    const o = Math.max(-observationBound, Math.min(observationBound, observations[from + i]!));
    to[i] = o;
    to[size + i] = o * o;
  }
  const u = t / stepsOfOne;
  to[2 * size] = u;
  to[2 * size + 1] = u * u;
  to[2 * size + 2] = u * u * u;
  to[2 * size + 3] = 1;
}

/**
 * Advantages of mean 0 and deviation 1 over the steps that are there: (A - mean) / (deviation + 1e-8), so that equal ones
 * become 0. Padding stays 0.
 *
 * @param advantages [N, H], all of one task
 * @param present [N, H]
 */
export function standardized(advantages: ArrayLike<number>, present: ArrayLike<number>): Float64Array {
  let [count, total] = [0, 0];
  for (let i = 0; i < advantages.length; i++) {
    if (!(present[i]! > 0)) continue;
    count++;
    total += advantages[i]!;
  }
  const mean = total / Math.max(1, count);
  let squares = 0;
  for (let i = 0; i < advantages.length; i++) if (present[i]! > 0) squares += (advantages[i]! - mean) ** 2;
  const deviation = Math.sqrt(squares / Math.max(1, count));
  const result = new Float64Array(advantages.length);
  for (let i = 0; i < result.length; i++) {
    if (present[i]! > 0) result[i] = (advantages[i]! - mean) / (deviation + 1e-8);
  }
  return result;
}

/** Options of the advantages of a policy gradient. */
export interface PolicyAdvantageOptions extends AdvantageOptions {
  /** The linear one by default; "none" leaves V = 0. */
  readonly baseline?: "linear" | "none";
  /** True, the default, where they are standardised per task. */
  readonly standardize?: boolean;
}

/**
 * Advantages of the episodes of one task, as the codes of MAML and ProMP compute them: the baseline fitted to discounted
 * returns, generalised advantage estimates over it, standardised.
 *
 * @returns float32 [N, H]; 0 in padding
 * @example policyAdvantages(batch, { discount: 0.99, lambda: 1 })
 */
export function policyAdvantages(
  batch: Episodes,
  { baseline = "linear", standardize = true, ...options }: PolicyAdvantageOptions,
): Float32Array {
  const values =
    baseline === "none"
      ? new Float64Array(batch.episodes * batch.horizon)
      : ridgeBaseline(batch, discountedReturns(batch, options.discount)).values(batch);
  const advantages = generalizedAdvantages(batch, values, options);
  return Float32Array.from(standardize ? standardized(advantages, batch.present) : advantages);
}

function requireShare(name: string, value: number): void {
  if (value >= 0 && value <= 1) return;
  refuse(`${name} is ${shownValue(value)}`, "Give a number from 0 to 1");
}

function refuse(problem: string, remedy: string): never {
  throw new EnvironmentError("ILE101", { environment: operation }, problem, remedy);
}
