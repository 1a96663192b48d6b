/** Markov decision processes of a few states, given by tables. */
import { random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import { discrete, EnvironmentError, wholeOption } from "./environment.js";
import { type RowFamily, rowFamily, taskFields, taskNumbers } from "./row-dynamics.js";

/** A Markov decision process as tables, row-major. */
export type TabularMdpTask = {
  /** [states x actions x states]: q(s' | s, a). */
  readonly transitions: readonly number[];
  /** [states x actions]: the mean of the reward of a in s. */
  readonly rewards: readonly number[];
};

/** Sizes of tabular MDPs. */
export interface TabularMdpOptions {
  /** 10 by default. */
  readonly states?: number;
  /** 5 by default. */
  readonly actions?: number;
  /** Steps of an episode, 10 by default. */
  readonly horizon?: number;
  /** Episodes of a trial, 10 by default. */
  readonly episodes?: number;
}

/** A family of tabular MDPs. */
export interface TabularMdpFamily extends RowFamily<TabularMdpTask> {
  readonly states: number;
  readonly actions: number;
  readonly trial: { readonly episodes: number };
}

/** Rewards that anyone may give, at most: beyond it their squares leave float32. */
const largestReward = 1e6;

/** A task as it is computed with. */
interface Tables {
  /** [states x actions x states]: sums of the transition probabilities up to each state. */
  readonly cumulative: Float64Array;
  readonly rewards: readonly number[];
}

/**
 * Random tabular MDPs of RL^2 (Duan et al. 2016, section 3.2), as its authors' code has them: 10 states, 5 actions,
 *
 *   q(. | s, a) ~ Dirichlet(1),    rho(s, a) ~ N(1, 1),    r ~ N(rho(s, a), 1)
 *
 * and episodes of 10 steps from state 0, ten in a trial. An episode is a row here: a learner with a memory keeps it over the
 * `trial.episodes` of a task. Observations are one-hot rows [states].
 *
 * @throws EnvironmentError ILE101 for sizes below 1
 * @example tabularMdps({ states: 10, actions: 5, horizon: 10, episodes: 10 })
 */
export function tabularMdps({
  states = 10,
  actions = 5,
  horizon = 10,
  episodes = 10,
}: TabularMdpOptions = {}): TabularMdpFamily {
  const name = "tabular-mdp";
  for (const [option, value] of Object.entries({ states, actions, horizon, episodes }))
    wholeOption(name, option, value);
  const family = rowFamily<TabularMdpTask, Tables>(
    {
      name,
      observation: discrete(states),
      action: discrete(actions),
      horizon,
      // The steps made, the state, and for each step what decides the next state and the noise of its reward.
      size: 2 + 2 * horizon,
      prepare: ({ transitions, rewards }) => ({ cumulative: cumulativeRows(transitions, states), rewards }),
      start(_, source, state, at) {
        for (let t = 0; t < horizon; t++) {
          state[at + 2 + 2 * t] = source.uniform();
          state[at + 3 + 2 * t] = source.normal();
        }
      },
      step({ cumulative, rewards }, taken, from, state, at) {
        const pair = state[at + 1]! * actions + taken[from]!;
        const chance = at + 2 + 2 * state[at]!;
        let next = 0;
        while (next < states - 1 && state[chance]! >= cumulative[pair * states + next]!) next++;
        state[at]! += 1;
        state[at + 1] = next;
        return rewards[pair]! + state[chance + 1]!;
      },
      observe(_, state, at, observations, to) {
        observations.fill(0, to, to + states);
        observations[to + state[at + 1]!] = 1;
      },
    },
    {
      description: {
        states,
        actions,
        horizon,
        "episodes of a trial": episodes,
        transitions: "Dirichlet(1)",
        rewards: "N(rho, 1), rho ~ N(1, 1)",
        start: "state 0",
      },
      trial: { episodes },
      pictures: [
        {
          kind: "choices",
          title: "actions taken",
          names: Array.from({ length: actions }, (_, action) => `action ${action}`),
          situations: {
            names: Array.from({ length: states }, (_, state) => `state ${state}`),
            at: (observation) => observation.indexOf(1),
          },
          worth: { title: "mean reward", of: ({ rewards }) => rewards },
        },
      ],
      task(seed, index) {
        const source = random(seed, index);
        const transitions: number[] = [];
        const rewards: number[] = [];
        for (let pair = 0; pair < states * actions; pair++) {
          transitions.push(...flatDirichlet(states, () => source.uniform()));
          rewards.push(source.normal(1, 1));
        }
        return { transitions, rewards };
      },
      context: ({ transitions, rewards }) => Float32Array.from([...transitions, ...rewards]),
      parseTask(json) {
        const given = taskFields(name, json, ["transitions", "rewards"]);
        const pairs = states * actions;
        const transitions = taskNumbers(name, "transitions", given.transitions, pairs * states, [0, 1]);
        for (let pair = 0; pair < pairs; pair++) {
          let total = 0;
          for (let next = 0; next < states; next++) total += transitions[pair * states + next]!;
          if (Math.abs(total - 1) < 1e-6) continue;
          const problem = `the probabilities of row ${pair} of transitions add up to ${shownValue(total)}`;
          const remedy = `Give ${pairs} rows of ${states} numbers, each adding up to 1`;
          throw new EnvironmentError("ILE102", { environment: name }, problem, remedy);
        }
        const rewards = taskNumbers(name, "rewards", given.rewards, pairs, [-largestReward, largestReward]);
        return { transitions, rewards };
      },
    },
  );
  return { ...family, states, actions, trial: { episodes } };
}

/** Numbers of the flat Dirichlet distribution: exponential ones, divided by their sum. */
export function flatDirichlet(size: number, uniform: () => number): number[] {
  const parts = Array.from({ length: size }, () => -Math.log(1 - uniform()));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => (total > 0 ? part / total : 1 / size));
}

function cumulativeRows(probabilities: readonly number[], width: number): Float64Array {
  const sums = Float64Array.from(probabilities);
  for (let i = 0; i < sums.length; i++) if (i % width > 0) sums[i]! += sums[i - 1]!;
  return sums;
}
