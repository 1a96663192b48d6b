/** What the learners have in common whose adaptation is a network that reads the support set. */
import {
  add,
  concat,
  div,
  formatShape,
  GraphError,
  greater,
  isFloat,
  max,
  mul,
  reshape,
  scalar,
  sizeOf,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
  where,
} from "@innerloop/graph";
import { type ApplyContext, type Layer, type StatisticsByPath, within } from "../../layers/layer.js";
import { flatten } from "../../layers/layers.js";
import { crossEntropy, type Loss, meanSquaredError } from "../../losses/losses.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { memberships, requireClassTargets } from "../class-membership.js";
import { recorded } from "../gradient/gradient-adaptation.js";
import { statisticsBelow } from "../gradient/gradient-learner.js";
import { allExamples } from "../gradient/reptile.js";
import { type Learner, measured, requireOneTensor } from "../learner.js";

/** The options that all of these learners take. A task is classification (`ways`) or regression (`outputs`). */
export interface ModelBasedOptions {
  /** Embedding of inputs: [n, ...] -> [n, ...], flattened to [n, features]. The flattened inputs by default. */
  readonly model?: Layer;
  /** Numbers that the embedding of one input has; by default what `model.outputShape` says. */
  readonly features?: number;
  /** Classification: classes of a task, at most. One that no support example has gets no probability. */
  readonly ways?: number;
  /** Regression: numbers of one target, [n, outputs]. */
  readonly outputs?: number;
  /** Cross-entropy for classification and mean squared error for regression by default. */
  readonly loss?: Loss;
}

/** Options of a model-based learner, checked and complete. */
export interface TaskForm {
  readonly model: Layer;
  readonly features: number;
  readonly kind: "classification" | "regression";
  /** Numbers of one target as networks read it: classes, or those of a regression target. */
  readonly targets: number;
  readonly loss: Loss;
}

/**
 * The form of a model-based learner's tasks: classes, or targets of so many numbers.
 *
 * @throws IL102 where features, ways or outputs are missing, are both there, or are no whole numbers
 */
export function taskFormOf(learner: string, options: ModelBasedOptions): TaskForm {
  const { model = flatten(), ways, outputs } = options;
  const features = options.features ?? (options.model?.outputShape && sizeOf(options.model.outputShape));
  if (features === undefined) {
    const problem = options.model
      ? "the model does not say how many features it makes"
      : "neither a model nor features";
    const remedy = "Give features, or a model with an outputShape: convEmbedding and mlp have it";
    throw new GraphError("IL102", learner, problem, remedy);
  }
  requireWhole(learner, "features", features);
  if ((ways === undefined) === (outputs === undefined)) {
    const problem = ways === undefined ? "neither ways nor outputs" : `both ${ways} ways and ${outputs} outputs`;
    throw new GraphError("IL102", learner, problem, "Give ways for classification, outputs for regression");
  }
  if (ways !== undefined) {
    requireWhole(learner, "ways", ways, 2);
    return { model, features, kind: "classification", targets: ways, loss: options.loss ?? crossEntropy };
  }
  requireWhole(learner, "outputs", outputs!);
  return { model, features, kind: "regression", targets: outputs!, loss: options.loss ?? meanSquaredError };
}

/** @throws IL102 */
export function requireWhole(learner: string, name: string, value: number, least = 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new GraphError("IL102", learner, `${name} is ${value}`, `Use a whole number of at least ${least}`);
}

/** Examples as networks read them. Rows that are padding are zeros. */
export type Rows = {
  /** [n, features] */
  readonly features: Tensor;
  /** [n, targets]: one-hot classes, or the targets themselves. */
  readonly targets: Tensor;
  /** [n], where some rows are padding. */
  readonly present?: Tensor;
};

/** The knowledge of a model-based learner after it has read a support set. */
export type ReadTask = {
  readonly params: Tree;
  /** What the network keeps of the support set. */
  readonly memory: Tree;
  /** Statistics of the support set, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
  /** [ways], for classification: 1 for classes without support examples. */
  readonly absent?: Tensor;
};

/** The sets of a task as training reads them, targets of the queries with them. */
export type RowsOfTask = {
  readonly support: Rows;
  /** Support and query together. */
  readonly all: Rows;
};

