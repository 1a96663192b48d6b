/** Episodes that nobody played, to be drawn. */
import type { EnvironmentTask, EpisodesAfter, PlayedEpisode } from "@innerloop/core/reinforcement";

/** An episode of these observations, one more than there are actions, and rewards that are all the same. */
export function madeUpEpisode(
  observations: readonly (readonly number[])[],
  { actions, reward = -1 }: { readonly actions?: readonly number[]; readonly reward?: number } = {},
): PlayedEpisode {
  const length = observations.length - 1;
  return {
    length,
    observations: Float32Array.from(observations.flat()),
    actions: actions ? Int32Array.from(actions) : new Float32Array(length),
    rewards: new Float32Array(length).fill(reward),
    return: length * reward,
    terminated: false,
  };
}

/** Episodes after 0, 1, ... steps. */
export const madeUpStages = <T extends EnvironmentTask>(
  task: T,
  stages: readonly (readonly PlayedEpisode[])[],
): { readonly task: T; readonly after: readonly EpisodesAfter[] } => ({
  task,
  after: stages.map((episodes, steps) => ({
    steps,
    episodes,
    return: { mean: -10 / (steps + 1), interval: 2 },
    length: episodes[0]!.length,
  })),
});
