/** Episodes of one environment, in which a trained policy acts before it has adapted and after each step of adaptation. */
import type { Evaluation, Task } from "@innerloop/core";
import type { AnyLearner } from "@innerloop/core/learners";
import type { AdaptedEpisodes, EnvironmentFamily, EnvironmentTask } from "@innerloop/core/reinforcement";
import type { Executor, Tree } from "@innerloop/graph";
import type { Flags } from "../config/index.js";
import { episodePictures } from "../figures/episode-pictures.js";
import { type Picture, svgFile } from "../figures/svg-picture.js";
import type { DataIo } from "../io.js";
import type { RunEvent } from "../runs/run-store.js";
import type { Own } from "./domain.js";

/** A request for the episodes of a task. */
export interface PracticeRequest {
  /** Adaptation steps: so many, each shown with what is before it, or those of a list; those that the run was evaluated with unless given. */
  readonly steps?: number | readonly number[] | undefined;
  /** Episodes before each step, and after the last, or trials of a policy with a memory; as many as in training unless given. */
  readonly episodes?: number | undefined;
  /** Where the chance of the episodes comes from; 0 unless given. */
  readonly seed?: number | undefined;
  /** Other options of the run that episodes depend on, as flags: { laterShare: 1 }. */
  readonly flags?: Flags | undefined;
}

/** The counterpart of `adapt` where there are no examples: the episodes of one task, before adaptation and after each step. */
export interface Practice extends AdaptedEpisodes {
  /** Whose task it is, and how its episodes are drawn. */
  readonly family: Pick<EnvironmentFamily, "name" | "description" | "observation" | "action" | "pictures">;
  /** Pictures of the episodes, one for each way in which the family draws them. */
  readonly pictures: readonly Picture[];
  /** They as one file. */
  svg(): string;
}

/** @internal The episodes of a family with their pictures. */
export function practised<T extends EnvironmentTask>(
  family: EnvironmentFamily<T>,
  episodes: AdaptedEpisodes<T>,
): Practice {
  const { name, description, observation, action, pictures: ways } = family as EnvironmentFamily;
  const pictures = episodePictures(family, episodes);
  return {
    ...episodes,
    family: { name, description, observation, action, ...(ways ? { pictures: ways } : {}) },
    pictures,
    svg: () => svgFile(`Episodes of ${name}: ${taskText(episodes.task)}`, pictures),
  };
}

/**
 * A task as JSON for a title: numbers of three digits behind the point; of a long one the names of its parts.
 */
export function taskText(task: EnvironmentTask): string {
  const text = JSON.stringify(task, (_, value: unknown) =>
    typeof value === "number" ? Math.round(1000 * value) / 1000 : value,
  );
  if (text.length <= 80) return text;
  const parts = Object.keys(task).join(", ");
  return `{ ${parts.length <= 70 ? parts : `${parts.slice(0, 67)}...`} }`;
}

/** A trained policy as episodes are played by it. */
export interface PolicySetting<V, Spec> extends Own<V, Spec> {
  /** The learner, as the domain has made it for episodes of that number. */
  readonly learner: AnyLearner;
  readonly params: Tree;
  readonly executor: Executor;
  readonly io: DataIo;
  /** How messages call the run. */
  readonly name: string;
}

/** The task whose episodes are asked for, and which of them. */
export interface EpisodesSetting<V, Spec> extends PolicySetting<V, Spec> {
  /** The task, which may come from outside; that of `seed` and `index` unless given. */
  readonly task?: unknown;
  /** Episodes, or trials of a policy with a memory; as many as the options say unless given. */
  readonly episodes?: number;
  /** Nothing for policies with a memory, whose trials are shown episode by episode. */
  readonly steps?: readonly number[];
  readonly seed: number;
  readonly index: number;
}

/** A finished run, whose report is written. */
export interface ReportSetting<V, Spec> extends Own<V, Spec> {
  readonly io: DataIo;
  /** Of its held-out tasks. */
  readonly seed: number;
  readonly events: readonly RunEvent[];
  readonly evaluations: readonly Evaluation[];
  /** Episodes of a held-out task, from 0 on: those that it has in evaluations. */
  episodesOf(index: number): Promise<Practice>;
  /** What the learner says of the queries of a task after its usual steps. */
  predicted(task: Task<Tree, Tree>): Promise<Tree>;
}

/** The way in which a domain's policies are seen to act. */
export interface DomainPractice<V, Spec> {
  /** Options of a run that may be others for the episodes of a task, `episodes` among them. */
  readonly flags: readonly string[];
  /** @throws EnvironmentError ILE102 for a task that is none of the environment's */
  play(setting: EpisodesSetting<V, Spec>): Promise<Practice>;
  /** A task, to be shown to those who give none. */
  example(own: Own<V, Spec>, io: DataIo): Promise<EnvironmentTask>;
}
