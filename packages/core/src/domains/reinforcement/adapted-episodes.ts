/** Episodes of one task before adaptation and after each step of it, to be looked at. */
import type { Executor, Tensor, Tree } from "@innerloop/graph";
import { type Estimated, estimated } from "../../evaluation/estimated.js";
import type { CollectingLearner, Examples } from "../../tasks/task.js";
import { TrainingError } from "../../training/training-error.js";
import {
  type EnvironmentFamily,
  type EnvironmentTask,
  observationSize,
  type RandomAddress,
  type VectorEnvironment,
  wholeOption,
} from "./environment.js";
import { type PolicyCollectorOptions, policyCollector } from "./policy-collector.js";
import type { PolicyTargets } from "./policy-surrogate.js";

/** An episode as it was played, without padding. */
export interface PlayedEpisode {
  /** Steps that were made. */
  readonly length: number;
  /** Float32 [length + 1, n], row-major: what was seen before each step, and after the last. */
  readonly observations: Float32Array;
  /** [length, d] of a box, as the policy gave them: the environment clips; [length] indices of a discrete space. */
  readonly actions: Float32Array | Int32Array;
  /** [length] */
  readonly rewards: Float32Array;
  /** The sum of the rewards, undiscounted. */
  readonly return: number;
  /** The task's own rules ended it: it was not cut off. */
  readonly terminated: boolean;
}

/** Episodes by the policy that so many steps have led to. */
export interface EpisodesAfter {
  /** Adaptation steps, each by as many episodes as there are here. */
  readonly steps: number;
  readonly episodes: readonly PlayedEpisode[];
  /** The mean return with its 95% interval over episodes: of this one task. */
  readonly return: Estimated;
  /** The mean of the steps that were made. */
  readonly length: number;
}

/** The episodes of one task. */
export interface AdaptedEpisodes<T extends EnvironmentTask = EnvironmentTask> {
  readonly task: T;
  /** By number of steps, as they were asked for. */
  readonly after: readonly EpisodesAfter[];
}

/** Options of `adaptedEpisodes`. */
export interface AdaptedEpisodesOptions<T extends EnvironmentTask = EnvironmentTask>
  extends Pick<PolicyCollectorOptions, "episodes" | "advantages"> {
  readonly family: EnvironmentFamily<T>;
  readonly learner: CollectingLearner;
  readonly params: Tree;
  /** The task; that of the family at (seed, index) unless given. It is parsed, where the family parses tasks. */
  readonly task?: T;
  /** Numbers of adaptation steps, [0, 1, 2, 3] unless given. */
  readonly steps?: readonly number[];
  /** Where the chance of the episodes comes from, 0 unless given. */
  readonly seed?: number;
  /** Of the task among those of the seed, 0 unless given: its episodes are those that an evaluation of this seed has. */
  readonly index?: number;
  readonly executor: Executor;
}

/**
 * The episodes of one task before adaptation and after each number of steps: those that `policyCollector` gives at the same
 * address, by the same programs, with what was seen after their last step.
 *
 * A step adapts by as many episodes as are played after it. Learners of several steps take `minibatch: { size: episodes }`,
 * as for `policyCollector`.
 *
 * @throws EnvironmentError ILE101 for options out of range, ILE102 for a task that is none of the family; TrainingError ILR101
 *   for numbers of steps that are none
 * @example
 * const { after } = await adaptedEpisodes({ family, learner, params, task: { goal: [0.3, -0.1] }, executor });
 * for (const { steps, return: { mean } } of after) console.log(steps, mean);
 */
