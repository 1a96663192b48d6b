/**
 * What the metric-based learners have in common: embed the support set, remember something of it, compare queries with
 * it.
 */
import { GraphError, reshape, type Tensor, type Tree, valueAndGrad } from "@innerloop/graph";
import { type ApplyContext, type Layer, type Statistics, type StatisticsByPath, within } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";
import { requireClassTargets } from "../class-membership.js";
import { contextOf } from "../gradient/gradient-adaptation.js";
import { type Learner, measured } from "../learner.js";

/** The part of an adapted task that all metric-based learners have, beside their memory of the support set. */
export type EmbeddedTask = {
  /** The meta-parameters: nothing of them adapts. */
  readonly params: Tree;
  /** Statistics of the support set, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
};

/** The page that a metric-based method writes upon the frame `metricLearner`. */
export interface MetricLearnerOptions<Remembered extends { readonly [name: string]: Tree }, X extends Tree = Tensor> {
  readonly name: string;
  readonly description: Learner["description"];
  /** Classes of a task, at most. */
  readonly classes?: number;
  /** Whether support examples without a label are of use to it. */
  readonly unlabelled?: boolean;
  /** Of what `compare` returns. */
  readonly loss: Loss;
  readonly init: Learner["init"];
  /** The embedding. */
  readonly model: Layer<Tree, X>;
  /** Where in the meta-parameters the model's are; they are the model's own by default. */
  readonly modelPath?: string | undefined;
  /**
   * Whether embeddings keep their shape, [n, height, width, channels]; by default they are flattened to [n, features].
   */
  readonly maps?: boolean;
  readonly remember: (params: Tree, embedded: Tensor, support: Examples<X>, context: ApplyContext) => Remembered;
  /** Predictions for embedded queries. */
  readonly compare: (task: Remembered & EmbeddedTask, embedded: Tensor, context: ApplyContext) => Tensor;
  /** What training makes small, where it is not the loss of the predictions. */
  readonly trainingLoss?: (task: Remembered & EmbeddedTask, embedded: Tensor, query: Examples<X>) => Tensor;
}

/** A learner whose adaptation is one pass over the support set, and whose meta-gradient is that of the query loss. */
export function metricLearner<Remembered extends { readonly [name: string]: Tree }, X extends Tree = Tensor>(
  options: MetricLearnerOptions<Remembered, X>,
): Learner<Tree, Remembered & EmbeddedTask, X> {
  const { name, description, classes, unlabelled, loss, init, model, modelPath, maps = false } = options;
  const { remember, compare, trainingLoss } = options;
  const embed = (params: Tree, { x, present }: Omit<Examples<X>, "y">, context: ApplyContext): Tensor => {
    const own = modelPath === undefined ? params : (params as { readonly [path: string]: Tree })[modelPath]!;
    const inner = modelPath === undefined ? context : within(context, modelPath);
    const output = model.apply(own, x, present ? { ...inner, present } : inner);
    return maps ? output : reshape(output, [rowsOf(x), -1]);
  };
  const adapted = (params: Tree, support: Examples<X>, context: ApplyContext): Remembered & EmbeddedTask => {
    if (classes !== undefined) requireClassTargets(name, support);
    const { statistics, recording } = recordingContext({ ...context, pass: "support" });
    const embedded = embed(params, support, recording);
    return { params, ...remember(params, embedded, support, contextOf(recording, support)), statistics };
  };
  const answered = (task: Remembered & EmbeddedTask, query: Omit<Examples<X>, "y">, context: ApplyContext) => {
    const { statistics, recording } = recordingContext({ ...context, pass: "query", given: task.statistics });
    const embedded = embed(task.params, query, recording);
    const { present } = query;
    return { embedded, output: compare(task, embedded, present ? { ...recording, present } : recording), statistics };
  };
  return {
    name,
    description: { ...description, ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}) },
    loss,
    ...(classes === undefined ? {} : { classes }),
    ...(unlabelled ? { unlabelled } : {}),
    init,
    metaGradient: (params, { support, query }, key) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const task = adapted(at, support, context);
        const { embedded, output, statistics } = answered(task, query, context);
        const { loss: queryLoss, metrics } = measured(loss, output, query);
        return [trainingLoss ? trainingLoss(task, embedded, query) : queryLoss, { metrics, statistics }] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
    adapt: (params, support) => adapted(params, support, { phase: "predict" }),
    predict: (task, x, present) => answered(task, present ? { x, present } : { x }, { phase: "predict" }).output,
  };
}

/** @internal A context whose layers' statistics are kept, by path. */
export function recordingContext(context: ApplyContext): { statistics: StatisticsByPath; recording: ApplyContext } {
  const statistics: { [path: string]: Statistics } = {};
  const record = (path: string, found: Statistics): void => {
    statistics[path] = found;
  };
  return { statistics, recording: { ...context, record } };
}

/**
 * The shape of one output of an embedding, for learners whose own parameters depend on it.
 *
 * @throws IL102 where the model does not say
 */
export function requireOutputShape(learner: string, model: Pick<Layer, "outputShape">): readonly number[] {
  if (model.outputShape) return model.outputShape;
  throw new GraphError(
    "IL102",
    learner,
    "the model does not say what shape its outputs have",
    "Add it, for one example: { ...model, outputShape: [features] }; convEmbedding, convMaps and mlp have it",
  );
}
