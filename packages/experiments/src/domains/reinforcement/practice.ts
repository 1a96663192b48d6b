/** What policies of environments are seen to do: episodes of one task, and the pictures of a run's report. */
import { adaptedEpisodes, type EnvironmentFamily, type EnvironmentTask } from "@innerloop/core/reinforcement";
import { type PlottedLine, stepsPicture, trainingPicture } from "../../figures/return-pictures.js";
import type { Picture } from "../../figures/svg-picture.js";
import type { DataIo } from "../../io.js";
import { isRecord, quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { RunEvent } from "../../runs/run-store.js";
import type { DomainPractice, ReportSetting } from "../practice.js";
import { practised, taskText } from "../practice.js";
import type { PolicyValues } from "./options.js";
import { type EnvironmentSpec, environmentSpec } from "./spec.js";

/** Does something with the family of a run's options, which is there until it is done. */
type WithFamily<V> = <R>(
  setting: {
    readonly options: V;
    readonly io: DataIo;
    /** Of a policy with a memory, for which a trial may be another number of episodes. */
    readonly isMemory?: boolean;
  },
  work: (family: EnvironmentFamily) => R | Promise<R>,
) => Promise<R>;

/** The episodes of policies of these environments. */
export const policyPractice = <V extends object>(
  withFamily: WithFamily<V>,
  valuesOf: (options: V) => PolicyValues,
): DomainPractice<V, EnvironmentSpec> => ({
  flags: ["episodes", "laterShare", "physicsWorkers"],
  play: async ({ options, spec, learner, params, executor, io, name, steps, seed, index, ...given }) => {
    const { episodes, discount, lambda, baseline } = valuesOf(options);
    return withFamily({ options, io, isMemory: learner.memory !== undefined }, async (family) => {
      requireSame(family, spec, name);
      if ("task" in given && !family.parseTask && !isRecord(given.task))
        throw new UsageError(
          `a task of ${family.name} is ${quoted(JSON.stringify(given.task))}`,
          "Give a record: { ... }",
        );
      const played = await adaptedEpisodes({
        family,
        ...("task" in given ? { task: given.task as EnvironmentTask } : {}),
        ...{ learner, params, seed, index, executor, episodes: given.episodes ?? episodes },
        ...(steps ? { steps } : {}),
        advantages: { discount, lambda, baseline },
      });
      return practised(family, played);
    });
  },
  example: async ({ options }, io) => withFamily({ options, io }, (family) => rounded(family, family.task(0, 0))),
});

/** @throws UsageError where the environment is another than that of training */
function requireSame(family: EnvironmentFamily, spec: EnvironmentSpec, name: string): void {
  const found = environmentSpec(family);
  if (found.sha256 === spec.sha256) return;
  throw new UsageError(
    `the environment of ${name} is another than that of its training (sha256 of its description ${found.sha256.slice(0, 16)}, then ${spec.sha256.slice(0, 16)})`,
    "Use the versions that config.json names, or train anew",
  );
}

/** A task with numbers that are easily typed, where that is one too. */
function rounded(family: EnvironmentFamily, task: EnvironmentTask): EnvironmentTask {
  const short = (value: unknown): unknown =>
    typeof value === "number" ? Math.round(100 * value) / 100 : Array.isArray(value) ? value.map(short) : value;
  try {
    const all = Object.fromEntries(Object.entries(task).map(([name, value]) => [name, short(value)]));
    return family.parseTask ? family.parseTask(all) : task;
  } catch {
    // Rounded it is none: directions have to be of length 1, probabilities to add up to 1.
    return task;
  }
}

/** Tasks of a report, each with pictures of its episodes. */
const tasksShown = 2;
/** Addresses that are looked at for tasks that differ: some environments have but two. */
const mostLooked = 20;

/** The pictures of a report: returns by steps and over training, and episodes of held-out tasks that differ. */
export const policyReport =
  <V extends object>(withFamily: WithFamily<V>) =>
  async (setting: ReportSetting<V, EnvironmentSpec>): Promise<readonly Picture[]> => {
    const { options, io, seed, events, evaluations, episodesOf } = setting;
    const shown = await withFamily({ options, io }, (family) => {
      const texts = Array.from({ length: mostLooked }, (_, index) => JSON.stringify(family.task(seed, index)));
      return texts.flatMap((text, index) => (texts.indexOf(text) === index ? [index] : [])).slice(0, tasksShown);
    });
    const ofEpisodes: Picture[] = [];
    for (const index of shown) {
      const { task, pictures } = await episodesOf(index);
      const of = `held-out task ${index}, ${taskText(task)}`;
      ofEpisodes.push(...pictures.map((picture) => ({ ...picture, title: `${picture.title}: ${of}` })));
    }
    const bySteps = evaluations.length > 0 ? stepsPicture(evaluations) : undefined;
    return [...(bySteps ? [bySteps] : []), ...trainingPictures(events), ...ofEpisodes];
  };

/** The return over the environment steps of training, before adaptation and after it; none where events do not tell. */
export function trainingPictures(events: readonly RunEvent[]): readonly Picture[] {
  const [before, after, validated] = [[], [], []] as { at: number; mean: number; interval?: number }[][];
  let environmentSteps = 0;
  for (const event of events) {
    const figures = Object(event.metrics) as Readonly<Record<string, unknown>>;
    if (event.type === "iteration" && isFigure(figures.environmentSteps)) {
      environmentSteps += figures.environmentSteps;
      if (isFigure(figures.before)) before!.push({ at: environmentSteps, mean: figures.before });
      if (isFigure(figures.return)) after!.push({ at: environmentSteps, mean: figures.return });
    }
    const judged = event.type === "validation" ? returnOf(event) : undefined;
    if (judged) validated!.push({ at: environmentSteps, ...judged });
  }
  // Policies with a memory have one return of a trial, and none before it.
  const adapts = before!.length > 0;
  const lines: readonly PlottedLine[] = [
    { name: adapts ? "after adaptation" : "training", points: after! },
    { name: "before", points: before! },
    { name: adapts ? "validation, after" : "validation", points: validated! },
  ].filter(({ points }) => points.length > 0);
  if (after!.length < 2) return [];
  return [
    trainingPicture({
      title: "return over training",
      text: `Mean return of ${adapts ? "an episode, of the tasks of each update before and after adaptation" : "a trial, of the tasks of each update"}, and of validation tasks with the 95% interval.`,
      acrossTitle: "environment steps",
      upTitle: "return",
      lines,
    }),
  ];
}

/** The return after all steps in the event of a validation, a line of which may hold anything. */
function returnOf(event: RunEvent): { readonly mean: number; readonly interval?: number } | undefined {
  const { rows } = Object(event.evaluation) as { readonly rows?: unknown };
  const { figures } = Object(Array.isArray(rows) ? rows.at(-1) : undefined) as { readonly figures?: unknown };
  const { mean, interval } = Object(Object(figures).return) as { readonly mean?: unknown; readonly interval?: unknown };
  return isFigure(mean) ? { mean, ...(isFigure(interval) ? { interval } : {}) } : undefined;
}

/** A number as figures are: in a file there may be 1e999, and others whose sums are no numbers. */
const isFigure = (value: unknown): value is number => typeof value === "number" && Math.abs(value) < 1e100;
