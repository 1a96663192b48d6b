import type { Tensor, Tree } from "@innerloop/graph";
import type { Key } from "../random/random.js";

/**
 * The source of batch normalisation's statistics. Results always say which.
 *
 * - "transductive": from the examples at hand, queries included, as in the published MAML tables. A prediction then
 *   depends on the other queries.
 * - "support": predictions use the statistics of the task's support set: they do not depend on other queries.
 * - "running": training uses the statistics of each batch; predictions, and the steps of an adaptation that is not for
 *   training, use averages of them that are kept beside the parameters.
 */
export type BatchNormMode = "transductive" | "support" | "running";

/** Statistics of one batch normalisation: both [channels]. */
export type Statistics = { readonly mean: Tensor; readonly variance: Tensor };

/** Statistics by the path of the layer that they belong to. */
export type StatisticsByPath = { readonly [path: string]: Statistics };

/** A feature-wise linear modulation (FiLM, Perez et al. 2018): h <- gamma h + beta, both [channels]. */
export type Modulation = { readonly gamma: Tensor; readonly beta: Tensor };

/** A place in a network where features may be modulated from outside, by a task's context for example. */
export interface ModulationPoint {
  /** Of the layer that does it, within the network. */
  readonly path: string;
  /** Numbers that its gamma and beta have. */
  readonly channels: number;
}

/**
 * The knowledge that a layer may have beyond its parameters and its input. A model applied without one is applied to
 * predict.
 */
export interface ApplyContext {
  /** "train" while a learner differentiates or adapts, "predict" (the default) otherwise. */
  readonly phase?: "train" | "predict";
  /** Statistics to use instead of those of the input, for layers that want them. */
  readonly given?: StatisticsByPath;
  /** Called by layers that compute statistics of their input. */
  readonly record?: (path: string, statistics: Statistics) => void;
  /** Modulations of features, by the paths of the layers that say they take one. */
  readonly modulation?: { readonly [path: string]: Modulation };
  /** Int32 scalar from which dropout draws; without it nothing is dropped. */
  readonly key?: Tensor;
  /** The application of the model that this is within one adaptation: dropout draws anew for each. */
  readonly pass?: string;
  /**
   * Inner steps taken before this application: 0 in the first step, the number of all steps for queries. An int32 scalar
   * where it is known only when the program runs.
   */
  readonly step?: number | Tensor;
  /** float [examples], where some rows of x are padding: 1 for those that are there. Statistics are of these alone. */
  readonly present?: Tensor;
  /** Where the layer stands in the model: `2/norm`. */
  readonly path?: string;
}

/**
 * A function of parameters and an input, with a way to make its first parameters. Nothing else belongs to it: a layer
 * or model of your own is such an object.
 *
 * @typeParam In its input: a tensor [examples, ...], or a tree of tensors that have a row for each example
 * @typeParam Out its output, the same
 */
export interface Layer<Params extends Tree = Tree, In extends Tree = Tensor, Out extends Tree = Tensor> {
  /**
   * Parameters with values. The same key makes the same values. A leaf may say what it is beside a parameter to train
   * (`withTraits`): an average, a constant. Layers around this one hand it on by handing on what this returns.
   */
  init(key: Key): Params;
  /** x is [examples, ...]. */
  apply(params: Params, x: In, context?: ApplyContext): Out;
  /** Path of the part that makes the prediction from features, where the layer has one: what ANIL adapts. */
  readonly head?: string;
  /** Where its batch normalisation takes statistics from, where it has any: results say so. */
  readonly batchNorm?: BatchNormMode;
  /** Inner steps for which its batch normalisation has parameters and statistics of their own, where it has. */
  readonly batchNormSteps?: number;
  /** Where its features may be modulated, in the order in which they are computed; nowhere unless said. */
  readonly modulationPoints?: readonly ModulationPoint[];
  /** Shape of the output for one example, where the layer knows it: learners need it that add layers of their own. */
  readonly outputShape?: readonly number[];
}

/** Parameters of layers that have none. */
export type NoParameters = Readonly<Record<string, never>>;

/** The context of a layer within another. */
export function within(context: ApplyContext | undefined, name: string): ApplyContext {
  return { ...context, path: context?.path ? `${context.path}/${name}` : name };
}

/** Modulation points of a layer as those of one that holds it under a name. */
export const pointsWithin = (layer: Pick<Layer, "modulationPoints">, name: string): ModulationPoint[] =>
  (layer.modulationPoints ?? []).map(({ path, channels }) => ({ path: path ? `${name}/${path}` : name, channels }));

/** A layer that is a function of its input alone. */
export function functionLayer(f: (x: Tensor) => Tensor): Layer<NoParameters>;
export function functionLayer<In extends Tree, Out extends Tree>(f: (x: In) => Out): Layer<NoParameters, In, Out>;
export function functionLayer<In extends Tree, Out extends Tree>(f: (x: In) => Out): Layer<NoParameters, In, Out> {
  return { init: () => ({}), apply: (_params, x) => f(x) };
}
