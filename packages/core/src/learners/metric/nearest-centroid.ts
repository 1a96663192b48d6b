/** SimpleShot: features of an ordinary classifier of all training classes, and the nearest class mean among them. */
import {
  div,
  GraphError,
  max,
  mul,
  neg,
  ones,
  reshape,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import { normalInit } from "../../layers/initialization.js";
import { type Layer, type Statistics, within } from "../../layers/layer.js";
import { type LinearParameters, linear } from "../../layers/layers.js";
import { withTraits } from "../../layers/parameter-roles.js";
import { crossEntropy } from "../../losses/losses.js";
import { split } from "../../random/random.js";
import { rowsOf } from "../../tasks/task-spec.js";
import { classMeans, memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import { recorded } from "../gradient/gradient-adaptation.js";
import { type Adapter, type Learner, measured } from "../learner.js";
import { squaredDistances, unitRows } from "./distances.js";
import { metricLearner, requireOutputShape } from "./metric-learner.js";
import type { Prototypes } from "./prototypical.js";

/**
 * The transform of features before they are compared: nothing, length 1, or the mean of the training classes off and
 * length 1.
 */
export type FeatureTransform = "none" | "l2" | "centred l2";

/** Options of `nearestCentroid`. */
export interface NearestCentroidOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** "centred l2" by default, SimpleShot's best. */
  readonly transform?: FeatureTransform;
}

/**
 * The nearest class mean in the features of an embedding that something else has trained: logits [n, ways] are
 * -|t(f(x)) - c_k|^2, c_k the mean of t(f(s)) over the support examples s of class k.
 *
 *   t(z) = z ("none"),  z / |z| ("l2"),  (z - m) / |z - m| ("centred l2"),  m the mean feature of the training classes
 *
 * Its parameters are those of `classifierPretraining`, of which it uses `{ model, centre: { runningMean: m } }`; but
 * for "centred l2" the embedding's own do as well. With "none" it is a prototypical network.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, or the parameters have no centre and should
 * @example evaluate({ learner: nearestCentroid({ model, ways: 5 }), params: pretrained.params, tasks })
 */
export function nearestCentroid<X extends Tree = Tensor>(
  options: NearestCentroidOptions<X>,
): Adapter<Tree, Prototypes, X> {
  const { model, transform = "centred l2" } = options;
  const isCentred = transform === "centred l2";
  const adapter = centroids({ ...options, transform, ...(isCentred ? { modelPath: "model" } : {}) }, model.init);
  const own = (params: Tree): Tree => (isCentred || !isPretrained(params) ? params : params.model);
  return { ...adapter, adapt: (params, support) => adapter.adapt(own(params), support) };
}

/** Whether these are parameters of `classifierPretraining`, and not those of an embedding by itself. */
const isPretrained = (params: Tree): params is Tree & { readonly model: Tree } =>
  typeof params === "object" && "model" in params && "centre" in params;

type Centre = { readonly runningMean: Tensor };

function centroids<X extends Tree>(
  options: Required<NearestCentroidOptions<X>> & { readonly modelPath?: string },
  init: Learner["init"],
): Adapter<Tree, Prototypes, X> {
  const { model, modelPath, ways, transform } = options;
  requireWays("nearestCentroid", ways);
  const transformed = (params: Tree, features: Tensor): Tensor => {
    if (transform === "none") return features;
    if (transform === "l2") return unitRows(features);
    const { centre } = params as { readonly centre?: Centre };
    if (!centre) {
      const remedy =
        "Give the parameters of classifierPretraining, { model, centre: { runningMean } }, or transform them otherwise";
      throw new GraphError("IL102", "nearestCentroid", "the parameters have no centre", remedy);
    }
    return unitRows(sub(features, centre.runningMean));
  };
  const { metaGradient: _, ...adapter } = metricLearner({
    name: "nearest centroid",
    classes: ways,
    description: { transform },
    loss: crossEntropy,
    init,
    model,
    modelPath,
    remember: (params, features, support) => {
      const members = memberships(support, ways);
      return { prototypes: classMeans(transformed(params, features), members), counts: sum(members, 0) };
    },
    compare: ({ params, prototypes, counts }, features) =>
      withoutEmptyClasses(neg(squaredDistances(transformed(params, features), prototypes)), counts),
  });
  return adapter;
}

/** Options of `classifierPretraining`. */
export interface ClassifierPretrainingOptions<X extends Tree = Tensor> {
  /** The embedding, which says its `outputShape`. */
  readonly model: Layer<Tree, X>;
  /** Classes of the data set that it is trained on: all of them, not those of a task. */
  readonly classes: number;
}

/** Parameters of a classifier of all training classes. */
export type ClassifierParameters = {
  readonly model: Tree;
  readonly head: LinearParameters;
  /** Mean feature over the last batches, as batch normalisation keeps it: a running average of momentum 0.9. */
  readonly centre: { readonly runningMean: Tensor };
};

/** A classifier as it is: it does not adapt. */
export type Classifier = { readonly params: Tree };

/**
 * Plain training of an embedding with a linear head as a classifier of all training classes: gradient = grad of the
 * cross-entropy on the query set, whose labels are those of the whole data set, as tasks of `allClasses` have them. The
 * support set is not looked at, nothing adapts, predictions are logits [n, classes].
 *
 * Parameters are `{ model, head, centre: { runningMean } }`: `model` is for any learner that takes an embedding, all of
 * them for `nearestCentroid`. Outer updates move the centre towards the mean feature of each batch; after the last, it
 * is an average over about the last ten batches (SimpleShot takes the mean over all training examples).
 *
 * @throws IL102 where `classes` is not a whole number of 2 or more, or the model does not say its `outputShape`
 * @example train({ learner: classifierPretraining({ model, classes: 64 }), tasks: allClasses(data, { batch: 256 }) })
 */
export function classifierPretraining<X extends Tree = Tensor>(
  options: ClassifierPretrainingOptions<X>,
): Learner<Tree, Classifier, X> {
  const { model, classes } = options;
  if (!Number.isInteger(classes) || classes < 2)
    throw new GraphError("IL102", "classifierPretraining", `${classes} classes`, "Use 2 or more");
  const features = requireOutputShape("classifierPretraining", model).reduce((a, b) => a * b, 1);
  const head = linear({ inputs: features, outputs: classes, weightInit: normalInit(0.01) });
  const classifier: Layer<Tree, X> = {
    ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    init: (key) => ({
      model: model.init(key),
      head: head.init(split(key, "head")),
      centre: {
        runningMean: withTraits(tensor(new Float32Array(features)), { role: "averaged", statistic: "mean" }),
      },
    }),
    apply: (params, x, context = {}) => {
      const own = params as ClassifierParameters;
      const found = reshape(model.apply(own.model, x, within(context, "model")), [rowsOf(x), features]);
      context.record?.("centre", statisticsOf(found, context.present));
      return head.apply(own.head, found);
    },
  };
  return {
    name: "classifier pre-training",
    // Not `classes`: results state that of the tasks, too.
    description: { trainClasses: classes, ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}) },
    loss: crossEntropy,
    classes,
    init: classifier.init,
    metaGradient: (params, { query }, key) => {
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const { output, statistics } = recorded(classifier, at, query, { phase: "train", ...(key ? { key } : {}) });
        const { loss, metrics } = measured(crossEntropy, output, query);
        return [loss, { metrics, statistics }] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
    adapt: (params) => ({ params }),
    predict: ({ params }, x, present) => classifier.apply(params, x, present ? { present } : {}),
  };
}

