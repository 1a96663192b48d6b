/** Episodes of one task before adaptation and after each step of it, to be looked at. */
import type { Executor, Tensor, Tree } from "@innerloop/graph";
import { type Estimated, estimated } from "../../evaluation/estimated.js";
import type { CollectingLearner, Examples, Task } from "../../tasks/task.js";
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
import { trialCollector } from "./trial-collector.js";

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

/** Episodes by the policy that so many steps have led to, or so many episodes that it remembers. */
export interface EpisodesAfter {
  /** Adaptation steps, each by as many episodes as there are here; 0 of policies with a memory. */
  readonly steps: number;
  /** Of policies with a memory: the episodes of the trial before these, which they remember. */
  readonly remembered?: number;
  readonly episodes: readonly PlayedEpisode[];
  /** The mean return with its 95% interval over episodes: of this one task. */
  readonly return: Estimated;
  /** The mean of the steps that were made. */
  readonly length: number;
}

/** The episodes of one task. */
export interface AdaptedEpisodes<T extends EnvironmentTask = EnvironmentTask> {
  readonly task: T;
  /** By number of steps, as they were asked for; of policies with a memory by the place of an episode in its trial. */
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
  /** Numbers of adaptation steps, [0, 1, 2, 3] unless given; none for policies with a memory. */
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
 * as for `policyCollector`. A policy with a memory plays as many trials of the task, as `trialCollector` collects them, and what
 * it has done by then is shown episode by episode of these.
 *
 * @throws EnvironmentError ILE101 for options out of range, ILE102 for a task that is none of the family; TrainingError ILR101
 *   for numbers of steps that are none, and for any of a policy with a memory
 * @example
 * const { after } = await adaptedEpisodes({ family, learner, params, task: { goal: [0.3, -0.1] }, executor });
 * for (const { steps, return: { mean } } of after) console.log(steps, mean);
 */
export async function adaptedEpisodes<T extends EnvironmentTask>({
  family,
  learner,
  params,
  seed = 0,
  index = 0,
  executor,
  ...options
}: AdaptedEpisodesOptions<T>): Promise<AdaptedEpisodes<T>> {
  const steps = stepsOf(learner, options.steps);
  const episodes = wholeOption(operation, "episodes", options.episodes ?? 20);
  wholeOption(operation, "seed", seed, 0);
  wholeOption(operation, "index", index, 0);
  const given = options.task === undefined ? family.task(seed, index) : options.task;
  const task = family.parseTask ? family.parseTask(given) : given;
  const lasts: LastSeen[] = [];
  const ofTask = ofOneTask(family, task, lasts) as EnvironmentFamily;
  if (learner.memory) {
    const collector = trialCollector({ family: ofTask });
    const trials = await collector.collectMany!(params, seed, index, episodes, executor, learner);
    const played = playedTrials(trials, lasts, family);
    return { task, after: played.map((own, remembered) => ({ steps: 0, remembered, ...summary(own) })) };
  }
  const stages = Math.max(...steps);
  const collector = policyCollector({
    family: ofTask,
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
    after: steps.map((n) => ({ steps: n, ...summary(played[n]!) })),
  };
}

const operation = "adaptedEpisodes";

/** @throws TrainingError ILR101 */
function stepsOf({ name, memory }: CollectingLearner, asked: readonly number[] | undefined): readonly number[] {
  if (memory && asked !== undefined) {
    const problem = `steps are [${asked.join(", ")}] for ${name}, which remembers and takes none`;
    throw new TrainingError("ILR101", operation, problem, "Leave them out");
  }
  const steps = asked ?? [0, 1, 2, 3];
  if (steps.length > 0 && steps.every((n) => Number.isSafeInteger(n) && n >= 0)) return steps;
  const problem = `steps are [${steps.join(", ")}]`;
  throw new TrainingError("ILR101", operation, problem, "Give whole numbers of at least 0, one at least");
}

const summary = (episodes: readonly PlayedEpisode[]): Pick<EpisodesAfter, "episodes" | "return" | "length"> => ({
  episodes,
  return: estimated(episodes.map((episode) => episode.return)),
  length: episodes.reduce((sum, { length }) => sum + length, 0) / episodes.length,
});

/** What is seen of all rows when their episodes have ended. */
interface LastSeen {
  readonly observations: Float32Array;
  readonly terminated: Uint8Array;
  /** Steps that each row has made. */
  readonly lengths: Uint32Array;
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
  private readonly lengths: Uint32Array;
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
    this.lengths = new Uint32Array(rows);
  }

  async reset(addresses: readonly RandomAddress[]): Promise<void> {
    this.leave();
    await this.environment.reset(addresses);
    this.lengths.fill(0);
    this.isBegun = true;
  }

  async step(actions: Float32Array | Int32Array): Promise<void> {
    for (let row = 0; row < this.rows; row++) {
      if (this.terminated[row] === 0 && this.truncated[row] === 0) this.lengths[row]! += 1;
    }
    await this.environment.step(actions);
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
    const { observations, terminated, lengths } = this;
    if (this.isBegun)
      this.lasts.push({
        observations: observations.slice(),
        terminated: terminated.slice(),
        lengths: lengths.slice(),
      });
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
  return Array.from({ length: x.shape[0]! / stages }, (_, j) =>
    episodeAt({ x, y }, { from: (j * stages + stage) * horizon, row: j }, last, size),
  );
}

/** By the place of an episode in its trial: that of each trial. Episodes of a trial lie one after another. */
function playedTrials(
  trials: readonly Task<Tensor, PolicyTargets>[],
  lasts: readonly LastSeen[],
  { observation }: Pick<EnvironmentFamily, "observation">,
): readonly (readonly PlayedEpisode[])[] {
  const from = new Uint32Array(trials.length);
  return lasts.map((last) =>
    trials.map(({ query }, row) => {
      const episode = episodeAt(query, { from: from[row]!, row }, last, observationSize(observation));
      from[row]! += episode.length;
      return episode;
    }),
  );
}

/**
 * An episode whose first step is at a place of a set.
 *
 * @param size numbers of an observation, which inputs begin with
 */
function episodeAt(
  { x, y }: Examples<Tensor, PolicyTargets>,
  { from, row }: { readonly from: number; readonly row: number },
  last: LastSeen,
  size: number,
): PlayedEpisode {
  const [inputs, done, rewards] = [x, y.action, y.reward].map(({ data }) => data) as [
    Float32Array,
    Float32Array | Int32Array,
    Float32Array,
  ];
  const length = last.lengths[row]!;
  const [inputWidth, width] = [inputs.length / rewards.length, done.length / rewards.length];
  const observations = new Float32Array((length + 1) * size);
  for (let t = 0; t < length; t++) {
    const at = (from + t) * inputWidth;
    observations.set(inputs.subarray(at, at + size), t * size);
  }
  observations.set(last.observations.subarray(row * size, (row + 1) * size), length * size);
  const own = rewards.slice(from, from + length);
  return {
    length,
    observations,
    actions: done.slice(from * width, (from + length) * width),
    rewards: own,
    return: own.reduce((sum, reward) => sum + reward, 0),
    terminated: last.terminated[row] === 1,
  };
}
