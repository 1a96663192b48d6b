/** Networks of policies: from observations to what a distribution of actions depends on. */
import { broadcastTo, concat, reshape, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import { within } from "../../layers/layer.js";
import type { ActivationName } from "../../layers/layers.js";
import { type ContextLayer, contextualMlp } from "../../learners/gradient/cavia.js";
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
  const { sizes, activation, outputs, initial, rowsOf } = policyParts(options);
  const network = mlp({ sizes, activation });
  return {
    outputShape: [outputs],
    ...(network.head === undefined ? {} : { head: `network/${network.head}` }),
    init: (key) => initial(network.init(split(key, "network"))),
    apply: (params, x, context) =>
      rowsOf(params, x, (rows) => network.apply(params.network, rows, within(context, "network"))),
  };
}

/** Options of `contextualPolicy`. */
export interface ContextualPolicyOptions extends PolicyNetworkOptions {
  /** Numbers of the context vector, which are inputs beside the observation. */
  readonly contextSize: number;
}

/**
 * `policyNetwork` with a context vector beside each observation, which alone adapts (Zintgraf et al. 2019, whose policies for 2D
 * navigation and half-cheetahs have five and fifty numbers there). Deviations do not depend on it.
 *
 * @throws GraphError IL102 for a context size that is no whole number of at least 1
 * @example
 * cavia({ model: contextualPolicy({ ...navigation2d(), contextSize: 5 }), loss: policySurrogate(navigation2d().action), ... })
 */
export function contextualPolicy({ contextSize, ...options }: ContextualPolicyOptions): ContextLayer {
  const { sizes, activation, initial, rowsOf } = policyParts(options);
  const network = contextualMlp({ sizes, activation, contextSize });
  return {
    contextSize,
    init: (key) => initial(network.init(split(key, "network"))),
    apply: (params, context, x, applyContext) => {
      const own = params as PolicyParameters;
      return rowsOf(own, x, (rows) => network.apply(own.network, context, rows, within(applyContext, "network")));
    },
  };
}

/** What policies of all forms have. */
function policyParts({
  observation,
  action,
  hidden = [64, 64],
  activation = "tanh",
  deviation = 1,
}: PolicyNetworkOptions) {
  const { outputs, hasDeviations } = actionDistribution(action);
  const [n, means] = [observationSize(observation), hasDeviations ? outputs / 2 : outputs];
  return {
    sizes: [n, ...hidden, means],
    activation,
    outputs,
    initial: (network: Tree): PolicyParameters => ({
      network,
      ...(hasDeviations ? { logStd: tensor(new Float32Array(means).fill(Math.log(deviation)), [means]) } : {}),
    }),
    /** Rows of the distribution at observations [..., n], by what makes [rows, means] of [rows, n]. */
    rowsOf: (params: PolicyParameters, x: Tensor, meansOf: (rows: Tensor) => Tensor): Tensor => {
      const found = reshape(meansOf(reshape(x, [x.size / n, n])), [...x.shape.slice(0, -1), means]);
      return params.logStd ? concat([found, broadcastTo(params.logStd, found.shape)], -1) : found;
    },
  };
}
