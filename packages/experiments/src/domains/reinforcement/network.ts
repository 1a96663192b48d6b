/** The network of policies, in the forms that learners take. */
import { type NetworkEntry, type NetworkSetting, network, optionGroup } from "@innerloop/core/learners";
import { contextualPolicy, policyNetwork } from "@innerloop/core/reinforcement";
import { UsageError } from "../../options/usage-error.js";

/** @throws UsageError for a form that policies do not have */
const hasNone = (what: string, remedy: string) => (): never => {
  throw new UsageError(`policies have no ${what}`, remedy);
};

const spacesOf = ({ policy }: NetworkSetting): NonNullable<NetworkSetting["policy"]> => {
  if (policy) return policy;
  throw new UsageError("--model policy of what is no environment", "Use it for environments, as navigation-2d");
};

/** Networks of policies by name. */
export const policyNetworks = {
  policy: network({
    summary: "policy",
    options: optionGroup({
      hidden: { kind: "integers", default: [64, 64], least: 1, most: 65536, help: "units of the hidden layers" },
      activation: {
        kind: "choice",
        choices: ["tanh", "relu"],
        default: "tanh",
        help: "of the hidden layers of a policy",
      },
      deviation: {
        kind: "number",
        default: 1,
        least: 0,
        above: true,
        most: 1000,
        help: "standard deviation of actions that a policy begins with, where they are numbers",
      },
    }),
    networks: (setting, options) => {
      const model = () => policyNetwork({ ...spacesOf(setting), ...options });
      return {
        model,
        perStepModel: model,
        embedding: hasNone("embedding of one observation alone", "Choose a learner that takes policies"),
        maps: hasNone("maps of images", "Choose a learner that takes policies"),
        contextual: (contextSize) => contextualPolicy({ ...spacesOf(setting), ...options, contextSize }),
      };
    },
    describe: ({ inputShape, outputs }, { hidden, activation }) =>
      `policy ${[...inputShape, ...hidden, outputs].join("-")}, ${activation}`,
  }),
} as const satisfies Readonly<Record<string, NetworkEntry>>;