/** Mean and variance of the rows that are there. */
function statisticsOf(features: Tensor, present: Tensor = ones([features.shape[0]!])): Statistics {
  const weights = reshape(present, [features.shape[0]!, 1]);
  const average = (x: Tensor): Tensor => div(sum(mul(x, weights), 0), max(sum(present), 1));
  const mean = average(features);
  const centred = sub(features, mean);
  return { mean, variance: average(mul(centred, centred)) };
}

/**
 * SimpleShot (Wang et al. 2019): `classifierPretraining` to train with, `nearestCentroid` in its features to adapt and
 * predict with. No episode is seen in training.
 *
 * Training tasks are batches of all classes, and validation tasks are episodes of others:
 *
 *   train({ learner: simpleShot({ model, classes: base.classes.length, ways: 5 }),
 *           tasks: { train: allClasses(base, { batch: 256 }), validation: episodes(other, { ways: 5, shots: 1, ... })
 * },
 *           metaBatchSize: 1, ... })
 *
 * and `evaluate` takes episodes as for any learner. The paper trains with SGD of momentum 0.9 from a rate of 0.1, and
 * takes the mean feature over all training examples; see `classifierPretraining` for ours.
 *
 * @throws IL102 as `classifierPretraining` and `nearestCentroid`; and where it is to adapt to a batch of `allClasses`
 * @example simpleShot({ model: convEmbedding({ imageShape, batchNorm: "running" }), classes: 64, ways: 5 })
 */
export function simpleShot<X extends Tree = Tensor>(
  options: NearestCentroidOptions<X> & ClassifierPretrainingOptions<X>,
): Learner<Tree, Prototypes, X> {
  const { model, ways, classes, transform = "centred l2" } = options;
  const { init, metaGradient, description } = classifierPretraining({ model, classes });
  const nearest = centroids({ model, modelPath: "model", ways, transform }, init);
  return {
    ...nearest,
    name: "SimpleShot",
    description: { transform, ...description },
    trainClasses: classes,
    metaGradient,
    adapt: (params, support) => {
      if (rowsOf(support.x) === 1) {
        const problem = "a support set of one example, as batches of allClasses have it";
        const remedy = "Give train two sources: { train: allClasses(...), validation: episodes(...) }";
        throw new GraphError("IL102", "simpleShot", problem, remedy);
      }
      return nearest.adapt(params, support);
    },
  };
}
