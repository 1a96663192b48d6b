/** A trained model that is a policy, acting in one environment: what it does before adaptation, and after each step. */
import type { AnyLearner } from "@innerloop/core/learners";
import { buildRunLearner } from "./build.js";
import { type NamedValues, withFlags } from "./config/index.js";
import type { DataSpec, Domain, Own } from "./domains/domain.js";
import { type DomainPractice, type Practice, type PracticeRequest, taskText } from "./domains/practice.js";
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
export const practiceSettings = ["steps", "episodes", "seed"] as const satisfies readonly (keyof PracticeRequest)[];

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

/** The error of a policy that is given no task, with one to begin with. */
export async function noTask(parts: PolicyParts): Promise<UsageError> {
  const example = await practiceOf(parts).practice.example(parts.own, parts.io);
  return new UsageError(
    `${parts.name} is given no task`,
    `Give one of its environment's, such as ${taskText(example)}`,
  );
}

/**
 * The episodes of a task: a given one, or that of the environment at an address.
 *
 * @throws UsageError for a model that is no policy, or takes no steps; EnvironmentError ILE102 for what is no task
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
  const { task, episodes, seed = 0, index = 0 } = request;
  if (trainedSteps === undefined)
    throw new UsageError(`${name} is a policy that takes no steps`, "Ask it of one that adapts by steps");
  const asked = request.steps ?? Math.max(evaluatedSteps, trainedSteps);
  const steps = typeof asked === "number" ? upTo(asked) : asked.map((n) => requireWhole("steps", n, 0));
  const sized =
    episodes === undefined ? config : withFlags(config, practice.flagsFor(requireWhole("episodes", episodes, 1)));
  return practice.play({
    options: sized.domain,
    spec: spec!,
    learner: buildRunLearner(sized, spec, config) as unknown as AnyLearner,
    ...{ params, executor, io, name, steps, index },
    seed: requireWhole("seed", seed, 0),
    ...(task === undefined ? {} : { task }),
  });
}

/** 0, 1, ..., last */
const upTo = (last: number): readonly number[] =>
  Array.from({ length: requireWhole("steps", last, 0) + 1 }, (_, n) => n);
