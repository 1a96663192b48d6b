import {
  add,
  broadcastTo,
  concat,
  div,
  GraphError,
  log,
  matmul,
  mul,
  pow,
  relu,
  reshape,
  sigmoid,
  sliceAxis,
  softplus,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type Tree,
  tanh,
  tensor,
} from "@innerloop/graph";
import { glorotUniform } from "../../layers/initialization.js";
import { linear } from "../../layers/layers.js";
import { withTraits } from "../../layers/parameter-roles.js";
import { gaussianNegativeLogLikelihood } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { type Key, split } from "../../random/random.js";
import { requirePositive } from "../closed-form/linear-head-learner.js";
import type { Learner } from "../learner.js";
import { squaredDistances } from "../metric/distances.js";
import { divergence, latentPath, sampled } from "./latent-path.js";
import {
  type ModelBasedOptions,
  meanOfPresent,
  modelBasedLearner,
  type ReadTask,
  type Rows,
  requireWhole,
  taskFormOf,
} from "./model-based-learner.js";

/** The ways in which a task modulates the layers of a decoder. */
export const modulationNames = ["film", "gating"] as const;

/** Options of `taskAdaptiveProcess`. */
export interface TaskAdaptiveProcessOptions extends Omit<ModelBasedOptions, "ways" | "loss"> {
  /** Units of each hidden layer, and numbers of the latent variable, of a task and of a centroid. 64 by default. */
  readonly hidden?: number;
  /** Hidden layers of each encoder, 2 by default. */
  readonly layers?: number;
  /** Modulated layers of the decoder, 3 by default. */
  readonly decoderLayers?: number;
  /** Centroids that tasks belong to, each by a share: 7 by default. */
  readonly clusters?: number;
  /** Weight of the clustering loss, 0.1 by default. */
  readonly clusterWeight?: number;
  /** Degrees of freedom of the kernel by which tasks belong to centroids, alpha: 1 by default. */
  readonly freedom?: number;
  /** "film" (the default) or "gating": how a task modulates the decoder. */
  readonly modulation?: (typeof modulationNames)[number];
}

/** Smallest standard deviation of a prediction, as in neural processes. */
const leastDeviation = 0.1;

/**
 * Task-adaptive neural process, TaNP (Lin et al. 2021): a neural process whose decoder is modulated by what kind of task it
 * is, which is told by the clusters that the task belongs to.
 *
 *   z ~ q(z | rows), a latent path over encoder h(x, y): `latentPath`
 *   t = mean over support rows of m(x_i, y_i)
 *   c_j = (1 + |t - a_j|^2 / alpha)^(-(alpha + 1) / 2) / sum over j of the same,  o = t + sum over j of c_j a_j
 *   h_0 = [x, z],  h_l = relu(gamma_l * (W_l h_{l-1} + w_l) + beta_l),  (mu, s) = W h_L + w,  sigma = 0.1 + 0.9 softplus(s)
 *   film: gamma_l = tanh(G_l o), beta_l = tanh(B_l o)
 *   gating: with d_l = sigmoid(D_l o), e_l = tanh(E_l o): d_l gamma_l + (1 - d_l) e_l and d_l beta_l + (1 - d_l) e_l instead
 *
 * Training raises the bound of the queries' likelihood, as `neuralProcess({ latent: true })` does, and draws tasks and
 * centroids together (as Xie et al. 2016 do), by
 *
 *   clusterWeight KL(p || c),  p_j = (c_j^2 / f_j) / sum over j of the same,
 *
 * where f_j is the part of all tasks that belong to j, a running average over updates that is kept beside the parameters; in
 * the authors' code it is the sum over the batch, which a task here does not know of. A prediction is [n, 2 outputs], means
 * beside deviations: their code has squared errors, and the distance to a centroid not squared. Formulae are those of the
 * authors' code, under the paper's names: task identity network m, global pool of centroids a_j, adaptive decoder.
 *
 * @throws IL102 where options are out of range
 * @example taskAdaptiveProcess({ features: 1, outputs: 1, clusters: 7 })
 */
