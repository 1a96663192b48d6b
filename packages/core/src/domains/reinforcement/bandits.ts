/** Bandits with arms that pay 0 or 1. */
import { random } from "../../random/random.js";
import { box, discrete, EnvironmentError, wholeOption } from "./environment.js";
import { type RowFamily, rowFamily, taskFields, taskNumbers } from "./row-dynamics.js";

/** A bandit: the mean reward of each arm, its probability of paying 1. */
export type BanditTask = {
  /** [arms] */
  readonly means: readonly number[];
};

/** Sizes of bandits. */
export interface BanditOptions {
  /** k, 5 by default. */
  readonly arms?: number;
  /** Pulls of a trial, n; 10 by default. */
  readonly pulls?: number;
  /** Episodes of a trial, which its pulls are shared out over; 1 by default. */
  readonly episodes?: number;
}

/** A family of bandits. */
export interface BanditFamily extends RowFamily<BanditTask> {
  readonly arms: number;
  readonly pulls: number;
  readonly trial: { readonly episodes: number };
}

/**
 * Bernoulli bandits of RL^2 (Duan et al. 2016, section 3.1): arm i pays 1 with probability p_i ~ U[0, 1], else 0.
 *
 * A trial of n pulls is one episode, cut off at its horizon n; or so many episodes of n / episodes pulls each, of which those
 * who adapt by whole episodes take some to adapt by and act in the others. A bandit has no state to observe: the observation is the
 * constant 1, [1]. What a learner with a memory is told besides - last action, last reward, whether the trial has begun - it
 * appends itself.
 *
 * @throws EnvironmentError ILE101 for fewer than two arms or one pull, and for pulls that do not make whole episodes
 * @example bernoulliBandits({ arms: 5, pulls: 100 }).vectorized([{ means: [0.1, 0.9, 0.5, 0.2, 0.4] }], 20)
 */
export function bernoulliBandits({ arms = 5, pulls = 10, episodes = 1 }: BanditOptions = {}): BanditFamily {
  const name = "bandits";
  wholeOption(name, "arms", arms, 2);
  wholeOption(name, "pulls", pulls);
  wholeOption(name, "episodes", episodes);
  const horizon = pulls / episodes;
  if (!Number.isSafeInteger(horizon)) {
    const problem = `${pulls} pulls in ${episodes} episodes`;
    throw new EnvironmentError("ILE101", { environment: name }, problem, "Give pulls that episodes share evenly");
  }
  const family = rowFamily<BanditTask, readonly number[]>(
    {
      name,
      observation: box({ shape: 1, low: 0, high: 1 }),
      action: discrete(arms),
      horizon,
      // The pulls made, and the number in [0, 1) that decides each.
      size: 1 + horizon,
      prepare: ({ means }) => means,
      start(_, source, state, at) {
        for (let pull = 1; pull <= horizon; pull++) state[at + pull] = source.uniform();
      },
      step(means, actions, from, state, at) {
        state[at]! += 1;
        return state[at + state[at]!]! < means[actions[from]!]! ? 1 : 0;
      },
      observe(_, __, ___, observations, to) {
        observations[to] = 1;
      },
    },
    {
      description: {
        arms,
        "pulls of a trial": pulls,
        ...(episodes > 1 ? { "episodes of a trial": episodes } : {}),
        means: "uniform in [0, 1]",
        reward: "1 with the arm's mean, else 0",
      },
      trial: { episodes },
      pictures: [
        {
          kind: "choices",
          title: "arms pulled",
          names: Array.from({ length: arms }, (_, arm) => `arm ${arm + 1}`),
          worth: { title: "probability of paying", of: ({ means }) => means },
        },
      ],
      task(seed, index) {
        const source = random(seed, index);
        return { means: Array.from({ length: arms }, () => source.uniform()) };
      },
      context: ({ means }) => Float32Array.from(means),
      parseTask: (json) => ({
        means: taskNumbers(name, "means", taskFields(name, json, ["means"]).means, arms, [0, 1]),
      }),
    },
  );
  return { ...family, arms, pulls, trial: { episodes } };
}
