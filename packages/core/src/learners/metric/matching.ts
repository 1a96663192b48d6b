import {
  add,
  cast,
  concat,
  exp,
  GraphError,
  greater,
  log,
  matmul,
  mul,
  reshape,
  softmax,
  stopGradient,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import { type LstmParameters, type LstmState, lstmCell, lstmOverRows } from "../../layers/lstm.js";
import { crossEntropy } from "../../losses/losses.js";
import { type Key, split } from "../../random/random.js";
import { largestPerClass, memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import type { Learner } from "../learner.js";
import { requireOwnWeights } from "../own-weights.js";
import { cosineSimilarities } from "./distances.js";
import { type EmbeddedTask, metricLearner, requireOutputShape } from "./metric-learner.js";
import { describeTemperature, type Temperature, temperatureScale } from "./temperature.js";

/** Options of `matchingNetwork`. */
export interface MatchingNetworkOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. With full context it says its `outputShape`. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** Embed each example in the context of the support set. False by default. */
  readonly fullContext?: boolean;
  /** Times that a query's embedding looks at the support set, with full context (K); 5 by default. */
  readonly processingSteps?: number;
  /** What similarities are divided by, 1 by default as in the paper. "learned": its logarithm is a meta-parameter. */
  readonly temperature?: Temperature;
}

/** The embedded support set of one task, with what embeds its queries. */
export type MatchedSupport = EmbeddedTask & {
  /** g(x_i): [n, features] */
  readonly embedded: Tensor;
  /** [n, ways]: 1 for the class of an example, 0 for others; padding is of no class. */
  readonly members: Tensor;
  /** Support examples of each class: [ways]. */
  readonly counts: Tensor;
};

/**
 * Matching networks (Vinyals et al. 2016): the label of a query is the mean of the support labels y_i, weighted by an
 * attention over the support set.
 *
 *   p(y | x) = sum_i a(x, x_i) y_i,   a(x, x_i) = softmax_i(cosine(f(x), g(x_i)) / T)
 *
 * Predictions are logits, the log of the sum over a class's examples of exp(cosine / T), whose softmax is p; the loss
 * is
 * -log p of the query's class. Without full context f = g = the model. With it (the
 * paper's appendix) both see the whole support set, by recurrent networks as wide as the features:
 *
 *   g(x_i) = g'(x_i) + the states at i of two LSTMs that read the g'(x_i) forwards and backwards
 *   f(x) = h_K,   h_k = LSTM(f'(x), [h_{k-1}, r_{k-1}], c_{k-1}) + f'(x),   r_k = sum_i softmax_i(h_k . g(x_i)) g(x_i)
 *
 * with f' = g' = the model and h_0 = c_0 = 0. The support set is read in the order of its
 * rows, which tasks of `episodes` group by class, the classes in random order. So with full context the
 * order of the rows counts, without it does not. Parameters are the model's own; with full context `{ model, forwards,
 * backwards, attention }` and with a learned temperature `logTemperature` beside `model`. The paper's T is 1: p is then
 * never far from uniform, since cosines end at 1.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, `processingSteps` not one of 1 or more, the
 * temperature not above 0, or full context is asked of a model without `outputShape` or with more than 2189 features
 * @example matchingNetwork({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 5 })
 */
export function matchingNetwork<X extends Tree = Tensor>(
  options: MatchingNetworkOptions<X>,
): Learner<Tree, MatchedSupport, X> {
  const { model, ways, fullContext = false, processingSteps = 5, temperature = 1 } = options;
  requireWays("matchingNetwork", ways);
  if (!Number.isInteger(processingSteps) || processingSteps < 1) {
    throw new GraphError("IL102", "matchingNetwork", `${processingSteps} processing steps`, "Use 1 or more");
  }
  const context = fullContext ? fullContextOf(model, processingSteps) : undefined;
  const scale = temperatureScale("matchingNetwork", model, temperature);
  return metricLearner({
    name: "matching network",
    classes: ways,
    description: {
      fullContext,
      ...(fullContext ? { processingSteps } : {}),
      ...(temperature === 1 ? {} : { temperature: describeTemperature(temperature) }),
    },
    loss: crossEntropy,
    init: context
      ? (key) => {
          const params = scale.init(key) as { readonly [name: string]: Tree };
          return { ...(scale.modelPath ? params : { model: params }), ...context.init(key) };
        }
      : scale.init,
    model,
    modelPath: context ? "model" : scale.modelPath,
    remember: (params, features, support) => {
      const members = memberships(support, ways);
      const embedded = context
        ? context.embedSupport(params as FullContextParameters, features, support.present)
        : features;
      return { embedded, members, counts: sum(members, 0) };
    },
    compare: ({ params, embedded, members, counts }, features) => {
      const queries = context
        ? context.embedQueries(params as FullContextParameters, features, embedded, sum(members, -1))
        : features;
      const similarities = scale.scaled(params, cosineSimilarities(queries, embedded));
      return withoutEmptyClasses(attentionLogits(similarities, members, counts), counts);
    },
  });
}

/**
 * log of the sum over the examples i of a class of exp(s_i): similarities s [q, n], members [n, ways], examples of each
 * class [ways] -> [q, ways]. Of a class without examples it is 0.
 *
 * What an exponential is taken of is measured from the largest of its class, so that no class is too small to be seen.
 */
function attentionLogits(similarities: Tensor, members: Tensor, counts: Tensor): Tensor {
  const shown = sub(similarities, missingRows(sum(members, -1)));
  const none = cast(greater(0.5, counts), shown.dtype);
  const peaks = mul(stopGradient(largestPerClass(shown, members)), sub(1, none));
  const totals = matmul(exp(sub(shown, matmul(peaks, swapLast(members)))), members);
  return add(log(add(totals, none)), peaks);
}

/** What to take from the scores [q, n] of support examples that are not there: [1, n]. */
const missingRows = (attended: Tensor): Tensor => reshape(mul(sub(1, attended), 1e9), [1, attended.size]);

type FullContextParameters = {
  readonly forwards: LstmParameters;
  readonly backwards: LstmParameters;
  readonly attention: LstmParameters;
};

/** The embeddings g and f of a support set and of queries in its context. */
function fullContextOf(model: Pick<Layer, "outputShape">, processingSteps: number) {
  const features = requireOutputShape("matchingNetwork", model).reduce((a, b) => a * b, 1);
  requireOwnWeights(
    "matchingNetwork",
    28 * features * features,
    `the recurrent networks over embeddings of ${features} features`,
    "Use a narrower embedding, or no full context",
  );
  const reader = lstmCell({ inputs: features, hidden: features });
  const processor = lstmCell({ inputs: 2 * features, hidden: features });
  return {
    init: (key: Key): FullContextParameters => ({
      forwards: reader.init(split(key, "forwards")),
      backwards: reader.init(split(key, "backwards")),
      attention: processor.init(split(key, "attention")),
    }),
    /** g: [n, features] -> [n, features] */
    embedSupport: ({ forwards, backwards }: FullContextParameters, x: Tensor, present: Tensor | undefined): Tensor => {
      const padding = present ? { present } : {};
      const read = add(
        lstmOverRows(reader, forwards, x, padding),
        lstmOverRows(reader, backwards, x, { ...padding, reverse: true }),
      );
      return add(x, read);
    },
    /**
     * f: [q, features] -> [q, features]
     *
     * @param attended [n], 1 for the support examples that are there
     */
    embedQueries: ({ attention }: FullContextParameters, x: Tensor, support: Tensor, attended: Tensor): Tensor => {
      const missing = missingRows(attended);
      const read = (hidden: Tensor): Tensor =>
        matmul(softmax(sub(matmul(hidden, swapLast(support)), missing)), support);
      let state: LstmState = processor.start(x.shape[0]!, x.dtype);
      for (let k = 0; k < processingSteps; k++) {
        const next = processor.step(attention, concat([x, read(state.hidden)], -1), state);
        state = { hidden: add(next.hidden, x), cell: next.cell };
      }
      return state.hidden;
    },
  };
}
