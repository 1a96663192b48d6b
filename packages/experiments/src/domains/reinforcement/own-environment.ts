/** A user's own environment as a kind of task. */
import { optionGroup } from "@innerloop/core/learners";
import type { EnvironmentFamily, EnvironmentTask } from "@innerloop/core/reinforcement";
import type { Domain } from "../domain.js";
import { policyDomain } from "./domain.js";
import { ofGradientSteps } from "./presets.js";

/**
 * The domain of a family of one's own, called as the family is, with a preset of that name: `train my-env.ts` makes it of what
 * the file exports.
 *
 * @example registerDomain(environmentDomain(environmentFamily({ name: "corridor", ... })))
 */
export function environmentDomain<T extends EnvironmentTask>(family: EnvironmentFamily<T>): Domain {
  const { name } = family;
  return policyDomain({
    name,
    title: `environments ${name}`,
    environments: {
      [name]: {
        summary: "of one's own",
        isShared: true,
        options: optionGroup({}),
        ...(family.trial ? { trials: true } : {}),
        family: () => family as unknown as EnvironmentFamily,
      },
    },
    presets: {
      [name]: {
        summary: "an environment of one's own",
        protocol: "as the family's description says",
        config: ofGradientSteps(name),
      },
    },
  }) as unknown as Domain;
}
