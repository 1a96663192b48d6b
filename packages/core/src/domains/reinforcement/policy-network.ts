/** Networks of policies: from observations to what a distribution of actions depends on. */
import { broadcastTo, concat, reshape, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import { within } from "../../layers/layer.js";
import type { ActivationName } from "../../layers/layers.js";
import { mlp } from "../../networks/models.js";
import { split } from "../../random/random.js";
import { actionDistribution } from "./distributions.js";
import { observationSize, type Space } from "./environment.js";

/** Options of `policyNetwork`. */
export interface PolicyNetworkOptions {
  readonly observation: Space;
  readonly action: Space;
  /** Units of the hidden layers of the mean's network, or of that of the logits: [64, 64] by default. */
  readonly hidden?: readonly number[];
  /** tanh by default. */
  readonly activation?: ActivationName;
  /** The first standard deviation of each number of an action of a box, which does not depend on the observation: 1 by default. */
  readonly deviation?: number;
}

/** Parameters of a policy: of its network, and of a Gaussian the logarithms of its deviations, [d]. */
export type PolicyParameters = { readonly network: Tree; readonly logStd?: Tensor };

/**
 * A policy as a layer: observations [..., n] to rows [..., outputs] of `actionDistribution(action)`, the mean of a Gaussian
 * with logarithms of its deviations beside it, or logits. Deviations are free parameters, as in the code of MAML (Finn et al.
 * 2017) and of those that followed it.
 *
 * @example maml({ model: policyNetwork(navigation2d()), loss: policySurrogate(navigation2d().action), ... })
 */
export function policyNetwork(options: PolicyNetworkOptions): Layer<PolicyParameters> {
  const { observation, action, hidden = [64, 64], activation = "tanh", deviation = 1 } = options;
  const { outputs, hasDeviations } = actionDistribution(action);
  const [n, means] = [observationSize(observation), hasDeviations ? outputs / 2 : outputs];
  const network = mlp({ sizes: [n, ...hidden, means], activation });
  return {
    outputShape: [outputs],
    ...(network.head === undefined ? {} : { head: `network/${network.head}` }),
    init: (key) => ({
      network: network.init(split(key, "network")),
      ...(hasDeviations ? { logStd: tensor(new Float32Array(means).fill(Math.log(deviation)), [means]) } : {}),
    }),
    apply: (params, x, context) => {
      const places = x.shape.slice(0, -1);
      const rows = reshape(x, [x.size / n, n]);
      const found = reshape(network.apply(params.network, rows, within(context, "network")), [...places, means]);
      return params.logStd ? concat([found, broadcastTo(params.logStd, found.shape)], -1) : found;
    },
  };
}
