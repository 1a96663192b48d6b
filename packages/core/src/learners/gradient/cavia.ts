import {
  add,
  broadcastTo,
  concat,
  GraphError,
  leaves,
  matmul,
  reshape,
  sliceAxis,
  type Tensor,
  type Tree,
  tensor,
  zeros,
} from "@innerloop/graph";
import { glorotUniform, normalInit } from "../../layers/initialization.js";
import { type ApplyContext, type BatchNormMode, type Layer, pointsWithin, within } from "../../layers/layer.js";
import { linear } from "../../layers/layers.js";
import type { Loss } from "../../losses/losses.js";
import { type ConvNetOptions, convEmbedding, convNet, type MlpOptions, mlp } from "../../networks/models.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import {
  type AdaptedModel,
  type InnerLoop,
  laterSteps,
  requireLaterShare,
  requireSharedNorm,
} from "./gradient-adaptation.js";
import { gradientLearner } from "./gradient-learner.js";
import { miniBatch } from "./mini-batches.js";
import { supervised } from "./objective.js";

/** A network with one input more: a context vector [contextSize], the same for all examples of a task. */
export interface ContextLayer {
  readonly contextSize: number;
  /** Where its batch normalisation takes statistics from, where it has any. */
  readonly batchNorm?: BatchNormMode;
  /** Further options that figures depend on: where the context comes in. */
  readonly description?: Learner["description"];
  /** The network's parameters. */
  init(key: Key): Tree;
  /** x is [examples, ...]. */
  apply(params: Tree, context: Tensor, x: Tensor, applyContext?: ApplyContext): Tensor;
}

/** Options of `cavia`. */
export interface CaviaOptions<Y extends Tree = Tensor> {
  readonly model: ContextLayer;
  readonly loss: Loss<Tensor, Y>;
  /** The inner optimizer. The published code takes rates of 1 for sinusoids and mini-ImageNet: sgd({ learningRate: 1 }). */
  readonly inner: Optimizer;
  /** Inner steps in training, 1 by default; the paper takes 2 for images. */
  readonly steps?: number;
  /** 2 (default) differentiates through the inner gradients; 1 holds them constant. */
  readonly order?: 1 | 2;
  /** Rows of the support set that an inner step sees; all of them by default. */
  readonly minibatch?: { readonly size: number };
  /** The share that steps beyond those of training have of their length; 1 by default. */
  readonly laterShare?: number;
}

/**
 * CAVIA, fast context adaptation via meta-learning (Zintgraf, Shiarlis, Kurin, Hofmann & Whiteson 2019): the network
 * theta is shared by all tasks, and only a context vector phi, an input of it, adapts.
 *
 *   phi_0 = 0,  phi_{k+1} = phi_k - alpha grad_phi L(phi_k, theta; support),  k < K
 *   meta-gradient = grad_theta L(phi_K, theta; query)
 *
 * The meta-parameters are the network's own. An adapted model is { network, context }: what a task needs is its
 * context.
 *
 * @example
 * const model = contextualMlp({ sizes: [1, 40, 40, 1], contextSize: 5 });
 * const learner = cavia({ model, loss: meanSquaredError, inner: sgd({ learningRate: 1 }) });
 */