export function taskAdaptiveProcess(options: TaskAdaptiveProcessOptions): Learner<Tree, ReadTask> {
  const learner = "taskAdaptiveProcess";
  const { hidden = 64, layers = 2, decoderLayers = 3, clusters = 7, modulation = "film" } = options;
  const { clusterWeight = 0.1, freedom = 1 } = options;
  const form = taskFormOf(learner, { ...options, loss: gaussianNegativeLogLikelihood });
  for (const [name, value] of Object.entries({ hidden, layers, decoderLayers })) requireWhole(learner, name, value);
  requireWhole(learner, "clusters", clusters, 2);
  requirePositive(learner, { freedom });
  if (!(clusterWeight >= 0 && clusterWeight < Number.POSITIVE_INFINITY))
    throw new GraphError("IL102", learner, `clusterWeight is ${clusterWeight}`, "Give a finite number of at least 0");
  const { features, targets } = form;
  const path = latentPath({ features, targets, hidden, layers, width: hidden });
  const between = Array.from({ length: layers }, () => hidden);
  const identity = mlp({ sizes: [features + targets, ...between, hidden] });
  const pool = centroidPool({ clusters, width: hidden, freedom });
  const decoder = modulatedDecoder({
    inputs: features + hidden,
    hidden,
    layers: decoderLayers,
    task: hidden,
    outputs: 2 * targets,
    modulation,
  });
  type Network = {
    readonly latent: Tree;
    readonly identity: Tree;
    readonly pool: CentroidPool;
    readonly decoder: Tree;
  };
  type Memory = { readonly z: Tensor; readonly modulations: Modulations };
  /** t: [1, hidden] */
  const taskOf = (at: Network, { features: x, targets: y, present }: Rows): Tensor =>
    reshape(meanOfPresent(identity.apply(at.identity, concat([x, y], -1)), present), [1, hidden]);
  return modelBasedLearner({
    name: "task-adaptive neural process",
    description: { hidden, layers, decoderLayers, clusters, clusterWeight, freedom, modulation },
    form,
    init: (key): Network => ({
      latent: path.init(split(key, "latent")),
      identity: identity.init(split(key, "identity")),
      pool: pool.init(split(key, "pool")),
      decoder: decoder.init(split(key, "decoder")),
    }),
    read: (network, support): Memory => {
      const at = network as Network;
      const task = taskOf(at, support);
      const kind = add(task, matmul(pool.shares(at.pool, task), at.pool.centroids));
      return { z: path.given(at.latent, support).mean, modulations: decoder.modulations(at.decoder, kind) };
    },
    answer: (network, memory, x) => {
      const { z, modulations } = memory as Memory;
      const inputs = concat([x, broadcastTo(z, [x.shape[0]!, hidden])], -1);
      const output = decoder.apply((network as Network).decoder, inputs, modulations);
      const spread = softplus(sliceAxis(output, -1, targets, 2 * targets));
      return concat([sliceAxis(output, -1, 0, targets), add(mul(spread, 1 - leastDeviation), leastDeviation)], -1);
    },
    inTraining: (network, memory, { support, all }, key) => {
      const at = network as Network;
      const [prior, posterior] = [path.given(at.latent, support), path.given(at.latent, all)];
      const shares = reshape(pool.shares(at.pool, taskOf(at, support)), [clusters]);
      return {
        memory: { ...(memory as Memory), z: sampled(posterior, key) },
        divergence: divergence(posterior, prior),
        penalty: mul(clusteringLoss(shares, at.pool.frequencies), clusterWeight),
        // A task is of cluster j with probability c_j: this is the mean of that, and its variance.
        statistics: { pool: { mean: shares, variance: mul(shares, sub(1, shares)) } },
      };
    },
  });
}

/** Parameters of the pool: centroids [clusters, width], and the part of all tasks that belongs to each, [clusters]. */
type CentroidPool = { readonly centroids: Tensor; readonly frequencies: Tensor };

