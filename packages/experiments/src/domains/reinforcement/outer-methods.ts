/** Outer updates of policies: what each is, its options, and how it is made. */

import { linearSchedule, type Optimizer } from "@innerloop/core";
import { type OptionGroup, type OptionValues, optionGroup } from "@innerloop/core/learners";
import { exploring, proximal, type Space, trustRegion } from "@innerloop/core/reinforcement";
import type { OuterMethod } from "@innerloop/core/training";
import type { TrainingValues } from "../../options/training-options.js";
import { outerRateOf } from "../../outer-rate.js";

/** An outer update of policies. */
export interface OuterMethodEntry<O extends OptionGroup = OptionGroup> {
  /** A few words. */
  readonly summary: string;
  readonly options: O;
  /** @param setting.optimizer that of the training's options, for the gradient of the surrogate */
  method(
    action: Space,
    options: OptionValues<O>,
    setting: { readonly training: TrainingValues; readonly optimizer: Optimizer },
  ): Optimizer | OuterMethod;
}

/** E-MAML's term. */
const explorationOption = {
  kind: "number",
  default: 0,
  least: 0,
  most: 1e6,
  help: "E-MAML's term: how much episodes before adaptation are credited with what comes after it",
} as const;

const entry = <const O extends OptionGroup>(record: OuterMethodEntry<O>): OuterMethodEntry<O> => record;

const explored = <Outer extends Optimizer | OuterMethod>(
  outer: Outer,
  action: Space,
  exploration: number,
): Outer | OuterMethod => (exploration > 0 ? exploring(outer, { action, exploration }) : outer);

/** Outer updates by name. */
export const outerMethods = {
  "trust-region": entry({
    summary: "TRPO: the best step within a bound on the KL, through adaptation",
    options: optionGroup({
      kl: {
        kind: "number",
        default: 0.01,
        least: 0,
        above: true,
        most: 10,
        help: "the bound on the mean KL of adapted policies",
      },
      products: {
        kind: "integer",
        default: 10,
        least: 1,
        most: 1000,
        help: "products of conjugate gradients",
      },
      fisherShare: {
        kind: "number",
        default: 0.25,
        least: 0,
        above: true,
        most: 1,
        help: "part of the episodes that these products are of; the line search judges by all of them",
      },
      fisherTasks: {
        kind: "number",
        default: 1,
        least: 0,
        above: true,
        most: 1,
        help: "part of the tasks that they are of",
      },
      exploration: explorationOption,
    }),
    method: (action, { exploration, ...options }) => explored(trustRegion(action, options), action, exploration),
  }),
  proximal: entry({
    summary: "ProMP, and PPO of learners with a memory: some steps of Adam on each batch, by clipped ratios",
    options: optionGroup({
      clipRatio: {
        kind: "number",
        default: 0.3,
        least: 0,
        above: true,
        most: 10,
        help: "ratios of probabilities count up to so far from 1",
      },
      passes: {
        kind: "integer",
        default: 5,
        least: 1,
        most: 1000,
        help: "passes over the episodes of an update, each a step of Adam at --outer-rate",
      },
      parts: {
        kind: "integer",
        default: 1,
        least: 1,
        most: 10_000,
        help: "parts of the tasks of an update, each of which is a step of its own",
      },
      innerKl: {
        kind: "number",
        default: 5e-4,
        least: 0,
        most: 1e6,
        help: "the first coefficient of the KL of the policies before inner steps, which then follows that KL",
      },
      exploration: explorationOption,
      entropy: {
        kind: "number",
        default: 0,
        least: 0,
        most: 100,
        help: "of the policies, the coefficient of what is added to their objective",
      },
      entropyUpdates: {
        kind: "integer",
        absent: "all of them alike",
        least: 1,
        most: 1_000_000_000,
        help: "updates over which that coefficient falls to 0, along a line",
      },
    }),
    method: (action, { clipRatio, passes, parts, innerKl, exploration, entropy, entropyUpdates }, { training }) => {
      const outer = proximal(action, {
        clip: clipRatio,
        epochs: passes,
        parts,
        kl: innerKl,
        learningRate: outerRateOf(training, passes * parts),
        entropy: entropyUpdates === undefined ? entropy : linearSchedule(entropy, 0, entropyUpdates),
      });
      return explored(outer, action, exploration);
    },
  }),
  "policy-gradient": entry({
    summary: "one step of --outer-optimizer along the policy gradient through adaptation",
    options: optionGroup({ exploration: explorationOption }),
    method: (action, { exploration }, { optimizer }) => explored(optimizer, action, exploration),
  }),
} as const satisfies Readonly<Record<string, OuterMethodEntry>>;

/** The names of outer updates. */
export type OuterMethodName = keyof typeof outerMethods;