/** The terms of training beside the likelihood of queries, and what these are answered from. */
export type InTraining = {
  /** What is read of the task, in place of what the support set alone says. */
  readonly memory: Tree;
  /** Scalar: nats by which this memory is dearer than that of the support set. They are shared by all targets that are scored. */
  readonly divergence: Tensor;
  /** Scalar: added to the objective as it is. */
  readonly penalty?: Tensor;
  /** By paths within the network. */
  readonly statistics?: StatisticsByPath;
};

/** Parameters: those of the embedding, and those of what reads the support set. */
type Parameters = { readonly embedding: Tree; readonly network: Tree };

/**
 * A learner that adapts by reading: memory = read(support), prediction = answer(memory, query). Its meta-gradient is
 * the gradient of the query loss by all parameters; with `inTraining` that of another objective,
 *
 *   loss of answer(memory', query) + divergence / targets scored + penalty,
 *
 * and the loss and figures that are reported are those of the memory of the support set, as at evaluation.
 *
 * @param options.inTraining what training answers from; it is given what `read` has made of the support set
 * @param options.trainsOn "support and query" takes the loss of the support rows' own predictions into the gradient
 */
export function modelBasedLearner(options: {
  readonly name: string;
  readonly description: Learner["description"];
  readonly form: TaskForm;
  readonly init: (key: Key) => Tree;
  readonly read: (network: Tree, support: Rows) => Tree;
  /** Outputs [m, ...] for the features of inputs [m, features]. */
  readonly answer: (network: Tree, memory: Tree, features: Tensor) => Tensor;
  readonly trainsOn?: "query" | "support and query";
  readonly inTraining?: (network: Tree, memory: Tree, rows: RowsOfTask, key?: Tensor) => InTraining;
}): Learner<Tree, ReadTask> {
  const { name, description, form, init, read, answer, trainsOn = "query", inTraining } = options;
  const { model, loss } = form;
  const embedded = (params: Tree, examples: Examples, context: ApplyContext) => {
    requireOneTensor(name, examples.x);
    const { output, statistics } = recorded(model, params, examples, within(context, "embedding"));
    return { features: flatFeatures(name, form, output), statistics };
  };
  const adapted = (params: Tree, support: Examples, context: ApplyContext) => {
    requireTargets(name, form, support);
    const { embedding, network } = params as Parameters;
    const { features, statistics } = embedded(embedding, support, context);
    const rows = rowsOf(form, features, support);
    const memory = read(network, rows);
    const task: ReadTask = { params, memory, statistics, ...absentClasses(form, rows) };
    return { task, rows };
  };
  const output = (task: ReadTask, features: Tensor): Tensor => {
    const answers = answer((task.params as Parameters).network, task.memory, features);
    return task.absent ? sub(answers, mul(task.absent, 1e9)) : answers;
  };
  return {
    name,
    description: { ...description, ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}) },
    loss,
    ...(form.kind === "classification" ? { classes: form.targets } : {}),
    init: (key) => ({ embedding: model.init(split(key, "embedding")), network: init(split(key, "network")) }),
    metaGradient: (params, { support, query }, key) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const { gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const { task, rows } = adapted(at, support, { ...context, pass: "support" });
        const { embedding, network } = at as Parameters;
        const { features, statistics } = embedded(embedding, query, {
          ...context,
          pass: "query",
          given: task.statistics,
        });
        /** The loss of the rows that training scores, and the figures of the queries. */
        const judged = (known: ReadTask) => {
          if (trainsOn === "query") {
            const ofQuery = measured(loss, output(known, features), query);
            return { ofQuery, objective: ofQuery.loss, scored: query };
          }
          const both = output(known, concat([rows.features, features]));
          const own = rows.features.shape[0]!;
          const ofQuery = measured(loss, sliceAxis(both, 0, own, own + features.shape[0]!), query);
          const scored = allExamples(support, query);
          return { ofQuery, objective: measured(loss, both, scored).loss, scored };
        };
        if (!inTraining) {
          const { ofQuery, objective } = judged(task);
          return [objective, { ...ofQuery, statistics }] as const;
        }
        const all = rowsTogether(rows, rowsOf(form, features, query));
        const made = inTraining(network, task.memory, { support: rows, all }, key);
        const { objective: likelihood, scored } = judged({ ...task, memory: made.memory });
        const bound = add(likelihood, div(made.divergence, targetsOf(form, scored)));
        const objective = made.penalty ? add(bound, made.penalty) : bound;
        const ofQuery = measured(loss, output(task, features), query);
        const ofNetwork = statisticsBelow("network", made.statistics ?? {});
        return [objective, { ...ofQuery, objective, statistics: { ...statistics, ...ofNetwork } }] as const;
      })(params);
      return { ...auxiliary, gradient };
    },
    adapt: (params, support) => adapted(params, support, { phase: "predict" }).task,
    predict: (task, x, present) => {
      const examples = { x, y: x, ...(present ? { present } : {}) };
      const { embedding } = task.params as Parameters;
      return output(task, embedded(embedding, examples, { given: task.statistics }).features);
    },
  };
}