export async function adaptedEpisodes<T extends EnvironmentTask>({
  family,
  learner,
  params,
  steps = [0, 1, 2, 3],
  seed = 0,
  index = 0,
  executor,
  ...options
}: AdaptedEpisodesOptions<T>): Promise<AdaptedEpisodes<T>> {
  const operation = "adaptedEpisodes";
  const isStep = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
  if (steps.length === 0 || !steps.every(isStep)) {
    const problem = `steps are [${steps.join(", ")}]`;
    throw new TrainingError("ILR101", operation, problem, "Give whole numbers of at least 0, one at least");
  }
  const episodes = wholeOption(operation, "episodes", options.episodes ?? 20);
  wholeOption(operation, "seed", seed, 0);
  wholeOption(operation, "index", index, 0);
  const given = options.task === undefined ? family.task(seed, index) : options.task;
  const task = family.parseTask ? family.parseTask(given) : given;
  const lasts: LastSeen[] = [];
  const stages = Math.max(...steps);
  const collector = policyCollector({
    family: ofOneTask(family, task, lasts) as EnvironmentFamily,
    episodes,
    steps: stages,
    ...(options.advantages ? { advantages: options.advantages } : {}),
  });
  const { support, query } = await collector.collect(params, seed, index, executor, learner);
  const played = Array.from({ length: stages + 1 }, (_, stage) =>
    stage === stages
      ? playedEpisodes(query, { stage: 0, stages: 1 }, lasts[stage]!, family)
      : playedEpisodes(support, { stage, stages }, lasts[stage]!, family),
  );
  return {
    task,
    after: steps.map((n) => {
      const own = played[n]!;
      return {
        steps: n,
        episodes: own,
        return: estimated(own.map((episode) => episode.return)),
        length: own.reduce((sum, { length }) => sum + length, 0) / own.length,
      };
    }),
  };
}

/** What is seen of all rows when their episodes have ended. */
interface LastSeen {
  readonly observations: Float32Array;
  readonly terminated: Uint8Array;
}

/** The family of one task, whose environments tell what is seen last. */
function ofOneTask<T extends EnvironmentTask>(
  family: EnvironmentFamily<T>,
  task: T,
  lasts: LastSeen[],
): EnvironmentFamily<T> {
  const { name, description, observation, action, horizon, trial } = family;
  return {
    name,
    description,
    observation,
    action,
    horizon,
    ...(trial ? { trial } : {}),
    task: () => task,
    vectorized: (tasks, episodes) => new Witnessed(family.vectorized(tasks, episodes), lasts),
  };
}

/** An environment that leaves behind what is seen last, before it begins anew or is closed. */
class Witnessed implements VectorEnvironment {
  readonly rows: number;
  readonly observations: Float32Array;
  readonly rewards: Float32Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  private isBegun = false;

  constructor(
    private readonly environment: VectorEnvironment,
    private readonly lasts: LastSeen[],
  ) {
    const { rows, observations, rewards, terminated, truncated } = environment;
    this.rows = rows;
    this.observations = observations;
    this.rewards = rewards;
    this.terminated = terminated;
    this.truncated = truncated;
  }

  async reset(addresses: readonly RandomAddress[]): Promise<void> {
    this.leave();
    await this.environment.reset(addresses);
    this.isBegun = true;
  }

  step(actions: Float32Array | Int32Array): Promise<void> {
    return this.environment.step(actions);
  }

  state(): Float64Array {
    return this.environment.state();
  }

  restore(state: Float64Array): void {
    this.environment.restore(state);
  }

  async close(): Promise<void> {
    this.leave();
    await this.environment.close();
  }

  private leave(): void {
    if (this.isBegun) this.lasts.push({ observations: this.observations.slice(), terminated: this.terminated.slice() });
    this.isBegun = false;
  }
}

/** The episodes of one stage among those of several, which lie beside each other: row j of stage k is row j K + k. */
function playedEpisodes(
  { x, y }: Examples<Tensor, PolicyTargets>,
  { stage, stages }: { readonly stage: number; readonly stages: number },
  last: LastSeen,
  { observation, horizon }: Pick<EnvironmentFamily, "observation" | "horizon">,
): readonly PlayedEpisode[] {
  const size = observationSize(observation);
  const rows = x.shape[0]! / stages;
  const [seen, done, rewards, taken] = [x, y.action, y.reward, y.taken].map(({ data }) => data) as [
    Float32Array,
    Float32Array | Int32Array,
    Float32Array,
    Float32Array,
  ];
  const width = done.length / taken.length;
  return Array.from({ length: rows }, (_, j) => {
    const from = (j * stages + stage) * horizon;
    let length = 0;
    while (length < horizon && taken[from + length] === 1) length++;
    const observations = new Float32Array((length + 1) * size);
    observations.set(seen.subarray(from * size, (from + length) * size));
    observations.set(last.observations.subarray(j * size, (j + 1) * size), length * size);
    const own = rewards.slice(from, from + length);
    return {
      length,
      observations,
      actions: done.slice(from * width, (from + length) * width),
      rewards: own,
      return: own.reduce((sum, reward) => sum + reward, 0),
      terminated: last.terminated[j] === 1,
    };
  });
}
