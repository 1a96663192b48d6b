/** The latent path of neural processes: a task as a Gaussian variable, of which its rows tell more the more there are. */
import {
  add,
  concat,
  div,
  log,
  mul,
  reshape,
  sigmoid,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import { mlp } from "../../networks/models.js";
import { normalInGraph } from "../../random/graph-random.js";
import { type Key, split } from "../../random/random.js";
import { meanOfPresent, type Rows } from "./model-based-learner.js";

/** A Gaussian variable of independent numbers: both [width], deviations above 0. */
export type Gaussian = { readonly mean: Tensor; readonly deviation: Tensor };

/** A network that tells the latent variable of a task from rows of it. */
export interface LatentPath {
  init(key: Key): Tree;
  /** q(z | rows) */
  given(params: Tree, rows: Rows): Gaussian;
}

/** Smallest standard deviation of the latent variable: without one the divergence of two of them has no bound. */
const leastDeviation = 0.1;

/**
 * The latent path of neural processes (Garnelo et al. 2018b; its networks as in Kim et al. 2019):
 *
 *   s = mean over rows of encoder(x_i, y_i),  (mu, a) = moments(s),  q(z | rows) = N(mu, (0.1 + 0.9 sigmoid(a))^2)
 *
 * Without any row s is 0, and q what is likely of all tasks.
 *
 * @param sizes.layers hidden layers of the encoder
 * @param sizes.width numbers of z
 */
export function latentPath(sizes: {
  readonly features: number;
  readonly targets: number;
  readonly hidden: number;
  readonly layers: number;
  readonly width: number;
}): LatentPath {
  const { features, targets, hidden, layers, width } = sizes;
  const between = Array.from({ length: layers }, () => hidden);
  const encoder = mlp({ sizes: [features + targets, ...between, hidden] });
  const moments = mlp({ sizes: [hidden, hidden, 2 * width] });
  type Network = { readonly encoder: Tree; readonly moments: Tree };
  return {
    init: (key): Network => ({
      encoder: encoder.init(split(key, "encoder")),
      moments: moments.init(split(key, "moments")),
    }),
    given: (params, { features: x, targets: y, present }) => {
      const at = params as Network;
      const task = meanOfPresent(encoder.apply(at.encoder, concat([x, y], -1)), present);
      const both = reshape(moments.apply(at.moments, reshape(task, [1, hidden])), [2 * width]);
      const spread = sigmoid(sliceAxis(both, 0, width, 2 * width));
      return { mean: sliceAxis(both, 0, 0, width), deviation: add(mul(spread, 1 - leastDeviation), leastDeviation) };
    },
  };
}

/** z = mean + deviation e, e standard normal by the key of the task; the mean without a key. */
export const sampled = ({ mean, deviation }: Gaussian, key: Tensor | undefined): Tensor =>
  key ? add(mean, mul(deviation, normalInGraph(key, "latent variable", mean.shape))) : mean;

/**
 * Scalar, in nats: KL(q || p) = sum over numbers of log(s_p / s_q) + (s_q^2 + (m_q - m_p)^2) / (2 s_p^2) - 1/2.
 */
export function divergence(q: Gaussian, p: Gaussian): Tensor {
  const ratio = div(q.deviation, p.deviation);
  const apart = div(sub(q.mean, p.mean), p.deviation);
  const squares = add(mul(ratio, ratio), mul(apart, apart));
  return sum(sub(mul(sub(squares, 1), 0.5), log(ratio)));
}
