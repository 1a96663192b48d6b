/** The loss of a policy on trajectories, whose gradient is the policy gradient. */
import { add, div, exp, GraphError, matmul, max, mul, neg, sub, sum, type Tensor, tensor } from "@innerloop/graph";
import type { Loss } from "../../losses/losses.js";
import type { Metric } from "../../losses/metric.js";
import { actionDistribution } from "./distributions.js";
import type { Space } from "./environment.js";

/** Targets of a policy: what was done in n episodes of at most H steps, and what came of it. */
export type PolicyTargets = {
  /** float32 [n, H, d], or int32 [n, H] of a discrete space. */
  readonly action: Tensor;
  /** float32 [n, H] */
  readonly advantage: Tensor;
  /** float32 [n, H] */
  readonly reward: Tensor;
  /** float32 [n, H]: 1 for steps that were taken, 0 after the end of an episode. */
  readonly taken: Tensor;
  /** float32 [n, H, outputs]: what the policy that acted gave for each observation. */
  readonly acted: Tensor;
};

/** Options of `policySurrogate`. */
export interface PolicySurrogateOptions {
  /**
   * The weight d of what earlier steps add to the weight of a step: 0 is the surrogate of low variance (LVC, Rothfuss et al.
   * 2019), 1 is DiCE (Foerster et al. 2018), whose derivatives of all orders are unbiased. 0 by default.
   */
  readonly pastDecay?: number;
  /** Sum of log pi A, as in the code of MAML: its first derivative is right, its second is not. */
  readonly logLikelihood?: boolean;
}

/**
 * The negative surrogate of the expected return (Farquhar, Whiteson & Foerster 2019, Loaded DiCE):
 *
 *   L = - mean over steps taken of (exp(w_t) - exp(v_t)) A_t,   w_t = v_t + log pi(a_t) - log pi_old(a_t),   v_t = d w_{t-1}
 *
 * pi_old is the policy that acted: at its parameters w_t is 0 in value, and all derivatives are those of the surrogates that
 * hold it constant; away from them the weights are importance ratios. Predictions are rows [n, H, outputs] of
 * `policyNetwork`.
 *
 * Its metrics are the undiscounted return of an episode, which leads, KL(pi_old || pi) and the entropy of a step.
 *
 * @throws IL102 where d is not from 0 to 1, or beside logLikelihood
 */
export function policySurrogate(
  action: Space,
  { pastDecay = 0, logLikelihood = false }: PolicySurrogateOptions = {},
): Loss<Tensor, PolicyTargets> {
  if (!(pastDecay >= 0 && pastDecay <= 1))
    throw new GraphError("IL102", "policySurrogate", `pastDecay is ${pastDecay}`, "Use a number from 0 to 1");
  if (logLikelihood && pastDecay > 0)
    throw new GraphError("IL102", "policySurrogate", `pastDecay ${pastDecay} of a log-likelihood`, "Leave one out");
  const { of } = actionDistribution(action);
  const loss = (prediction: Tensor, y: PolicyTargets): Tensor => {
    const now = of(prediction).logProb(y.action);
    if (logLikelihood) return neg(meanOfTaken(mul(now, y.advantage), y));
    const ratio = mul(sub(now, of(y.acted).logProb(y.action)), y.taken);
    return neg(meanOfTaken(mul(weights(ratio, pastDecay), y.advantage), y));
  };
  const metrics: readonly Metric<Tensor, PolicyTargets>[] = [
    {
      name: "return",
      title: "return",
      better: "higher",
      compute: (_prediction, { reward, taken }) => div(sum(mul(reward, taken)), reward.shape[0]!),
    },
    {
      name: "kl",
      title: "KL",
      compute: (prediction, y) => meanOfTaken(of(y.acted).kl(of(prediction)), y),
    },
    {
      name: "entropy",
      title: "entropy",
      compute: (prediction, y) => meanOfTaken(of(prediction).entropy(), y),
    },
  ];
  return Object.assign(loss, { title: "policy surrogate", metrics });
}

/** exp(w_t) - exp(v_t) of log-ratios [n, H] by step. */
function weights(ratio: Tensor, pastDecay: number): Tensor {
  if (pastDecay === 0) return sub(exp(ratio), 1);
  const steps = ratio.shape[1]!;
  // v_t = sum over s < t of d^(t - s) ratio_s
  const decays = Array.from({ length: steps }, (_, s) =>
    Array.from({ length: steps }, (_step, t) => (s < t ? pastDecay ** (t - s) : 0)),
  );
  const past = matmul(ratio, tensor(decays, [steps, steps], ratio.dtype as "float32"));
  return sub(exp(add(past, ratio)), exp(past));
}

/** @internal The mean of values [n, H] over the steps that were taken. */
export const meanOfTaken = (values: Tensor, { taken }: Pick<PolicyTargets, "taken">): Tensor =>
  div(sum(mul(values, taken)), max(sum(taken), 1));
