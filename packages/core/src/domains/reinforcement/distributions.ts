/** Distributions over actions, as tensor functions of what a policy's network gives. */
import {
  add,
  argMax,
  broadcastTo,
  cast,
  exp,
  expandAxis,
  formatShape,
  GraphError,
  logSoftmax,
  mul,
  neg,
  reshape,
  sameShape,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
} from "@innerloop/graph";
import type { Random } from "../../random/random.js";
import type { Space } from "./environment.js";

/**
 * A distribution over actions in each of some places: [..., d] or [...] in shape, one place being a row of a batch. All can be
 * traced, mapped and differentiated twice.
 */
export interface Distribution {
  /**
   * Actions as a function of noise from outside, so that a trajectory depends on its address alone.
   *
   * @param noise as `ActionDistribution.drawNoise` draws it, a row for each place
   */
  sample(noise: Tensor): Tensor;
  /** log p(action) in each place, [...]: summed over the numbers of an action, not averaged. */
  logProb(action: Tensor): Tensor;
  /** In nats, [...]. */
  entropy(): Tensor;
  /** KL(this || other) = E_this[log this - log other] in nats, [...]. `other` is of the same kind. */
  kl(other: Distribution): Tensor;
  /** The mean action, [..., d]; of a categorical distribution its probabilities, [..., k]. */
  mean(): Tensor;
  /** The likeliest action: what a policy without exploration does. */
  mode(): Tensor;
}

/** A normal distribution with independent numbers. */
export interface DiagonalGaussian extends Distribution {
  readonly kind: "gaussian";
  /** [..., d] */
  readonly location: Tensor;
  /** Logarithms of the standard deviations, [..., d]. */
  readonly logStd: Tensor;
}

/** A distribution over the whole numbers from 0 to k - 1. */
export interface Categorical extends Distribution {
  readonly kind: "categorical";
  /** [..., k], up to a constant in each place. */
  readonly logits: Tensor;
}

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * The normal distribution with independent numbers, whose sample is mean + exp(logStd) noise:
 *
 *   log p(a) = sum_i -(a_i - mean_i)^2 / (2 sigma_i^2) - log sigma_i - log(2 pi) / 2,    sigma = exp(logStd)
 *   KL(p || q) = sum_i log(sigma_q / sigma_p) + (sigma_p^2 + (mean_p - mean_q)^2) / (2 sigma_q^2) - 1/2
 *
 * (learn2learn averages log p over the numbers of an action: its inner learning rate is then the smaller by as many.)
 *
 * @param mean [..., d]
 * @param logStd [d], or of the shape of the mean
 * @throws GraphError IL101 where the shapes do not broadcast
 */
export function diagonalGaussian(mean: Tensor, logStd: Tensor): DiagonalGaussian {
  const logs = sameShape(logStd.shape, mean.shape) ? logStd : broadcastTo(logStd, mean.shape);
  return {
    kind: "gaussian",
    location: mean,
    logStd: logs,
    sample(noise) {
      requireShape("diagonalGaussian.sample", "noise", noise, mean.shape);
      return add(mean, mul(exp(logs), noise));
    },
    logProb(action) {
      requireShape("diagonalGaussian.logProb", "action", action, mean.shape);
      const z = mul(sub(action, mean), exp(neg(logs)));
      return sum(sub(sub(mul(mul(z, z), -0.5), logs), halfLogTwoPi), -1);
    },
    entropy: () => sum(add(logs, halfLogTwoPi + 0.5), -1),
    kl(other) {
      const { location, logStd: otherLogs } = other as DiagonalGaussian;
      requireKind("diagonalGaussian.kl", "gaussian", other);
      const z = mul(sub(mean, location), exp(neg(otherLogs)));
      const ratio = sub(logs, otherLogs);
      // (sigma_p^2 / sigma_q^2 - 1) / 2 - log(sigma_p / sigma_q) + z^2 / 2
      return sum(add(sub(mul(sub(exp(mul(ratio, 2)), 1), 0.5), ratio), mul(mul(z, z), 0.5)), -1);
    },
    mean: () => mean,
    mode: () => mean,
  };
}

