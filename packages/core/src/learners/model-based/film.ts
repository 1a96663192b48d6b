import {
  add,
  broadcastTo,
  concat,
  matmul,
  mul,
  relu,
  sliceAxis,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import { constantInit } from "../../layers/initialization.js";
import { linear, sequential, tanh } from "../../layers/layers.js";
import { mlp } from "../../networks/models.js";
import { split } from "../../random/random.js";
import { classMeans } from "../class-membership.js";
import type { Learner } from "../learner.js";
import {
  type ModelBasedOptions,
  meanOfPresent,
  modelBasedLearner,
  type ReadTask,
  requireWhole,
  taskFormOf,
} from "./model-based-learner.js";

/** Options of `filmNetwork`. */
export interface FilmNetworkOptions extends ModelBasedOptions {
  /** Units of each modulated layer. [64, 64] by default. */
  readonly hidden?: readonly number[];
  /** Numbers that the task encoder describes a task by. 64 by default. */
  readonly taskFeatures?: number;
}

/**
 * A network that is conditioned on its task by feature-wise linear modulation (FiLM, Perez et al. 2018), as in CNAPs
 * (Requeima et al. 2019): a task encoder reads the support set and sets a scale and a shift for each unit of each
 * layer; nothing adapts by gradients.
 *
 *   z = mean over support rows of encoder(f(x_i))   (regression: encoder(f(x_i), y_i))
 *   (a_l, b_l) = generator_l(z),  h_0 = f(x),  h_l = relu((1 + a_l) (W_l h_{l-1} + c_l) + b_l)
 *   regression: a linear head on h_L;  classification: logit_k = 2 h_L . m_k - |m_k|^2, m_k the class's mean of h_L
 *
 * The generators' last layers are zeros at first, so that training starts from the network without modulation. The
 * head of a class follows from its mean as in prototypical networks: CNAPs makes it by a further network. CNAPs
 * modulates the blocks of a frozen ResNet; here f is trained and not modulated, and the layers upon it are.
 *
 * @throws IL102 where options are out of range
 * @example filmNetwork({ features: 1, outputs: 1, hidden: [64, 64, 64] })
 */
export function filmNetwork(options: FilmNetworkOptions): Learner<Tree, ReadTask> {
  const { hidden = [64, 64], taskFeatures = 64 } = options;
  const form = taskFormOf("filmNetwork", options);
  requireWhole("filmNetwork", "taskFeatures", taskFeatures);
  requireWhole("filmNetwork", "the number of hidden layers", hidden.length);
  for (const units of hidden) requireWhole("filmNetwork", "units of a hidden layer", units);
  const { features, targets } = form;
  const regression = form.kind === "regression";
  const encoder = mlp({ sizes: [features + (regression ? targets : 0), taskFeatures, taskFeatures] });
  const layers = hidden.map((outputs, i) => linear({ inputs: hidden[i - 1] ?? features, outputs }));
  const generators = hidden.map((units) =>
    sequential([
      linear({ inputs: taskFeatures, outputs: taskFeatures }),
      tanh(),
      linear({ inputs: taskFeatures, outputs: 2 * units, weightInit: constantInit(0) }),
    ]),
  );
  const head = linear({ inputs: hidden.at(-1)!, outputs: targets });
  type Network = {
    readonly encoder: Tree;
    readonly layers: readonly ReturnType<(typeof layers)[number]["init"]>[];
    readonly generators: readonly ReturnType<(typeof generators)[number]["init"]>[];
    readonly head?: ReturnType<typeof head.init>;
  };
  /** For each layer [1, 2 units]: scales less 1, then shifts. */
  type Modulations = readonly Tensor[];
  type Memory = { readonly modulations: Modulations; readonly means?: Tensor };
  const modulated = (at: Network, modulations: Modulations, x: Tensor): Tensor =>
    layers.reduce((rows, layer, i) => {
      const units = hidden[i]!;
      const modulation = modulations[i]!;
      const scale = add(sliceAxis(modulation, -1, 0, units), 1);
      return relu(add(mul(layer.apply(at.layers[i]!, rows), scale), sliceAxis(modulation, -1, units, 2 * units)));
    }, x);
  return modelBasedLearner({
    name: "FiLM network",
    description: { hidden: hidden.join(", "), taskFeatures },
    form,
    init: (key): Network => ({
      encoder: encoder.init(split(key, "encoder")),
      layers: layers.map((layer, i) => layer.init(split(split(key, "layers"), String(i)))),
      generators: generators.map((layer, i) => layer.init(split(split(key, "generators"), String(i)))),
      ...(regression ? { head: head.init(split(key, "head")) } : {}),
    }),
    read: (network, { features: x, targets: y, present }): Memory => {
      const at = network as Network;
      const rows = encoder.apply(at.encoder, regression ? concat([x, y], -1) : x);
      const task = broadcastTo(meanOfPresent(rows, present), [1, taskFeatures]);
      const modulations = generators.map((generator, i) => generator.apply(at.generators[i]!, task));
      return { modulations, ...(regression ? {} : { means: classMeans(modulated(at, modulations, x), y) }) };
    },
    answer: (network, memory, x) => {
      const at = network as Network;
      const { modulations, means } = memory as Memory;
      const last = modulated(at, modulations, x);
      if (!means) return head.apply(at.head!, last);
      return sub(mul(matmul(last, swapLast(means)), 2), sum(mul(means, means), -1));
    },
  });
}
