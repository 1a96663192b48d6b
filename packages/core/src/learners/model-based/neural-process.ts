import { add, broadcastTo, concat, mul, reshape, sliceAxis, softplus, type Tensor, type Tree } from "@innerloop/graph";
import { type KeysAndValues, multiHeadAttention } from "../../layers/attention.js";
import { gaussianNegativeLogLikelihood, type Loss } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { split } from "../../random/random.js";
import { classMeans } from "../class-membership.js";
import type { Learner } from "../learner.js";
import { divergence, latentPath, sampled } from "./latent-path.js";
import {
  type InTraining,
  type ModelBasedOptions,
  meanOfPresent,
  modelBasedLearner,
  type ReadTask,
  type Rows,
  type RowsOfTask,
  requireWhole,
  taskFormOf,
} from "./model-based-learner.js";

/** Options of `neuralProcess`. */
export interface NeuralProcessOptions extends ModelBasedOptions {
  /** Regression: training raises its `likelihood`, the Gaussian one by default. Cross-entropy for classification by default. */
  readonly loss?: Loss;
  /** Units of each hidden layer, and numbers of a representation. 128 by default. */
  readonly hidden?: number;
  /** Hidden layers of the encoder, and of the decoder. 3 by default. */
  readonly layers?: number;
  /** Queries attend to the support rows, instead of all seeing their mean (Kim et al. 2019). False by default. */
  readonly attention?: boolean;
  /**
   * A latent variable beside what is read of the support rows (Garnelo et al. 2018b): so that all predictions of a task are
   * unsure of it together. False by default.
   */
  readonly latent?: boolean;
  /** Attention heads, 4 by default. */
  readonly heads?: number;
  /**
   * Rows whose likelihood training raises. "query" by default, as in all learners here; the papers score the support
   * rows too.
   */
  readonly trainsOn?: "query" | "support and query";
}

/** Smallest standard deviation of a prediction, as in the papers' code. */
const leastDeviation = 0.1;

/**
 * Conditional neural process (Garnelo et al. 2018): a network that reads the support set as a set, and says how sure it
 * is; nothing adapts by gradients.
 *
 *   r = mean over support rows of encoder(x_i, y_i),  (mu, s) = decoder(r, x),  sigma = 0.1 + 0.9 softplus(s)
 *
 * Regression: `predict` returns [n, 2 outputs], means beside standard deviations, and the loss is
 * `gaussianNegativeLogLikelihood`, whose metrics hold the squared error of the means, or the likelihood of another loss. Classification: representations
 * are averaged class by class and put side by side, r = [r_1, ..., r_ways], and the decoder gives logits (the paper's
 * section 4.3; its encoder does not read the label, which the place in r tells as well).
 *
 * With `attention` the deterministic path of the attentive neural process (Kim et al. 2019): support rows attend to
 * each other, r_i + attention(r), and each query reads them by cross-attention from its x to theirs, in place of the
 * mean.
 *
 * With `latent` the neural process as Kim et al. draw it, with both paths: z ~ q(z | rows) is a further input
 * of the decoder, and training raises the bound of the queries' likelihood (Garnelo et al. 2018b)
 *
 *   log p(y_Q | x_Q, S) >= E_{q(z | S, Q)} [ sum over queries of log p(y_q | x_q, r, z) ] - KL(q(z | S, Q) || q(z | S)),
 *
 * divided by the number of targets, with one sample of z, drawn by the key of the task. Adapted tasks keep the mean of
 * q(z | S), and answer from it; so do the loss and the figures that training reports.
 *
 * @throws IL102 where options are out of range, or heads do not divide hidden
 * @example neuralProcess({ features: 1, outputs: 1, hidden: 128 })
 */
