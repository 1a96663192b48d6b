/** A trained model that is a policy, acting in one environment: what it does before adaptation, and after each step. */
import type { AnyLearner } from "@innerloop/core/learners";
import type { EnvironmentTask } from "@innerloop/core/reinforcement";
import { buildRunLearner } from "./build.js";
import { checkFlags, type Flags, type NamedValues, requireUse, withFlags } from "./config/index.js";
import type { DataSpec, Domain, Own } from "./domains/domain.js";
import type { DomainPractice, Practice, PracticeRequest } from "./domains/practice.js";
import { quoted } from "./options/outside-text.js";
import { UsageError } from "./options/usage-error.js";
import { requireWhole } from "./settings-asked.js";
import type { MadeByConfig, TrainedParts } from "./trained-model.js";

/** A trained model, as far as a policy takes. */
export interface PolicyParts
  extends Pick<TrainedParts, "made" | "params" | "executor" | "io" | "name" | "evaluatedSteps"> {
  readonly domain: Domain;
  readonly own: Own<NamedValues, DataSpec>;
  /** Adaptation steps of training; none of a learner that takes none. */
  readonly trainedSteps: number | undefined;
}

/** What `practise` may be told. */
export const practiceSettings = [
  "steps",
  "episodes",
  "seed",
  "flags",
] as const satisfies readonly (keyof PracticeRequest)[];

/** @throws UsageError for a model that is no policy */
function practiceOf({ domain, made, name }: PolicyParts): {
  readonly practice: DomainPractice<NamedValues, DataSpec>;
  readonly made: MadeByConfig;
} {
  if (domain.practice && "config" in made) return { practice: domain.practice, made };
  throw new UsageError(
    `${name} is of ${domain.title}, in which no policy acts`,
    "Adapt it to examples; policies are trained by `innerloop train navigation-2d`, for instance",
  );
}

/** A task of the policy's environment, to show what tasks look like. @throws UsageError for a model that is no policy */
export const exampleTask = (parts: PolicyParts): Promise<EnvironmentTask> =>
  practiceOf(parts).practice.example(parts.own, parts.io);

/**
 * The episodes of a task: a given one, or that of the environment at an address.
 *
 * @throws UsageError for a model that is no policy, and for steps of one that takes none; EnvironmentError ILE102 for what is no task
 */
export async function episodesOfPolicy(
  parts: PolicyParts,
  request: PracticeRequest & { readonly task?: unknown; readonly index?: number },
): Promise<Practice> {
  const {
    practice,
    made: { config, spec },
  } = practiceOf(parts);
  const { params, executor, io, name, trainedSteps, evaluatedSteps } = parts;
  const { task, episodes, seed = 0, index = 0, flags: more = {} } = request;
  if (trainedSteps === undefined && request.steps !== undefined)
    throw new UsageError(
      `steps of ${name}, whose policy takes none`,
      "Leave them out: its trials are shown episode by episode",
    );
  const asked = request.steps ?? Math.max(evaluatedSteps, trainedSteps ?? 0);
  const steps = typeof asked === "number" ? upTo(asked) : asked.map((n) => requireWhole("steps", n, 0));
  if (episodes !== undefined) requireWhole("episodes", episodes, 1);
  // The number of trials is none that a policy with a memory was trained with.
  const ofRun = trainedSteps === undefined || episodes === undefined ? {} : { episodes };
  const flags: Flags = { ...more, ...ofRun };
  for (const flag of Object.keys(flags)) {
    if (!practice.flags.includes(flag))
      throw new UsageError(
        `${quoted(flag)} is no option of the episodes of ${name}`,
        `There are ${practice.flags.join(", ")}`,
      );
  }
  requireUse(Object.keys(flags), config, name);
  const sized = withFlags(config, checkFlags(flags, "flags"));
  return practice.play({
    options: sized.domain,
    spec: spec!,
    learner: buildRunLearner(sized, spec, config) as unknown as AnyLearner,
    ...{ params, executor, io, name, index },
    ...(trainedSteps === undefined ? {} : { steps }),
    ...(episodes === undefined ? {} : { episodes }),
    seed: requireWhole("seed", seed, 0),
    ...(task === undefined ? {} : { task }),
  });
}

/** 0, 1, ..., last */
const upTo = (last: number): readonly number[] =>
  Array.from({ length: requireWhole("steps", last, 0) + 1 }, (_, n) => n);