/** The number of targets that a loss of these examples is the mean over: of numbers each one, of classes those of rows. */
function targetsOf({ kind, targets }: TaskForm, { y, present }: Pick<Examples, "y" | "present">): Tensor {
  const rows = present ? max(sum(present), 1) : scalar(y.shape[0]!);
  return kind === "regression" ? mul(rows, targets) : rows;
}

/** The rows of two sets as those of one. */
const rowsTogether = (support: Rows, query: Rows): Rows => {
  const { x, y, present } = allExamples(asExamples(support), asExamples(query));
  return { features: x, targets: y, ...(present ? { present } : {}) };
};

const asExamples = ({ features, targets, present }: Rows): Examples => ({
  x: features,
  y: targets,
  ...(present ? { present } : {}),
});

/**
 * What an embedding returns as [n, features].
 *
 * @throws IL202 where that is not as many numbers as the options say
 */
export function flatFeatures(learner: string, form: TaskForm, embedded: Tensor): Tensor {
  const features = reshape(embedded, [embedded.shape[0]!, -1]);
  if (features.shape[1] === form.features) return features;
  const problem = `the embedding of one input has ${features.shape[1]} numbers, not ${form.features}`;
  throw new GraphError("IL202", learner, problem, `Set features to ${features.shape[1]}`);
}

/** @throws IL103 where targets are of the other kind of task; IL202 where they have another size */
export function requireTargets(learner: string, form: TaskForm, { x, y }: Examples): void {
  if (isFloat(y.dtype) !== (form.kind === "regression")) {
    const problem = `targets are ${y.dtype} in a learner for ${form.kind}`;
    throw new GraphError("IL103", learner, problem, "Give ways for int32 classes, outputs for numbers");
  }
  if (form.kind === "classification") {
    requireClassTargets(learner, { x, y });
    return;
  }
  if (y.rank !== 2 || y.shape[0] !== x.shape[0] || y.shape[1] !== form.targets) {
    const problem = `targets ${formatShape(y.shape)} for ${x.shape[0]} inputs and ${form.targets} outputs`;
    throw new GraphError("IL202", learner, problem, `Let targets be [${x.shape[0]}, ${form.targets}]`);
  }
}

function rowsOf(form: TaskForm, features: Tensor, { y, present }: Examples): Rows {
  const numbers = form.kind === "classification" ? memberships({ y }, form.targets) : y;
  if (!present) return { features, targets: numbers };
  const there = greater(reshape(present, [-1, 1]), 0.5);
  return { features: where(there, features, 0), targets: where(there, numbers, 0), present };
}

/**
 * Classes that no support example is of; none are where there is no example at all, or the loss is not over classes.
 */
function absentClasses({ loss }: TaskForm, { targets }: Rows): { readonly absent?: Tensor } {
  if (!loss.overClasses) return {};
  const counts = sum(targets, 0);
  const missing = where(greater(0.5, counts), where(greater(sum(counts), 0.5), 1, 0), 0);
  return { absent: missing };
}

/** Mean of rows [n, ...] that are present: [...]; zeros where none is. */
export function meanOfPresent(x: Tensor, present?: Tensor): Tensor {
  if (!present) return div(sum(x, 0), x.shape[0]!);
  const weights = reshape(present, [x.shape[0]!, ...x.shape.slice(1).map(() => 1)]);
  return div(sum(mul(x, weights), 0), max(sum(present), 1));
}