export function cavia<Y extends Tree = Tensor>(
  options: CaviaOptions<Y>,
): Learner<Tree, AdaptedModel, Tensor, Y, Tensor> {
  const { model, loss, inner, steps = 1, order = 2, minibatch, laterShare } = options;
  requireContextSize("cavia", model.contextSize);
  requireLaterShare("cavia", laterShare);
  const problem = supervised<Tensor, Y, Tensor>(withContext(model), loss);
  const { inner: objective, traits } = problem;
  const loop: InnerLoop<Examples<Tensor, Y>> = {
    objective,
    traits,
    inner,
    order,
    adapts: (path) => path === "context",
    ...(minibatch ? { minibatch: (support, step) => miniBatch(support, step, minibatch.size) } : {}),
    ...laterSteps(steps, laterShare),
  };
  const learner = gradientLearner({
    name: "CAVIA",
    description: {
      order,
      steps,
      inner: inner.description,
      contextSize: model.contextSize,
      ...(minibatch ? { minibatch: minibatch.size } : {}),
      ...(laterShare === undefined ? {} : { laterShare }),
      ...model.description,
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    problem,
    steps,
    init: model.init,
    loopFor: (network) => {
      const dtype = leaves(network)[0]?.dtype ?? "float32";
      return { loop, params: { network, context: zeros([model.contextSize], dtype) } };
    },
  });
  return { ...learner, loss };
}

type WithContext = { readonly network: Tree; readonly context: Tensor };

/** A network with its context among its parameters: { network, context }, the context zeros at first. */
export function withContext(model: ContextLayer): Layer<WithContext> {
  return {
    ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    init: (key) => ({ network: model.init(key), context: tensor(new Float32Array(model.contextSize)) }),
    apply: ({ network, context }, x, applyContext) => model.apply(network, context, x, applyContext),
  };
}

/** Options of `contextualMlp`. */
export interface ContextualMlpOptions extends Omit<MlpOptions, "batchNormSteps"> {
  readonly contextSize: number;
}

/** `mlp` whose inputs are those of the examples and the context: sizes[0] is the size of an example alone. */
export function contextualMlp(options: ContextualMlpOptions): ContextLayer {
  const { contextSize, sizes } = options;
  requireContextSize("contextualMlp", contextSize);
  const [inputs = 0, ...others] = sizes;
  const network = mlp({ ...options, sizes: sizes.length > 0 ? [inputs + contextSize, ...others] : sizes });
  requireSharedNorm("contextualMlp", network);
  return {
    contextSize,
    ...(options.batchNorm ? { batchNorm: options.batchNorm } : {}),
    init: network.init,
    apply: (params, context, x, applyContext) => {
      const examples = reshape(x, [x.shape[0]!, inputs]);
      return network.apply(params, withColumns(examples, context), applyContext);
    },
  };
}

/** Options of `contextualConvNet`. */
export interface ContextualConvNetOptions extends Omit<ConvNetOptions, "batchNormSteps"> {
  readonly contextSize: number;
  /**
   * Where the context comes in: a block, counted from 1, whose output it modulates (3 by default, as in the published code
   * for mini-ImageNet), or "features", beside which the head sees it.
   */
  readonly contextIn?: number | "features";
}

/** Options of `modulatedByContext`. */
export interface ModulatedByContextOptions {
  readonly contextSize: number;
  /** The place that the context modulates: one of the network's `modulationPoints`, counted from 1. */
  readonly point: number;
}

/**
 * A network whose features a context modulates, feature by feature (FiLM, Perez et al. 2018):
 *
 *   h <- gamma h + beta,  (gamma - 1, beta) = phi W
 *
 * at one of the places that the network names, which are its batch normalisations in `convNet`, `mlp` and all that
 * `sequential` puts together. A context of 0 leaves the network as it is. Parameters are { network, film } with W
 * [contextSize, 2 channels].
 *
 * @throws IL102 where the network has no such place, or the context no size
 * @example modulatedByContext(mlp({ sizes: [1, 40, 40, 1], batchNorm: "support" }), { contextSize: 5, point: 2 })
 */
export function modulatedByContext(network: Layer, options: ModulatedByContextOptions): ContextLayer {
  const { contextSize, point } = options;
  requireContextSize("modulatedByContext", contextSize);
  requireSharedNorm("modulatedByContext", network);
  const places = pointsWithin(network, "network");
  const place = places[point - 1];
  if (!place) {
    const remedy =
      places.length > 0 ? `Use 1 to ${places.length}` : "Give it batch normalisation, or modulationPoints of its own";
    throw new GraphError("IL102", "modulatedByContext", `point ${point} of ${places.length}`, remedy);
  }
  const { channels } = place;
  return {
    contextSize,
    ...(network.batchNorm ? { batchNorm: network.batchNorm } : {}),
    init: (key) => ({
      network: network.init(split(key, "network")),
      film: glorotUniform([contextSize, 2 * channels], { in: contextSize, out: 2 * channels }, split(key, "film")),
    }),
    apply: (params, context, x, applyContext) => {
      const own = params as { readonly network: Tree; readonly film: Tensor };
      const both = reshape(matmul(reshape(context, [1, contextSize]), own.film), [2 * channels]);
      const gamma = add(sliceAxis(both, 0, 0, channels), 1);
      const beta = sliceAxis(both, 0, channels, 2 * channels);
      const at = within(applyContext, place.path).path!;
      const modulation = { ...applyContext?.modulation, [at]: { gamma, beta } };
      return network.apply(own.network, x, { ...within(applyContext, "network"), modulation });
    },
  };
}

/**
 * `convNet` with a context: `modulatedByContext` in a block, between batch normalisation and relu, with one factor and
 * one term for each channel; the published FiLM layer has a bias in place of the 1, and comes after the pooling. Beside
 * the "features", parameters are { embedding, head }.
 *
 * @throws IL102 for a block that is not there
 * @example contextualConvNet({ imageShape: [84, 84, 3], ways: 5, filters: 32, downsampling: "pool", contextSize: 100 })
 */
export function contextualConvNet(options: ContextualConvNetOptions): ContextLayer {
  const { contextSize, contextIn = 3, blocks = 4, ways } = options;
  requireContextSize("contextualConvNet", contextSize);
  requireSharedNorm("contextualConvNet", options as ConvNetOptions);
  const common = { batchNorm: options.batchNorm ?? "transductive", description: { contextIn } };
  if (contextIn === "features") {
    const embedding = convEmbedding(options);
    const [features] = embedding.outputShape as readonly [number];
    const head = linear({ inputs: features + contextSize, outputs: ways, weightInit: normalInit(0.01) });
    return {
      ...common,
      contextSize,
      init: (key) => ({ embedding: embedding.init(split(key, "embedding")), head: head.init(split(key, "head")) }),
      apply: (params, context, x, applyContext) => {
        const own = params as { readonly embedding: Tree; readonly head: ReturnType<typeof head.init> };
        const seen = embedding.apply(own.embedding, x, within(applyContext, "embedding"));
        return head.apply(own.head, withColumns(seen, context));
      },
    };
  }
  if (!Number.isInteger(contextIn) || contextIn < 1 || contextIn > blocks) {
    const remedy = `Use 1 to ${blocks}, or "features"`;
    throw new GraphError("IL102", "contextualConvNet", `contextIn ${contextIn} of ${blocks} blocks`, remedy);
  }
  return { ...modulatedByContext(convNet(options), { contextSize, point: contextIn }), ...common };
}

/** Rows [n, d] with a context [c] behind each: [n, d + c]. */
const withColumns = (rows: Tensor, context: Tensor): Tensor =>
  concat([rows, broadcastTo(context, [rows.shape[0]!, context.size])], 1);

function requireContextSize(operation: string, contextSize: number): void {
  if (Number.isSafeInteger(contextSize) && contextSize >= 1) return;
  throw new GraphError("IL102", operation, `contextSize ${contextSize}`, "Use a whole number, 1 or more");
}
