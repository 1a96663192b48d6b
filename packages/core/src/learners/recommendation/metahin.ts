/** Ratings by what items have in common: contexts along paths from an item by an attribute to known ones. */
import {
  add,
  cast,
  concat,
  div,
  equal,
  GraphError,
  greater,
  leakyRelu,
  leaves,
  mapTree,
  matmul,
  max,
  mul,
  neg,
  range,
  reshape,
  sigmoid,
  sliceAxis,
  softmax,
  stack,
  sub,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
  vmap,
} from "@innerloop/graph";
import type { ApplyContext } from "../../layers/layer.js";
import { linear } from "../../layers/layers.js";
import { type Loss, meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import { split, structureKey } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { innerLoop } from "../gradient/gradient-adaptation.js";
import type { ColumnRange } from "../gradient/mamo.js";
import { requireCount } from "../gradient/mini-batches.js";
import { measured, overPresent } from "../learner.js";
import { meanOfPresent } from "../model-based/model-based-learner.js";
import type { IdentifiedRows, RowLearner } from "./residual-learner.js";

/** Options of `metahin`. */
export interface MetahinOptions {
  /** Numbers of the features of a row. */
  readonly features: number;
  /** Paths: of each attribute of items the columns of ids that have its words. */
  readonly paths: readonly ColumnRange[];
  /** Numbers of one target, 1 by default. */
  readonly outputs?: number;
  /** Mean squared error by default. */
  readonly loss?: Loss;
  /** The inner optimizer, of both adaptations. */
  readonly inner: Optimizer;
  /** Inner steps of each of both in training, 1 by default. */
  readonly steps?: number;
  /** Numbers of a context, and units of each hidden layer: 32 by default. */
  readonly units?: number;
}

/**
 * MetaHIN (Lu, Fang & Shi 2020): the context of an item is what a user has rated that shares an attribute with it, a path for
 * each attribute; both contexts and predictions adapt, path by path.
 *
 *   C_p(i) = known rows other than i that share a word of attribute p with it
 *   x_p(i) = mean over j in C_p(i) of l(W e_j + w), zeros where there is none,  l(h) = max(h, 0.01 h)
 *   r(i) = decision([e_i, x(i)]), of parameters omega
 *
 *   semantic-wise: (W, w)_p = (W, w) - alpha grad L((W, w), omega, x_p; support)                                  for each p
 *   task-wise: omega_p = omega * sigmoid(G mean over support rows of x_p),  omega_p <- omega_p - alpha grad L(omega_p; support)
 *   fusion: a = softmax over p of -L_p(support),  omega_u = sum over p of a_p omega_p,  x = sum over p of a_p x_p
 *
 * e are the features of rows, which do not adapt. The meta-gradient is that of the queries' loss, of second order, by (W, w),
 * omega and G. In the authors' code a path leads through a graph of users, items and what these have, and its context is one
 * mean over all that it leads to, the same for all items of a user; here each item has its own, of what the user has rated.
 * Fusion is by the losses of the support rows, which a new user has; their code takes those of the queries. A task keeps the
 * fused parameters, the shares a, and of each path l(W e_j + w) of the known rows.
 *
 * @throws IL102 where there is no path, one is no range of columns, or sizes are no whole numbers above 0
 * @example metahin({ features: 40, paths: [[1, 2], [2, 8]], inner: sgd({ learningRate: 0.05 }) })
 */
export function metahin(options: MetahinOptions): RowLearner {
  const { features, paths, outputs = 1, loss = meanSquaredError, inner, steps = 1, units = 32 } = options;
  for (const [name, value] of Object.entries({ features, outputs, units })) requireCount("metahin", name, value);
  requirePaths(paths);
  const context = linear({ inputs: features, outputs: units });
  const decision = mlp({ sizes: [features + units, units, units, outputs] });
  const gate = linear({
    inputs: units,
    outputs: leaves(decision.init(structureKey)).reduce((total, { size }) => total + size, 0),
  });
  type Parameters = {
    readonly context: ReturnType<typeof context.init>;
    readonly decision: Tree;
    readonly gate: ReturnType<typeof gate.init>;
  };
  /** l(W e_j + w): [n, units] */
  const encoded = (params: Parameters["context"], rows: Tensor): Tensor => leakyRelu(context.apply(params, rows));
  const told = (params: Tree, rows: Tensor, contexts: Tensor): Tensor =>
    decision.apply(params, concat([rows, contexts], -1));
  const adapted = (params: Parameters, support: Support, count: number, at: ApplyContext): KnownRatings => {
    const { x, present } = support;
    const rows = x.features;
    const n = rows.shape[0]!;
    const place = range(n, "int32");
    const isOther = sub(1, cast(equal(reshape(place, [n, 1]), reshape(place, [1, n])), "float32"));
    const links = linksBetween(paths, x.ids, { ids: x.ids, ...presentOf(support) }, isOther);
    const shared = { inner, order: 2 } as const;
    const lossOf = (prediction: Tensor) => ({ loss: overPresent(loss, prediction, support) });
    const ofPath = (linked: Tensor) => {
      const contextsBy = (own: Parameters["context"]): Tensor => matmul(linked, encoded(own, rows));
      const semantic = {
        ...shared,
        objective: (own: Tree) => lossOf(told(params.decision, rows, contextsBy(own as Parameters["context"]))),
      };
      const own = innerLoop(semantic, params.context, support as Tree as Examples, count, at) as Parameters["context"];
      const contexts = contextsBy(own);
      const summary = reshape(meanOfPresent(contexts, present), [1, units]);
      const start = elementwiseProduct(params.decision, sigmoid(gate.apply(params.gate, summary)));
      const taskWise = { ...shared, objective: (from: Tree) => lossOf(told(from, rows, contexts)) };
      const parameters = innerLoop(taskWise, start, support as Tree as Examples, count, at);
      return { encodings: encoded(own, rows), parameters, loss: lossOf(told(parameters, rows, contexts)).loss };
    };
    const found = vmap(ofPath)(links) as ReturnType<typeof ofPath>;
    const shares = softmax(neg(found.loss));
    return {
      decision: weightedBy(shares, found.parameters),
      shares,
      encodings: found.encodings,
      ids: x.ids,
      ...presentOf(support),
    };
  };
  const predicted = ({ decision: own, shares, encodings, ...known }: KnownRatings, x: IdentifiedRows): Tensor => {
    const contexts = matmul(linksBetween(paths, x.ids, known), encodings);
    return told(own, x.features, weightedBy(shares, contexts) as Tensor);
  };
  return {
    name: "MetaHIN",
    readsIds: true,
    description: { order: 2, steps, inner: inner.description, paths: paths.length, units },
    steps,
    loss,
    init: (key): Parameters => ({
      context: context.init(split(key, "context")),
      decision: decision.init(split(key, "decision")),
      gate: gate.init(split(key, "gate")),
    }),
    metaGradient: (params, { support, query }, key) => {
      const at: ApplyContext = { phase: "train", ...(key ? { key } : {}) };
      const { gradient, auxiliary } = valueAndGrad((from: Tree) => {
        const known = adapted(from as Parameters, support, steps, at);
        const found = measured(loss, predicted(known, query.x), query);
        return [found.loss, found] as const;
      })(params);
      return { ...auxiliary, gradient };
    },
    adapt: (params, support, how = {}) =>
      adapted(params as Parameters, support, how.steps ?? steps, { phase: "predict" }),
    predict: (known, x) => predicted(known as KnownRatings, x),
  };
}

type Support = Examples<IdentifiedRows, Tensor>;

/** The knowledge of a user: fused parameters, and of each path its share and what its contexts are made of. */
type KnownRatings = {
  readonly decision: Tree;
  /** a: [paths] */
  readonly shares: Tensor;
  /** l(W e_j + w) of the known rows by the adapted W and w of each path: [paths, n, units]. */
  readonly encodings: Tensor;
  readonly ids: Tensor;
  readonly present?: Tensor;
};

const presentOf = ({ present }: Pick<Support, "present">) => (present ? { present } : {});

/** Weights of known rows in the contexts of rows, path by path, [paths, m, n]: 1 / |C_p| where they share a word, else 0. */
function linksBetween(
  paths: readonly ColumnRange[],
  ids: Tensor,
  known: Pick<KnownRatings, "ids" | "present">,
  allowed?: Tensor,
): Tensor {
  const n = known.ids.shape[0]!;
  const there = known.present ? reshape(cast(known.present, "float32"), [1, n]) : undefined;
  return stack(
    paths.map((path) => {
      const shared = cast(greater(sharedWords(ids, known.ids, path), 0.5), "float32");
      const others = allowed ? mul(shared, allowed) : shared;
      const links = there ? mul(others, there) : others;
      return div(links, max(sum(links, 1, { keepAxes: true }), 1));
    }),
  );
}

/** How many pairs of slots of a path have the same id, which is not 0: [m, n]. */
function sharedWords(ids: Tensor, known: Tensor, [from, to]: ColumnRange): Tensor {
  const [m, n, slots] = [ids.shape[0]!, known.shape[0]!, to - from];
  const own = reshape(sliceAxis(ids, 1, from, to), [m, slots, 1]);
  const isWord = cast(greater(own, 0), "float32");
  // A known row's slots one after another: all at once they would take slots times the memory.
  return Array.from({ length: slots }, (_, slot) => {
    const theirs = reshape(sliceAxis(known, 1, from + slot, from + slot + 1), [1, 1, n]);
    return sum(mul(cast(equal(own, theirs), "float32"), isWord), 1);
  }).reduce((total, found) => add(total, found));
}

/** sum over p of a_p t[p], of shares [paths] and leaves [paths, ...]. */
function weightedBy<T extends Tree>(shares: Tensor, tree: T): T {
  const row = reshape(shares, [1, -1]);
  return mapTree((leaf) => reshape(matmul(row, reshape(leaf, [leaf.shape[0]!, -1])), leaf.shape.slice(1)), tree);
}

/** Leaves times factors, one for each of all their elements in order: [1, elements]. */
function elementwiseProduct(tree: Tree, factors: Tensor): Tree {
  let at = 0;
  return mapTree((leaf) => {
    const own = sliceAxis(factors, 1, at, at + leaf.size);
    at += leaf.size;
    return mul(leaf, reshape(own, leaf.shape));
  }, tree);
}

/** @throws IL102 */
function requirePaths(paths: readonly ColumnRange[]): void {
  const shown = paths.map(([from, to]) => `${from} to ${to}`).join(", ") || "of none";
  const fits = paths.every(
    ([from, to]) => Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from < to,
  );
  if (fits && paths.length > 0) return;
  const remedy = "Give the columns of ids of one attribute of items at least, as [from, to]";
  throw new GraphError("IL102", "metahin", `paths are columns ${shown}`, remedy);
}