function centroidPool(sizes: { readonly clusters: number; readonly width: number; readonly freedom: number }) {
  const { clusters, width, freedom } = sizes;
  const even = new Float32Array(clusters).fill(1 / clusters);
  return {
    init: (key: Key): CentroidPool => ({
      centroids: glorotUniform([clusters, width], { in: width, out: clusters }, split(key, "centroids")),
      frequencies: withTraits(tensor(even, [clusters]), { role: "averaged", statistic: "mean" }),
    }),
    /** c: the shares of tasks [n, width] in the clusters, [n, clusters], by Student's t. */
    shares: ({ centroids }: CentroidPool, tasks: Tensor): Tensor => {
      // Rounding may leave the square of a small distance below 0.
      const apart = relu(squaredDistances(tasks, centroids));
      const kernel = pow(add(mul(apart, 1 / freedom), 1), -(freedom + 1) / 2);
      return div(kernel, sum(kernel, -1, { keepAxes: true }));
    },
  };
}

/** KL(p || c), p_j = (c_j^2 / f_j) / sum over j of the same: scalar, of shares and frequencies [clusters]. */
export function clusteringLoss(shares: Tensor, frequencies: Tensor): Tensor {
  const sharpened = div(mul(shares, shares), stopGradient(frequencies));
  const target = div(sharpened, sum(sharpened));
  return sum(mul(target, sub(log(target), log(shares))));
}

/** Scales and shifts of the units of each layer, [1, units]. */
type Modulations = readonly { readonly scale: Tensor; readonly shift: Tensor }[];

function modulatedDecoder(sizes: {
  readonly inputs: number;
  readonly hidden: number;
  readonly layers: number;
  /** Numbers that say what kind of task it is. */
  readonly task: number;
  readonly outputs: number;
  readonly modulation: (typeof modulationNames)[number];
}) {
  const { inputs, hidden, layers: count, task, outputs, modulation } = sizes;
  const layers = Array.from({ length: count }, (_, i) =>
    linear({ inputs: i === 0 ? inputs : hidden, outputs: hidden }),
  );
  const head = linear({ inputs: hidden, outputs });
  // Scales and shifts; where these are gated, the gates and what stands in behind them.
  const generated = { film: 2, gating: 4 }[modulation];
  const generator = linear({ inputs: task, outputs: generated * hidden, bias: false });
  type Parameters = {
    readonly layers: readonly ReturnType<(typeof layers)[number]["init"]>[];
    readonly generators: readonly ReturnType<typeof generator.init>[];
    readonly head: ReturnType<typeof head.init>;
  };
  const partsOf = (numbers: Tensor): readonly Tensor[] =>
    Array.from({ length: generated }, (_, part) => sliceAxis(numbers, -1, part * hidden, (part + 1) * hidden));
  return {
    init: (key: Key): Parameters => ({
      layers: layers.map((layer, i) => layer.init(split(split(key, "layers"), String(i)))),
      generators: layers.map((_, i) => generator.init(split(split(key, "generators"), String(i)))),
      head: head.init(split(key, "head")),
    }),
    modulations: (params: Tree, kind: Tensor): Modulations =>
      (params as Parameters).generators.map((own) => {
        const [scale, shift, gate, instead] = partsOf(generator.apply(own, kind)) as [Tensor, Tensor, Tensor?, Tensor?];
        const plain = { scale: tanh(scale), shift: tanh(shift) };
        if (!gate || !instead) return plain;
        const [open, other] = [sigmoid(gate), tanh(instead)];
        const gated = (x: Tensor): Tensor => add(mul(open, x), mul(sub(1, open), other));
        return { scale: gated(plain.scale), shift: gated(plain.shift) };
      }),
    apply: (params: Tree, x: Tensor, modulations: Modulations): Tensor => {
      const at = params as Parameters;
      const last = layers.reduce((rows, layer, i) => {
        const { scale, shift } = modulations[i]!;
        return relu(add(mul(layer.apply(at.layers[i]!, rows), scale), shift));
      }, x);
      return head.apply(at.head, last);
    },
  };
}
