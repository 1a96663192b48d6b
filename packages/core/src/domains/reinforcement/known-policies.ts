/** Policies that nobody trains, played in the same trials as learners: what their figures stand beside. */
import { type Estimated, estimated } from "../../evaluation/estimated.js";
import { type Random, random } from "../../random/random.js";
import {
  EnvironmentError,
  type EnvironmentFamily,
  type EnvironmentTask,
  type Space,
  wholeOption,
} from "./environment.js";

/** A policy at work in some trials, a row each. */
export interface TrialPolicy {
  /** Called before each episode of the trials. */
  beginEpisode?(): void;
  /**
   * Chooses the action of each row.
   *
   * @param observations [rows, n]
   * @param actions [rows], to be written
   */
  act(observations: Float32Array, actions: Int32Array): void;
  /**
   * Takes in what followed.
   *
   * @param observations [rows, n], after the step
   */
  learn?(actions: Int32Array, rewards: Float32Array, observations: Float32Array): void;
}

/**
 * A policy by a known algorithm, for families of discrete actions whose episodes last as long as their horizon.
 *
 * @typeParam T tasks of the families that it is for
 */
export interface KnownPolicy<T extends EnvironmentTask> {
  /** As options have it. */
  readonly name: string;
  /** As tables have it. */
  readonly title: string;
  /** An oracle: it is told the task, which no learner is. */
  readonly oracle?: true;
  /**
   * Begins trials.
   *
   * @param tasks of each row: for oracles alone
   * @param sources of each row: all chance of the policy
   */
  begin(family: EnvironmentFamily<T>, tasks: readonly T[], sources: readonly Random[]): TrialPolicy;
}

/** The trials to play: those at the addresses `first` to `first + trials` of a seed, each of a task of its own. */
export interface TrialOptions {
  readonly seed: number;
  readonly trials: number;
  readonly first?: number;
}

/** Rewards of a policy over trials. */
export interface PlayedTrials extends Estimated {
  /** The sum of rewards of each trial. */
  readonly rewards: Float64Array;
}

/** Trials played at once. */
const chunk = 500;

/** Purposes of the streams of a trial. */
const [ofEpisodes, ofPolicy] = [0, 1];

/**
 * The sum of rewards over trials, mean and 95% interval over them. Trial i of a seed is `family.task(seed, i)` with episodes
 * e at the addresses `trialAddress(seed, i, e)`: the same for all policies, so that differences may be taken trial by trial.
 *
 * @throws EnvironmentError ILE101 where the family's actions are not discrete, or there are no trials
 * @example await playTrials(bernoulliBandits({ arms: 5, pulls: 100 }), thompsonSampling(), { seed: 1, trials: 1000 })
 */
export async function playTrials<T extends EnvironmentTask>(
  family: EnvironmentFamily<T>,
  policy: KnownPolicy<NoInfer<T>>,
  { seed, trials, first = 0 }: TrialOptions,
): Promise<PlayedTrials> {
  wholeOption(family.name, "trials", trials);
  if (family.action.kind !== "discrete") {
    const remedy = "Known policies are for bandits and tabular MDPs";
    throw new EnvironmentError("ILE101", { environment: family.name }, `${policy.name} plays no vectors`, remedy);
  }
  const rewards = new Float64Array(trials);
  for (let from = 0; from < trials; from += chunk) {
    const rows = Math.min(chunk, trials - from);
    const indices = Array.from({ length: rows }, (_, row) => first + from + row);
    const tasks = indices.map((index) => family.task(seed, index));
    const sources = indices.map((index) => random(seed, index, ofPolicy));
    const environment = family.vectorized(tasks, 1);
    const playing = policy.begin(family, tasks, sources);
    const actions = new Int32Array(rows);
    for (let episode = 0; episode < (family.trial?.episodes ?? 1); episode++) {
      await environment.reset(indices.map((index) => trialAddress(seed, index, episode)));
      playing.beginEpisode?.();
      for (let t = 0; t < family.horizon; t++) {
        playing.act(environment.observations, actions);
        await environment.step(actions);
        for (let row = 0; row < rows; row++) rewards[from + row]! += environment.rewards[row]!;
        playing.learn?.(actions, environment.rewards, environment.observations);
      }
    }
    await environment.close();
  }
  return { rewards, ...estimated(rewards) };
}

/** The address of an episode of a trial. */
export const trialAddress = (seed: number, index: number, episode: number): readonly [number, ...number[]] => [
  seed,
  index,
  ofEpisodes,
  episode,
];

/** @internal The number of actions of a discrete space. */
export function indicesOf(action: Space): number {
  if (action.kind === "discrete") return action.n;
  const problem = "its actions are vectors";
  throw new EnvironmentError("ILE101", { environment: "known policy" }, problem, "Give a discrete space");
}

/** Actions that are each equally likely: chance, which learning has to beat. */
export function randomPolicy<T extends EnvironmentTask>(): KnownPolicy<T> {
  return {
    name: "random",
    title: "random",
    begin: ({ action }, _tasks, sources) => ({
      act(_observations, actions) {
        const n = indicesOf(action);
        for (const [row, source] of sources.entries()) actions[row] = source.integer(n);
      },
    }),
  };
}
