/** Surrogates of the expected return that may be differentiated twice, or are known not to be. */
import {
  cast,
  cumulativeSum,
  div,
  exp,
  formatShape,
  GraphError,
  greater,
  matmul,
  max,
  mul,
  sameShape,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
} from "@innerloop/graph";
import { shownValue } from "../../tasks/value-gate.js";
import { EnvironmentError } from "./environment.js";

/** Trajectories of one task, as a surrogate sees them: N episodes of up to H steps. */
export interface SurrogateInputs {
  /** log pi(a_t | o_t) under the parameters that are differentiated, [N, H]. */
  readonly logProb: Tensor;
  /** A_t, [N, H]: constants. */
  readonly advantages: Tensor;
  /** 1 for steps that were made, which come first, 0 for padding, [N, H]; all of them unless given. */
  readonly present?: Tensor;
  /**
   * log pi(a_t | o_t) under the parameters that the trajectories were drawn with, [N, H]: weights are ratios to these. Unless
   * given they are those that are differentiated: the weights are then 1, and it is their derivatives that count.
   */
  readonly old?: Tensor;
}

/** The choice of a surrogate. */
export interface SurrogateOptions {
  /**
   * d in [0, 1], the share of earlier steps' log-probabilities that the weight of a step has: 0 is LVC (the default: low
   * variance, second derivatives biased), 1 is DiCE (unbiased, high variance), between them is Loaded DiCE.
   */
  readonly pastDecay?: number;
  /** log pi A instead, as MAML's code and its PyTorch ports have it: its second derivatives are wrong. */
  readonly logLikelihood?: boolean;
}

/**
 * The terms of a surrogate of the expected return, [N, H]; 0 in padding:
 *
 *   (box(w_t) - box(v_t)) A_t,    w_t = v_t + log pi_t,    v_t = d w_{t-1},    box(x) = exp(x - stopGradient(x))
 *
 * Loaded DiCE (Farquhar, Whiteson and Foerster 2019); d = 1 is DiCE (Foerster et al. 2018) less a baseline, d = 0 the LVC of
 * ProMP (Rothfuss et al. 2019), pi / pi_old A up to a constant. Under the parameters that drew the trajectories the value is
 * 0 and the gradient's expectation is that of the return, for any d; the Hessian's is for d = 1 alone, with any baseline.
 *
 * With `logLikelihood` they are log pi_t A_t (Finn et al. 2017): the same gradient, and a Hessian that depends on the baseline.
 *
 * @throws EnvironmentError ILE101 where pastDecay is not in [0, 1], or does not apply; GraphError IL202 where shapes differ
 */
export function surrogateTerms(
  { logProb, advantages, present, old }: SurrogateInputs,
  options: SurrogateOptions = {},
): Tensor {
  const { logLikelihood = false } = options;
  const pastDecay = options.pastDecay ?? 0;
  if (!(pastDecay >= 0 && pastDecay <= 1)) {
    const problem = `pastDecay is ${shownValue(pastDecay)}`;
    throw new EnvironmentError(
      "ILE101",
      { environment: "surrogate" },
      problem,
      "Give a number from 0 (LVC) to 1 (DiCE)",
    );
  }
  if (logLikelihood && options.pastDecay !== undefined) {
    const problem = "pastDecay says nothing with logLikelihood";
    throw new EnvironmentError("ILE101", { environment: "surrogate" }, problem, "Give one of them");
  }
  for (const [name, given] of Object.entries({ advantages, present, old })) {
    if (!given || (logProb.rank === 2 && sameShape(given.shape, logProb.shape))) continue;
    const problem = `${name} is ${formatShape(given.shape)}, and logProb is ${formatShape(logProb.shape)}`;
    throw new GraphError("IL202", "surrogateTerms", problem, "Give both as [episodes, steps]");
  }
  const isThere = present && greater(present, 0);
  // What padding holds means nothing, and may be anything.
  const masked = (x: Tensor): Tensor => (isThere ? where(isThere, x, 0) : x);
  const weights = masked(stopGradient(advantages));
  const now = masked(logProb);
  if (logLikelihood) return mul(now, weights);
  const then = old ? masked(stopGradient(old)) : stopGradient(now);
  const [w, wThen] = [withPast(now, pastDecay), withPast(then, pastDecay)];
  const ratio = exp(sub(w, wThen));
  if (pastDecay === 0) return mul(sub(ratio, 1), weights);
  return mul(sub(ratio, exp(sub(sub(w, now), sub(wThen, then)))), weights);
}

/** w_t = sum_{s <= t} d^(t - s) x_s along the steps of [N, H]. */
function withPast(x: Tensor, pastDecay: number): Tensor {
  if (pastDecay === 0) return x;
  if (pastDecay === 1) return cumulativeSum(x, 1);
  const steps = x.shape[1]!;
  const powers = Float32Array.from({ length: steps * steps }, (_, at) => {
    const passed = (at % steps) - Math.floor(at / steps);
    return passed < 0 ? 0 : pastDecay ** passed;
  });
  return matmul(x, tensor(powers, [steps, steps], x.dtype));
}

/**
 * The surrogate of the expected return: the mean of `surrogateTerms` over the steps that are there, a scalar to be maximised.
 *
 * @example const loss = neg(surrogate({ logProb: distribution.logProb(actions), advantages, present }, { pastDecay: 0 }));
 */
export function surrogate(inputs: SurrogateInputs, options: SurrogateOptions = {}): Tensor {
  const terms = surrogateTerms(inputs, options);
  if (!inputs.present) return div(sum(terms), terms.size);
  return div(sum(terms), max(sum(cast(greater(inputs.present, 0), terms.dtype)), 1));
}