/**
 * The distribution over k classes with p_i = exp(logit_i) / sum_j exp(logit_j). Its sample is argmax_i (logit_i + g_i), g of
 * the Gumbel distribution (Gumbel 1954; Maddison, Tarlow and Minka 2014), int32 [...].
 *
 * Actions of `logProb` are whole numbers of any type: as columns beside advantages they are float32.
 *
 * @param logits [..., k]
 */
export function categorical(logits: Tensor): Categorical {
  const logs = logSoftmax(logits);
  const places = logits.shape.slice(0, -1);
  return {
    kind: "categorical",
    logits,
    sample(noise) {
      requireShape("categorical.sample", "noise", noise, logits.shape);
      return argMax(add(logits, noise));
    },
    logProb(action) {
      requireShape("categorical.logProb", "action", action, places);
      return reshape(takeAlongAxis(logs, expandAxis(cast(action, "int32"), -1)), places);
    },
    entropy: () => neg(sum(mul(exp(logs), logs), -1)),
    kl(other) {
      requireKind("categorical.kl", "categorical", other);
      return sum(mul(exp(logs), sub(logs, logSoftmax((other as Categorical).logits))), -1);
    },
    mean: () => exp(logs),
    mode: () => argMax(logits),
  };
}

/** The numbers that a space of actions takes of a policy's network and of noise, and the distribution that they make. */
export interface ActionDistribution {
  /** Numbers of a row that the network gives. */
  readonly outputs: number;
  /** Numbers of noise of a row. */
  readonly noise: number;
  /** True where a row is [mean, logStd], so that a policy may hold the second half as parameters of its own. */
  readonly hasDeviations: boolean;
  /** Writes the noise of a row: float32 of the numbers of a stream. */
  drawNoise(source: Random, noise: Float32Array, from: number): void;
  /**
   * @param rows [..., outputs]: the mean and logStd of a box, the logits of a discrete space
   */
  of(rows: Tensor): Distribution;
}

/**
 * The usual distribution over a space of actions: a diagonal Gaussian over a box - unbounded, environments clip - and a
 * categorical one over a discrete space.
 *
 * @example const { outputs, of } = actionDistribution(family.action);
 */
export function actionDistribution(space: Space): ActionDistribution {
  if (space.kind === "discrete") {
    return {
      outputs: space.n,
      noise: space.n,
      hasDeviations: false,
      drawNoise(source, noise, from) {
        for (let i = from; i < from + space.n; i++) noise[i] = gumbel(source);
      },
      of(rows) {
        requireColumns(rows, space.n);
        return categorical(rows);
      },
    };
  }
  const [d] = space.shape;
  return {
    outputs: 2 * d,
    noise: d,
    hasDeviations: true,
    drawNoise(source, noise, from) {
      for (let i = from; i < from + d; i++) noise[i] = source.normal();
    },
    of(rows) {
      requireColumns(rows, 2 * d);
      const axis = rows.rank - 1;
      return diagonalGaussian(sliceAxis(rows, axis, 0, d), sliceAxis(rows, axis, d, 2 * d));
    },
  };
}

/** A number of the Gumbel distribution, -log(-log u): finite, as u is never 0. */
function gumbel(source: Random): number {
  let u = source.uniform();
  while (u === 0) u = source.uniform();
  return -Math.log(-Math.log(u));
}

function requireShape(operation: string, name: string, given: Tensor, shape: readonly number[]): void {
  if (sameShape(given.shape, shape)) return;
  const problem = `${name} is ${formatShape(given.shape)}, of a distribution in ${formatShape(shape)}`;
  throw new GraphError("IL202", operation, problem, `Give ${name} of shape ${formatShape(shape)}`);
}

function requireColumns(rows: Tensor, count: number): void {
  if (rows.shape.at(-1) === count) return;
  const problem = `rows are ${formatShape(rows.shape)}`;
  throw new GraphError("IL202", "actionDistribution", problem, `Let the network give ${count} numbers in a row`);
}

function requireKind(operation: string, kind: "gaussian" | "categorical", other: Distribution): void {
  const found = (other as DiagonalGaussian | Categorical).kind;
  if (found === kind) return;
  throw new GraphError("IL102", operation, `the other distribution is ${found}`, `Give a ${kind} one`);
}
