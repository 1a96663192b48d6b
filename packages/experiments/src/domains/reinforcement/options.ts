/** Options of policies that act in environments, whichever these are. */
import { type OptionGroup, type OptionValues, optionGroup } from "@innerloop/core/learners";
import { outerMethods } from "./outer-methods.js";

/** The options of all, beside those of the environments that there are to choose from. */
export const policyOptions = optionGroup({
  horizon: {
    kind: "integer",
    absent: "the environment's own",
    least: 1,
    most: 1_000_000,
    help: "steps of an episode, where it may be another number than the environment's own",
  },
  episodes: {
    kind: "integer",
    default: 20,
    least: 1,
    most: 10_000,
    help: "episodes of a task that each adaptation step sees, and as many after the last",
    inEvaluation: true,
  },
  told: {
    kind: "flag",
    default: false,
    help: "tell the policy its task beside what it observes: with --learner joint the oracle of tables",
  },
  discount: { kind: "number", default: 0.99, least: 0, most: 1, help: "of rewards a step later, gamma" },
  lambda: {
    kind: "number",
    default: 1,
    least: 0,
    most: 1,
    help: "of generalised advantage estimation: 1 takes the returns that followed, less the baseline",
  },
  baseline: {
    kind: "choice",
    choices: ["linear", "none"],
    default: "linear",
    help: "of the returns that advantages are above: a ridge regression on observation and time, for each task and step; or none",
  },
  pastDecay: {
    kind: "number",
    default: 0,
    least: 0,
    most: 1,
    help: "of the surrogate of the inner steps, from 0 (LVC: second derivatives of low variance) to 1 (DiCE: unbiased ones)",
  },
  logLikelihood: {
    kind: "flag",
    default: false,
    help: "log pi A in the inner steps, as MAML's code has it, whose second derivatives are not those of the return",
  },
  exploration: {
    kind: "number",
    default: 0,
    least: 0,
    most: 1e6,
    help: "E-MAML's term: how much episodes before adaptation are credited with what comes after it; not of --outer proximal",
  },
  laterShare: {
    kind: "number",
    default: 0.5,
    least: 0,
    above: true,
    most: 1,
    help: "part of the inner rate that steps beyond those of training take, in evaluation: MAML's half",
    inEvaluation: true,
  },
  outer: {
    kind: "variant",
    variants: Object.fromEntries(
      Object.entries(outerMethods).map(([name, { options }]) => [name, options]),
    ) as unknown as { readonly [K in keyof typeof outerMethods]: (typeof outerMethods)[K]["options"] },
    default: "trust-region",
    help: `the outer update: ${Object.entries(outerMethods)
      .map(([name, { summary }]) => `${name} (${summary})`)
      .join(", ")}`,
  },
} as const satisfies OptionGroup);

/** Values of `policyOptions`. */
export type PolicyValues = OptionValues<typeof policyOptions>;
