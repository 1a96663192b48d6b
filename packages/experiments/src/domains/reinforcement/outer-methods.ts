/** Outer updates of policies: what each is, its options, and how it is made. */
import { type OptionGroup, type OptionValues, optionGroup } from "@innerloop/core/learners";
import { type Space, trustRegion } from "@innerloop/core/reinforcement";
import type { OuterMethod } from "@innerloop/core/training";

/** An outer update of policies. */
export interface OuterMethodEntry<O extends OptionGroup = OptionGroup> {
  /** A few words. */
  readonly summary: string;
  readonly options: O;
  /** The method; undefined for the optimizer of the training's options, on the gradient of the surrogate. */
  method(action: Space, options: OptionValues<O>): OuterMethod | undefined;
}

const entry = <const O extends OptionGroup>(record: OuterMethodEntry<O>): OuterMethodEntry<O> => record;

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
        of: "--outer trust-region",
      },
      products: {
        kind: "integer",
        default: 10,
        least: 1,
        most: 1000,
        help: "products of conjugate gradients",
        of: "--outer trust-region",
      },
      fisherShare: {
        kind: "number",
        default: 0.25,
        least: 0,
        above: true,
        most: 1,
        help: "part of the episodes that these products are of; the line search judges by all of them",
        of: "--outer trust-region",
      },
    }),
    method: (action, options) => trustRegion(action, options),
  }),
  "policy-gradient": entry({
    summary: "one step of --outer-optimizer along the policy gradient through adaptation",
    options: optionGroup({}),
    method: () => undefined,
  }),
} as const satisfies Readonly<Record<string, OuterMethodEntry>>;

/** The names of outer updates. */
export type OuterMethodName = keyof typeof outerMethods;
