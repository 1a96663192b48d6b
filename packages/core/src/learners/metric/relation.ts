import {
  add,
  cast,
  conv2d,
  GraphError,
  greater,
  matmul,
  max,
  mul,
  oneHot,
  ones,
  reshape,
  sigmoid,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type Tree,
  zeros,
} from "@innerloop/graph";
import { type ApplyContext, type BatchNormMode, type Layer, within } from "../../layers/layer.js";
import {
  batchNorm,
  conv2d as convolution,
  flatten,
  type LinearParameters,
  linear,
  maxPool,
  relu,
  sequential,
} from "../../layers/layers.js";
import { accuracy, crossEntropy, type Loss } from "../../losses/losses.js";
import { meanOverRows } from "../../losses/metric.js";
import { type Key, split } from "../../random/random.js";
import { classSums, meanOverClasses, memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import type { Learner } from "../learner.js";
import { type EmbeddedTask, metricLearner, requireOutputShape } from "./metric-learner.js";

/** Options of `relationNetwork`. */
export interface RelationNetworkOptions<X extends Tree = Tensor> {
  /** The embedding, which says its `outputShape`: [height, width, channels], as `convMaps`, or [features]. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has gets no score. */
  readonly ways: number;
  /**
   * "meanSquaredError" (default) of the scores against 1 and 0, as in the paper, or "crossEntropy" over the classes.
   */
  readonly loss?: "meanSquaredError" | "crossEntropy";
  /**
   * Units of the module's hidden fully connected layer: 8 by default for maps, as in the paper; for vectors `features`.
   */
  readonly hidden?: number;
  /** Channels of the module's two convolutions; those of the maps by default. */
  readonly filters?: number;
}

/** The class representations of one task, with what embeds and compares its queries. */
export type RelatedClasses = EmbeddedTask & {
  /** Sums of the support embeddings of each class: [ways, height, width, channels] or [ways, features]. */
  readonly sums: Tensor;
  /** Support examples of each class: [ways]. */
  readonly counts: Tensor;
  /** [ways], but while training on whole tasks, which have all classes: 1 for classes without support examples. */
  readonly absent?: Tensor;
};

/**
 * mean of (score - 1)^2 for the class of each row and score^2 for the others: scores [n, ways] in (0, 1), y int32 [n].
 * A class without support examples has a score of 0, and is not among the others.
 */
const meanSquaredScoreError: Loss = Object.assign(
  meanOverRows((scores, y) => {
    const own = oneHot(y, scores.shape[1]!, scores.dtype);
    const error = sub(scores, own);
    return meanOverClasses(mul(error, error), max(own, cast(greater(scores, 0), scores.dtype)));
  }),
  { metrics: [accuracy] },
);

/**
 * Relation networks (Sung et al. 2018): a module g learns how alike a query and a class are, beside the embedding f.
 *
 *   r_k(x) = sigmoid(g([sum of f(s) over the support examples s of class k, f(x)]))
 *   loss = mean of (r_k(x) - 1{y = k})^2
 *
 * For maps [height, width, channels] the two are joined by channel, and g is two blocks of 3 x 3 convolution, batch
 * normalisation, relu and 2 x 2 max pooling (where the map is at least 2 x 2), then two fully connected layers. For
 * vectors [features] it is the two fully connected layers. Predictions are the scores r, [n, ways]; with the
 * cross-entropy they are what the sigmoid is taken of. The paper sums over the query set where we take the mean.
 *
 * Each of the ways x queries pairs goes through g, as one batch. The first layer of g is linear in [a, b], so it is
 * applied to the classes and to the queries one by one, and the results are added for each pair.
 *
 * Batch normalisation in g is of the embedding's mode; a mode of "support" takes statistics of pairs of support
 * examples with classes. Parameters are `{ model, relation }`.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, or the model does not say its `outputShape`
 * @example relationNetwork({ model: convMaps({ imageShape: [28, 28, 1] }), ways: 5 })
 */
export function relationNetwork<X extends Tree = Tensor>(
  options: RelationNetworkOptions<X>,
): Learner<Tree, RelatedClasses, X> {
  const { model, ways, loss = "meanSquaredError" } = options;
  requireWays("relationNetwork", ways);
  const relation = relationModule(options);
  const scored = loss === "meanSquaredError";
  /** @param context with `present`, of the rows of `embedded`, where some are padding */
  const related = (params: Tree, classes: Classes, embedded: Tensor, context: ApplyContext): Tensor => {
    const raw = relation.apply((params as Parameters).relation, classes, embedded, context);
    const { counts } = classes;
    return scored ? mul(sigmoid(raw), cast(greater(counts, 0.5), raw.dtype)) : withoutEmptyClasses(raw, counts);
  };
  return metricLearner({
    name: "relation network",
    classes: ways,
    description: { loss, ...relation.description },
    loss: scored ? meanSquaredScoreError : crossEntropy,
    init: (key) => ({ model: model.init(key), relation: relation.init(split(key, "relation")) }),
    model,
    modelPath: "model",
    maps: true,
    remember: (params, embedded, support, context) => {
      const members = memberships(support, ways);
      const rows = reshape(embedded, [embedded.shape[0]!, -1]);
      const counts = sum(members, 0);
      const classes: Classes = {
        sums: reshape(classSums(rows, members), [ways, ...embedded.shape.slice(1)]),
        counts,
        ...(support.present || context.phase === "predict" ? { absent: cast(greater(0.5, counts), "float32") } : {}),
      };
      // For the statistics that it records; where no layer records any, nothing of it is computed.
      related(params, classes, embedded, context);
      return classes;
    },
    compare: (task, embedded, context) => related(task.params, task, embedded, context),
  });
}

type Classes = Pick<RelatedClasses, "sums" | "counts" | "absent">;
type Parameters = { readonly relation: { readonly first: LinearParameters; readonly rest: Tree } };

/** g: its first layer on each side by itself, the rest on pairs. */
function relationModule(
  options: Omit<RelationNetworkOptions, "model"> & { readonly model: Pick<Layer, "outputShape" | "batchNorm"> },
) {
  const { model } = options;
  const shape = requireOutputShape("relationNetwork", model);
  const channels = shape.at(-1)!;
  const maps = shape.length === 3;
  if (!maps && shape.length !== 1) {
    const remedy = "Use maps [height, width, channels] or vectors [features]";
    throw new GraphError("IL102", "relationNetwork", `outputs of shape [${shape.join(", ")}]`, remedy);
  }
  const { filters = channels, hidden = maps ? 8 : channels } = options;
  for (const [name, units] of Object.entries({ filters, hidden })) {
    if (!Number.isSafeInteger(units) || units < 1)
      throw new GraphError("IL102", "relationNetwork", `${name} ${units}`, "Use a whole number, 1 or more");
  }
  const first = maps
    ? convolution({ channelsIn: 2 * channels, channelsOut: filters })
    : linear({ inputs: 2 * channels, outputs: hidden });
  const rest = maps
    ? afterFirstConvolution(shape, filters, hidden, model.batchNorm ?? "transductive")
    : sequential([relu(), linear({ inputs: hidden, outputs: 1 })]);
  /** The first layer on one side's part of its input: [n, ...]. */
  const half = (weight: Tensor, x: Tensor, side: 0 | 1): Tensor => {
    const own = sliceAxis(weight, -2, side * channels, (side + 1) * channels);
    return maps ? conv2d(x, own, { padding: 1 }) : matmul(x, own);
  };
  return {
    description: { hidden, ...(maps ? { filters } : {}) },
    init: (key: Key) => ({ first: first.init(split(key, "first")), rest: rest.init(split(key, "rest")) }),
    /** Classes [ways, ...] and queries [n, ...] -> [n, ways], before the sigmoid. */
    apply: (
      params: Parameters["relation"],
      { sums, absent }: Classes,
      embedded: Tensor,
      { present, ...context }: ApplyContext,
    ): Tensor => {
      const [ways, queries] = [sums.shape[0]!, embedded.shape[0]!];
      const classes = half(params.first.weight, sums, 0);
      const others = add(half(params.first.weight, embedded, 1), params.first.bias!);
      const inner = classes.shape.slice(1);
      const pairs = add(reshape(others, [queries, 1, ...inner]), reshape(classes, [1, ways, ...inner]));
      // Statistics are of pairs of a query and a class that are both there.
      const rows = present ?? (absent ? ones([queries]) : undefined);
      const there = rows && mul(reshape(rows, [queries, 1]), sub(1, absent ?? zeros([ways])));
      const scores = rest.apply(params.rest, reshape(pairs, [queries * ways, ...inner]), {
        ...within(within(context, "relation"), "rest"),
        ...(there ? { present: reshape(there, [queries * ways]) } : {}),
      });
      return reshape(scores, [queries, ways]);
    },
  };
}

/** What follows the first convolution of the module for maps. */
function afterFirstConvolution(shape: readonly number[], filters: number, hidden: number, mode: BatchNormMode): Layer {
  let [height, width] = shape as readonly [number, number];
  const block = (): readonly Layer[] => {
    const pools = height >= 2 && width >= 2;
    if (pools) [height, width] = [Math.floor(height / 2), Math.floor(width / 2)];
    return [batchNorm({ channels: filters, mode }), relu(), ...(pools ? [maxPool(2)] : [])] as readonly Layer[];
  };
  const layers = [...block(), convolution({ channelsIn: filters, channelsOut: filters }) as Layer, ...block()];
  return sequential([
    ...layers,
    flatten(),
    linear({ inputs: height * width * filters, outputs: hidden }),
    relu(),
    linear({ inputs: hidden, outputs: 1 }),
  ] as readonly Layer[]);
}
