/** Known policies for tabular MDPs: posterior sampling, and the oracle. */
import { gammaNumber } from "../../random/gamma.js";
import type { Random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import { EnvironmentError, type EnvironmentFamily, observationSize } from "./environment.js";
import { indicesOf, type KnownPolicy } from "./known-policies.js";
import type { TabularMdpTask } from "./tabular-mdp.js";

/** A policy for tabular MDPs. */
export type TabularMdpPolicy = KnownPolicy<TabularMdpTask>;

/** Tables of an MDP, as a task has them. */
interface MdpTables {
  readonly transitions: ArrayLike<number>;
  readonly rewards: ArrayLike<number>;
}

/** Sizes of an MDP, and the steps of its episodes. */
export interface MdpSizes {
  readonly states: number;
  readonly actions: number;
  readonly horizon: number;
}

const sizesOf = ({ observation, action, horizon }: EnvironmentFamily<TabularMdpTask>): MdpSizes => ({
  states: observationSize(observation),
  actions: indicesOf(action),
  horizon,
});

/** The best policy of an MDP for episodes of a horizon. */
export interface OptimalPolicy {
  /** [H, states]: the action at each time in each state. */
  readonly actions: Int32Array;
  /** [states]: the expected sum of an episode's rewards from each first state. */
  readonly values: Float64Array;
}

/**
 * Value iteration over a finite horizon (Bellman 1957), backwards in time from V_H = 0:
 *
 *   Q_t(s, a) = rho(s, a) + sum_{s'} q(s' | s, a) V_{t+1}(s'),    V_t(s) = max_a Q_t(s, a)
 */
export function valueIteration(
  { transitions, rewards }: MdpTables,
  { states, actions, horizon }: MdpSizes,
): OptimalPolicy {
  const chosen = new Int32Array(horizon * states);
  let values = new Float64Array(states);
  for (let t = horizon - 1; t >= 0; t--) {
    const earlier = new Float64Array(states).fill(Number.NEGATIVE_INFINITY);
    for (let state = 0; state < states; state++) {
      for (let action = 0; action < actions; action++) {
        const pair = state * actions + action;
        let value = rewards[pair]!;
        for (let next = 0; next < states; next++) value += transitions[pair * states + next]! * values[next]!;
        if (!(value > earlier[state]!)) continue;
        earlier[state] = value;
        chosen[t * states + state] = action;
      }
    }
    values = earlier;
  }
  return { actions: chosen, values };
}

/** Follows policies by time and state. */
function follow(
  states: number,
  observations: Float32Array,
  t: number,
  policies: readonly OptimalPolicy[],
  to: Int32Array,
) {
  for (const [row, { actions }] of policies.entries()) {
    to[row] = actions[t * states + stateIn(observations, states, row)]!;
  }
}

const stateIn = (observations: Float32Array, states: number, row: number): number => {
  let state = 0;
  while (state < states - 1 && observations[row * states + state] !== 1) state++;
  return state;
};

/** The oracle of tabular MDPs: the best policy by value iteration over the tables, which it is told. */
export function mdpOracle(): TabularMdpPolicy {
  return {
    name: "oracle",
    title: "oracle (value iteration)",
    oracle: true,
    begin(family, tasks) {
      const sizes = sizesOf(family);
      const policies = tasks.map((task) => valueIteration(task, sizes));
      let t = 0;
      return {
        beginEpisode() {
          t = 0;
        },
        act: (observations, actions) => follow(sizes.states, observations, t++, policies, actions),
      };
    },
  };
}

/** The prior of posterior sampling. */
export interface PosteriorSamplingOptions {
  /** The mean of mean rewards beforehand; 0 by default. */
  readonly priorMean?: number;
}

/**
 * PSRL, posterior sampling for reinforcement learning (Strens 2000; Osband, Russo and Van Roy 2013): before each episode an
 * MDP is drawn from the posterior, and its best policy followed. After n visits of (s, a),
 *
 *   q(. | s, a) ~ Dirichlet(1 + counts),    rho(s, a) ~ N((mu + sum of rewards) / (1 + n), 1 / (1 + n))
 *
 * with mu 0, the default of the code that the figures of RL^2 (Duan et al. 2016) were made with. The family's own mean is 1:
 * under it more is explored than pays within ten episodes, and PSRL earns 134 instead of 138.
 *
 * @throws EnvironmentError ILE101 where the prior's mean is not finite
 */
export function posteriorSampling({ priorMean = 0 }: PosteriorSamplingOptions = {}): TabularMdpPolicy {
  if (!Number.isFinite(priorMean)) {
    const problem = `priorMean is ${shownValue(priorMean)}`;
    throw new EnvironmentError("ILE101", { environment: "psrl" }, problem, "Give a finite number");
  }
  return {
    name: "psrl",
    title: priorMean === 0 ? "PSRL" : `PSRL, prior mean ${priorMean}`,
    begin(family, tasks, sources) {
      const sizes = sizesOf(family);
      const { states, actions: count } = sizes;
      const pairs = states * count;
      const visits = new Float64Array(tasks.length * pairs * states);
      const sums = new Float64Array(tasks.length * pairs);
      const before = new Int32Array(tasks.length);
      let policies: OptimalPolicy[] = [];
      let t = 0;
      return {
        beginEpisode() {
          t = 0;
          policies = sources.map((source, row) => {
            const own = visits.subarray(row * pairs * states, (row + 1) * pairs * states);
            const ownSums = sums.subarray(row * pairs, (row + 1) * pairs);
            return valueIteration(drawn(source, own, ownSums, states, priorMean), sizes);
          });
        },
        act(observations, actions) {
          for (const row of before.keys()) before[row] = stateIn(observations, states, row);
          follow(states, observations, t++, policies, actions);
        },
        learn(actions, rewards, observations) {
          for (const [row, state] of before.entries()) {
            const pair = row * pairs + state * count + actions[row]!;
            visits[pair * states + stateIn(observations, states, row)]! += 1;
            sums[pair]! += rewards[row]!;
          }
        },
      };
    },
  };
}

/** An MDP of the posterior. */
function drawn(source: Random, visits: Float64Array, sums: Float64Array, states: number, priorMean: number): MdpTables {
  const transitions = new Float64Array(visits.length);
  const rewards = new Float64Array(sums.length);
  for (const [pair, sum] of sums.entries()) {
    let [seen, total] = [0, 0];
    for (let next = pair * states; next < (pair + 1) * states; next++) {
      const part = gammaNumber(source, 1 + visits[next]!);
      transitions[next] = part;
      total += part;
      seen += visits[next]!;
    }
    for (let next = pair * states; next < (pair + 1) * states; next++) transitions[next]! /= total;
    rewards[pair] = source.normal((priorMean + sum) / (1 + seen), 1 / Math.sqrt(1 + seen));
  }
  return { transitions, rewards };
}
