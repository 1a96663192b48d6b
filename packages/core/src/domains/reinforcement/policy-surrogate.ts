/** The loss of a policy on trajectories, whose gradient is the policy gradient. */
import { div, max, mean, mul, neg, sum, type Tensor } from "@innerloop/graph";
import type { Loss } from "../../losses/losses.js";
import type { Metric } from "../../losses/metric.js";
import type { Space } from "./environment.js";
import { policyDistribution } from "./policy-learner.js";
import { type SurrogateOptions, surrogate } from "./surrogate.js";

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
  /**
   * float32 [n, H], of trials: how much more than the mean trial at this step the rest of it brings, discounted, in standard
   * deviations over all steps: what a critic learns.
   */
  readonly value?: Tensor;
  /**
   * float32 [n], of families with trials: the reward of a trial, in each row: the mean return of all episodes of the task,
   * those before adaptation included, times the episodes of a trial.
   */
  readonly trial?: Tensor;
};

/** Options of `policySurrogate`. */
export interface PolicySurrogateOptions extends SurrogateOptions {
  readonly trials?: boolean;
}

/**
 * The loss of a policy: L = -surrogate of the return of its episodes, with log pi_old of the policy that acted. At its parameters
 * the value is 0 and all derivatives are those of the surrogate; away from them the weights are importance ratios. Predictions
 * are rows [n, H, outputs] of `policyNetwork`, or [n, H, outputs + 1] of a policy with a critic, whose values count for nothing
 * here.
 *
 * Its metrics are the undiscounted return of an episode, which leads, and of a training KL(pi_old || pi) and the entropy of a step. Where tasks are
 * trials, the reward of a trial leads, that of the episodes before adaptation included.
 *
 * @param options.trials whether targets have `trial`
 * @throws EnvironmentError ILE101 as `surrogate`
 * @example maml({ model: policyNetwork(family), loss: policySurrogate(family.action), inner: sgd({ learningRate: 0.1 }) })
 */
export function policySurrogate(
  action: Space,
  { trials = false, ...options }: PolicySurrogateOptions = {},
): Loss<Tensor, PolicyTargets> {
  const of = policyDistribution(action);
  const loss = (prediction: Tensor, { action: done, advantage, taken, acted }: PolicyTargets): Tensor => {
    const logProb = of(prediction).logProb(done);
    const old = options.logLikelihood ? {} : { old: of(acted).logProb(done) };
    return neg(surrogate({ logProb, advantages: advantage, present: taken, ...old }, options));
  };
  const metrics: readonly Metric<Tensor, PolicyTargets>[] = [
    ...(trials ? [trialReward] : []),
    {
      name: "return",
      title: "return",
      better: "higher",
      compute: (_prediction, { reward, taken }) => div(sum(mul(reward, taken)), reward.shape[0]!),
    },
    {
      name: "kl",
      title: "KL",
      ofTraining: true,
      compute: (prediction, y) => meanOfTaken(of(y.acted).kl(of(prediction)), y),
    },
    {
      name: "entropy",
      title: "entropy",
      ofTraining: true,
      compute: (prediction, y) => meanOfTaken(of(prediction).entropy(), y),
    },
  ];
  // Of episodes by the parameters at hand the surrogate is 0: what it is for are its derivatives.
  return Object.assign(loss, { title: "policy surrogate", metrics, ofTraining: true as const });
}

/** The reward of a trial, as tables of policies that learn within one have it: the same figure for all of them. */
export const trialReward: Metric<Tensor, { readonly trial?: Tensor }> & { readonly name: "trial" } = {
  name: "trial",
  title: "reward of a trial",
  better: "higher",
  compute: (_prediction, { trial }) => mean(trial!),
};

/** @internal The mean of values [n, H] over the steps that were taken. */
export const meanOfTaken = (values: Tensor, { taken }: Pick<PolicyTargets, "taken">): Tensor =>
  div(sum(mul(values, taken)), max(sum(taken), 1));
