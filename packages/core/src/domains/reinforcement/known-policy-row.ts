/** Known policies as rows beside learners: adapters of tasks that are the trials which they play. */
import { mean, neg, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { nothingToAdapt } from "../../learners/baselines/nothing-to-adapt.js";
import type { Adapter } from "../../learners/learner.js";
import type { Loss } from "../../losses/losses.js";
import type { Collector } from "../../tasks/task.js";
import type { EnvironmentFamily, EnvironmentTask } from "./environment.js";
import { type KnownPolicy, playTrials } from "./known-policies.js";
import { trialReward } from "./policy-surrogate.js";

/** A known policy for `evaluate`: an adapter with nothing to adapt, and what plays its trials. */
export interface KnownPolicyRow {
  /** An oracle: it is told the task, which no learner is. */
  readonly oracle?: true;
  readonly adapter: Adapter<Tree, Tree, Tensor, PlayedTrial>;
  readonly tasks: Collector<Tree, Tensor, PlayedTrial>;
}

/** A trial that was played: its reward, float32 [1]. */
export type PlayedTrial = { readonly trial: Tensor };

/**
 * A known policy in the trials of a family, at the addresses at which learners meet theirs: trial i of a seed is of
 * `family.task(seed, i)`.
 *
 * @example
 * const { adapter, tasks } = knownPolicyRow(family, thompsonSampling());
 * await evaluate({ learner: adapter, params: {}, tasks, count: 600, seed });
 */
export function knownPolicyRow<T extends EnvironmentTask>(
  family: EnvironmentFamily<T>,
  policy: KnownPolicy<T>,
): KnownPolicyRow {
  const loss: Loss<Tensor, PlayedTrial> = Object.assign(
    (_prediction: Tensor, { trial }: PlayedTrial): Tensor => neg(mean(trial)),
    { title: "negative reward", metrics: [trialReward] },
  );
  const collectMany = async (_params: Tree, seed: number, first: number, count: number) => {
    const { rewards } = await playTrials(family, policy, { seed, first, trials: count });
    return Array.from(rewards, (reward) => {
      const played = { x: tensor([[0]]), y: { trial: tensor([reward]) } };
      return { support: played, query: played };
    });
  };
  return {
    ...(policy.oracle ? { oracle: true } : {}),
    adapter: nothingToAdapt(policy.title, loss),
    tasks: {
      name: family.name,
      description: family.description,
      spec: {
        x: { shape: [1], dtype: "float32" },
        y: { trial: { shape: [], dtype: "float32" } },
        support: { rows: 1 },
        query: { rows: 1 },
      },
      collect: async (params, seed, index) => (await collectMany(params, seed, index, 1))[0]!,
      collectMany,
    },
  };
}