export function neuralProcess(options: NeuralProcessOptions): Learner<Tree, ReadTask> {
  const { hidden = 128, layers = 3, attention = false, latent = false, heads = 4, trainsOn = "query" } = options;
  const name = attention ? "attentive neural process" : latent ? "latent neural process" : "conditional neural process";
  const form = taskFormOf("neuralProcess", options);
  requireWhole("neuralProcess", "hidden", hidden);
  requireWhole("neuralProcess", "layers", layers);
  const { features, targets, kind } = form;
  const regression = kind === "regression";
  const between = Array.from({ length: layers }, () => hidden);
  const encoder = mlp({ sizes: [features + targets, ...between, hidden] });
  const read = attention
    ? attentiveReader({ features, hidden, heads })
    : { init: () => ({}), remember: regression ? meanOfRows : meansOfClasses, recall: repeated };
  const width = attention || regression ? hidden : targets * hidden;
  const path = latent ? latentPath({ features, targets, hidden, layers, width: hidden }) : undefined;
  const decoder = mlp({
    sizes: [width + (path ? hidden : 0) + features, ...between, regression ? 2 * targets : targets],
  });
  type Network = { readonly encoder: Tree; readonly reader: Tree; readonly decoder: Tree; readonly latent?: Tree };
  type WithLatent = { readonly rows: Tree; readonly z: Tensor };
  return modelBasedLearner({
    name,
    description: { hidden, layers, ...(attention ? { heads } : {}), ...(latent ? { latent } : {}), trainsOn },
    form: { ...form, loss: regression ? (form.loss.likelihood ?? gaussianNegativeLogLikelihood) : form.loss },
    init: (key) => ({
      encoder: encoder.init(split(key, "encoder")),
      reader: read.init(split(key, "reader")),
      decoder: decoder.init(split(key, "decoder")),
      ...(path ? { latent: path.init(split(key, "latent")) } : {}),
    }),
    read: (network, support) => {
      const at = network as Network;
      const pairs = encoder.apply(at.encoder, concat([support.features, support.targets], -1));
      const rows = read.remember(at.reader, pairs, support);
      return path ? { rows, z: path.given(at.latent!, support).mean } : rows;
    },
    answer: (network, memory, x) => {
      const at = network as Network;
      const known = path ? (memory as WithLatent).rows : memory;
      const ofTask = path ? [repeated({}, (memory as WithLatent).z, x)] : [];
      const output = decoder.apply(at.decoder, concat([read.recall(at.reader, known, x), ...ofTask, x], -1));
      if (!regression) return output;
      const deviation = add(
        mul(softplus(sliceAxis(output, -1, targets, 2 * targets)), 1 - leastDeviation),
        leastDeviation,
      );
      return concat([sliceAxis(output, -1, 0, targets), deviation], -1);
    },
    trainsOn,
    ...(path
      ? {
          inTraining: (network: Tree, memory: Tree, { support, all }: RowsOfTask, key?: Tensor): InTraining => {
            const { latent: at } = network as Network;
            const [prior, posterior] = [path.given(at!, support), path.given(at!, all)];
            const { rows } = memory as WithLatent;
            return { memory: { rows, z: sampled(posterior, key) }, divergence: divergence(posterior, prior) };
          },
        }
      : {}),
  });
}

/** How the representations of support rows [n, hidden] become one for each query. */
interface Reader {
  init(key: Parameters<typeof split>[0]): Tree;
  remember(params: Tree, pairs: Tensor, support: Rows): Tree;
  /** [m, width] for queries [m, features] */
  recall(params: Tree, memory: Tree, x: Tensor): Tensor;
}

const meanOfRows: Reader["remember"] = (_params, pairs, { present }) => meanOfPresent(pairs, present);

/** Means of the rows of each class, zeros for a class without rows: [ways hidden]. */
const meansOfClasses: Reader["remember"] = (_params, pairs, { targets }) => reshape(classMeans(pairs, targets), [-1]);

const repeated: Reader["recall"] = (_params, memory, x) => {
  const representation = memory as Tensor;
  return broadcastTo(representation, [x.shape[0]!, representation.size]);
};

function attentiveReader(sizes: {
  readonly features: number;
  readonly hidden: number;
  readonly heads: number;
}): Reader {
  const { features, hidden, heads } = sizes;
  const among = multiHeadAttention({ queries: hidden, width: hidden, heads });
  // Keys and queries are both places x, told apart by one network.
  const place = mlp({ sizes: [features, hidden, hidden] });
  const across = multiHeadAttention({ queries: hidden, values: hidden, width: hidden, heads });
  type Network = { readonly among: Tree; readonly place: Tree; readonly across: Tree };
  type Memory = { readonly rows: KeysAndValues; readonly mask?: Tensor };
  return {
    init: (key) => ({
      among: among.init(split(key, "among")),
      place: place.init(split(key, "place")),
      across: across.init(split(key, "across")),
    }),
    remember: (params, pairs, { features: x, present }): Memory => {
      const at = params as Network;
      const mask = present ? { mask: present } : {};
      const related = add(pairs, among.apply(at.among, pairs, among.remembered(at.among, pairs), mask));
      return { rows: across.remembered(at.across, place.apply(at.place, x), related), ...mask };
    },
    recall: (params, memory, x) => {
      const at = params as Network;
      const { rows, mask } = memory as Memory;
      return across.apply(at.across, place.apply(at.place, x), rows, mask ? { mask } : {});
    },
  };
}
